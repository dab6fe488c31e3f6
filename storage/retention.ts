/**
 * Which segments a log may delete, by age and by size (retention.ms, retention.bytes).
 *
 * @module
 */
import type { LogSegments } from "./log_segments.ts";
import type { Segment } from "./segment.ts";

/** What a log keeps. -1 means no limit. */
export interface Retention {
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** Nothing that reaches above it goes. */
  readonly untilOffset: number;
  readonly nowMs: number;
}

/** How many of the oldest segments may go, the active one perhaps included. */
export function countDeletable(segments: LogSegments, endOffset: number, retention: Retention): number {
  const { retentionMs, retentionBytes, untilOffset, nowMs } = retention;
  const { all } = segments;
  let size = segments.sizeInBytes;
  let count = 0;
  for (const segment of all) {
    const end = all[count + 1]?.baseOffset ?? endOffset;
    if (end > untilOffset || segment.size === 0) break;
    const isTooOld = retentionMs >= 0 && nowMs - latestMs(all, count, nowMs) > retentionMs;
    const isTooMuch = retentionBytes >= 0 && size - segment.size >= retentionBytes;
    if (!isTooOld && !isTooMuch) break;
    size -= segment.size;
    count++;
  }
  return count;
}

/** The time of a segment's newest record. One whose records say nothing, or are gone, is as old as the next that knows. */
function latestMs(segments: readonly Segment[], index: number, nowMs: number): number {
  for (const segment of segments.slice(index)) {
    if (segment.latest.timestamp >= 0) return segment.latest.timestamp;
    if (segment.createdMs !== undefined) return segment.createdMs;
  }
  return nowMs;
}
