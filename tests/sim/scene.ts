/**
 * What everybody in a run shares: the world, what clients were told, what has gone wrong, and what has been reached.
 *
 * @module
 */
import type { AdminBook } from "./admin_book.ts";
import type { Deliveries } from "./deliveries.ts";
import type { GroupBook } from "./group_book.ts";
import type { GroupUsage } from "./group_usage.ts";
import type { History } from "./history.ts";
import type { World } from "./world.ts";

/** How often something was reached in a run, by name. */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Takes in those of another run. */
  include(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) this.add(name, count);
  }

  /** By name, in the order of the alphabet. */
  toRecord(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => a < b ? -1 : 1));
  }
}

/** What is shared. */
export class Scene {
  readonly problems: string[] = [];
  readonly counters: Counters = new Counters();
  /** What administrators were told. */
  adminBook!: AdminBook;
  /** What clients of groups were told, and what they use. */
  book!: GroupBook;
  usage!: GroupUsage;
  deliveries!: Deliveries;
  /** The keys that producers write to. */
  readonly written: Set<string> = new Set();
  /** Where the log of each key ends at least, as producers have heard. */
  readonly ends: Map<string, number> = new Map();
  /** Somebody has asked for everything below to be deleted, by key. */
  readonly trimmed: Map<string, number> = new Map();
  /** Those that producers have got. */
  readonly producerIds: Set<bigint> = new Set();
  /** Nothing new is begun any more; what is under way is brought to its end. */
  isEnding = false;
  #values = 0;
  #processes = 0;

  constructor(readonly world: World, readonly history: History) {}

  /** Something must never happen, and has. */
  problem(sentence: string): void {
    if (this.problems.length < 20) this.problems.push(sentence);
    this.world.trace.note("judge", "problem", 0, () => sentence);
  }

  count(name: string, by = 1): void {
    this.counters.add(name, by);
  }

  /** A value that nobody has sent before. */
  nextValue(): number {
    return ++this.#values;
  }

  /** A process that nobody has been before. */
  nextProcess(): number {
    return this.#processes++;
  }
}

/** A topic as the run knows it. */
export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly minIsr: number;
  /** flush.before.ack */
  readonly flush: boolean;
  readonly segmentBytes: number;
}

/** The partitions of a topic, as keys of the history. */
export function keysOf({ name, partitions }: TopicPlan): string[] {
  return Array.from({ length: partitions }, (_, partition) => `${name}-${partition}`);
}
