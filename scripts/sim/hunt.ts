/**
 * Runs seeds until one fails, and tells of each in a line of JSON: how the hunt for mutants runs one of them.
 *
 *     hunt.ts <first seed> <seconds of processor time> <seeds at most> <ticks, 0 for what the seed draws> <features, with commas>
 *
 * Without features, each seed draws its own.
 *
 * It is a program of its own because a mutant is a copy of the whole program: see `scripts/sim_mutants.ts`.
 *
 * @module
 */
import process from "node:process";
import { simulate } from "../../tests/sim/simulation.ts";

/** One line. The first of a seed is without a verdict, so that a run which never ends is known by its seed. */
export interface HuntLine {
  readonly seed: number;
  /** Of this process so far. */
  readonly cpuSeconds: number;
  /** Seconds that have passed in the run. */
  readonly seconds?: number;
  /** What was wrong; empty when nothing was. */
  readonly problems?: readonly string[];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function tell(line: HuntLine): void {
  console.log(JSON.stringify(line));
}

if (import.meta.main) {
  const [from, budgetSeconds, count, ticks] = Deno.args.slice(0, 4).map(Number) as [number, number, number, number];
  const features = Deno.args[4] ?? "";
  for (let seed = from; seed < from + count && cpuSeconds() < budgetSeconds; seed++) {
    tell({ seed, cpuSeconds: cpuSeconds() });
    const { problems, seconds } = simulate({
      seed,
      ...(ticks > 0 ? { seconds: ticks } : {}),
      ...(features === "" ? {} : { only: new Set(features.split(",")) }),
    });
    tell({ seed, cpuSeconds: cpuSeconds(), seconds, problems: problems.slice(0, 1) });
    if (problems.length > 0) break;
  }
}
