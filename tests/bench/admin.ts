/**
 * The little that a benchmark asks of a broker beside its load: topics, ends of logs, a first acknowledged record.
 *
 * @module
 */
import { metadata } from "../../protocol/tables/metadata.ts";
import { listOffsets, produce } from "../../protocol/tables/produce_fetch.ts";
import { createTopics } from "../../protocol/tables/topics.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { makeBatch, PRODUCE_VERSION } from "./frames.ts";

/**
 * Creates a topic with as many replicas per partition as the brokers have for their default, and waits until every
 * partition is served.
 */
export async function createTopic(bootstrap: string, name: string, partitions: number): Promise<void> {
  await using client = await RawClient.connect(first(bootstrap));
  const topic = { name, numPartitions: partitions, replicationFactor: -1, assignments: [], configs: [] };
  const { topics } = await client.call(createTopics, 5, { topics: [topic] });
  if (topics[0]!.errorCode !== 0) throw new Error(`Topic ${name} was refused: ${topics[0]!.errorMessage}`);
  for (;; await sleep(5)) {
    const leaders = await leadersOf(bootstrap, name);
    if (leaders.length < partitions || leaders.includes("")) continue;
    if ((await endsOf(leaders, name)).every(({ errorCode }) => errorCode === 0)) return;
  }
}

/** How many records a topic holds, by the ends of its partitions' logs. */
export async function countRecords(bootstrap: string, name: string): Promise<number> {
  const ends = await endsOf(await leadersOf(bootstrap, name), name);
  return ends.reduce((sum, { offset }) => sum + Number(offset), 0);
}

/** Where each partition of a topic is led, by partition: `host:port`, or "" where nobody leads. */
export async function leadersOf(bootstrap: string, name: string): Promise<string[]> {
  await using client = await RawClient.connect(first(bootstrap));
  const { brokers, topics } = await client.call(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: false });
  const addresses = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
  const partitions = [...topics[0]!.partitions].sort((a, b) => a.partitionIndex - b.partitionIndex);
  return partitions.map(({ leaderId }) => addresses.get(leaderId) ?? "");
}

async function endsOf(leaders: readonly string[], name: string) {
  const ends = await Promise.all([...new Set(leaders)].map(async (leader) => {
    await using client = await RawClient.connect(leader);
    const partitions = leaders.flatMap((each, partitionIndex) =>
      each === leader ? [{ partitionIndex, timestamp: -1n }] : []
    );
    const { topics } = await client.call(listOffsets, 5, { replicaId: -1, topics: [{ name, partitions }] });
    return topics[0]!.partitions;
  }));
  return ends.flat();
}

/** The first of several addresses. */
function first(bootstrap: string): string {
  return bootstrap.split(",")[0]!;
}

/** Dials until somebody listens, and returns as soon as a record in a topic of its own, made on the way, is acknowledged. */
export async function firstAck(bootstrap: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const name = "first";
  const partitionData = [{ index: 0, records: makeBatch({ recordBytes: 100, recordsPerBatch: 1 }) }];
  await using client = await dial(first(bootstrap), deadline);
  for (; performance.now() < deadline; await sleep(2)) {
    // Asking for the topic creates it.
    await client.call(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: true });
    const leader = (await leadersOf(bootstrap, name))[0] ?? "";
    if (leader === "") continue;
    const body = { acks: -1, timeoutMs: 30_000, topicData: [{ name, partitionData }] };
    await using led = await RawClient.connect(leader);
    const { responses } = await led.call(produce, PRODUCE_VERSION, body);
    if (responses[0]!.partitionResponses[0]!.errorCode === 0) return;
  }
  throw new Error(`${bootstrap} acknowledged no record in time.`);
}

async function dial(bootstrap: string, deadline: number): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.connect(bootstrap);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused) || performance.now() > deadline) throw error;
      await sleep(2);
    }
  }
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
