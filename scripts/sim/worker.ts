/**
 * Runs seeds in a thread of its own: an order comes in, a summary goes out.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { type RunOptions, type RunResult, simulate } from "../../tests/sim/simulation.ts";

/** What is worth telling of a seed that was run among many. */
export interface SeedSummary {
  readonly line: string;
  readonly problems: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly events: number;
}

/** Runs a seed, `twice` to see whether it is the same run both times. */
export function summarize(options: RunOptions, twice: boolean): SeedSummary {
  const result = simulate(options);
  const again = twice ? simulate(options).hash : result.hash;
  const { seed, counts, seconds, events } = result;
  const differs = again === result.hash
    ? []
    : [`seed ${seed} is ${result.hash} the first time and ${again} the second`];
  return { line: summarize.line(result), problems: [...result.problems, ...differs], counts, seconds, events };
}

/** A seed in one line. */
summarize.line = ({ seed, problems, seconds, events, hash }: RunResult): string => {
  const verdict = problems.length === 0 ? "ok" : "FAILED";
  return `seed ${seed} ${verdict}  ${seconds.toFixed(1)} s, ${events} events  hash ${hash}`;
};

if (typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope) {
  self.onmessage = ({ data }: MessageEvent<{ readonly options: RunOptions; readonly twice: boolean }>) => {
    self.postMessage(summarize(data.options, data.twice));
  };
}
