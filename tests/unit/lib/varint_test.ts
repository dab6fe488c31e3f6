import { assertEquals, assertThrows } from "@std/assert";
import {
  readSafeVarlong,
  readUnsignedVarint,
  readVarint,
  readVarlong,
  sizeOfSafeVarlong,
  sizeOfUnsignedVarint,
  sizeOfVarint,
  sizeOfVarlong,
  VarintError,
  writeSafeVarlong,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from "../../../lib/varint.ts";
import { SeededRandom } from "../../../lib/prng.ts";

function cursor(...bytes: number[]) {
  return { bytes: new Uint8Array(bytes), at: 0, end: bytes.length };
}

Deno.test("an unsigned varint is little-endian base 128", () => {
  const vectors: [number, number[]][] = [
    [0, [0]],
    [1, [1]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [300, [0xac, 2]],
    [0xffffffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ];
  for (const [value, bytes] of vectors) {
    const written = new Uint8Array(5);
    assertEquals([...written.subarray(0, writeUnsignedVarint(written, 0, value))], bytes);
    assertEquals(sizeOfUnsignedVarint(value), bytes.length);
    const from = cursor(...bytes);
    assertEquals(readUnsignedVarint(from), value);
    assertEquals(from.at, bytes.length);
  }
});

Deno.test("a varint is zigzag", () => {
  const vectors: [number, number[]][] = [
    [0, [0]],
    [-1, [1]],
    [1, [2]],
    [63, [0x7e]],
    [-64, [0x7f]],
    [64, [0x80, 1]],
    [2147483647, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
    [-2147483648, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ];
  for (const [value, bytes] of vectors) {
    const written = new Uint8Array(5);
    assertEquals([...written.subarray(0, writeVarint(written, 0, value))], bytes);
    assertEquals(sizeOfVarint(value), bytes.length);
    assertEquals(readVarint(cursor(...bytes)), value);
  }
});

Deno.test("a varlong reaches from the smallest int64 to the largest", () => {
  const ff = Array(9).fill(0xff);
  for (const [value, bytes] of [[2n ** 63n - 1n, [0xfe, ...ff.slice(1), 1]], [-(2n ** 63n), [...ff, 1]]] as const) {
    const written = new Uint8Array(10);
    assertEquals([...written.subarray(0, writeVarlong(written, 0, value))], [...bytes]);
    assertEquals(sizeOfVarlong(value), 10);
    assertEquals(readVarlong(cursor(...bytes)), value);
    assertThrows(() => readSafeVarlong(cursor(...bytes)), VarintError, "safe integers");
  }
});

Deno.test("safe varlongs are varlongs, at every width and at the edges", () => {
  const random = new SeededRandom("varlong");
  const values = [0, -1, 1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1, -(2 ** 53) + 1];
  for (let bits = 1; bits <= 52; bits++) {
    for (let i = 0; i < 40; i++) {
      const size = 2 ** bits + Math.floor((random.uint32() / 2 ** 32) * 2 ** bits);
      values.push(size, -size);
    }
  }
  for (const value of values) {
    const one = new Uint8Array(10);
    const two = new Uint8Array(10);
    const end = writeSafeVarlong(one, 0, value);
    assertEquals(end, writeVarlong(two, 0, BigInt(value)));
    assertEquals(one, two);
    assertEquals([sizeOfSafeVarlong(value), sizeOfVarlong(BigInt(value))], [end, end]);
    const from = { bytes: one, at: 0, end };
    assertEquals(readSafeVarlong(from), value);
    assertEquals(from.at, end);
    assertEquals(readVarlong({ bytes: one, at: 0, end }), BigInt(value));
    assertThrows(() => readSafeVarlong({ bytes: one, at: 0, end: end - 1 }), VarintError, "cut off");
  }
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 60n + 1n]) {
    const bytes = new Uint8Array(10);
    const end = writeVarlong(bytes, 0, value);
    assertThrows(() => readSafeVarlong({ bytes, at: 0, end }), VarintError, "safe integers");
  }
});

Deno.test("what is cut off or too wide is refused and the cursor stays", () => {
  const cutOff = { bytes: new Uint8Array([0x80, 0x80, 1]), at: 0, end: 2 };
  for (const read of [readUnsignedVarint, readVarint, readVarlong, readSafeVarlong]) {
    assertThrows(() => read(cutOff), VarintError, "cut off");
    assertThrows(() => read(cursor()), VarintError, "cut off");
    assertEquals(cutOff.at, 0);
  }
  assertThrows(() => readUnsignedVarint(cursor(0xff, 0xff, 0xff, 0xff, 0x1f)), VarintError, "32 bits");
  assertThrows(() => readVarint(cursor(0xff, 0xff, 0xff, 0xff, 0x8f, 1)), VarintError, "32 bits");
  const eleven = Array(10).fill(0x80).concat(1);
  assertThrows(() => readVarlong(cursor(...eleven)), VarintError, "64 bits");
  assertThrows(() => readSafeVarlong(cursor(...eleven)), VarintError, "64 bits");
});
