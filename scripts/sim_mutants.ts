/**
 * Takes one guard at a time out of a copy of the code, and sees whether the simulator notices.
 *
 *     deno task sim:mutants                         all of them, each until its first failing seed
 *     deno task sim:mutants --only no-elr --seeds 1000
 *
 * @module
 */
import { fail, readOptions } from "../server/command.ts";
import { integer, text, toggle } from "../server/flags.ts";
import { type Mutant, MUTANTS, mutate } from "../tests/sim/mutants.ts";

const SUMMARY = `Takes one guard at a time out of a copy of the code, and lets the simulator look for it.

A mutant that no seed kills is a guard that nobody tests. Exits with 1 if there is one, or one that does not fit the code.`;

const FLAGS = {
  only: text({ help: "Only these mutants, with commas", placeholder: "LIST" }),
  seeds: integer({ help: "Seeds that each mutant may survive", min: 1, max: 1_000_000, default: 200 }),
  minutes: integer({ help: "And how long it may take", min: 1, max: 600, default: 4 }),
  jobs: integer({ help: "Mutants at the same time", min: 1, max: 64, default: 2 }),
  list: toggle({ help: "Say which there are, and whether they fit the code" }),
};

/** What is not needed to run the simulator, and large. */
const LEFT_OUT = new Set([".git", ".cache", "node_modules", "coverage", "samsa-data", "docs"]);

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = readOptions("deno task sim:mutants", SUMMARY, FLAGS, Deno.args);
  const mutants = chosen(options.only);
  const root = new URL("../", import.meta.url).pathname;
  if (options.list) {
    for (const mutant of mutants) {
      console.log(`${fits(root, mutant) ? "" : "DOES NOT FIT  "}${mutant.name}: ${mutant.guard}`);
    }
    return;
  }
  const queue = [...mutants];
  let killed = 0;
  const dir = await Deno.makeTempDir({ prefix: "samsa-mutants-" });
  try {
    await Promise.all(Array.from({ length: options.jobs }, async (_, job) => {
      const copy = `${dir}/${job}`;
      await copyTree(root, copy);
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const verdict = await hunt(copy, mutant, options.seeds, options.minutes);
        if (verdict.isKilled) killed++;
        console.log(`${verdict.isKilled ? "killed  " : "SURVIVED"}  ${mutant.name.padEnd(26)} ${verdict.what}`);
      }
    }));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  console.log(`${killed} passed, ${mutants.length - killed} failed: mutants that were killed, and that survived`);
  if (killed < mutants.length) Deno.exit(1);
}

function chosen(list: string | undefined): readonly Mutant[] {
  if (list === undefined) return MUTANTS;
  return list.split(",").map((name) => {
    const found = MUTANTS.find((mutant) => mutant.name === name.trim());
    return found ?? fail(`There is no mutant ${name}: there are ${MUTANTS.map((mutant) => mutant.name).join(", ")}.`);
  });
}

function fits(root: string, mutant: Mutant): boolean {
  return mutate(Deno.readTextFileSync(`${root}/${mutant.file}`), mutant) !== undefined;
}

/** Runs seeds against one mutant until one fails. */
async function hunt(
  root: string,
  mutant: Mutant,
  seeds: number,
  minutes: number,
): Promise<{ readonly isKilled: boolean; readonly what: string }> {
  const path = `${root}/${mutant.file}`;
  const sound = await Deno.readTextFile(path);
  const changed = mutate(sound, mutant);
  if (changed === undefined) return { isKilled: false, what: `does not fit ${mutant.file} any more` };
  await Deno.writeTextFile(path, changed);
  const startedMs = performance.now();
  try {
    const args = ["run", "--no-check", "--no-prompt", "scripts/sim.ts", "--seeds", String(seeds), "--keep", "0"];
    const signal = AbortSignal.timeout(minutes * 60_000);
    const command = new Deno.Command(Deno.execPath(), { args, cwd: root, signal, stdout: "piped", stderr: "piped" });
    const { stdout, stderr } = await command.output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    const at = lines.findIndex((line) => /^seed \d+ FAILED/.test(line));
    if (at >= 0) {
      const [, seed] = /^seed (\d+)/.exec(lines[at]!)!;
      return { isKilled: true, what: `seed ${seed}, ${seconds} s:${lines[at + 1]!.slice(0, 160)}` };
    }
    const ran = lines.filter((line) => /^seed \d+ ok/.test(line)).length;
    if (ran === 0) return { isKilled: false, what: `does not run: ${new TextDecoder().decode(stderr).slice(0, 300)}` };
    return { isKilled: false, what: `${ran} seeds, ${seconds} s: ${mutant.guard}` };
  } finally {
    await Deno.writeTextFile(path, sound);
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (LEFT_OUT.has(name)) continue;
    if (isDirectory) await copyTree(`${from}/${name}`, `${to}/${name}`);
    else if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
