import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Settle } from "../../../../lib/env.ts";
import { DiskError } from "../../../../storage/disk.ts";
import { MemoryDisk } from "../../../../storage/memory_disk.ts";
import { ALL, chain, cleanOn, content, NOW, write } from "../cleaning_kit.ts";
import { NAME, openLog } from "../log_kit.ts";

/** A disk on which syncs of cleaned segments end when a test says so; what is synced at once succeeds at once. */
class SlowDisk extends MemoryDisk {
  readonly held: Settle<void>[] = [];
  isSlow = true;

  override open(path: string, options: { readonly create: boolean }): ReturnType<MemoryDisk["open"]> {
    const file = super.open(path, options);
    if (path.endsWith(".log.cleaned") && this.isSlow) file.sync = (done) => void this.held.push(done);
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

Deno.test("what stays of a group of which a segment was deleted while it was made durable is cleaned all the same", () => {
  const disk = new SlowDisk();
  const { log, store } = openLog(disk);
  const sealed = (sketch: string): number => {
    write(log, sketch);
    log.rollIfDue(Number.MAX_SAFE_INTEGER);
    return log.endOffset;
  };
  const second = sealed("old=1");
  sealed("gone=1 stays=1");
  sealed("gone");
  sealed("old=2");
  log.flush(() => {});
  const cleaning = log.beginCleaning({ ...ALL, deleteRetentionMs: 10 })!;
  assertEquals([cleaning.step(1 << 30), disk.held.length], [undefined, 1]);
  log.advanceStart(second);
  const letGo = () => {
    for (const settle of disk.held.splice(0)) settle({ ok: true, value: undefined });
  };
  letGo();
  while (cleaning.step(1 << 30) === undefined) letGo();
  assertEquals([log.cleanedTo, content(log)], [log.endOffset, "2:stays=1 3:gone 4:old=2"]);
  disk.isSlow = false;
  sealed("more=1");
  log.flush(() => {});
  cleanOn(log, { nowMs: NOW + 100 });
  assertEquals(content(log), "2:stays=1 4:old=2 5:more=1");
  store.close(true);
});
