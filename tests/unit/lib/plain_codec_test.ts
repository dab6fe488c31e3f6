import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { copyPlain } from "../../../lib/plain.ts";
import { decodePlain, encodePlain } from "../../../lib/plain_codec.ts";
import { PlainReader } from "../../../lib/plain_reader.ts";
import { DecodeError } from "../../../lib/plain_tags.ts";
import { PlainWriter } from "../../../lib/plain_writer.ts";
import { type Random, SeededRandom } from "../../../lib/prng.ts";

const NUMBERS = [
  ...[0, -0, 1, -1, 127, 128, -128, 0x7fff_ffff, 0x8000_0000, -0x8000_0000, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53],
  ...[0.5, -1.5, 1e300, Number.MIN_VALUE, Number.EPSILON, NaN, Infinity, -Infinity],
];
const BIGINTS = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, -(2n ** 63n) - 1n, 3n ** 500n, -(7n ** 301n)];
const STRINGS = [
  ...["", "a", "ünïcödé", "\0", "\ufeffmark", "\ud83d\ude00", "\ud800 alone", "alone \udc00", "__proto__"],
  ...[21, 22, 63, 64, 255, 5_000].flatMap((length) => ["x", "é", "€", "\udfff"].map((unit) => unit.repeat(length))),
];

/** Any plain value. */
function anything(random: Random, depth = 0): unknown {
  const kind = random.below(depth > 3 ? 7 : 12);
  const several = <T>(make: () => T) =>
    Array.from({ length: random.below(random.pick([2, 4, depth === 0 ? 40 : 8])) }, make);
  const inner = () => anything(random, depth + 1);
  switch (kind) {
    case 0:
      return random.pick([undefined, null, true, false]);
    case 1:
      return random.pick(NUMBERS);
    case 2:
      return random.below(2 ** 32) - random.pick([0, 2 ** 31, 2 ** 50]);
    case 3:
      return random.pick(BIGINTS);
    case 4:
      return random.pick(STRINGS);
    case 5:
      return String.fromCharCode(...several(() => random.pick([32 + random.below(90), random.below(0x1_0000)])));
    case 6:
      return random.bytes(random.below(300));
    case 7:
      return several(inner);
    case 8:
      return new Map(several(() => [inner(), inner()] as const));
    case 9:
      return new Set(several(inner));
  }
  return Object.fromEntries(
    several(() => [random.pick(["a", "offset", "__proto__", String(random.uint32())]), inner()]),
  );
}

