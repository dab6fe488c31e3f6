/** A cluster of several brokers in one process, as its clients and whoever breaks it see it. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Cluster, startCluster } from "../../mod.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { createTopic, fetchFrom, produceBatch, readAll, texts } from "../helpers/kafka_calls.ts";
import { askUntil, connectToLeader, look, type SeenPartition } from "../helpers/leaders.ts";
import { patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";

const TOPIC = "kept";
const REPLICATED = { "min.insync.replicas": "2" };

function bootstraps(cluster: Cluster): () => string[] {
  return () => cluster.brokers.map(({ bootstrap }) => bootstrap);
}

/** The topic's first partition, once it is as it should be. */
function partition(cluster: Cluster, is: (partition: SeenPartition) => boolean, what: string): Promise<SeenPartition> {
  const found = askUntil(bootstraps(cluster), TOPIC, ({ partitions: [first] }) => {
    return first !== undefined && is(first) ? first : undefined;
  });
  return patiently(found, what);
}

/** Writes one record with acks=all, trying until somebody takes it. */
async function write(cluster: Cluster, value: string): Promise<void> {
  for (let error = ""; error !== "NONE";) {
    await using client = await patiently(connectToLeader(bootstraps(cluster), TOPIC, 0), "a leader");
    ({ error } = await produceBatch(client, TOPIC, encodeBatch(texts(value))));
  }
}

/** Everything that there is, once it is as much: a new leader shows the end only when its followers have it too. */
async function read(cluster: Cluster, count: number): Promise<(string | null)[]> {
  await using client = await patiently(connectToLeader(bootstraps(cluster), TOPIC, 0), "a leader");
  await patiently(untilThere(client, count), `${count} records`);
  return (await readAll(client, TOPIC)).map(({ value }) => value);
}

async function untilThere(client: RawClient, count: number): Promise<void> {
  while ((await fetchFrom(client, TOPIC, 0, { maxWaitMs: 10 })).highWatermark < count);
}

async function makeTopic(cluster: Cluster, replicationFactor = 3): Promise<void> {
  await using client = await RawClient.connect(cluster.brokers[0]!.bootstrap);
  await createTopic(client, TOPIC, 1, replicationFactor > 2 ? REPLICATED : {}, replicationFactor);
}

Deno.test("every broker of a cluster knows all of them, and whatever one was told", async () => {
  await using cluster = await startCluster({ brokers: 3 });
  await makeTopic(cluster);
  assertEquals(cluster.brokers.map(({ id }) => id), [1, 2, 3]);
  for (const broker of cluster.brokers) {
    await using client = await RawClient.connect(broker.bootstrap);
    const seen = await look(client, TOPIC);
    assertEquals(seen.clusterId, cluster.clusterId);
    assertEquals(
      seen.brokers.map(({ bootstrap }) => bootstrap).sort(),
      cluster.brokers.map(({ bootstrap }) => bootstrap).sort(),
    );
    assertEquals(seen.partitions.length, 1);
    assertEquals([...seen.partitions[0]!.replicas].sort(), [1, 2, 3]);
  }
});

for (const end of ["stopBroker", "killBroker"] as const) {
  Deno.test(`when the leader's broker ends (${end}) another one leads, nothing is lost, and the first one catches up`, async () => {
    await using cluster = await startCluster({ brokers: 3 });
    await makeTopic(cluster);
    await write(cluster, "before");
    const { leader } = await partition(cluster, ({ isr }) => isr.length === 3, "all replicas to be in sync");
    await cluster[end](leader);
    assertEquals(cluster.brokers.length, 2);
    await write(cluster, "without");
    const next = await partition(cluster, (each) => each.leader !== leader && each.leader >= 0, "another leader");
    assertEquals(next.isr.includes(leader), false);
    await cluster.startBroker(leader);
    await partition(cluster, ({ isr }) => isr.length === 3, "the first leader to be in sync again");
    await write(cluster, "after");
    assertEquals(await read(cluster, 3), ["before", "without", "after"]);
    await cluster.killBroker(next.leader);
    assertEquals(await read(cluster, 3), ["before", "without", "after"]);
  });
}

