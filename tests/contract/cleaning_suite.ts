/**
 * What must be left of every log when it has been cleaned, and what is to be cleaned at all, on whatever disk it rests; a part of the
 * contract of logs.
 *
 * Invariant: a case judges what can be read afterwards, never how the log has come to it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../../lib/prng.ts";
import { batches } from "../../protocol/batch.ts";
import type { CompressionName } from "../../protocol/compression/codec.ts";
import { encodeBatch, records } from "../../protocol/records.ts";
import { chain, clean, cleanUnsealed, content, NOW, write } from "../unit/storage/cleaning_kit.ts";
import { flushed, readAll } from "../unit/storage/log_kit.ts";
import type { Case } from "./log_suite.ts";

/** The cases, by what they demand. */
export const CLEANING_CASES: Record<string, Case> = {
  "cleaning leaves the last record of every key, and every offset in a batch": async (open) => {
    const { log } = open();
    for (const sketch of ["a=1 b=1", "a=2", "c=1 b=2 c=2", "d=1", "d=2", "e=1 a=3"]) write(log, sketch);
    const report = await clean(log);
    assertEquals(content(log), "4:b=2 5:c=2 7:d=2 8:e=1 9:a=3");
    assertEquals(chain(log), "0-2! 3-5 6-6! 7-7 8-9");
    assertEquals([log.startOffset, log.endOffset, log.cleanedTo], [0, 10, 10]);
    assert(report !== undefined && report.bytesAfter < report.bytesBefore);
    assertEquals([report.cleanedTo, log.sizeInBytes], [10, report.bytesAfter]);
    assertEquals(await clean(log), undefined, "nothing is left to do");
  },

  "a read from any offset finds what is left from there on": async (open) => {
    const { log } = open();
    for (let index = 0; index < 60; index++) write(log, `k${index % 7}=${index} x=${index}`);
    await clean(log);
    const left = readAll(log).flatMap((batch) => [...records(batch)].map(({ offset }) => offset));
    for (let offset = 0; offset <= log.endOffset; offset++) {
      for (const maxBytes of [1, 200, 5000]) {
        const found = offset === log.endOffset ? [] : readAll(log, offset, maxBytes);
        const offsets = found.flatMap((batch) => [...records(batch)].map(({ offset }) => offset));
        assertEquals(offsets.filter((each) => each >= offset), left.filter((each) => each >= offset));
      }
    }
  },

  "nothing is touched that is not committed, not durable, or in the active segment": async (open) => {
    const { log } = open();
    for (let index = 0; index < 30; index++) write(log, `a=${index}`);
    const before = readAll(log);
    assertEquals(await cleanUnsealed(log), undefined, "not durable");
    await flushed(log);
    const report = await cleanUnsealed(log, { untilOffset: 20 });
    assert(report !== undefined && report.cleanedTo > 5 && report.cleanedTo <= 20);
    const after = readAll(log);
    const rest = before.slice(report.cleanedTo);
    assertEquals(after.slice(-rest.length), rest);
    assertEquals(content(log).split(" ").length, rest.length + 1);
    const all = await cleanUnsealed(log);
    assert(all !== undefined && all.cleanedTo < 30, "the active segment is not cleaned");
  },

  "it is worth the work when enough is dirty, or some of it too long": async (open) => {
    const { log } = open();
    for (let index = 0; index < 100; index++) write(log, `k${index}=${index}`, { timestamp: NOW + index });
    assertEquals(await clean(log, { minDirtyRatio: 1 }), undefined, "more than all of it is never dirty");
    assert(await clean(log, { minDirtyRatio: 0.9 }) !== undefined, "all of it");
    for (let index = 0; index < 30; index++) write(log, `k${index}=${index}`, { timestamp: NOW + 200 + index });
    assertEquals(await clean(log, { minDirtyRatio: 0.3 }), undefined);
    assertEquals(await clean(log, { minDirtyRatio: 0.3, nowMs: NOW + 300, maxLagMs: 200 }), undefined);
    assertEquals(await clean(log, { nowMs: NOW + 300, minLagMs: 200 }), undefined, "all of it is too young");
    assert(await clean(log, { minDirtyRatio: 0.3, nowMs: NOW + 300, maxLagMs: 99 }) !== undefined);
    for (let index = 0; index < 30; index++) write(log, `k${index}=${index}`, { timestamp: NOW + 400 });
    assert(await clean(log, { minDirtyRatio: 0.2 }) !== undefined);
    assertEquals(content(log).split(" ").length, 100);
  },

  "how old a record is, is not hidden by what has been cleaned away before it": async (open) => {
    const { log } = open();
    const gap = encodeBatch([], { baseOffset: 0, partitionLeaderEpoch: 0, lastOffsetDelta: 9 });
    log.append(gap, NOW);
    for (let index = 0; index < 10; index++) write(log, `a=${index}`, { timestamp: NOW + index });
    assertEquals(await clean(log, { minDirtyRatio: 1, nowMs: NOW + 100, maxLagMs: 100 }), undefined);
    assert(await clean(log, { minDirtyRatio: 1, nowMs: NOW + 200, maxLagMs: 100 }) !== undefined);
  },

  "what is too young, and all behind it, waits": async (open) => {
    const { log } = open();
    for (let index = 0; index < 40; index++) write(log, `a=${index}`, { timestamp: NOW + index });
    const report = await clean(log, { nowMs: NOW + 40, minLagMs: 20 });
    assert(report !== undefined && report.cleanedTo <= 20);
    assertEquals(content(log).split(" ").length, 40 - report.cleanedTo + 1);
  },

  "a tombstone stays until the horizon that the first cleaning gives it": async (open) => {
    const { log } = open();
    write(log, "a=1 b=1 c=1");
    write(log, "a b=2");
    await clean(log, { nowMs: NOW + 10, deleteRetentionMs: 100 });
    assertEquals(content(log), "2:c=1 3:a 4:b=2");
    const header = readAll(log).map((batch) => [...batches(batch)][0]!)[1]!;
    assertEquals([header.hasDeleteHorizon, header.baseTimestamp], [true, NOW + 110]);
    assertEquals(readAll(log).flatMap((batch) => [...records(batch)].map(({ timestamp }) => timestamp)), [
      NOW,
      NOW,
      NOW,
    ]);
    write(log, "d=1");
    assertEquals((await clean(log, { nowMs: NOW + 109, deleteRetentionMs: 100 }))?.tombstones, 0);
    assertEquals(content(log), "2:c=1 3:a 4:b=2 5:d=1");
    write(log, "e=1");
    assertEquals((await clean(log, { nowMs: NOW + 110, deleteRetentionMs: 100 }))?.tombstones, 1);
    assertEquals(content(log), "2:c=1 4:b=2 5:d=1 6:e=1");
  },

  "it is known from where on no tombstone has gone, here or where the log was filled from": async (open, disk) => {
    const { log, store } = open();
    const known = (isDamaged = false) => {
      if (isDamaged) disk.open("tombstone-offset-checkpoint", { create: false }).append(new Uint8Array([1]));
      const { log, store } = open();
      store.close(false);
      return log.tombstonesGoneTo;
    };
    for (const sketch of ["a=1 b=1", "a", "c=1 d=1", "c", "e=1"]) write(log, sketch);
    await clean(log, { deleteRetentionMs: 100 });
    assertEquals(log.tombstonesGoneTo, 0, "they have their horizons, and are there");
    write(log, "f=1");
    const report = await clean(log, { nowMs: NOW + 100, tombstonesUntil: () => 4 });
    assertEquals([report?.tombstones, log.tombstonesGoneTo], [1, 3]);
    write(log, "g=1");
    await clean(log, { nowMs: NOW + 100 });
    assertEquals(log.tombstonesGoneTo, 6);
    store.checkpoint();
    store.close(false);
    assertEquals(known(), 6);
    const again = open();
    again.log.truncateTo(5);
    const { endOffset } = again.log;
    assert(endOffset <= 5);
    assertEquals(again.log.tombstonesGoneTo, endOffset, "what comes in the place of what was cut has all of them");
    again.log.restartAt(0);
    assertEquals(again.log.tombstonesGoneTo, 0);
    again.log.fillWithout(9);
    for (let index = 0; index < 4; index++) write(again.log, "a=1");
    again.log.fillWithout(9);
    assertEquals(again.log.tombstonesGoneTo, 9);
    again.log.fillWithout(0);
    assertEquals(again.log.tombstonesGoneTo, 4, "what comes next is from elsewhere");
    again.log.restartAt(0);
    again.log.fillWithout(9);
    for (let index = 0; index < 10; index++) write(again.log, "a=1");
    await flushed(again.log);
    again.store.checkpoint();
    again.store.close(false);
    assertEquals(known(), 9);
    assertEquals(known(true), 10, "when nobody knows any more, they may have gone from anywhere");
    assertEquals(known(), 10);
  },

  "a tombstone is taken back by a later record": async (open) => {
    const { log } = open();
    write(log, "a=1");
    write(log, "a");
    write(log, "a=2");
    await clean(log);
    assertEquals(content(log), "2:a=2");
    assertEquals(chain(log), "0-1! 2-2");
  },

  "the last batch of a producer that is remembered stays as a header": async (open) => {
    const { log } = open();
    const from = { producerId: 7n, producerEpoch: 1 };
    write(log, "a=1", { ...from, baseSequence: 0 });
    write(log, "a=2 b=1", { ...from, baseSequence: 1 });
    write(log, "a=3 b=2");
    await clean(log, { mustKeep: ({ producerId, baseOffset }) => producerId === 7n && baseOffset === 1 });
    assertEquals(chain(log), "0-0! 1-2! 3-4");
    const headers = readAll(log).map((batch) => [...batches(batch)][0]!);
    assertEquals(headers.map(({ producerId }) => producerId), [-1n, 7n, -1n]);
    const { producerEpoch, baseSequence, lastOffsetDelta, maxTimestamp } = headers[1]!;
    assertEquals([producerEpoch, baseSequence, lastOffsetDelta, maxTimestamp], [1, 1, 1, NOW]);
    write(log, "c=1");
    await clean(log);
    assertEquals(chain(log), "0-2! 3-4 5-5", "once nobody remembers it, it goes");
  },

  "leader epochs are as they were": async (open) => {
    const { log } = open();
    for (let index = 0; index < 40; index++) write(log, `a=${index}`, { partitionLeaderEpoch: index >> 3 });
    const before = Array.from({ length: 40 }, (_, offset) => log.epochAt(offset));
    await clean(log);
    assertEquals(Array.from({ length: 40 }, (_, offset) => log.epochAt(offset)), before);
    for (const batch of readAll(log)) {
      const { baseOffset, lastOffsetDelta, partitionLeaderEpoch } = [...batches(batch)][0]!;
      for (const offset of [baseOffset, baseOffset + lastOffsetDelta]) assertEquals(offset >> 3, partitionLeaderEpoch);
    }
    assertEquals(log.endOffsetForEpoch(2), { epoch: 2, endOffset: 24 });
  },

  "whatever codec a batch has, it keeps it": async (open) => {
    const { log } = open({ segmentBytes: 100_000 });
    const codecs: CompressionName[] = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (const codec of codecs) write(log, `${codec}=1 a=${codec} ${codec}-2=2`, { codec });
    await clean(log);
    assertEquals(
      content(log),
      "0:none=1 2:none-2=2 3:gzip=1 5:gzip-2=2 6:snappy=1 8:snappy-2=2 9:lz4=1 11:lz4-2=2 12:zstd=1 13:a=zstd 14:zstd-2=2",
    );
    assertEquals(readAll(log).map((batch) => [...batches(batch)][0]!.codec), [0, 1, 2, 3, 4]);
  },

  "records without a key, and those of transactions, are left alone": async (open) => {
    const { log } = open();
    const transaction = { isTransactional: true, producerId: 3n, producerEpoch: 0, baseSequence: 0 };
    const left = [write(log, "=1 =2"), write(log, "a=1"), write(log, "a=2", transaction), write(log, "b=1")];
    await clean(log);
    assertEquals(readAll(log), left);
  },

  "whatever is written and whenever it is cleaned, the last record of every key is there": async (open) => {
    const random = new SeededRandom("cleaning");
    const { log } = open({ segmentBytes: 600 });
    const written: string[] = [];
    let nowMs = NOW;
    for (let round = 0; round < 25; round++) {
      for (let count = random.below(12); count > 0; count--) {
        const sketch = Array.from({ length: 1 + random.below(4) }, () => {
          const key = `k${random.below(9)}`;
          return random.chance(1, 4) ? key : `${key}=${written.length}.${random.below(100)}`;
        });
        const epoch = Math.max(0, log.latestEpoch) + Number(random.chance(1, 20));
        const codec = random.pick<CompressionName>(["none", "gzip", "lz4"]);
        write(log, sketch.join(" "), { timestamp: nowMs, partitionLeaderEpoch: epoch, codec });
        written.push(...sketch);
      }
      nowMs += random.below(100);
      if (random.chance(1, 2)) {
        await clean(
          log,
          { nowMs, deleteRetentionMs: 150, mapBytesMax: random.pick([300, 1 << 20]) },
          1 + random.below(500),
        );
      }
      const last = new Map<string, string>();
      written.forEach((sketch, offset) => last.set(sketch.split("=")[0]!, `${offset}:${sketch}`));
      const found = content(log).split(" ").filter((each) => each !== "");
      for (const each of found) assertEquals(each, `${each.split(":")[0]}:${written[Number(each.split(":")[0])]}`);
      for (const each of last.values()) assert(found.includes(each) || !each.includes("="), `${each} is gone`);
      const latest = new Map(found.map((each) => [each.split(":")[1]!.split("=")[0]!, each]));
      for (const [key, each] of latest) {
        if (each.includes("=")) assertEquals(each, last.get(key), "what was taken back is not there again");
      }
    }
    assert(written.length > 200);
    assert(content(log).split(" ").length < 150, "it was cleaned");
  },
};
