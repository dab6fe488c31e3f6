/**
 * Rules about single values: each is at one offset, each offset has one, and what was acknowledged is there.
 *
 * @module
 */
import { describe, type Key, type Operation, type Value } from "../operations.ts";
import type { CheckOptions, Problems } from "./check.ts";
import { mustHaveHappened, type Versions } from "./versions.ts";

/** inconsistent-offsets, duplicate, G1a, lost-write, unseen and precommitted-read. */
export function findValueProblems(
  operations: readonly Operation[],
  versions: Versions,
  { finalPolls = true, startOffsets = new Map() }: CheckOptions,
  problems: Problems,
): void {
  findConflicts(versions, problems);
  const bounds = readBounds(versions);
  for (const operation of operations) {
    findAborted(operation, versions, problems);
    findPrecommitted(operation, problems);
    if (operation.promise === "durable") findLost(operation, versions, bounds, startOffsets, finalPolls, problems);
  }
}

function findConflicts({ logs, writerOf }: Versions, problems: Problems): void {
  for (const [key, log] of logs) {
    for (const [offset, values] of log.conflicts) {
      problems.add(
        "inconsistent-offsets",
        key,
        () => `${key} has had ${[...values].join(" and ")} at offset ${offset}.`,
      );
    }
    for (const [value, offsets] of log.repeated) {
      if (writerOf.get(key)?.get(value)?.idempotent === false) continue; // its retries may be there beside it
      problems.add("duplicate", key, () => `${key} has ${value} at offsets ${offsets.join(" and ")}.`);
    }
  }
}

/** Up to which index somebody has read each key, counted by the first place of each value. */
function readBounds({ logs, okReads }: Versions): Map<Key, number> {
  const bounds = new Map<Key, number>();
  for (const [key, values] of okReads) {
    let bound = -1;
    for (const value of values) bound = Math.max(bound, logs.get(key)!.firstIndexOf(value)!);
    bounds.set(key, bound);
  }
  return bounds;
}

function findAborted(reader: Operation, { writerOf }: Versions, problems: Problems): void {
  if (reader.type !== "ok") return;
  for (const [key, records] of reader.reads) {
    const writers = writerOf.get(key);
    for (const [offset, value] of records) {
      const writer = writers?.get(value);
      if (writer?.type !== "fail") continue;
      problems.add("G1a", key, () => `${value} is in ${key} at ${offset}, of ${describe(writer)}.`);
    }
  }
}

function findPrecommitted(operation: Operation, problems: Problems): void {
  if (operation.sends.length === 0 || operation.reads.size === 0) return;
  for (const { key, value } of operation.sends) {
    if (!operation.reads.get(key)?.some(([, read]) => read === value)) continue;
    problems.add("precommitted-read", key, () => `${describe(operation)} has read its own ${value} in ${key}.`);
  }
}

/** What must be there and was not read: when something behind it was (lost-write), or when everything was (unseen). */
function findLost(
  operation: Operation,
  { logs, okReads }: Versions,
  bounds: ReadonlyMap<Key, number>,
  startOffsets: ReadonlyMap<Key, number>,
  finalPolls: boolean,
  problems: Problems,
): void {
  for (const sent of operation.sends) {
    const { key, value, offset } = sent;
    if (okReads.get(key)?.has(value as Value)) continue;
    if (offset !== null && offset < (startOffsets.get(key) ?? 0)) continue;
    if (!mustHaveHappened(operation, sent, okReads)) continue;
    const index = logs.get(key)?.lastIndexOf(value);
    const bound = bounds.get(key) ?? -1;
    if (index !== undefined && index <= bound) {
      const read = logs.get(key)!;
      problems.add(
        "lost-write",
        key,
        () => `${key} was read up to offset ${read.offsetAt(bound)} and never had ${value}, of ${describe(operation)}.`,
      );
    }
    if (finalPolls && operation.type === "ok") {
      problems.add("unseen", key, () => `nobody has seen ${value} in ${key}, of ${describe(operation)}.`);
    }
  }
}
