import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { batches } from "../../../../protocol/batch.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import { diskError, diskFull, FakeStore } from "./fake_log.ts";
import { FOLLOWS, Harness, produced, stored, storeWith } from "./harness.ts";

/** A follower whose log has batches already. */
const follower = (...log: { readonly count: number; readonly epoch: number }[]) =>
  new Harness(FOLLOWS, storeWith(...log));
const ends = (h: Harness) => [h.log.startOffset, h.describe().highWatermark, h.log.flushedOffset, h.log.endOffset];
const sends = (h: Harness) => h.probe.take().flatMap((each) => each.type === "send" ? [each] : []);

Deno.test("a follower asks its leader, at once and again and again, for what comes after its log", () => {
  const h = new Harness(FOLLOWS, storeWith({ count: 3, epoch: 4 }));
  const [asked] = h.probe.asks;
  assertEquals(asked?.to, "2/replica/t-0");
  assertEquals(h.question, {
    brokerId: 1,
    brokerEpoch: 10,
    leaderEpoch: 5,
    offset: 3,
    safeOffset: 3,
    lastFetchedEpoch: 4,
    startOffset: 0,
    highWatermark: -1,
    leaderMs: -1,
    maxBytes: 1 << 20,
    waitMs: 500,
  });
  h.tell({ records: stored(3, 2), highWatermark: 3, leaderMs: 7.5 });
  const { offset, safeOffset, lastFetchedEpoch, highWatermark, leaderMs } = h.question!;
  assertEquals([offset, safeOffset, lastFetchedEpoch, highWatermark], [5, 3, 5, 3], "it is appended, but not safe");
  assertEquals(leaderMs, 7.5, "the leader hears which of its answers came");
  h.tell({ highWatermark: 4 });
  assertEquals([h.probe.asks.length, h.question?.highWatermark], [1, 4]);
});

Deno.test("a log without a record has no last epoch", () => {
  assertEquals([new Harness(FOLLOWS).question?.offset, new Harness(FOLLOWS).question?.lastFetchedEpoch], [0, -1]);
});

Deno.test("batches come into the log as they are", () => {
  const h = new Harness(FOLLOWS);
  const bytes = concatenate([stored(0, 2, 3), stored(2, 1, 5)]);
  h.tell({ records: bytes });
  assertEquals(concatenate(h.log.batches.map(({ bytes }) => bytes)), bytes);
  assertEquals(h.log.epochs, [{ epoch: 3, startOffset: 0 }, { epoch: 5, startOffset: 2 }]);
});

Deno.test("what is safe is told when it is flushed, while the next question is under way", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: stored(0, 2) });
  h.probe.take();
  h.endFlush();
  assertEquals(sends(h).map(({ to, verb, message }) => [to, verb, message]), [
    ["2/replica/t-0", "safe", { brokerId: 1, brokerEpoch: 10, leaderEpoch: 5, safeOffset: 2 }],
  ]);
  h.tell({ records: stored(2, 2) });
  assertEquals(h.question?.safeOffset, 2);
  h.tell({ records: stored(4, 1) });
  h.endFlush(); // of what came first
  h.endFlush();
  assertEquals(sends(h).map(({ message }) => (message as { safeOffset: number }).safeOffset), [4, 5]);
});

Deno.test("nothing is called safe before the leader has seen where the logs part", () => {
  const store = storeWith();
  store.onOpen = (log) => log.append(stored(0, 4, 3), 0); // not flushed yet
  const h = new Harness(FOLLOWS, store);
  assertEquals([h.question?.offset, h.question?.safeOffset], [4, 0]);
  h.probe.take();
  h.endFlush();
  assertEquals(sends(h), [], "it may be cut yet, and the leader would count it");
  h.tell({ divergingEpoch: { epoch: 3, endOffset: 2 } });
  assertEquals(sends(h), []);
});

Deno.test("without flush.before.ack what is written is safe, and each pull says so", () => {
  const h = new Harness({ ...FOLLOWS, config: { flushBeforeAck: false } });
  h.tell({ records: stored(0, 2), highWatermark: 2 });
  assertEquals([h.question?.safeOffset, h.describe().highWatermark, h.log.flushCount], [2, 2, 0]);
  assertEquals(sends(h), []);
});

