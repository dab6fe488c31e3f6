import { assertEquals } from "@std/assert";
import type { ConsumedRecord } from "../../../actors/consumer/protocol.ts";
import { Backlog } from "../../../client/backlog.ts";

function record(partition: number, offset: number, setbacks = 0): ConsumedRecord {
  return {
    topic: "t",
    partition,
    offset,
    timestamp: -1,
    timestampType: "CreateTime",
    key: null,
    value: null,
    headers: [],
    leaderEpoch: 4,
    setbacks,
  };
}

const T0 = { topic: "t", partition: 0 };
const T1 = { topic: "t", partition: 1 };
const offsets = (records: readonly ConsumedRecord[]) =>
  records.map(({ partition, offset }) => `${partition}@${offset}`);

function backlog(): Backlog {
  const backlog = new Backlog();
  backlog.add([record(0, 5), record(0, 6), record(1, 9), record(0, 7)]);
  return backlog;
}

Deno.test("records are taken in order, and what was taken can be committed, and no more", () => {
  const waiting = backlog();
  assertEquals(waiting.handedOut(), []);
  assertEquals(offsets(waiting.takeAll(1)), ["0@5"]);
  assertEquals(waiting.handedOut(), [{ ...T0, offset: 6, leaderEpoch: 4, metadata: "", setbacks: 0 }]);
  assertEquals(offsets(waiting.takeAll(2)), ["0@6", "1@9"]);
  assertEquals(waiting.handedOut().map(({ partition, offset }) => [partition, offset]), [[0, 7], [1, 10]]);
  assertEquals([waiting.isEmpty, offsets(waiting.takeAll(9)), waiting.isEmpty], [false, ["0@7"], true]);
});

Deno.test("a run is of one partition", () => {
  const waiting = backlog();
  assertEquals([1, 2, 3, 4].map(() => offsets(waiting.takeRun())), [["0@5", "0@6"], ["1@9"], ["0@7"], []]);
});

Deno.test("what is dropped is not handed out, and it is said where that would have gone on", () => {
  const waiting = backlog();
  waiting.takeAll(1);
  assertEquals(offsets(waiting.drop([T0, { topic: "u", partition: 0 }])), ["0@6"]);
  assertEquals(offsets(waiting.takeAll(9)), ["1@9"]);
});

Deno.test("what is at hand is dealt with when the program is through with it", () => {
  const waiting = backlog();
  const dealtWith = (of?: typeof T0[]) =>
    waiting.dealtWith(of).map(({ partition, offset }) => `${partition}@${offset}`);
  waiting.takeAll(1);
  assertEquals(dealtWith(), []);
  waiting.through();
  assertEquals(dealtWith(), ["0@6"]);
  waiting.takeAll(3);
  assertEquals([dealtWith(), dealtWith([T1])], [["0@6"], []]);
  waiting.through();
  assertEquals([dealtWith(), dealtWith([T1])], [["0@8", "1@10"], ["1@10"]]);
  waiting.add([record(0, 8), record(1, 10)]);
  waiting.takeAll(2);
  waiting.forget([T0]);
  assertEquals(dealtWith(), ["1@10"]);
});

Deno.test("what is missed is what went before it was committed", () => {
  const waiting = backlog();
  waiting.takeAll(9);
  waiting.committed([{ ...T0, offset: 8 }]);
  waiting.lose([T0, T1]);
  assertEquals(waiting.takeMissed().map(({ partition }) => partition), [1]);
  assertEquals(waiting.takeMissed(), []);
  waiting.add([record(0, 3), record(1, 4)]); // it has come back, and has been read before what was committed
  waiting.takeAll(9);
  waiting.lose([T0, T1]);
  waiting.committed([{ ...T1, offset: 5 }]); // that was under way
  assertEquals(waiting.takeMissed().map(({ partition }) => partition), [0]);
});

Deno.test("that the group had more of a log that is not there any more says nothing of what is read now", () => {
  for (const isLate of [false, true]) {
    const waiting = new Backlog();
    waiting.add([record(0, 58), record(0, 59)]);
    waiting.takeAll(9);
    const old = waiting.handedOut();
    assertEquals(old, [{ ...T0, offset: 60, leaderEpoch: 4, metadata: "", setbacks: 0 }]);
    if (!isLate) waiting.committed(old);
    waiting.add([record(0, 30, 1), record(0, 31, 1)]);
    waiting.takeAll(9);
    assertEquals(waiting.handedOut(), [{ ...T0, offset: 32, leaderEpoch: 4, metadata: "", setbacks: 1 }]);
    if (isLate) waiting.committed(old);
    waiting.lose([T0]);
    assertEquals(waiting.takeMissed().length, 1);
  }
});

Deno.test("what is somebody else's by now is not committed from here", () => {
  const waiting = backlog();
  waiting.takeAll(9);
  waiting.forget([T0]);
  assertEquals(waiting.handedOut().map(({ partition }) => partition), [1]);
});

Deno.test("it knows what comes next, and how much waits", () => {
  const waiting = backlog();
  assertEquals([waiting.nextOf(T0)?.offset, waiting.countOf(T0), waiting.nextOf(T1)?.offset], [5, 3, 9]);
  waiting.takeAll(3);
  waiting.add([record(1, 10)]);
  assertEquals([waiting.nextOf(T0)?.offset, waiting.countOf(T0), waiting.nextOf(T1)?.offset], [7, 1, 10]);
  waiting.clear();
  assertEquals([waiting.isEmpty, waiting.handedOut()], [true, []]);
});
