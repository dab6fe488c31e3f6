import { assert, assertEquals, assertThrows } from "@std/assert";
import { MUTANTS, type Patch, patched, patchesOf } from "../../sim/mutants.ts";

const ROOT = new URL("../../../", import.meta.url);

for (const mutant of MUTANTS) {
  Deno.test(`the mutant ${mutant.name} can be made of the code as it is`, () => {
    const texts = new Map<string, string>();
    for (const patch of patchesOf(mutant)) {
      const before = texts.get(patch.file) ?? Deno.readTextFileSync(new URL(patch.file, ROOT));
      const after = patched(before, patch);
      assert(after !== before, `${patch.file} is not changed`);
      texts.set(patch.file, after);
    }
    for (const sentence of [mutant.guard, mutant.survives ?? mutant.guard]) {
      assert(/^[A-Z].*\.$/.test(sentence), sentence);
    }
  });
}

Deno.test("mutants have names of their own, and there are enough", () => {
  assertEquals(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  assert(MUTANTS.filter(({ survives }) => survives === undefined).length >= 40);
});

Deno.test("a patch whose place is not there, or there twice, is refused", () => {
  const patch: Patch = { file: "f", from: "a", to: "b" };
  assertEquals(patched("xax", patch), "xbx");
  assertThrows(() => patched("x", patch), Error, "is not there");
  assertThrows(() => patched("aa", patch), Error, "is there more than once");
});
