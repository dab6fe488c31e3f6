import { assertEquals, assertStringIncludes } from "@std/assert";
import { diskError } from "./fake_log.ts";
import { batch, FOLLOWS, Harness, LEADS, stored, storeWith } from "./harness.ts";

const maximal = (h: Harness) => h.describe().maximalIsr;

Deno.test("a follower that is to lead begins with the high watermark that it had, at the end of its log", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: stored(0, 4), highWatermark: 2 }).endFlush();
  h.assume({ leader: 1, leaderEpoch: 6 });
  const { highWatermark, leaderEpochStart, following } = h.probe.state;
  assertEquals([highWatermark, leaderEpochStart, following], [2, 4, null]);
  assertEquals(h.log.epochs.at(-1), { epoch: 6, startOffset: 4 });
  const latest = h.probe.ask("listOffsets", { timestamp: -1, currentLeaderEpoch: -1, isolation: "read_uncommitted" });
  assertEquals(
    latest.reply?.error,
    "OFFSET_NOT_AVAILABLE",
    "more may have been readable under the last leader (KIP-207)",
  );
  h.pull(2);
  h.pull(3);
  assertEquals(h.describe().highWatermark, 4);
});

Deno.test("what it had not flushed as a follower, it flushes as the leader", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: stored(0, 4) });
  h.endFlush();
  h.tell({ records: stored(4, 1) });
  h.assume({ leader: 1, leaderEpoch: 6, isr: [1] });
  assertEquals(h.describe().highWatermark, 4);
  h.endFlush();
  assertEquals(h.describe().highWatermark, 5);
  const never = new Harness({ ...FOLLOWS, config: { flushBeforeAck: false, flushMs: 100 } });
  never.tell({ records: stored(0, 1) });
  never.assume({ leader: 1, leaderEpoch: 6, isr: [1] });
  assertEquals([never.describe().highWatermark, never.log.flushCount], [1, 0]);
  never.probe.advance(100);
  assertEquals(never.log.flushCount, 1);
});

Deno.test("what was heard of followers in one epoch counts in no other", () => {
  const h = new Harness(LEADS).fill(4);
  h.pull(2);
  h.pull(3);
  assertEquals(h.describe().highWatermark, 4);
  h.assume({ leaderEpoch: 6 });
  h.fill(1);
  assertEquals(h.describe().highWatermark, 4);
  h.safe(2, 5).safe(3, 5);
  assertEquals(h.describe().highWatermark, 4, "not before they have pulled in this epoch");
  h.safe(2, 5, { leaderEpoch: 5 });
  h.pull(2);
  h.pull(3);
  assertEquals(h.describe().highWatermark, 5);
});

Deno.test("a leader that crashes knows its followers no more; they pull again", () => {
  const h = new Harness(LEADS).fill(2);
  h.pull(2);
  h.pull(3);
  assertEquals(h.describe().highWatermark, 2);
  h.probe.kill().advance(1_000);
  h.fill(1);
  assertEquals([h.describe().highWatermark, h.describe().offline], [2, null]);
  h.pull(2);
  h.pull(3);
  assertEquals(h.describe().highWatermark, 3);
});

