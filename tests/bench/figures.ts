/**
 * What is measured, as lines of one table, and the values that the runs brought for each.
 *
 * @module
 */
import type { TargetName } from "./targets.ts";

/** What a line's values are: bytes per second, things per second, processor seconds per 10⁹ bytes, milliseconds, seconds, bytes. */
export type Metric = "throughput" | "rate" | "cpu" | "latency" | "start" | "memory";

/** What Samsa should reach: its value divided by the other's. */
export interface Goal {
  readonly against: TargetName;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One line of the table. */
export interface Line {
  readonly title: string;
  readonly metric: Metric;
  readonly goals: readonly Goal[];
  /** For throughput: what a record's value takes, so that records can be told from bytes. */
  readonly recordBytes?: number;
}

/** Whose values a line holds: the targets, and the load client against the sink. */
export type ColumnName = TargetName | "client";

/** The values of all runs: by line, in the order in which the lines first came, then by column. */
export class Figures {
  readonly #lines = new Map<string, { line: Line; runs: Map<ColumnName, number[]> }>();

  /** @param first the lines that come first, if they get values */
  constructor(first: readonly Line[] = []) {
    for (const line of first) this.#entryOf(line);
  }

  add(column: ColumnName, line: Line, value: number): void {
    const { runs } = this.#entryOf(line);
    runs.set(column, [...runs.get(column) ?? [], value]);
  }

  get lines(): readonly { readonly line: Line; readonly runs: ReadonlyMap<ColumnName, readonly number[]> }[] {
    return [...this.#lines.values()].filter(({ runs }) => runs.size > 0);
  }

  #entryOf(line: Line): { line: Line; runs: Map<ColumnName, number[]> } {
    const key = `${line.title} ${line.metric}`;
    const entry = this.#lines.get(key) ?? { line, runs: new Map() };
    this.#lines.set(key, entry);
    return entry;
  }
}

/** The value in the middle; the mean of the two in the middle where there are two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
