/**
 * Where two logs of a partition part, by leader epochs (KIP-101, KIP-279, KIP-595).
 *
 *     leader    1 1 1 2 2 2 3 3          asked for what comes after (offset 7, epoch 2):
 *     follower  1 1 1 2 2 2 2            "epoch 2 ends at 6" ─▶ the follower cuts there and asks for what comes after (6, 2)
 *
 * Records of one epoch were all written by its one leader, so two logs that end an epoch at different places have the same records up
 * to the nearer of them.
 *
 * @module
 */
import type { Log } from "../../storage/log.ts";

/** An epoch and where it ends. */
export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

type EpochLog = Pick<Log, "startOffset" | "endOffset" | "latestEpoch" | "endOffsetForEpoch">;

/**
 * Where the log of somebody who asks and this one part, by the epoch of the last record before `offset` that he has; null if his
 * is the beginning of this one, or if he does not say (-1).
 */
export function findDivergence(log: EpochLog, offset: number, lastEpoch: number): EpochEnd | "out of range" | null {
  if (lastEpoch < 0) return null;
  const known = log.endOffsetForEpoch(lastEpoch);
  if (known === undefined || offset < log.startOffset) return "out of range";
  return known.epoch < lastEpoch || known.endOffset < offset ? known : null;
}

/**
 * Where a follower cuts its log when the leader's largest epoch up to the one it asked about ends there: at the end of that epoch
 * in the log where it ends first. A follower that does not know that epoch cuts to where its next older one ends, and asks again.
 */
export function cutOffset(log: EpochLog, diverging: EpochEnd): number {
  const own = log.endOffsetForEpoch(diverging.epoch);
  return Math.min(diverging.endOffset, own?.endOffset ?? log.endOffset);
}
