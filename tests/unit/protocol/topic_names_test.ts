import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { collisionKey, refuseTopicName } from "../../../protocol/topic_names.ts";

Deno.test("names that Kafka allows", () => {
  for (const name of ["a", "orders.v1", "A_b-9", "...", "__consumer_offsets", "x".repeat(249)]) {
    assertEquals(refuseTopicName(name), null);
  }
});

Deno.test("every refusal says what is wrong", () => {
  const refusals: [string, string][] = [
    ["", "empty"],
    [".", `"." or ".."`],
    ["..", `"." or ".."`],
    ["x".repeat(250), "250 characters"],
    ["a b", `"a b" contains`],
    ["a/b", "contains"],
    ["größe", "contains"],
    ["a\n", "contains"],
  ];
  for (const [name, words] of refusals) assert(refuseTopicName(name)?.includes(words), name);
});

Deno.test("dots and underscores collide", () => {
  assertEquals(collisionKey("a.b.c"), collisionKey("a_b.c"));
  assertNotEquals(collisionKey("a.b"), collisionKey("a-b"));
});
