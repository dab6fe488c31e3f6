import { assertEquals, assertThrows } from "@std/assert";
import { stampCrc } from "../../../protocol/batch.ts";
import { CorruptLogError } from "../../../storage/log.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";
import { keyed, NOW, write } from "./cleaning_kit.ts";
import { openLog } from "./log_kit.ts";

const ALL = Number.MAX_SAFE_INTEGER;

Deno.test("a batch whose records cannot be read is damage to who looks for a time, as to every other reader", () => {
  for (const codec of ["none", "zstd"] as const) {
    const { log, store } = openLog(new MemoryDisk());
    write(log, "a=1", { timestamp: NOW });
    const batch = keyed("b=1 c=1", { baseOffset: 1, timestamp: NOW + 10, codec });
    batch.fill(0xff, 61, 70);
    stampCrc(batch, 0);
    log.append(batch, NOW);
    assertEquals(log.offsetForTimestamp(NOW, ALL)?.offset, 0);
    assertThrows(() => log.offsetForTimestamp(NOW + 5, ALL), CorruptLogError, "with offset 1 is not readable");
    assertThrows(() => log.offsetOfMaxTimestamp(ALL), CorruptLogError, "with offset 1 is not readable");
    store.close(true);
  }
});

Deno.test("a batch that was taken is found by time, however large its records are", () => {
  const { log, store } = openLog(new MemoryDisk());
  write(log, `a=${"x".repeat(101 << 20)}`, { codec: "zstd" });
  const expected = { timestamp: NOW, offset: 0, leaderEpoch: 0 };
  assertEquals([log.offsetForTimestamp(0, ALL), log.offsetOfMaxTimestamp(ALL)], [expected, expected]);
  store.close(true);
});
