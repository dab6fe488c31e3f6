import { assertEquals } from "@std/assert";
import { xxhash32 } from "../../../lib/xxhash32.ts";

const utf8 = new TextEncoder();

Deno.test("xxhash32 gives the published values", () => {
  assertEquals(xxhash32(new Uint8Array(0)), 0x02cc5d05);
  assertEquals(xxhash32(utf8.encode("a")), 0x550d7456);
  assertEquals(xxhash32(utf8.encode("abc")), 0x32d153ff);
  assertEquals(xxhash32(utf8.encode("Nobody inspects the spammish repetition")), 0xe2293b2f);
  assertEquals(xxhash32(utf8.encode("Nobody inspects the spammish repetition, twice").subarray(0, 39)), 0xe2293b2f);
});
