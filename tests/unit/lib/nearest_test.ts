import { assertEquals } from "@std/assert";
import { nearest } from "../../../lib/nearest.ts";

Deno.test("the known word that begins so, or has the fewest other letters", () => {
  const known = ["port", "http-port", "node-port", "config"];
  assertEquals(nearest("conf", known), "config");
  assertEquals(nearest("prot", known), "port");
  assertEquals(nearest("httpport", known), "http-port");
  assertEquals(nearest("notport", ["not-port", "node-port"]), "not-port");
});

Deno.test("nothing where more would have to be changed than three letters, or than half of them", () => {
  assertEquals(nearest("abcdefgh", ["abcdwxyz"]), undefined);
  assertEquals(nearest("ab", ["xy"]), undefined);
  assertEquals(nearest("a", ["ab"]), undefined, "one letter begins too much");
  assertEquals(nearest("", ["a"]), undefined);
});
