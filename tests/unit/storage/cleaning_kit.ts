/**
 * What the tests of the cleaner are made with: records with keys, and what is left of them.
 *
 * @module
 */
import { assert } from "@std/assert";
import { batches, type BatchHeader } from "../../../protocol/batch.ts";
import { type BatchOptions, encodeBatch, type NewRecord, records } from "../../../protocol/records.ts";
import type { Cleaning, CleaningReport, CleaningRequest } from "../../../storage/cleaning.ts";
import type { Log } from "../../../storage/log.ts";
import { type CountingObserver, flushed, readAll } from "./log_kit.ts";

export const NOW = 1_700_000_000_000;
const utf8 = new TextEncoder();
const text = new TextDecoder();

/** A record `key=value`, `key` for a tombstone, `=value` for one without a key. */
export function record(sketch: string, timestamp = NOW): NewRecord {
  const [key, value] = sketch.split("=");
  return {
    key: key === "" ? null : utf8.encode(key),
    value: value === undefined ? null : utf8.encode(value),
    timestamp,
  };
}

/** A batch of such records, a blank between them. */
export function keyed(sketch: string, options: BatchOptions & { readonly timestamp?: number } = {}): Uint8Array {
  return encodeBatch(sketch.split(" ").map((each) => record(each, options.timestamp)), {
    partitionLeaderEpoch: 0,
    ...options,
  });
}

/** Appends a batch of such records. */
export function write(log: Log, sketch: string, options: Parameters<typeof keyed>[1] = {}): Uint8Array {
  const epoch = Math.max(0, log.latestEpoch);
  const batch = keyed(sketch, { baseOffset: log.endOffset, partitionLeaderEpoch: epoch, ...options });
  log.append(batch, NOW);
  for (const header of batches(batch)) (log.observer as CountingObserver).appended(header);
  return batch;
}

/** The records of a batch as they were sketched, `offset:` before each. */
export function sketchOf(batch: Uint8Array): string[] {
  return [...records(batch)].map(({ offset, key, value }) =>
    `${offset}:${key === null ? "" : text.decode(key)}${value === null ? "" : `=${text.decode(value)}`}`
  );
}

/** All records of a log, as {@linkcode sketchOf}. */
export function content(log: Log): string {
  return log.startOffset === log.endOffset ? "" : readAll(log).flatMap(sketchOf).join(" ");
}

/** The ranges of all batches: `first-last`, with a `!` when there is no record in it. */
export function chain(log: Log): string {
  return readAll(log).map((batch) => rangeOf([...batches(batch)][0]!)).join(" ");
}

function rangeOf({ baseOffset, lastOffsetDelta, recordCount }: BatchHeader): string {
  return `${baseOffset}-${baseOffset + lastOffsetDelta}${recordCount === 0 ? "!" : ""}`;
}

/** Everything may be cleaned. */
export const ALL: CleaningRequest = {
  untilOffset: Number.MAX_SAFE_INTEGER,
  nowMs: NOW,
  deleteRetentionMs: 1000,
  minLagMs: 0,
  maxLagMs: Number.MAX_SAFE_INTEGER,
  minDirtyRatio: 0,
  mapBytesMax: 1 << 20,
  tombstonesUntil: () => Number.MAX_SAFE_INTEGER,
  mustKeep: () => false,
};

/** Makes durable what is there, seals it, and cleans it in steps; undefined when there is nothing to clean. */
export async function clean(
  log: Log,
  request: Partial<CleaningRequest> = {},
  stepBytes = 100,
): Promise<CleaningReport | undefined> {
  log.rollIfDue(Number.MAX_SAFE_INTEGER);
  await flushed(log);
  return await cleanUnsealed(log, request, stepBytes);
}

/** The same without sealing and flushing. */
export async function cleanUnsealed(
  log: Log,
  request: Partial<CleaningRequest> = {},
  stepBytes = 100,
): Promise<CleaningReport | undefined> {
  const cleaning = log.beginCleaning({ ...ALL, ...request });
  for (;;) {
    const report = cleaning && await stepOn(cleaning, stepBytes);
    if (cleaning === undefined || report !== undefined) return report;
  }
}

/** A step, and the wait until there is something for the next one to do. */
export async function stepOn(cleaning: Cleaning, bytes: number): Promise<CleaningReport | undefined> {
  const report = cleaning.step(bytes);
  if (report === undefined) await new Promise<void>((resolve) => cleaning.ready(resolve));
  return report;
}

/** As {@linkcode cleanUnsealed}, on a disk that syncs at once. */
export function cleanOn(log: Log, request: Partial<CleaningRequest> = {}, stepBytes = 100): CleaningReport | undefined {
  const cleaning = log.beginCleaning({ ...ALL, ...request });
  if (cleaning === undefined) return undefined;
  for (;;) {
    const report = cleaning.step(stepBytes);
    if (report !== undefined) return report;
    let isReady = false;
    cleaning.ready(() => isReady = true);
    assert(isReady, "this disk takes its time to sync");
  }
}
