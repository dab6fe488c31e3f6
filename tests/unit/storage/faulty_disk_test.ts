import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Result } from "../../../lib/env.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { VirtualClock } from "../../../lib/virtual_clock.ts";
import { DiskError } from "../../../storage/disk.ts";
import { FaultyDisk } from "../../../storage/faulty_disk.ts";

const SEEDS = Array.from({ length: 300 }, (_, seed) => new SeededRandom(seed));

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

/** A file whose first 5000 bytes are 1 and durable, name included, followed by 5000 that are 2 and not. */
function halfSynced(): FaultyDisk {
  const disk = new FaultyDisk();
  const file = disk.open("f", { create: true });
  file.append(filled(5000, 1));
  file.syncNow();
  disk.syncFolder("");
  file.append(filled(5000, 2));
  return disk;
}

Deno.test("what was synced outlives every loss of power, what was not is kept, dropped or torn", () => {
  const outcomes = new Set<string>();
  for (const random of SEEDS) {
    const disk = halfSynced();
    disk.losePower(random);
    const content = disk.readFile("f")!;
    assertEquals(content.subarray(0, 5000), filled(5000, 1));
    const rest = content.subarray(5000);
    const twos = rest.filter((byte) => byte === 2).length;
    assert(rest.every((byte) => byte === 2 || byte === 0));
    outcomes.add(
      rest.length === 0 ? "dropped" : twos === rest.length ? rest.length === 5000 ? "kept" : "short" : "torn",
    );
  }
  assertEquals([...outcomes].sort(), ["dropped", "kept", "torn"]);
});

Deno.test("the same seed loses the same", () => {
  const [a, b] = [halfSynced(), halfSynced()];
  a.losePower(new SeededRandom(5));
  b.losePower(new SeededRandom(5));
  assertEquals(a.readFile("f"), b.readFile("f"));
});

Deno.test("a tear runs along sectors of 512 bytes or pages of 4096", () => {
  const sizes = new Set<number>();
  for (const random of SEEDS) {
    const disk = new FaultyDisk();
    const file = disk.open("f", { create: true });
    disk.syncFolder("");
    file.append(filled(64 * 1024, 1));
    disk.losePower(random);
    const content = disk.readFile("f")!;
    for (let at = 0, run = 0; at < content.length; at++) {
      run++;
      if (at + 1 < content.length && content[at] === content[at + 1]) continue;
      if (at + 1 < content.length) sizes.add(run % 4096 === 0 ? 4096 : run % 512 === 0 ? 512 : run);
      run = 0;
    }
  }
  assertEquals([...sizes].sort(), [4096, 512]);
});

Deno.test("names that no folder sync covered may vanish, reappear or be the old ones", () => {
  const seen = { created: new Set<boolean>(), removed: new Set<boolean>(), renamed: new Set<string>() };
  for (const random of SEEDS) {
    const disk = new FaultyDisk();
    disk.makeFolder("a");
    disk.open("a/gone", { create: true }).close();
    disk.open("a/old", { create: true }).close();
    disk.syncFolder("");
    disk.syncFolder("a");
    disk.open("a/new", { create: true }).close();
    disk.remove("a/gone");
    disk.rename("a", "b");
    disk.losePower(random);
    const folder = disk.list("")[0]!;
    assertEquals(disk.list("").length, 1, "a rename happens whole or not at all");
    assert(disk.list(folder).includes("old"));
    seen.renamed.add(folder);
    seen.created.add(disk.list(folder).includes("new"));
    seen.removed.add(!disk.list(folder).includes("gone"));
  }
  assertEquals([seen.created.size, seen.removed.size, seen.renamed.size], [2, 2, 2]);
});

Deno.test("a name that is durable without its bytes leads to an empty file, bytes without their name to none", () => {
  const disk = new FaultyDisk();
  disk.open("named", { create: true }).append(filled(10, 1));
  disk.syncFolder("");
  const file = disk.open("unnamed", { create: true });
  file.append(filled(10, 1));
  file.syncNow();
  const random = SEEDS.find((random) => {
    const copy = new FaultyDisk();
    copy.open("f", { create: true });
    copy.losePower(random.split("probe"));
    return copy.size("f") === undefined;
  })!;
  disk.losePower(random.split("probe"));
  assertEquals(disk.list(""), ["named"]);
});

