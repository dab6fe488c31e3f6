import { assert, assertEquals, assertLess, assertStrictEquals, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { SeededRandom } from "../../../../lib/prng.ts";
import { xxhash32 } from "../../../../lib/xxhash32.ts";
import { codecById, codecByName } from "../../../../protocol/compression/codec.ts";
import { CompressionError } from "../../../../protocol/compression/error.ts";
import { concat, damage, sample } from "./samples.ts";

const NAMES = ["gzip", "snappy", "lz4", "zstd"] as const;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

Deno.test("codecs are found by Kafka's numbers and names", () => {
  assertEquals([0, 1, 2, 3, 4, 5, 6, 7].map((id) => codecById(id)?.name), [
    "none",
    "gzip",
    "snappy",
    "lz4",
    "zstd",
    undefined,
    undefined,
    undefined,
  ]);
  for (const name of ["none", ...NAMES] as const) {
    assertStrictEquals(codecByName(name), codecById(codecByName(name).id));
  }
  assertEquals(codecByName("uncompressed")?.id, 0);
  assertEquals(codecByName("producer"), undefined);
  const bytes = new Uint8Array(3);
  assertStrictEquals(codecByName("none").compress(bytes), bytes);
  assertStrictEquals(codecByName("none").decompress(bytes, 0), bytes);
});

for (const name of NAMES) {
  const codec = codecByName(name);

  Deno.test(`${name} gives back what it was given, at a limit of exactly that size and not at one less`, () => {
    const random = new SeededRandom(name);
    for (let i = 0; i < 120; i++) {
      const bytes = sample(random);
      const compressed = codec.compress(bytes);
      assertEquals(codec.decompress(compressed, bytes.length), bytes);
      assertEquals(codec.decompress(compressed, GIB), bytes);
      if (bytes.length === 0) continue;
      const thrown = assertThrows(() => codec.decompress(compressed, bytes.length - 1), CompressionError);
      assertEquals(thrown.reason, "too large");
    }
  });

  Deno.test(`${name} makes what repeats much smaller and noise hardly larger`, () => {
    const random = new SeededRandom(name);
    assertLess(codec.compress(new Uint8Array(MIB)).length, MIB / 20);
    assertLess(codec.compress(random.bytes(MIB)).length, MIB * 1.001 + 64);
  });

  Deno.test(`${name} answers damage with the right bytes or a CompressionError, and never passes its limit`, () => {
    const random = new SeededRandom(`damage ${name}`);
    let refused = 0;
    for (let i = 0; i < 5_000; i++) {
      const compressed = codec.compress(sample(random, random.below(400)));
      const bytes = random.chance(1, 20) ? random.bytes(random.below(60)) : damage(random, compressed);
      try {
        assert(codec.decompress(bytes, 2_000).length <= 2_000);
      } catch (error) {
        if (!(error instanceof CompressionError)) throw error;
        refused++;
      }
    }
    assert(refused > 1_000, `only ${refused} of 5,000 were refused`);
  });
}

/** LZ4: blocks of 4 MiB each, made of one byte that repeats. */
function lz4Bomb(blocks: number): Uint8Array {
  const header = [0x60, 0x70];
  const runs = new Uint8Array(Math.floor((4 * MIB - 19 - 6) / 255)).fill(255);
  const block = concat([0x1f, 0x61, 1, 0], runs, [0, 0x50, 1, 2, 3, 4, 5]);
  const size = [block.length, block.length >>> 8, block.length >>> 16, 0];
  const frame = [[0x04, 0x22, 0x4d, 0x18], header, [xxhash32(new Uint8Array(header)) >>> 8]];
  return concat(...frame, ...Array.from({ length: blocks }, () => [size, block]).flat(), [0, 0, 0, 0]);
}

/** zstd: blocks of 128 KiB each, four bytes long ("this byte, so many times"). */
function zstdBomb(blocks: number, header: readonly number[]): Uint8Array {
  const block = (isLast: number) => {
    const word = ((128 * 1024) << 3) | 2 | isLast;
    return [word & 0xff, (word >>> 8) & 0xff, word >>> 16, 0x61];
  };
  return concat([0x28, 0xb5, 0x2f, 0xfd], header, ...Array.from({ length: blocks - 1 }, () => block(0)), block(1));
}

const snappyOf = (...bytes: number[]) => concat(bytes, new Uint8Array(1024));

Deno.test("a bomb of 1 GiB is refused within bounded memory", async (t) => {
  const member = gzipSync(new Uint8Array(16 * MIB), { level: 9 });
  const lz4Claim = [0x68, 0x70, 0, 0, 0, 0x40, 0, 0, 0, 0];
  const bombs: [string, (typeof NAMES)[number], Uint8Array][] = [
    ["64 gzip members", "gzip", concat(...Array.from({ length: 64 }, () => member))],
    ["zstd blocks of run length", "zstd", zstdBomb(8192, [0x00, 0x58])],
    ["zstd that says so", "zstd", zstdBomb(8192, [0x80, 0x58, 0, 0, 0, 0x40])],
    ["lz4 blocks", "lz4", lz4Bomb(256)],
    [
      "lz4 that says so",
      "lz4",
      concat([4, 0x22, 0x4d, 0x18], lz4Claim, [xxhash32(new Uint8Array(lz4Claim)) >>> 8], [0]),
    ],
    ["snappy that says so", "snappy", snappyOf(0x80, 0x80, 0x80, 0x80, 0x04)],
    ["snappy that says 4 GiB", "snappy", snappyOf(0xff, 0xff, 0xff, 0xff, 0x0f)],
  ];
  for (const [title, name, bomb] of bombs) {
    await t.step(title, () => {
      for (const limit of [1024, MIB, 8 * MIB]) {
        const before = Deno.memoryUsage();
        const thrown = assertThrows(() => codecByName(name).decompress(bomb, limit), CompressionError);
        const after = Deno.memoryUsage();
        assertEquals(thrown.reason, "too large");
        assertLess(after.external - before.external, 4 * limit + 4 * MIB);
        assertLess(after.rss - before.rss, 4 * limit + 32 * MIB);
      }
    });
  }
  await t.step("snappy that cannot be as large as it says is refused before it is allocated", () => {
    const before = Deno.memoryUsage();
    const claim = snappyOf(0x80, 0x80, 0x80, 0x80, 0x04);
    const thrown = assertThrows(() => codecByName("snappy").decompress(claim, 2 * GIB), CompressionError);
    assertEquals(thrown.reason, "corrupt");
    assertLess(Deno.memoryUsage().external - before.external, MIB);
  });
});

Deno.test("the bombs are real: with room enough their first part opens", () => {
  assertEquals(codecByName("lz4").decompress(lz4Bomb(2), 8 * MIB).length > 7 * MIB, true);
  assertEquals(codecByName("zstd").decompress(zstdBomb(16, [0x00, 0x58]), 2 * MIB).length, 2 * MIB);
});
