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
import type { Call, Key, Operation, Read, Sent } from "./operations.ts";

export type { Call, Key, Operation, Read, Sent, Value, Worth } from "./operations.ts";
export { checkHistory, type CheckOptions, type Problem, type Rule } from "./rules/check.ts";

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
