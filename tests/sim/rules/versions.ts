/**
 * The log of each partition as the clients have seen it: which value is at which offset.
 *
 *     offset   0    4    5    9          offsets that nobody knows of are gaps, and are not counted:
 *     value    a    b    c    d          markers, other clients' records
 *     index    0    1    2    3
 *
 * It is made of the sends that must have happened and of everything that anybody read, also in an operation that came to
 * nothing: a reader must never see what may yet be taken back. An acknowledgement that promises nothing is no witness.
 *
 * @module
 */
import type { Key, Operation, Sent, Value } from "../operations.ts";

/** The log of one key. */
export class KeyLog {
  readonly #byOffset = new Map<number, Value>();
  /** Offsets with more than one value. */
  readonly conflicts: Map<number, Set<Value>> = new Map();
  /** Offsets in order. */
  #offsets: number[] = [];
  readonly #indexByOffset = new Map<number, number>();
  readonly #firstIndex = new Map<Value, number>();
  readonly #lastIndex = new Map<Value, number>();
  /** Values with more than one offset. */
  readonly repeated: Map<Value, number[]> = new Map();

  /** Somebody has seen `value` at `offset`. */
  witness(offset: number, value: Value): void {
    const known = this.#byOffset.get(offset);
    if (known === undefined) {
      this.#byOffset.set(offset, value);
      this.#offsets.push(offset);
    } else if (known !== value) {
      const values = this.conflicts.get(offset);
      if (values === undefined) this.conflicts.set(offset, new Set([known, value]));
      else values.add(value);
    }
  }

  /** Everybody has been heard: from now on there is an order. */
  close(): void {
    const offsets = this.#offsets;
    let isSorted = true;
    for (let i = 1; i < offsets.length && isSorted; i++) isSorted = offsets[i - 1]! < offsets[i]!;
    if (!isSorted) this.#offsets = [...Float64Array.from(offsets).sort()];
    this.#offsets.forEach((offset, index) => {
      this.#indexByOffset.set(offset, index);
      for (const value of this.valuesAt(offset)) this.#place(value, offset, index);
    });
  }

  /** How many offsets are known. */
  get length(): number {
    return this.#offsets.length;
  }

  offsetAt(index: number): number {
    return this.#offsets[index]!;
  }

  /** One of the values at an index; there is one unless somebody has lied. */
  valueAt(index: number): Value {
    return this.#byOffset.get(this.#offsets[index]!)!;
  }

  valuesAt(offset: number): Iterable<Value> {
    return this.conflicts.get(offset) ?? [this.#byOffset.get(offset)!];
  }

  indexOf(offset: number): number | undefined {
    return this.#indexByOffset.get(offset);
  }

  firstIndexOf(value: Value): number | undefined {
    return this.#firstIndex.get(value);
  }

  lastIndexOf(value: Value): number | undefined {
    return this.#lastIndex.get(value);
  }

  /** Where a record is that its client sent: where it was told, else where the value is, if that is one place. */
  indexOfSent({ value, offset }: Sent): number | undefined {
    const told = offset === null ? undefined : this.#indexByOffset.get(offset);
    if (told !== undefined) return told;
    return this.repeated.has(value) ? undefined : this.#firstIndex.get(value);
  }

  #place(value: Value, offset: number, index: number): void {
    const first = this.#firstIndex.get(value);
    if (first === undefined) this.#firstIndex.set(value, index);
    else {
      const places = this.repeated.get(value);
      if (places === undefined) this.repeated.set(value, [this.#offsets[first]!, offset]);
      else places.push(offset);
    }
    this.#lastIndex.set(value, index);
  }
}

/** The logs, and who wrote and read what. */
export interface Versions {
  readonly logs: ReadonlyMap<Key, KeyLog>;
  /** Who sent a value, by key. */
  readonly writerOf: ReadonlyMap<Key, ReadonlyMap<Value, Operation>>;
  /** What was read by operations that ended well, by key. */
  readonly okReads: ReadonlyMap<Key, ReadonlySet<Value>>;
}

/** Works out the order of each key's records. */
export function orderVersions(operations: readonly Operation[]): Versions {
  const logs = new Map<Key, KeyLog>();
  const writerOf = new Map<Key, Map<Value, Operation>>();
  const okReads = new Map<Key, Set<Value>>();
  for (const operation of operations) {
    for (const { key, value } of operation.sends) inMap(writerOf, key, newMap).set(value, operation);
    for (const [key, records] of operation.reads) {
      const log = inMap(logs, key, newLog);
      const seen = operation.type === "ok" ? inMap(okReads, key, newSet) : undefined;
      for (const [offset, value] of records) {
        log.witness(offset, value);
        seen?.add(value);
      }
    }
  }
  for (const operation of operations) {
    if (operation.promise !== "durable") continue;
    for (const sent of operation.sends) {
      if (sent.offset === null || !mustHaveHappened(operation, sent, okReads)) continue;
      inMap(logs, sent.key, newLog).witness(sent.offset, sent.value);
    }
  }
  for (const log of logs.values()) log.close();
  return { logs, writerOf, okReads };
}

/** Whether a send is known to have happened: it was acknowledged, or somebody has read it, or a part of its transaction. */
export function mustHaveHappened(operation: Operation, sent: Sent, okReads: Versions["okReads"]): boolean {
  if (operation.type !== "info") return operation.type === "ok";
  const parts = operation.f === "txn" ? operation.sends : [sent];
  return parts.some(({ key, value }) => okReads.get(key)?.has(value) ?? false);
}

const newMap = (): Map<Value, Operation> => new Map();
const newSet = (): Set<Value> => new Set();
const newLog = (): KeyLog => new KeyLog();

/** What `map` has at `key`, made anew if that is nothing. */
function inMap<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
