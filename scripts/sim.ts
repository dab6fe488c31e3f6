/**
 * Runs whole clusters from seeds, in one thread and virtual time, breaks them, and judges what their clients saw.
 *
 *     deno task sim -- --seed 7                 one seed
 *     deno task sim -- --seeds 1000 --jobs 2    many; ends at the first that fails, and says how to see it again
 *     deno task sim -- --seed 7 --shrink        the smallest run that still fails
 *
 * It needs no permission but to read its own source for `--jobs`: whatever reached for the real world would throw.
 *
 * @module
 */
import { fail, readOptions } from "../server/command.ts";
import { integer, text, toggle } from "../server/flags.ts";
import { Counters } from "../tests/sim/scene.ts";
import { replayCommand, shrink } from "../tests/sim/shrink.ts";
import type { SeedSummary } from "./sim/worker.ts";
import { summarize } from "./sim/worker.ts";
import { type RunOptions, type RunResult, simulate } from "../tests/sim/simulation.ts";
import { FEATURES } from "../tests/sim/swarm.ts";

const SUMMARY = `Runs a cluster in virtual time from a seed: nodes, network, disks, clients and faults.

Exits with 1 at the first seed that fails, after saying what was wrong, the last events of each node and the command that runs it again.`;

const LARGEST = Number.MAX_SAFE_INTEGER;

const FLAGS = {
  seed: integer({ help: "Run this seed", min: 0, max: LARGEST }),
  seeds: integer({ help: "Run so many seeds", min: 1, max: LARGEST, placeholder: "COUNT" }),
  from: integer({ help: "The first of many seeds", min: 0, max: LARGEST, default: 1 }),
  ticks: integer({ help: "Virtual seconds in which faults happen; 60", min: 1, max: 100_000, placeholder: "SECONDS" }),
  events: integer({ help: "Stop after so many events", min: 1, max: LARGEST, placeholder: "COUNT" }),
  nodes: integer({ help: "So many nodes; without it the seed decides", min: 1, max: 7 }),
  without: text({ help: "Features that are off, with commas", placeholder: "LIST" }),
  only: text({ help: "Only these features are on, with commas; `none` for none of them", placeholder: "LIST" }),
  trace: toggle({ help: "Print every event" }),
  keep: integer({ help: "Events of each node that are shown when a seed fails", min: 0, max: 100_000, default: 40 }),
  shrink: toggle({ help: "Make a seed that fails smaller" }),
  jobs: integer({ help: "Seeds that run at the same time", min: 1, max: 64, default: 1 }),
  twice: toggle({ help: "Run every seed twice and compare the hashes" }),
  goOn: toggle({ help: "Go on after a seed that failed" }),
  quiet: toggle({ help: "Print nothing about seeds that are ok" }),
};

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = readOptions("deno task sim", SUMMARY, FLAGS, Deno.args);
  const limits = {
    ...(options.ticks === undefined ? {} : { seconds: options.ticks }),
    ...(options.events === undefined ? {} : { eventsMax: options.events }),
    ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
    ...(options.without === undefined ? {} : { without: names(options.without) }),
    ...(options.only === undefined ? {} : { only: names(options.only) }),
  };
  if (options.seeds === undefined) {
    if (options.seed === undefined) fail("Say which seed: --seed N, or --seeds COUNT for many.");
    return one({ ...limits, seed: options.seed }, options.trace, options.shrink, options.keep);
  }
  if (options.seed !== undefined) fail("--seed and --seeds exclude each other: use --from to say where many begin.");
  await many({ ...limits, ...options, seeds: options.seeds, limits });
}

function one(run: RunOptions, isTraced: boolean, isShrunk: boolean, keep: number): void {
  const line = (text: string) => console.log(text);
  const result = simulate({ ...run, ...(isTraced ? { line } : { keep }) });
  if (result.problems.length > 0 && isShrunk) {
    const smallest = shrink(run, simulate, (sentence) => console.error(sentence));
    const again = simulate({ ...smallest.options, keep });
    console.log(told(again));
    report(again, smallest.options);
    Deno.exit(1);
  }
  console.log(told(result));
  if (result.problems.length === 0) {
    console.log(counted(result.counts));
    return;
  }
  report(result, run);
  Deno.exit(1);
}

