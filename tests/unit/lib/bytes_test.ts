import { assertEquals, assertStrictEquals } from "@std/assert";
import { concatenate } from "../../../lib/bytes.ts";

Deno.test("chunks come one after another, empty ones too", () => {
  const chunks = [[1, 2], [], [3], [4, 5, 6]].map((bytes) => new Uint8Array(bytes));
  assertEquals(concatenate(chunks), new Uint8Array([1, 2, 3, 4, 5, 6]));
  assertEquals(concatenate([]), new Uint8Array(0));
});

Deno.test("one chunk is not copied", () => {
  const chunk = new Uint8Array(3);
  assertStrictEquals(concatenate([chunk]), chunk);
});
