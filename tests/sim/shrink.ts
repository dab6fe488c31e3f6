/**
 * Makes a failing seed smaller: the shortest run, the fewest nodes and the fewest kinds of fault that still fail.
 *
 * Each step keeps what still fails. The failure need not stay the same one: a smaller run that fails is a better place to look.
 *
 * @module
 */
import type { RunOptions, RunResult } from "./simulation.ts";
import { FEATURES } from "./swarm.ts";

/** Runs a seed. */
export type Run = (options: RunOptions) => RunResult;

/** The smallest options that still fail, and what they come to. */
export interface Shrunk {
  readonly options: RunOptions;
  readonly result: RunResult;
}

/** Shrinks; `told` hears of each step that worked. */
export function shrink(options: RunOptions, run: Run, told: (sentence: string) => void): Shrunk {
  let best: Shrunk = { options, result: run(options) };
  const attempt = (change: Partial<RunOptions>, what: string): boolean => {
    const smaller = { ...best.options, ...change };
    const result = run(smaller);
    if (result.problems.length === 0) return false;
    best = { options: smaller, result };
    told(`${what}: still fails, ${result.events} events: ${result.problems[0]!.split("\n")[0]}`);
    return true;
  };
  if (best.result.problems.length === 0) return best;
  shorten(best, attempt);
  for (let nodes = best.result.swarm.nodes - 1; nodes >= 1; nodes--) attempt({ nodes }, `${nodes} nodes`);
  // Halves first: most features have nothing to do with it.
  const features = (Object.keys(FEATURES) as string[]).filter((name) => best.result.swarm.features.has(name as never));
  dropFeatures(features, () => best, attempt);
  shorten(best, attempt);
  return best;
}

function shorten(from: Shrunk, attempt: (change: Partial<RunOptions>, what: string) => boolean): void {
  let failing = Math.ceil(from.result.swarm.stormMs / 1_000);
  let passing = 0;
  while (failing - passing > 1) {
    const seconds = Math.floor((failing + passing) / 2);
    if (attempt({ seconds }, `${seconds} s`)) failing = seconds;
    else passing = seconds;
  }
}

function dropFeatures(
  names: readonly string[],
  best: () => Shrunk,
  attempt: (change: Partial<RunOptions>, what: string) => boolean,
): void {
  if (names.length === 0) return;
  const without = new Set([...best().options.without ?? [], ...names]);
  if (attempt({ without }, `without ${names.join(", ")}`) || names.length === 1) return;
  const half = Math.ceil(names.length / 2);
  dropFeatures(names.slice(0, half), best, attempt);
  dropFeatures(names.slice(half), best, attempt);
}

/** The command that runs these options again. */
export function replayCommand({ seed, nodes, seconds, without, only, eventsMax }: RunOptions): string {
  const words = ["deno task sim -- --seed", String(seed)];
  if (nodes !== undefined) words.push("--nodes", String(nodes));
  if (seconds !== undefined) words.push("--ticks", String(seconds));
  if (without !== undefined && without.size > 0) words.push("--without", [...without].join(","));
  if (only !== undefined) words.push("--only", [...only].join(","));
  if (eventsMax !== undefined) words.push("--events", String(eventsMax));
  return words.join(" ");
}
