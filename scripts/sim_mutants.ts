/**
 * Takes one guard after another out of a copy of the program, and sees whether the simulator notices.
 *
 *     deno task sim:mutants                         all that should be noticed
 *     deno task sim:mutants --only no-pre-vote      those whose name has this in it
 *     deno task sim:mutants --all --budget 600      also those of which it is known why nothing may notice, with more time for each
 *
 *     copy ──patch──▶ mutant ──seeds──▶ one fails ──the same seed without the patch──▶ ok: killed
 *                                  └──the budget is over──▶ survived                └─▶ fails too: not its fault, go on
 *
 * Ends with 1 if a mutant survives that was not expected to.
 *
 * @module
 */
import { readOptions } from "../server/command.ts";
import { integer, text, toggle } from "../server/flags.ts";
import { type Mutant, MUTANTS, patched, patchesOf } from "../tests/sim/mutants.ts";
import type { HuntLine } from "./sim/hunt.ts";

const SUMMARY =
  `Hunts mutants: copies of the program, each without one of its guards, which the simulator must tell from it.

Exits with 1 if one survives that was not expected to.`;

const FLAGS = {
  only: text({ help: "Mutants whose names have one of these in them, with commas", placeholder: "NAMES" }),
  budget: integer({ help: "Seconds of processor time for each mutant", min: 1, max: 100_000, default: 120 }),
  from: integer({ help: "The first seed", min: 0, max: 1e12, default: 1 }),
  ticks: integer({
    help: "Virtual seconds of faults in each seed; 0 for as many as it draws",
    min: 0,
    max: 10_000,
    default: 0,
  }),
  jobs: integer({ help: "Mutants that are hunted at the same time", min: 1, max: 64, default: 2 }),
  all: toggle({ help: "Hunt those too that are expected to survive" }),
  list: toggle({ help: "Print the mutants and what each takes away, and hunt none" }),
};

/** What a mutant's copy needs to be run. */
const ROOMS = [
  "actors",
  "client",
  "console",
  "deps",
  "lib",
  "protocol",
  "scripts",
  "server",
  "storage",
  "tests/sim",
  "transport",
];
const FILES = ["deno.json", "deno.lock"];
const ROOT = new URL("../", import.meta.url);
/** A run that takes so much longer than its share of the processor does not come to an end. */
const HANGS_SECONDS = 120;

/** How a hunt ended. */
interface Verdict {
  readonly outcome: "killed" | "survived";
  readonly seed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly problem: string;
}

interface Hunt {
  readonly budget: number;
  readonly from: number;
  readonly ticks: number;
}

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = readOptions("deno task sim:mutants", SUMMARY, FLAGS, Deno.args);
  const names = options.only?.split(",").map((name) => name.trim()) ?? [""];
  const named = MUTANTS.filter(({ name }) => names.some((part) => name.includes(part)));
  const chosen = named.filter(({ survives }) => options.all || options.list || survives === undefined);
  if (options.list) {
    for (const { name, guard, survives } of chosen) {
      console.log(
        `${name.padEnd(40)}  ${guard}${survives === undefined ? "" : `\n${" ".repeat(42)}survives: ${survives}`}`,
      );
    }
    return;
  }
  const folder = Deno.makeTempDirSync({ prefix: "samsa-mutants-" });
  try {
    const sound = copyTo(`${folder}/sound`);
    const queue = [...chosen];
    const bad: string[] = [];
    const work = async (job: number) => {
      const copy = copyTo(`${folder}/${job}`);
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const verdict = await hunt(mutant, copy, sound, options);
        console.log(told(mutant, verdict));
        if (verdict.outcome === "survived" && mutant.survives === undefined) bad.push(mutant.name);
      }
    };
    await Promise.all(Array.from({ length: options.jobs }, (_, job) => work(job)));
    const rest = named.length - chosen.length;
    const left = rest === 0 ? "" : `; ${rest} that are expected to survive were left out`;
    console.log(
      `${chosen.length - bad.length} passed, ${bad.length} failed: mutants that were killed, and that survived${left}`,
    );
    for (const name of bad) console.log(`  ${name}`);
    if (bad.length > 0) Deno.exitCode = 1;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function told({ name, survives }: Mutant, { outcome, seed, seconds, cpuSeconds, problem }: Verdict): string {
  const spent = `${cpuSeconds.toFixed(1)} CPU s`;
  if (outcome === "killed") {
    const surprise = survives === undefined ? "" : "  (was expected to survive)";
    return `killed    ${name.padEnd(40)} seed ${seed}, ${
      seconds.toFixed(1)
    } virtual s, ${spent}${surprise}\n          ${problem}`;
  }
  const why = survives === undefined ? "" : `  as expected: ${survives}`;
  return `survived  ${name.padEnd(40)} ${seed} seeds, ${spent}${why}`;
}