Deno.test("a follower's high watermark is the leader's, as far as its own records are safe, and is remembered", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: stored(0, 4), highWatermark: 3 });
  assertEquals(ends(h), [0, 0, 0, 4]);
  h.endFlush();
  assertEquals([ends(h), h.store.highWatermark("t-0")], [[0, 3, 4, 4], 3]);
  h.tell({ highWatermark: 9 });
  assertEquals(ends(h), [0, 4, 4, 4], "never beyond its own end");
  h.tell({ highWatermark: 2 });
  assertEquals(h.describe().highWatermark, 4, "never back");
});

Deno.test("a new leader begins by telling less: the high watermark stays, and nothing is cut for it", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: stored(0, 4), highWatermark: 2 }).endFlush();
  h.assume({ leader: 3, leaderEpoch: 6 });
  assertEquals(ends(h), [0, 2, 4, 4]);
  h.tell({ highWatermark: 0 });
  assertEquals(ends(h), [0, 2, 4, 4]);
});

Deno.test("where the logs part the follower cuts, and asks again from there", () => {
  const h = follower({ count: 2, epoch: 3 }, { count: 1, epoch: 4 }, { count: 2, epoch: 4 });
  h.tell({ divergingEpoch: { epoch: 4, endOffset: 3 } });
  assertEquals([ends(h), h.question?.offset, h.question?.lastFetchedEpoch], [[0, 0, 3, 3], 3, 4]);
  h.tell({ divergingEpoch: { epoch: 3, endOffset: 2 }, records: stored(3, 1) });
  assertEquals([ends(h), h.question?.offset, h.question?.lastFetchedEpoch], [[0, 0, 2, 2], 2, 3]);
  assertEquals(h.log.epochs, [{ epoch: 3, startOffset: 0 }]);
});

Deno.test("an answer that shows where the logs part brings nothing else", () => {
  const h = follower({ count: 2, epoch: 3 }, { count: 2, epoch: 4 });
  h.tell({ divergingEpoch: { epoch: 3, endOffset: 2 }, highWatermark: 4, startOffset: 1 });
  assertEquals(ends(h), [0, 0, 2, 2]);
});

Deno.test("below the high watermark a follower cuts only if it is not in sync, and says so", () => {
  const lost = { divergingEpoch: { epoch: 3, endOffset: 2 } };
  const start = (isr: number[]) => {
    const h = new Harness(
      { role: { ...FOLLOWS.role, isr } },
      storeWith({ count: 2, epoch: 3 }, { count: 2, epoch: 4 }),
    );
    h.probe.state.raiseHighWatermark(4);
    return h.tell(lost);
  };
  const unclean = start([2]);
  assertEquals([ends(unclean), unclean.store.highWatermark("t-0")], [[0, 2, 2, 2], 2]);
  assertStringIncludes(unclean.reports.join(), "does not have the committed records from offset 2 to 3");
  const inSync = start([1, 2]);
  assertStringIncludes(inSync.describe().offline!, "in sync and stops following");
  assertEquals([inSync.log.endOffset, inSync.outages(), inSync.question], [4, [true], undefined]);
});

Deno.test("a follower that may have been cleaned by what it has to cut begins anew, unless it takes itself for in sync", () => {
  const start = (isr: number[], highWatermark: number, compact: boolean, wasCleaned: boolean, rewrittenTo = 0) => {
    const store = storeWith({ count: 2, epoch: 3 }, { count: 2, epoch: 4 });
    const h = new Harness({ role: { ...FOLLOWS.role, isr }, config: { compact } }, store);
    h.probe.state.raiseHighWatermark(highWatermark);
    h.log.wasCleaned = wasCleaned;
    h.log.rewrittenTo = rewrittenTo;
    return h.tell({ divergingEpoch: { epoch: 3, endOffset: 2 }, startOffset: 1 });
  };
  const cleaned = [[3, true, false, 0], [3, false, true, 0], [0, true, true, 3], [0, false, true, 3]] as const;
  for (const [highWatermark, compact, wasCleaned, rewrittenTo] of cleaned) {
    const h = start([2], highWatermark, compact, wasCleaned, rewrittenTo);
    assertEquals(ends(h), [1, 1, 1, 1]);
    assertStringIncludes(
      h.reports.join(),
      "begins anew: it may have been cleaned by committed records from offset 2 on",
    );
  }
  for (const [highWatermark, compact, wasCleaned, rewrittenTo] of [[2, true, true, 2], [3, false, false, 0]] as const) {
    assertEquals(ends(start([2], highWatermark, compact, wasCleaned, rewrittenTo)), [0, 2, 2, 2]);
  }
  assertStringIncludes(start([1, 2], 3, true, true, 3).describe().offline!, "in sync and stops following");
  const inSync = start([1, 2], 0, true, true, 3);
  assertEquals([ends(inSync), inSync.question, inSync.describe().offline], [[0, 0, 4, 4], undefined, null]);
});

