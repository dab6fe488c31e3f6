import { assertEquals } from "@std/assert";
import { MemoryDisk } from "../../../../storage/memory_disk.ts";
import { clean, write } from "../cleaning_kit.ts";
import { NAME, openLog, openStore } from "../log_kit.ts";

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
    assertEquals(log.cleanedTo, content.includes("4711") ? 10 : 0);
    write(log, "a=2");
    await clean(log);
    assertEquals(log.cleanedTo, 11);
    store.close(true);
    assertEquals(said(disk), "0\n1\norders 0 11\n");
  }
});
