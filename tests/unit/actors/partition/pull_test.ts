import { assertEquals } from "@std/assert";
import type { PullRequest } from "../../../../actors/partition/protocol.ts";
import { batches } from "../../../../protocol/batch.ts";
import { CorruptLogError } from "../../../../storage/log.ts";
import { diskError } from "./fake_log.ts";
import { batch, FOLLOWS, Harness, LEADS, storeWith } from "./harness.ts";

const bases = (bytes: Uint8Array) => [...batches(bytes)].map(({ baseOffset }) => baseOffset);
const leader = (over: typeof LEADS["config"] | Record<string, unknown> = {}) =>
  new Harness({ ...LEADS, config: { ...LEADS.config, ...over } });

Deno.test("a follower gets what comes after its log, flushed or not, up to its limit", () => {
  const h = leader();
  for (let count = 0; count < 3; count++) h.append({ records: batch(2), acks: 1 });
  assertEquals(h.log.flushedOffset, 0);
  const { records, ...rest } = h.pull(2, { offset: 2 }).reply!;
  assertEquals(bases(records), [2, 4]);
  assertEquals(rest, {
    error: "NONE",
    highWatermark: 0,
    startOffset: 0,
    divergingEpoch: null,
    leaderMs: 0,
    heldByAll: -1,
    tombstonesGoneTo: 0,
  });
  const { sizeInBytes } = h.log;
  assertEquals(bases(h.pull(3, { offset: 0, maxBytes: sizeInBytes - 1 }).reply!.records), [0, 2]);
  assertEquals(bases(h.pull(3, { offset: 0, maxBytes: 1 }).reply!.records), [0], "one at least");
});

Deno.test("a follower that has everything waits until there is more, and gets it before it is flushed", () => {
  const h = leader();
  const [two, three] = [h.pull(2), h.pull(3)];
  assertEquals([two.reply, three.reply], [undefined, undefined]);
  h.probe.take();
  h.append({ records: batch(2) });
  assertEquals(h.log.flushedOffset, 0);
  assertEquals([bases(two.reply!.records), bases(three.reply!.records)], [[0], [0]]);
  const reads = h.probe.take().filter((each) => each.type === "call" && each.label === "read");
  assertEquals(reads.length, 1, "who stands at the same place shares a read");
});

Deno.test("a follower waits no longer than it wants to", () => {
  const h = leader();
  const [two, three] = [h.pull(2, { waitMs: 300 }), h.pull(3, { waitMs: 400 })];
  h.probe.advance(299);
  assertEquals(two.reply, undefined);
  h.probe.advance(1);
  assertEquals([two.reply?.error, two.reply?.records.length, three.reply], ["NONE", 0, undefined]);
  h.probe.advance(100);
  assertEquals(three.reply?.error, "NONE");
  assertEquals(h.probe.state.leadership?.pulls.size, 0);
});

Deno.test("a later pull of a follower replaces the one that waits, which is answered with nothing", () => {
  const h = leader();
  const [first, second] = [h.pull(2), h.pull(2)];
  assertEquals([first.reply?.records.length, second.reply], [0, undefined]);
});

Deno.test("news of the high watermark goes with records, or alone a moment later", () => {
  const h = leader().fill(1);
  const [two, three] = [h.pull(2), h.pull(3)];
  assertEquals([h.describe().highWatermark, two.reply, three.reply], [1, undefined, undefined]);
  h.probe.advance(9);
  assertEquals(two.reply, undefined);
  h.probe.advance(1);
  assertEquals([two.reply?.highWatermark, three.reply?.highWatermark], [1, 1]);
  const next = h.pull(2);
  h.probe.advance(499);
  assertEquals(next.reply, undefined, "now it knows");
  h.append();
  assertEquals([next.reply?.highWatermark, next.reply?.records.length === 0], [1, false]);
});

// What follows are the guards, one by one: nothing that a follower says counts before all of them have let it through.

function refused(over: Partial<PullRequest>, brokerId = 2) {
  const h = leader().fill(4);
  h.pull(3);
  const { reply } = h.pull(brokerId, over);
  h.safe(brokerId, 4, over);
  return [reply?.error, h.probe.state.leadership?.followers.get(2)?.safe, h.describe().highWatermark];
}

Deno.test("a follower of another leader epoch is refused, and does not count", () => {
  assertEquals(refused({ leaderEpoch: 4 }), ["FENCED_LEADER_EPOCH", undefined, 0]);
  assertEquals(refused({ leaderEpoch: 6 }), ["UNKNOWN_LEADER_EPOCH", undefined, 0]);
  assertEquals(refused({}), [undefined, 4, 4], "the right one waits, and counts");
});

