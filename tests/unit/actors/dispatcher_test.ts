import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { SystemOptions } from "../../../actors/system.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { stage } from "./fixtures.ts";

const NAMES = ["a", "b", "c", "d"];

/** What four actors write down, in whatever order they get their turns. */
function turns(options: Partial<SystemOptions>): string[] {
  const { env, system, spawn } = stage({}, options);
  const diary: string[] = [];
  const refs = NAMES.map((name) => spawn(name, { diary }));
  env.advance(0);
  diary.length = 0;
  for (const [at, ref] of refs.entries()) {
    for (let number = 1; number <= 3; number++) system.tell(ref, "note", `${NAMES[at]}${number}`);
  }
  env.advance(0);
  return diary;
}

Deno.test("without chance, who came first goes first and stays for a while", () => {
  assertEquals(turns({}), NAMES.flatMap((name) => [1, 2, 3].map((number) => `${name}${number}`)));
});

Deno.test("with chance, turns come in a drawn order; what one actor has keeps its own", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const diary = turns({ order: new SeededRandom(seed) });
    for (const name of NAMES) {
      assertEquals(
        diary.filter((note) => note.startsWith(name)),
        [1, 2, 3].map((n) => name + n),
      );
    }
    seen.add(diary[0]!);
  }
  assertEquals([...seen].sort(), NAMES.map((name) => `${name}1`), "everybody may be first");
});

Deno.test("the same chance is the same order", () => {
  const order = (seed: number) => turns({ order: new SeededRandom(seed) });
  assertEquals(order(1), order(1));
  assertNotEquals(order(1), order(2));
  assert(order(1).some((note, at) => at > 0 && note[0] !== order(1)[at - 1]![0] && note[1] !== "1"), "one turn each");
});
