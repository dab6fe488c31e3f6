/**
 * Taking and printing measures.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** One aligned line. */
export function line(what: string, ...values: readonly (string | number)[]): void {
  console.log(`  ${what.padEnd(64)}${values.map((value) => text(value).padStart(14)).join("")}`);
}

function text(value: string | number): string {
  if (typeof value === "string") return value;
  if (Number.isInteger(value)) return grouped(value);
  return value >= 100 ? grouped(Math.round(value)) : value.toPrecision(3);
}

/** Thousands apart. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, " ");
}

/** Bytes as MB. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Milliseconds, to read. */
export function millis(ms: number): string {
  return `${ms >= 100 ? Math.round(ms) : ms.toPrecision(2)} ms`;
}

/** Processor time of this process so far, in ms. */
export function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1_000;
}

/** What `work` gives, and the milliseconds of processor time it takes: the fewest of several times. */
export function timed<T>(work: () => T, times = 3): { readonly value: T; readonly ms: number } {
  let best = Infinity;
  let value!: T;
  for (let left = times; left > 0; left--) {
    const startMs = processorMs();
    value = work();
    best = Math.min(best, processorMs() - startMs);
  }
  return { value, ms: best };
}

let collect: (() => void) | undefined;

/** Bytes of the heap that are in use, after a collection. */
export function heapBytes(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  return Deno.memoryUsage().heapUsed;
}
