import { assert, assertEquals } from "@std/assert";
import {
  type Call,
  checkHistory,
  type CheckOptions,
  History,
  type Key,
  type Read,
  type Rule,
} from "../../sim/history.ts";

const KEY = "t-0";

/** Writes histories in few words; the clock ticks with every call, and each operation is over before the next begins. */
class Story {
  readonly history = new History();
  #timeMs = 0;

  /** Process `process` sends one record, acknowledged at `offset`. */
  sent(process: number, value: string, offset: number | null, call: Partial<Call> = {}, key = KEY): this {
    const sends = [{ key, value }];
    this.invoke(process, { f: "send", sends, ...call } as Call).ok(this.#timeMs++, { offsets: [offset] });
    return this;
  }

  /** Process `process` polls records of one key. */
  polled(process: number, read: Read, key = KEY): this {
    this.invoke(process, { f: "poll" }).ok(this.#timeMs++, { reads: { [key]: read } });
    return this;
  }

  did(process: number, call: Call, how: "ok" | "fail" | "info" = "ok"): this {
    this.invoke(process, call)[how](this.#timeMs++);
    return this;
  }

  txn(process: number, sends: readonly (readonly [Key, string, number | null])[], reads: Record<Key, Read> = {}): this {
    const call = { f: "txn", sends: sends.map(([key, value]) => ({ key, value })) } as const;
    this.invoke(process, call).ok(this.#timeMs++, { offsets: sends.map(([, , offset]) => offset), reads });
    return this;
  }

  invoke(process: number, call: Call) {
    return this.history.invoke(process, call, this.#timeMs++);
  }

  /** The rules that it breaks, each once. */
  breaks(options: CheckOptions = { finalPolls: false }): Rule[] {
    return [...new Set(checkHistory(this.history, options).map(({ rule }) => rule))];
  }
}

function story(): Story {
  return new Story();
}

const send = (value: string, more: Partial<Call> = {}, key = KEY): Call =>
  ({ f: "send", sends: [{ key, value }], ...more }) as Call;

Deno.test("a history without a lie breaks no rule", () => {
  const good = story().sent(0, "a", 0).sent(1, "b", 1).did(0, send("lost"), "fail").did(1, send("maybe"), "info")
    .polled(2, [[0, "a"], [1, "b"]]).polled(2, [[3, "maybe"]]).did(2, { f: "crash" }).polled(2, [[0, "a"]]);
  assertEquals(good.breaks({}), []);
});

Deno.test("inconsistent-offsets: one offset has two values", () => {
  assertEquals(story().polled(0, [[0, "a"]]).polled(1, [[0, "b"]]).breaks(), ["inconsistent-offsets"]);
  assertEquals(story().sent(0, "a", 0).polled(1, [[0, "b"]]).breaks()[0], "inconsistent-offsets");
  assertEquals(story().polled(0, [[0, "a"]]).polled(1, [[0, "a"]]).polled(1, [[0, "b"]], "t-1").breaks(), []);
});

Deno.test("inconsistent-offsets: a read counts also in an operation that came to nothing", () => {
  const told = story().polled(0, [[0, "a"]]);
  told.invoke(1, { f: "txn", sends: [] }).fail(9, { reads: { [KEY]: [[0, "b"]] } });
  assertEquals(told.breaks(), ["inconsistent-offsets"]);
});

Deno.test("inconsistent-offsets: an acknowledgement that promises nothing is no witness", () => {
  const replaced = (promise: "none" | "durable") =>
    story().sent(0, "a", 0, { promise }).sent(1, "b", 0).polled(2, [[0, "b"]]).breaks();
  assertEquals(replaced("none"), []);
  assertEquals(replaced("durable")[0], "inconsistent-offsets");
});

Deno.test("duplicate: one value is at two offsets", () => {
  assertEquals(story().polled(0, [[0, "a"], [1, "a"]]).breaks(), ["duplicate"]);
  assertEquals(story().sent(0, "a", 0).polled(1, [[0, "a"], [1, "a"]]).breaks(), ["duplicate"]);
  assertEquals(story().polled(0, [[0, "a"], [1, "b"]]).breaks(), []);
});

Deno.test("duplicate: a producer that is not idempotent may repeat itself", () => {
  const retried = story().sent(0, "a", 1, { idempotent: false }).polled(1, [[0, "a"], [1, "a"]]);
  assertEquals(retried.breaks({}), []);
});

Deno.test("G1a: somebody reads what was refused", () => {
  assertEquals(story().did(0, send("a"), "fail").polled(1, [[0, "a"]]).breaks(), ["G1a"]);
  assertEquals(story().did(0, send("a"), "info").polled(1, [[0, "a"]]).breaks(), []);
});

Deno.test("lost-write: something behind it was read, it never was", () => {
  const lost = () => story().sent(0, "a", 0).sent(0, "b", 1);
  assertEquals(lost().polled(1, [[1, "b"]]).breaks(), ["lost-write"]);
  assertEquals(lost().polled(1, [[0, "a"], [1, "b"]]).breaks(), []);
  assertEquals(lost().polled(1, [[0, "a"]]).breaks(), [], "nobody has come so far yet");
});

Deno.test("lost-write and unseen: nothing is expected of what promised nothing, was deleted, or was in a lossy partition", () => {
  const lost = story().sent(0, "a", 0, { promise: "none" }).sent(0, "b", 1).polled(1, [[1, "b"]]);
  assertEquals(lost.breaks({}), []);
  const deleted = story().sent(0, "a", 0).sent(0, "b", 1).polled(1, [[1, "b"]]);
  assertEquals(deleted.breaks({}), ["lost-write", "unseen"]);
  assertEquals(deleted.breaks({ startOffsets: new Map([[KEY, 1]]) }), []);
  assertEquals(deleted.breaks({ lossyKeys: new Set([KEY]) }), []);
  assertEquals(deleted.breaks({ lossyKeys: new Set(["t-1"]) }), ["lost-write", "unseen"]);
});

Deno.test("lost-write: a part of a transaction was read, so that the rest of it must be there", () => {
  const torn = story();
  const sends = [{ key: KEY, value: "a" }, { key: KEY, value: "b" }, { key: KEY, value: "c" }];
  torn.invoke(0, { f: "txn", sends }).info(1, { offsets: [0, 1, 2] });
  assertEquals(torn.polled(1, [[0, "a"]]).polled(1, [[2, "c"]]).breaks(), ["lost-write", "poll-skip"]);
  const single = story();
  single.invoke(0, { f: "send", sends }).info(1, { offsets: [0, 1, 2] });
  assertEquals(single.polled(1, [[0, "a"]]).polled(1, [[2, "c"]]).breaks(), [], "single sends live and die alone");
});

Deno.test("unseen: acknowledged, and not there when everything was read at the end", () => {
  const unseen = story().sent(0, "a", 0).sent(0, "b", 1).polled(1, [[0, "a"]]);
  assertEquals(unseen.breaks({}), ["unseen"]);
  assertEquals(unseen.breaks({ finalPolls: false }), []);
  assertEquals(unseen.polled(1, [[1, "b"]]).breaks({}), []);
  assertEquals(story().did(0, send("a"), "info").breaks({}), [], "nobody was told that it is there");
});

Deno.test("precommitted-read: an operation reads what it is about to write", () => {
  assertEquals(story().txn(0, [[KEY, "a", 0]], { [KEY]: [[0, "a"]] }).breaks(), ["precommitted-read"]);
  assertEquals(story().sent(1, "b", 0).txn(0, [[KEY, "a", 1]], { [KEY]: [[0, "b"]] }).breaks(), []);
});

Deno.test("int-poll-skip and int-nonmonotonic-poll: one poll jumps over records, or back", () => {
  const written = () => story().sent(0, "a", 0).sent(0, "b", 5).sent(0, "c", 6);
  assertEquals(written().polled(1, [[0, "a"], [6, "c"]]).polled(2, [[5, "b"]]).breaks(), ["int-poll-skip"]);
  assertEquals(written().polled(1, [[5, "b"], [0, "a"]]).breaks(), ["int-nonmonotonic-poll"]);
  assertEquals(written().polled(1, [[0, "a"], [5, "b"], [6, "c"]]).breaks(), [], "a gap in the offsets is no jump");
  const rebalanced = written();
  rebalanced.invoke(1, { f: "poll" }).ok(99, { reads: { [KEY]: [[5, "b"], [0, "a"]] }, rebalanced: [KEY] });
  assertEquals(rebalanced.breaks(), []);
});

Deno.test("poll-skip and nonmonotonic-poll: a client jumps over records, or back, from one poll to the next", () => {
  const written = () => story().sent(0, "a", 0).sent(0, "b", 1).sent(0, "c", 2).polled(9, [[0, "a"], [1, "b"]]);
  assertEquals(written().polled(1, [[0, "a"]]).polled(1, [[2, "c"]]).breaks(), ["poll-skip"]);
  assertEquals(written().polled(1, [[1, "b"]]).polled(1, [[0, "a"]]).breaks(), ["nonmonotonic-poll"]);
  assertEquals(written().polled(1, [[1, "b"]]).polled(1, [[1, "b"]]).breaks(), ["nonmonotonic-poll"]);
  assertEquals(written().polled(1, [[0, "a"]]).polled(2, [[2, "c"]]).breaks(), [], "another client");
  assertEquals(written().polled(1, [[0, "a"]]).polled(1, []).polled(1, [[1, "b"]]).breaks(), []);
});

Deno.test("poll-skip and nonmonotonic-poll: what was given up may be begun anywhere; what was kept may not", () => {
  const back = (f: "assign" | "subscribe", keys: Key[]) =>
    story().sent(0, "a", 0).sent(0, "b", 1).polled(1, [[0, "a"], [1, "b"]]).did(1, { f, keys }).polled(1, [[0, "a"]]);
  assertEquals(back("assign", []).breaks(), []);
  assertEquals(back("assign", [KEY]).breaks(), ["nonmonotonic-poll"]);
  assertEquals(back("subscribe", [KEY]).breaks({ finalPolls: false, subscribe: true }), []);
  const failed = story().sent(0, "a", 0).polled(1, [[0, "a"]]).did(1, { f: "assign", keys: [] }, "fail");
  assertEquals(failed.polled(1, [[0, "a"]]).breaks(), ["nonmonotonic-poll"], "the assignment did not happen");
  const crashed = story().sent(0, "a", 0).polled(1, [[0, "a"]]).did(1, { f: "crash" }).polled(1, [[0, "a"]]);
  assertEquals(crashed.breaks(), []);
});

Deno.test("nonmonotonic-send: a client's records are not in the order in which it sent them", () => {
  const offsets = (first: number, second: number) =>
    story().sent(0, "a", first).sent(0, "b", second).breaks({ finalPolls: false, wwDeps: false });
  assertEquals(offsets(1, 0), ["nonmonotonic-send"]);
  assertEquals(offsets(0, 1), []);
});

Deno.test("nonmonotonic-send: what nobody acknowledged has its place where it was read", () => {
  const late = (call: Partial<Call>) =>
    story().did(0, send("a", call), "info").sent(0, "b", 0, call).polled(1, [[0, "b"], [1, "a"]]).breaks();
  assertEquals(late({}), ["nonmonotonic-send"]);
  assertEquals(late({ idempotent: false }), [], "nothing orders the retries of such a producer");
});

Deno.test("int-send-skip and int-nonmonotonic-send: the records of one operation are apart, or turned round", () => {
  const batch = (...offsets: number[]) => {
    const told = story().sent(9, "x", 5);
    const sends = [{ key: KEY, value: "a" }, { key: KEY, value: "b" }];
    told.invoke(0, { f: "txn", sends }).ok(9, { offsets });
    return told;
  };
  assertEquals(batch(7, 6).breaks(), ["int-nonmonotonic-send"]);
  assertEquals(batch(6, 7).breaks(), []);
  assertEquals(batch(4, 6).breaks(), [], "another's record between them is allowed, as in Kafka");
});

Deno.test("G0: two transactions have each written before the other", () => {
  const ring = story();
  const sends = (value: string) => [{ key: "x", value }, { key: "y", value }];
  const [a, b] = [ring.invoke(0, { f: "txn", sends: sends("a") }), ring.invoke(1, { f: "txn", sends: sends("b") })];
  a.ok(8, { offsets: [0, 1] });
  b.ok(9, { offsets: [1, 0] });
  assertEquals(ring.breaks({ finalPolls: false, interleave: false }), ["G0"]);
  assertEquals(ring.breaks(), [], "Kafka's transactions interleave");
  const inOrder = story().txn(0, [["x", "a", 0], ["y", "a", 0]]).txn(1, [["x", "b", 1], ["y", "b", 1]]);
  assertEquals(inOrder.breaks({ finalPolls: false, interleave: false }), []);
});

Deno.test("G1c: two transactions have each read what the other wrote", () => {
  const ring = (second: Record<Key, Read>) => {
    const told = story();
    const a = told.invoke(0, { f: "txn", sends: [{ key: "x", value: "a" }] });
    const b = told.invoke(1, { f: "txn", sends: [{ key: "y", value: "b" }] });
    a.ok(8, { offsets: [0], reads: { y: [[0, "b"]] } });
    b.ok(9, { offsets: [0], reads: second });
    return told.breaks();
  };
  assertEquals(ring({ x: [[0, "a"]] }), ["G1c"]);
  assertEquals(ring({}), []);
});

Deno.test("G0-realtime and G0-process: a record lies before one that had been acknowledged when it was sent", () => {
  assertEquals(story().sent(0, "a", 1).sent(1, "b", 0).breaks(), ["G0-realtime"]);
  assertEquals(story().sent(0, "a", 1).sent(0, "b", 0).breaks(), ["nonmonotonic-send", "G0-process"]);
  assertEquals(story().sent(0, "a", 0).sent(1, "b", 1).breaks(), []);
  const overlapping = story();
  const first = overlapping.invoke(0, send("a"));
  overlapping.sent(1, "b", 0);
  first.ok(9, { offsets: [1] });
  assertEquals(overlapping.breaks(), [], "they were under way at the same time");
  const lost = story().sent(0, "a", null, { promise: "none", idempotent: false }).sent(1, "b", 0).polled(2, [[0, "b"], [
    1,
    "a",
  ]]);
  assertEquals(lost.breaks(), [], "what was acknowledged was lost, and another attempt wrote it");
});

Deno.test("G1c-realtime and G1c-process: a record came to lie before one that somebody had already read", () => {
  const early = story();
  const pending = early.invoke(0, send("late"));
  early.polled(1, [[1, "late"]]).sent(2, "b", 0).polled(3, [[0, "b"]]);
  pending.ok(9, { offsets: [1] });
  assertEquals(early.breaks(), ["G1c-realtime"]);
  const own = story();
  const open = own.invoke(0, send("late"));
  own.polled(1, [[1, "late"]]).sent(1, "b", 0).polled(3, [[0, "b"]]);
  open.ok(9, { offsets: [1] });
  assertEquals(own.breaks(), ["G1c-process"]);
  const fine = story();
  const sending = fine.invoke(0, send("late"));
  fine.sent(2, "b", 0).polled(1, [[0, "b"], [1, "late"]]);
  sending.ok(9, { offsets: [1] });
  assertEquals(fine.breaks(), []);
});

Deno.test("an operation that was never answered may still happen whenever it likes", () => {
  const late = story();
  late.invoke(0, send("late", { idempotent: false })).info(1);
  assertEquals(late.sent(1, "a", 0).polled(2, [[0, "a"], [1, "late"]]).breaks({}), []);
});

Deno.test("only the first completion of an operation counts", () => {
  const told = story();
  const pending = told.invoke(0, send("a"));
  pending.fail(1);
  pending.ok(2, { offsets: [0] });
  assertEquals([pending.operation.type, pending.operation.sends[0]!.offset], ["fail", null]);
});

Deno.test("a rule that is broken very often is told a few times, with the number of the others", () => {
  const bad = story();
  for (let i = 0; i < 20; i++) bad.polled(i, [[i, `a${i}`]]).polled(i + 100, [[i, `b${i}`]]);
  const problems = checkHistory(bad.history, { finalPolls: false, examples: 3 });
  assertEquals(problems.map(({ rule }) => rule), Array(4).fill("inconsistent-offsets"));
  assertEquals(problems[0]!.message, "inconsistent-offsets: t-0 has had a0 and b0 at offset 0.");
  assertEquals(problems[3]!.message, "inconsistent-offsets: and 17 more.");
  assertEquals(bad.breaks({ finalPolls: false, allow: ["inconsistent-offsets"] }), []);
});

Deno.test("a long history is judged in linear time", () => {
  // A million operations take 3 s and 1.3 GB where 50 000 take 0.2 s.
  const judged = (operations: number): number => {
    const history = new History();
    const ends = [0, 0, 0, 0];
    for (let i = 0, timeMs = 0; i < operations; i++) {
      const process = i % 8;
      const key = `t-${i % 4}`;
      if (process < 4) {
        const sending = history.invoke(process, { f: "send", sends: [{ key, value: i }] }, timeMs++);
        sending.ok(timeMs++, { offsets: [ends[i % 4]!++] });
      } else {
        const offset = ends[i % 4]! - 1;
        history.invoke(process, { f: "poll" }, timeMs++).ok(timeMs++, { reads: { [key]: [[offset, i - 4]] } });
      }
    }
    const beganMs = performance.now();
    assertEquals(checkHistory(history), []);
    return performance.now() - beganMs;
  };
  judged(5_000);
  const tookMs = judged(50_000);
  assert(tookMs < 10_000, `50 000 operations took ${tookMs} ms`);
});
