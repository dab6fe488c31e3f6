import { assertEquals } from "@std/assert";
import { MAX_TIMESTAMP } from "../../../../actors/partition/protocol.ts";
import { batch, Harness, LEADS, NOW_MS } from "./harness.ts";
import { diskError } from "./fake_log.ts";

function list(
  h: Harness,
  timestamp: number,
  isolation: "read_uncommitted" | "read_committed" = "read_uncommitted",
  epoch = -1,
) {
  const { error, offset, timestamp: found, leaderEpoch } = h.probe.ask("listOffsets", {
    timestamp,
    currentLeaderEpoch: epoch,
    isolation,
  }).reply!;
  return [error, offset, found, leaderEpoch];
}

Deno.test("latest is the high watermark, with the leader's epoch", () => {
  const h = new Harness().fill(3);
  h.append();
  assertEquals(list(h, -1), ["NONE", 3, -1, 5]);
  assertEquals(list(h, -1, "read_committed"), ["NONE", 3, -1, 5]);
  h.endFlush();
  assertEquals(list(h, -1), ["NONE", 4, -1, 5]);
});

Deno.test("earliest, and earliest local, is the start, with its own epoch", () => {
  const h = new Harness().fill(3);
  h.probe.tell("assume", { ...h.probe.state.role, leaderEpoch: 6, partitionEpoch: 1 });
  h.fill(2);
  assertEquals(list(h, -2), ["NONE", 0, -1, 5]);
  h.probe.ask("deleteRecords", { beforeOffset: 4 });
  assertEquals(list(h, -2), ["NONE", 4, -1, 6]);
  assertEquals(list(h, -4), ["NONE", 4, -1, 6]);
});

Deno.test("without tiered storage nothing is tiered", () => {
  const h = new Harness().fill(3);
  assertEquals(list(h, -5), ["NONE", -1, -1, -1]);
  assertEquals(list(h, -6), ["NONE", -1, -1, -1]);
});

Deno.test("offsets are found by time, below the readable end only", () => {
  const h = new Harness().fill(3); // NOW_MS + 0, 1, 2
  h.append({ records: batch(1, {}, { timestamp: NOW_MS + 50 }) });
  assertEquals(list(h, NOW_MS + 1), ["NONE", 1, NOW_MS + 1, 5]);
  assertEquals(list(h, 0), ["NONE", 0, NOW_MS, 5]);
  assertEquals(list(h, NOW_MS + 3), ["NONE", -1, -1, -1], "the fourth is not committed yet");
  h.endFlush();
  assertEquals(list(h, NOW_MS + 3), ["NONE", 3, NOW_MS + 50, 5]);
  assertEquals(list(h, NOW_MS + 51), ["NONE", -1, -1, -1]);
});

Deno.test("the record with the largest timestamp is found", () => {
  const h = new Harness();
  assertEquals(list(h, MAX_TIMESTAMP), ["NONE", -1, -1, -1]);
  h.append({ records: batch(1, {}, { timestamp: NOW_MS + 9 }) });
  h.append({ records: batch(1, {}, { timestamp: NOW_MS }) });
  h.endFlush().endFlush();
  assertEquals(list(h, MAX_TIMESTAMP), ["NONE", 0, NOW_MS + 9, 5]);
});

Deno.test("a leader whose high watermark is behind its epoch does not tell what is latest", () => {
  const h = new Harness();
  h.append();
  h.probe.tell("assume", { ...h.probe.state.role, leaderEpoch: 6, partitionEpoch: 1 });
  assertEquals(list(h, -1), ["OFFSET_NOT_AVAILABLE", -1, -1, -1]);
  assertEquals(list(h, NOW_MS), ["OFFSET_NOT_AVAILABLE", -1, -1, -1]);
  assertEquals(list(h, -2)[0], "NONE");
  h.endFlush();
  assertEquals(list(h, -1), ["NONE", 1, -1, 6]);
});

Deno.test("epochs are checked, and leadership", () => {
  const h = new Harness();
  assertEquals(list(h, -1, "read_uncommitted", 4)[0], "FENCED_LEADER_EPOCH");
  assertEquals(list(h, -1, "read_uncommitted", 6)[0], "UNKNOWN_LEADER_EPOCH");
  assertEquals(list(new Harness({ role: { leader: 2 } }), -1)[0], "NOT_LEADER_OR_FOLLOWER");
});