/** Whether two plain values are the same to the last sign, and in the same order. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return Object.is(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const [ours, theirs] = [a, b].map((value) => {
    const isList = value instanceof Uint8Array || value instanceof Map || value instanceof Set || Array.isArray(value);
    return isList ? [...value as Iterable<unknown>] : Object.entries(value);
  }) as [unknown[], unknown[]];
  return ours.length === theirs.length && ours.every((item, at) => same(item, theirs[at]));
}

Deno.test("every kind of value comes back as it was", () => {
  for (const value of [...NUMBERS, ...BIGINTS, ...STRINGS]) assertStrictEquals(decodePlain(encodePlain(value)), value);
  const random = new SeededRandom("plain codec");
  for (let round = 0; round < 3_000; round++) {
    const value = anything(random);
    assert(same(decodePlain(encodePlain(value)), copyPlain(value)), Deno.inspect(value, { depth: 10 }));
  }
});

Deno.test("the bytes of each kind are those of the format", () => {
  const cases: [unknown, string][] = [
    [undefined, "00"],
    [null, "01"],
    [false, "02"],
    [true, "03"],
    [-1, "0401"],
    [128, "048002"],
    [-0, "058000000000000000"],
    [1.5, "053ff8000000000000"],
    [258n, "060000000000000102"],
    [-(2n ** 64n), "070100000009010000000000000000"],
    ["a".repeat(64), "0800000040" + "61".repeat(64)],
    ["\ud800", "0900000002d800"],
    [new Uint8Array([7, 8]), "0a020708"],
    [[1, []], "0c02810c00"],
    [new Map([["k", null]]), "0d01416b01"],
    [new Set([5]), "0e0185"],
    [{ ab: 0 }, "0f0142616280"],
    ["", "40"],
    ["é", "42c3a9"],
    [127, "ff"],
  ];
  for (const [value, hex] of cases) {
    assertEquals(encodePlain(value).toHex(), hex);
    assertEquals(decodePlain(Uint8Array.fromHex(hex)), value);
  }
});

Deno.test("a key called __proto__ stays a key, and keys that are no strings are left out", () => {
  const value = { ["__proto__"]: { polluted: true }, [Symbol("s")]: 1 };
  const copy = decodePlain(encodePlain(value)) as Record<string, unknown>;
  assertEquals(Object.keys(copy), ["__proto__"]);
  assertStrictEquals(Object.getPrototypeOf(copy), Object.prototype);
  assertEquals(copy.polluted, undefined);
  assertEquals(decodePlain(encodePlain(Object.assign(Object.create(null), { a: 1 }))), { a: 1 });
});

Deno.test("what was read shares no memory with the bytes", () => {
  const bytes = encodePlain({ array: new Uint8Array([1, 2, 3]) });
  const { array } = decodePlain(bytes) as { array: Uint8Array };
  bytes.fill(0);
  assertEquals([...array], [1, 2, 3]);
  assertEquals(array.buffer.byteLength, 3);
});

Deno.test("what is not plain is refused with its place, and the writer goes on", () => {
  const writer = new PlainWriter(Infinity);
  const cycle: unknown[] = [];
  cycle.push({ cycle });
  const cases: [unknown, string][] = [
    [() => 1, "body must be plain data, not a function"],
    [{ a: [0, Symbol("s")] }, "body.a[1] must be plain data, not a symbol"],
    [new Map([["k", new Date(0)]]), "body.get(k) must be plain data, not an instance of Date"],
    [new Float64Array(1), "body must be plain data, not an instance of Float64Array"],
    [cycle, "nested too deep, or holds itself"],
  ];
  for (const [value, message] of cases) {
    assertThrows(() => writer.value(value, "body"), TypeError, message);
    writer.clear();
    writer.value("next", "body");
    assertEquals(decodePlain(writer.written()), "next");
    writer.clear();
  }
});

Deno.test("nesting is limited alike when copying, writing and reading", () => {
  const nested = (depth: number) => Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 1);
  assertEquals(decodePlain(encodePlain(nested(64))), copyPlain(nested(64)));
  assertThrows(() => copyPlain(nested(65)), TypeError, "too deep");
  assertThrows(() => encodePlain(nested(65)), TypeError, "too deep");
  const deeper = new Uint8Array([...Array.from({ length: 65 }, () => [0x0c, 1]).flat(), 0]);
  assertThrows(() => decodePlain(deeper), DecodeError, "Nested too deep");
});

Deno.test("large byte arrays travel beside the rest, uncopied", () => {
  const large = new Uint8Array(100).fill(1);
  const writer = new PlainWriter(100);
  writer.value([large, new Uint8Array(99), large], "body");
  assertStrictEquals(writer.beside[0], large);
  assertStrictEquals(writer.beside[1], large);
  assertEquals(writer.beside.length, 2);
  const reader = new PlainReader();
  const read = (beside: Uint8Array[]) => {
    reader.begin(writer.written(), 0, writer.length, beside);
    const value = reader.value();
    reader.end();
    return value as Uint8Array[];
  };
  const arrived = [new Uint8Array(100).fill(2), new Uint8Array(100).fill(3)];
  assertStrictEquals(read(arrived)[2], arrived[1]);
  assertThrows(() => read(arrived.slice(1)), DecodeError, "missing beside");
  assertThrows(() => read([arrived[0]!, new Uint8Array(99)]), DecodeError, "100 bytes is missing beside");
  assertThrows(() => read([...arrived, large]), DecodeError, "1 byte arrays are left over");
});

Deno.test("bytes that are not one value are refused", () => {
  const cases: [string, string][] = [
    ["", "Cut off at byte 0"],
    ["0101", "1 bytes are left over at byte 1"],
    ["10", "No value begins with 16"],
    ["0c02ff", "2 items cannot be in the 1 bytes"],
    ["0cffffffff0f", "4294967295 items"],
    ["0d02ffff00", "2 items cannot be"],
    ["0d0281008101", "a key twice"],
    ["0e028181", "an item twice"],
    ["0f0181810000", "A name is missing"],
    ["0a05ffff", "5 bytes are announced, but 2 follow"],
    ["08ffffffff", "4294967295 bytes are announced"],
    ["41ff", "not UTF-8"],
    ["43eda080", "not UTF-8"],
    ["0900000001ff", "UTF-16 string of 1 bytes"],
    ["0480808080808080808010", "Varlong"],
    ["04ffffffffffffffff7f", "outside the safe integers"],
    ["0500", "8 bytes are announced"],
    ["0b05", "5 bytes is missing beside"],
  ];
  for (const [hex, message] of cases) assertThrows(() => decodePlain(Uint8Array.fromHex(hex)), DecodeError, message);
});

Deno.test("a value that is cut off anywhere is refused", () => {
  const random = new SeededRandom("cut off");
  for (let round = 0; round < 300; round++) {
    const bytes = encodePlain(anything(random));
    const end = random.below(bytes.length);
    assertThrows(() => decodePlain(bytes.subarray(0, end)), DecodeError);
  }
});

Deno.test("bytes changed by chance give a value or one kind of error", () => {
  const random = new SeededRandom("changed by chance");
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = encodePlain(anything(random));
    for (let change = 0; change <= random.below(4); change++) {
      bytes[random.below(bytes.length)] = random.pick([random.below(256), 0xff, random.below(16)]);
    }
    try {
      decodePlain(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      refused++;
    }
  }
  assert(refused > 1_000, `${refused} refused`);
});

Deno.test("strings that look alike to the reader's memory are kept apart", () => {
  const reader = new PlainReader();
  const texts = Array.from({ length: 20_000 }, (_, at) => `name ${at}`);
  for (const text of [...texts, ...texts]) {
    const bytes = encodePlain(text);
    reader.begin(bytes, 0, bytes.length, []);
    assertStrictEquals(reader.value(), text);
    reader.end();
  }
});
