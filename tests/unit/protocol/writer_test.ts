import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  CHUNK_BYTES,
  decodeMessage,
  decodeResponse,
  EncodeError,
  encodeMessage,
  encodeResponse,
} from "../../../protocol/codec.ts";
import { message } from "../../../protocol/schema.ts";
import { metadata } from "../../../protocol/tables/metadata.ts";
import { fetch } from "../../../protocol/tables/produce_fetch.ts";

const ID = "AAECAwQFBgcICQoLDA0ODw";

function joined(chunks: Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** Bytes from hex, in which spaces are for the reader. */
function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

Deno.test("large bytes in a tagged field stay within it", () => {
  const tagged = message("Tagged", "0", "0+", { data: "bytes tag0", number: "int8" });
  const value = { data: new Uint8Array(CHUNK_BYTES + 1).fill(7), number: 3 };
  assertEquals(decodeMessage(tagged, 0, encodeMessage(tagged, 0, value)), value);
});

Deno.test("a tagged field of 128 bytes and more has a size of several bytes", () => {
  const tagged = message("Tagged", "0", "0+", { text: "string tag0", number: "int32 tag1" });
  for (const length of [126, 127, 128, 16_382, 16_383, 20_000]) {
    const value = { text: "x".repeat(length), number: 7 };
    assertEquals(decodeMessage(tagged, 0, encodeMessage(tagged, 0, value)), value);
  }
});

Deno.test("large records pass through as a chunk of their own", () => {
  const records = new Uint8Array(CHUNK_BYTES).fill(7);
  const partitions = [records, records.subarray(1), records].map((bytes, partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 0n,
    abortedTransactions: null,
    records: bytes,
  }));
  const chunks = encodeResponse(fetch, 16, 1, { responses: [{ topicId: ID, partitions }] });
  assertEquals(chunks.length, 5);
  assertStrictEquals(chunks[1], records);
  assertStrictEquals(chunks[3], records);
  const frame = joined(chunks);
  assertEquals(new DataView(frame.buffer).getInt32(0), frame.length - 4);
  const decoded = decodeResponse(fetch, 16, frame.subarray(4)).body.responses[0]?.partitions;
  assertEquals(decoded?.map(({ records }) => records?.length), [16384, 16383, 16384]);
});

Deno.test("the buffer may grow before any column", () => {
  const scalars = {
    a: "bool",
    b: "int8",
    c: "int16",
    d: "int32",
    e: "int64",
    f: "uint16",
    g: "uint32",
    h: "float64",
    i: "uuid",
    j: "string",
    k: "bytes",
    l: "int16[]",
  } as const;
  const value = { a: true, b: 1, c: 2, d: 3, e: 4n, f: 5, g: 6, h: 0.5, i: ID, j: "text", k: hex("07"), l: [8, 9] };
  for (const flexible of ["none", "0+"]) {
    const padded = message("Padded", "0", flexible, { padding: "bytes", ...scalars, grown: "string" });
    for (let length = 8192 - 120; length < 8200; length++) {
      const input = { padding: new Uint8Array(length), ...value, grown: "ü".repeat(9000) };
      assertEquals(decodeMessage(padded, 0, encodeMessage(padded, 0, input)), input);
      // Lets the buffer go, so that the next round grows it again.
      encodeMessage(padded, 0, { ...input, l: new Array(600_000).fill(0) });
    }
  }
});

Deno.test("what is encoded does not change when the next message is", () => {
  const first = encodeMessage(metadata.request, 9, { topics: [{ name: "first" }] });
  const kept = first.slice();
  encodeMessage(metadata.request, 9, { topics: [{ name: "another" }, { name: "topic" }] });
  assertEquals(first, kept);
});

Deno.test("numbers that do not fit are refused, not wrapped", () => {
  const numbers = message("Numbers", "0", "none", {
    a: "int8 =0",
    b: "int16 =0",
    c: "int32 =0",
    d: "int64 =0",
    e: "uint16 =0",
    f: "uint32 =0",
    g: "bool =false",
    h: "uuid 0+",
  });
  const wrong = [{ a: 128 }, { b: 1.5 }, { c: 2 ** 31 }, { c: NaN }, { d: 2n ** 63n }, { e: -1 }, { f: 2 ** 32 }, {
    h: "x",
  }];
  for (const value of wrong) assertThrows(() => encodeMessage(numbers, 0, value), EncodeError, "is not a");
  encodeMessage(numbers, 0, { a: -128, b: 32767, c: -(2 ** 31), d: -(2n ** 63n), e: 65535, f: 2 ** 32 - 1, g: true });
});

Deno.test("a failure to encode leaves nothing behind for the next message", () => {
  const big = message("Big", "0", "none", { records: "records", number: "int8 =0" });
  assertThrows(() => encodeMessage(big, 0, { records: new Uint8Array(CHUNK_BYTES), number: 300 }), EncodeError);
  assertEquals(encodeMessage(big, 0, { records: hex("01"), number: 1 }).toHex(), hex("00000001 01 01").toHex());
});
