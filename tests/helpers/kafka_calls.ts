/**
 * A few Kafka calls over a {@linkcode RawClient}, in the shape that tests want them.
 *
 * @module
 */
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { type BatchOptions, encodeBatch, type NewRecord, records as recordsOf } from "../../protocol/records.ts";
import { batches } from "../../protocol/batch.ts";
import { fetch, listOffsets, produce } from "../../protocol/tables/produce_fetch.ts";
import { createTopics } from "../../protocol/tables/topics.ts";
import type { RawClient } from "./raw_client.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Creates a topic and fails loudly when that does not work. */
export async function createTopic(
  client: RawClient,
  name: string,
  numPartitions = 1,
  configs: Readonly<Record<string, string>> = {},
  replicationFactor = 1,
): Promise<void> {
  const response = await client.call(createTopics, 7, {
    topics: [{
      name,
      numPartitions,
      replicationFactor,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }],
    timeoutMs: 10_000,
    validateOnly: false,
  });
  const topic = response.topics[0]!;
  if (topic.errorCode !== 0) throw new Error(`${name}: ${errorName(topic.errorCode)} ${topic.errorMessage}`);
}

/** Records whose values are texts. */
export function texts(...values: readonly string[]): NewRecord[] {
  return values.map((value) => ({ value: encoder.encode(value), timestamp: Date.now() }));
}

/** What came of producing one batch. */
export interface Produced {
  readonly error: ErrorName;
  readonly message: string | null;
  readonly baseOffset: number;
}

/** Produces one batch into one partition. */
export async function produceBatch(
  client: RawClient,
  topic: string,
  batch: Uint8Array | null,
  { partition = 0, acks = -1, version = 9 } = {},
): Promise<Produced> {
  const response = await client.call(produce, version, produceRequest(topic, batch, partition, acks));
  const result = response.responses[0]!.partitionResponses[0]!;
  return {
    error: errorName(result.errorCode),
    message: result.errorMessage,
    baseOffset: Number(result.baseOffset),
  };
}

/** The body of a Produce request with one batch. */
export function produceRequest(name: string, records: Uint8Array | null, index = 0, acks = -1) {
  return { transactionalId: null, acks, timeoutMs: 10_000, topicData: [{ name, partitionData: [{ index, records }] }] };
}

/** Produces texts as one batch. */
export function produceTexts(
  client: RawClient,
  topic: string,
  values: readonly string[],
  options: BatchOptions = {},
): Promise<Produced> {
  return produceBatch(client, topic, encodeBatch(texts(...values), options));
}

/** What a fetch brought of one partition. */
export interface Fetched {
  readonly error: ErrorName;
  readonly highWatermark: number;
  readonly records: { readonly offset: number; readonly value: string | null }[];
}

/** Fetches from one partition. */
export async function fetchFrom(
  client: RawClient,
  topic: string,
  offset: number,
  { partition = 0, version = 12, maxWaitMs = 0, minBytes = 1, maxBytes = 1 << 20 } = {},
): Promise<Fetched> {
  const response = await client.call(fetch, version, {
    maxWaitMs,
    minBytes,
    maxBytes,
    topics: [{
      topic,
      partitions: [{ partition, fetchOffset: BigInt(offset), partitionMaxBytes: maxBytes }],
    }],
  });
  if (response.errorCode !== 0) throw new Error(errorName(response.errorCode));
  const result = response.responses[0]!.partitions[0]!;
  return {
    error: errorName(result.errorCode),
    highWatermark: Number(result.highWatermark),
    records: [...decodeTexts(result.records ?? new Uint8Array(0))].filter((record) => record.offset >= offset),
  };
}

/** Every record from an offset to the end of a partition. */
export async function readAll(
  client: RawClient,
  topic: string,
  offset = 0,
  partition = 0,
): Promise<Fetched["records"]> {
  const all: Fetched["records"] = [];
  while (true) {
    const next = (all.at(-1)?.offset ?? offset - 1) + 1;
    const fetched = await fetchFrom(client, topic, next, { partition });
    if (fetched.error !== "NONE") throw new Error(`Fetching ${topic}-${partition} from ${next}: ${fetched.error}`);
    if (fetched.records.length === 0) return all;
    all.push(...fetched.records);
  }
}

/** The offset for a timestamp, special ones included. */
export async function offsetFor(
  client: RawClient,
  name: string,
  timestamp: number,
  partitionIndex = 0,
): Promise<number> {
  const response = await client.call(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name, partitions: [{ partitionIndex, timestamp: BigInt(timestamp) }] }],
  });
  const result = response.topics[0]!.partitions[0]!;
  if (result.errorCode !== 0) throw new Error(errorName(result.errorCode));
  return Number(result.offset);
}

function* decodeTexts(bytes: Uint8Array): Generator<{ offset: number; value: string | null }> {
  for (const { at } of batches(bytes)) {
    for (const { offset, value } of recordsOf(bytes, at)) {
      yield { offset, value: value === null ? null : decoder.decode(value) };
    }
  }
}
