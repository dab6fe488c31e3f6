/**
 * Which segments of a log may be cleaned, and whether that is worth the work.
 *
 *     start ── clean ── cleanedTo ── dirty ──┊── too young ── not committed, not flushed ── active
 *
 * @module
 */
import type { CleaningRequest } from "../cleaning.ts";
import type { Segment } from "../segment.ts";
import type { Cleanable } from "./cleaner.ts";

/** A log as it stands. */
export interface Standing {
  /** All, the active one last. */
  readonly segments: readonly Segment[];
  readonly startOffset: number;
  readonly flushedOffset: number;
  readonly cleanedTo: number;
}

/** What is to be cleaned; undefined when there is not enough. */
export function choose(
  { segments, startOffset, flushedOffset, cleanedTo }: Standing,
  { untilOffset, nowMs, minLagMs, maxLagMs, minDirtyRatio }: CleaningRequest,
): Cleanable | undefined {
  const limit = Math.min(untilOffset, flushedOffset);
  const dirtyFrom = Math.max(cleanedTo, startOffset);
  const chosen: Segment[] = [];
  const dirty: Segment[] = [];
  let end = dirtyFrom;
  let bytes = 0;
  let dirtyBytes = 0;
  let isOverdue = false;
  for (let index = 0; index < segments.length - 1; index++) {
    const segment = segments[index]!;
    const next = segments[index + 1]!.baseOffset;
    if (next > limit) break;
    const isDirty = next > dirtyFrom;
    if (isDirty && minLagMs > 0 && segment.latest.timestamp > nowMs - minLagMs) break;
    chosen.push(segment);
    bytes += segment.size;
    end = next;
    if (!isDirty) continue;
    dirty.push(segment);
    dirtyBytes += segment.size;
    // One that begins with a header, fetched from who had cleaned it, says nothing of its first record.
    const first = (segment.firstTimestamp ?? -1) >= 0 ? segment.firstTimestamp! : segment.latest.timestamp;
    if (first >= 0 && first < nowMs - maxLagMs) isOverdue = true;
  }
  if (dirtyBytes === 0 || (!isOverdue && dirtyBytes / bytes <= minDirtyRatio)) return undefined; // as Kafka: 1 is never
  return { segments: chosen, end, dirtyFrom, dirty };
}
