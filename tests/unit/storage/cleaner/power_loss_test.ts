import { assert, assertEquals, AssertionError } from "@std/assert";
import { SeededRandom } from "../../../../lib/prng.ts";
import { batches } from "../../../../protocol/batch.ts";
import { DiskError } from "../../../../storage/disk.ts";
import { FaultyDisk } from "../../../../storage/faulty_disk.ts";
import { cleanOn, content, NOW, write } from "../cleaning_kit.ts";
import { NAME, type OpenLog, openLog, readAll } from "../log_kit.ts";

const CONFIG = { segmentBytes: 500, indexIntervalBytes: 80 };

/** What was written, by offset, and how far it is durable. */
class Model {
  readonly written: string[] = [];
  durable = 0;
  /** Tombstones may be gone. */
  tombstonesGo = false;

  write({ log }: OpenLog, sketch: string, epoch = 0): void {
    this.written.push(...sketch.split(" "));
    write(log, sketch, { partitionLeaderEpoch: epoch });
  }

  flush({ log }: OpenLog): void {
    const end = log.endOffset;
    log.flush(({ ok }) => {
      if (ok) this.durable = end;
    });
  }

  check({ log, observer }: OpenLog): void {
    assert(log.endOffset >= this.durable, `it ends at ${log.endOffset}, below ${this.durable}`);
    assertEquals(observer.offset, log.endOffset);
    let next = 0;
    for (const batch of readAll(log)) {
      for (const { baseOffset, lastOffsetDelta } of batches(batch)) {
        assertEquals(baseOffset, next, "no hole");
        next = baseOffset + lastOffsetDelta + 1;
      }
    }
    assertEquals(next, log.endOffset);
    const found = content(log).split(" ").filter((each) => each !== "");
    for (const each of found) assertEquals(each, `${each.split(":")[0]}:${this.written[Number(each.split(":")[0])]}`);
    const last = new Map<string, string>();
    this.written.slice(0, log.endOffset).forEach((sketch, offset) =>
      last.set(sketch.split("=")[0]!, `${offset}:${sketch}`)
    );
    for (const each of last.values()) {
      const isGone = this.tombstonesGo && !each.includes("=") && Number(each.split(":")[0]) < log.tombstonesGoneTo;
      assert(found.includes(each) || isGone, `${each} is gone: ${found}`);
    }
    const latest = new Map(found.map((each) => [each.split(":")[1]!.split("=")[0]!, each]));
    for (const [key, each] of latest) if (each.includes("=")) assertEquals(each, last.get(key), "it was taken back");
    for (let offset = 0; offset < log.endOffset; offset += 7) readAll(log, offset, 100);
  }
}

/** Writes, cleans, writes more, cleans it all and drops tombstones. */
function script(opened: OpenLog, model: Model): void {
  const { log, store } = opened;
  for (let index = 0; index < 16; index++) model.write(opened, `a=${index} k${index % 5}=${index}`, index >> 3);
  model.write(opened, "k1 k2", 1);
  log.rollIfDue(Number.MAX_SAFE_INTEGER);
  model.flush(opened);
  cleanOn(log, { nowMs: NOW });
  for (let index = 0; index < 8; index++) model.write(opened, `a=${index} n${index}=${index}`, 2);
  log.rollIfDue(Number.MAX_SAFE_INTEGER);
  model.flush(opened);
  model.tombstonesGo = true;
  cleanOn(log, { nowMs: NOW + 2000 });
  model.write(opened, "a=z", 3);
  model.flush(opened);
  store.close(true);
}

function isPowerLoss(error: unknown): boolean {
  return error instanceof DiskError && error.message.includes("the power");
}

Deno.test("the power may fail at any call of a disk while a log is cleaned", () => {
  let call = 0;
  let swaps = 0;
  for (let isOver = false; !isOver; call++) {
    for (let seed = 0; seed < 4; seed++) {
      const disk = new FaultyDisk();
      const model = new Model();
      const before = openLog(disk, CONFIG);
      disk.cutPowerAt(disk.calls + 1 + call);
      try {
        script(before, model);
        isOver = true;
      } catch (error) {
        if (!isPowerLoss(error)) throw error;
      }
      disk.losePower(new SeededRandom(`${call} ${seed}`));
      if (disk.list(NAME).some((name) => name.endsWith(".swap"))) swaps++;
      try {
        const after = openLog(disk, CONFIG);
        model.written.length = after.log.endOffset;
        model.check(after);
        assertEquals(disk.list(NAME).filter((name) => /cleaned|swap/.test(name)), []);
        model.write(after, "a=after", 9);
        after.log.rollIfDue(Number.MAX_SAFE_INTEGER);
        model.flush(after);
        model.tombstonesGo = true;
        cleanOn(after.log, { nowMs: NOW + 3000 });
        model.check(after);
        after.store.close(true);
      } catch (error) {
        throw new AssertionError(`Call ${call}, seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
  assert(call > 150 && swaps > 25, `only ${call} calls, ${swaps} swaps`);
});

Deno.test("the power may fail again while what it interrupted is finished", () => {
  let finished = 0;
  for (let call = 0; call < 400; call++) {
    const disk = new FaultyDisk();
    const model = new Model();
    const before = openLog(disk, CONFIG);
    disk.cutPowerAt(disk.calls + 1 + call);
    try {
      script(before, model);
    } catch (error) {
      if (!isPowerLoss(error)) throw error;
    }
    disk.losePower(new SeededRandom(call));
    if (!disk.list(NAME).some((name) => name.endsWith(".swap"))) continue;
    for (let again = 1; again < 40; again += 3) {
      disk.cutPowerAt(disk.calls + again);
      try {
        openLog(disk, CONFIG).store.close(false);
      } catch (error) {
        if (!isPowerLoss(error)) throw error;
      }
      disk.losePower(new SeededRandom(`${call} ${again}`));
    }
    const after = openLog(disk, CONFIG);
    model.written.length = after.log.endOffset;
    model.check(after);
    after.store.close(true);
    finished++;
  }
  assert(finished > 5, `only ${finished}`);
});

Deno.test("a disk that fails or fills up while a log is cleaned takes nothing from it", () => {
  let failed = 0;
  for (const operation of ["create", "append", "sync", "rename", "remove", "syncFolder", "read"] as const) {
    for (const code of ["EIO", "ENOSPC"] as const) {
      for (let after = 0; after < 12; after++) {
        const disk = new FaultyDisk();
        const model = new Model();
        const opened = openLog(disk, CONFIG);
        for (let index = 0; index < 16; index++) model.write(opened, `a=${index} k${index % 5}=${index}`);
        opened.log.rollIfDue(Number.MAX_SAFE_INTEGER);
        model.flush(opened);
        opened.store.checkpoint();
        const undo = disk.plan({ operation, code, after, times: 1 });
        try {
          cleanOn(opened.log);
        } catch (error) {
          assert(error instanceof DiskError, `${operation} ${code} ${after}: ${error}`);
          undo();
          failed++;
          if (error.code === "ENOSPC") {
            model.check(opened);
            model.write(opened, "b=1");
            model.flush(opened);
            cleanOn(opened.log);
            model.check(opened);
          }
        }
        undo();
        opened.store.close(false);
        const again = openLog(disk, CONFIG);
        model.check(again);
        again.store.close(true);
      }
    }
  }
  assert(failed > 60, `only ${failed}`);
});
