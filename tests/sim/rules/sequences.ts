/**
 * Rules about order: what one client reads and sends follows the log, forwards and without jumps.
 *
 * Places are counted by index, not by offset, so that gaps which nobody can fill (markers) are no jumps. Where a place is not known, nothing
 * is concluded.
 *
 * @module
 */
import { describe, type Key, type Operation, type Sent } from "../operations.ts";
import type { Problems, Rule } from "./check.ts";
import type { KeyLog, Versions } from "./versions.ts";

/** poll-skip, nonmonotonic-poll, nonmonotonic-send, and the four that look into one operation. */
export function findSequenceProblems(
  operations: readonly Operation[],
  { logs }: Versions,
  problems: Problems,
): void {
  const clients = new Map<number, Client>();
  for (const operation of operations) {
    let client = clients.get(operation.process);
    if (client === undefined) clients.set(operation.process, client = { read: new Map(), sent: new Map() });
    if (operation.f === "crash") {
      client.read.clear();
      client.sent.clear();
    } else if (operation.f === "assign" || operation.f === "subscribe") {
      if (operation.type !== "fail") keepOnly(client.read, operation.keys);
    } else {
      followReads(operation, client, logs, problems);
      if (operation.sends.length > 0) followSends(operation, client, logs, problems);
    }
  }
}

/** Where a client has come to in each key, and by which operation. */
interface Client {
  readonly read: Map<Key, Mark>;
  readonly sent: Map<Key, Mark>;
}

interface Mark {
  readonly index: number;
  readonly operation: Operation;
}

function keepOnly(marks: Map<Key, Mark>, keys: readonly Key[]): void {
  for (const key of [...marks.keys()]) if (!keys.includes(key)) marks.delete(key);
}

function followReads(operation: Operation, client: Client, logs: Versions["logs"], problems: Problems): void {
  for (const key of operation.rebalanced) client.read.delete(key);
  for (const [key, records] of operation.reads) {
    if (records.length === 0) continue;
    const log = logs.get(key)!;
    const first = log.indexOf(records[0]![0])!;
    const before = client.read.get(key);
    if (before !== undefined) {
      compare(
        log,
        before.index,
        first,
        "poll-skip",
        "nonmonotonic-poll",
        key,
        problems,
        () => `after ${describe(before.operation)} came ${describe(operation)}`,
      );
    }
    let last = first;
    const isSteady = !operation.rebalanced.includes(key);
    for (let i = 1; i < records.length; i++) {
      const index = log.indexOf(records[i]![0])!;
      if (isSteady) {
        compare(
          log,
          last,
          index,
          "int-poll-skip",
          "int-nonmonotonic-poll",
          key,
          problems,
          () => `in ${describe(operation)}`,
        );
      }
      last = index;
    }
    if (operation.type === "ok" && isSteady) client.read.set(key, { index: last, operation });
  }
}

function followSends(operation: Operation, client: Client, logs: Versions["logs"], problems: Problems): void {
  // What never happened is nowhere; what its client does not order may come late, in any order.
  if (operation.type === "fail") return;
  for (const [key, sends] of byKey(operation.sends)) {
    const log = logs.get(key);
    const indexes = log === undefined ? [] : sends.map((sent) => log.indexOfSent(sent));
    const first = indexes[0];
    const before = client.sent.get(key);
    if (before !== undefined && first !== undefined && first <= before.index) {
      problems.add(
        "nonmonotonic-send",
        key,
        () => `${describe(operation)} is at ${log!.offsetAt(first)}, not behind ${describe(before.operation)}.`,
      );
    }
    for (let i = 1; i < indexes.length; i++) {
      const [from, to] = [indexes[i - 1], indexes[i]];
      if (from === undefined || to === undefined) continue;
      compare(
        log!,
        from,
        to,
        "int-send-skip",
        "int-nonmonotonic-send",
        key,
        problems,
        () => `in ${describe(operation)}`,
      );
    }
    const last = indexes.at(-1);
    if (operation.type === "info" && !operation.idempotent) client.sent.delete(key);
    else if (last !== undefined) client.sent.set(key, { index: last, operation });
  }
}

/** One step through the log of a key, which should be by one. */
function compare(
  log: KeyLog,
  from: number,
  to: number,
  skip: Rule,
  nonmonotonic: Rule,
  key: Key,
  problems: Problems,
  where: () => string,
): void {
  if (to <= from) {
    problems.add(nonmonotonic, key, () => `from ${log.offsetAt(from)} to ${log.offsetAt(to)} of ${key}, ${where()}.`);
  } else if (to > from + 1) {
    problems.add(skip, key, () => {
      const skipped = Array.from({ length: Math.min(5, to - from - 1) }, (_, i) => log.valueAt(from + 1 + i));
      return `over ${skipped.join(", ")}${to - from > 6 ? " …" : ""} in ${key}, from ${log.offsetAt(from)} to ${
        log.offsetAt(to)
      }, ${where()}.`;
    });
  }
}

function byKey(sends: readonly Sent[]): Iterable<[Key, Sent[]]> {
  if (sends.length === 1) return [[sends[0]!.key, [sends[0]!]]];
  const keys = new Map<Key, Sent[]>();
  for (const sent of sends) {
    const same = keys.get(sent.key);
    if (same === undefined) keys.set(sent.key, [sent]);
    else same.push(sent);
  }
  return keys;
}
