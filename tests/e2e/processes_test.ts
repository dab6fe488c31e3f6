/** A cluster of processes that speak over TCP: one is killed, and comes back with the command line that it had. */
import { assertEquals } from "@std/assert";
import { encodeBatch } from "../../protocol/records.ts";
import { createTopic, fetchFrom, produceBatch, readAll, texts } from "../helpers/kafka_calls.ts";
import { askUntil, connectToLeader, type SeenPartition } from "../helpers/leaders.ts";
import { patiently } from "../helpers/patience.ts";
import { ProcessCluster } from "../helpers/process_cluster.ts";
import { RawClient } from "../helpers/raw_client.ts";

const TOPIC = "kept";

function partition(
  cluster: ProcessCluster,
  is: (partition: SeenPartition) => boolean,
  what: string,
): Promise<SeenPartition> {
  const found = askUntil(cluster.bootstraps, TOPIC, ({ partitions: [first] }) => {
    return first !== undefined && is(first) ? first : undefined;
  });
  return patiently(found, what);
}

async function write(cluster: ProcessCluster, value: string): Promise<void> {
  for (let error = ""; error !== "NONE";) {
    await using client = await patiently(connectToLeader(cluster.bootstraps, TOPIC, 0), "a leader");
    ({ error } = await produceBatch(client, TOPIC, encodeBatch(texts(value))));
  }
}

/** Everything that there is, once it is as much: a new leader shows the end only when its followers have it too. */
async function read(cluster: ProcessCluster, count: number): Promise<(string | null)[]> {
  await using client = await patiently(connectToLeader(cluster.bootstraps, TOPIC, 0), "a leader");
  await patiently(untilThere(client, count), `${count} records`);
  return (await readAll(client, TOPIC)).map(({ value }) => value);
}

async function untilThere(client: RawClient, count: number): Promise<void> {
  while ((await fetchFrom(client, TOPIC, 0, { maxWaitMs: 10 })).highWatermark < count);
}

Deno.test("a broker process that is killed is replaced at once, and catches up when it is started again", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_processes_" });
  try {
    await using cluster = new ProcessCluster(dir, 3);
    await cluster.start(1, 2, 3);
    {
      await using client = await RawClient.connect(cluster.bootstraps()[0]!);
      await createTopic(client, TOPIC, 1, { "min.insync.replicas": "2" }, 3);
    }
    await write(cluster, "before");
    for (const [round, signal] of (["SIGKILL", "SIGTERM"] as const).entries()) {
      const { leader } = await partition(cluster, ({ isr }) => isr.length === 3, "all replicas to be in sync");
      assertEquals(await cluster.end(leader, signal), signal === "SIGKILL" ? 137 : 0);
      await write(cluster, `without ${round}`);
      await partition(cluster, (each) => each.leader !== leader && !each.isr.includes(leader), "another leader");
      await cluster.start(leader);
    }
    await partition(cluster, ({ isr }) => isr.length === 3, "everybody to be in sync again");
    assertEquals(await read(cluster, 3), ["before", "without 0", "without 1"]);
    const ends = [1, 2, 3].map((id) => cluster.end(id, "SIGTERM"));
    assertEquals(await Promise.all(ends), [0, 0, 0]);
    await cluster.start(1, 2, 3);
    assertEquals(await read(cluster, 3), ["before", "without 0", "without 1"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
