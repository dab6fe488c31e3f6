/**
 * kafkajs as its agent uses it: two clients, the codecs that it does not have by itself, and records on their way in and out.
 *
 * Invariant: what is here speaks to the cluster that the agent's only argument names, and waits as long as a busy machine may take.
 *
 * @module
 */
import kafkajs from "npm:kafkajs@2.2.4";
import { lz4Compress, lz4Decompress } from "npm:@platformatic/wasm-utils@0.2.1";
import { Buffer } from "node:buffer";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import SnappyCodec from "npm:kafkajs-snappy@1.1.0";
import { toBuffer, toText, type WireRecord } from "./agent.ts";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder: { buffer: Buffer }) => Promise.resolve(lz4Compress(encoder.buffer)),
  decompress: (bytes: Buffer) => Promise.resolve(lz4Decompress(bytes)),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { buffer: Uint8Array }) => Promise.resolve(zstdCompressSync(encoder.buffer)),
  decompress: (bytes: Uint8Array) => Promise.resolve(zstdDecompressSync(bytes)),
});

/** Its codecs, as commands name them. */
export const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

/** For what goes on until it is done. */
export const kafka = new Kafka({
  clientId: "kafkajs",
  brokers: Deno.args[0]!.split(","),
  // As long as it may take on a busy machine; it gives up after 1 s and 30 s, and what comes back late confuses it.
  connectionTimeout: 10_000,
  requestTimeout: 120_000,
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 },
});
/** For what must fail: kafkajs retries an oversized batch, for instance, as often as it is told to. */
export const impatient = new Kafka({
  clientId: "kafkajs",
  brokers: Deno.args[0]!.split(","),
  connectionTimeout: 10_000,
  requestTimeout: 120_000,
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 100, retries: 3 },
});

/** A message as it comes out of a fetch. */
export interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Record<string, Uint8Array | Uint8Array[] | null>;
  readonly isControlRecord?: boolean;
}

/** A record as it goes into a send. */
export function outgoing(record: WireRecord) {
  const headers: Record<string, Buffer[]> = {};
  for (const [name, value] of record.h) (headers[name] ??= []).push(toBuffer(value)!);
  return {
    key: toBuffer(record.k),
    value: toBuffer(record.v),
    headers,
    ...(record.p === undefined ? {} : { partition: record.p }),
    ...(record.t === undefined ? {} : { timestamp: String(record.t) }),
  };
}

/** A record as it is told. */
export function incoming(message: FetchedMessage, partition: number): WireRecord {
  const h: [string, string | null][] = [];
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) h.push([name, toText(each)]);
  }
  const [o, t] = [Number(message.offset), Number(message.timestamp)];
  return { p: partition, o, t, k: toText(message.key), v: toText(message.value), h };
}

/** Asks an administrator, one that gives up soon. */
export async function withAdmin<T>(use: (admin: ReturnType<typeof kafka.admin>) => Promise<T>): Promise<T> {
  const admin = impatient.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
