import { assert, assertEquals } from "@std/assert";
import { startCluster } from "../../mod.ts";
import { answersOf, answersOfKafka } from "../interop/group_answers.ts";

Deno.test("requests about groups, right and wrong, are answered as Apache Kafka answers them", async () => {
  const config = { "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "6000" };
  await using cluster = await startCluster({ brokers: 1, config });
  const [ours, theirs] = [await answersOf(cluster.bootstrap), await answersOfKafka()];
  assert(theirs.length > 400);
  assertEquals(ours, theirs);
});
