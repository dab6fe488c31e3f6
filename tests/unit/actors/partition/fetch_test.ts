import { assertEquals, assertStringIncludes } from "@std/assert";
import { CorruptLogError } from "../../../../storage/log.ts";
import { batches } from "../../../../protocol/batch.ts";
import { encodeBatch } from "../../../../protocol/records.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import { batch, FOLLOWS, Harness, LEADS, stored } from "./harness.ts";
import { FakeStore } from "./fake_log.ts";

const bases = (bytes: Uint8Array) => [...batches(bytes)].map(({ baseOffset }) => baseOffset);

Deno.test("a fetch begins with the batch that contains its offset and names the log's ends", () => {
  const h = new Harness().fill(3, 3, 3);
  const { records, ...rest } = h.fetch(4);
  assertEquals(bases(records), [3, 6]);
  assertEquals(rest, {
    error: "NONE",
    highWatermark: 9,
    lastStableOffset: 9,
    logStartOffset: 0,
    abortedTransactions: null,
    divergingEpoch: null,
    preferredReadReplica: -1,
    leader: 1,
    leaderEpoch: 5,
  });
  assertEquals(h.fetch(4, { isolation: "read_committed" }).abortedTransactions, []);
});

Deno.test("max bytes cuts at a batch, but the first one comes if asked for", () => {
  const h = new Harness().fill(1, 1, 1);
  const size = h.log.batches[0]!.bytes.length;
  assertEquals(bases(h.fetch(0, { maxBytes: 2 * size }).records), [0, 1]);
  assertEquals(bases(h.fetch(0, { maxBytes: 1 }).records), [0]);
  assertEquals(bases(h.fetch(0, { maxBytes: 1, minOneBatch: false }).records), []);
});

Deno.test("nothing at or above the high watermark is read", () => {
  const h = new Harness().fill(1);
  h.append();
  assertEquals(bases(h.fetch(0).records), [0]);
  h.probe.take();
  const waiting = h.fetch(1);
  assertEquals(h.probe.take().map(({ type }) => type), ["reply"], "without asking the disk");
  assertEquals([waiting.error, waiting.records.length, waiting.highWatermark], ["NONE", 0, 1]);
  assertEquals(h.fetch(2).error, "NONE", "the end of the log is no error");
  h.endFlush();
  assertEquals(bases(h.fetch(0).records), [0, 1]);
});

Deno.test("offsets below the start and above the end are out of range", () => {
  const h = new Harness().fill(2, 2);
  h.probe.ask("deleteRecords", { beforeOffset: 2 });
  assertEquals([h.fetch(1).error, h.fetch(2).error], ["OFFSET_OUT_OF_RANGE", "NONE"]);
  assertEquals([h.fetch(4).error, h.fetch(5).error], ["NONE", "OFFSET_OUT_OF_RANGE"]);
  const { highWatermark, logStartOffset, records } = h.fetch(5);
  assertEquals([highWatermark, logStartOffset, records.length], [-1, -1, 0]);
});

Deno.test("a client of an older epoch is fenced, one of a newer must wait", () => {
  const h = new Harness().fill(1);
  assertEquals(h.fetch(0, { currentLeaderEpoch: 5 }).error, "NONE");
  assertEquals(h.fetch(0, { currentLeaderEpoch: 4 }).error, "FENCED_LEADER_EPOCH");
  assertEquals(h.fetch(0, { currentLeaderEpoch: 6 }).error, "UNKNOWN_LEADER_EPOCH");
  assertEquals(h.fetch(0, { currentLeaderEpoch: -1 }).error, "NONE");
});

Deno.test("a replica that does not lead says who does", () => {
  const h = new Harness({ role: { leader: 3 } });
  const { error, leader, leaderEpoch } = h.fetch(0, { currentLeaderEpoch: 4 });
  assertEquals([error, leader, leaderEpoch], ["FENCED_LEADER_EPOCH", 3, 5]);
});

