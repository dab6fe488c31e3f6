/** Every kind of actor of a cluster of three is killed under load, through the public door: nothing acknowledged is lost. */
import { type ActorInfo, type Cluster, startCluster } from "../../mod.ts";
import { askUntil, type SeenPartition } from "../helpers/leaders.ts";
import { Load } from "../helpers/load.ts";
import { eventually, patiently } from "../helpers/patience.ts";

const TOPIC = "chaos";
const PARTITIONS = 2;
const ROUNDS = 2;

interface Stage {
  readonly cluster: Cluster;
  readonly load: Load;
}

/** A cluster of three at work, which is looked through at the end. */
async function underLoad(body: (stage: Stage) => Promise<void>): Promise<void> {
  await using cluster = await startCluster({ brokers: 3 });
  const bootstraps = () => cluster.brokers.map(({ bootstrap }) => bootstrap);
  await using load = await Load.start({
    bootstraps,
    topic: TOPIC,
    partitions: PARTITIONS,
    replicationFactor: 3,
    configs: { "min.insync.replicas": "2" },
    patienceMs: 5_000,
  });
  await body({ cluster, load });
  await load.finish();
}

function partitionOf(cluster: Cluster, index: number, inSync = 0): Promise<SeenPartition> {
  const found = askUntil(() => cluster.brokers.map(({ bootstrap }) => bootstrap), TOPIC, ({ partitions }) => {
    const partition = partitions[index];
    return partition !== undefined && partition.leader >= 0 && partition.isr.length >= inSync ? partition : undefined;
  });
  return patiently(found, `a leader of ${TOPIC}-${index} with ${inSync} in sync`);
}

function actorsOf(cluster: Cluster, kind: string): ActorInfo[] {
  return cluster.actors().filter((actor) => actor.kind === kind && actor.state === "running");
}

/** Kills an actor and waits until there is one of its kind as before. */
async function kill({ cluster, load }: Stage, ref: string): Promise<void> {
  const kind = ref.split("/")[1]!;
  const count = actorsOf(cluster, kind).length;
  cluster.kill(ref);
  await eventually(() => actorsOf(cluster, kind).length >= count, `as many actors of kind ${kind} as before`);
  await load.progress(`after the death of ${ref}`);
}

Deno.test("controllers and quorum actors are killed under load", async () => {
  await underLoad(async (stage) => {
    for (let round = 0; round < ROUNDS; round++) {
      await eventually(() => actorsOf(stage.cluster, "controller").length === 1, "one controller");
      await kill(stage, actorsOf(stage.cluster, "controller")[0]!.ref);
      for (const id of [1, 2, 3]) await kill(stage, `${id}/quorum/quorum`);
    }
  });
});

Deno.test("leaders and followers of a partition are killed under load", async () => {
  await underLoad(async (stage) => {
    for (let round = 0; round < ROUNDS; round++) {
      for (let index = 0; index < PARTITIONS; index++) {
        const { leader, replicas } = await partitionOf(stage.cluster, index, 2);
        await kill(stage, `${leader}/replica/${TOPIC}-${index}`);
        const follower = replicas.find((id) => id !== leader);
        await kill(stage, `${follower}/replica/${TOPIC}-${index}`);
      }
    }
  });
});

Deno.test("broker actors, with all the replicas that they have, are killed under load", async () => {
  await underLoad(async (stage) => {
    for (let round = 0; round < ROUNDS; round++) {
      for (const id of [1, 2, 3]) {
        for (let index = 0; index < PARTITIONS; index++) await partitionOf(stage.cluster, index, 3);
        await kill(stage, `${id}/broker/broker`);
      }
    }
  });
});

Deno.test("connections are killed, and brokers are ended and started, under load", async () => {
  await underLoad(async (stage) => {
    const { cluster, load } = stage;
    for (let round = 0; round < 6; round++) {
      const connections = actorsOf(cluster, "connection");
      cluster.kill(connections[round % connections.length]!.ref);
      await load.progress("after the death of a connection");
    }
    for (const [id, end] of [[1, "killBroker"], [2, "stopBroker"], [3, "killBroker"]] as const) {
      for (let index = 0; index < PARTITIONS; index++) await partitionOf(cluster, index, 3);
      await cluster[end](id);
      await load.progress(`without broker ${id}`);
      await cluster.startBroker(id);
      await load.progress(`with broker ${id} again`);
    }
  });
});
