import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Probe, probe } from "../../../../actors/probe.ts";
import type { ReplicaConfig, ReplicaProtocol } from "../../../../actors/partition/protocol.ts";
import { replica } from "../../../../actors/partition/replica.ts";
import type { Replica } from "../../../../actors/partition/state.ts";
import { batches } from "../../../../protocol/batch.ts";
import { CorruptLogError, type Log } from "../../../../storage/log.ts";
import { chain, content, keyed, sketchOf } from "../../storage/cleaning_kit.ts";
import { ReplicaCluster, type ReplicaNode } from "./cluster.ts";
import { diskError, diskFull, FakeStore } from "./fake_log.ts";
import { CONFIG, FOLLOWS, Harness, NOW_MS, ROLE, SELF, storeWith } from "./harness.ts";

const COMPACTED: Partial<ReplicaConfig> = {
  compact: true,
  delete: false,
  compaction: {
    deleteRetentionMs: 1_000,
    minLagMs: 3,
    maxLagMs: 4_000,
    minDirtyRatio: 0.25,
    backoffMs: 100,
    mapBytesMax: 1 << 20,
  },
};

Deno.test("the log of a compacted topic is looked at every back-off, and cleaned step by step", () => {
  const h = new Harness({ config: COMPACTED });
  fill(h, "a=1 b=1 c=1");
  h.probe.advance(99);
  assertEquals(h.log.cleanings, []);
  h.probe.advance(1);
  const [{ mustKeep: _, tombstonesUntil: __, ...request }] = h.log.cleanings as [Harness["log"]["cleanings"][0]];
  assertEquals(request, {
    untilOffset: 3,
    nowMs: NOW_MS + 100,
    deleteRetentionMs: 1_000,
    minLagMs: 3,
    maxLagMs: 4_000,
    minDirtyRatio: 0.25,
    mapBytesMax: 1 << 20,
  });
  h.log.cleaningSteps = 5;
  h.probe.advance(100);
  assertEquals([h.log.cleanings.length, h.log.cleanedTo, h.probe.state.cleaning], [2, 3, null]);
  h.probe.advance(100);
  assertEquals(h.log.cleanings.length, 3);
});

Deno.test("what is not committed or not decided is not cleaned", () => {
  const h = new Harness({ config: COMPACTED });
  fill(h, "a=1 b=1 c=1");
  h.append({ records: keyed("d=1") });
  h.probe.advance(100);
  assertEquals(h.log.cleanings.at(-1)!.untilOffset, 3);
});

Deno.test("a producer's last batch is kept, of those that are committed", () => {
  const h = new Harness({ config: COMPACTED });
  const from = { producerId: 7n, producerEpoch: 0 };
  h.append({ records: keyed("a=1 b=1", { ...from, baseSequence: 0 }) });
  h.append({ records: keyed("a=2", { ...from, baseSequence: 2 }) });
  while (h.log.flushing > 0) h.endFlush();
  h.append({ records: keyed("a=3", { ...from, baseSequence: 3 }) });
  h.probe.advance(100);
  const { mustKeep } = h.log.cleanings.at(-1)!;
  assertEquals(h.log.batches.map(({ header }) => mustKeep(header)), [false, true, false]);
});

Deno.test("tombstones may go below what every replica has, in sync or not, as the leader hears and tells it", () => {
  const cluster = new ReplicaCluster({ config: { replicaLagTimeMaxMs: 400, replicaFetchWaitMaxMs: 100 } });
  const heldByAll = () => cluster.nodes.map(({ live }) => live.heldByAll(cluster.env.clock.monotonic()));
  write(cluster, 5);
  cluster.advance(500);
  assertEquals(heldByAll(), [10, 10, 10]);
  for (const node of [1, 2]) cluster.network.cut(3, node);
  cluster.advance(600);
  write(cluster, 5);
  cluster.advance(500);
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 2]);
  assertEquals(heldByAll().slice(0, 2), [10, 10]);
  cluster.controller.elect(2);
  cluster.advance(500);
  assertEquals(heldByAll().slice(0, 2), [-1, -1], "the new leader has not heard one of them");
  cluster.network.heal();
  cluster.advance(2_000);
  assertEquals(heldByAll(), [20, 20, 20]);
  cluster.stop();

  const alone = new Harness({ config: COMPACTED });
  fill(alone, "a=1 b=1");
  alone.probe.advance(100);
  assertEquals(alone.log.cleanings.at(-1)!.tombstonesUntil(), 2);
});