/** Hunts one mutant in a copy, which is sound again afterwards. */
async function hunt(mutant: Mutant, copy: string, sound: string, { budget, from, ticks }: Hunt): Promise<Verdict> {
  const features = mutant.with ?? [];
  const files = [...new Set(patchesOf(mutant).map(({ file }) => file))];
  const before = files.map((file) => Deno.readTextFileSync(`${copy}/${file}`));
  for (const patch of patchesOf(mutant)) {
    const path = `${copy}/${patch.file}`;
    Deno.writeTextFileSync(path, patched(Deno.readTextFileSync(path), patch));
  }
  try {
    let spent = 0;
    for (let first = from;;) {
      const found = await runSeeds(copy, { from: first, budget: budget - spent, count: Infinity, ticks, features });
      spent += found.cpuSeconds;
      if (found.problem === "") {
        return { ...found, outcome: "survived", seed: found.seed - from + 1, cpuSeconds: spent };
      }
      const alone = await runSeeds(sound, { from: found.seed, budget: HANGS_SECONDS, count: 1, ticks, features });
      if (alone.problem === "") return { ...found, outcome: "killed", cpuSeconds: spent };
      first = found.seed + 1;
    }
  } finally {
    files.forEach((file, index) => Deno.writeTextFileSync(`${copy}/${file}`, before[index]!));
  }
}

interface Found {
  /** The last one that was run. */
  readonly seed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** What was wrong with it, "" if nothing was. */
  readonly problem: string;
}

/** What is run. */
interface Order extends Hunt {
  readonly count: number;
  readonly features: readonly string[];
}

/** Runs seeds of a copy until one fails, or the time is over. */
async function runSeeds(copy: string, { from, budget, count, ticks, features }: Order): Promise<Found> {
  const numbers = [from, budget, Math.min(count, Number.MAX_SAFE_INTEGER), ticks];
  const args = [...numbers.map(String), features.join(",")];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", "scripts/sim/hunt.ts", ...args],
    cwd: copy,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const killer = setTimeout(() => child.kill("SIGKILL"), (3 * Math.max(1, budget) + HANGS_SECONDS) * 1_000);
  const [output, errors, { success }] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.status,
  ]);
  clearTimeout(killer);
  const lines = output.split("\n").filter((line) => line.startsWith("{")).map((line): HuntLine => JSON.parse(line));
  const { seed = from, seconds = 0, cpuSeconds = 0, problems } = lines.at(-1) ?? {};
  const ended = errors.trim().split("\n").at(0) || "it does not come to an end";
  const problem = success ? problems?.[0]?.split("\n")[0] ?? "" : `the program fails: ${ended}`;
  return { seed, seconds, cpuSeconds, problem };
}

/** Copies what is needed of the checkout; returns where it is. */
function copyTo(folder: string): string {
  for (const room of ROOMS) copyFolder(new URL(`${room}/`, ROOT), `${folder}/${room}`);
  for (const file of FILES) Deno.copyFileSync(new URL(file, ROOT), `${folder}/${file}`);
  return folder;
}

function copyFolder(from: URL, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(new URL(`${name}/`, from), `${to}/${name}`);
    else Deno.copyFileSync(new URL(name, from), `${to}/${name}`);
  }
}
