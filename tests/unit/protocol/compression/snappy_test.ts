import { assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../../lib/prng.ts";
import { CompressionError } from "../../../../protocol/compression/error.ts";
import { snappy } from "../../../../protocol/compression/snappy.ts";
import { concat, hex, sample } from "./samples.ts";

const utf8 = new TextEncoder();
const XERIAL = "82534e4150505900 00000001 00000001";

Deno.test("every kind of element is read", () => {
  const cases: [string, string][] = [
    ["00", ""],
    ["03 08 616263", "abc"],
    ["03 f0 02 616263", "abc"], // literal, length in 1, 2, 3 and 4 bytes
    ["03 f4 0200 616263", "abc"],
    ["03 f8 020000 616263", "abc"],
    ["03 fc 02000000 616263", "abc"],
    ["0a 08 616263 0d 03", "abcabcabca"], // copy of 7 from 3 back, one byte of distance
    ["0a 08 616263 1a 0300", "abcabcabca"], // two bytes
    ["0a 08 616263 1b 03000000", "abcabcabca"], // four bytes
    ["05 00 61 01 01", "aaaaa"],
  ];
  for (const [digits, text] of cases) assertEquals(snappy.decompress(hex(digits), 100), utf8.encode(text), digits);
});

Deno.test("xerial's framing is read: no block, one, many", () => {
  assertEquals(snappy.decompress(hex(XERIAL), 0).length, 0);
  const random = new SeededRandom("xerial");
  for (let i = 0; i < 20; i++) {
    const parts = Array.from({ length: 1 + random.below(4) }, () => sample(random));
    const blocks = parts.map((part) => snappy.compress(part));
    const framed = concat(hex(XERIAL), ...blocks.flatMap((block) => [sizeOf(block), block]));
    const whole = concat(...parts);
    assertEquals(snappy.decompress(framed, whole.length), whole);
    if (whole.length === 0) continue;
    const thrown = assertThrows(() => snappy.decompress(framed, whole.length - 1), CompressionError);
    assertEquals(thrown.reason, "too large");
  }
});

function sizeOf({ length }: Uint8Array): number[] {
  return [length >>> 24, length >>> 16, length >>> 8, length];
}

Deno.test("damaged snappy is refused with a sentence", () => {
  const cases: [string, string][] = [
    ["", "does not begin with a size"],
    ["ffffffffff", "does not begin with a size"],
    ["03 08 6162", "cut off within an element"],
    ["03 f0", "cut off within an element"],
    ["03 fc 020000", "cut off within an element"],
    ["04 00 61 0e", "cut off within an element"],
    ["02 08 616263", "promises 2 bytes, but gives more"],
    ["04 08 616263", "promises 4 bytes, but gives 3"],
    ["09 08 616263 0d 03", "promises 9 bytes, but gives more"],
    ["0a 08 616263 0d 04", "from 4 bytes back, but only 3"],
    ["0a 08 616263 0d 00", "from 0 bytes back"],
    ["7f 08 616263", "cannot expand to the 127"],
    [XERIAL + "000000", "cut off in the size"],
    [XERIAL + "00000005 08616263", "says it has 5 bytes, but 4 are left"],
    [XERIAL + "ffffffff 0308616263", "says it has -1 bytes"],
    [XERIAL + "00000000", "says it has 0 bytes"],
    [XERIAL + "00000005 0308616263 00000004 020d0300", "from 3 bytes back, but only 0"], // not into the block before
  ];
  for (const [digits, sentence] of cases) {
    const thrown = assertThrows(() => snappy.decompress(hex(digits), 200), CompressionError, sentence);
    assertEquals(thrown.reason, "corrupt");
  }
});
