import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import type { ReplicaRole } from "../../../../actors/partition/protocol.ts";
import { type BatchOptions, encodeBatch } from "../../../../protocol/records.ts";
import { CorruptLogError } from "../../../../storage/log.ts";
import { WrongFolderError } from "../../../../storage/meta_properties.ts";
import { diskError, FakeStore } from "./fake_log.ts";
import { batch, Harness, ROLE } from "./harness.ts";

Deno.test("a replica takes up where its log ends", () => {
  const store = new FakeStore();
  const first = new Harness({}, store).fill(3, 2);
  first.probe.stop();
  assertEquals(first.log.closed, true, "closed cleanly");
  const again = new Harness({ role: { leaderEpoch: 6 } }, store);
  assertEquals(again.describe(), {
    error: "NONE",
    startOffset: 0,
    endOffset: 5,
    flushedOffset: 5,
    highWatermark: 5,
    lastStableOffset: 5,
    sizeInBytes: again.log.sizeInBytes,
    leader: 1,
    leaderEpoch: 6,
    partitionEpoch: 0,
    isr: [1],
    maximalIsr: [1],
    isCutOff: false,
    offline: null,
  });
  assertEquals(again.log.epochs, [{ epoch: 5, startOffset: 0 }, { epoch: 6, startOffset: 5 }]);
});

Deno.test("what recovery left unflushed is flushed before it counts", () => {
  const store = new FakeStore();
  store.onOpen = (log) => {
    if (log.endOffset === 0) log.append(batch(2, { baseOffset: 0, partitionLeaderEpoch: 1 }), 0);
  };
  const h = new Harness({}, store);
  assertEquals([h.log.flushCount, h.describe().highWatermark], [1, 0]);
  h.endFlush();
  assertEquals(h.describe().highWatermark, 2);
});

Deno.test("the checkpointed high watermark counts where it can be true", () => {
  const held = { config: { minInsyncReplicas: 2 }, role: { replicas: [1, 2], isr: [1] } } as const;
  const at = (checkpoint: number, startOffset = 0) => {
    const store = new FakeStore();
    store.highWatermarks.set("t-0", checkpoint);
    store.onOpen = (log) => {
      log.append(batch(4, { baseOffset: 0, partitionLeaderEpoch: 1 }), 0);
      log.flushedOffset = 4;
      log.startOffset = startOffset;
    };
    return new Harness({ config: held.config, role: { replicas: [1, 2], isr: [1] } }, store).describe().highWatermark;
  };
  assertEquals([at(3), at(9), at(0, 2)], [3, 4, 2]);
});

Deno.test("a checkpointed high watermark of before a cleaning counts for all of the header in which it lies", () => {
  const open = (checkpoint: number, header: BatchOptions = {}, compact = true) => {
    const store = new FakeStore();
    store.highWatermarks.set("t-0", checkpoint);
    store.onOpen = (log) => {
      log.append(batch(4, { baseOffset: 0, partitionLeaderEpoch: 1 }), 0);
      log.append(encodeBatch([], { baseOffset: 4, lastOffsetDelta: 5, partitionLeaderEpoch: 1, ...header }), 0);
      log.append(batch(2, { baseOffset: 10, partitionLeaderEpoch: 1 }), 0);
      log.flushedOffset = 12;
    };
    return new Harness({ config: { minInsyncReplicas: 2, compact }, role: { replicas: [1, 2], isr: [1] } }, store);
  };
  const at = (checkpoint: number, header?: BatchOptions) => open(checkpoint, header).describe().highWatermark;
  assertEquals([4, 5, 9, 10, 11].map((checkpoint) => at(checkpoint)), [4, 10, 10, 10, 11]);
  assertEquals(at(5, { producerId: 7n }), 5, "which is as it was written");
  assertEquals(open(5, {}, false).describe().highWatermark, 10, "the policy was another when it was cleaned");
  const h = open(7);
  assertEquals([h.await(4).reply, h.fetch(4).records.length > 0], [true, true], "what there is to read can be read");
});

