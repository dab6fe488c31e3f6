import { assertEquals } from "@std/assert";
import { cutFor, endOf, epochBefore, fitOf, isSequel, isUpToDate } from "../../../../actors/quorum/log.ts";
import { batchesOf, begin } from "./harness.ts";

/** A log of records of these epochs; `start` of them are in a snapshot. */
function chronicleOf(epochs: readonly number[], start = 0) {
  const { p } = begin({ voters: [9], log: epochs, state: null });
  const { log } = p.state;
  if (start > 0) log.advanceStart(start);
  return { log, snapshot: start === 0 ? undefined : { endOffset: start, epoch: epochs[start - 1]! } };
}

Deno.test("the longer log of the later epoch is the newer one", () => {
  const own = { lastEpoch: 3, endOffset: 10 };
  assertEquals(isUpToDate({ lastEpoch: 3, endOffset: 10 }, own), true);
  assertEquals(isUpToDate({ lastEpoch: 3, endOffset: 9 }, own), false);
  assertEquals(isUpToDate({ lastEpoch: 4, endOffset: 1 }, own), true);
  assertEquals(isUpToDate({ lastEpoch: 2, endOffset: 99 }, own), false);
});

Deno.test("the epoch before an offset is that of the record there, or of the snapshot", () => {
  const whole = chronicleOf([1, 1, 2, 4]);
  assertEquals([0, 1, 2, 3, 4].map((offset) => epochBefore(whole, offset)), [-1, 1, 1, 2, 4]);
  assertEquals(endOf(whole), { lastEpoch: 4, endOffset: 4 });
  const short = chronicleOf([1, 1, 2, 4], 3);
  assertEquals([0, 2, 3, 4].map((offset) => epochBefore(short, offset)), [-1, -1, 2, 4]);
  const empty = chronicleOf([1, 1, 2, 4], 4);
  assertEquals(endOf(empty), { lastEpoch: 4, endOffset: 4 });
});

Deno.test("a follower's log fits where its last record is the leader's", () => {
  const leader = chronicleOf([1, 1, 2, 4, 4]);
  const fits = { type: "fits" } as const;
  assertEquals(fitOf(leader, { lastEpoch: -1, endOffset: 0 }), fits);
  assertEquals(fitOf(leader, { lastEpoch: 1, endOffset: 2 }), fits);
  assertEquals(fitOf(leader, { lastEpoch: 4, endOffset: 5 }), fits);
  assertEquals(fitOf(leader, { lastEpoch: 4, endOffset: 6 }), { type: "diverges", epoch: 4, endOffset: 5 });
  assertEquals(fitOf(leader, { lastEpoch: 1, endOffset: 3 }), { type: "diverges", epoch: 1, endOffset: 2 });
  assertEquals(fitOf(leader, { lastEpoch: 3, endOffset: 4 }), { type: "diverges", epoch: 2, endOffset: 3 });
  assertEquals(fitOf(leader, { lastEpoch: 5, endOffset: 3 }), { type: "diverges", epoch: 4, endOffset: 5 });
  assertEquals(fitOf(chronicleOf([]), { lastEpoch: 3, endOffset: 2 }), { type: "diverges", epoch: -1, endOffset: 0 });
});

Deno.test("what a follower lacks may be in the snapshot alone", () => {
  const leader = chronicleOf([1, 2, 2, 4, 4], 3);
  const snapshot = { type: "needsSnapshot" } as const;
  assertEquals(fitOf(leader, { lastEpoch: 1, endOffset: 1 }), snapshot);
  assertEquals(fitOf(leader, { lastEpoch: 2, endOffset: 3 }), { type: "fits" });
  assertEquals(fitOf(leader, { lastEpoch: 1, endOffset: 3 }), snapshot);
  assertEquals(fitOf(leader, { lastEpoch: 1, endOffset: 9 }), snapshot);
  assertEquals(fitOf(leader, { lastEpoch: 2, endOffset: 4 }), { type: "diverges", epoch: 2, endOffset: 3 });
  assertEquals(fitOf(leader, { lastEpoch: 3, endOffset: 4 }), { type: "diverges", epoch: 2, endOffset: 3 });
  const empty = chronicleOf([1, 2, 2], 3);
  assertEquals(fitOf(empty, { lastEpoch: 2, endOffset: 3 }), { type: "fits" });
  assertEquals(fitOf(empty, { lastEpoch: 1, endOffset: 3 }), snapshot);
  assertEquals(fitOf(empty, { lastEpoch: 3, endOffset: 4 }), { type: "diverges", epoch: 2, endOffset: 3 });
});

Deno.test("a follower cuts where both logs can still be the same", () => {
  const follower = chronicleOf([1, 1, 3, 3, 3]);
  assertEquals(cutFor(follower, { epoch: 1, endOffset: 2 }), 2);
  assertEquals(cutFor(follower, { epoch: 1, endOffset: 7 }), 2);
  assertEquals(cutFor(follower, { epoch: 2, endOffset: 4 }), 2);
  assertEquals(cutFor(follower, { epoch: 3, endOffset: 4 }), 4);
  assertEquals(cutFor(follower, { epoch: -1, endOffset: 0 }), 0);
  assertEquals(cutFor(chronicleOf([2, 2, 3], 2), { epoch: 1, endOffset: 1 }), 1);
});

Deno.test("what comes from another node is looked at before it is appended", () => {
  const bytes = batchesOf([2, 3], 5);
  assertEquals(isSequel(bytes, 5, 3), true);
  assertEquals(isSequel(bytes, 4, 3), false);
  assertEquals(isSequel(bytes, 5, 2), false);
  const damaged = bytes.slice();
  damaged[damaged.length - 1]! ^= 1;
  assertEquals(isSequel(damaged, 5, 3), false);
  assertEquals(isSequel(bytes.subarray(0, bytes.length - 1), 5, 3), false);
  assertEquals(isSequel(new Uint8Array(3), 5, 3), false);
});
