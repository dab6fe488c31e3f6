/**
 * Finding out, as a client does, who leads what.
 *
 * @module
 */
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { RawClient } from "./raw_client.ts";

/** How long a broker may take to answer before the next one is asked: it may stand still. */
const ANSWER_MS = 500;
/** Between two rounds in which nobody knew. */
const RETRY_MS = 5;

/** A broker as clients see it. */
export interface SeenBroker {
  readonly id: number;
  readonly bootstrap: string;
}

/** A partition as clients see it. */
export interface SeenPartition {
  readonly error: ErrorName;
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** What a broker says of its cluster. */
export interface SeenCluster {
  readonly clusterId: string;
  readonly brokers: readonly SeenBroker[];
  /** Of the topic that was asked for, by number; empty when it is not known. */
  readonly partitions: readonly SeenPartition[];
}

/** What the broker behind a connection says of the cluster, and of a topic. */
export async function look(client: RawClient, topic?: string): Promise<SeenCluster> {
  const topics = topic === undefined ? [] : [{ name: topic }];
  const answer = await client.call(metadata, 9, { topics, allowAutoTopicCreation: false });
  const found = answer.topics.find(({ name }) => name === topic);
  const partitions = (found?.errorCode === 0 ? found.partitions : []).map((each): SeenPartition => ({
    error: errorName(each.errorCode),
    partition: each.partitionIndex,
    leader: each.leaderId,
    leaderEpoch: each.leaderEpoch,
    replicas: each.replicaNodes,
    isr: each.isrNodes,
  }));
  return {
    clusterId: answer.clusterId ?? "",
    brokers: answer.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, bootstrap: `${host}:${port}` })),
    partitions: partitions.sort((a, b) => a.partition - b.partition),
  };
}

/** Asks the brokers in turn, round after round, until one gives an answer of which `choose` makes something. */
export async function askUntil<T>(
  bootstraps: () => readonly string[],
  topic: string | undefined,
  choose: (cluster: SeenCluster) => T | undefined | Promise<T | undefined>,
): Promise<T> {
  while (true) {
    for (const bootstrap of bootstraps()) {
      try {
        const chosen = await choose(await lookAt(bootstrap, topic));
        if (chosen !== undefined) return chosen;
      } catch { /* the next one may know */ }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** A connection to whoever leads a partition, as soon as somebody does. */
export function connectToLeader(
  bootstraps: () => readonly string[],
  topic: string,
  partition: number,
): Promise<RawClient> {
  return askUntil(bootstraps, topic, ({ brokers, partitions }) => {
    const leader = partitions[partition]?.leader ?? -1;
    const at = brokers.find(({ id }) => id === leader)?.bootstrap;
    return at === undefined ? undefined : RawClient.connect(at);
  });
}

async function lookAt(bootstrap: string, topic: string | undefined): Promise<SeenCluster> {
  const client = await RawClient.connect(bootstrap);
  const timer = setTimeout(() => client.close(), ANSWER_MS);
  try {
    return await look(client, topic);
  } finally {
    clearTimeout(timer);
    await client.close();
  }
}
