import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DiskError } from "../../../../storage/disk.ts";
import { FaultyDisk } from "../../../../storage/faulty_disk.ts";
import { MemoryDisk } from "../../../../storage/memory_disk.ts";
import { ALL, chain, clean, write } from "../cleaning_kit.ts";
import { NAME, openLog, openStore, readAll } from "../log_kit.ts";

const FILE = "cleaner-offset-checkpoint";
const text = new TextDecoder();

function said(disk: MemoryDisk): string | undefined {
  const bytes = disk.readFile(FILE);
  return bytes && text.decode(bytes);
}

async function cleaned(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { log, store } = openLog(disk);
  store.checkpoint();
  assertEquals(said(disk), undefined, "nothing has been cleaned");
  for (let index = 0; index < 10; index++) write(log, "a=1");
  await clean(log);
  assertEquals(said(disk), "0\n1\norders 0 10\n");
  store.close(true);
  return disk;
}

Deno.test("how far a log has been cleaned is kept as Kafka keeps it", async () => {
  const disk = await cleaned();
  const { log, store } = openLog(disk);
  assertEquals(log.cleanedTo, 10);
  store.close(false);
});

Deno.test("of a log that was deleted nothing is kept, and one with its name begins anew", async () => {
  const disk = await cleaned();
  const store = openStore(disk);
  store.delete(NAME);
  store.checkpoint();
  assertEquals(said(disk), "0\n0\n");
  store.close(true);
  const again = openLog(disk);
  assertEquals(again.log.cleanedTo, 0);
  again.store.close(true);
});

Deno.test("a checkpoint that is damaged, or speaks of more than there is, costs a cleaning", async () => {
  for (const content of ["garbage", "0\n1\norders 0 -4\n", "0\n1\norders 0 4711\n"]) {
    const disk = await cleaned();
    disk.remove(FILE);
    const file = disk.open(FILE, { create: true });
    file.append(new TextEncoder().encode(content));
    file.close();
    const { log, store } = openLog(disk);
    assertEquals([log.cleanedTo, log.wasCleaned], [content.includes("4711") ? 10 : 0, true]);
    write(log, "a=2");
    await clean(log);
    assertEquals(log.cleanedTo, 11);
    store.close(true);
    assertEquals(said(disk), "0\n1\norders 0 11\n");
  }
});

Deno.test("before the first batch is replaced the high watermark is written down", () => {
  const disk = new FaultyDisk();
  const { log, store } = openLog(disk, { segmentBytes: 300 });
  for (let index = 0; index < 40; index++) write(log, `a=${index}`);
  log.rollIfDue(Number.MAX_SAFE_INTEGER);
  log.flush(() => {});
  const before = chain(log);
  store.setHighWatermark(NAME, 40);
  disk.plan({ operation: "rename", path: /replication-offset-checkpoint/, code: "ENOSPC", times: 1 });
  assertThrows(() => log.beginCleaning(ALL)!.step(1 << 20), DiskError);
  assertEquals([chain(log), log.rewrittenTo], [before, 0]);
  const cleaning = log.beginCleaning(ALL)!;
  while (log.rewrittenTo === 0) assertEquals(cleaning.step(1), undefined);
  store.close(false);
  assertEquals(openStore(disk).highWatermark(NAME), 40);
});

for (const path of [/cleaner-offset-checkpoint/, /\.log\.cleaned$/, /\.log\.swap$/]) {
  Deno.test(`how far a cleaning has replaced segments is known when a rename of ${path.source} fails in it`, () => {
    const disk = new FaultyDisk();
    const { log, store } = openLog(disk);
    for (let index = 0; index < 10; index++) write(log, "a=1");
    const before = chain(log);
    log.rollIfDue(Number.MAX_SAFE_INTEGER);
    log.flush(() => {});
    const cleaning = log.beginCleaning(ALL)!;
    const after = path.source.includes("checkpoint") ? 1 : 0; // the first time nothing has been replaced yet
    disk.plan({ operation: "rename", path, code: "EIO", after, times: 1 });
    assertThrows(() => cleaning.step(1 << 20), DiskError);
    assertEquals([log.cleanedTo, log.rewrittenTo], [0, 10]);
    store.close(false);
    const again = openLog(disk);
    assertEquals(chain(again.log), path.source.includes(".cleaned") ? before : "0-8! 9-9");
    assertEquals([again.log.cleanedTo, again.log.rewrittenTo], [0, 0], "it is looked through once more");
    assertEquals(again.log.wasCleaned, true);
    again.store.close(false);
  });
}

Deno.test("that a log was cleaned is known before the first batch is replaced, and for good", async () => {
  const disk = new FaultyDisk();
  const { log, store } = openLog(disk);
  for (let index = 0; index < 10; index++) write(log, "a=1");
  const before = chain(log);
  disk.plan({ operation: "rename", path: /cleaner-offset-checkpoint/, code: "ENOSPC", times: 1 });
  await assertRejects(() => clean(log), DiskError);
  assertEquals([chain(log), log.rewrittenTo, log.wasCleaned], [before, 0, false]);
  await clean(log);
  log.restartAt(0);
  store.checkpoint();
  assertEquals([log.cleanedTo, log.wasCleaned], [0, true]);
  store.close(true);
  const store2 = openStore(disk);
  store2.checkpoint();
  store2.close(true);
  const again = openLog(disk);
  assertEquals([again.log.cleanedTo, again.log.wasCleaned], [0, true], "it was not open in between");
  again.store.close(true);
});

Deno.test("a log that has batches which were cleaned elsewhere counts as cleaned", async () => {
  const from = openLog(new MemoryDisk());
  const disk = new MemoryDisk();
  const { log, store } = openLog(disk);
  for (const sketch of ["a=1 b=1", "a=2", "a=3"]) write(from.log, sketch);
  for (const batch of readAll(from.log)) log.append(batch, 0);
  store.checkpoint();
  assertEquals([log.wasCleaned, disk.readFile(FILE)], [false, undefined]);
  await clean(from.log);
  log.restartAt(0);
  for (const batch of readAll(from.log)) log.append(batch, 0);
  assertEquals(log.wasCleaned, true);
  store.checkpoint();
  store.close(false);
  from.store.close(false);
  const again = openLog(disk);
  assertEquals(again.log.wasCleaned, true);
  again.store.close(false);
});

Deno.test("how far a cleaning has replaced segments is known when it is ended, and is over with what is cut", () => {
  const { log, store } = openLog(new MemoryDisk(), { segmentBytes: 300 });
  for (let index = 0; index < 40; index++) write(log, `a=${index}`);
  log.rollIfDue(Number.MAX_SAFE_INTEGER);
  log.flush(() => {});
  const cleaning = log.beginCleaning(ALL)!;
  assertEquals(log.rewrittenTo, 0);
  while (log.rewrittenTo === 0) assertEquals(cleaning.step(1), undefined);
  const { rewrittenTo } = log;
  assertEquals(chain(log).split(" ")[1], `${rewrittenTo}-${rewrittenTo}`, "only the first is another");
  cleaning.cancel();
  assertEquals([log.cleanedTo, log.rewrittenTo], [0, rewrittenTo]);
  log.truncateTo(rewrittenTo);
  assertEquals(log.rewrittenTo, rewrittenTo);
  log.restartAt(1);
  assertEquals(log.rewrittenTo, 1);
  store.close(false);
});
