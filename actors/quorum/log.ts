/**
 * The metadata log as Raft sees it: which epochs it has, where it parts from another, what records its batches hold.
 *
 *     snapshot (endOffset, epoch) │ batch epoch 3 │ batch epoch 3 │ batch epoch 5 │ end
 *                                 └ startOffset
 *
 * Two logs that have a record of the same epoch at the same offset are the same up to it. So a follower's log goes on where
 * this one does exactly if the epoch of its last record is that of the record before the same offset here.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import { baseOffsetOf, batches, crcMatches, partitionLeaderEpochOf } from "../../protocol/batch.ts";
import { encodeBatch, records } from "../../protocol/records.ts";
import type { Log } from "../../storage/log.ts";
import { decodeRecord, encodeRecord, type MetadataRecord } from "../controller/protocol.ts";
import type { SnapshotId } from "./protocol.ts";

/** A log together with what is known of the records before it. */
export interface Chronicle {
  readonly log: Log;
  readonly snapshot: SnapshotId | undefined;
}

/** A place in a log: its end, and the epoch of the record before it, -1 for none. */
export interface LogEnd {
  readonly lastEpoch: number;
  readonly endOffset: number;
}

const READ_BYTES = 1 << 20;

/** Epoch of the record before an offset; -1 when there is none, or it is not known any more. */
export function epochBefore({ log, snapshot }: Chronicle, offset: number): number {
  if (offset > log.startOffset) return log.epochAt(offset - 1);
  return snapshot?.endOffset === offset ? snapshot.epoch : -1;
}

/** Where a log ends. */
export function endOf(chronicle: Chronicle): LogEnd {
  const { endOffset } = chronicle.log;
  return { lastEpoch: epochBefore(chronicle, endOffset), endOffset };
}

/** Whether a candidate whose log ends there has everything that this one has. */
export function isUpToDate(candidate: LogEnd, { lastEpoch, endOffset }: LogEnd): boolean {
  return candidate.lastEpoch > lastEpoch || (candidate.lastEpoch === lastEpoch && candidate.endOffset >= endOffset);
}

/** How a follower's log fits the leader's. */
export type Fit =
  | { readonly type: "fits" }
  | { readonly type: "diverges"; readonly epoch: number; readonly endOffset: number }
  /** What it lacks is not in the log any more. */
  | { readonly type: "needsSnapshot" };

/** Compares a follower's log, which ends there, with this one. */
export function fitOf(chronicle: Chronicle, { lastEpoch, endOffset }: LogEnd): Fit {
  const { log } = chronicle;
  if (endOffset < log.startOffset) return { type: "needsSnapshot" };
  if (endOffset <= log.endOffset && epochBefore(chronicle, endOffset) === lastEpoch) return { type: "fits" };
  const parting = endOfEpoch(chronicle, lastEpoch);
  return parting === undefined ? { type: "needsSnapshot" } : { type: "diverges", ...parting };
}

/** The largest epoch in the log that is not above that one, and where it ends; undefined when that is not known any more. */
function endOfEpoch(
  chronicle: Chronicle,
  epoch: number,
): { readonly epoch: number; readonly endOffset: number } | undefined {
  const { log } = chronicle;
  const last = endOf(chronicle);
  if (epoch >= last.lastEpoch) return { epoch: last.lastEpoch, endOffset: last.endOffset };
  const first = epochBefore(chronicle, log.startOffset);
  const found = log.startOffset === log.endOffset ? undefined : log.endOffsetForEpoch(epoch);
  if (found !== undefined && found.endOffset > log.startOffset) return found;
  return first <= epoch ? { epoch: first, endOffset: log.startOffset } : undefined;
}

/** Where a follower has to cut its log, when the leader says that its own ends there in the follower's last epoch or before. */
export function cutFor(chronicle: Chronicle, leader: { readonly epoch: number; readonly endOffset: number }): number {
  const own = endOfEpoch(chronicle, leader.epoch);
  return Math.min(own?.endOffset ?? chronicle.log.startOffset, leader.endOffset);
}

/** One batch of metadata records. */
export function encodeMetadataBatch(
  metadata: readonly MetadataRecord[],
  { baseOffset, epoch, nowMs }: { readonly baseOffset: number; readonly epoch: number; readonly nowMs: number },
): Uint8Array {
  const encoded = metadata.map((record) => ({ value: encodeRecord(record), timestamp: nowMs }));
  return encodeBatch(encoded, { baseOffset, partitionLeaderEpoch: epoch });
}

/** The records of some batches, in order. */
export function decodeMetadata(bytes: Uint8Array): MetadataRecord[] {
  const found: MetadataRecord[] = [];
  for (const { at, isControl } of batches(bytes)) {
    if (isControl) continue;
    for (const { value } of records(bytes, at)) found.push(decodeRecord(value!));
  }
  return found;
}

/** The records between two offsets, at both of which a batch ends. */
export function readMetadata(log: Log, from: number, to: number): MetadataRecord[] {
  const found: MetadataRecord[] = [];
  while (from + found.length < to) {
    const { bytes } = log.read(from + found.length, to, READ_BYTES, true);
    assert(bytes.length > 0, `${log.name} ends a batch somewhere else than at ${to}`);
    for (const record of decodeMetadata(bytes)) found.push(record);
  }
  assert(from + found.length === to, `${log.name} ends a batch somewhere else than at ${to}`);
  return found;
}

/** Whether bytes from another node are whole, sound batches that go on at `offset`, none of a later epoch. */
export function isSequel(bytes: Uint8Array, offset: number, epoch: number): boolean {
  try {
    if (baseOffsetOf(bytes, 0) !== offset) return false;
    for (const { at } of batches(bytes)) {
      if (!crcMatches(bytes, at) || partitionLeaderEpochOf(bytes, at) > epoch) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** Does something that leaves everything as it was when the disk is full; false when it is. */
export function fitsOnDisk(append: () => void): boolean {
  try {
    append();
    return true;
  } catch (error) {
    if ((error as { readonly code?: string }).code === "ENOSPC") return false;
    throw error;
  }
}
