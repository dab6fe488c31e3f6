import { assert, assertEquals, AssertionError } from "@std/assert";
import { type Random, SeededRandom } from "../../../lib/prng.ts";
import { partitionLeaderEpochOf } from "../../../protocol/batch.ts";
import { VirtualClock } from "../../../lib/virtual_clock.ts";
import { DiskError } from "../../../storage/disk.ts";
import { FaultyDisk } from "../../../storage/faulty_disk.ts";
import { appendTo, CountingObserver, NAME, type OpenLog, openLog, readAll } from "./log_kit.ts";

/** What must hold after a loss of power, kept beside the log. */
class Model {
  /** Batches that were appended, by base offset; those below `durable` must be there. */
  batches = new Map<number, Uint8Array>();
  durable = 0;
  start = 0;
  /** Where the log may begin: an advance that the power interrupted may have happened. */
  startMax = 0;
  /** Where a truncation that the power interrupted was to cut. */
  end = 0;

  check({ log, observer }: OpenLog): void {
    assert(log.startOffset >= this.start && log.startOffset <= this.startMax, `start ${log.startOffset}`);
    assert(log.endOffset >= Math.max(this.durable, log.startOffset), `end ${log.endOffset} < ${this.durable}`);
    let offset = -1;
    for (const batch of log.endOffset > log.startOffset ? readAll(log) : []) {
      const view = new DataView(batch.buffer, batch.byteOffset);
      const baseOffset = Number(view.getBigInt64(0));
      if (offset >= 0) assertEquals(baseOffset, offset, "no hole");
      assertEquals(batch, this.batches.get(baseOffset), `batch ${baseOffset}`);
      offset = baseOffset + view.getInt32(23) + 1;
    }
    if (offset >= 0) assertEquals(offset, log.endOffset);
    assertEquals(observer.offset, log.endOffset);
  }

  /** Goes on from what was found. */
  adopt({ log }: OpenLog): void {
    for (const baseOffset of this.batches.keys()) {
      if (baseOffset >= log.endOffset) this.batches.delete(baseOffset);
    }
    this.durable = this.end = log.endOffset;
    this.start = this.startMax = log.startOffset;
  }
}

/** One random thing done to a log and to its model; the model hears first of what the power may interrupt. */
function act({ store, log }: OpenLog, model: Model, random: Random, clock: VirtualClock): void {
  const kind = random.below(20);
  if (kind < 10) {
    const base = log.endOffset;
    const last = [...model.batches.values()].at(-1);
    const epoch = (last === undefined ? 0 : partitionLeaderEpochOf(last, 0)) + Number(random.chance(1, 10));
    // The power may fail when the bytes are in and the indexes are not: whatever comes back must be these bytes.
    const batch = appendTo(log, 1 + random.below(3), {
      partitionLeaderEpoch: epoch,
      valueBytes: random.below(random.chance(1, 5) ? 900 : 60),
      timestamp: 1_700_000_000_000 + base,
    });
    model.batches.set(base, batch);
    model.end = log.endOffset;
  } else if (kind < 15) {
    const end = log.endOffset;
    log.flush(({ ok }) => {
      if (ok) model.durable = Math.max(model.durable, Math.min(end, model.end));
    });
  } else if (kind === 15) {
    const offset = log.startOffset + random.below(log.endOffset - log.startOffset + 1);
    const base = [...model.batches.keys()].findLast((base) => base <= offset) ?? offset;
    model.durable = Math.min(model.durable, base);
    model.end = Math.min(model.end, base);
    model.startMax = Math.max(model.startMax, offset); // it begins anew there if the batch reaches below the start
    log.truncateTo(offset);
    model.start = model.startMax = log.startOffset;
    for (const base of model.batches.keys()) if (base >= log.endOffset) model.batches.delete(base);
    model.end = log.endOffset;
  } else if (kind === 16) {
    const offset = log.startOffset + random.below(Math.max(0, log.flushedOffset - log.startOffset) + 1);
    model.startMax = Math.max(model.startMax, offset);
    log.advanceStart(offset);
    model.start = log.startOffset;
  } else if (kind === 17) {
    store.checkpoint();
  } else if (kind === 18) {
    model.startMax = Math.max(model.startMax, log.flushedOffset);
    log.retain(-1, 2000, log.flushedOffset, 0);
    model.start = log.startOffset;
    model.startMax = log.startOffset;
  } else {
    clock.advance(random.below(20));
  }
}

