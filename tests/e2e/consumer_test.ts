/** Consumers of a running cluster, within the process and over TCP. */
import { assertEquals } from "@std/assert";
import { startCluster } from "../../mod.ts";
import { createTopic, produceTexts } from "../helpers/kafka_calls.ts";
import { RawClient } from "../helpers/raw_client.ts";

const decoder = new TextDecoder();

Deno.test("a consumer without a group reads what is assigned to it, in order, from the beginning", async () => {
  await using cluster = await startCluster();
  await using client = await RawClient.connect(cluster.bootstrap);
  await createTopic(client, "t");
  await produceTexts(client, "t", ["a", "b", "c"], { codec: "gzip" });
  await using consumer = cluster.consumer({
    partitions: [{ topic: "t", partition: 0 }],
    autoOffsetReset: "earliest",
  });
  const values: string[] = [];
  for await (const { value, offset } of consumer) {
    values.push(`${offset} ${decoder.decode(value!)}`);
    if (values.length === 3) break;
  }
  assertEquals(values, ["0 a", "1 b", "2 c"]);
  assertEquals(await consumer.position({ topic: "t", partition: 0 }), 3n);
  assertEquals(await consumer.lag(), [{ topic: "t", partition: 0, records: 0 }]);
});
