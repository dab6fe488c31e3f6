import { assert, assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../lib/prng.ts";
import { encodeBatch } from "../../../protocol/records.ts";
import { BatchSums } from "../../../storage/batch_sums.ts";
import { FaultyDisk } from "../../../storage/faulty_disk.ts";
import { CorruptLogError, type LogConfig } from "../../../storage/log.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";

const random = new SeededRandom("sums");

Deno.test("a batch is known by where it begins, and any bit of it that changes is noticed", () => {
  const sums = new BatchSums();
  const batches = Array.from({ length: 100 }, () => random.bytes(1024 + random.below(500)));
  const positions: number[] = [];
  let position = 0;
  for (const batch of batches) {
    sums.remember(position, batch);
    positions.push(position);
    position += batch.length;
  }
  for (const [index, batch] of batches.entries()) {
    assertEquals(sums.matches(positions[index]!, batch), true);
    const changed = batch.slice();
    changed[random.below(batch.length)]! ^= 1 << random.below(8);
    assertEquals(sums.matches(positions[index]!, changed), false);
    assertEquals(sums.matches(positions[index]! + 1, batch), undefined);
  }
});

Deno.test("small batches are not remembered", () => {
  const sums = new BatchSums();
  sums.remember(0, random.bytes(200));
  assertEquals(sums.matches(0, random.bytes(200)), undefined);
});

Deno.test("what is cut off is forgotten, with the batch that the cut may have gone through", () => {
  const sums = new BatchSums();
  const batch = random.bytes(2000);
  for (const position of [0, 2000, 4000, 6000]) sums.remember(position, batch);
  sums.truncateTo(4000);
  assertEquals([0, 2000, 4000, 6000].map((position) => sums.matches(position, batch)), [
    true,
    undefined,
    undefined,
    undefined,
  ]);
  sums.remember(4000, random.bytes(2000));
  assertEquals(sums.matches(4000, batch), false);
});

Deno.test("only so many are kept, and the newest are among them", () => {
  const sums = new BatchSums();
  const batch = random.bytes(1024);
  const count = 100_000;
  for (let index = 0; index < count; index++) sums.remember(index * 1024, batch);
  const kept = Array.from({ length: count }, (_, index) => sums.matches(index * 1024, batch)).map((match) =>
    match === true
  );
  assert(kept.filter(Boolean).length <= 32_768);
  assert(kept.slice(-16_000).every(Boolean));
});

Deno.test("a bit that flips on the disk in the life that wrote it, in header or records, is never served", () => {
  for (let seed = 0; seed < 40; seed++) {
    const chance = new SeededRandom(`rot ${seed}`);
    const disk = new FaultyDisk();
    const store = new DiskLogStore(disk, { nodeId: 1, random: chance });
    const observer = { load: () => true, recovered: () => {}, snapshot: () => new Uint8Array(0) };
    const log = store.open("rot-0", "AAAAAAAAAAAAAAAAAAAAAg", CONFIG, observer);
    log.assignEpoch(0, 0);
    const value = chance.bytes(3000);
    for (let baseOffset = 0; baseOffset < 3; baseOffset++) {
      log.append(encodeBatch([{ value }], { baseOffset, partitionLeaderEpoch: 0 }), 0);
    }
    log.flush(() => {});
    const size = log.sizeInBytes / 3;
    disk.corrupt("rot-0/00000000000000000000.log", size + chance.below(size), 1 << chance.below(8));
    assertEquals(log.read(0, 3, 1 << 20, true).bytes.length, size); // up to the damage
    assertThrows(() => log.read(1, 3, 1 << 20, true), CorruptLogError);
  }
});

const CONFIG: LogConfig = {
  segmentBytes: 1 << 30,
  segmentMs: 1e9,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 4096,
  fileDeleteDelayMs: 0,
};
