import { assert, assertEquals } from "@std/assert";
import { Heap } from "../../../lib/heap.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { Ring } from "../../../lib/ring.ts";

Deno.test("a ring is a queue, however it grows and turns", () => {
  const random = new SeededRandom("ring");
  const ring = new Ring<number>();
  const model: number[] = [];
  for (let round = 0; round < 20_000; round++) {
    if (random.chance(round % 4_000 < 2_000 ? 3 : 1, 4)) {
      ring.push(round);
      model.push(round);
    } else {
      assertEquals(ring.peek(), model[0]);
      assertEquals(ring.shift(), model.shift());
    }
    assertEquals(ring.length, model.length);
  }
  assertEquals([...ring], model);
  ring.clear();
  assertEquals([ring.length, ring.shift(), ring.peek()], [0, undefined, undefined]);
});

Deno.test("a heap gives its least first, and any of its items back", () => {
  const random = new SeededRandom("heap");
  const heap = new Heap<{ key: number; heapIndex: number }>((a, b) => a.key < b.key);
  let model: { key: number; heapIndex: number }[] = [];
  for (let round = 0; round < 5_000; round++) {
    const choice = random.below(4);
    if (choice < 2) {
      const item = { key: random.below(1_000), heapIndex: -1 };
      heap.push(item);
      model.push(item);
    } else if (choice === 2 && model.length > 0) {
      const item = random.pick(model);
      assert(heap.remove(item));
      assert(!heap.remove(item));
      assertEquals(item.heapIndex, -1);
      model = model.filter((other) => other !== item);
    } else {
      const least = heap.pop();
      assertEquals(least?.key, model.length === 0 ? undefined : Math.min(...model.map(({ key }) => key)));
      model = model.filter((other) => other !== least);
    }
    assertEquals(heap.length, model.length);
  }
  heap.clear();
  assert(model.every(({ heapIndex }) => heapIndex === -1));
});
