/**
 * What a member of the new protocol has: what it uses, what it has been told to use, and the changes between the two, one at a time.
 *
 *     told ──less than used──▶ revoke ──handled──▶ not ours any more
 *          ──more──▶ assign, as soon as the topic's name is known
 *
 * Invariant: what is reported is everything that is used or may come to be used without another answer.
 *
 * @module
 */
import type { MembershipAction } from "./membership.ts";
import type { TopicPartition } from "./protocol.ts";

/** As requests and answers have it. */
export type Rows = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

type Change = Extract<MembershipAction, { readonly type: "revoke" | "lose" | "assign" }>;

/** A partition by its topic's id. */
interface Held extends TopicPartition {
  readonly topicId: string;
}

/** The partitions of one member. */
export class Holdings {
  #names: ReadonlyMap<string, string> = new Map();
  /** What it is to have, by key. */
  #told: ReadonlyMap<string, { readonly topicId: string; readonly partition: number }> = new Map();
  /** What the application has, or is about to be given. */
  readonly #used = new Map<string, Held>();
  /** What is being dealt with, in order: the keys that are to be given up when it has been. */
  readonly #changes: (readonly string[])[] = [];

  get owned(): readonly TopicPartition[] {
    return [...this.#used.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Nothing is being dealt with. */
  get isSettled(): boolean {
    return this.#changes.length === 0;
  }

  /** Whether it is to have partitions of topics whose names it does not know. */
  get hasUnknown(): boolean {
    for (const [key, { topicId }] of this.#told) if (!this.#used.has(key) && !this.#names.has(topicId)) return true;
    return false;
  }

  /** Topics, by their ids. */
  know(names: Iterable<readonly [id: string, name: string]>): void {
    this.#names = new Map(names);
  }

  /** What it is to have from now on. */
  assign(rows: Rows): void {
    this.#told = new Map(
      rows.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => [keyOf(topicId, partition), { topicId, partition }] as const)
      ),
    );
  }

  /** The next change, if none is being dealt with: first what is to be given up, then what is new. */
  next(): Change | undefined {
    if (!this.isSettled) return undefined;
    const surplus = [...this.#used].filter(([key]) => !this.#told.has(key));
    if (surplus.length > 0) {
      this.#changes.push(surplus.map(([key]) => key));
      return { type: "revoke", partitions: surplus.map(([, held]) => nameOf(held)) };
    }
    const fresh: Held[] = [];
    for (const [key, { topicId, partition }] of this.#told) {
      const topic = this.#names.get(topicId);
      if (topic === undefined || this.#used.has(key)) continue;
      const held = { topicId, topic, partition };
      this.#used.set(key, held);
      fresh.push(held);
    }
    if (fresh.length === 0) return undefined;
    this.#changes.push([]);
    return { type: "assign", partitions: fresh.map(nameOf) };
  }

  /** The oldest change has been dealt with; true when something was given up by it. */
  handled(): boolean {
    const keys = this.#changes.shift() ?? [];
    for (const key of keys) this.#used.delete(key);
    return keys.length > 0;
  }

  /** Nothing of it is ours any more. */
  lose(): Change | undefined {
    const going = new Set(this.#changes.flat());
    const partitions = [...this.#used].filter(([key]) => !going.has(key)).map(([, held]) => nameOf(held));
    this.#used.clear();
    this.#told = new Map();
    if (partitions.length === 0) return undefined;
    this.#changes.push([]);
    return { type: "lose", partitions };
  }

  /** What is reported, topics by id and partitions ascending. */
  rows(): { topicId: string; partitions: number[] }[] {
    const topics = new Map<string, Set<number>>();
    for (const { topicId, partition } of [...this.#used.values(), ...this.#told.values()]) {
      let partitions = topics.get(topicId);
      if (partitions === undefined) topics.set(topicId, partitions = new Set());
      partitions.add(partition);
    }
    return [...topics].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([topicId, partitions]) => ({ topicId, partitions: [...partitions].sort((a, b) => a - b) }));
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}

function nameOf({ topic, partition }: Held): TopicPartition {
  return { topic, partition };
}
