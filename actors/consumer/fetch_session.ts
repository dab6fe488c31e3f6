/**
 * The client's side of an incremental fetch session (KIP-227) with one broker: only what has changed is named again.
 *
 *     full (id 0, epoch 0) ──broker opens one──▶ incremental (id n, epoch 1, 2 …) ──refused, or no answer──▶ full
 *
 * Invariant: what the broker is believed to remember is what it was told in requests that it has answered without an error.
 *
 * @module
 */
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { AssignedPartition } from "./assigned_partition.ts";

/** One partition as it is asked for. */
export interface FetchWanted {
  readonly of: AssignedPartition;
  /** Of `of`, at that time. */
  readonly version: number;
  readonly topicId: string;
  readonly fetchOffset: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
}

/** What a request says. */
export interface FetchPlan {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly named: readonly FetchWanted[];
  readonly forgotten: readonly FetchWanted[];
}

/** Fetches from one broker. */
export class FetchSession {
  /** A fetch is under way. */
  isAsking = false;
  /** When its answer should have come; Infinity when none is waited for, or it is known to be late. */
  lateAtMs = Infinity;
  /** Not to be asked before this. */
  retryAtMs = 0;
  attempts = 0;
  #id = 0;
  #epoch = 0;
  #remembered = new Map<string, FetchWanted>();

  /** What to say so that the broker knows all of `wanted` and nothing else. */
  plan(wanted: readonly FetchWanted[]): FetchPlan {
    const next = new Map(wanted.map((one) => [one.of.key, one]));
    const before = this.#remembered;
    const isOtherTopic = wanted.some(({ of, topicId }) => (before.get(of.key)?.topicId ?? topicId) !== topicId);
    if (this.#id === 0 || isOtherTopic) {
      const sessionId = this.#id; // which the broker may forget
      this.#remembered = next;
      this.#id = this.#epoch = 0;
      return { sessionId, sessionEpoch: 0, named: wanted, forgotten: [] };
    }
    this.#remembered = next;
    const named = wanted.filter((one) => !isSame(one, before.get(one.of.key)));
    const forgotten = [...before.values()].filter(({ of }) => !next.has(of.key));
    return { sessionId: this.#id, sessionEpoch: this.#epoch, named, forgotten };
  }

  /** The broker has answered, and named its session. */
  answered(sessionId: number): void {
    this.attempts = 0;
    if (sessionId === 0) return this.reset();
    this.#epoch = this.#id === sessionId ? (this.#epoch === 0x7fff_ffff ? 1 : this.#epoch + 1) : 1;
    this.#id = sessionId;
  }

  /** What the broker remembers is not known any more. */
  reset(): void {
    this.#id = this.#epoch = 0;
    this.#remembered.clear();
  }
}

function isSame(a: FetchWanted, b: FetchWanted | undefined): boolean {
  return b !== undefined && a.topicId === b.topicId && a.fetchOffset === b.fetchOffset &&
    a.currentLeaderEpoch === b.currentLeaderEpoch && a.lastFetchedEpoch === b.lastFetchedEpoch;
}

/** Whether partitions can be named by the ids of their topics (KIP-516). */
export function hasIds(wanted: readonly FetchWanted[]): boolean {
  return wanted.every(({ topicId }) => topicId !== ZERO_UUID);
}
