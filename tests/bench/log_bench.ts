/**
 * What the log costs: appends, flushes, tail reads and reads of old data, on files and in memory.
 *
 * `deno bench -A tests/bench/log_bench.ts`
 *
 * @module
 */
import { SeededRandom } from "../../lib/prng.ts";
import { stampOffset } from "../../protocol/batch.ts";
import { encodeBatch } from "../../protocol/records.ts";
import type { Disk } from "../../storage/disk.ts";
import { FileDisk } from "../../storage/file_disk.ts";
import type { LogConfig, LogObserver } from "../../storage/log.ts";
import { DiskLogStore } from "../../storage/log_store.ts";
import { MemoryDisk } from "../../storage/memory_disk.ts";
import type { SegmentedLog } from "../../storage/segmented_log.ts";

const CONFIG: LogConfig = {
  segmentBytes: 256 * 1024 * 1024,
  segmentMs: 7 * 86_400_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  fileDeleteDelayMs: 0,
};
const OBSERVER: LogObserver = { load: () => true, recovered() {}, snapshot: () => new Uint8Array(0) };
const NOW = 1_700_000_000_000;
const ALL = Number.MAX_SAFE_INTEGER;
const SIZES = { "1 KiB": 1024, "16 KiB": 16 * 1024, "1 MiB": 1024 * 1024 };

const folder = Deno.makeTempDirSync({ prefix: "samsa-bench-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let stores = 0;

function open(kind: string): SegmentedLog {
  const disk: Disk = kind === "files" ? new FileDisk(`${folder}/${stores++}`) : new MemoryDisk();
  const store = new DiskLogStore(disk, { nodeId: 1, random: new SeededRandom(1) });
  return store.open("bench-0", "8ZpVtQ3sRkO6nCw9xHl2bA", CONFIG, OBSERVER);
}

function batch(size: number): Uint8Array {
  return encodeBatch([{ value: new Uint8Array(size - 70), timestamp: NOW }], { partitionLeaderEpoch: 0 });
}

function append(log: SegmentedLog, bytes: Uint8Array): void {
  if (log.sizeInBytes > 192 * 1024 * 1024) log.restartAt(log.endOffset); // keeps the disk from filling up
  stampOffset(bytes, 0, log.endOffset, 0);
  log.append(bytes, NOW);
}

for (const [size, length] of Object.entries(SIZES)) {
  for (const kind of ["files", "memory"]) {
    const log = open(kind);
    const bytes = batch(length);
    Deno.bench(`append ${size}, ${kind}`, { group: `append ${size}` }, () => append(log, bytes));
  }
  const flushing = open("files");
  const bytes = batch(length);
  Deno.bench(`append ${size} and flush, files`, { group: `append ${size}` }, async () => {
    append(flushing, bytes);
    await new Promise((resolve) => flushing.flush(resolve));
  });
  for (const kind of ["files", "memory"]) {
    const log = open(kind);
    Deno.bench(`append ${size} and read it, ${kind}`, { group: `append and read ${size}` }, () => {
      const offset = log.endOffset;
      append(log, bytes);
      log.read(offset, ALL, 1024 * 1024, true);
    });
  }
}

for (const [size, length] of Object.entries(SIZES)) {
  const log = open("files");
  const bytes = batch(length);
  while (log.sizeInBytes < 128 * 1024 * 1024) append(log, bytes);
  let next = 0;
  Deno.bench(`read 1 MiB on, batches of ${size}`, { group: "read 1 MiB" }, () => {
    const { bytes } = log.read(next, ALL, 1024 * 1024, true);
    next += Math.floor(bytes.length / length);
    if (next >= log.endOffset - 2000 / (length / 1024)) next = 0;
  });
  const random = new SeededRandom(1);
  Deno.bench(`read one batch of ${size} anywhere`, { group: "read anywhere" }, () => {
    log.read(random.below(log.endOffset), ALL, 1, true);
  });
}
