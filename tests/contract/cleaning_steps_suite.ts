/**
 * What every log must do while it is cleaned, step by step, and with what was cleaned from then on, on whatever disk it rests; a part of the
 * contract of logs.
 *
 * Invariant: at any step the log is used as if nobody cleaned it, and a cleaning that does not come to its end leaves nothing behind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { batches, PRODUCER_ID } from "../../protocol/batch.ts";
import { ALL, chain, clean, content, NOW, sketchOf, stepOn, write } from "../unit/storage/cleaning_kit.ts";
import { appendTo, flushed, NAME, readAll } from "../unit/storage/log_kit.ts";
import type { Case } from "./log_suite.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** The cases, by what they demand. */
export const CLEANING_STEPS_CASES: Record<string, Case> = {
  "segments become one, up to segment.bytes, and it is found again": async (open, disk) => {
    const first = open();
    for (let index = 0; index < 200; index++) write(first.log, `k${index % 3}=${index}`);
    const segments = first.log.segmentCount;
    assert(segments > 10);
    await clean(first.log);
    write(first.log, "z=1");
    await clean(first.log);
    assert(first.log.segmentCount < 4);
    const { sizeInBytes, endOffset } = first.log;
    const left = content(first.log);
    for (const isClean of [true, false]) {
      const { log, store, observer } = isClean ? first : open();
      assertEquals([log.sizeInBytes, log.endOffset, content(log), log.cleanedTo], [sizeInBytes, endOffset, left, 201]);
      assertEquals([observer.offset, log.recovery.cutBytes], [endOffset, 0]);
      store.close(isClean);
    }
    const { log } = open();
    assertEquals([content(log), log.cleanedTo], [left, 201]);
    assertEquals(disk.list(NAME).filter((name) => /cleaned|swap/.test(name)), []);
  },

  "a map that is full cleans a part, and the rest the next time": async (open) => {
    const { log } = open();
    for (let index = 0; index < 60; index++) write(log, `k${index % 20}=${index}`);
    const ends = [];
    for (let round = 0; log.cleanedTo < 60; round++) {
      assert(round < 60);
      const report = await clean(log, { mapBytesMax: round === 0 ? 0 : 400 });
      assert(report !== undefined && report.cleanedTo > (ends.at(-1) ?? 0));
      ends.push(report.cleanedTo);
      const last = new Map<string, string>();
      for (const each of content(log).split(" ")) {
        const [offset, sketch] = each.split(":");
        last.set(sketch!.split("=")[0]!, offset!);
      }
      assertEquals(
        [...last.values()].map(Number).sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, at) => 40 + at),
      );
    }
    assert(ends.length > 5, `${ends}`);
    assertEquals(content(log).split(" ").length, 20);
  },

  "between its steps a log is read and written as ever": async (open) => {
    const { log } = open();
    for (let index = 0; index < 40; index++) write(log, `k${index % 5}=${index}`);
    log.rollIfDue(MAX);
    await flushed(log);
    const cleaning = log.beginCleaning(ALL)!;
    assertEquals(log.beginCleaning(ALL), undefined, "one at a time");
    for (let index = 0; await stepOn(cleaning, 1) === undefined; index++) {
      write(log, `new=${index}`);
      if (index % 10 === 0) log.flush(() => {});
      const offset = index % log.endOffset;
      const [batch] = readAll(log, offset);
      const { baseOffset, lastOffsetDelta } = [...batches(batch!)][0]!;
      assert(baseOffset <= offset && offset <= baseOffset + lastOffsetDelta);
    }
    const found = content(log).split(" ").filter((each) => each.includes("k"));
    assertEquals(found, ["35:k0=35", "36:k1=36", "37:k2=37", "38:k3=38", "39:k4=39"]);
    assert(await clean(log) !== undefined, "it can be cleaned again");
  },

  "what is deleted meanwhile is passed over, and the cleaning goes on": async (open, disk) => {
    for (const steps of [0, 25, 50, 75, 100, 150]) {
      const { log, store } = open();
      log.restartAt(0);
      for (let index = 0; index < 30; index++) write(log, `k${index % 3}=${index} once${index}=1`);
      assert(await clean(log) !== undefined);
      for (let index = 30; index < 60; index++) write(log, `k${index % 3}=${index} once${index}=1`);
      log.rollIfDue(MAX);
      await flushed(log);
      const cleaning = log.beginCleaning(ALL)!;
      for (let step = 0; step < steps; step++) await stepOn(cleaning, 60);
      log.advanceStart(41);
      let report;
      while (report === undefined) report = await stepOn(cleaning, 1000);
      assertEquals(report.cleanedTo, 120, `after ${steps} steps`);
      assertEquals(disk.list(NAME).filter((name) => /cleaned|swap/.test(name)), []);
      const left = content(log).split(" ").filter((each) => /:k/.test(each));
      assertEquals(left, ["114:k0=57", "116:k1=58", "118:k2=59"]);
      log.advanceStart(100);
      assertEquals(readAll(log).flatMap(sketchOf).at(-1), "119:once59=1");
      const before = content(log);
      store.close(false);
      const again = open();
      assertEquals([again.log.startOffset, again.log.endOffset, content(again.log)], [100, 120, before]);
      again.store.close(true);
    }
  },

  "a truncation, a new start and a close end it, and leave nothing behind": async (open, disk) => {
    for (const end of ["truncateTo", "restartAt", "close", "cancel"] as const) {
      for (const steps of [3, 45, 90]) {
        const { log, store } = open();
        log.restartAt(0);
        for (let index = 0; index < 60; index++) write(log, `k${index % 5}=${index}`);
        log.rollIfDue(MAX);
        await flushed(log);
        const cleaning = log.beginCleaning(ALL)!;
        for (let step = 0; step < steps; step++) await stepOn(cleaning, 1);
        if (end === "cancel") cleaning.cancel();
        else if (end === "close") store.close(true);
        else log[end](50);
        assert(cleaning.step(1) !== undefined, `${end} after ${steps}`);
        assertEquals(disk.list(NAME).filter((name) => /cleaned|swap/.test(name)), []);
        if (end === "close") continue;
        assert(log.beginCleaning({ ...ALL, nowMs: NOW }) !== undefined || end === "restartAt");
        store.close(false);
      }
    }
  },

  "what comes in the place of what was cut has not been cleaned": async (open) => {
    const { log, store } = open();
    for (let index = 0; index < 40; index++) write(log, `a=${index} b${index}=1`);
    await clean(log);
    assertEquals(log.cleanedTo, 80);
    log.truncateTo(30);
    const cut = log.cleanedTo;
    assert(cut <= 30 && cut === log.endOffset);
    while (log.endOffset < 80) write(log, "a=x");
    store.close(false);
    const again = open().log;
    assertEquals(again.cleanedTo, cut);
    assert(await clean(again) !== undefined);
    assertEquals(content(again).split(" ").filter((each) => each.includes(":a")), ["79:a=x"]);
    again.restartAt(7);
    assertEquals(again.cleanedTo, 7);
  },

  "a log that begins within a batch is cleaned, and begins there still": async (open) => {
    const { log, store } = open();
    for (let index = 0; index < 20; index++) write(log, `a=${index} b=${index} c${index}=1`);
    log.advanceStart(4);
    await clean(log);
    assertEquals(log.startOffset, 4);
    assertEquals(readAll(log, 4).flatMap(sketchOf).slice(0, 2), ["2:c0=1", "5:c1=1"].slice(1).concat("8:c2=1"));
    store.close(false);
    const again = open().log;
    assertEquals([again.startOffset, again.endOffset], [4, 60]);
    again.advanceStart(31);
    await clean(again, { nowMs: NOW + 1 });
    assertEquals(readAll(again).flatMap(sketchOf).at(-1), "59:c19=1");
  },

  "timestamps of what is gone are not found": async (open) => {
    const { log } = open();
    for (let index = 0; index < 40; index++) write(log, `k${index % 4}=${index}`, { timestamp: NOW + 100 - index });
    await clean(log, { mustKeep: ({ baseOffset }) => baseOffset === 0 });
    assertEquals(log.offsetOfMaxTimestamp(MAX)?.offset, 36);
    assertEquals(log.offsetForTimestamp(NOW, MAX)?.offset, 36);
    assertEquals(log.offsetForTimestamp(NOW + 64, MAX)?.offset, 36);
    assertEquals(log.offsetForTimestamp(NOW + 65, MAX), undefined);
  },

  "what a producer is remembered by has no time that is found": async (open) => {
    const { log } = open({ segmentBytes: 100_000 });
    const from = { producerId: 7n, producerEpoch: 0, baseSequence: 0 };
    write(log, "a=1", { ...from, timestamp: NOW + 50 });
    write(log, "b=1", { timestamp: NOW + 10 });
    write(log, "a=2", { timestamp: NOW + 20 });
    await clean(log, { mustKeep: ({ producerId }) => producerId === 7n });
    assertEquals(chain(log), "0-0! 1-1 2-2");
    assertEquals(log.offsetOfMaxTimestamp(2)?.offset, 1);
    assertEquals(log.offsetOfMaxTimestamp(3)?.offset, 2);
  },

  "retention goes by the records that are left, and is not held up by segments without any": async (open) => {
    for (const isReopened of [false, true]) {
      const { log, store } = open();
      log.restartAt(0);
      for (let index = 0; index < 60; index++) write(log, `k${index % 4}=${index}`, { timestamp: NOW + index });
      await clean(log);
      const segments = log.segmentCount;
      assert(segments > 2 && chain(log).startsWith("0-") && chain(log).includes("! "));
      if (isReopened) store.close(true);
      const again = isReopened ? open().log : log;
      assertEquals(again.retain(1000, -1, MAX, NOW + 1000), 0);
      assertEquals(again.retain(1000, -1, MAX, NOW + 1060), segments - 1);
      if (!isReopened) store.close(false);
    }
  },

  "bit rot ends it, and the log is as it was": async (open, disk) => {
    const { log } = open();
    for (let index = 0; index < 40; index++) write(log, `k${index % 4}=${index}`);
    log.rollIfDue(MAX);
    await flushed(log);
    const names = disk.list(NAME);
    const path = `${NAME}/${names.find((name) => name.endsWith(".log") && !name.startsWith("00000000000000000000"))}`;
    const file = disk.open(path, { create: false });
    const byte = new Uint8Array(1);
    file.read(70, byte);
    file.write(70, new Uint8Array([byte[0]! ^ 1]));
    const cleaning = log.beginCleaning(ALL)!;
    let error: unknown;
    try {
      while (await stepOn(cleaning, 100) === undefined);
    } catch (thrown) {
      error = thrown;
    }
    file.close();
    assertEquals((error as Error)?.name, "CorruptLogError");
    assertEquals([disk.list(NAME), log.cleanedTo], [names, 0]);
    assert(log.beginCleaning(ALL) !== undefined, "it can be tried again");
  },

  "appending goes on behind what was cleaned": async (open) => {
    const { log, observer } = open();
    for (let index = 0; index < 40; index++) write(log, "a=1");
    await clean(log);
    const batch = appendTo(log, 2);
    assertEquals(readAll(log).at(-1), batch);
    assertEquals([log.endOffset, observer.offset], [42, 42]);
    assertEquals(new DataView(readAll(log)[0]!.buffer).getBigInt64(PRODUCER_ID), -1n);
  },
};
