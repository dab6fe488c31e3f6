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

/** Creates a topic with one replica per partition and waits until every partition is served. */
export async function createTopic(bootstrap: string, name: string, partitions: number): Promise<void> {
  await using client = await RawClient.connect(bootstrap);
  const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.call(createTopics, 5, { topics: [topic] });
  if (topics[0]!.errorCode !== 0) throw new Error(`Topic ${name} was refused: ${topics[0]!.errorMessage}`);
  while ((await endsOf(client, name, partitions)).some(({ errorCode }) => errorCode !== 0)) await sleep(5);
}

/** How many records a topic holds, by the ends of its partitions' logs. */
export async function countRecords(bootstrap: string, name: string, partitions: number): Promise<number> {
  await using client = await RawClient.connect(bootstrap);
  return (await endsOf(client, name, partitions)).reduce((sum, { offset }) => sum + Number(offset), 0);
}

async function endsOf(client: RawClient, name: string, count: number) {
  const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }));
  const { topics } = await client.call(listOffsets, 5, { replicaId: -1, topics: [{ name, partitions }] });
  return topics[0]!.partitions;
}

/** Dials until somebody listens, and returns as soon as a record in a topic of its own, made on the way, is acknowledged. */
export async function firstAck(bootstrap: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const name = "first";
  const partitionData = [{ index: 0, records: makeBatch({ recordBytes: 100, recordsPerBatch: 1 }) }];
  await using client = await dial(bootstrap, deadline);
  for (; performance.now() < deadline; await sleep(2)) {
    // Asking for the topic creates it.
    const { topics } = await client.call(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: true });
    if (!topics[0]!.partitions.some(({ leaderId }) => leaderId >= 0)) continue;
    const body = { acks: -1, timeoutMs: 30_000, topicData: [{ name, partitionData }] };
    const { responses } = await client.call(produce, PRODUCE_VERSION, body);
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
