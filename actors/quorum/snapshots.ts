/**
 * Snapshots of the metadata image as bytes: record batches between Kafka's two control records.
 *
 *     header (control) │ records … │ records … │ footer (control)
 *
 * @module
 */
import { concatenate } from "../../lib/bytes.ts";
import { batches, crcMatches } from "../../protocol/batch.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { encodeRecord, imageOf, type MetadataImage, snapshotOf } from "../controller/protocol.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { decodeMetadata } from "./log.ts";
import type { SnapshotFetch, SnapshotFetchReply } from "./protocol.ts";
import type { Quorum } from "./state.ts";

const BATCH_RECORDS = 500;
/** What one answer carries at most. */
const PIECE_BYTES = 1 << 20;
/** Kafka's control records: version and type as the key; what the header says of the log's last timestamp is left open. */
const HEADER = { key: new Uint8Array([0, 0, 0, 3]), value: new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) };
const FOOTER = { key: new Uint8Array([0, 0, 0, 4]), value: new Uint8Array([0, 0, 0]) };

/** The image as a snapshot, and how many records it took. */
export function encodeSnapshot(
  image: MetadataImage,
  epoch: number,
  nowMs: number,
): { readonly bytes: Uint8Array; readonly count: number } {
  const metadata = snapshotOf(image);
  const parts = [encodeBatch([{ ...HEADER, timestamp: nowMs }], { isControl: true, partitionLeaderEpoch: epoch })];
  let baseOffset = 1;
  for (let from = 0; from < metadata.length; from += BATCH_RECORDS) {
    const values = metadata.slice(from, from + BATCH_RECORDS)
      .map((record) => ({ value: encodeRecord(record), timestamp: nowMs }));
    parts.push(encodeBatch(values, { baseOffset, partitionLeaderEpoch: epoch }));
    baseOffset += values.length;
  }
  parts.push(
    encodeBatch([{ ...FOOTER, timestamp: nowMs }], { isControl: true, baseOffset, partitionLeaderEpoch: epoch }),
  );
  return { bytes: concatenate(parts), count: metadata.length };
}

/** Whether a snapshot is whole: every batch matches its CRC, and the last one is the footer. */
export function isSound(bytes: Uint8Array): boolean {
  try {
    let last;
    for (const header of batches(bytes)) {
      if (!crcMatches(bytes, header.at)) return false;
      last = header;
    }
    return last !== undefined && last.isControl && last.at > 0;
  } catch {
    return false;
  }
}

/** The image that a sound snapshot holds. */
export function decodeSnapshot(bytes: Uint8Array, endOffset: number): MetadataImage {
  return imageOf(endOffset, decodeMetadata(bytes));
}

/** A replica wants a piece of a snapshot. */
export function answerSnapshotFetch(quorum: Quorum, request: SnapshotFetch): SnapshotFetchReply {
  const { role, epoch, leaderId, snapshot, deps } = quorum;
  const refuse = (error: ErrorName) => ({ error, epoch, leaderId, bytes: new Uint8Array(0), totalBytes: 0 });
  if (role.type !== "leader" || request.epoch > epoch) return refuse("NOT_LEADER_OR_FOLLOWER");
  if (request.epoch < epoch) return refuse("FENCED_LEADER_EPOCH");
  const { endOffset } = request.snapshot;
  if (snapshot?.endOffset !== endOffset || snapshot.epoch !== request.snapshot.epoch) {
    return refuse("SNAPSHOT_NOT_FOUND");
  }
  const bytes = quorum.served ??= deps.store.readSnapshot(snapshot);
  if (bytes === undefined) return refuse("SNAPSHOT_NOT_FOUND");
  const { position, maxBytes } = request;
  if (position < 0 || position > bytes.length) return refuse("POSITION_OUT_OF_RANGE");
  const piece = bytes.slice(position, position + Math.min(maxBytes, PIECE_BYTES));
  return { error: "NONE", epoch, leaderId, bytes: piece, totalBytes: bytes.length };
}
