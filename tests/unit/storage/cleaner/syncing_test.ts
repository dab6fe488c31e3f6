import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Settle } from "../../../../lib/env.ts";
import { DiskError } from "../../../../storage/disk.ts";
import { MemoryDisk } from "../../../../storage/memory_disk.ts";
import { ALL, chain, write } from "../cleaning_kit.ts";
import { NAME, openLog } from "../log_kit.ts";

/** A disk on which syncs of cleaned segments end when a test says so; what is synced at once succeeds at once. */
class SlowDisk extends MemoryDisk {
  readonly held: Settle<void>[] = [];

  override open(path: string, options: { readonly create: boolean }): ReturnType<MemoryDisk["open"]> {
    const file = super.open(path, options);
    if (path.endsWith(".log.cleaned")) file.sync = (done) => void this.held.push(done);
    return file;
  }
}

for (const isLost of [false, true]) {
  Deno.test(`a cleaned segment takes no place before every sync of it has ended, ${isLost ? "badly" : "well"}`, () => {
    const disk = new SlowDisk();
    const { log, store } = openLog(disk, { segmentBytes: 100 << 20 });
    const value = "x".repeat(1 << 20);
    for (let index = 0; index < 12; index++) write(log, `k${index}=${value}`);
    for (const sketch of ["k0=1", "k1=1"]) write(log, sketch);
    log.rollIfDue(Number.MAX_SAFE_INTEGER);
    log.flush(() => {});
    const before = disk.list(NAME).filter((name) => !name.endsWith(".cleaned"));
    const cleaning = log.beginCleaning(ALL)!;
    assertEquals(cleaning.step(1 << 30), undefined);
    assertEquals(disk.held.length, 2, "one on the way, one at the end");
    let isReady = false;
    cleaning.ready(() => isReady = true);
    for (const { length } of [disk.held, disk.held]) {
      assertEquals([cleaning.step(1 << 30), isReady, length], [undefined, false, 2]);
      assert(chain(log).startsWith("0-0 1-1 2-2"), "it is as it was");
    }
    const error = new DiskError("EIO", NAME, "What was written is lost.");
    disk.held[1]!({ ok: true, value: undefined });
    assertEquals([cleaning.step(1 << 30), isReady], [undefined, false]);
    disk.held[0]!(isLost ? { ok: false, error } : { ok: true, value: undefined });
    assert(isReady);
    if (isLost) {
      assertThrows(() => cleaning.step(1 << 30), DiskError, "lost");
      assert(chain(log).startsWith("0-0 1-1 2-2"), "it is as it was");
      assertEquals(disk.list(NAME), before);
    } else {
      assertEquals(cleaning.step(1 << 30)?.cleanedTo, 14);
      assert(chain(log).startsWith("0-1! 2-2"), "it has been cleaned");
    }
    store.close(true);
  });
}
