/**
 * Fetches of a client, and what replicas answer, in few words.
 *
 * @module
 */
import { assert } from "@std/assert";
import { fetch } from "../../../../../actors/broker/api/01_fetch.ts";
import type { FetchReply, FetchRequest } from "../../../../../actors/partition/protocol.ts";
import { BATCH_LENGTH, batches, LOG_OVERHEAD, RECORDS } from "../../../../../protocol/batch.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../../protocol/records.ts";
import type { RequestInput } from "../../../../../protocol/schema.ts";
import type { fetch as table } from "../../../../../protocol/tables/produce_fetch.ts";
import { newTopic } from "../records.ts";
import { type Call, Client } from "./client_exchange.ts";

/** A Fetch under way. */
export type FetchCall = Call<typeof table>;
/** What a Fetch asks for. */
export type Body = RequestInput<typeof table>;

/** One batch, `size` bytes long, of which only the header is sound. */
export function batch(baseOffset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(encodeBatch([{ value: null }], { baseOffset }).subarray(0, RECORDS));
  new DataView(bytes.buffer).setInt32(BATCH_LENGTH, size - LOG_OVERHEAD);
  return bytes;
}

/** Answers of a replica. */
export function found(records: Uint8Array, highWatermark: number, more: Partial<FetchReply> = {}): FetchReply {
  return {
    error: "NONE",
    highWatermark,
    lastStableOffset: highWatermark,
    logStartOffset: 0,
    records,
    abortedTransactions: null,
    divergingEpoch: null,
    preferredReadReplica: -1,
    leader: 1,
    leaderEpoch: 0,
    ...more,
  };
}

/** A replica has nothing from there on. */
export const nothing = (highWatermark = 0) => found(new Uint8Array(0), highWatermark);

/** A client of a broker with topic `t` of four partitions. */
export function client(properties: Readonly<Record<string, string>> = {}): Client {
  return new Client({ topics: [newTopic("t", { partitions: 4 })], properties });
}

/** A request for some partitions of `t`, from offset 0. */
export function wants(partitions: readonly number[], more: Partial<Body> & { partitionMaxBytes?: number } = {}): Body {
  const { partitionMaxBytes = 1 << 20, ...body } = more;
  const wanted = partitions.map((partition) => ({ partition, fetchOffset: 0n, partitionMaxBytes }));
  return { maxWaitMs: 500, minBytes: 1, maxBytes: 1 << 20, topics: [{ topic: "t", partitions: wanted }], ...body };
}

/** Sends it. */
export function call(asking: Client, body: Body, version = 11): FetchCall {
  return asking.call(fetch, version, body);
}

/** What a question to a replica says. The exchange records questions to actors of any kind, and so knows the shape of none. */
export function asked(made: FetchCall, partition: number): FetchRequest {
  return made.question("fetch", `t-${partition}`).message as unknown as FetchRequest;
}

/** Per partition answered: its number, its error, and the offsets of its batches. */
export function brought(made: FetchCall): unknown[] {
  return made.got.responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, errorCode, records }) => {
      assert(records !== null); // librdkafka fails on null
      return [partitionIndex, errorName(errorCode), [...batches(records)].map(({ baseOffset }) => baseOffset)];
    })
  );
}