Deno.test("a follower that would have to cut nothing does not spin, but waits and says what it does not understand", () => {
  const h = follower({ count: 2, epoch: 3 });
  h.tell({ divergingEpoch: { epoch: 3, endOffset: 5 } });
  assertEquals([h.question, h.log.endOffset], [undefined, 2]);
  assertStringIncludes(h.reports.join(), "does not understand its leader");
  h.probe.advance(10);
  assertEquals(h.question?.offset, 2);
});

Deno.test("an epoch that it was to lead, and wrote nothing in, does not stand in the way of the next leader's records", () => {
  const h = new Harness({ role: { replicas: [1, 2], isr: [1, 2], leaderEpoch: 6 } }, storeWith({ count: 2, epoch: 3 }));
  assertEquals(h.log.latestEpoch, 6);
  h.assume({ leader: 2, leaderEpoch: 7 });
  assertEquals([h.log.latestEpoch, h.question?.lastFetchedEpoch], [3, 3]);
  h.tell({ records: stored(2, 1, 4) });
  assertEquals(h.log.endOffset, 3);
});

Deno.test("a bad batch is refused, and asked for again after a while; what came before it is kept", () => {
  const h = new Harness(FOLLOWS);
  const bad = stored(2, 1);
  bad[62]! ^= 1;
  h.tell({ records: concatenate([stored(0, 2), bad]) });
  assertEquals([h.log.endOffset, h.question], [2, undefined]);
  assertStringIncludes(
    h.reports.join(),
    "refused what its leader, node 2, sent: The batch with offset 2 does not match",
  );
  h.probe.advance(10);
  assertEquals(h.question?.offset, 2);
  h.tell({ records: bad });
  assertEquals([h.reports.length, h.question], [1, undefined], "said once");
  h.probe.advance(20);
  h.tell({ records: stored(2, 1) });
  assertEquals([h.log.endOffset, h.question?.offset], [3, 3]);
});

Deno.test("records that do not go on where the log ends are not appended", () => {
  for (const baseOffset of [1, 3]) {
    const h = follower({ count: 2, epoch: 3 });
    h.tell({ records: stored(baseOffset, 2) });
    assertEquals(h.log.endOffset, 2);
  }
});

Deno.test("only the newest question of the role may be answered", () => {
  const old = follower({ count: 2, epoch: 3 });
  const [first] = old.probe.asks;
  old.assume({ leader: 3, leaderEpoch: 6 });
  old.probe.answer(first!, { ...NOTHING, records: stored(2, 1), highWatermark: 2 });
  assertEquals([old.log.endOffset, old.describe().highWatermark], [2, 0], "of the leader before");
  old.probe.answer(old.probe.asks.at(-1)!, { ...NOTHING, records: stored(2, 1, 6) });
  assertEquals(old.log.endOffset, 3);

  const incarnation = follower({ count: 2, epoch: 3 });
  const [before] = incarnation.probe.asks;
  incarnation.assume({ brokerEpoch: 11, partitionEpoch: 0 });
  assertEquals((incarnation.probe.asks.at(-1)?.message as { brokerEpoch: number }).brokerEpoch, 11);
  incarnation.probe.answer(before!, { ...NOTHING, records: stored(2, 1) });
  assertEquals(incarnation.log.endOffset, 2, "to the question of an earlier broker epoch");

  const silent = follower({ count: 2, epoch: 3 });
  silent.probe.advance(1_510); // the first was given up, and a second is under way
  assertEquals(silent.probe.asks.length, 1);
  silent.probe.state.following!.sequence++; // as if a third were
  silent.tell({ records: stored(2, 1) });
  assertEquals(silent.log.endOffset, 2, "not the newest");
});