Deno.test("who has given records away and lost them does not lead on in that epoch, but follows in the next", () => {
  const h = new Harness(LEADS).fill(2);
  h.append({ records: batch(3) });
  h.pull(2, { offset: 2 }); // to offset 5, not flushed here
  h.endFlush(diskError());
  h.store.onOpen = (log) => log.truncateTo(2);
  h.probe.kill().advance(1_000);
  assertStringIncludes(h.describe().offline!, "given its followers records up to offset 5, but its log ends at 2");
  assertEquals([h.append().reply?.error, h.pull(2).reply?.error], ["KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
  assertEquals(h.outages(), [true, true], "the controller can elect another");
  h.assume({ leader: 2, leaderEpoch: 6 });
  assertEquals([h.describe().offline, h.question?.offset, h.outages()], [null, 2, [false]]);
});

Deno.test("its broker hears when it serves nothing, and when it serves again; and nothing while it does", () => {
  const h = new Harness().fill(1);
  h.assume({ leaderEpoch: 6 });
  h.probe.kill().advance(1_000);
  assertEquals(h.outages(), [], "it has never been offline");
  h.append();
  h.endFlush(diskError());
  assertEquals(h.outages(), [true]);
  h.assume({ leaderEpoch: 7 });
  assertEquals(h.outages(), [], "another role does not mend a disk");
  h.store.onOpen = () => {
    throw diskError();
  };
  h.probe.kill().advance(1_000);
  assertEquals(h.outages(), [true], "its broker may have been started again too");
  h.store.onOpen = undefined;
  h.probe.kill().advance(1_000);
  assertEquals(h.outages(), [false]);
  h.probe.kill().advance(1_000);
  assertEquals(h.outages(), []);
});

Deno.test("a life that fails has told nothing: the next one tells that it serves", () => {
  const h = new Harness().fill(1);
  h.append();
  h.endFlush(diskError());
  h.outages();
  let lives = 0;
  h.store.onOpen = (log) => log.flushedOffset = log.endOffset; // the high watermark moves when it is opened
  h.store.setHighWatermark = () => {
    if (++lives === 1) throw new Error("a bug");
  };
  h.probe.kill().advance(1_000);
  assertEquals([lives, h.outages()], [2, [false]]);
});

Deno.test("what nobody has been given may be lost: the epoch goes on", () => {
  const h = new Harness(LEADS).fill(2);
  h.append({ records: batch(3) });
  h.endFlush(diskError());
  h.store.onOpen = (log) => log.truncateTo(2);
  h.probe.kill().advance(1_000);
  assertEquals([h.describe().offline, h.describe().endOffset], [null, 2]);
});

Deno.test("an epoch that the log has records of is not led by a life that does not remember it", () => {
  const h = new Harness(LEADS, storeWith({ count: 2, epoch: 5 }));
  assertStringIncludes(h.describe().offline!, "records of leader epoch 5 already");
  h.assume({ leaderEpoch: 6 });
  assertEquals([h.describe().offline, h.append({ acks: 0 }).reply?.error], [null, "NONE"]);
});

Deno.test("who is told to lead an epoch that is over does not, until it has a newer word", () => {
  const h = new Harness({}, storeWith({ count: 1, epoch: 8 }));
  assertEquals(h.append().reply?.error, "KAFKA_STORAGE_ERROR");
  h.assume({ leaderEpoch: 9 });
  assertEquals(h.append({ acks: 0 }).reply?.error, "NONE");
});

Deno.test("a leader that is told that it no longer is answers who waits, and follows", () => {
  const h = new Harness(LEADS);
  const appending = [h.append(), h.append({ acks: 1 })];
  const fetching = h.await(0);
  h.assume({ leader: 3, leaderEpoch: 6, isr: [3] });
  assertEquals(appending.map(({ reply }) => reply?.error), ["NOT_LEADER_OR_FOLLOWER", "NOT_LEADER_OR_FOLLOWER"]);
  assertEquals([fetching.reply, h.append().reply?.error], [true, "NOT_LEADER_OR_FOLLOWER"]);
  assertEquals([h.probe.asks.map(({ to }) => to), h.probe.state.leadership], [["3/replica/t-0"], null]);
  assertEquals(h.describe().endOffset, 2, "and cuts nothing before the new leader has said so");
});

Deno.test("who leads on in a new epoch keeps those waiting whose records it still has", () => {
  const h = new Harness(LEADS);
  const appending = h.append();
  h.endFlush();
  h.assume({ leaderEpoch: 6 });
  assertEquals(appending.reply, undefined);
  h.pull(2);
  h.pull(3);
  assertEquals(appending.reply?.error, "NONE");
});

Deno.test("too few in sync: the high watermark stands still, and moves on when there are enough", () => {
  const h = new Harness(LEADS);
  const appending = h.append();
  h.endFlush();
  h.assume({ isr: [1] });
  h.pull(2);
  assertEquals([appending.reply, h.describe().highWatermark, maximal(h)], [undefined, 0, [1, 2]]);
  assertEquals(h.append().reply?.error, "NOT_ENOUGH_REPLICAS");
  h.accept();
  assertEquals([appending.reply?.error, h.describe().highWatermark], ["NONE", 1]);
});

Deno.test("who is acknowledged when too few are in sync is told", () => {
  const h = new Harness(LEADS);
  const appending = h.append();
  h.endFlush();
  h.probe.state.highWatermark = 1; // it had just moved
  h.assume({ isr: [1] });
  assertEquals(appending.reply?.error, "NOT_ENOUGH_REPLICAS_AFTER_APPEND");
});

Deno.test("acks=all waits for everyone in sync, acks=1 for this replica", () => {
  const h = new Harness(LEADS);
  const [one, all] = [h.append({ acks: 1 }), h.append()];
  h.endFlush();
  h.endFlush();
  assertEquals([one.reply?.error, all.reply], ["NONE", undefined]);
  h.pull(2);
  assertEquals(all.reply, undefined);
  h.pull(3);
  assertEquals(all.reply?.error, "NONE");
});

Deno.test("who has waited for minutes is gone, and is not kept", () => {
  const h = new Harness(LEADS);
  h.append();
  h.endFlush();
  h.assume({ isr: [1] });
  h.probe.advance(890_000).tell("tidy", undefined);
  assertEquals(h.probe.state.committing.size, 1);
  h.probe.advance(20_000).tell("tidy", undefined);
  assertEquals(h.probe.state.committing.size, 0);
});