Deno.test("who is none of its followers is refused, and does not count", () => {
  assertEquals(refused({}, 4), ["UNKNOWN_LEADER_EPOCH", undefined, 0]);
  assertEquals(refused({}, 1), ["UNKNOWN_LEADER_EPOCH", undefined, 0]);
});

Deno.test("an earlier incarnation of a follower is refused, and does not count (KIP-903)", () => {
  const h = leader().fill(4);
  h.pull(3);
  h.pull(2, { offset: 1, brokerEpoch: 30 });
  assertEquals(h.pull(2, { brokerEpoch: 29 }).reply?.error, "STALE_BROKER_EPOCH");
  h.safe(2, 4, { brokerEpoch: 29 });
  assertEquals([h.probe.state.leadership?.followers.get(2)?.safe, h.describe().highWatermark], [1, 1]);
  h.pull(2, { offset: 2, brokerEpoch: 31 });
  assertEquals(h.describe().highWatermark, 2, "a later one counts");
});

Deno.test("a follower whose log parts from the leader's is told where, and does not count", () => {
  const h = new Harness({ ...LEADS, role: { ...LEADS.role, leaderEpoch: 8 } }, storeWith({ count: 4, epoch: 5 })).fill(
    2,
  );
  h.pull(3);
  assertEquals(h.describe().endOffset, 6);
  const parted = (offset: number, lastFetchedEpoch: number) => {
    const { reply } = h.pull(2, { offset, lastFetchedEpoch });
    return [reply?.error, reply?.divergingEpoch, h.probe.state.leadership?.followers.get(2)];
  };
  assertEquals(parted(5, 5), ["NONE", { epoch: 5, endOffset: 4 }, undefined]);
  assertEquals(parted(6, 7), ["NONE", { epoch: 5, endOffset: 4 }, undefined]);
  h.safe(2, 6);
  assertEquals(h.describe().highWatermark, 0, "nor does what it has safe");
  h.pull(2, { offset: 4, lastFetchedEpoch: 5 });
  assertEquals(h.describe().highWatermark, 4);
});

Deno.test("a follower that is not where the leader's log is, is told where that begins", () => {
  const h = leader().fill(2, 2);
  h.pull(2);
  h.pull(3);
  h.probe.ask("deleteRecords", { beforeOffset: 2 });
  const { error, startOffset } = h.pull(2, { offset: 1 }).reply!;
  assertEquals([error, startOffset], ["OFFSET_OUT_OF_RANGE", 2]);
  assertEquals(h.pull(2, { offset: 9, lastFetchedEpoch: -1 }).reply?.error, "OFFSET_OUT_OF_RANGE");
  assertEquals(h.probe.state.leadership?.followers.get(2)?.end, 4, "and does not count");
});

Deno.test("what a follower has safe counts, not what it has", () => {
  const h = leader().fill(4);
  h.pull(3);
  h.pull(2, { safeOffset: 1 });
  assertEquals(h.describe().highWatermark, 1);
  h.safe(2, 3);
  assertEquals(h.describe().highWatermark, 3);
  h.safe(2, 2);
  assertEquals(h.describe().highWatermark, 3);
});

Deno.test("nobody follows a follower, or a replica that serves nothing", () => {
  const h = new Harness(FOLLOWS).fill();
  assertEquals(h.pull(3).reply?.error, "NOT_LEADER_OR_FOLLOWER");
  const failed = leader();
  const waiting = failed.pull(2);
  failed.append();
  failed.endFlush(diskError());
  assertEquals([waiting.reply?.error, failed.pull(2).reply?.error], ["NONE", "KAFKA_STORAGE_ERROR"]);
  const removed = leader();
  const parked = removed.pull(2);
  removed.probe.tell("remove", undefined);
  assertEquals(parked.reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("followers that wait learn at once that the leader is another, or has another epoch", () => {
  const other = leader();
  const waiting = other.pull(2);
  other.assume({ leader: 3, leaderEpoch: 6 });
  assertEquals(waiting.reply?.error, "NOT_LEADER_OR_FOLLOWER");
  const again = leader();
  const parked = again.pull(2);
  again.assume({ leaderEpoch: 6 });
  assertEquals(parked.reply?.error, "FENCED_LEADER_EPOCH");
});

Deno.test("a read that meets damage takes the leader offline, and says so to the follower", () => {
  const h = leader().fill(1);
  h.log.broken.set("read", new CorruptLogError("t-0", "0.log", 7, "bit rot at byte 7"));
  assertEquals(h.pull(2, { offset: 0 }).reply?.error, "KAFKA_STORAGE_ERROR");
  assertEquals([h.describe().error, h.outages()], ["KAFKA_STORAGE_ERROR", [true]]);
});
