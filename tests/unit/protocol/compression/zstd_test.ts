import { assertEquals, assertThrows } from "@std/assert";
import { CompressionError } from "../../../../protocol/compression/error.ts";
import { zstd } from "../../../../protocol/compression/zstd.ts";
import { concat, hex } from "./samples.ts";

const utf8 = new TextEncoder();
const here = zstd.compress(utf8.encode("here and "));
const there = zstd.compress(utf8.encode("there"));
const skippable = hex("5a2a4d18 03000000 090909");

Deno.test("zstd frames in a row are one stream; skippable ones hold nothing", () => {
  for (const frames of [[here, there], [skippable, here, skippable, there, skippable]]) {
    assertEquals(zstd.decompress(concat(...frames), 14), utf8.encode("here and there"));
    assertThrows(() => zstd.decompress(concat(...frames), 13), CompressionError, "must not be larger");
  }
  assertEquals(zstd.decompress(skippable, 0).length, 0);
});

Deno.test("a raw frame by hand opens: single segment, with and without content size", () => {
  assertEquals(zstd.decompress(hex("28b52ffd 20 03 190000 616263"), 3), utf8.encode("abc"));
  assertEquals(zstd.decompress(hex("28b52ffd 00 00 190000 616263"), 3), utf8.encode("abc"));
});

Deno.test("zstd that is cut off anywhere, or says what is not so, is refused", () => {
  const text = utf8.encode("some text, some more text, and some text again");
  const whole = zstd.compress(text);
  for (let end = 0; end < whole.length; end++) {
    const thrown = assertThrows(() => zstd.decompress(whole.subarray(0, end), 100), CompressionError);
    assertEquals(thrown.reason, "corrupt");
  }
  const damaged: [string, string][] = [
    ["28b52ffd 20 04 190000 616263", "corrupt"], // promises 4 bytes, gives 3
    ["28b52ffd 20 00 190000 616263", "corrupt"], // promises none
    ["28b52ffd 20 03 190000 616263 01", "corrupt"], // trailing byte
    ["28b52ffd 20 03 1f0000 616263", "corrupt"], // block of the reserved kind
    ["28b52ffd 24 03 190000 616263 00000000", "corrupt"], // wrong checksum
    ["28b52ffd 21 07 03 190000 616263", "unsupported"], // dictionary 7
    ["1f8b0800", "corrupt"], // gzip
  ];
  for (const [digits, reason] of damaged) {
    assertEquals(assertThrows(() => zstd.decompress(hex(digits), 100), CompressionError).reason, reason, digits);
  }
});

Deno.test("more frames than anyone writes are refused", () => {
  const frames = (count: number) => concat(...Array.from({ length: count }, () => there));
  assertEquals(zstd.decompress(frames(1000), 5000).length, 5000);
  assertEquals(assertThrows(() => zstd.decompress(frames(1001), 9999), CompressionError).reason, "unsupported");
});
