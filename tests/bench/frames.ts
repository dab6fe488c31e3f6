/**
 * The bytes that the load client and its sink exchange: made once, sent many times, so that neither is what is measured.
 *
 * The invariant: a frame that was made here is sent again and again with nothing changed but its correlation id.
 *
 * @module
 */
import { readInt32, writeInt32 } from "../../lib/big_endian.ts";
import { encodeRequest } from "../../protocol/codec.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { fetch, produce } from "../../protocol/tables/produce_fetch.ts";
import { concat } from "../helpers/raw_client.ts";

/** Late versions that name topics instead of giving their ids, so that a frame can be made before its topic. */
export const PRODUCE_VERSION = 11;
export const FETCH_VERSION = 12;

/** Where a request's correlation id lies in its frame: behind size, API key and version. */
const REQUEST_CORRELATION_ID = 8;
/** Where a response's lies: behind the size. */
const RESPONSE_CORRELATION_ID = 4;

/** What a batch is made of. */
export interface BatchShape {
  /** Bytes of each record's value; it has no key and no headers. */
  readonly recordBytes: number;
  readonly recordsPerBatch: number;
}

/** A batch of such records, uncompressed, with random printable values. */
export function makeBatch({ recordBytes, recordsPerBatch }: BatchShape): Uint8Array {
  const timestamp = Date.now();
  const records = Array.from({ length: recordsPerBatch }, () => ({ value: printable(recordBytes), timestamp }));
  return encodeBatch(records);
}

/** Random letters. */
export function printable(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => 97 + Math.floor(Math.random() * 26));
}

/** A Produce request with acks=all that brings one batch to one partition; without a producer id. */
export function produceFrame(topic: string, partition: number, batch: Uint8Array): Uint8Array {
  const partitionData = [{ index: partition, records: batch }];
  const body = { acks: -1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData }] };
  return concat(encodeRequest(produce, PRODUCE_VERSION, 0, "bench", body));
}

/** A Fetch request as a consumer with Kafka's defaults sends it, without a session: 1 MiB of a partition, half a second. */
export function fetchFrame(topic: string, partition: number, offset: number, correlationId: number): Uint8Array {
  const partitions = [{ partition, fetchOffset: BigInt(offset), partitionMaxBytes: 1024 * 1024 }];
  const limits = { maxWaitMs: 500, minBytes: 1, maxBytes: 8 * 1024 * 1024 };
  return concat(
    encodeRequest(fetch, FETCH_VERSION, correlationId, "bench", { ...limits, topics: [{ topic, partitions }] }),
  );
}

/** Gives a request frame the next correlation id. */
export function stampRequest(frame: Uint8Array, correlationId: number): void {
  writeInt32(frame, REQUEST_CORRELATION_ID, correlationId);
}

/** Gives a response frame the correlation id of its request. */
export function stampResponse(frame: Uint8Array, correlationId: number): void {
  writeInt32(frame, RESPONSE_CORRELATION_ID, correlationId);
}

/** Writes all of the bytes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = await conn.write(bytes);
  while (written < bytes.length) written += await conn.write(bytes.subarray(written));
}

/**
 * Cuts what a socket brings into frames, in one buffer that is used again: a frame is a view, good until the next call.
 * It trusts its peer, which the broker's own framer must not.
 */
export class FrameReader {
  readonly #conn: Deno.Conn;
  #buffer = new Uint8Array(64 * 1024);
  #start = 0;
  #end = 0;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** The next frame without its size; `undefined` when the peer has closed the connection. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const available = this.#end - this.#start;
      const wanted = available < 4 ? 4 : 4 + readInt32(this.#buffer, this.#start);
      if (available >= 4 && available >= wanted) {
        const frame = this.#buffer.subarray(this.#start + 4, this.#start + wanted);
        this.#start += wanted;
        return frame;
      }
      this.#reserve(wanted);
      const count = await this.#conn.read(this.#buffer.subarray(this.#end));
      if (count === null) return undefined;
      this.#end += count;
    }
  }

  /** Makes room for so many bytes from the start of the incomplete frame. */
  #reserve(bytes: number): void {
    if (this.#start + bytes <= this.#buffer.length && this.#end < this.#buffer.length) return;
    const larger = bytes > this.#buffer.length ? new Uint8Array(bytes * 2) : this.#buffer;
    larger.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = larger;
    this.#end -= this.#start;
    this.#start = 0;
  }
}
