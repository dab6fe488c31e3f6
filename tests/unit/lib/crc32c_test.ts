import { assertEquals } from "@std/assert";
import { crc32c } from "../../../lib/crc32c.ts";
import { SeededRandom } from "../../../lib/prng.ts";

const utf8 = new TextEncoder();

Deno.test("crc32c gives the check value and the vectors of RFC 3720", () => {
  assertEquals(crc32c(utf8.encode("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(0)), 0);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
});

Deno.test("crc32c agrees with a bit by bit reckoning at every length, address and split", () => {
  const random = new SeededRandom("crc32c");
  const bytes = random.bytes(3000);
  for (let i = 0; i < 500; i++) {
    const start = random.below(40);
    const end = start + random.below(bytes.length - start + 1);
    let crc = -1;
    for (let at = start; at < end; at++) {
      crc ^= bytes[at]!;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    const expected = ~crc >>> 0;
    assertEquals(crc32c(bytes, start, end), expected);
    assertEquals(crc32c(bytes.subarray(start, end)), expected);
    const middle = start + random.below(end - start + 1);
    assertEquals(crc32c(bytes, middle, end, crc32c(bytes, start, middle)), expected);
  }
});