Deno.test("a fetcher whose log has diverged is told where", () => {
  const h = new Harness().fill(4); // epoch 5: 0..3
  h.probe.tell("assume", { ...h.probe.state.role, leaderEpoch: 8, partitionEpoch: 1 });
  h.fill(2); // epoch 8: 4..5
  const diverging = (lastFetchedEpoch: number, offset: number) => {
    const { error, divergingEpoch, records } = h.fetch(offset, { lastFetchedEpoch });
    return [error, divergingEpoch, records.length > 0];
  };
  assertEquals(diverging(5, 4), ["NONE", null, true]);
  assertEquals(diverging(8, 5), ["NONE", null, true]);
  assertEquals(diverging(5, 5), ["NONE", { epoch: 5, endOffset: 4 }, false], "epoch 5 ended at 4 here");
  assertEquals(diverging(7, 3), ["NONE", { epoch: 5, endOffset: 4 }, false], "there was no epoch 7 here");
  assertEquals(diverging(3, 3), ["NONE", { epoch: 3, endOffset: 0 }, false], "there is nothing so old here");
  assertEquals(diverging(9, 3), ["OFFSET_OUT_OF_RANGE", null, false], "no epoch so new is known");
  h.probe.ask("deleteRecords", { beforeOffset: 4 });
  for (const epoch of [5, 7]) {
    assertEquals(diverging(epoch, 3), ["OFFSET_OUT_OF_RANGE", null, false], "below the start, diverged or not");
  }
});

Deno.test("damage in the log takes the replica offline and is not served", () => {
  const h = new Harness().fill(1);
  h.log.broken.set("read", new CorruptLogError("t-0", "0.log", 61, "The batch at byte 61 does not match its CRC"));
  assertEquals([h.fetch(0).error, h.fetch(0).records.length], ["KAFKA_STORAGE_ERROR", 0]);
  assertStringIncludes(h.describe().offline!, "byte 61");
  assertEquals(h.probe.restarts, 0);
});

Deno.test("read_committed stops at the first open transaction that recovery found", () => {
  const store = new FakeStore();
  store.onOpen = (log) => {
    if (log.endOffset > 0) return;
    log.append(batch(2, { baseOffset: 0 }), 0);
    const options = { producerId: 1n, producerEpoch: 0, baseSequence: 0, isTransactional: true, baseOffset: 2 };
    log.append(encodeBatch([{ value: null }], options), 0);
    log.flushedOffset = 3;
  };
  const h = new Harness({}, store);
  const committed = h.fetch(0, { isolation: "read_committed" });
  assertEquals([bases(committed.records), committed.lastStableOffset, committed.highWatermark], [[0], 2, 3]);
  assertEquals(bases(h.fetch(0).records), [0, 2]);
});

Deno.test("waiting for data ends when there is some, at once if there is", () => {
  const h = new Harness().fill(1);
  assertEquals(h.await(0).reply, true);
  const waiting = h.await(1);
  h.append();
  assertEquals(waiting.reply, undefined, "it is written, but not readable");
  h.endFlush();
  assertEquals(waiting.reply, true);
});

Deno.test("waiting for data ends at its deadline, each at its own", () => {
  const h = new Harness();
  const late = h.await(0, { key: "late", deadlineMs: 500 });
  const early = h.await(0, { key: "early", deadlineMs: 200 });
  h.probe.advance(199);
  assertEquals([early.reply, late.reply], [undefined, undefined]);
  h.probe.advance(1);
  assertEquals([early.reply, late.reply], [false, undefined]);
  h.probe.advance(300);
  assertEquals(late.reply, false);
  assertEquals(h.await(0, { deadlineMs: 500 }).reply, false, "no time is left");
});

