import { assertEquals, assertThrows } from "@std/assert";
import { CompressionError } from "../../../../protocol/compression/error.ts";
import { gzip } from "../../../../protocol/compression/gzip.ts";
import { concat, hex } from "./samples.ts";

const utf8 = new TextEncoder();

Deno.test("gzip members in a row are one stream", () => {
  const two = concat(gzip.compress(utf8.encode("here and ")), gzip.compress(utf8.encode("there")));
  assertEquals(gzip.decompress(two, 14), utf8.encode("here and there"));
  assertThrows(() => gzip.decompress(two, 13), CompressionError, "must not be larger than 13");
});

Deno.test("gzip levels are heeded", () => {
  const bytes = utf8.encode("a line that comes again, with a number: 12345\n".repeat(500));
  const sizes = [0, 1, 9].map((level) => gzip.compress(bytes, level).length);
  assertEquals(sizes.toSorted((a, b) => b - a), sizes);
});

Deno.test("damaged gzip is refused", () => {
  const whole = gzip.compress(utf8.encode("some text"));
  const flipped = whole.slice();
  flipped[flipped.length - 6]! ^= 1; // in the CRC
  for (const bytes of [hex(""), hex("1f"), hex("00112233"), flipped, whole.slice(0, -1), concat(whole, [1, 2, 3, 4])]) {
    assertEquals(assertThrows(() => gzip.decompress(bytes, 100), CompressionError, "damaged").reason, "corrupt");
  }
});
