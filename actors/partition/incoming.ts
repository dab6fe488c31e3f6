/**
 * Batches that a leader has sent, judged before any of them is written.
 *
 *     whole? ─▶ its CRC? ─▶ where the log ends? ─▶ an epoch that can follow, and no newer than the leader's? ─▶ written
 *
 * Invariant: what is accepted goes on exactly where the log ends; from the first bad batch on nothing is accepted, and what is
 * refused is fetched again.
 *
 * @module
 */
import { type BatchHeader, crcMatches, InvalidBatchError, readBatchHeader } from "../../protocol/batch.ts";

/** Batches that are written together. */
export interface Run {
  readonly bytes: Uint8Array;
  readonly headers: readonly BatchHeader[];
}

/** What is known where the batches come in. */
export interface Place {
  /** Where the log begins and ends. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** Epoch of the last record, -1 for none. */
  readonly latestEpoch: number;
  /** Epoch of the leader that sent them. */
  readonly leaderEpoch: number;
  /** A run takes no more bytes, unless a single batch has them. */
  readonly runBytesMax: number;
}

/** The judgement. */
export interface Incoming {
  /** To be written, in order. */
  readonly runs: readonly Run[];
  /**
   * The log is empty and the first batch begins below its end: it contains the record that the log should begin with. The log
   * has to begin with that batch; undefined when nothing of this kind is the case.
   */
  readonly restartAt: number | undefined;
  /** What is wrong with the first batch that was refused, a sentence; undefined when all were accepted. */
  readonly problem: string | undefined;
}

/** Judges batches that lie one after another. */
export function judgeIncoming(records: Uint8Array, place: Place): Incoming {
  const runs: Run[] = [];
  let restartAt: number | undefined;
  let problem: string | undefined;
  let next = place.endOffset;
  let epoch = place.latestEpoch;
  let headers: BatchHeader[] = [];
  let from = 0;
  const close = (to: number) => {
    if (headers.length > 0) runs.push({ bytes: records.subarray(from, to), headers });
    headers = [];
    from = to;
  };
  let at = 0;
  while (at < records.length) {
    const header = headerAt(records, at);
    if (typeof header === "string") {
      problem = header;
      break;
    }
    const { baseOffset, lastOffsetDelta, partitionLeaderEpoch, sizeInBytes } = header;
    const isFirst = at === 0;
    if (isFirst && place.startOffset === place.endOffset && baseOffset < next && baseOffset + lastOffsetDelta >= next) {
      restartAt = next = baseOffset;
    }
    problem = unfitness(header, next, epoch, place.leaderEpoch);
    if (problem !== undefined) break;
    if (headers.length > 0 && at + sizeInBytes - from > place.runBytesMax) close(at);
    headers.push(header);
    next = baseOffset + lastOffsetDelta + 1;
    epoch = partitionLeaderEpoch;
    at += sizeInBytes;
  }
  close(at);
  return { runs, restartAt, problem };
}

/** The header of a whole batch whose bytes are as they were written, or why it is none. */
function headerAt(records: Uint8Array, at: number): BatchHeader | string {
  try {
    const header = readBatchHeader(records, at);
    return crcMatches(records, at) ? header : `The batch with offset ${header.baseOffset} does not match its CRC.`;
  } catch (error) {
    if (error instanceof InvalidBatchError) return `${error.message}.`;
    throw error;
  }
}

/** Why a sound batch cannot come next, if it cannot. */
function unfitness(header: BatchHeader, next: number, epoch: number, leaderEpoch: number): string | undefined {
  const { baseOffset, lastOffsetDelta, partitionLeaderEpoch } = header;
  if (baseOffset !== next || lastOffsetDelta < 0) {
    return `The batch with offsets ${baseOffset} to ${baseOffset + lastOffsetDelta} came where ${next} must be next.`;
  }
  if (partitionLeaderEpoch < epoch || partitionLeaderEpoch > leaderEpoch) {
    return `The batch with offset ${baseOffset} is of leader epoch ${partitionLeaderEpoch}, after ${epoch}, from a leader of ${leaderEpoch}.`;
  }
  return undefined;
}
