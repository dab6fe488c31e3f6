/**
 * The judge of a history: the rules of Jepsen's Kafka checker, each of which finds one kind of lie.
 *
 * | rule | what it finds |
 * | --- | --- |
 * | inconsistent-offsets | one offset has held several values |
 * | duplicate | one value is at several offsets |
 * | G1a | somebody has read what was never written |
 * | lost-write | a later record was read, this acknowledged one never |
 * | unseen | acknowledged, and not there when everything was read at the end |
 * | precommitted-read | an operation has read what it was itself about to write |
 * | poll-skip, nonmonotonic-poll | a client has jumped over records, or back |
 * | int-poll-skip, int-nonmonotonic-poll | the same within one operation |
 * | nonmonotonic-send | a client's records are not in the order in which it sent them |
 * | int-send-skip, int-nonmonotonic-send | within one operation, there is another's record between its own, or they are not in order |
 * | G0, G1c | operations that must have come before each other in a ring (`-process`, `-realtime`: with what each client, or the clock, says) |
 *
 * Everything is linear in the length of the history but the sorting of offsets that did not come in order.
 *
 * @module
 */
import { findCycles } from "../elle.ts";
import type { History } from "../history.ts";
import type { Key } from "../operations.ts";
import { findSequenceProblems } from "./sequences.ts";
import { findValueProblems } from "./values.ts";
import { orderVersions } from "./versions.ts";

/** What a rule is called. */
export type Rule =
  | "inconsistent-offsets"
  | "duplicate"
  | "G1a"
  | "lost-write"
  | "unseen"
  | "precommitted-read"
  | "poll-skip"
  | "nonmonotonic-poll"
  | "int-poll-skip"
  | "int-nonmonotonic-poll"
  | "nonmonotonic-send"
  | "int-send-skip"
  | "int-nonmonotonic-send"
  | CycleRule;

/** The rings of operations: what their edges are made of. */
export type CycleRule = "G0" | "G0-process" | "G0-realtime" | "G1c" | "G1c-process" | "G1c-realtime";

/** A rule that was broken, once. */
export interface Problem {
  readonly rule: Rule;
  /** The partition, if it is about one. */
  readonly key?: Key;
  /** A sentence. */
  readonly message: string;
}

/** What may be expected of the history. */
export interface CheckOptions {
  /** The clients were in groups, where partitions come and go: a poll may skip and jump back. Default false. */
  readonly subscribe?: boolean;
  /** The order of the offsets is the order of the writes (ww). Default true. */
  readonly wwDeps?: boolean;
  /**
   * Transactions may interleave, as Kafka's do: what they write has no order among them, so that G0 and G1c by ww are allowed where
   * there is a transaction in the ring. Default true.
   */
  readonly interleave?: boolean;
  /** At the end everything that is there was read. Without that nothing is "unseen". Default true. */
  readonly finalPolls?: boolean;
  /** Rules that may be broken in this run, beside int-send-skip and the above. */
  readonly allow?: readonly Rule[];
  /** Partitions that lost records in a way that nobody was promised otherwise (all replicas' disks, unclean election). */
  readonly lossyKeys?: ReadonlySet<Key>;
  /** Where the log of a key begins by now: what is below was deleted, and need not be read. */
  readonly startOffsets?: ReadonlyMap<Key, number>;
  /** How many problems of one rule are told in full. Default 5. */
  readonly examples?: number;
}

/** What may be lost may also be replaced by something else at the same offset, which readers notice in these ways. */
const LOSSY: ReadonlySet<Rule> = new Set<Rule>([
  "inconsistent-offsets",
  "duplicate",
  "lost-write",
  "unseen",
  "poll-skip",
  "nonmonotonic-poll",
  "int-poll-skip",
  "int-nonmonotonic-poll",
  "nonmonotonic-send",
]);

/** Collects problems; told lazily, because a bad run has a great many. */
export class Problems {
  readonly #found = new Map<Rule, Problem[]>();
  readonly #counts = new Map<Rule, number>();
  readonly #allowed: ReadonlySet<Rule>;
  readonly #lossy: ReadonlySet<Key>;
  readonly #examples: number;

  constructor({ subscribe = false, allow = [], lossyKeys = new Set(), examples = 5 }: CheckOptions) {
    const inGroups: Rule[] = subscribe ? ["poll-skip", "nonmonotonic-poll"] : [];
    this.#allowed = new Set<Rule>(["int-send-skip", ...inGroups, ...allow]);
    this.#lossy = lossyKeys;
    this.#examples = examples;
  }

  /** One more; `tell` is called only for those that are told in full. */
  add(rule: Rule, key: Key | undefined, tell: () => string): void {
    if (this.#allowed.has(rule) || (key !== undefined && this.#lossy.has(key) && LOSSY.has(rule))) return;
    const count = (this.#counts.get(rule) ?? 0) + 1;
    this.#counts.set(rule, count);
    if (count > this.#examples) return;
    const problem = { rule, ...(key === undefined ? {} : { key }), message: `${rule}: ${tell()}` };
    const found = this.#found.get(rule);
    if (found === undefined) this.#found.set(rule, [problem]);
    else found.push(problem);
  }

  /** All of them, rule by rule. */
  list(): Problem[] {
    return [...this.#found].flatMap(([rule, problems]) => {
      const more = this.#counts.get(rule)! - problems.length;
      return more === 0 ? problems : [...problems, { rule, message: `${rule}: and ${more} more.` }];
    });
  }
}

/** Everything that is wrong with a history, as far as it must not be. */
export function checkHistory(history: History, options: CheckOptions = {}): Problem[] {
  const { operations } = history;
  const problems = new Problems(options);
  const versions = orderVersions(operations);
  findValueProblems(operations, versions, options, problems);
  findSequenceProblems(operations, versions, problems);
  findCycles(operations, versions, options, problems);
  return problems.list();
}