Deno.test("a lookup that meets a disk error takes the replica offline", () => {
  const h = new Harness().fill(1);
  h.log.broken.set("offsetForTimestamp", diskError());
  assertEquals(list(h, NOW_MS)[0], "KAFKA_STORAGE_ERROR");
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR");
});

Deno.test("the end of an epoch is told, and -1 for one after all that is known", () => {
  const h = new Harness().fill(3);
  h.probe.tell("assume", { ...h.probe.state.role, leaderEpoch: 9, partitionEpoch: 1 });
  h.fill(1);
  const end = (epoch: number, currentLeaderEpoch = -1) =>
    h.probe.ask("endOffsetForEpoch", { epoch, currentLeaderEpoch }).reply;
  assertEquals(end(5), { error: "NONE", epoch: 5, endOffset: 3 });
  assertEquals(end(7), { error: "NONE", epoch: 5, endOffset: 3 });
  assertEquals(end(9), { error: "NONE", epoch: 9, endOffset: 4 });
  assertEquals(end(4), { error: "NONE", epoch: 4, endOffset: 0 }, "before all that is known");
  assertEquals(end(10), { error: "NONE", epoch: -1, endOffset: -1 });
  assertEquals(end(9, 8), { error: "FENCED_LEADER_EPOCH", epoch: -1, endOffset: -1 });
  assertEquals(end(9, 10)?.error, "UNKNOWN_LEADER_EPOCH");
});

Deno.test("records are deleted up to an offset, -1 for all that is committed, never beyond", () => {
  const h = new Harness().fill(5);
  h.append();
  const remove = (beforeOffset: number) => h.probe.ask("deleteRecords", { beforeOffset }).reply;
  assertEquals(remove(2), { error: "NONE", lowWatermark: 2 });
  assertEquals(remove(1), { error: "NONE", lowWatermark: 2 }, "what is deleted stays deleted");
  assertEquals(remove(6), { error: "OFFSET_OUT_OF_RANGE", lowWatermark: -1 });
  assertEquals(remove(-2), { error: "OFFSET_OUT_OF_RANGE", lowWatermark: -1 });
  assertEquals(h.log.startOffset, 2);
  assertEquals(remove(-1), { error: "NONE", lowWatermark: 5 });
  assertEquals(h.describe().startOffset, 5);
});

Deno.test("records of a topic that is only compacted must not be deleted", () => {
  const h = new Harness({ config: { delete: false, compact: true } });
  assertEquals(h.probe.ask("deleteRecords", { beforeOffset: 0 }).reply?.error, "POLICY_VIOLATION");
});

Deno.test("a disk error while deleting records takes the replica offline", () => {
  const h = new Harness().fill(2);
  h.log.broken.set("advanceStart", diskError());
  assertEquals(h.probe.ask("deleteRecords", { beforeOffset: 1 }).reply?.error, "KAFKA_STORAGE_ERROR");
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR");
});

Deno.test("records are deleted when all that are in sync have deleted them", () => {
  const h = new Harness({ ...LEADS, role: { ...LEADS.role, isr: [1, 2] } }).fill(2, 2);
  h.pull(2);
  const parked = h.pull(2);
  const deleting = h.probe.ask("deleteRecords", { beforeOffset: 2 });
  assertEquals([h.log.startOffset, deleting.reply, parked.reply?.startOffset], [2, undefined, 2], "it is told at once");
  h.pull(2, { startOffset: 1 });
  assertEquals(deleting.reply, undefined);
  h.pull(2, { startOffset: 3 });
  assertEquals(deleting.reply, { error: "NONE", lowWatermark: 2 });
});

Deno.test("who leaves the ISR need not have deleted, and who leads no longer cannot say", () => {
  const h = new Harness(LEADS).fill(2);
  h.pull(2);
  h.pull(3);
  const deleting = h.probe.ask("deleteRecords", { beforeOffset: 2 });
  h.pull(2, { startOffset: 2 });
  assertEquals(deleting.reply, undefined);
  h.assume({ isr: [1, 2] });
  assertEquals(deleting.reply?.error, "NONE");
  h.assume({ isr: [1, 2, 3] });
  const asked = h.probe.ask("deleteRecords", { beforeOffset: 2 });
  h.assume({ leader: 2, leaderEpoch: 6 });
  assertEquals(asked.reply, { error: "NOT_LEADER_OR_FOLLOWER", lowWatermark: -1 });
});