Deno.test("a replica that was away for longer than delete.retention.ms hears of every deletion, or begins anew", () => {
  for (const deleteRetentionMs of [4_000, 200]) {
    const compaction = { ...SMALL.compaction, deleteRetentionMs, backoffMs: 50 };
    const cluster = new ReplicaCluster({ config: { ...SMALL, compaction } });
    assertEquals(cluster.produce(keyed("gone=1 kept=1")).error, "NONE");
    cluster.advance(50);
    for (const node of [1, 2]) cluster.network.cut(3, node);
    cluster.advance(600);
    assertEquals(cluster.produce(keyed("gone")).error, "NONE");
    for (let round = 0; round < 4; round++) {
      write(cluster, 20);
      cluster.advance(1_000);
    }
    const isWaitedFor = deleteRetentionMs === 4_000;
    for (const id of [1, 2]) assertEquals(content(cluster.node(id).live.log).includes(":gone"), isWaitedFor, `${id}`);
    cluster.network.heal();
    cluster.advance(5_000);
    assertEquals(cluster.node(3).reports.join().includes("begins anew"), !isWaitedFor);
    cluster.controller.elect(3);
    cluster.advance(1_000);
    assertEquals(latest(cluster.leader!.live.log)["gone"]?.includes("="), isWaitedFor ? false : undefined);
    for (let round = 0; round < 4; round++) {
      write(cluster, 20);
      cluster.advance(1_000);
    }
    for (const { live: { log } } of cluster.nodes) {
      assert(!content(log).includes(":gone"), `once all have heard of it, its marker goes: ${content(log)}`);
    }
    cluster.stop();
  }
});

Deno.test("a replica that is filled from nothing while the leader changes keeps nothing of which the new leader has forgotten that it was deleted", () => {
  for (const isLeaderFilledToo of [false, true]) {
    const compaction = { ...SMALL.compaction, deleteRetentionMs: 200, backoffMs: 50 };
    const cluster = new ReplicaCluster({ nodes: 4, config: { ...SMALL, compaction, replicaFetchMaxBytes: 100 } });
    const [first, second, third, fourth] = cluster.nodes as [ReplicaNode, ReplicaNode, ReplicaNode, ReplicaNode];
    const { compaction: _, ...neverCleaned } = first.live.config;
    first.live.lastWord.config = neverCleaned;
    assertEquals(cluster.produce(keyed("gone=1 kept=1")).error, "NONE");
    write(cluster, 20);
    assertEquals(cluster.produce(keyed("gone")).error, "NONE");
    for (let round = 0; round < 3; round++) {
      write(cluster, 10);
      cluster.advance(1_000);
    }
    assert(content(first.live.log).includes(":gone=1") && content(first.live.log).includes(":gone "));
    assert(!content(second.live.log).includes(":gone"), content(second.live.log));

    if (isLeaderFilledToo) { // it has dropped no tombstone, and does not have what others dropped
      cluster.controller.elect(2);
      third.loseDisk();
      third.start();
      cluster.advance(1);
      third.live.lastWord.config = neverCleaned;
      cluster.controller.unfence(3);
      cluster.advance(5_000);
      cluster.controller.elect(1);
      cluster.advance(500);
    }
    fourth.loseDisk();
    fourth.start();
    while ((fourth.replica?.endOffset ?? 0) < 10) cluster.advance(1);
    assert(fourth.live.endOffset < 42, "it has not heard of the deletion");
    first.die();
    cluster.controller.elect(isLeaderFilledToo ? 3 : 2);
    cluster.controller.fence(1);
    cluster.controller.unfence(4);
    cluster.advance(5_000);
    assertEquals(cluster.controller.state.isr.toSorted(), [2, 3, 4]);
    assertEquals(latest(fourth.live.log), latest(second.live.log));
    assertStringIncludes(fourth.reports.join(), "begins anew");
    cluster.stop();
  }
});

Deno.test("where records are not flushed before they are acknowledged, they are before they are cleaned", () => {
  const h = new Harness({ config: { ...COMPACTED, flushBeforeAck: false } });
  h.append({ records: keyed("a=1 b=1", { partitionLeaderEpoch: -1 }), acks: 1 });
  assertEquals(h.log.flushing, 0);
  h.probe.advance(100);
  assertEquals(h.log.flushing, 1);
  while (h.log.flushing > 0) h.endFlush();
  h.probe.advance(500);
  assertEquals([h.log.flushing, h.log.flushedOffset], [0, 2], "and not again when there is nothing more");
});

