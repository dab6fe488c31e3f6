import { assertEquals } from "@std/assert";
import { commonProtocols, selectProtocol } from "../../../../../actors/group/classic/vote.ts";

const voter = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata: new Uint8Array() })) });

Deno.test("only protocols that all have are common", () => {
  assertEquals([...commonProtocols([voter("a", "b"), voter("b", "c"), voter("c", "b")])], ["b"]);
  assertEquals([...commonProtocols([voter("a"), voter("b")])], []);
});

Deno.test("the protocol with the most votes wins, each voting for its first among the common ones", () => {
  assertEquals(selectProtocol([voter("a", "b"), voter("b", "a"), voter("x", "b", "a")]), "b");
});

Deno.test("among equals the one wins that was voted for first", () => {
  assertEquals(selectProtocol([voter("b", "a"), voter("a", "b")]), "b");
  assertEquals(selectProtocol([voter("a", "b"), voter("b", "a")]), "a");
});

Deno.test("nobody votes for anything when nothing is common", () => {
  assertEquals(selectProtocol([voter("a"), voter("b")]), null);
});
