/**
 * Finds records by time: the segment by its largest timestamp, the batch by the time index, the record by looking inside.
 *
 * @module
 */
import { type BatchHeader, crcMatches } from "../protocol/batch.ts";
import { records } from "../protocol/records.ts";
import { isUnreadable } from "./batch_scanner.ts";
import type { TimestampOffset } from "./log.ts";
import { corruptLog, type Segment } from "./segment.ts";

/** The part of a log to look at. */
export interface TimeScope {
  readonly log: string;
  readonly segments: readonly Segment[];
  readonly startOffset: number;
  /** Records at and above it do not count. */
  readonly untilOffset: number;
}

/** First record with a timestamp ≥ `timestamp`. */
export function findTimestamp(scope: TimeScope, timestamp: number): TimestampOffset | undefined {
  for (const segment of scope.segments) {
    if (segment.baseOffset >= scope.untilOffset) return undefined;
    if (segment.size === 0 || segment.latest.timestamp < timestamp) continue;
    const scanner = segment.scannerFrom(segment.locateTime(timestamp));
    while (scanner.next()) {
      const { header, position } = scanner;
      if (header.baseOffset >= scope.untilOffset) return undefined;
      if (header.maxTimestamp < timestamp || scanner.lastOffset < scope.startOffset) continue;
      for (const record of readRecords(scope, segment, position, header)) {
        if (record.timestamp < timestamp || record.offset < scope.startOffset) continue;
        if (record.offset >= scope.untilOffset) return undefined;
        const { timestamp: found, offset } = record;
        return { timestamp: found, offset, leaderEpoch: header.partitionLeaderEpoch };
      }
    }
    if (scanner.problem !== undefined) throw corruptLog(scope.log, segment.path, scanner.position, scanner.problem);
  }
  return undefined;
}

/** The first of the records with the largest timestamp; undefined when none has one. */
export function findMaxTimestamp(scope: TimeScope): TimestampOffset | undefined {
  let best: { readonly segment: Segment; readonly position: number; readonly header: BatchHeader } | undefined;
  for (const segment of scope.segments) {
    if (segment.baseOffset >= scope.untilOffset) break;
    if (segment.size === 0 || segment.latest.timestamp <= (best?.header.maxTimestamp ?? -1)) continue;
    const isWhole = segment.baseOffset >= scope.startOffset && segment.latest.offset < scope.untilOffset;
    const scanner = segment.scannerFrom(isWhole ? segment.locate(segment.latest.offset) : 0);
    while (scanner.next() && scanner.lastOffset < scope.untilOffset) {
      const { header, position } = scanner;
      if (scanner.lastOffset < scope.startOffset || header.recordCount === 0) continue;
      if (header.maxTimestamp > (best?.header.maxTimestamp ?? -1)) best = { segment, position, header };
      if (isWhole) break;
    }
    if (scanner.problem !== undefined) throw corruptLog(scope.log, segment.path, scanner.position, scanner.problem);
  }
  if (best === undefined) return undefined;
  const { segment, position, header } = best;
  for (const { timestamp, offset } of readRecords(scope, segment, position, header)) {
    if (timestamp !== header.maxTimestamp) continue;
    return { timestamp, offset, leaderEpoch: header.partitionLeaderEpoch };
  }
  return undefined;
}

/** @throws {CorruptLogError} */
function* readRecords(
  scope: TimeScope,
  segment: Segment,
  position: number,
  { sizeInBytes, baseOffset }: BatchHeader,
): Iterable<{ readonly timestamp: number; readonly offset: number }, void, undefined> {
  const bytes = new Uint8Array(sizeInBytes);
  segment.file.read(position, bytes);
  const corrupt = (problem: string) =>
    corruptLog(scope.log, segment.path, position, `with offset ${baseOffset} ${problem}`);
  if (!crcMatches(bytes)) throw corrupt("does not match its CRC");
  try {
    yield* records(bytes);
  } catch (error) {
    throw isUnreadable(error) ? corrupt(`is not readable: ${error.message}`) : error;
  }
}