Deno.test("a leader that stands still, or that nobody reaches, is replaced, and what it says afterwards counts for nothing", async () => {
  await using cluster = await startCluster({ brokers: 3 });
  await makeTopic(cluster);
  await write(cluster, "before");
  const { leader } = await partition(cluster, ({ isr }) => isr.length === 3, "all replicas to be in sync");
  cluster.pauseBroker(leader);
  const next = await partition(cluster, (each) => each.leader !== leader && each.leader >= 0, "another leader");
  await write(cluster, "paused");
  cluster.resumeBroker(leader);
  await partition(cluster, ({ isr }) => isr.length === 3, "the paused broker to be in sync again");
  for (const { id } of cluster.brokers) if (id !== next.leader) cluster.cut(next.leader, id);
  await partition(
    cluster,
    (each) => each.leader !== next.leader && each.leader >= 0,
    "a leader in place of the one that was cut off",
  );
  cluster.heal();
  await write(cluster, "healed");
  await partition(cluster, ({ isr }) => isr.length === 3, "the broker that was cut off to be in sync again");
  assertEquals(await read(cluster, 3), ["before", "paused", "healed"]);
});

Deno.test("a cluster whose brokers have all died comes back once more than half of them are started", async () => {
  await using cluster = await startCluster({ brokers: 3 });
  await makeTopic(cluster);
  await write(cluster, "before");
  await Promise.all([1, 2, 3].map((id) => cluster.killBroker(id)));
  assertEquals([cluster.brokers, cluster.actors()], [[], []]);
  const first = cluster.startBroker(1); // waits for another one
  await assertRejects(() => cluster.startBroker(1), RangeError, "about to start or stop");
  await Promise.all([first, cluster.startBroker(3)]);
  assertEquals(cluster.brokers.map(({ id }) => id), [1, 3]);
  await write(cluster, "after");
  assertEquals(await read(cluster, 2), ["before", "after"]);
});

Deno.test("a cluster that is stopped waits for no broker that cannot start", async () => {
  const cluster = await startCluster({ brokers: 3 });
  await Promise.all([1, 2, 3].map((id) => cluster.killBroker(id)));
  const start = cluster.startBroker(2);
  const rejected = assertRejects(() => start, Error, "The cluster was stopped.");
  await cluster.stop();
  await rejected;
});

Deno.test("a cluster keeps what it has in a folder, and more brokers can be started on it", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_cluster_" });
  try {
    let clusterId = "";
    {
      await using cluster = await startCluster({ brokers: 3, dir });
      clusterId = cluster.clusterId;
      await makeTopic(cluster);
      await write(cluster, "kept");
    }
    await using cluster = await startCluster({ brokers: 5, dir });
    assertEquals([cluster.clusterId, cluster.brokers.length], [clusterId, 5]);
    await write(cluster, "more");
    assertEquals(await read(cluster, 2), ["kept", "more"]);
    assertEquals(cluster.actors().filter(({ kind }) => kind === "quorum").length, 5);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a broker can be added to a cluster that runs, and serves like any other", async () => {
  await using cluster = await startCluster();
  assertEquals(await cluster.addBroker(), 2);
  assertEquals(cluster.brokers.map(({ id }) => id), [1, 2]);
  await makeTopic(cluster, 2);
  await write(cluster, "on both");
  await partition(cluster, ({ isr }) => isr.length === 2, "both replicas to be in sync");
  assertEquals(await read(cluster, 1), ["on both"]);
});

Deno.test("what cannot be done to a cluster is said", async () => {
  for (const brokers of [0, -1, 1.5, 101, NaN]) await assertRejects(() => startCluster({ brokers }), RangeError);
  await using cluster = await startCluster();
  for (const action of ["stopBroker", "killBroker"] as const) {
    await assertRejects(() => cluster[action](7), RangeError, "No broker 7 runs");
  }
  for (const action of ["pauseBroker", "resumeBroker"] as const) {
    assertThrows(() => cluster[action](7), RangeError, "No broker 7 runs");
  }
  await assertRejects(() => cluster.startBroker(7), RangeError, "There is no broker 7");
  await assertRejects(() => cluster.startBroker(1), RangeError, "Broker 1 runs already");
  await cluster.killBroker(1);
  await assertRejects(() => cluster.killBroker(1), RangeError, "No broker 1 runs");
  assertThrows(() => cluster.clusterId, RangeError, "No broker of this cluster runs");
  assertEquals(cluster.bootstrap, "");
});

Deno.test("when one broker cannot start, none does, and the reason is that broker's", async () => {
  const blocked = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = blocked.addr;
  const error = await assertRejects(() => startCluster({ brokers: 3, port: port - 1 }), Error);
  assert(error.message.includes("is in use"), error.message);
  blocked.close();
});
