/** Brokers come and go: a fourth process joins, takes over what the third has, and the third is let go for good. */
import { assertEquals } from "@std/assert";
import { errorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { describeCluster, unregisterBroker } from "../../protocol/tables/cluster.ts";
import { alterPartitionReassignments, listPartitionReassignments } from "../../protocol/tables/topics.ts";
import { createTopic, produceBatch, readAll, texts } from "../helpers/kafka_calls.ts";
import { askUntil, connectToLeader, type SeenPartition } from "../helpers/leaders.ts";
import { patiently } from "../helpers/patience.ts";
import { ProcessCluster } from "../helpers/process_cluster.ts";
import { RawClient } from "../helpers/raw_client.ts";

const TOPIC = "moved";
const PARTITIONS = 3;
const TIMEOUT_MS = 10_000;

/** All partitions, once each of them is as it should be. */
function partitions(cluster: ProcessCluster, are: (partition: SeenPartition) => boolean, what: string) {
  const found = askUntil(cluster.bootstraps, TOPIC, ({ partitions }) => {
    return partitions.length === PARTITIONS && partitions.every(are) ? partitions : undefined;
  });
  return patiently(found, what);
}

async function write(cluster: ProcessCluster, value: string): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let error = ""; error !== "NONE";) {
      await using client = await patiently(connectToLeader(cluster.bootstraps, TOPIC, partition), "a leader");
      ({ error } = await produceBatch(client, TOPIC, encodeBatch(texts(value)), { partition }));
    }
  }
}

async function assertHolds(cluster: ProcessCluster, values: string[]): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await using client = await patiently(connectToLeader(cluster.bootstraps, TOPIC, partition), "a leader");
    while ((await readAll(client, TOPIC, 0, partition)).length < values.length);
    assertEquals((await readAll(client, TOPIC, 0, partition)).map(({ value }) => value), values);
  }
}

async function withAny<T>(cluster: ProcessCluster, ask: (client: RawClient) => Promise<T>): Promise<T> {
  await using client = await RawClient.connect(cluster.bootstraps()[0]!);
  return await ask(client);
}

/** Moves every partition to these brokers, and waits until it is there and nowhere else. */
async function moveTo(cluster: ProcessCluster, replicas: number[]): Promise<void> {
  await withAny(cluster, async (client) => {
    const answer = await client.call(alterPartitionReassignments, 0, {
      timeoutMs: TIMEOUT_MS,
      topics: [{
        name: TOPIC,
        partitions: Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, replicas })),
      }],
    });
    assertEquals(errorName(answer.errorCode), "NONE");
    for (const topic of answer.responses) {
      for (const { errorCode, errorMessage } of topic.partitions) {
        assertEquals([errorName(errorCode), errorMessage], ["NONE", null]);
      }
    }
  });
  const sorted = [...replicas].sort().join();
  await partitions(
    cluster,
    (each) => [...each.replicas].sort().join() === sorted && [...each.isr].sort().join() === sorted,
    `the partitions to be on ${sorted}`,
  );
}

async function unregister(cluster: ProcessCluster, brokerId: number): Promise<string> {
  return await withAny(cluster, async (client) => {
    return errorName((await client.call(unregisterBroker, 0, { brokerId })).errorCode);
  });
}

Deno.test("a fourth broker joins, takes over what the third has, and the third is drained, stopped and forgotten", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_membership_" });
  try {
    await using cluster = new ProcessCluster(dir, 1); // one votes: the others may go for good
    await cluster.start(1, 2, 3);
    await withAny(cluster, (client) => createTopic(client, TOPIC, PARTITIONS, { "min.insync.replicas": "2" }, 3));
    await write(cluster, "on 1, 2, 3");
    await cluster.start(4);
    await moveTo(cluster, [1, 2, 4]);
    await write(cluster, "on 1, 2, 4");
    const under = await withAny(cluster, (client) => {
      return client.call(listPartitionReassignments, 0, { timeoutMs: TIMEOUT_MS, topics: null });
    });
    assertEquals([errorName(under.errorCode), under.topics], ["NONE", []]);
    assertEquals(await folders(`${dir}/3`), []);
    assertEquals((await folders(`${dir}/4`)).length, PARTITIONS);
    assertEquals(await cluster.end(3, "SIGTERM"), 0);
    assertEquals(await unregister(cluster, 3), "NONE");
    const { brokers } = await withAny(cluster, (client) => {
      return client.call(describeCluster, 2, { includeClusterAuthorizedOperations: false, includeFencedBrokers: true });
    });
    assertEquals(brokers.map(({ brokerId }) => brokerId).sort(), [1, 2, 4]);
    assertEquals(await unregister(cluster, 3), "BROKER_ID_NOT_REGISTERED");
    await write(cluster, "without 3");
    await assertHolds(cluster, ["on 1, 2, 3", "on 1, 2, 4", "without 3"]);
    // The newcomer has all of it: the records outlive one of those that were there before it.
    assertEquals(await cluster.end(2, "SIGKILL"), 137);
    await partitions(cluster, ({ leader }) => leader === 1 || leader === 4, "1 or 4 to lead");
    await assertHolds(cluster, ["on 1, 2, 3", "on 1, 2, 4", "without 3"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** The folders of the topic's partitions. */
async function folders(dir: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  return names.filter((name) => /^moved-\d+$/.test(name));
}
