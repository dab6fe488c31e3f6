import { assertEquals, assertThrows } from "@std/assert";
import { DecodeError, decodeMessage, decodeRequestBody, EncodeError, encodeMessage } from "../../../protocol/codec.ts";
import { message } from "../../../protocol/schema.ts";
import { heartbeat } from "../../../protocol/tables/groups.ts";
import { metadata } from "../../../protocol/tables/metadata.ts";

function joined(chunks: Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** Bytes from hex, in which spaces are for the reader. */
function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

Deno.test("records are views of the frame, bytes are copies", () => {
  const both = message("Both", "0", "none", { records: "records", bytes: "bytes" });
  const frame = hex("00000002 0101 00000002 0202");
  const { records, bytes } = decodeMessage(both, 0, frame);
  frame.fill(9);
  assertEquals([records, bytes], [new Uint8Array([9, 9]), new Uint8Array([2, 2])]);
});

Deno.test("trailing bytes are refused", () => {
  assertThrows(
    () => decodeMessage(metadata.request, 1, hex("ffffffff 00")),
    DecodeError,
    "Metadata request v1: 1 bytes follow where it should have ended.",
  );
});

Deno.test("bytes after a request are passed over: librdkafka sends some", () => {
  const frame = hex("00 00 00 00 01 00 00");
  const body = decodeRequestBody(metadata, 13, frame, 0);
  assertEquals([body.topics, body.allowAutoTopicCreation], [null, false]);
});

Deno.test("counts are refused before anything is allocated for them", () => {
  assertThrows(
    () => decodeMessage(metadata.request, 1, hex("7fffffff 0000")),
    DecodeError,
    "Metadata request v1, topics: 2147483647 elements do not fit into the 2 bytes left.",
  );
  assertThrows(
    () => decodeMessage(metadata.request, 1, hex("00000002 0000 00")),
    DecodeError,
    "Metadata request v1, topics: 2 elements do not fit into the 3 bytes left.",
  );
  const many = new Uint8Array(4 + 2 * 1_000_001);
  new DataView(many.buffer).setInt32(0, 1_000_001);
  assertThrows(
    () => decodeMessage(metadata.request, 1, many),
    DecodeError,
    "Metadata request v1, topics: the message holds more than 1000000 list elements.",
  );
});

Deno.test("nested lists share one budget of elements", () => {
  const nested = message("Nested", "0", "none", { outer: [{ inner: "int8[]" }] });
  const inner = new Uint8Array(4 + 400_000);
  new DataView(inner.buffer).setInt32(0, 400_000);
  const three = joined([hex("00000003"), inner, inner, inner]);
  assertThrows(() => decodeMessage(nested, 0, three), DecodeError, "outer[].inner: the message holds more than");
  const two = joined([hex("00000002"), inner, inner]);
  assertEquals(decodeMessage(nested, 0, two).outer[1]?.inner.length, 400_000);
});

Deno.test("unknown tagged fields are passed over by their size", () => {
  // Heartbeat v4: group "g", generation 1, member "m", no instance, then tags 3 (two bytes) and 200 (none).
  const bytes = hex("0267 00000001 026d 00 02 03 02 aaaa c801 00");
  assertEquals(decodeMessage(heartbeat.request, 4, bytes).memberId, "m");
});

Deno.test("tags that repeat, descend, lie or come in masses are refused", () => {
  const prefix = "0267 00000001 026d 00";
  const cases: [string, string][] = [
    ["02 03 00 03 00", "tag 3 does not come after tag 3"],
    ["02 03 00 01 00", "tag 1 does not come after tag 3"],
    ["01 03 05 aaaa", "a tagged field of 5 bytes exceeds the 2 bytes left"],
    ["914e", "10001 tagged fields exceed the limit of 10000"],
    ["01 ffffffffff7f 00", "a varint exceeds 32 bits"],
    ["01 ffffffff1f 00", "a varint exceeds 32 bits"],
  ];
  for (const [tags, problem] of cases) {
    assertThrows(() => decodeMessage(heartbeat.request, 4, hex(prefix + tags)), DecodeError, problem);
  }
});

Deno.test("a known tagged field must fill its size", () => {
  const tagged = message("Tagged", "0", "0+", { number: "int32 tag0" });
  assertEquals(decodeMessage(tagged, 0, hex("01 00 04 00000005")).number, 5);
  assertThrows(() => decodeMessage(tagged, 0, hex("01 00 05 00000005 00")), DecodeError, "tags: 1 bytes follow");
  assertThrows(
    () => decodeMessage(tagged, 0, hex("01 00 03 000000 05")),
    DecodeError,
    "4 bytes are needed, 3 are left",
  );
});

Deno.test("texts: UTF-8 or refused, no length trusted, a byte order mark kept", () => {
  const text = message("Text", "0-1", "1+", { text: "string" });
  for (const value of ["", "a", "größe 🦗", "\ufeffx", "x".repeat(32_767)]) {
    for (const version of [0, 1]) {
      assertEquals(decodeMessage(text, version, encodeMessage(text, version, { text: value })).text, value);
    }
  }
  assertThrows(
    () => decodeMessage(text, 0, hex("0002 c328")),
    DecodeError,
    "Text v0, text: the text is not valid UTF-8.",
  );
  assertThrows(() => decodeMessage(text, 0, hex("ffff")), DecodeError, "null where a value is required");
  assertThrows(() => decodeMessage(text, 0, hex("fffe")), DecodeError, "the length -2 is negative");
  assertThrows(() => decodeMessage(text, 0, hex("0005 61")), DecodeError, "5 bytes are needed, 1 are left");
  assertThrows(() => decodeMessage(text, 1, hex("818002")), DecodeError, "a string of 32768 bytes exceeds the limit");
  assertThrows(() => encodeMessage(text, 0, { text: "ü".repeat(16_384) }), EncodeError, "a string of 32768 bytes");
});

Deno.test("texts that were seen before are told apart from those that look alike", () => {
  const text = message("Text", "0", "none", { text: "string" });
  for (let i = 0; i < 5000; i++) {
    const value = `topic-${(i * 7919) % 2500}`;
    assertEquals(decodeMessage(text, 0, encodeMessage(text, 0, { text: value })).text, value);
  }
});
