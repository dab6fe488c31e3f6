/**
 * When the active segment of a log is sealed and another begun: by size, by what its indexes hold, by age.
 *
 * @module
 */
import type { Random } from "../lib/prng.ts";
import type { AppendInfo } from "./append_info.ts";
import type { LogConfig } from "./log.ts";
import type { Segment } from "./segment.ts";

/** Indexes hold places in a segment in 31 bits. */
export const SEGMENT_BYTES_LIMIT = 0x7fffffff;
const RELATIVE_OFFSET_LIMIT = 0x7fffffff;

/** How much earlier a segment is sealed for its age, so that those of many logs are not sealed together (segment.jitter.ms). */
export function drawJitterMs({ segmentJitterMs, segmentMs }: LogConfig, random: Random): number {
  const jitterMs = Math.min(segmentJitterMs, segmentMs, 0xffffffff);
  return jitterMs > 0 ? random.below(jitterMs) : 0;
}

/** Whether the active segment must be sealed before these batches are appended. */
export function isRollDue(
  active: Segment,
  { sizeInBytes, lastOffset, maxTimestamp }: AppendInfo,
  config: LogConfig,
  jitterMs: number,
  nowMs: number,
): boolean {
  if (active.size === 0) return false;
  return active.size + sizeInBytes > Math.min(config.segmentBytes, SEGMENT_BYTES_LIMIT) ||
    lastOffset - active.baseOffset > RELATIVE_OFFSET_LIMIT ||
    active.indexIsFull(config.segmentIndexBytes) ||
    isOlderThanSegmentMs(active, maxTimestamp, config, jitterMs, nowMs);
}

/** By the first record's timestamp, as Kafka has it; by this process's clock when records carry none. */
export function isOlderThanSegmentMs(
  active: Segment,
  timestamp: number,
  { segmentMs }: LogConfig,
  jitterMs: number,
  nowMs: number,
): boolean {
  if (active.size === 0) return false;
  const first = active.firstTimestamp ?? -1;
  const waitedMs = first >= 0 ? timestamp - first : nowMs - (active.createdMs ??= nowMs);
  return waitedMs > segmentMs - jitterMs;
}
