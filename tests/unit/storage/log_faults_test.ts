import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Result } from "../../../lib/env.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { VirtualClock } from "../../../lib/virtual_clock.ts";
import { DiskError } from "../../../storage/disk.ts";
import { FaultyDisk } from "../../../storage/faulty_disk.ts";
import { WrongFolderError } from "../../../storage/meta_properties.ts";
import { appendTo, NAME, openLog, readAll } from "./log_kit.ts";

const ALL = Number.MAX_SAFE_INTEGER;

/** A log on a disk whose syncs take 10 ms of a clock that stands still. */
function slow() {
  const clock = new VirtualClock();
  let delayMs: number | undefined = undefined;
  const disk = new FaultyDisk({ clock, syncDelayMs: () => delayMs! });
  const opened = openLog(disk, { segmentBytes: 1_000_000 });
  delayMs = 10;
  return { clock, disk, ...opened };
}

Deno.test("flushes that come while a sync is under way share the next one", () => {
  const { clock, disk, log } = slow();
  const settled: string[] = [];
  const flush = (name: string) => log.flush(({ ok }) => settled.push(`${name} ${ok} ${log.flushedOffset}`));
  appendTo(log, 1);
  const calls = disk.calls;
  flush("a");
  flush("a2");
  appendTo(log, 1);
  flush("b");
  appendTo(log, 1);
  flush("c");
  assertEquals(disk.calls - calls, 3, "two appends, one sync");
  clock.advance(10);
  assertEquals(settled, ["a true 1", "a2 true 1"]);
  appendTo(log, 1);
  clock.advance(10);
  assertEquals(settled.slice(2), ["b true 3", "c true 3"]);
  assertEquals([log.flushedOffset, log.endOffset], [3, 4]);
});

/** Writes down which paths an operation meets, in order. */
function watch(disk: FaultyDisk, operation: "sync" | "syncFolder", seen: string[]): void {
  const path = { test: (path: string) => seen.push(path.replace(`${NAME}/`, "")) < 0 } as unknown as RegExp;
  disk.plan({ operation, path, code: "EIO" });
}

Deno.test("a flush covers the segments that were rolled meanwhile, their indexes and their names", () => {
  const disk = new FaultyDisk();
  const { log } = openLog(disk);
  for (let index = 0; index < 12; index++) appendTo(log, 1);
  assertEquals(log.segmentCount, 2);
  const seen: string[] = [];
  watch(disk, "sync", seen);
  watch(disk, "syncFolder", seen);
  let synced: string[] = [];
  log.flush(() => synced = [...seen]);
  assertEquals(synced[0], NAME);
  const [first, second] = ["00000000000000000000", "00000000000000000011"];
  for (const name of [`${first}.log`, `${first}.index`, `${first}.timeindex`, `${second}.log`, `${second}.snapshot`]) {
    assert(synced.includes(name), name);
  }
});

Deno.test("nobody is told that a batch is durable before the name of its segment is", () => {
  const { disk, log, store } = slow();
  appendTo(log, 1);
  log.rollIfDue(ALL);
  appendTo(log, 3);
  appendTo(log, 1);
  const results: boolean[] = [];
  disk.plan({ operation: "syncFolder", code: "EIO" });
  log.flush(({ ok }) => results.push(ok)); // fails at once
  assertEquals(results, [false]);
  store.close(false);

  const other = slow();
  appendTo(other.log, 1);
  other.log.flush(({ ok }) => results.push(ok)); // under way
  appendTo(other.log, 1);
  other.log.rollIfDue(ALL);
  appendTo(other.log, 3);
  other.log.flush(({ ok }) => results.push(ok)); // waits
  other.disk.plan({ operation: "syncFolder", path: new RegExp(NAME), code: "EIO" });
  assertThrows(() => other.log.truncateTo(4), DiskError);
  assertEquals(results, [false, false, false]);
});

Deno.test("what a snapshot summed up and a truncation took never comes back", () => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new FaultyDisk();
    const { log } = openLog(disk);
    for (let index = 0; index < 30; index++) appendTo(log, 1);
    log.flush(() => {});
    const snapshots = () => disk.list(NAME).filter((name) => name.endsWith(".snapshot"));
    assert(snapshots().length >= 2);
    log.truncateTo(5);
    disk.losePower(new SeededRandom(seed));
    assertEquals(snapshots(), []);
  }
});

Deno.test("after a sync that failed everybody gets the error, and the log takes nothing more", () => {
  const { clock, disk, log, store } = slow();
  appendTo(log, 1);
  const results: Result<void>[] = [];
  const keep = (result: Result<void>) => results.push(result);
  log.flush(keep);
  appendTo(log, 1);
  log.flush(keep);
  disk.plan({ operation: "sync", code: "EIO" });
  clock.advance(10); // the first was under way; the second fails
  assertEquals(results.map(({ ok }) => ok), [true, false]);
  assertEquals(log.flushedOffset, 1);
  log.flush(keep);
  assertEquals(results[2]!.ok, false);
  for (const action of [() => appendTo(log, 1), () => log.truncateTo(1), () => log.rollIfDue(ALL)]) {
    const error = assertThrows(action, DiskError, "takes nothing more");
    assert(error.cause instanceof DiskError);
  }
  assertEquals(readAll(log).length, 2);
  assertEquals(store.close(true), false, "what failed is not clean");
});

