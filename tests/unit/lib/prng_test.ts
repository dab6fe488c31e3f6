import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { SeededRandom } from "../../../lib/prng.ts";

Deno.test("a seed determines the stream, and each split has its own", () => {
  const draw = (random: SeededRandom) => Array.from({ length: 8 }, () => random.uint32());
  assertEquals(draw(new SeededRandom(1)), draw(new SeededRandom("1")));
  assertNotEquals(draw(new SeededRandom(1)), draw(new SeededRandom(2)));
  const parent = new SeededRandom(1);
  const early = draw(parent.split("disk"));
  parent.uint32();
  assertEquals(draw(parent.split("disk")), early);
  assertNotEquals(draw(parent.split("network")), early);
  assertNotEquals(draw(parent.split("disk").split("disk")), early);
  assertEquals(parent.bytes(13).length, 13);
});

Deno.test("draws are even and stay in range", () => {
  const random = new SeededRandom("even");
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[random.below(10)]!++;
  for (const count of counts) assert(count > 9_500 && count < 10_500, `${count} of 100,000 is far from a tenth`);
  let low = 0;
  for (let i = 0; i < 10_000; i++) if (random.below(3 * 2 ** 30) < 2 ** 30) low++; // half, if remainders were just taken
  assert(low > 3_100 && low < 3_570, `${low} of 10,000 is far from a third`);
  let hits = 0;
  for (let i = 0; i < 10_000; i++) if (random.chance(1, 4)) hits++;
  assert(hits > 2_300 && hits < 2_700, `${hits} of 10,000 is far from a quarter`);
  assertEquals(random.chance(0, 3), false);
  assertEquals(random.chance(3, 3), true);
  assertEquals(random.below(1), 0);
  assert(["a", "b"].includes(random.pick(["a", "b"])));
  const bits = random.bytes(10_000).reduce((sum, byte) => sum + byte, 0) / 10_000;
  assert(bits > 123 && bits < 132, `mean byte ${bits}`);
});