function isPowerLoss(error: unknown): boolean {
  return error instanceof DiskError && error.message.includes("the power");
}

function run(seed: number): { readonly crashes: number; readonly cut: number; readonly appended: number } {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock();
  const disk = new FaultyDisk({ clock, syncDelayMs: () => random.below(10) });
  const model = new Model();
  let crashes = 0;
  let cut = 0;
  let appended = 0;
  let opened: OpenLog | undefined;
  for (let life = 0; life < 5; life++) {
    try {
      if (random.chance(1, 4)) disk.cutPowerAt(disk.calls + 1 + random.below(60));
      opened = openLog(disk, { segmentBytes: 1500 }, { checkpointBytes: 3000, maxOpenSegments: 2 });
      cut += opened.log.recovery.cutBytes;
      model.check(opened);
      model.adopt(opened);
      for (let step = random.below(60); step > 0; step--) act(opened, model, random, clock);
      if (random.chance(1, 4)) {
        if (opened.store.close(true)) model.durable = model.end;
      }
    } catch (error) {
      if (!isPowerLoss(error)) throw error;
      crashes++;
    }
    appended += model.batches.size;
    disk.losePower(random);
  }
  const last = openLog(disk, { segmentBytes: 1500 });
  model.check(last);
  last.store.close(true);
  assert(last.observer instanceof CountingObserver && disk.list(NAME).length > 0);
  return { crashes, cut, appended };
}

