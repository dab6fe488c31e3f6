import { assertThrows } from "@std/assert";
import { assert, AssertionError } from "../../../lib/assert.ts";

Deno.test("an assertion passes what holds and throws its message for what does not", () => {
  assert(1, "holds");
  assertThrows(() => assert(0, "the log end must not move back"), AssertionError, "the log end must not move back");
});