Deno.test("a sync under way when the log is truncated does not move the flushed offset over other batches", () => {
  const { clock, log } = slow();
  appendTo(log, 10);
  let settled = 0;
  log.flush(() => settled++);
  log.truncateTo(0);
  assertEquals(settled, 1);
  for (let index = 0; index < 10; index++) appendTo(log, 1);
  clock.advance(10);
  assertEquals([log.flushedOffset, log.endOffset], [0, 10]);
  log.flush(() => settled++);
  clock.advance(10);
  assertEquals([log.flushedOffset, settled], [10, 2]);
});

Deno.test("those who wait when a log is closed are told", () => {
  for (const clean of [true, false]) {
    const { clock, log, store } = slow();
    appendTo(log, 1);
    const results: boolean[] = [];
    log.flush(({ ok }) => results.push(ok));
    appendTo(log, 1);
    log.flush(({ ok }) => results.push(ok));
    store.close(clean);
    clock.advance(100);
    assertEquals(results, [clean, clean]);
  }
});

Deno.test("on a full disk nothing is appended, and it goes on when there is room again", () => {
  const disk = new FaultyDisk();
  const { log, store } = openLog(disk, { segmentBytes: 1_000_000 });
  const batches = [appendTo(log, 2)];
  disk.capacityBytes = disk.files().reduce((sum, path) => sum + disk.size(path)!, 0) + 50;
  const size = log.sizeInBytes;
  assertEquals(assertThrows(() => appendTo(log, 2), DiskError).code, "ENOSPC");
  assertEquals([log.endOffset, log.sizeInBytes, disk.size(`${NAME}/00000000000000000000.log`)], [2, size, size]);
  disk.capacityBytes = Infinity;
  batches.push(appendTo(log, 2));
  assertEquals(readAll(log), batches);
  assertEquals(store.close(true), true);
});

Deno.test("retention makes room on a disk that is full to the last byte", () => {
  const disk = new FaultyDisk();
  const { log, store } = openLog(disk);
  for (let index = 0; index < 40; index++) appendTo(log, 1);
  log.flush(() => {});
  store.checkpoint();
  disk.capacityBytes = disk.files().reduce((sum, path) => sum + disk.size(path)!, 0);
  assert(log.retain(-1, 1500, log.flushedOffset, 0) > 0);
  assert(log.startOffset > 0);
  appendTo(log, 1);
  assertEquals(readAll(log).length, log.endOffset - log.startOffset);
  store.close(false);
  const again = openLog(disk);
  assertEquals(again.log.startOffset, log.startOffset);
});

Deno.test("a write that fails otherwise ends the log", () => {
  const disk = new FaultyDisk();
  const { log } = openLog(disk, { segmentBytes: 1_000_000 });
  appendTo(log, 1);
  disk.plan({ operation: "append", path: /\.log$/, code: "EIO", times: 1 });
  assertEquals(assertThrows(() => appendTo(log, 1), DiskError).code, "EIO");
  assertThrows(() => appendTo(log, 1), DiskError, "takes nothing more");
  assertEquals(log.endOffset, 1);
});

Deno.test("a checkpoint that fails is reported by the next call, not by a flush", () => {
  const disk = new FaultyDisk();
  const { log, store } = openLog(disk, {}, { checkpointBytes: 100 });
  const unplan = disk.plan({ operation: "create", path: /checkpoint\.tmp$/, code: "EIO" });
  appendTo(log, 1);
  const results: boolean[] = [];
  log.flush(({ ok }) => results.push(ok));
  assertEquals(results, [true]);
  assertThrows(() => store.checkpoint(), DiskError);
  unplan();
  store.checkpoint();
  assertEquals(store.close(true), true);
});

Deno.test("what was cut is not missed after a checkpoint of which nobody knows whether it was written", () => {
  for (const checkpointed of [0, 3]) {
    const disk = new FaultyDisk();
    const { log, store } = openLog(disk);
    for (let index = 0; index < checkpointed; index++) appendTo(log, 1);
    log.flush(() => {});
    if (checkpointed > 0) store.checkpoint();
    for (let index = checkpointed; index < 7; index++) appendTo(log, 1);
    log.flush(() => {});
    disk.plan({ operation: "syncFolder", path: /^$/, code: "EIO", times: 1 });
    assertThrows(() => store.checkpoint(), DiskError); // the new file is there, though nobody has promised that it stays
    log.truncateTo(5);
    store.close(false);
    assertEquals(openLog(disk).log.endOffset, 5);
  }
});

Deno.test("a folder is held by one store at a time", () => {
  const disk = new FaultyDisk();
  const { store } = openLog(disk);
  assertEquals(assertThrows(() => openLog(disk), DiskError).code, "ELOCKED");
  store.close(true);
  assertThrows(() => openLog(disk, {}, { nodeId: 2 }), WrongFolderError);
  openLog(disk).store.close(true); // the one that was refused let go of the lock
});