const NOTHING = {
  error: "NONE",
  records: new Uint8Array(0),
  highWatermark: 0,
  startOffset: 0,
  divergingEpoch: null,
  leaderMs: 0,
  heldByAll: -1,
  tombstonesGoneTo: 0,
} as const;

Deno.test("a newer word about the same leader and epoch disturbs nothing", () => {
  const h = new Harness(FOLLOWS);
  const [asked] = h.probe.asks;
  h.assume({ isr: [2] });
  assertEquals(h.probe.asks, [asked!]);
  h.tell({ records: stored(0, 1) });
  assertEquals(h.log.endOffset, 1);
});

Deno.test("after an error the follower waits, twice as long each time, and goes on when it is answered", () => {
  const h = new Harness({ ...FOLLOWS, config: { replicaFetchBackoffMs: 35 } });
  const errors = [
    () => h.tell({ error: "NOT_LEADER_OR_FOLLOWER" }),
    () => h.tell({ error: "FENCED_LEADER_EPOCH" }),
    () => h.tell({ error: "UNKNOWN_LEADER_EPOCH" }),
    () => h.tell({ error: "STALE_BROKER_EPOCH" }),
    () => h.tell({ error: "KAFKA_STORAGE_ERROR" }),
    () => h.probe.fail("pull", "unreachable"),
    () => h.probe.fail("pull", "crashed"),
  ];
  const waits = [10, 20, 35, 35, 35, 35, 35];
  errors.forEach((error, at) => {
    error();
    h.probe.advance(waits[at]! - 1);
    assertEquals(h.question, undefined, `error ${at}`);
    h.probe.advance(1);
    assert(h.question !== undefined, `error ${at}`);
  });
  h.tell({ records: stored(0, 1) });
  h.tell({ error: "UNKNOWN_LEADER_EPOCH" });
  h.probe.advance(10);
  assertEquals(h.question?.offset, 1, "it begins again with a short one");
});

Deno.test("silence is not waited for long after the leader's patience", () => {
  const h = new Harness(FOLLOWS);
  const [first] = h.probe.asks;
  h.probe.advance(1_499);
  assertEquals(h.probe.asks, [first!]);
  h.probe.advance(11);
  assert(h.question !== undefined && h.probe.asks[0] !== first);
});

Deno.test("without a leader nobody is asked", () => {
  const h = new Harness({ role: { ...FOLLOWS.role, leader: -1 } });
  assertEquals(h.probe.asks, []);
  h.assume({ leader: 2, leaderEpoch: 6 });
  assertEquals(h.question?.leaderEpoch, 6);
  h.assume({ leader: -1, leaderEpoch: 7 });
  h.tell({ error: "UNKNOWN_LEADER_EPOCH" });
  h.probe.advance(5_000);
  assertEquals(h.probe.asks, []);
});

Deno.test("the leader's start is followed, as far as the log goes", () => {
  const h = follower({ count: 2, epoch: 3 }, { count: 2, epoch: 3 });
  h.tell({ startOffset: 2, highWatermark: 3 });
  assertEquals([h.log.startOffset, h.question?.startOffset], [2, 2]);
  h.tell({ startOffset: 9 });
  assertEquals([h.log.startOffset, h.describe().highWatermark], [4, 4]);
  h.tell({ startOffset: 1 });
  assertEquals(h.log.startOffset, 4);
});

Deno.test("a follower that ends before its leader begins starts over there", () => {
  const h = follower({ count: 2, epoch: 3 });
  h.tell({ error: "OFFSET_OUT_OF_RANGE", startOffset: 7, highWatermark: -1 });
  assertEquals([ends(h), h.question?.offset, h.question?.lastFetchedEpoch], [[7, 7, 7, 7], 7, -1]);
  h.tell({ records: concatenate([stored(6, 2, 4), stored(8, 1)]), startOffset: 7, highWatermark: 7 });
  assertEquals([h.log.startOffset, h.log.endOffset], [7, 9], "the first batch contains the record that it begins with");
  assertEquals([...batches(h.log.batches[0]!.bytes)][0]?.baseOffset, 6);
});

