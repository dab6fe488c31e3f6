/**
 * What every log must do with its segments, on whatever disk it rests: when the next one is begun, and which ones go; a part of the contract of
 * logs.
 *
 * Invariant: where one segment ends and the next begins shows in nothing that is read.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { appendTo, CONFIG, NAME, readAll } from "../unit/storage/log_kit.ts";
import type { Case } from "./log_suite.ts";

const DAY = 86_400_000;
const NOW = 1_700_000_000_000;
const ALL = Number.MAX_SAFE_INTEGER;

/** The cases, by what they demand. */
export const SEGMENT_CASES: Record<string, Case> = {
  "a segment rolls when the next batch would make it too large": (open) => {
    const { log } = open({ segmentBytes: 400 });
    const { length } = appendTo(log, 1);
    for (let total = 2 * length; total <= 400; total += length) appendTo(log, 1);
    assertEquals(log.segmentCount, 1);
    appendTo(log, 1);
    assertEquals(log.segmentCount, 2);
    appendTo(log, 100);
    assertEquals(log.segmentCount, 3);
    assertEquals(readAll(log).length, log.endOffset - 99);
  },

  "a segment rolls by the time between its first record and the newest": (open) => {
    const { log } = open({ segmentMs: 1000 });
    appendTo(log, 1, { timestamp: NOW });
    appendTo(log, 1, { timestamp: NOW + 1000 });
    log.rollIfDue(NOW + 1000);
    assertEquals(log.segmentCount, 1);
    appendTo(log, 1, { timestamp: NOW + 1001 });
    assertEquals(log.segmentCount, 2);
    log.rollIfDue(NOW + 2002);
    assertEquals(log.segmentCount, 3);
    log.rollIfDue(NOW + 9000);
    assertEquals(log.segmentCount, 3, "an empty segment stays");
  },

  "records without timestamps roll by the clock": (open) => {
    const { log } = open({ segmentMs: 1000 });
    const options = { timestamp: -1, valueBytes: 1 };
    appendTo(log, 1, { ...options, nowMs: NOW });
    appendTo(log, 1, { ...options, nowMs: NOW + 1000 });
    assertEquals(log.segmentCount, 1);
    appendTo(log, 1, { ...options, nowMs: NOW + 1001 });
    assertEquals(log.segmentCount, 2);
  },

  "a segment rolls when an index is full": (open) => {
    const { log } = open({ segmentBytes: 1_000_000, indexIntervalBytes: 1, segmentIndexBytes: 80 });
    for (let index = 0; index < 30; index++) appendTo(log, 1, { timestamp: NOW + index });
    assert(log.segmentCount >= 4);
    assertEquals(readAll(log).length, 30);
  },

  "relative offsets stay below 2^31": (open) => {
    const { log } = open({ segmentBytes: 1_000_000 });
    log.restartAt(5);
    const far = { valueBytes: 1, lastOffsetDelta: 0x7fff_fffe };
    appendTo(log, 1, far);
    assertEquals(log.segmentCount, 1);
    appendTo(log, 1);
    assertEquals(log.segmentCount, 1);
    appendTo(log, 1);
    assertEquals(log.segmentCount, 2);
    assertEquals(log.endOffset, 5 + 2 ** 31 + 1);
    assertEquals(readAll(log).length, 3);
  },

  "a new configuration counts from the next append": (open) => {
    const { log } = open({ segmentBytes: 1_000_000 });
    appendTo(log, 1);
    log.configure({ ...CONFIG, segmentBytes: 100 });
    appendTo(log, 1);
    assertEquals(log.segmentCount, 2);
  },

  "the start moves to any offset, and segments that are wholly below go": (open, disk) => {
    const { log } = open();
    const batches = Array.from({ length: 30 }, () => appendTo(log, 2, { partitionLeaderEpoch: 2 }));
    const before = log.segmentCount;
    log.advanceStart(0);
    assertEquals(log.segmentCount, before);
    log.advanceStart(31);
    assertEquals(log.startOffset, 31);
    assert(log.segmentCount < before);
    assertThrows(() => log.read(30, ALL, 1000, true), RangeError);
    assertEquals(readAll(log), batches.slice(15));
    assertEquals(log.epochAt(31), 2);
    log.advanceStart(10);
    assertEquals(log.startOffset, 31);
    assertThrows(() => log.advanceStart(61), RangeError);
    log.advanceStart(60);
    assertEquals([log.startOffset, log.endOffset, log.segmentCount], [60, 60, 1]);
    assertEquals(disk.list(NAME).filter((name) => name.endsWith(".log")).length, 1);
    appendTo(log, 1, { partitionLeaderEpoch: 2 });
    assertEquals(readAll(log).length, 1);
  },

  "retention by size deletes the oldest segments that are too much": (open) => {
    const { log } = open();
    for (let index = 0; index < 30; index++) appendTo(log, 2);
    const { segmentCount, sizeInBytes } = log;
    assertEquals(log.retain(-1, sizeInBytes, ALL, NOW), 0);
    assertEquals(log.retain(-1, sizeInBytes - 1, ALL, NOW), 0, "only what is too much as a whole");
    assertEquals(log.retain(-1, sizeInBytes - 1000, ALL, NOW), 1);
    assertEquals(log.segmentCount, segmentCount - 1);
    assert(log.startOffset > 0);
    assertEquals(log.retain(-1, 1, log.startOffset, NOW), 0, "nothing above the limit goes");
    assertEquals(log.retain(-1, 1, ALL, NOW), segmentCount - 2);
    assertEquals(log.retain(-1, 0, ALL, NOW), 1, "at last the active one, after it was rolled");
    assertEquals([log.startOffset, log.endOffset, log.sizeInBytes], [60, 60, 0]);
    assertEquals(log.retain(-1, 0, ALL, NOW), 0);
  },

  "retention by time goes by the largest timestamp of each segment": (open) => {
    const { log } = open();
    for (let index = 0; index < 30; index++) appendTo(log, 2, { timestamp: NOW + index * DAY });
    assertEquals(log.retain(-1, -1, ALL, NOW + 100 * DAY), 0);
    assertEquals(log.retain(30 * DAY, -1, ALL, NOW + 20 * DAY), 0);
    assert(log.retain(10 * DAY, -1, ALL, NOW + 20 * DAY) > 0);
    assert(log.startOffset > 0 && log.startOffset <= 20);
    assert(log.retain(10 * DAY, -1, 40, NOW + 100 * DAY) > 0);
    assert(log.startOffset <= 40, "nothing above the limit goes");
    log.retain(10 * DAY, -1, ALL, NOW + 100 * DAY);
    assertEquals([log.startOffset, log.endOffset], [60, 60]);
  },
};