Deno.test("whatever the power interrupts, what was flushed is there, without holes, and nothing else is", () => {
  const total = { crashes: 0, cut: 0, appended: 0 };
  for (let seed = 0; seed < 1000; seed++) {
    try {
      const { crashes, cut, appended } = run(seed);
      total.crashes += crashes;
      total.cut += cut;
      total.appended += appended;
    } catch (error) {
      throw new AssertionError(`Seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // The test must not have become idle: calls were interrupted, tails torn, batches written.
  assert(total.crashes > 500 && total.cut > 100_000 && total.appended > 20_000, JSON.stringify(total));
});

/** A bit of everything, always the same. */
function script({ store, log }: OpenLog, model: Model): void {
  const append = (count: number) => {
    for (let index = 0; index < count; index++) {
      model.end = log.endOffset + 2;
      const base = log.endOffset;
      model.batches.set(base, appendTo(log, 2, { valueBytes: 100 }));
    }
  };
  const flush = () => {
    const end = log.endOffset;
    log.flush(({ ok }) => model.durable = ok ? end : model.durable);
  };
  append(7);
  flush();
  store.checkpoint();
  append(6);
  log.rollIfDue(Number.MAX_SAFE_INTEGER);
  append(2);
  flush();
  model.durable = Math.min(model.durable, 22);
  log.truncateTo(23);
  for (const base of model.batches.keys()) if (base >= 22) model.batches.delete(base);
  append(5);
  flush();
  model.startMax = 9;
  log.advanceStart(9);
  model.start = 9;
  append(4);
  model.startMax = 40;
  log.retain(-1, 1200, log.flushedOffset, 0);
  model.start = model.startMax = log.startOffset;
  flush();
  append(1);
  if (store.close(true)) model.durable = model.end;
}

Deno.test("the power may fail at any call of a disk while a log appends, rolls, flushes, truncates, retains and closes", () => {
  let call = 0;
  let closed = false;
  for (; !closed; call++) {
    for (let seed = 0; seed < 12; seed++) {
      const disk = new FaultyDisk();
      const model = new Model();
      const before = openLog(disk, { segmentBytes: 1500 });
      disk.cutPowerAt(disk.calls + 1 + call);
      try {
        script(before, model);
        closed = true;
      } catch (error) {
        if (!isPowerLoss(error)) throw error;
      }
      disk.losePower(new SeededRandom(seed));
      try {
        const after = openLog(disk, { segmentBytes: 1500 });
        model.check(after);
        model.adopt(after);
        model.batches.set(after.log.endOffset, appendTo(after.log, 1));
        model.check(after);
        after.store.close(true);
      } catch (error) {
        throw new AssertionError(`Call ${call}, seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
  assert(call > 100, `only ${call} calls`);
});

/** Segments with bases 0, 14, 28, 42 and 56, of leader epoch 5; it begins at 5 and ends at 60, and all is known to be durable. */
function severalSegments(disk: FaultyDisk): OpenLog {
  const opened = openLog(disk, { segmentBytes: 1500 });
  const { store, log } = opened;
  while (log.endOffset < 60) appendTo(log, 2, { valueBytes: 60, partitionLeaderEpoch: 5 });
  log.flush(() => {});
  log.advanceStart(5);
  store.checkpoint();
  assertEquals([log.segmentCount, log.flushedOffset], [5, 60]);
  return opened;
}

/** A log that was to begin anew at `offset` has nothing, or all that it had from its start on. */
function checkBegun(disk: FaultyDisk, offset: number): "empty" | "whole" {
  const { store, log, observer } = openLog(disk, { segmentBytes: 1500 });
  const { startOffset, endOffset } = log;
  assert([5, offset].includes(startOffset), `it begins at ${startOffset}`);
  const isWhole = startOffset < endOffset || (offset === 60 && observer.batches > 0); // from its end on a log has no records
  if (isWhole) {
    const batches = startOffset < endOffset ? readAll(log).length : 0;
    assertEquals([batches, endOffset], [30 - Math.floor(startOffset / 2), 60]);
    appendTo(log, 1);
    store.close(true);
    return "whole";
  }
  assertEquals(observer.batches, 0, "and nothing is known of what it had");
  log.truncateTo(endOffset); // as who begins to follow
  for (let count = 0; count < 3; count++) appendTo(log, 1, { partitionLeaderEpoch: 3 });
  log.flush(() => {});
  store.checkpoint();
  store.close(false);
  const again = openLog(disk, { segmentBytes: 1500 });
  assertEquals([again.log.startOffset, again.log.endOffset, again.observer.batches], [offset, offset + 3, 3]);
  again.store.close(false);
  return "empty";
}

for (const offset of [0, 9, 27, 28, 33, 60, 75]) {
  Deno.test(`the power may fail at any call of a disk while a log of 5 to 60 begins anew at ${offset}`, () => {
    const found = new Set<string>();
    let done = false;
    for (let call = 0; !done; call++) {
      for (let seed = 0; seed < 4; seed++) {
        const disk = new FaultyDisk();
        const { log } = severalSegments(disk);
        disk.cutPowerAt(disk.calls + 1 + call);
        try {
          log.restartAt(offset);
          done = true;
        } catch (error) {
          if (!isPowerLoss(error)) throw error;
        }
        disk.losePower(new SeededRandom(seed));
        try {
          found.add(checkBegun(disk, offset));
        } catch (error) {
          throw new AssertionError(`Call ${call}, seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
    assertEquals(found.has("empty"), true);
  });

  Deno.test(`a disk may refuse to remove any file while a log of 5 to 60 begins anew at ${offset}`, () => {
    let refused = true;
    for (let after = 0; refused; after++) {
      const disk = new FaultyDisk();
      const { store, log } = severalSegments(disk);
      disk.plan({ operation: "remove", path: /^orders-0\/\d+\./, code: "EIO", after, times: 1 });
      try {
        log.restartAt(offset);
        refused = false;
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
      store.checkpoint();
      store.close(false);
      const found = checkBegun(disk, offset);
      assert(refused ? after < 100 : after > 14 && found === "empty", `${after} files were removed: ${found}`);
    }
  });
}
