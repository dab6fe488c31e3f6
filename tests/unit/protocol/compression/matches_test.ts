import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../../../../lib/prng.ts";
import { BLOCK_BYTES, copyLiterals, copyMatch, findMatches } from "../../../../protocol/compression/matches.ts";
import { sample } from "./samples.ts";

Deno.test("matches and the literals between them rebuild the block, within LZ4's margins", () => {
  const random = new SeededRandom("matches");
  for (let i = 0; i < 150; i++) {
    const bytes = sample(random);
    const start = random.below(Math.min(bytes.length, 100) + 1);
    const end = Math.min(bytes.length, start + BLOCK_BYTES);
    const rebuilt = new Uint8Array(bytes.length);
    rebuilt.set(bytes.subarray(0, start)); // what lies before must not be used
    let at = start;
    const literals = (from: number, to: number) => {
      assertEquals(from, at);
      copyLiterals(bytes, from, to - from, rebuilt, at);
      at = to;
    };
    const rest = findMatches(bytes, start, end, {
      match(_bytes, from, to, distance, length) {
        literals(from, to);
        assert(length >= 4 && distance >= 1 && distance <= 65_535 && to - distance >= start);
        assert(to <= end - 12 && to + length <= end - 5);
        copyMatch(rebuilt, at, distance, length);
        at += length;
      },
    });
    literals(rest, end);
    assertEquals(rebuilt.subarray(start, end), bytes.subarray(start, end));
  }
});

Deno.test("a copy that overlaps itself repeats its pattern, at every distance and length", () => {
  for (const distance of [1, 2, 3, 7, 48, 49, 60]) {
    for (const length of [1, 4, 48, 49, 60, 61, 200]) {
      const out = new Uint8Array(300).map((_, at) => at < 60 ? at : 0);
      copyMatch(out, 60, distance, length);
      for (let i = 0; i < length; i++) assertEquals(out[60 + i], 60 - distance + (i % distance));
      assertEquals(out[60 + length], 0);
    }
  }
});
