import { assertEquals } from "@std/assert";
import { murmur2, partitionForKey } from "../../../lib/murmur2.ts";

const utf8 = new TextEncoder();

Deno.test("murmur2 gives the values that Kafka's own tests name", () => {
  const vectors: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of vectors) assertEquals(murmur2(utf8.encode(key)), hash);
  assertEquals(partitionForKey(utf8.encode("21"), 7), (-973932308 & 0x7fffffff) % 7);
});
