/**
 * A few short seeds in the normal test run, and the promise on which the simulator rests: the same seed is the same run.
 *
 * Longer runs: `deno task sim -- --seeds 1000 --jobs 2`.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { replayCommand, shrink } from "./shrink.ts";
import { type RunOptions, type RunResult, simulate } from "./simulation.ts";

const SEEDS = 25;
const SECONDS = 15;

for (let seed = 1; seed <= SEEDS; seed++) {
  Deno.test(`seed ${seed}, ${SECONDS} s of faults`, () => {
    const options = { seed, seconds: SECONDS };
    const { problems } = simulate(options);
    assertEquals(problems, [], `run it again: ${replayCommand(options)}`);
  });
}

for (const [feature, seed, what] of [["raised-min-isr", 11, "ISR"], ["lowered-min-isr", 3, "leader"]] as const) {
  Deno.test(`seed ${seed} with ${feature} alone comes to the moment in which there is another ${what}`, () => {
    const options = { seed, seconds: 30, only: new Set([feature]) };
    const { problems, counts } = simulate(options);
    assertEquals(problems, [], `run it again: ${replayCommand(options)}`);
    assert((counts[`${feature}, and another ${what}`] ?? 0) > 0);
  });
}

Deno.test("the same seed is the same run, here and in another process", async () => {
  const options = { seed: 7, seconds: 10 };
  const first = simulate(options);
  const second = simulate(options);
  assertEquals([second.hash, second.events], [first.hash, first.events]);
  assertNotEquals(simulate({ ...options, seed: 8 }).hash, first.hash);
  assertEquals(await elsewhere(["--seed", "7", "--ticks", "10"]), first.hash);
});

Deno.test("looking at a run does not change it", () => {
  const options = { seed: 3, seconds: 5 };
  const lines: string[] = [];
  const seen = simulate({ ...options, line: (line) => lines.push(line), keep: 5 });
  assertEquals(seen.hash, simulate(options).hash);
  assertEquals(lines.length, seen.events);
  assert([...seen.last.values()].every((kept) => kept.length <= 5));
});

Deno.test("shrinking finds the shortest run, the fewest nodes and the fewest features that fail", () => {
  const told: string[] = [];
  const run = (options: RunOptions): RunResult => {
    const { seconds = 45, nodes = 5, without = new Set() } = options;
    const fails = seconds >= 12 && nodes >= 3 && !without.has("kill") && !without.has("drift");
    const features = new Set(["kill", "drift", "power", "cut", "slow"].filter((name) => !without.has(name)));
    const swarm = { nodes, stormMs: seconds * 1_000, features };
    return { seed: 1, problems: fails ? ["it fails"] : [], events: 1, swarm } as unknown as RunResult;
  };
  const { options } = shrink({ seed: 1 }, run, (sentence) => told.push(sentence));
  assertEquals([options.seconds, options.nodes], [12, 3]);
  assertEquals([...options.without!].sort(), ["cut", "power", "slow"]);
  assertEquals(
    replayCommand(options),
    `deno task sim -- --seed 1 --nodes 3 --ticks 12 --without ${[...options.without!].join(",")}`,
  );
  assert(told.length > 3);
});

/** The hash of a run in a process of its own, with no permission. */
async function elsewhere(args: readonly string[]): Promise<string | undefined> {
  const script = fromFileUrl(import.meta.resolve("../../scripts/sim.ts"));
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "--no-check", script, ...args] });
  const { stdout } = await command.output();
  return /hash ([0-9a-f]{16})/.exec(new TextDecoder().decode(stdout))?.[1];
}