Deno.test("a sync that fails loses the bytes for good, though they are still seen", () => {
  const disk = new FaultyDisk();
  const file = disk.open("f", { create: true });
  disk.syncFolder("");
  file.append(filled(512, 1));
  disk.plan({ operation: "sync", code: "EIO", times: 1 });
  const results: Result<void>[] = [];
  file.sync((result) => results.push(result));
  assertEquals(results.map(({ ok }) => ok), [false]);
  file.append(filled(512, 2));
  file.syncNow();
  assertEquals(disk.readFile("f")!.subarray(0, 512), filled(512, 1));
  disk.losePower(new SeededRandom(1));
  assertEquals(disk.readFile("f"), new Uint8Array([...filled(512, 0), ...filled(512, 2)]));
});

Deno.test("faults meet the operations, paths and calls they were planned for, until they are taken back", () => {
  const disk = new FaultyDisk();
  const log = disk.open("x.log", { create: true });
  const other = disk.open("other", { create: true });
  const unplan = disk.plan({ operation: "append", path: /\.log$/, code: "EIO", after: 1 });
  log.append(filled(1, 1));
  other.append(filled(1, 1));
  other.append(filled(1, 1));
  for (let time = 0; time < 3; time++) {
    assertEquals(assertThrows(() => log.append(filled(1, 1)), DiskError).code, "EIO");
  }
  assertEquals(log.read(0, filled(1, 0)), 1);
  unplan();
  log.append(filled(1, 1));
  assertEquals(log.size(), 2);
});

Deno.test("a full disk takes what fits and then says ENOSPC", () => {
  const disk = new FaultyDisk();
  disk.open("a", { create: true }).append(filled(600, 1));
  disk.capacityBytes = 1000;
  const file = disk.open("b", { create: true });
  assertEquals(assertThrows(() => file.append(filled(600, 1)), DiskError).code, "ENOSPC");
  assertEquals(file.size(), 400);
  file.write(0, filled(400, 2));
  disk.remove("a");
  file.append(filled(600, 1));
});

Deno.test("a slow sync covers what was written before it began, and is lost with the power", () => {
  const sizes = new Set<number | undefined>();
  for (const random of SEEDS.slice(0, 50)) {
    const clock = new VirtualClock();
    const disk = new FaultyDisk({ clock, syncDelayMs: () => 10 });
    const file = disk.open("f", { create: true });
    disk.syncFolder("");
    file.append(filled(512, 1));
    let settled = 0;
    file.sync(() => settled++);
    file.append(filled(512, 2));
    clock.advance(9);
    assertEquals(settled, 0);
    clock.advance(1);
    assertEquals(settled, 1);
    file.sync(() => settled++);
    disk.losePower(random);
    clock.advance(100);
    assertEquals(settled, 1, "a sync that the power cut short never settles");
    sizes.add(disk.size("f"));
  }
  assertEquals([...sizes].sort(), [1024, 512]);
});

Deno.test("the power can fail at a given call; then nothing works until it is back", () => {
  const disk = new FaultyDisk();
  const file = disk.open("f", { create: true });
  disk.syncFolder("");
  file.append(filled(10, 1));
  file.syncNow();
  disk.cutPowerAt(disk.calls + 2);
  file.append(filled(10, 2));
  for (let time = 0; time < 2; time++) assertThrows(() => file.append(filled(10, 3)), DiskError, "the power is off");
  assertThrows(() => file.read(0, filled(1, 0)), DiskError, "the power is off");
  const release = disk.lock.bind(disk, "f");
  disk.losePower(SEEDS[0]!);
  assertThrows(() => file.append(filled(1, 1)), DiskError, "the power has failed");
  release()();
  assertEquals(disk.readFile("f")!.subarray(0, 10), filled(10, 1));
});

Deno.test("bits rot where they are told to", () => {
  const disk = halfSynced();
  disk.corrupt("f", 7, 0x80);
  assertEquals(disk.readFile("f")!.subarray(6, 9), new Uint8Array([1, 0x81, 1]));
  disk.losePower(SEEDS[0]!);
  assertEquals(disk.readFile("f")!.subarray(6, 9), new Uint8Array([1, 0x81, 1]));
});
