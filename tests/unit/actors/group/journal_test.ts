import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Answer } from "../../../../actors/actor.ts";
import { GroupJournal, LOST_WRITE } from "../../../../actors/group/journal.ts";
import type { Result } from "../../../../lib/env.ts";
import { offset } from "./coordinator_stage.ts";

interface Written {
  readonly request: unknown;
  readonly settle: (answer: Answer<boolean>) => void;
}

const COMMITTED: Answer<boolean> = { ok: true, value: true };

/** A journal, what it wrote, and what became of who waited. */
function open() {
  const writes: Written[] = [];
  const settled: string[] = [];
  const write = (request: unknown, settle: Written["settle"]) => void writes.push({ request, settle });
  const journal = new GroupJournal({ groupId: "g", term: 4, write });
  const wait = (position: number) =>
    journal.whenDurable(position, (result: Result<void>) => {
      settled.push(`${position} ${result.ok ? "durable" : result.error.message}`);
    });
  return { journal, writes, settled, wait };
}

Deno.test("what one turn appends is one write in the group's term; positions count writes", () => {
  const { journal, writes } = open();
  const [first, second] = [[offset("g", "t", 1), offset("g", "u", 1)], [offset("g", "t", 2)]];
  assertEquals([journal.append(first!), journal.append(second!)], [1, 2]);
  assertEquals(writes.map(({ request }) => request), [
    { groupId: "g", term: 4, records: first },
    { groupId: "g", term: 4, records: second },
  ]);
});

Deno.test("it is durable when it is committed, and not before", () => {
  const { journal, writes, settled, wait } = open();
  for (const at of [1, 2, 3]) wait(journal.append([offset("g", "t", at)]));
  assertEquals(settled, []);
  writes[0]!.settle(COMMITTED);
  assertEquals(settled, ["1 durable"]);
  writes[1]!.settle(COMMITTED);
  wait(2);
  assertEquals(settled, ["1 durable", "2 durable", "2 durable"]);
  writes[2]!.settle(COMMITTED);
  assertEquals(settled.at(-1), "3 durable");
});

Deno.test("after a write that is not known to be committed, nothing is durable any more, and nothing can be appended", () => {
  const lost: Answer<boolean>[] = [{ ok: true, value: false }, { ok: false, failure: "crashed" }];
  for (const answer of lost) {
    const { journal, writes, settled, wait } = open();
    for (const at of [1, 2]) wait(journal.append([offset("g", "t", at)]));
    writes[0]!.settle(answer);
    writes[1]!.settle(COMMITTED); // a later one may be: the coordinator says what it knows
    wait(2);
    assertEquals(settled.map((line) => line.slice(0, 1)), ["1", "2", "2"]);
    for (const line of settled) assertMatch(line, new RegExp(`^. ${LOST_WRITE}: its coordinator`));
    assertThrows(() => journal.append([offset("g", "t", 3)]), Error, LOST_WRITE);
    assertEquals(writes.length, 2);
  }
});

Deno.test("a journal that was closed says nothing more", () => {
  const { journal, writes, settled, wait } = open();
  journal.recover();
  wait(journal.append([offset("g", "t", 1)]));
  journal.close();
  writes[0]!.settle({ ok: true, value: false });
  assertEquals(settled, []);
  assert(writes.length === 1);
  assertThrows(() => journal.append([]), Error, "closed");
});
