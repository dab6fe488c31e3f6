import { assert, assertEquals } from "@std/assert";
import { ReplicaCluster } from "./cluster.ts";
import { batch, produced } from "./harness.ts";

const FAST = { replicaLagTimeMaxMs: 400, replicaFetchWaitMaxMs: 100 } as const;

Deno.test("what is acknowledged to acks=all is on every replica that is in sync, and each knows it to be committed", () => {
  const cluster = new ReplicaCluster({ syncMaxMs: 5 });
  assertEquals([cluster.produce(batch(3)).baseOffset, cluster.produce(batch(2)).baseOffset], [0, 3]);
  cluster.advance(100);
  for (const { live } of cluster.nodes) assertEquals([live.endOffset, live.highWatermark], [5, 5]);
  assertEquals(cluster.controller.changes, [], "the ISR was not touched");
  cluster.check("at the end");
  cluster.stop();
});

Deno.test("a follower that is cut off leaves the ISR, is not waited for, and comes back", () => {
  const cluster = new ReplicaCluster({ config: FAST });
  cluster.produce(batch(1));
  cluster.network.cut(1, 3);
  const waiting = cluster.leader!.append(batch(1));
  cluster.advance(300);
  assertEquals(waiting.answer, undefined, "it is still in the ISR");
  cluster.advance(500);
  assert(waiting.answer?.ok && waiting.answer.value.error === "NONE");
  assertEquals(cluster.controller.state.isr, [1, 2]);
  cluster.network.heal();
  cluster.advance(3_000);
  assertEquals([cluster.controller.state.isr, cluster.node(3).live.highWatermark], [[1, 2, 3], 2]);
  cluster.stop();
});

Deno.test("with too few in sync nothing is acknowledged, and what was written is when enough are back", () => {
  const cluster = new ReplicaCluster({ config: FAST });
  for (const node of [2, 3]) cluster.network.cut(1, node);
  const waiting = cluster.leader!.append(batch(1), -1, 60_000);
  cluster.advance(5_000);
  assertEquals([waiting.answer, cluster.controller.state.isr], [undefined, [1]]);
  const refused = cluster.leader!.append(batch(1));
  cluster.advance(1);
  assert(refused.answer?.ok && refused.answer.value.error === "NOT_ENOUGH_REPLICAS");
  cluster.network.heal();
  cluster.advance(3_000);
  assert(waiting.answer?.ok && waiting.answer.value.error === "NONE");
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 2, 3]);
  cluster.stop();
});

Deno.test("after a leader change the tail that only the old leader had is cut, and the logs are the same again", () => {
  const cluster = new ReplicaCluster({ config: FAST });
  cluster.produce(produced(1, 0, 0, 1));
  for (const node of [2, 3]) cluster.network.cut(1, node);
  cluster.node(1).append(produced(1, 0, 1, 1), 1);
  cluster.node(1).append(produced(1, 0, 2, 1), 1);
  cluster.advance(10);
  cluster.controller.elect(2);
  cluster.advance(1_000);
  assertEquals(cluster.controller.state.isr, [2, 3]);
  assertEquals(cluster.produce(produced(1, 0, 1, 2)).error, "NONE");
  cluster.network.heal();
  cluster.advance(3_000);
  const expected = [{ offset: 0, sequence: 0, epoch: 0 }, { offset: 1, sequence: 1, epoch: 1 }];
  for (const node of cluster.nodes) assertEquals([node.read(), node.live.highWatermark], [expected, 3]);
  assertEquals(cluster.nodes.flatMap(({ reports }) => reports), [], "nothing that was committed was cut");
  cluster.stop();
});

Deno.test("a producer that never heard of its acknowledgement sends again to the next leader, and gets the same offset", () => {
  const cluster = new ReplicaCluster({ config: FAST });
  for (let sequence = 0; sequence < 5; sequence++) cluster.produce(produced(7, 0, sequence, 1));
  cluster.node(1).die(true);
  cluster.controller.fence(1);
  cluster.advance(100);
  assert(cluster.controller.state.leader > 1);
  assertEquals(cluster.produce(produced(7, 0, 3, 1)).baseOffset, 3);
  assertEquals(cluster.produce(produced(7, 0, 4, 1)).baseOffset, 4);
  assertEquals(cluster.produce(produced(7, 0, 5, 1)).baseOffset, 5);
  cluster.node(1).start();
  cluster.controller.unfence(1);
  cluster.advance(3_000);
  assertEquals([cluster.controller.state.isr.length, cluster.node(1).live.endOffset], [3, 6]);
  cluster.check("at the end");
  cluster.stop();
});

Deno.test("an unclean election loses what its leader did not have, on every replica, and that is reported", () => {
  const cluster = new ReplicaCluster({ config: { ...FAST, minInsyncReplicas: 1 } });
  cluster.produce(batch(1));
  cluster.network.cut(1, 3);
  cluster.advance(1_000);
  cluster.produce(batch(1));
  assertEquals(cluster.controller.state.isr, [1, 2]);
  cluster.controller.elect(3, true);
  cluster.network.heal();
  cluster.advance(3_000);
  for (const { live } of cluster.nodes) assertEquals([live.endOffset, live.highWatermark], [1, 1]);
  assertEquals(cluster.nodes.map(({ reports }) => reports.length), [1, 1, 0]);
  cluster.stop();
});

Deno.test("a new replica begins where the leader begins, and has everything from there", () => {
  const cluster = new ReplicaCluster({ config: FAST });
  for (let count = 0; count < 4; count++) cluster.produce(batch(2));
  cluster.advance(100);
  let deleted: unknown;
  cluster.leader!.system!.askThen(
    cluster.leader!.ref,
    "deleteRecords",
    { beforeOffset: 5 },
    (answer) => deleted = answer,
  );
  cluster.advance(200);
  assertEquals(deleted, { ok: true, value: { error: "NONE", lowWatermark: 5 } });
  const node = cluster.node(3);
  node.die();
  cluster.controller.fence(3);
  for (const path of node.disk.files()) if (path.startsWith("t-0/")) node.disk.remove(path);
  node.disk.remove("log-start-offset-checkpoint");
  node.disk.remove("recovery-point-offset-checkpoint");
  node.start();
  cluster.controller.unfence(3);
  cluster.advance(3_000);
  assertEquals([node.live.log.startOffset, node.live.endOffset], [5, 8]);
  assertEquals(cluster.controller.state.isr, [1, 2, 3]);
  cluster.stop();
});

Deno.test("under a steady load a follower that was away catches up and joins", () => {
  const cluster = new ReplicaCluster({ config: { ...FAST, minInsyncReplicas: 1 }, syncMaxMs: 4 });
  cluster.node(2).die();
  cluster.controller.fence(2);
  cluster.node(3).die();
  cluster.controller.fence(3);
  cluster.advance(50);
  assertEquals(cluster.controller.state.isr, [1]);
  const load = (ms: number) => {
    for (let round = 0; round < ms; round++) {
      cluster.node(1).append(batch(1), 1);
      cluster.advance(1);
    }
  };
  load(300);
  cluster.node(2).start();
  cluster.controller.unfence(2);
  load(700);
  assertEquals(cluster.controller.state.isr, [1, 2]);
  cluster.stop();
});
