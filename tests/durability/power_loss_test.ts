/**
 * A whole broker on virtual time loses its power again and again: nothing acknowledged may be lost, by seed.
 *
 *     SAMSA_SEEDS=100000 deno test -A tests/durability/power_loss_test.ts        more seeds
 *     SAMSA_SEED=4711 deno test -A tests/durability/power_loss_test.ts           one seed, with its last steps
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { formatTrace, type TraceEvent } from "../../actors/trace.ts";
import { xxhash32 } from "../../lib/xxhash32.ts";
import { SimulatedRun } from "./simulated_run.ts";

const SEEDS = Number(Deno.env.get("SAMSA_SEEDS") ?? 1000);
const ONE_SEED = Deno.env.get("SAMSA_SEED");
const LINES_SHOWN = 200;

Deno.test(
  `no acknowledged record is lost when the power fails, ${SEEDS} seeds`,
  { ignore: ONE_SEED !== undefined },
  () => {
    const reached = new Map<string, number>();
    let acknowledged = 0;
    let powerLosses = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        const summary = new SimulatedRun(seed).run();
        acknowledged += summary.acknowledged;
        powerLosses += summary.powerLosses;
        for (const what of summary.reached) reached.set(what, (reached.get(what) ?? 0) + 1);
      } catch (error) {
        throw new Error(`Seed ${seed}: SAMSA_SEED=${seed} deno test -A tests/durability/power_loss_test.ts`, {
          cause: error,
        });
      }
    }
    console.log(`${SEEDS} seeds, ${powerLosses} losses of power, ${acknowledged} batches acknowledged;`, reached);
    assert(
      acknowledged > SEEDS * 100,
      "a broker that acknowledges nothing loses nothing: that is not what is tested here",
    );
    assertEquals(reached.size, 9, "some of what is to be tested was never reached");
  },
);

Deno.test("the same seed is the same run, to the last turn of the last actor", () => {
  const first = traced("twice");
  assertEquals(traced("twice").hash, first.hash);
  assertNotEquals(traced("another").hash, first.hash);
});

if (ONE_SEED !== undefined) {
  Deno.test(`seed ${ONE_SEED}`, () => {
    const { problem, lines } = traced(ONE_SEED);
    if (problem === undefined) return;
    console.log(lines.join("\n"));
    throw problem;
  });
}

/** A run with everything that its actors did, as one number. */
function traced(seed: string): { readonly hash: number; readonly lines: string[]; readonly problem: unknown } {
  const utf8 = new TextEncoder();
  const lines: string[] = [];
  let hash = 0;
  const trace = (event: TraceEvent) => {
    const line = formatTrace(event);
    const bytes = utf8.encode(line);
    hash = xxhash32(bytes, 0, bytes.length, hash);
    lines.push(line);
    if (lines.length > LINES_SHOWN) lines.shift();
  };
  try {
    new SimulatedRun(seed, trace).run();
    return { hash, lines, problem: undefined };
  } catch (problem) {
    return { hash, lines, problem };
  }
}
