import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ReplicaConfig } from "../../../../actors/partition/protocol.ts";
import type { Log } from "../../../../storage/log.ts";
import { content, keyed } from "../../storage/cleaning_kit.ts";
import { ReplicaCluster } from "./cluster.ts";
import { CONFIG } from "./harness.ts";

/** Compacted, in small segments. */
const SMALL: Partial<ReplicaConfig> & Required<Pick<ReplicaConfig, "compaction">> = {
  compact: true,
  delete: false,
  compaction: {
    deleteRetentionMs: 1_000,
    minLagMs: 0,
    maxLagMs: 4_000,
    minDirtyRatio: 0.01,
    backoffMs: 100,
    mapBytesMax: 1 << 20,
  },
  log: { ...CONFIG.log, segmentBytes: 700, indexIntervalBytes: 100 },
  minInsyncReplicas: 1,
  replicaLagTimeMaxMs: 400,
  replicaFetchWaitMaxMs: 100,
};

function write(cluster: ReplicaCluster, ...sketches: string[]): void {
  for (const sketch of sketches) assertEquals(cluster.produce(keyed(sketch)).error, "NONE");
}

/** As many batches, of few keys. */
function churn(cluster: ReplicaCluster, count: number): void {
  write(cluster, ...Array.from({ length: count }, (_, index) => `k${index % 3}=${index} x=${index}`));
}

/** What is left of each key. */
function latest(log: Log): Record<string, string> {
  const last = new Map(content(log).split(" ").map((each) => [each.split(":")[1]!.split("=")[0]!, each]));
  return Object.fromEntries([...last].sort());
}

Deno.test("who loses what an unclean election has lost, and was cleaned by it, keeps every key that was not lost", () => {
  const cluster = new ReplicaCluster({ config: SMALL });
  write(cluster, "kept=1");
  churn(cluster, 10);
  cluster.advance(100);
  for (const node of [1, 2]) cluster.network.cut(3, node);
  cluster.advance(1_500);
  write(cluster, "kept=2");
  churn(cluster, 30);
  cluster.advance(3_000);
  for (const id of [1, 2]) assert(!content(cluster.node(id).live.log).includes("kept=1"), "newer ones took its place");
  cluster.controller.elect(3, true);
  cluster.advance(100);
  cluster.network.heal();
  cluster.advance(3_000);
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 2, 3]);
  const left = latest(cluster.node(3).live.log);
  assertEquals(left["kept"], "0:kept=1");
  for (const id of [1, 2]) {
    assertEquals(latest(cluster.node(id).live.log), left);
    assertStringIncludes(
      cluster.node(id).reports.join(),
      "may have been cleaned by committed records from offset 21 on",
    );
  }
  cluster.stop();
});

Deno.test("deletions that were forgotten are no less so while a topic is not compacted", () => {
  const compaction = { ...SMALL.compaction, deleteRetentionMs: 200, backoffMs: 50 };
  const cluster = new ReplicaCluster({ config: { ...SMALL, compaction } });
  const configure = (config: Partial<ReplicaConfig>) => {
    for (const node of cluster.nodes) node.system!.tell(node.ref, "configure", { ...node.live.config, ...config });
    cluster.advance(50);
  };
  write(cluster, "gone=1 kept=1");
  cluster.advance(50);
  for (const node of [1, 2]) cluster.network.cut(3, node);
  cluster.advance(600);
  write(cluster, "gone");
  for (let round = 0; round < 4; round++) {
    churn(cluster, 20);
    cluster.advance(1_000);
  }
  for (const id of [1, 2]) assert(!content(cluster.node(id).live.log).includes(":gone"));
  configure({ compact: false, delete: true, retentionMs: -1, retentionBytes: -1 });
  cluster.network.heal();
  cluster.advance(3_000);
  configure({ compact: true, delete: false });
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 2, 3]);
  cluster.controller.elect(3);
  cluster.advance(1_000);
  assert(!content(cluster.leader!.live.log).includes(":gone"), "the key is back");
  cluster.stop();
});

Deno.test("who was filled in part and leads all the same keeps nobody waiting for what nobody has", () => {
  const compaction = { ...SMALL.compaction, deleteRetentionMs: 100 };
  const config = { ...SMALL, compaction, replicaLagTimeMaxMs: 5_000, replicaFetchMaxBytes: 100 };
  const cluster = new ReplicaCluster({ config });
  const [first, second, third] = [cluster.node(1), cluster.node(2), cluster.node(3)];
  write(cluster, "gone=1 kept=1", ...Array.from({ length: 40 }, (_, index) => `u${index}=1`), "gone");
  for (let round = 0; round < 3; round++) {
    churn(cluster, 20);
    cluster.advance(1_000);
  }
  third.loseDisk();
  third.start();
  while ((third.replica?.endOffset ?? 0) < 10) cluster.advance(1);
  assert(third.live.log.tombstonesGoneTo > third.live.endOffset, "it lacks what deletions that it will not have took");
  for (const { id, die } of [{ id: 1, die: () => first.die() }, { id: 2, die: () => second.die() }]) {
    die();
    cluster.controller.fence(id);
  }
  cluster.controller.unfence(3);
  cluster.controller.elect(3, true);
  cluster.advance(100);
  first.start();
  cluster.advance(50);
  cluster.controller.unfence(1);
  cluster.advance(6_000);
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 3]);
  assertEquals(content(first.live.log), content(third.live.log));
  for (const leader of [third, first, third]) {
    cluster.controller.elect(leader.id);
    cluster.advance(500);
    const asked = leader.append(keyed("new=1"), -1, 10_000);
    cluster.advance(500);
    assertEquals(asked.answer?.ok && asked.answer.value.error, "NONE");
  }
  cluster.stop();
});