Deno.test("an empty log that begins above its leader's end starts over at the leader's start, if it is not in sync", () => {
  const start = (isr: number[]) => {
    const store = new FakeStore();
    store.onOpen = (log) => log.startOffset = log.flushedOffset = 9;
    return new Harness({ role: { ...FOLLOWS.role, isr } }, store);
  };
  const h = start([2]);
  h.tell({ error: "OFFSET_OUT_OF_RANGE", startOffset: 3 });
  assertEquals(ends(h), [3, 3, 3, 3]);
  assertStringIncludes(
    start([1, 2]).tell({ error: "OFFSET_OUT_OF_RANGE", startOffset: 3 }).describe().offline!,
    "in sync",
  );
});

Deno.test("a log with records is never thrown away because an answer is strange", () => {
  const h = follower({ count: 2, epoch: 3 });
  for (const startOffset of [-1, 0, 2]) {
    h.tell({ error: "OFFSET_OUT_OF_RANGE", startOffset });
    assertEquals([h.log.endOffset, h.question], [2, undefined]);
    h.probe.advance(100);
  }
  assertStringIncludes(h.reports.join(), "cannot follow");
});

Deno.test("a follower's producers are those of its log: when it leads, what was sent before is a duplicate", () => {
  const h = new Harness(FOLLOWS);
  const records = stored(0, 3, 5, { producerId: 7n, producerEpoch: 0, baseSequence: 0 });
  h.tell({ records: concatenate([records, stored(3, 2, 5, { producerId: 7n, producerEpoch: 0, baseSequence: 3 })]) });
  h.endFlush();
  h.assume({ leader: 1, leaderEpoch: 6, isr: [1] });
  assertEquals(h.append({ records: produced(7, 0, 3, 2), acks: 1 }).reply?.baseOffset, 3);
  const next = h.append({ records: produced(7, 0, 5, 1), acks: 1 });
  h.endFlush();
  assertEquals(next.reply?.baseOffset, 5);
});

Deno.test("a producer's batch that is cut off was never sent", () => {
  const h = new Harness({ role: { ...FOLLOWS.role, isr: [2] } });
  const of = (offset: number, sequence: number, epoch: number) =>
    stored(offset, 1, epoch, { producerId: 7n, producerEpoch: 0, baseSequence: sequence });
  h.tell({ records: concatenate([of(0, 0, 3), of(1, 1, 4)]) });
  h.tell({ divergingEpoch: { epoch: 3, endOffset: 1 } }).endFlush();
  h.assume({ leader: 1, leaderEpoch: 6, isr: [1] });
  const again = h.append({ records: produced(7, 0, 1, 1), acks: 1 });
  h.endFlush();
  assertEquals([again.reply?.error, again.reply?.baseOffset], ["NONE", 1]);
});

Deno.test("a full disk is waited for, any other failure takes the follower offline", () => {
  const h = new Harness(FOLLOWS);
  h.log.broken.set("append", diskFull());
  h.tell({ records: stored(0, 2) });
  assertEquals([h.describe().offline, h.describe().endOffset, h.question], [null, 0, undefined]);
  assertStringIncludes(h.reports.join(), "no space left");
  h.log.broken.clear();
  h.probe.advance(10);
  h.tell({ records: stored(0, 2) });
  assertEquals(h.describe().endOffset, 2);
  h.log.broken.set("append", diskError());
  h.tell({ records: stored(2, 1) });
  assertEquals([h.describe().error, h.question], ["KAFKA_STORAGE_ERROR", undefined]);
  h.probe.advance(10_000);
  assertEquals(h.probe.asks, []);
});

Deno.test("a disk that fails while the log is cut, or its start moved, takes the follower offline", () => {
  for (const method of ["truncateTo", "restartAt", "advanceStart"] as const) {
    const h = follower({ count: 2, epoch: 3 }, { count: 2, epoch: 4 });
    h.log.broken.set(method, diskError());
    if (method === "truncateTo") h.tell({ divergingEpoch: { epoch: 3, endOffset: 2 } });
    else if (method === "restartAt") h.tell({ error: "OFFSET_OUT_OF_RANGE", startOffset: 9 });
    else h.tell({ startOffset: 2 });
    assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR", method);
  }
});

