/**
 * What every disk must do, whatever it is made of.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Result } from "../../lib/env.ts";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from "../../storage/disk.ts";

/** A disk to test, and how to clean up after it. */
export interface DiskUnderTest {
  readonly disk: Disk;
  readonly dispose: () => void;
}

function bytes(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (from + index) % 251);
}

function contentOf(file: DiskFile): Uint8Array {
  const into = new Uint8Array(file.size());
  assertEquals(file.read(0, into), into.length);
  return into;
}

function assertCode(code: DiskErrorCode, action: () => void): void {
  const error = assertThrows(action, DiskError);
  assertEquals(error.code, code);
  assert(/^[A-Z/].* .*\.$/.test(error.message), `not a sentence: ${error.message}`);
}

const CASES: Record<string, (disk: Disk) => void | Promise<void>> = {
  "bytes are appended, overwritten, read back and cut": (disk) => {
    const file = disk.open("f", { create: true });
    file.append(bytes(100));
    file.append(bytes(50, 100));
    assertEquals(contentOf(file), bytes(150));
    file.write(10, new Uint8Array(20));
    file.write(140, bytes(30, 140));
    assertEquals(file.size(), 170);
    const into = new Uint8Array(30).fill(9);
    assertEquals(file.read(160, into), 10);
    assertEquals(into, new Uint8Array([...bytes(10, 160), ...new Uint8Array(20).fill(9)]));
    assertEquals(file.read(170, into), 0);
    assertEquals(file.read(1000, into), 0);
    file.truncate(15);
    file.truncate(20);
    assertEquals(contentOf(file), new Uint8Array([...bytes(10), ...new Uint8Array(5)]));
    file.append(bytes(5));
    assertEquals(contentOf(file), new Uint8Array([...bytes(10), ...new Uint8Array(5), ...bytes(5)]));
    file.close();
    assertEquals(disk.size("f"), 20);
  },

  "large writes come back whole, and the caller may reuse its bytes": (disk) => {
    const file = disk.open("large", { create: true });
    const mine = bytes(700_001);
    file.append(mine);
    mine.fill(0);
    file.append(mine.subarray(0, 3));
    const content = contentOf(file);
    assertEquals(content.length, 700_004);
    assertEquals(content.findIndex((byte, index) => byte !== (index < 700_001 ? index % 251 : 0)), -1);
    file.close();
  },

  "what was cut off is not seen again when the file grows": (disk) => {
    const file = disk.open("f", { create: true });
    file.append(bytes(1000).fill(7));
    file.truncate(10);
    file.append(new Uint8Array(10));
    assertEquals(contentOf(file).subarray(10), new Uint8Array(10));
    file.close();
  },

  "a write beyond the end is refused": (disk) => {
    const file = disk.open("f", { create: true });
    file.append(bytes(3));
    assertCode("EOTHER", () => file.write(4, bytes(1)));
    assertEquals(file.size(), 3);
    file.close();
  },

  "opening keeps what is there, and a missing file is ENOENT unless it is to be created": (disk) => {
    assertCode("ENOENT", () => disk.open("f", { create: false }));
    disk.open("f", { create: true }).close();
    const first = disk.open("f", { create: true });
    first.append(bytes(4));
    const second = disk.open("f", { create: false });
    assertEquals(contentOf(second), bytes(4));
    first.close();
    second.close();
    assertCode("ENOENT", () => disk.open("no/such/folder", { create: true }));
  },

  "a sync settles once, and may be asked for while bytes are written": async (disk) => {
    const file = disk.open("f", { create: true });
    file.append(new Uint8Array(100_000));
    const results: Result<void>[] = [];
    const both = new Promise<void>((resolve) => {
      for (let time = 0; time < 2; time++) {
        file.sync((result) => {
          results.push(result);
          if (results.length === 2) resolve();
        });
        file.append(bytes(10));
      }
    });
    file.syncNow();
    await both;
    assertEquals(results.map(({ ok }) => ok), [true, true]);
    assertEquals(file.size(), 100_020);
    file.close();
  },

  "a sync that is under way when the file is closed still settles": async (disk) => {
    const file = disk.open("f", { create: true });
    file.append(new Uint8Array(100_000));
    const settled = new Promise<Result<void>>((resolve) => file.sync(resolve));
    file.close();
    assertEquals((await settled).ok, true);
    file.close();
    assertCode("EOTHER", () => file.append(bytes(1)));
    assertCode("EOTHER", () => file.read(0, bytes(1)));
    assertCode("EOTHER", () => file.syncNow());
  },

  "folders are made with all above them and listed in order": (disk) => {
    disk.makeFolder("a/b/c");
    disk.makeFolder("a/b");
    disk.open("a/z", { create: true }).close();
    disk.open("a/b/y", { create: true }).close();
    assertEquals(disk.list("a"), ["b", "z"]);
    assertEquals(disk.list("a/b"), ["c", "y"]);
    assertEquals(disk.list(""), ["a"]);
    assertEquals(disk.list("nowhere"), []);
    assertEquals(["a", "a/b", "a/z", "no"].map((path) => disk.isFolder(path)), [true, true, false, false]);
    assertEquals(["a", "a/z", "no", "a/z/x"].map((path) => disk.size(path)), [undefined, 0, undefined, undefined]);
    assertCode("EEXIST", () => disk.makeFolder("a/z"));
    disk.syncFolder("");
    disk.syncFolder("a/b");
    assertCode("ENOENT", () => disk.syncFolder("nowhere"));
  },

  "a rename replaces a file, and moves a folder with all in it": (disk) => {
    disk.makeFolder("old/deep");
    const file = disk.open("old/deep/f", { create: true });
    file.append(bytes(5));
    disk.open("old/g", { create: true }).close();
    disk.rename("old/deep/f", "old/g");
    assertEquals(disk.readFile("old/g"), bytes(5));
    assertEquals(disk.size("old/deep/f"), undefined);
    file.append(bytes(5, 5)); // the handle follows the file, not the name
    file.close();
    disk.rename("old", "new");
    assertEquals(disk.list(""), ["new"]);
    assertEquals(disk.list("new"), ["deep", "g"]);
    assertEquals(disk.readFile("new/g"), bytes(10));
    disk.makeFolder("taken/x");
    assertCode("EEXIST", () => disk.rename("new", "taken"));
    assertCode("ENOENT", () => disk.rename("nothing", "else"));
    assertCode("ENOENT", () => disk.rename("new/g", "nowhere/g"));
  },

  "removing takes files and whole folders, and nothing there is fine": (disk) => {
    disk.makeFolder("a/b");
    const file = disk.open("a/b/f", { create: true });
    file.append(bytes(5));
    disk.open("ab", { create: true }).close();
    disk.remove("a");
    assertEquals(contentOf(file), bytes(5)); // a handle keeps the bytes alive
    file.close();
    assertEquals(disk.list(""), ["ab"]);
    assertEquals(disk.readFile("a/b/f"), undefined);
    disk.remove("a");
    disk.remove("ab");
    assertEquals(disk.list(""), []);
    disk.makeFolder("a");
    disk.open("a/new", { create: true }).close();
    assertEquals(disk.list("a"), ["new"]);
  },

  "a lock excludes others until it is released": (disk) => {
    const release = disk.lock(".lock");
    assertCode("ELOCKED", () => disk.lock(".lock"));
    release();
    disk.lock(".lock")();
    assertEquals(disk.list(""), [".lock"]);
  },
};

/** Runs every case on new disks. */
export function testDisk(name: string, make: () => DiskUnderTest): void {
  for (const [title, run] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      const { disk, dispose } = make();
      try {
        await run(disk);
      } finally {
        dispose();
      }
    });
  }
}
