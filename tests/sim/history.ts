/**
 * What the clients of a run did and were told: the history that is judged when the run is over.
 *
 *     invoke ──▶ pending ──┬──ok────▶ it happened, and this is what came of it
 *                          ├──fail──▶ it did not happen and never will
 *                          └──info──▶ nobody knows (also when the run ends before an answer)
 *
 * A process is one client as one caller uses it. The rules assume of each process: values are unique per key; a key is one partition;
 * a client that crashes, and a producer that goes on under another producer id, says so (`crash`) or is another process.
 *
 * Invariant: the places of invocations and completions (`begun`, `ended`) are those in which they came, also when the clock stood still.
 *
 * @module
 */
export { checkHistory, type CheckOptions, type Problem, type Rule } from "./rules/check.ts";

/** A partition: `<topic>-<partition>`. */
export type Key = string;
/** What a record says; no two sends to one key say the same. */
export type Value = string | number;

/** What a client sets out to do. */
export type Call =
  | SendCall
  | { readonly f: "poll" }
  | (Omit<SendCall, "f"> & { readonly f: "txn" })
  /** From now on it reads these keys; where it was in others is forgotten. */
  | { readonly f: "assign" | "subscribe"; readonly keys: readonly Key[] }
  /** The client is gone; what the process does next is done by a new one that knows nothing. */
  | { readonly f: "crash" };

interface SendCall {
  readonly f: "send";
  readonly sends: readonly { readonly key: Key; readonly value: Value }[];
  /**
   * What the acknowledgement is worth: "durable" means that no crash the cluster is made for loses the record. acks=0 and acks=1, and
   * acks=all without flush where power is lost, promise nothing.
   */
  readonly promise?: Worth;
  /** Whether the producer's retries are told apart from new records. Default true. */
  readonly idempotent?: boolean;
}

/** What an acknowledgement is worth. */
export type Worth = "durable" | "none";

/** One record that was sent; the offset is null as long as nobody has said it. */
export interface Sent {
  readonly key: Key;
  readonly value: Value;
  offset: number | null;
}

/** Records of one key in the order in which they were read: offsets and values. */
export type Read = readonly (readonly [offset: number, value: Value])[];

/** An operation, from its invocation to its completion. */
export interface Operation {
  readonly process: number;
  readonly f: Call["f"];
  /** "info" until it is completed. */
  type: "ok" | "fail" | "info";
  readonly begunMs: number;
  endedMs: number;
  /** Its place among all invocations and completions. */
  readonly begun: number;
  /** Infinity when it has not been completed, or only by giving up. */
  ended: number;
  readonly sends: readonly Sent[];
  /** What was read, by key. */
  reads: ReadonlyMap<Key, Read>;
  /** Of assign and subscribe. */
  readonly keys: readonly Key[];
  /** Keys that came or went while it ran: where it was in them is forgotten. */
  rebalanced: readonly Key[];
  readonly promise: Worth;
  readonly idempotent: boolean;
}

/** What came of an operation. */
export interface Outcome {
  /** Where the records are, in the order of the sends; null for one that nobody knows. */
  readonly offsets?: readonly (number | null)[];
  readonly reads?: Readonly<Record<Key, Read>>;
  readonly rebalanced?: readonly Key[];
}

/** An operation that has been invoked. The first completion counts; later ones do nothing. */
export interface Pending {
  readonly operation: Operation;
  /** It happened. */
  ok(timeMs: number, outcome?: Outcome): void;
  /** It did not happen and never will. What it has read is kept: nobody must ever read what is not there. */
  fail(timeMs: number, outcome?: Outcome): void;
  /** It may or may not have happened, or may yet. */
  info(timeMs: number, outcome?: Outcome): void;
}

const NO_READS: ReadonlyMap<Key, Read> = new Map();

/**
 * Records what clients do.
 *
 * @example
 * ```ts
 * import { checkHistory, History } from "./history.ts";
 *
 * const history = new History();
 * const sending = history.invoke(0, { f: "send", sends: [{ key: "t-0", value: "a" }] }, 10);
 * sending.ok(12, { offsets: [0] });
 * history.invoke(1, { f: "poll" }, 20).ok(21, { reads: { "t-0": [[0, "a"]] } });
 * console.assert(checkHistory(history).length === 0);
 * ```
 */
export class History {
  readonly #operations: Operation[] = [];
  #places = 0;

  /** In the order of their invocations. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** A process sets out to do something. */
  invoke(process: number, call: Call, timeMs: number): Pending {
    const sends: Sent[] = "sends" in call ? call.sends.map(({ key, value }) => ({ key, value, offset: null })) : [];
    const operation: Operation = {
      process,
      f: call.f,
      type: "info",
      begunMs: timeMs,
      endedMs: Infinity,
      begun: this.#places++,
      ended: Infinity,
      sends,
      reads: NO_READS,
      keys: "keys" in call ? call.keys : [],
      rebalanced: [],
      promise: "sends" in call ? call.promise ?? "durable" : "none",
      idempotent: "sends" in call ? call.idempotent ?? true : true,
    };
    this.#operations.push(operation);
    const complete = (type: Operation["type"], endedMs: number, outcome: Outcome = {}): void => {
      if (operation.endedMs !== Infinity) return;
      operation.type = type;
      operation.endedMs = endedMs;
      const place = this.#places++;
      if (type !== "info") operation.ended = place;
      outcome.offsets?.forEach((offset, index) => sends[index]!.offset = offset);
      if (outcome.reads !== undefined) operation.reads = new Map(Object.entries(outcome.reads));
      if (outcome.rebalanced !== undefined) operation.rebalanced = outcome.rebalanced;
    };
    return {
      operation,
      ok: (ms, outcome) => complete("ok", ms, outcome),
      fail: (ms, outcome) => complete("fail", ms, outcome),
      info: (ms, outcome) => complete("info", ms, outcome),
    };
  }
}

/** The operation in words, for a sentence. */
export function describe({ process, f, type, begunMs, endedMs, sends, reads, keys }: Operation): string {
  const sent = sends.map(({ key, value, offset }) => `${value} to ${key}${offset === null ? "" : `@${offset}`}`);
  const read = [...reads].map(([key, records]) => `${key} ${records.map(([offset, v]) => `${v}@${offset}`).join(" ")}`);
  const what = [...sent, ...read, ...keys].join(", ");
  const short = what.length > 200 ? `${what.slice(0, 200)} …` : what;
  return `${type} ${f} of process ${process} (${begunMs}–${endedMs === Infinity ? "?" : endedMs} ms: ${short})`;
}
