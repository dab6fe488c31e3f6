import { assert, assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../lib/prng.ts";
import { PARTITION_LEADER_EPOCH, RECORDS } from "../../../protocol/batch.ts";
import type { Disk } from "../../../storage/disk.ts";
import { CorruptLogError } from "../../../storage/log.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";
import { appendTo, CONFIG, CountingObserver, NAME, openLog, readAll, TOPIC_ID } from "./log_kit.ts";

const NOW = 1_700_000_000_000;
const ALL = Number.MAX_SAFE_INTEGER;

/** A disk with a log of forty batches, two records each, in several segments. */
function written(end: "clean" | "killed" | "checkpointed", epochs = 4): {
  readonly disk: MemoryDisk;
  readonly batches: Uint8Array[];
} {
  const disk = new MemoryDisk();
  const { store, log } = openLog(disk);
  const batches = Array.from(
    { length: 40 },
    (_, index) =>
      appendTo(log, 2, { partitionLeaderEpoch: Math.floor(index * epochs / 40), timestamp: NOW + 10 * index }),
  );
  assertEquals(log.segmentCount, 5);
  if (end === "checkpointed") {
    log.flush(() => {});
    store.checkpoint();
  }
  store.close(end === "clean");
  return { disk, batches };
}

function files(disk: Disk, suffix: string): string[] {
  return disk.list(NAME).filter((name) => name.endsWith(suffix)).map((name) => `${NAME}/${name}`);
}

function change(disk: Disk, path: string, edit: (bytes: Uint8Array) => Uint8Array): void {
  const changed = edit(disk.readFile(path)!);
  disk.remove(path);
  const file = disk.open(path, { create: true });
  file.append(changed);
  file.close();
}

function flip(disk: Disk, path: string, position: number, mask = 1): void {
  change(disk, path, (bytes) => {
    bytes[position]! ^= mask;
    return bytes;
  });
}

/** Everything that can be asked of the log of {@linkcode written} is answered rightly. */
function assertWhole(disk: Disk, batches: readonly Uint8Array[]): void {
  const { store, log, observer } = openLog(disk);
  assertEquals(log.endOffset, 80);
  for (const offset of [0, 1, 13, 40, 66, 79]) {
    assertEquals(log.read(offset, ALL, 1, true).bytes, batches[Math.floor(offset / 2)]);
    assertEquals(log.offsetForTimestamp(NOW + 10 * Math.floor(offset / 2), ALL)?.offset, offset - offset % 2);
    assertEquals(log.epochAt(offset), Math.floor(offset / 20));
  }
  assertEquals(log.offsetOfMaxTimestamp(ALL)?.offset, 79);
  assertEquals([observer.batches, observer.offset], [40, 80]);
  assertEquals(readAll(log), batches);
  store.close(true);
}

Deno.test("after a kill everything that reached the files is there", () => {
  for (const end of ["clean", "killed", "checkpointed"] as const) {
    const { disk, batches } = written(end);
    assertWhole(disk, batches);
    assertWhole(disk, batches);
  }
});

Deno.test("a tail that is torn at any byte goes, and everything before it stays", () => {
  const { disk, batches } = written("killed");
  const last = files(disk, ".log").at(-1)!;
  const whole = disk.readFile(last)!;
  for (let cut = 1; cut < batches[39]!.length; cut++) {
    change(disk, last, () => whole.subarray(0, whole.length - cut));
    const { store, log, observer } = openLog(disk);
    assertEquals([log.endOffset, log.flushedOffset], [78, 78]);
    assertEquals(log.recovery.cutBytes, batches[39]!.length - cut);
    assertEquals(observer.offset, 78);
    assertEquals(readAll(log, 60), batches.slice(30, 39));
    assertEquals(disk.size(last), whole.length - batches[39]!.length);
    store.close(false);
    change(disk, "recovery-point-offset-checkpoint", () => new TextEncoder().encode("0\n0\n"));
  }
});

Deno.test("a byte that is wrong anywhere in the last batch makes it the torn tail", () => {
  const { disk, batches } = written("killed");
  const last = files(disk, ".log").at(-1)!;
  const whole = disk.readFile(last)!;
  const size = batches[39]!.length;
  for (let at = 0; at < size; at++) {
    if (at >= PARTITION_LEADER_EPOCH && at < PARTITION_LEADER_EPOCH + 4) continue; // nothing says which epoch it was
    change(disk, last, () => whole.slice());
    flip(disk, last, whole.length - size + at, 0x80);
    const { store, log } = openLog(disk);
    assertEquals(log.endOffset, 78, `byte ${at}`);
    store.close(false);
    change(disk, "recovery-point-offset-checkpoint", () => new TextEncoder().encode("0\n0\n"));
  }
});

Deno.test("what follows a torn batch goes with it, in later segments too", () => {
  const { disk, batches } = written("killed");
  const [first, second] = files(disk, ".log");
  flip(disk, second!, 100);
  const { store, log, observer } = openLog(disk);
  const end = log.endOffset;
  assert(end > 0 && end < 40);
  assertEquals(files(disk, ".log"), [first, second]);
  assertEquals(readAll(log), batches.slice(0, end / 2));
  assertEquals(observer.offset, end);
  assert(log.recovery.cutReason?.includes("does not match its CRC"));
  assertEquals(log.latestEpoch, Math.floor((end - 2) / 20));
  appendTo(log, 1);
  store.close(true);
});

Deno.test("a segment that is missing above the recovery point ends the log there", () => {
  const { disk, batches } = written("killed");
  disk.remove(files(disk, ".log")[2]!);
  const { store, log } = openLog(disk);
  assertEquals(files(disk, ".log").length, 2);
  assertEquals(readAll(log), batches.slice(0, log.endOffset / 2));
  assert(log.recovery.cutReason?.includes("is missing"));
  store.close(true);
});

Deno.test("zeros at the end, as a file system leaves them, are a torn tail", () => {
  const { disk, batches } = written("killed");
  change(disk, files(disk, ".log").at(-1)!, (bytes) => new Uint8Array([...bytes, ...new Uint8Array(5000)]));
  assertWhole(disk, batches);
});

Deno.test("indexes that are lost, empty, stale, cut or garbage are made anew", () => {
  const random = new SeededRandom(7);
  const damages: Record<string, (disk: Disk, path: string) => void> = {
    lost: (disk, path) => disk.remove(path),
    empty: (disk, path) => change(disk, path, () => new Uint8Array(0)),
    stale: (disk, path) => change(disk, path, (bytes) => bytes.slice(0, path.endsWith("timeindex") ? 12 : 8)),
    cut: (disk, path) => change(disk, path, (bytes) => bytes.slice(0, -3)),
    zeros: (disk, path) => change(disk, path, (bytes) => new Uint8Array(bytes.length)),
    garbage: (disk, path) => change(disk, path, (bytes) => random.bytes(bytes.length)),
    longer: (disk, path) => change(disk, path, (bytes) => new Uint8Array([...bytes, ...random.bytes(24)])),
  };
  for (const end of ["clean", "killed", "checkpointed"] as const) {
    for (const [name, damage] of Object.entries(damages)) {
      for (const suffix of [".index", ".timeindex", "index"]) {
        // A time index that lacks its end cannot be told from a whole one; it is complete below the recovery point.
        if (name === "stale" && suffix !== ".index" && end !== "killed") continue;
        const { disk, batches } = written(end);
        for (const path of files(disk, suffix)) damage(disk, path);
        try {
          assertWhole(disk, batches);
        } catch (error) {
          throw new Error(`${end}, ${name} *${suffix}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
  }
});

Deno.test("files that belong to no segment are removed, unknown ones are left alone", () => {
  const { disk, batches } = written("clean");
  const stray = ["00000000000000000999.index", "00000000000000000999.timeindex", "00000000000000000999.snapshot"];
  const leftovers = [
    "00000000000000000000.log.deleted",
    "00000000000000000000.index.swap",
    "leader-epoch-checkpoint.tmp",
  ];
  for (const name of [...stray, ...leftovers, "notes.txt"]) disk.open(`${NAME}/${name}`, { create: true }).close();
  assertWhole(disk, batches);
  const names = disk.list(NAME);
  assertEquals([...stray, ...leftovers].filter((name) => names.includes(name)), []);
  assert(names.includes("notes.txt"));
});

Deno.test("damaged snapshots make recovery start from an older one, or from the beginning, once", () => {
  const replayed: number[] = [];
  for (let count = 1;; count++) {
    const { disk, batches } = written("clean");
    const snapshots = files(disk, ".snapshot");
    assert(snapshots.length >= 3);
    if (count > snapshots.length) break;
    for (const path of snapshots.slice(-count)) change(disk, path, (bytes) => bytes.map((byte) => byte ^ 0x55));
    const first = openLog(disk);
    assertEquals([first.observer.batches, first.observer.offset], [40, 80]);
    replayed.push(first.observer.replayed);
    first.store.close(false);
    const second = openLog(disk);
    assertEquals([second.observer.batches, second.observer.offset], [40, 80]);
    assert(second.observer.replayed <= 8, "what was made good is not made good again");
    second.store.close(false);
    assertWhole(disk, batches);
  }
  assertEquals(replayed, [...replayed].sort((a, b) => a - b));
  assertEquals(replayed.at(-1), 40);
});

Deno.test("a lost or damaged epoch file is made anew from the batches", () => {
  for (const end of ["clean", "killed", "checkpointed"] as const) {
    const path = `${NAME}/leader-epoch-checkpoint`;
    const contents = [undefined, "", "garbage", "0\n1\n1 20\n", "0\n2\n1 20\n0 0\n", "0\n9\n0 0\n"];
    for (const content of contents) {
      const { disk, batches } = written(end);
      disk.remove(path);
      const file = content === undefined ? undefined : disk.open(path, { create: true });
      file?.append(new TextEncoder().encode(content));
      file?.close();
      assertWhole(disk, batches);
    }
  }
});

Deno.test("bit rot below the recovery point is never served, and never cut", () => {
  const { disk, batches } = written("checkpointed");
  const sizes = new Map(files(disk, ".log").map((path) => [path, disk.size(path)!]));
  const random = new SeededRandom(3);
  for (const [path, size] of sizes) {
    for (let time = 0; time < 40; time++) {
      const position = random.below(size);
      const mask = 1 << random.below(8);
      flip(disk, path, position, mask);
      let found = false;
      try {
        const { store, log } = openLog(disk);
        for (let offset = 0; offset < 80; offset += 2) {
          try {
            const { bytes } = log.read(offset, offset + 2, 10_000, true);
            assertEquals(bytes, batches[offset / 2], `${path} at ${position}, offset ${offset}`);
          } catch (error) {
            if (!(error instanceof CorruptLogError)) throw error;
            assertEquals([error.log, error.file], [NAME, path]);
            found = true;
          }
        }
        store.close(false);
      } catch (error) {
        if (!(error instanceof CorruptLogError)) throw error;
        found = true;
      }
      assert(found, `${path} at ${position} went unnoticed`);
      flip(disk, path, position, mask);
      assertEquals([...sizes.keys()].map((path) => disk.size(path)), [...sizes.values()]);
    }
  }
  assertWhole(disk, batches);
});

Deno.test("a read ends before a damaged batch, and a read of that batch is refused", () => {
  const { disk, batches } = written("checkpointed");
  const size = batches[0]!.length;
  flip(disk, files(disk, ".log")[0]!, 2 * size + RECORDS + 9);
  const { store, log } = openLog(disk);
  assertEquals(log.read(0, ALL, 10_000, true).bytes.length, 2 * size);
  const error = assertThrows(() => log.read(4, ALL, 10_000, true), CorruptLogError, "does not match its CRC");
  assertEquals([error.file, error.position], [files(disk, ".log")[0], 2 * size]);
  assertThrows(() => log.offsetForTimestamp(NOW + 20, ALL), CorruptLogError);
  assertEquals(log.read(6, ALL, size, true).bytes, batches[3]);
  store.close(false);
});

Deno.test("a leader epoch that rots, which no CRC covers, is noticed by the read", () => {
  const { disk, batches } = written("checkpointed");
  flip(disk, files(disk, ".log")[1]!, batches[0]!.length + PARTITION_LEADER_EPOCH + 3, 0x40);
  const { store, log } = openLog(disk);
  const offset = Number(/(\d{20})\.log/.exec(files(disk, ".log")[1]!)![1]) + 2;
  assertThrows(() => log.read(offset, ALL, 1, true), CorruptLogError, "leader epoch");
  store.close(false);
});

Deno.test("what is missing below the recovery point is reported", () => {
  const damages: ((disk: Disk) => void)[] = [
    (disk) => disk.remove(files(disk, ".log")[0]!),
    (disk) => disk.remove(files(disk, ".log")[2]!),
    (disk) => disk.remove(files(disk, ".log").at(-1)!),
    (disk) => files(disk, ".log").forEach((path) => disk.remove(path)),
    (disk) => change(disk, files(disk, ".log").at(-1)!, (bytes) => bytes.slice(0, -1)),
    (disk) => flip(disk, files(disk, ".log").at(-1)!, 8),
  ];
  for (const end of ["clean", "checkpointed"] as const) {
    // After a clean close the last segment is not read from its beginning: there, only a read finds the damage.
    for (const damage of end === "clean" ? damages.slice(0, -1) : damages) {
      const { disk } = written(end);
      damage(disk);
      const left = () => files(disk, ".log").map((path) => [path, disk.size(path)]);
      const before = left();
      const error = assertThrows(() => openLog(disk), CorruptLogError);
      assert(error.message.endsWith("."), error.message);
      assertEquals(left(), before);
    }
  }
});

Deno.test("what the folder says of an earlier log with that name does not count for a new one", () => {
  const { disk } = written("clean");
  disk.remove(NAME);
  const { store, log } = openLog(disk);
  assertEquals([log.startOffset, log.endOffset], [0, 0]);
  store.close(true);
});

Deno.test("a log comes back to the start that was given to it, even in the middle of a batch", () => {
  const { disk, batches } = written("killed");
  const first = openLog(disk);
  first.log.advanceStart(33);
  first.store.close(false);
  const { store, log } = openLog(disk);
  assertEquals(log.startOffset, 33);
  assertThrows(() => log.read(32, ALL, 1000, true), RangeError);
  assertEquals(readAll(log), batches.slice(16));
  assertEquals(log.read(33, ALL, 1, true).bytes, batches[16]);
  store.close(false);
});

Deno.test("a log can be opened with few handles and still reads everything", () => {
  const disk = new MemoryDisk();
  const { store, log } = openLog(disk, {}, { maxOpenSegments: 1 });
  const batches = Array.from({ length: 60 }, () => appendTo(log, 2));
  log.flush(() => {});
  assertEquals(readAll(log), batches);
  const observer = new CountingObserver();
  const other = store.open("other-1", TOPIC_ID, CONFIG, observer);
  for (let index = 0; index < 10; index++) {
    appendTo(other, 1);
    appendTo(log, 1);
    assertEquals(log.read(index * 12, ALL, 1, true).bytes, batches[index * 6]);
  }
  assertEquals(store.close(true), true);
});