Deno.test("a later deadline does not move the timer, an earlier one does", () => {
  const h = new Harness();
  const timers = () => h.probe.take().filter((each) => each.type === "timer" && each.key === "expire").length;
  timers();
  h.await(0, { key: "a", deadlineMs: 500 });
  assertEquals(timers(), 1);
  h.await(0, { key: "b", deadlineMs: 600 });
  assertEquals(timers(), 0);
  h.await(0, { key: "c", deadlineMs: 400 });
  assertEquals(timers(), 1);
  h.probe.advance(400);
  assertEquals(timers(), 1, "for the next");
  h.probe.advance(1_000);
  assertEquals([h.probe.state.fetches.size, h.probe.state.expiryMs], [0, Infinity]);
});

Deno.test("a later wait by the same key replaces the earlier one", () => {
  const h = new Harness().fill(1);
  const first = h.await(1);
  const second = h.await(1);
  assertEquals([first.reply, second.reply], [false, undefined]);
  assertEquals(h.await(0).reply, true, "also when it need not wait");
  assertEquals(second.reply, false);
  h.fill(1);
  assertEquals(h.probe.state.fetches.size, 0);
});

Deno.test("a replica that serves nothing lets nobody wait", () => {
  const store = new FakeStore();
  store.refusal = new CorruptLogError("t-0", "0.log", 7, "bit rot at byte 7");
  assertEquals(new Harness({}, store).await(0).reply, true);
});

Deno.test("a follower serves readers up to its own high watermark", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: concatenate([stored(0, 2), stored(2, 2)]), highWatermark: 2 }).endFlush();
  const { error, records, highWatermark } = h.fetch(0);
  assertEquals([error, bases(records), highWatermark], ["NONE", [0], 2]);
  const waiting = h.fetch(3);
  assertEquals([waiting.error, waiting.records.length], ["NONE", 0], "it is here, but not known to be committed");
  assertEquals(h.fetch(5, { knowsFollowers: true }).error, "OFFSET_OUT_OF_RANGE");
  const more = h.await(2);
  h.tell({ highWatermark: 4 });
  assertEquals([more.reply, bases(h.fetch(2).records)], [true, [2]]);
  assertEquals(h.fetch(0, { nearer: [3] }).preferredReadReplica, -1, "only the leader knows the others");
});

Deno.test("who reads from a follower by mistake waits for what it has yet to get, and is not set back", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: concatenate([stored(0, 2), stored(2, 2)]), highWatermark: 2 }).endFlush();
  for (const lastFetchedEpoch of [-1, 4, 9]) {
    const { error, records, highWatermark, divergingEpoch } = h.fetch(50, { lastFetchedEpoch });
    assertEquals([error, records.length, highWatermark, divergingEpoch], ["NONE", 0, 2, null]);
  }
  assertEquals(h.fetch(-1).error, "OFFSET_OUT_OF_RANGE", "this will never come");
  h.tell({ startOffset: 2, highWatermark: 4 });
  for (const lastFetchedEpoch of [-1, 4, 9]) {
    assertEquals(h.fetch(1, { lastFetchedEpoch }).error, "OFFSET_OUT_OF_RANGE", "what was deleted will not either");
  }
});

Deno.test("a leader sends a reader to the first nearer follower that is in sync and has the offset (KIP-392)", () => {
  const h = new Harness({ ...LEADS, role: { ...LEADS.role, isr: [1, 2] } }).fill(2, 2);
  h.pull(2, { offset: 2, startOffset: 2 });
  h.pull(3);
  const preferred = (offset: number, ...nearer: number[]) => {
    const { preferredReadReplica, records } = h.fetch(offset, { nearer });
    return [preferredReadReplica, records.length > 0];
  };
  assertEquals(preferred(2, 3, 2), [2, false], "node 3 is not in sync");
  assertEquals(preferred(2), [-1, false]);
  assertEquals(preferred(0, 2), [-1, true], "deleted there");
  assertEquals(preferred(3, 2), [-1, false], "not there yet");
  assertEquals(preferred(2, 4), [-1, false], "no replica");
  assertEquals(h.fetch(9, { nearer: [2] }).error, "OFFSET_OUT_OF_RANGE");
});