for (const isFull of [false, true]) {
  const where = isFull ? ", when its disk is full as it begins to lead," : "";
  Deno.test(`what a leader writes that was filled in part${where} is not said to lack what it was filled without`, () => {
    const compaction = { ...SMALL.compaction, deleteRetentionMs: 100 };
    const config = { ...SMALL, compaction, replicaLagTimeMaxMs: 1_000, replicaFetchMaxBytes: 100 };
    const cluster = new ReplicaCluster({ config });
    const [first, second, third] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    const rounds = (count: number) => {
      for (let round = 0; round < count; round++) {
        churn(cluster, 20);
        cluster.advance(1_000);
      }
    };
    write(cluster, "gone=1 kept=1", ...Array.from({ length: 60 }, (_, index) => `u${index}=1`), "gone");
    rounds(3);
    third.loseDisk();
    third.start();
    while ((third.replica?.endOffset ?? 0) < 10) cluster.advance(1);
    assert(third.live.log.tombstonesGoneTo > 30);
    for (const node of [first, second]) {
      node.die();
      cluster.controller.fence(node.id);
    }
    cluster.controller.unfence(3);
    const { tombstonesGoneTo } = third.live.log;
    const undo = isFull &&
      third.disk.plan({ operation: "rename", path: /tombstone-offset-checkpoint/, code: "ENOSPC" });
    cluster.controller.elect(3, true);
    cluster.advance(100);
    assertEquals(third.live.log.tombstonesGoneTo, isFull ? tombstonesGoneTo : third.live.endOffset);
    if (undo) undo();
    third.system!.tell(third.ref, "configure", { ...third.live.config, compact: false, delete: true, retentionMs: -1 });
    first.start();
    cluster.advance(50);
    cluster.controller.unfence(1);
    cluster.advance(3_000);
    // All this is new, and at places where the lost records were.
    write(cluster, "back=1", ...Array.from({ length: 12 }, (_, index) => `v${index}=1`), "back");
    assert(third.live.endOffset < tombstonesGoneTo);
    rounds(4);
    assert(!content(first.live.log).includes(":back"), "cleaned here");
    second.loseDisk();
    second.start();
    while ((second.replica?.endOffset ?? 0) < 14) cluster.advance(1);
    assert(content(second.live.log).includes(":back=1"), "and there yet to be taken back");
    cluster.controller.elect(1);
    cluster.advance(50);
    cluster.controller.unfence(2);
    cluster.advance(6_000);
    assert(cluster.controller.state.isr.includes(2));
    assert(!content(second.live.log).includes(":back"), "the key is back");
    cluster.stop();
  });
}

for (const interrupted of [true, false]) {
  const when = interrupted ? "in the midst of a first cleaning" : "while it began anew";
  Deno.test(`who was stopped ${when} keeps every key that an unclean election has not lost`, () => {
    const cluster = new ReplicaCluster({ config: SMALL });
    const first = cluster.node(1);
    const configure = (config: Partial<ReplicaConfig>) => {
      Object.assign(cluster.config, config);
      for (const { live, ref, system } of cluster.nodes) system!.tell(ref, "configure", { ...live.config, ...config });
      cluster.advance(10);
    };
    configure({ compact: false, delete: true, retentionMs: -1 });
    write(cluster, "kept=1", ...Array.from({ length: 5 }, (_, index) => `u${index}=${"z".repeat(60)}`));
    churn(cluster, 10);
    cluster.advance(100);
    for (const node of [1, 2]) cluster.network.cut(3, node);
    cluster.advance(1_500);
    first.append(keyed("kept=2"), -1, 10_000);
    cluster.advance(1_500);
    assertEquals(cluster.controller.state.isr, [1, 2]);
    churn(cluster, 30);
    const undo = interrupted
      ? first.disk.plan({ operation: "rename", path: /\.log\.cleaned$/, code: "EIO", after: 1 })
      : first.disk.plan({ operation: "remove", path: /0{20}\.log$/, code: "EIO" });
    configure({ compact: true, delete: false });
    cluster.advance(3_000);
    if (interrupted) assertEquals(first.replica, undefined);
    else assert(!content(first.live.log).includes("kept=1"));
    if (interrupted) Object.assign(cluster.config, { compact: false, delete: true }); // the policy is another by then
    const restart = () => {
      undo();
      first.die();
      first.start();
      cluster.advance(10);
    };
    if (interrupted) restart();
    cluster.controller.elect(3, true);
    cluster.advance(100);
    cluster.network.heal();
    cluster.advance(interrupted ? 10 : 3_000);
    if (!interrupted) {
      assertEquals(first.replica, undefined);
      restart();
    }
    cluster.controller.unfence(1);
    cluster.advance(3_000);
    assert(cluster.controller.state.isr.includes(1));
    const left = latest(cluster.node(3).live.log);
    assertEquals([left["kept"], latest(first.live.log)], ["0:kept=1", left]);
    cluster.stop();
  });
}
