import { assertEquals, assertThrows } from "@std/assert";
import { xxhash32 } from "../../../../lib/xxhash32.ts";
import { CompressionError } from "../../../../protocol/compression/error.ts";
import { lz4 } from "../../../../protocol/compression/lz4.ts";
import { concat, hex } from "./samples.ts";

const utf8 = new TextEncoder();
const END = "00000000";

/** A frame: its flags and block size (and content size), the header's checksum, and what follows. */
function frame(header: string, rest: string): Uint8Array {
  const bytes = hex(header);
  return concat(hex("04224d18"), bytes, [xxhash32(bytes) >>> 8], hex(rest));
}

function word(value: number): string {
  return [0, 8, 16, 24].map((shift) => ((value >>> shift) & 0xff).toString(16).padStart(2, "0")).join("");
}

Deno.test("every part of a frame is read and every checksum is checked", () => {
  const raw = "03000080 616263";
  const block = "0a000000 12 61 0100 50 6162636465"; // "a", six times more, then five literals
  const abc = word(xxhash32(utf8.encode("abc")));
  const packed = word(xxhash32(hex("12 61 0100 50 6162636465")));
  const cases: [Uint8Array, string][] = [
    [frame("6040", END), ""],
    [frame("6040", raw + END), "abc"],
    [frame("6070", raw + raw + END), "abcabc"],
    [frame("6050", block + END), "aaaaaaaabcde"],
    [frame("6840 0300000000000000", raw + END), "abc"],
    [frame("6440", raw + END + abc), "abc"],
    [frame("7040", raw + abc + END), "abc"],
    [
      frame("7440", block + packed + END + word(xxhash32(utf8.encode("aaaaaaaabcde")))),
      "aaaaaaaabcde",
    ],
  ];
  for (const [bytes, text] of cases) assertEquals(lz4.decompress(bytes, 100), utf8.encode(text));
});

Deno.test("what is not an LZ4 frame as Kafka has it is refused with a sentence", () => {
  const raw = "03000080 616263";
  const cases: [Uint8Array, string, CompressionError["reason"]][] = [
    [hex(""), "cut off", "corrupt"],
    [hex("04224d18 60"), "cut off", "corrupt"],
    [hex("1f8b0800 00000000"), "its magic is 88b1f", "corrupt"],
    [frame("4040", raw + END), "depend on each other", "unsupported"],
    [frame("6140 00000000", raw + END), "dictionary", "unsupported"],
    [frame("a040", raw + END), "version 2", "corrupt"],
    [frame("6240", raw + END), "no meaning", "corrupt"],
    [frame("6030", raw + END), "no meaning", "corrupt"],
    [frame("60c0", raw + END), "no meaning", "corrupt"],
    [hex("04224d18 6040 00" + raw + END), "header does not match", "corrupt"],
    [frame("6840 03000000", ""), "cut off", "corrupt"],
    [frame("6040", raw), "cut off", "corrupt"],
    [frame("6040", "03000080 6162"), "cut off", "corrupt"],
    [frame("6040", "01000180 61"), "block has 65537 bytes", "corrupt"],
    [frame("6040", raw + END + "01"), "1 bytes follow", "corrupt"],
    [frame("6440", raw + END + "00000000"), "does not match its checksum", "corrupt"],
    [frame("6440", raw + END), "cut off", "corrupt"],
    [frame("7040", raw + "00000000" + END), "block does not match", "corrupt"],
    [frame("6840 0400000000000000", raw + END), "promises 4 bytes, but gives 3", "corrupt"],
    [frame("6840 0000000001000000", raw + END), "must not be larger than 100", "too large"],
    [frame("6040", "03000000 306162" + END), "cut off within its literals", "corrupt"],
    [frame("6040", "03000000 106100" + END), "cut off within a match", "corrupt"],
    [frame("6040", "04000000 10610100" + END), "ends with a match", "corrupt"],
    [frame("6040", "04000000 10610200" + END), "2 bytes back, but only 1", "corrupt"],
    [frame("6040", "04000000 10610000" + END), "0 bytes back", "corrupt"],
    // A match must not reach into the block before, though its bytes are there.
    [frame("6040", raw + "06000000 106104001061" + END), "4 bytes back, but only 1", "corrupt"],
  ];
  for (const [bytes, sentence, reason] of cases) {
    assertEquals(assertThrows(() => lz4.decompress(bytes, 100), CompressionError, sentence).reason, reason, sentence);
  }
});

Deno.test("a block that expands beyond the frame's block size is refused, though the limit would allow it", () => {
  const runs = "ff".repeat(300); // 76,500 times "a"
  const size = word(4 + 300 + 1 + 2);
  const block = `${size} 1f 61 0100 ${runs} 00 10 61`;
  assertThrows(() => lz4.decompress(frame("6040", block + END), 1e6), CompressionError, "more than 65536");
  assertEquals(lz4.decompress(frame("6050", block + END), 1e6).length, 1 + 300 * 255 + 19 + 1);
});