Deno.test("while the disk makes a cleaned segment durable, the next step waits, and nobody else does", () => {
  const h = new Harness({ config: COMPACTED });
  fill(h, "a=1 b=1 c=1");
  h.log.cleaningSteps = 3;
  h.log.isSyncing = true;
  h.probe.advance(1_000);
  assertEquals([h.log.cleanings.length, h.log.cleanedTo, h.probe.state.cleaning !== null], [1, 0, true]);
  fill(h, "d=1");
  assertEquals(h.log.endOffset, 4);
  h.log.endSync();
  h.probe.advance(1);
  assertEquals([h.log.cleanedTo, h.probe.state.cleaning], [3, null]);
});

Deno.test("topics that are not compacted are left alone, and a configuration changes that", () => {
  const h = new Harness();
  h.probe.advance(60_000);
  assertEquals(h.log.cleanings, []);
  h.probe.tell("configure", { ...h.probe.state.config, ...COMPACTED });
  h.probe.advance(100);
  assertEquals(h.log.cleanings.length, 1);
  const { compaction: _, ...without } = h.probe.state.config;
  h.probe.tell("configure", without);
  h.probe.advance(60_000);
  assertEquals(h.log.cleanings.length, 1);
});

Deno.test("rot and a full disk are told, and tried again later; the replica serves on", () => {
  for (const error of [new CorruptLogError("t-0", "0.log", 7, "The batch at byte 7 is bad."), diskFull()]) {
    for (const where of ["begin", "step"]) {
      const h = new Harness({ config: COMPACTED });
      fill(h, "a=1 b=1 c=1");
      h.log.cleaningSteps = 2;
      if (where === "begin") h.log.broken.set("beginCleaning", error);
      else h.log.stepFailure = error;
      h.probe.advance(100);
      assertStringIncludes(h.reports.join(), error.message);
      assertEquals(h.describe().error, "NONE");
      h.log.broken.clear();
      h.log.stepFailure = undefined;
      const before = h.log.cleanings.length;
      h.probe.advance(999);
      assertEquals(h.log.cleanings.length, before);
      h.probe.advance(1);
      assertEquals([h.log.cleanings.length, h.log.cleanedTo], [before + 1, 3]);
    }
  }
});

Deno.test("rot at the high watermark is found by who reads it, and keeps no log from being opened", () => {
  const refusing = (error: Error) => {
    const store = storeWith({ count: 1, epoch: 4 }, { count: 2, epoch: 4 });
    const fill = store.onOpen!;
    store.onOpen = (log) => {
      fill(log);
      log.broken.set("read", error);
    };
    store.highWatermarks.set("t-0", 1);
    return store;
  };
  const rot = new CorruptLogError("t-0", "0.log", 7, "The batch at byte 7 is bad.");
  for (const compact of [true, false]) {
    const h = new Harness({ ...FOLLOWS, config: { ...COMPACTED, compact } }, refusing(rot));
    assertEquals([h.describe().error, h.describe().highWatermark, h.question?.offset], ["NONE", 1, 3]);
  }
  const failed = new Harness({ ...FOLLOWS, config: COMPACTED }, refusing(diskError()));
  assertStringIncludes(failed.describe().offline ?? "", "could not open its log");
});

Deno.test("a disk that fails takes the replica offline", () => {
  const h = new Harness({ config: COMPACTED });
  h.log.cleaningSteps = 2;
  h.log.stepFailure = diskError();
  h.probe.advance(100);
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR");
  assertStringIncludes(h.describe().offline ?? "", "could not clean its log");
});

/** Replicas of one broker. */
function broker(
  names: readonly string[],
): { readonly store: FakeStore; readonly probes: Probe<ReplicaProtocol, Replica>[] } {
  const store = new FakeStore();
  const actor = replica({ logs: store, brokerId: SELF });
  const probes = names.map((topic) =>
    probe(actor, {
      topic,
      topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
      partition: 0,
      config: { ...CONFIG, ...COMPACTED },
      role: ROLE,
    }, { name: `${topic}-0`, epochMs: NOW_MS })
  );
  return { store, probes };
}

Deno.test("one replica of a broker cleans at a time; the next takes its turn when that one is done, offline or dead", () => {
  for (const end of ["done", "offline", "dead", "removed"] as const) {
    const { store, probes: [a, b] } = broker(["a", "b"]);
    for (const log of store.logs.values()) log.cleaningSteps = 3;
    const [logA, logB] = [store.logs.get("a-0")!, store.logs.get("b-0")!];
    a!.state.turn.take(a!.state); // as in the middle of a cleaning
    b!.advance(250);
    assertEquals(logB.cleanings, []);
    if (end === "done") a!.advance(100);
    else if (end === "offline") {
      a!.ask("append", { records: keyed("a=1"), acks: -1, zstdAllowed: true });
      logA.endFlush(diskError());
      a!.advance(0);
      assert(a!.state.offline !== null);
    } else if (end === "dead") a!.kill();
    else a!.tell("remove", undefined).advance(100);
    b!.advance(100);
    assertEquals([logB.cleanings.length, logB.cleanedTo === 0], [1, true], end);
  }
});

