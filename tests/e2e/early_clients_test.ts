/** Clients that ask for a group's coordinator while a cluster of processes starts: the first of them has the topic made that groups are kept in. */
import { assertEquals } from "@std/assert";
import { errorName } from "../../protocol/errors.ts";
import { findCoordinator } from "../../protocol/tables/groups.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { patiently } from "../helpers/patience.ts";
import { ProcessCluster } from "../helpers/process_cluster.ts";
import { RawClient } from "../helpers/raw_client.ts";

async function withCluster(
  voters: number,
  config: string,
  test: (cluster: ProcessCluster) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "samsa_early_" });
  try {
    await using cluster = new ProcessCluster(dir, voters, ["--config", config]);
    await test(cluster);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function find(client: RawClient): Promise<string> {
  return errorName((await client.call(findCoordinator, 3, { key: "billing", keyType: 0 })).errorCode);
}

/** Asks again and again until there is a coordinator, then where the replicas are. */
async function replicasOnceFound(client: RawClient): Promise<number[][]> {
  while (await find(client) !== "NONE");
  const request = { topics: [{ name: "__consumer_offsets" }], allowAutoTopicCreation: false };
  const { topics: [topic] } = await client.call(metadata, 9, request);
  return topic!.partitions.map(({ replicaNodes }) => [...replicaNodes].sort());
}

async function connectAsSoonAsPossible(bootstrap: string): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.connect(bootstrap);
    } catch {
      await new Promise((later) => setTimeout(later, 1));
    }
  }
}

Deno.test("who asks before all voters have registered does not fix that groups have fewer replicas", async () => {
  await withCluster(3, "offsets.topic.num.partitions=2", async (cluster) => {
    const started = cluster.start(1, 2, 3);
    const asked = cluster.bootstraps().map(async (bootstrap) => {
      await using client = await connectAsSoonAsPossible(bootstrap);
      return await replicasOnceFound(client);
    });
    for (const replicas of await patiently(Promise.all(asked), "coordinators")) {
      assertEquals(replicas, [[1, 2, 3], [1, 2, 3]]);
    }
    await started;
  });
});

Deno.test("as many replicas as somebody has set are waited for", async () => {
  await withCluster(1, "offsets.topic.replication.factor=2", async (cluster) => {
    await cluster.start(1);
    await using client = await RawClient.connect(cluster.bootstraps()[0]!);
    assertEquals(await find(client), "COORDINATOR_NOT_AVAILABLE");
    await cluster.start(2);
    const replicas = await patiently(replicasOnceFound(client), "a coordinator");
    assertEquals([...new Set(replicas.map((each) => each.join()))], ["1,2"]);
  });
});