Deno.test("an answer to a follower that is removed, or has gone offline, changes nothing", () => {
  const removed = new Harness(FOLLOWS);
  const { log } = removed;
  const [asked] = removed.probe.asks;
  removed.probe.tell("remove", undefined);
  assertEquals([removed.probe.stopped, asked?.verb, log.endOffset], [true, "pull", 0]);
  const offline = new Harness(FOLLOWS);
  offline.tell({ records: stored(0, 1) });
  offline.endFlush(diskError());
  offline.tell({ records: stored(1, 1) });
  assertEquals(offline.log.endOffset, 1);
});

Deno.test("a follower that crashes begins again where its log ends", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ records: stored(0, 2) });
  h.probe.kill().advance(1_000);
  assertEquals([h.question?.offset, h.question?.safeOffset, h.question?.highWatermark], [2, 0, -1]);
});

Deno.test("who may have missed a deletion that its leader has forgotten begins anew, unless it takes itself for in sync", () => {
  const h = follower({ count: 3, epoch: 4 });
  h.tell({ tombstonesGoneTo: 3, startOffset: 0 });
  assertEquals([ends(h), h.reports], [[0, 0, 3, 3], []], "all that was forgotten it has heard of");
  h.tell({ tombstonesGoneTo: 4, records: stored(3, 2), highWatermark: 5 });
  assertEquals([ends(h), h.probe.asks, h.reports], [[0, 0, 3, 3], [], []], "it takes nothing, and waits");
  h.assume({ isr: [2, 3] });
  h.probe.advance(10);
  h.tell({ tombstonesGoneTo: 4, records: stored(3, 2), highWatermark: 5, startOffset: 2 });
  assertEquals(ends(h), [2, 2, 2, 2]);
  assertStringIncludes(h.reports.join(), "t-0 begins anew: it ends at 3, and may have missed deletions up to offset 4");
  h.tell({ tombstonesGoneTo: 7, records: stored(2, 2), startOffset: 2 });
  h.tell({ tombstonesGoneTo: 7, records: stored(4, 1), startOffset: 2 });
  assertEquals([h.log.endOffset, h.log.tombstonesGoneTo], [5, 7], "what it has now it has from where those are gone");
  h.tell({ tombstonesGoneTo: 8, records: stored(5, 1), startOffset: 2 });
  assertEquals([h.log.endOffset, h.reports.length], [2, 2], "one more has gone before it has heard of it");
  h.assume({ leader: 3, leaderEpoch: 6 }).tell({}); // the leader before: too late
  h.tell({ tombstonesGoneTo: 3, records: stored(2, 1), startOffset: 2 });
  assertEquals(h.log.endOffset, 3);
  h.assume({ leader: 2, leaderEpoch: 7 }).tell({});
  h.tell({ tombstonesGoneTo: 7, records: stored(3, 1), startOffset: 2 });
  assertEquals([h.log.endOffset, h.reports.length], [2, 3], "what came from another leader counts for nothing");
});

Deno.test("who was filled without what a leader has forgotten knows so under the next", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ tombstonesGoneTo: 7, records: stored(0, 2) });
  h.assume({ leader: 3, leaderEpoch: 6, isr: [2, 3] }).tell({});
  h.tell({ tombstonesGoneTo: 7, records: stored(2, 1) });
  h.tell({ tombstonesGoneTo: 7, records: stored(3, 1) });
  assertEquals([h.log.endOffset, h.log.tombstonesGoneTo, h.reports], [4, 7, []]);
  h.assume({ leader: 2, leaderEpoch: 7 }).tell({});
  h.tell({ tombstonesGoneTo: 8, records: stored(4, 1) });
  assertEquals(h.log.endOffset, 0, "this one has forgotten more");
});

Deno.test("what one leader had forgotten when it filled a log says nothing of what the next one adds", () => {
  const h = new Harness(FOLLOWS);
  h.tell({ tombstonesGoneTo: 7, records: stored(0, 2) }).tell({ tombstonesGoneTo: 7, records: stored(2, 1) });
  assertEquals([h.log.endOffset, h.log.tombstonesGoneTo], [3, 7]);
  h.assume({ leader: 3, leaderEpoch: 6, isr: [2, 3] }).tell({});
  h.tell({ tombstonesGoneTo: 3, records: stored(3, 2) });
  assertEquals(
    [h.log.endOffset, h.log.tombstonesGoneTo],
    [5, 3],
    "it may yet lose a tombstone at 4, and has to say so",
  );
});