interface Many {
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly twice: boolean;
  readonly goOn: boolean;
  readonly quiet: boolean;
  readonly keep: number;
  readonly limits: Omit<RunOptions, "seed">;
}

async function many({ seeds, from, jobs, twice, goOn, quiet, keep, limits }: Many): Promise<void> {
  const counters = new Counters();
  const failed: number[] = [];
  let seconds = 0;
  let events = 0;
  let next = from;
  const startedMs = performance.now();
  let isOver = false;
  const take = () => isOver || next >= from + seeds ? undefined : next++;
  const done = (seed: number, summary: SeedSummary) => {
    seconds += summary.seconds;
    events += summary.events;
    counters.include(summary.counts);
    const isBad = summary.problems.length > 0;
    if (isBad || !quiet) console.log(summary.line);
    if (!isBad) return;
    failed.push(seed);
    if (!goOn) isOver = true;
    for (const problem of summary.problems.slice(0, 3)) console.log(`  ${problem.split("\n")[0]}`);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, () => work(jobs, take, done, { limits, twice })));
  const tookSeconds = (performance.now() - startedMs) / 1_000;
  console.log(counted(counters.toRecord()));
  const count = next - from;
  const pace = `${Math.round(count / tookSeconds * 3_600)} seeds per hour`;
  const sum = `${Math.round(seconds)} virtual s and ${events} events in ${tookSeconds.toFixed(1)} s, ${pace}`;
  console.log(`${count - failed.length} passed, ${failed.length} failed: ${sum}`);
  if (failed.length === 0) return;
  const run = { ...limits, seed: Math.min(...failed) };
  report(simulate({ ...run, keep }), run);
  Deno.exit(1);
}

/** Takes one seed after another, here or in a worker. */
async function work(
  jobs: number,
  take: () => number | undefined,
  done: (seed: number, summary: SeedSummary) => void,
  order: { readonly limits: Omit<RunOptions, "seed">; readonly twice: boolean },
): Promise<void> {
  if (jobs === 1) {
    for (let seed = take(); seed !== undefined; seed = take()) {
      done(seed, summarize({ ...order.limits, seed }, order.twice));
    }
    return;
  }
  const worker = new Worker(new URL("./sim/worker.ts", import.meta.url), { type: "module" });
  try {
    for (let seed = take(); seed !== undefined; seed = take()) {
      const answer = Promise.withResolvers<SeedSummary>();
      worker.onmessage = ({ data }) => answer.resolve(data);
      worker.onerror = (event) => answer.reject(new Error(event.message));
      worker.postMessage({ options: { ...order.limits, seed }, twice: order.twice });
      done(seed, await answer.promise);
    }
  } finally {
    worker.terminate();
  }
}

function names(list: string): Set<string> {
  const known = Object.keys(FEATURES);
  const given = list === "none" ? [] : list.split(",").map((name) => name.trim());
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) fail(`There is no feature ${unknown}: there are ${known.join(", ")}.`);
  return new Set(given);
}

function told(result: RunResult): string {
  const { swarm, counts } = result;
  const features = [...swarm.features].join(" ");
  return `${summarize.line(result)}\n  ${swarm.nodes} nodes, voters ${swarm.voters}, ${swarm.topics.length} topics ` +
    `(${swarm.topics.map(({ replicationFactor, minIsr }) => `${replicationFactor}/${minIsr}`).join(", ")}), ` +
    `${counts["batches acknowledged"] ?? 0} batches acknowledged; ${features}`;
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([name, count]) => `${String(count).padStart(10)}  ${name}`).join("\n");
}

function report(result: RunResult, run: RunOptions): void {
  for (const [who, lines] of result.last) console.log(`\n${who}\n${lines.join("\n")}`);
  console.log(`\nseed ${result.seed}:`);
  for (const problem of result.problems) console.log(`  ${problem}`);
  console.log(`\nRun it again: ${replayCommand(run)}`);
}
