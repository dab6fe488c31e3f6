import { assert, assertEquals } from "@std/assert";
import { collisionKey, refuseTopicCollision, refuseTopicName } from "../../../protocol/topic_names.ts";

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
  assertEquals(refuseTopicCollision("a.b", ["a-b", "a.b"]), null);
  assert(refuseTopicCollision("a.b", ["x", "a_b"])?.includes(`existing topic "a_b"`));
  assertEquals(collisionKey("a.b.c"), collisionKey("a_b.c"));
});