/** Batches with few keys go through the whole cluster. */
function write(cluster: ReplicaCluster, count: number): void {
  for (let index = 0; index < count; index++) {
    assertEquals(cluster.produce(keyed(`k${index % 3}=${index} x=${index}`)).error, "NONE");
  }
}

const SMALL = {
  ...COMPACTED,
  compaction: { ...COMPACTED.compaction!, minDirtyRatio: 0.01, minLagMs: 0 },
  log: { ...CONFIG.log, segmentBytes: 700, indexIntervalBytes: 100 },
  replicaLagTimeMaxMs: 400,
  replicaFetchWaitMaxMs: 100,
} as const;

/** Batches with keys, durable and committed. */
function fill(h: Harness, ...sketches: string[]): Harness {
  for (const sketch of sketches) h.append({ records: keyed(sketch, { partitionLeaderEpoch: -1 }) });
  while (h.log.flushing > 0) h.endFlush();
  return h;
}

/** What is left of each key. */
function latest(log: Log): Record<string, string> {
  const last = new Map(content(log).split(" ").map((each) => [each.split(":")[1]!.split("=")[0]!, each]));
  return Object.fromEntries([...last].sort());
}

Deno.test("a follower whose log ends within what its leader has cleaned goes on from there", () => {
  const cluster = new ReplicaCluster({ config: SMALL });
  write(cluster, 7);
  cluster.advance(50);
  const behind = cluster.node(3).live.endOffset;
  assertEquals(behind, 14);
  for (const node of [1, 2]) cluster.network.cut(3, node);
  cluster.advance(600);
  write(cluster, 60);
  cluster.advance(3_000);
  const leader = cluster.leader!.live;
  assert(leader.log.cleanedTo > 100, `${leader.log.cleanedTo}`);
  assert(/^0-(\d+)!/.exec(chain(leader.log)) && Number(RegExp.$1) > behind, chain(leader.log));
  cluster.network.heal();
  cluster.advance(5_000);
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 2, 3]);
  for (const { live } of cluster.nodes) {
    assertEquals(live.endOffset, 134);
    assertEquals(latest(live.log), latest(leader.log));
  }
  cluster.stop();
});

Deno.test("what the followers have cleaned they keep when one of them leads, and when all start again", () => {
  const cluster = new ReplicaCluster({ config: SMALL });
  write(cluster, 40);
  cluster.advance(2_000);
  const before = latest(cluster.leader!.live.log);
  for (const node of cluster.nodes) {
    assert(node.live.log.cleanedTo > 50);
    node.die();
    node.start();
    cluster.advance(5_000);
    cluster.controller.unfence(node.id);
    cluster.advance(5_000);
    const { isr, leader } = cluster.controller.state;
    assertEquals(isr.length, 3);
    cluster.controller.elect(isr.find((id) => id !== leader)!);
    cluster.advance(2_000);
    assertEquals(latest(cluster.leader!.live.log), before);
  }
  write(cluster, 5);
  cluster.advance(1_000);
  for (const { live } of cluster.nodes) assertEquals(latest(live.log), latest(cluster.leader!.live.log));
  cluster.stop();
});

Deno.test("a client's fetch holds records, unless there are none up to the end", () => {
  const cluster = new ReplicaCluster({ config: SMALL });
  write(cluster, 40);
  cluster.advance(2_000);
  const leader = cluster.leader!;
  const left = [...new Set(content(leader.live.log).split(" ").map((each) => Number(each.split(":")[0])))];
  for (let offset = 0; offset < 80; offset++) {
    const { records, error } = leader.fetch(offset, { maxBytes: 100 });
    assertEquals(error, "NONE");
    const found = [...batches(records)].flatMap(({ at, sizeInBytes }) =>
      sketchOf(records.subarray(at, at + sizeInBytes))
    );
    assert(found.length > 0, `nothing at ${offset}`);
    const first = Math.min(...found.map((each) => Number(each.split(":")[0])).filter((each) => each >= offset));
    assertEquals(first, left.find((each) => each >= offset));
  }
  cluster.stop();
});