Deno.test("the high watermark is remembered as it moves", () => {
  const h = new Harness().fill(3);
  assertEquals(h.store.highWatermark("t-0"), 3);
});

Deno.test("a log that cannot be opened leaves the replica offline, with the reason", () => {
  const refusals = [
    diskError("permission denied"),
    new CorruptLogError("t-0", "0.log", 7, "bit rot at byte 7"),
    new WrongFolderError("the folder holds another topic"),
  ];
  for (const refusal of refusals) {
    const store = new FakeStore();
    store.refusal = refusal;
    const h = new Harness({}, store);
    assertEquals([h.append().reply?.error, h.fetch(0).error], ["KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
    assertStringIncludes(h.describe().offline!, refusal.message);
    assertEquals([h.describe().error, h.describe().endOffset], ["KAFKA_STORAGE_ERROR", 0]);
    store.refusal = undefined;
    h.probe.kill().advance(1_000);
    assertEquals(h.describe().error, "NONE", "until it is restarted");
  }
});

Deno.test("a crashed replica does not close its log as if it were whole", () => {
  const h = new Harness().fill(1);
  const { log } = h;
  const closed: boolean[] = [];
  const close = log.close.bind(log);
  log.close = (clean) => {
    closed.push(clean);
    close(clean);
  };
  h.probe.kill().advance(1_000);
  assertEquals([closed, h.describe().endOffset], [[false], 1]);
});

Deno.test("after a restart the last word of the controller counts, not the first", () => {
  const h = new Harness().fill(1);
  h.probe.tell("assume", { ...ROLE, leaderEpoch: 9, partitionEpoch: 4 });
  h.probe.tell("configure", { ...h.probe.state.config, maxMessageBytes: 7 });
  h.probe.kill().advance(1_000);
  assertEquals(h.describe().leaderEpoch, 9);
  assertEquals(h.append().reply?.error, "MESSAGE_TOO_LARGE");
  h.probe.tell("assume", { ...ROLE, leaderEpoch: 5, partitionEpoch: 1 });
  assertEquals(h.describe().leaderEpoch, 9);
});

Deno.test("an epoch that was led before the restart goes on", () => {
  const h = new Harness().fill(2);
  h.probe.kill().advance(1_000);
  h.fill(1);
  assertEquals(h.log.epochs, [{ epoch: 5, startOffset: 0 }]);
  assertEquals(h.log.batches.map(({ header }) => header.partitionLeaderEpoch), [5, 5]);
});

Deno.test("a new leader epoch begins at the end of the log, and stamps what comes", () => {
  const h = new Harness().fill(3);
  const waiting = h.await(3);
  h.probe.tell("assume", { ...ROLE, leaderEpoch: 7, partitionEpoch: 1 });
  assertEquals(h.log.epochs, [{ epoch: 5, startOffset: 0 }, { epoch: 7, startOffset: 3 }]);
  assertEquals(waiting.reply, true, "who waits learns of the new epoch");
  h.fill(1);
  assertEquals(h.log.batches.at(-1)!.header.partitionLeaderEpoch, 7);
});

Deno.test("older words of the controller are ignored, by partition epoch, leader epoch and broker epoch", () => {
  const h = new Harness({ role: { partitionEpoch: 3 } });
  const ignored = (role: Partial<ReplicaRole>) => {
    const { role: before } = h.probe.state;
    h.probe.tell("assume", { ...ROLE, isr: [1, 2], ...role });
    return h.probe.state.role === before;
  };
  assert(ignored({ partitionEpoch: 2 }), "an older partition epoch");
  assert(ignored({ partitionEpoch: 2, leader: 2, leaderEpoch: 6 }), "even with a newer leader epoch");
  assert(ignored({ partitionEpoch: 3 }), "nothing is newer");
  assert(ignored({ partitionEpoch: 4, leader: 2, leaderEpoch: 4 }), "an older leader epoch");
  assert(ignored({ partitionEpoch: 4, brokerEpoch: 9 }), "an older broker epoch");
  assertFalse(ignored({ partitionEpoch: 3, brokerEpoch: 11 }), "only this broker's epoch is newer");
  assertFalse(ignored({ partitionEpoch: 3, brokerEpoch: 11, leaderEpoch: 6 }), "the leader epoch is newer");
  assertFalse(ignored({ partitionEpoch: 4, brokerEpoch: 11, leaderEpoch: 6 }), "the partition epoch is newer");
});

Deno.test("a leader that is replaced turns away everyone who waits", () => {
  const h = new Harness();
  const appending = [h.append(), h.append({ acks: 1 })];
  const fetching = h.await(0);
  h.probe.tell("assume", { ...ROLE, leader: 2, leaderEpoch: 6, partitionEpoch: 1, replicas: [1, 2], isr: [2] });
  for (const { reply } of appending) {
    assertEquals([reply?.error, reply?.leader, reply?.leaderEpoch], ["NOT_LEADER_OR_FOLLOWER", 2, 6]);
  }
  assertEquals([fetching.reply, h.append().reply?.error], [true, "NOT_LEADER_OR_FOLLOWER"]);
  h.endFlush();
  assertEquals(h.describe().highWatermark, 0, "a follower's high watermark is its leader's word");
});

Deno.test("a follower that becomes the leader begins its epoch", () => {
  const h = new Harness({ role: { leader: 2 } });
  assertEquals(h.log.epochs, []);
  h.probe.tell("assume", { ...ROLE, leaderEpoch: 6, partitionEpoch: 1 });
  assertEquals(h.log.epochs, [{ epoch: 6, startOffset: 0 }]);
  h.fill(1);
  assertEquals(h.describe().highWatermark, 1);
});

Deno.test("a smaller ISR that is too small holds the high watermark, a larger one waits for its followers", () => {
  const h = new Harness({ config: { minInsyncReplicas: 2 }, role: { replicas: [1, 2, 3], isr: [1, 2] } });
  const waiting = h.append();
  h.endFlush();
  assertEquals([waiting.reply, h.describe().highWatermark], [undefined, 0], "node 2 has not told what it has");
  h.probe.tell("assume", { ...h.probe.state.role, isr: [1], partitionEpoch: 1 });
  assertEquals([waiting.reply, h.describe().highWatermark], [undefined, 0]);
  assertEquals(h.append().reply?.error, "NOT_ENOUGH_REPLICAS");
});

Deno.test("a follower that leaves the ISR no longer holds the high watermark back", () => {
  const h = new Harness({ role: { replicas: [1, 2], isr: [1, 2] } });
  const appending = h.append();
  h.endFlush();
  const fetching = h.await(0);
  h.probe.tell("assume", { ...h.probe.state.role, isr: [1], partitionEpoch: 1 });
  assertEquals([appending.reply?.error, fetching.reply, h.describe().highWatermark], ["NONE", true, 1]);
});

Deno.test("a leader does not begin an epoch that its log has seen the end of", () => {
  const h = new Harness({}, storeAtEpoch(8));
  assertStringIncludes(h.describe().offline!, "leader epoch 8");
  assertEquals(h.append().reply?.error, "KAFKA_STORAGE_ERROR");
});

function storeAtEpoch(epoch: number): FakeStore {
  const store = new FakeStore();
  store.onOpen = (log) => log.epochs.push({ epoch, startOffset: 0 });
  return store;
}

Deno.test("a disk error while an epoch is noted takes the replica offline", () => {
  const h = new Harness().fill(1);
  h.log.broken.set("assignEpoch", diskError());
  h.probe.tell("assume", { ...ROLE, leaderEpoch: 6, partitionEpoch: 1 });
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR");
});
