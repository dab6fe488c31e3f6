import { assert, assertEquals } from "@std/assert";
import { ReplicaCluster } from "./cluster.ts";
import { batch, produced } from "./harness.ts";

Deno.test("what is acknowledged to acks=all is on every replica that is in sync, and each knows it to be committed", () => {
  const cluster = new ReplicaCluster();
  assertEquals([cluster.produce(batch(3)).baseOffset, cluster.produce(batch(2)).baseOffset], [0, 3]);
  cluster.advance(100);
  for (const { live } of cluster.nodes) assertEquals([live.endOffset, live.highWatermark], [5, 5]);
  cluster.check("at the end");
  cluster.stop();
});
