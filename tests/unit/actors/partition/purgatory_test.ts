import { assertEquals } from "@std/assert";
import type { Asker } from "../../../../actors/actor.ts";
import { WaitingFetches, WaitingProduces } from "../../../../actors/partition/purgatory.ts";
import type { AppendReply } from "../../../../actors/partition/protocol.ts";
import { SeededRandom } from "../../../../lib/prng.ts";

const asker = (name: string) => name as Asker<boolean>;
const wait = (key: string, above: number, deadlineMs = 100) =>
  ({ key, above, isolation: "read_uncommitted", deadlineMs }) as const;

Deno.test("a fetch is released when more can be read than it has", () => {
  const waiting = new WaitingFetches();
  waiting.add(wait("a", 10), asker("a"));
  waiting.add(wait("b", 12), asker("b"));
  waiting.add({ ...wait("c", 10), isolation: "read_committed" }, asker("c"));
  assertEquals(waiting.release(() => 10), []);
  assertEquals(waiting.release((isolation) => isolation === "read_committed" ? 10 : 11), ["a"]);
  assertEquals(waiting.release((isolation) => isolation === "read_committed" ? 11 : 12), ["c"]);
  assertEquals(waiting.release(() => 13), ["b"]);
  assertEquals([waiting.size, waiting.nextDeadlineMs], [0, Infinity]);
});

Deno.test("a fetch is taken out by its key, and then neither released nor expired", () => {
  const waiting = new WaitingFetches();
  waiting.add(wait("a", 0), asker("first"));
  assertEquals(waiting.remove("a"), "first");
  assertEquals(waiting.remove("a"), undefined);
  waiting.add(wait("a", 0, 50), asker("second"));
  assertEquals(waiting.nextDeadlineMs, 50);
  assertEquals(waiting.release(() => 1), ["second"]);
  assertEquals(waiting.expire(1_000), []);
});

Deno.test("fetches expire at their deadlines, earliest first", () => {
  const waiting = new WaitingFetches();
  for (const deadline of [30, 10, 20]) waiting.add(wait(`${deadline}`, 0, deadline), asker(`${deadline}`));
  assertEquals(waiting.nextDeadlineMs, 10);
  assertEquals(waiting.expire(9), []);
  assertEquals(waiting.expire(20), ["10", "20"]);
  assertEquals([waiting.nextDeadlineMs, waiting.size], [30, 1]);
});

Deno.test("all fetches can be woken", () => {
  const waiting = new WaitingFetches();
  waiting.add(wait("a", 0), asker("a"));
  waiting.add(wait("b", 0), asker("b"));
  assertEquals(waiting.clear(), ["a", "b"]);
  assertEquals([waiting.size, waiting.nextDeadlineMs], [0, Infinity]);
});

Deno.test("produces are answered in the order in which they came, a duplicate behind those before it", () => {
  const waiting = new WaitingProduces();
  const reply = {} as AppendReply;
  const add = (below: number, name: string) =>
    waiting.add({ below, sinceMs: 0, asker: name as Asker<AppendReply>, reply });
  const taken = (end: number) => {
    const names: string[] = [];
    for (let next = waiting.next(end); next !== undefined; next = waiting.next(end)) names.push(next.asker);
    return names;
  };
  add(5, "a");
  add(9, "b");
  add(5, "a again");
  assertEquals(taken(4), []);
  assertEquals(taken(5), ["a"]);
  assertEquals(taken(8), []);
  assertEquals(taken(9), ["b", "a again"]);
  assertEquals(waiting.size, 0);
});

Deno.test("produces that wait for too much are taken out, the others stay in order", () => {
  const waiting = new WaitingProduces();
  const reply = {} as AppendReply;
  for (const below of [3, 8, 3, 9, 5]) {
    waiting.add({ below, sinceMs: 0, asker: `${below}` as Asker<AppendReply>, reply });
  }
  assertEquals(waiting.takeAbove(5).map(({ below }) => below), [8, 9]);
  assertEquals([waiting.next(9), waiting.next(9), waiting.next(9), waiting.next(9)].map((each) => each?.below), [
    3,
    3,
    5,
    undefined,
  ]);
});

Deno.test("every waiting fetch is answered exactly once, however waits, ends and deadlines mix", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed);
    const waiting = new WaitingFetches();
    const open = new Map<string, { above: number; deadlineMs: number }>();
    let end = 0;
    let nowMs = 0;
    let number = 0;
    for (let step = 0; step < 100; step++) {
      switch (random.below(3)) {
        case 0: {
          const key = `k${random.below(5)}`;
          const before = waiting.remove(key);
          if (before !== undefined) open.delete(before);
          const name = `${key}#${number++}`;
          const each = { above: end + random.below(4), deadlineMs: nowMs + 1 + random.below(20) };
          waiting.add({ key, isolation: "read_uncommitted", ...each }, asker(name));
          open.set(name, each);
          break;
        }
        case 1: {
          end += random.below(3);
          const due = [...open].filter(([, { above }]) => above < end).map(([name]) => name);
          assertEquals(waiting.release(() => end).sort(), due.sort() as Asker<boolean>[]);
          due.forEach((name) => open.delete(name));
          break;
        }
        default: {
          nowMs += random.below(10);
          const due = [...open].filter(([, { deadlineMs }]) => deadlineMs <= nowMs).map(([name]) => name);
          assertEquals(waiting.expire(nowMs).sort(), due.sort() as Asker<boolean>[]);
          due.forEach((name) => open.delete(name));
        }
      }
      assertEquals(waiting.size, open.size);
      const next = Math.min(Infinity, ...[...open.values()].map(({ deadlineMs }) => deadlineMs));
      assertEquals(waiting.nextDeadlineMs, next);
    }
  }
});
