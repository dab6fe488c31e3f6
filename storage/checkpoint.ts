/**
 * Small text files that must be either the old or the new: written aside, made durable, renamed, the folder made durable.
 *
 * Kafka's checkpoints begin with a version and a count, each on a line of its own:
 *
 *     0
 *     2
 *     orders 0 4711        topic · partition · offset      (leader-epoch-checkpoint: epoch · start offset)
 *     orders 1 815
 *
 * @module
 */
import type { Disk } from "./disk.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** Replaces a file atomically and durably. */
export function replaceFile(disk: Disk, path: string, content: Uint8Array): void {
  const aside = `${path}.tmp`;
  disk.remove(aside);
  const file = disk.open(aside, { create: true });
  try {
    file.append(content);
    file.syncNow();
  } finally {
    file.close();
  }
  disk.rename(aside, path);
  disk.syncFolder(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
}

/** Writes lines of words as a checkpoint. */
export function writeCheckpoint(disk: Disk, path: string, lines: readonly string[]): void {
  replaceFile(disk, path, utf8.encode(["0", String(lines.length), ...lines, ""].join("\n")));
}

/** The lines of a checkpoint, split into words; undefined when there is no such file or it is damaged. */
export function readCheckpoint(disk: Disk, path: string): string[][] | undefined {
  const content = disk.readFile(path);
  if (content === undefined) return undefined;
  const [version, count, ...lines] = text.decode(content).split("\n");
  if (version !== "0" || lines.pop() !== "" || Number(count) !== lines.length) return undefined;
  return lines.map((line) => line.split(" "));
}

/** A whole number from 0 on as a checkpoint holds it; undefined for any other text. */
export function readCount(word: string | undefined): number | undefined {
  const number = Number(word);
  return word !== undefined && /^\d{1,16}$/.test(word) && Number.isSafeInteger(number) ? number : undefined;
}
