import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "../../../lib/buffer_pool.ts";

const KIB = 1024;

Deno.test("memory that is given comes again, and those who looked at it see nothing", () => {
  const pool = new BufferPool(1 << 20);
  const first = pool.take(100 * KIB).fill(7);
  const view = first.subarray(10, 20);
  pool.give(first);
  assertEquals([first.length, view.length, pool.heldBytes], [0, 0, 100 * KIB]);
  const second = pool.take(90 * KIB);
  assertEquals([second.length, second.buffer.byteLength, pool.heldBytes], [90 * KIB, 100 * KIB, 0]);
  second.fill(8);
  assertEquals(first.length, 0);
});

Deno.test("a buffer that is much too large is not taken for a small one", () => {
  const pool = new BufferPool(1 << 20);
  pool.give(pool.take(500 * KIB));
  assertEquals(pool.take(100 * KIB).buffer.byteLength, 100 * KIB);
  assertEquals(pool.take(300 * KIB).buffer.byteLength, 500 * KIB);
});

Deno.test("no more is kept than the limit, and what is too much is let go at once", () => {
  const pool = new BufferPool(250 * KIB);
  const buffers = [1, 2, 3].map(() => pool.take(100 * KIB));
  for (const buffer of buffers) pool.give(buffer);
  assertEquals(pool.heldBytes, 200 * KIB);
  assert(buffers.every((buffer) => buffer.length === 0));
});

Deno.test("small buffers are left alone", () => {
  const pool = new BufferPool(1 << 20);
  const small = pool.take(KIB);
  pool.give(small);
  assertEquals([small.length, pool.heldBytes], [KIB, 0]);
});
