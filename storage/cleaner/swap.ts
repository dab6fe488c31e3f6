/**
 * Puts a cleaned segment into the place of those that it was made from, so that after a crash either they are there or it is.
 *
 *     .log.cleaned ──renamed, folder synced──▶ .log.swap ──the old ones removed, folder synced──▶ ──renamed, folder synced──▶ .log
 *                            │ from here on it will be the new one: recovery finishes what it finds
 *
 * @module
 */
import { BatchScanner } from "../batch_scanner.ts";
import type { Disk } from "../disk.ts";
import { corruptLog, fileName } from "../segment.ts";
import { CLEANED } from "./cleaned_segment.ts";

const SWAP = ".swap";
const INDEXES = ["index", "timeindex", "txnindex"] as const;

/**
 * Makes `<base>.log.cleaned`, which must be durable, the segment in the place of those with these base offsets, the first of which
 * is its own. None of their files may be open.
 */
export function swapIn(disk: Disk, folder: string, bases: readonly number[]): void {
  const log = `${folder}/${fileName(bases[0]!, "log")}`;
  disk.rename(log + CLEANED, log + SWAP);
  disk.syncFolder(folder);
  finish(disk, folder, bases);
}

/**
 * Finishes what a crash interrupted.
 *
 * @param names what is in the folder
 * @returns whether there was anything, so that the folder is another now
 * @throws {CorruptLogError} the cleaned segment is damaged
 */
export function finishSwaps(disk: Disk, folder: string, names: readonly string[]): boolean {
  const swaps = names.filter((name) => /^\d{20}\.log\.swap$/.test(name));
  for (const name of swaps) {
    const base = Number(name.slice(0, 20));
    const end = endOf(disk, folder, name, base);
    const bases = disk.list(folder)
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => Number(name.slice(0, 20)))
      .filter((other) => other > base && other < end);
    for (const kind of INDEXES) disk.remove(`${folder}/${fileName(base, kind)}${CLEANED}`); // no telling whose they are
    finish(disk, folder, [base, ...bases]);
  }
  return swaps.length > 0;
}

function finish(disk: Disk, folder: string, bases: readonly number[]): void {
  const path = (base: number, kind: string) => `${folder}/${fileName(base, kind)}`;
  const base = bases[0]!;
  for (const old of [...bases].reverse()) {
    for (const kind of INDEXES) disk.remove(path(old, kind));
    if (old !== base) disk.remove(path(old, "log"));
  }
  disk.syncFolder(folder); // before the swap file goes: it alone says that they have to
  for (const kind of INDEXES) {
    const index = path(base, kind);
    if (disk.size(index + CLEANED) !== undefined) disk.rename(index + CLEANED, index);
  }
  disk.rename(path(base, "log") + SWAP, path(base, "log"));
  disk.syncFolder(folder);
}

/** The offset after the last batch of a segment file. */
function endOf(disk: Disk, folder: string, name: string, baseOffset: number): number {
  const path = `${folder}/${name}`;
  const file = disk.open(path, { create: false });
  try {
    const scanner = new BatchScanner(file, {
      from: 0,
      to: file.size(),
      expectedOffset: baseOffset,
      chunkBytes: 256 * 1024,
    });
    while (scanner.next());
    if (scanner.problem !== undefined) throw corruptLog(folder, path, scanner.position, scanner.problem);
    return scanner.nextOffset;
  } finally {
    file.close();
  }
}
