/** What the console of each broker of a cluster says of it, while all is well and while a broker is missing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Cluster, startCluster } from "../../mod.ts";
import type { ClusterStatus, TopicStatus } from "../../console/source.ts";
import { createTopic, produceTexts } from "../helpers/kafka_calls.ts";
import { askUntil, connectToLeader } from "../helpers/leaders.ts";
import { patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";

async function get(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  assertEquals(response.status, 200, path);
  return await response.text();
}

async function clusterAt(port: number): Promise<ClusterStatus> {
  return JSON.parse(await get(port, "/api/cluster"));
}

/** Metrics without labels, by name, and those with labels under name and labels. */
async function metricsAt(port: number): Promise<Map<string, number>> {
  const lines = (await get(port, "/metrics")).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

async function untilStatus(port: number, is: (status: ClusterStatus) => boolean, what: string): Promise<ClusterStatus> {
  const find = async () => {
    while (true) {
      const status = await clusterAt(port);
      if (is(status)) return status;
    }
  };
  return await patiently(find(), what);
}

function ports(cluster: Cluster): number[] {
  return cluster.brokers.map(({ httpPort }) => httpPort!);
}

Deno.test("every console says who controls, who votes and what lacks replicas", async () => {
  await using cluster = await startCluster({ brokers: 4, httpPort: 0 });
  const bootstraps = () => cluster.brokers.map(({ bootstrap }) => bootstrap);
  {
    await using client = await RawClient.connect(bootstraps()[0]!);
    await createTopic(client, "wide", 2, { "min.insync.replicas": "3" }, 3);
  }
  {
    await using client = await patiently(connectToLeader(bootstraps, "wide", 0), "a leader");
    await produceTexts(client, "wide", ["a", "b"]);
  }
  const all = await Promise.all(
    ports(cluster).map((port) => untilStatus(port, ({ partitions }) => partitions === 2, "the topic")),
  );
  const { controllerId, controllerEpoch } = all[0]!;
  assert([1, 2, 3].includes(controllerId));
  for (const [index, status] of all.entries()) {
    assertEquals([status.brokerId, status.controllerId, status.controllerEpoch], [
      index + 1,
      controllerId,
      controllerEpoch,
    ]);
    assertEquals(status.quorum!.voters, [1, 2, 3]);
    const role = status.brokerId === controllerId ? "leader" : status.brokerId === 4 ? "observer" : "follower";
    assertEquals([status.quorum!.role, status.quorum!.leaderId], [role, controllerId]);
    assertEquals([status.underReplicatedPartitions, status.underMinIsrPartitions, status.offlinePartitions], [0, 0, 0]);
    const metrics = await metricsAt(ports(cluster)[index]!);
    const isController = Number(status.brokerId === controllerId);
    assertEquals(metrics.get("kafka_controller_kafkacontroller_activecontrollercount"), isController);
    assertEquals(metrics.get("kafka_controller_kafkacontroller_activebrokercount"), 4);
    assertEquals(metrics.get(`samsa_quorum_role{role="${role}"}`), 1);
  }
});

Deno.test("every console shows every partition, whoever has it, and the metrics of a broker are of its own", async () => {
  await using cluster = await startCluster({ brokers: 3, httpPort: 0 });
  const bootstraps = () => cluster.brokers.map(({ bootstrap }) => bootstrap);
  {
    await using client = await RawClient.connect(bootstraps()[0]!);
    await createTopic(client, "single", 1);
  }
  await using client = await patiently(connectToLeader(bootstraps, "single", 0), "a leader");
  await produceTexts(client, "single", ["a", "b"]);
  let seen = 0;
  for (const [index, port] of ports(cluster).entries()) {
    await untilStatus(port, ({ partitions }) => partitions === 1, "the topic");
    const [topic]: TopicStatus[] = JSON.parse(await get(port, "/api/topics"));
    const partition = topic!.partitions[0]!;
    assertEquals([partition.endOffset, partition.offline, partition.isr], [2, null, partition.replicas]);
    const isHere = partition.replicas.includes(index + 1);
    assertEquals(partition.isHere, isHere);
    const metrics = await metricsAt(port);
    assertEquals(metrics.get("kafka_server_replicamanager_leadercount"), Number(isHere));
    assertEquals(metrics.get('samsa_log_end_offset{topic="single",partition="0"}'), isHere ? 2 : undefined);
    assertEquals(
      metrics.get('kafka_cluster_partition_insyncreplicascount{topic="single",partition="0"}'),
      isHere ? 1 : undefined,
    );
    seen += Number(isHere);
  }
  assertEquals(seen, 1);
});

Deno.test("a missing broker is seen: fenced, its partitions under-replicated, and too few in sync", async () => {
  await using cluster = await startCluster({ brokers: 3, httpPort: 0 });
  {
    await using client = await RawClient.connect(cluster.brokers[0]!.bootstrap);
    await createTopic(client, "wide", 1, { "min.insync.replicas": "3" }, 3);
  }
  const bootstraps = () => cluster.brokers.map(({ bootstrap }) => bootstrap);
  const { leader } = await patiently(
    askUntil(bootstraps, "wide", ({ partitions: [first] }) => first?.isr.length === 3 ? first : undefined),
    "all in sync",
  );
  await cluster.killBroker(leader);
  const [port] = ports(cluster);
  const status = await untilStatus(port!, (each) => each.underMinIsrPartitions === 1, "the gap");
  assertEquals(status.underReplicatedPartitions, 1);
  assertEquals(status.brokers.filter(({ fenced }) => fenced).map(({ id }) => id), [leader]);
  const [topic]: TopicStatus[] = JSON.parse(await get(port!, "/api/topics"));
  assertEquals([topic!.partitions[0]!.underReplicated, topic!.partitions[0]!.underMinIsr], [true, true]);
  const counts = await Promise.all(
    ports(cluster).map(async (port) => {
      const metrics = await metricsAt(port);
      assertEquals(metrics.get("kafka_controller_kafkacontroller_fencedbrokercount"), 1);
      return [
        metrics.get("kafka_server_replicamanager_underreplicatedpartitions")!,
        metrics.get("kafka_server_replicamanager_underminisrpartitioncount")!,
      ];
    }),
  );
  assertEquals(counts.sort(), [[0, 0], [1, 1]]); // whoever leads counts it
  assertMatch(await get(port!, "/"), /<title>Samsa<\/title>/);
});
