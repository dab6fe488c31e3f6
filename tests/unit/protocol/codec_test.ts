import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { AssertionError } from "../../../lib/assert.ts";
import {
  CHUNK_BYTES,
  DecodeError,
  decodeMessage,
  decodeRequestBody,
  decodeResponse,
  EncodeError,
  encodeMessage,
  encodeRequest,
  encodeResponse,
} from "../../../protocol/codec.ts";
import { readHeader } from "../../../protocol/header.ts";
import { message, struct } from "../../../protocol/schema.ts";
import { heartbeat } from "../../../protocol/tables/groups.ts";
import { apiVersions, describeTopicPartitions, metadata } from "../../../protocol/tables/metadata.ts";
import { fetch, listOffsets, produce } from "../../../protocol/tables/produce_fetch.ts";

const ID = "AAECAwQFBgcICQoLDA0ODw";
const ID_HEX = "000102030405060708090a0b0c0d0e0f";

function joined(chunks: Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** Bytes from hex, in which spaces are for the reader. */
function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

Deno.test("a flexible request: header v2 keeps the old client id, then a tag byte, then compact texts", () => {
  const expected = hex("00000016 0012 0003 00000007 0004 74657374 00 046b676f 0231 00".replace("00000016", "00000016"));
  const body = { clientSoftwareName: "kgo", clientSoftwareVersion: "1" };
  const bytes = joined(encodeRequest(apiVersions, 3, 7, "test", body));
  assertEquals(bytes.subarray(4).toHex(), expected.subarray(4).toHex());
  assertEquals(new DataView(bytes.buffer).getInt32(0), bytes.length - 4);
  const header = readHeader(bytes.subarray(4));
  assertEquals(header, { apiKey: 18, apiVersion: 3, correlationId: 7, clientId: "test", bodyOffset: 15 });
  assertEquals(decodeRequestBody(apiVersions, 3, bytes.subarray(4), 15), { ...body, clusterId: null, nodeId: -1 });
});

Deno.test("ApiVersions answers have no tags in their header, and version 0 says what to fall back to", () => {
  const fallback = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 5 }] };
  assertEquals(
    joined(encodeResponse(apiVersions, 0, 9, fallback)).toHex(),
    hex("00000010 00000009 0023 00000001 0012 0000 0005").toHex(),
  );
  const flexible = joined(encodeResponse(apiVersions, 3, 9, fallback));
  assertEquals(flexible.toHex(), hex("00000013 00000009 0023 02 0012 0000 0005 00 00000000 00").toHex());
  assertEquals(decodeResponse(apiVersions, 3, flexible.subarray(4)).body.apiKeys, fallback.apiKeys);
});

Deno.test("other flexible responses carry exactly one tag byte in their header", () => {
  assertEquals(
    joined(encodeResponse(heartbeat, 4, 1, { errorCode: 27 })).toHex(),
    hex("0000000c 00000001 00 00000000 001b 00").toHex(),
  );
  assertEquals(
    joined(encodeResponse(heartbeat, 1, 1, { errorCode: 27 })).toHex(),
    hex("0000000a 00000001 00000000 001b").toHex(),
  );
});

Deno.test("tagged fields: ascending, with sizes, omitted at their default", () => {
  const bytes = joined(encodeResponse(apiVersions, 3, 0, {
    errorCode: 0,
    apiKeys: [],
    finalizedFeaturesEpoch: 5n,
    supportedFeatures: [{ name: "f", minVersion: 0, maxVersion: 1 }],
    finalizedFeatures: [],
  }));
  assertEquals(
    bytes.subarray(8).toHex(),
    hex("0000 01 00000000 02 00 08 02 0266 0000 0001 00 01 08 0000000000000005").toHex(),
  );
  const { body } = decodeResponse(apiVersions, 3, bytes.subarray(4));
  assertEquals(body.finalizedFeaturesEpoch, 5n);
  assertEquals(body.supportedFeatures, [{ name: "f", minVersion: 0, maxVersion: 1 }]);
  assertEquals(body.zkMigrationReady, false);
});

Deno.test("tagged fields are written in the order of their tags, whatever the table's order", () => {
  const tagged = message("Tagged", "0", "0+", { second: "int8 tag9", first: "int8 tag2" });
  assertEquals(encodeMessage(tagged, 0, { second: 1, first: 5 }).toHex(), hex("02 02 01 05 09 01 01").toHex());
});

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

Deno.test("a nullable structure begins with -1 or 1", () => {
  const empty = { topics: [] };
  assertEquals(encodeMessage(describeTopicPartitions.response, 0, empty).toHex(), hex("00000000 01 ff 00").toHex());
  const bytes = encodeMessage(describeTopicPartitions.response, 0, {
    topics: [],
    nextCursor: { topicName: "a", partitionIndex: 3 },
  });
  assertEquals(bytes.toHex(), hex("00000000 01 01 0261 00000003 00 00").toHex());
  assertEquals(decodeMessage(describeTopicPartitions.response, 0, bytes).nextCursor, {
    topicName: "a",
    partitionIndex: 3,
  });
  bytes[5] = 2;
  assertThrows(
    () => decodeMessage(describeTopicPartitions.response, 0, bytes),
    DecodeError,
    "DescribeTopicPartitions response v0, nextCursor: a nullable structure begins with -1 or 1, not with 2.",
  );
});

Deno.test("columns that the version lacks read as their defaults", () => {
  const body = decodeMessage(metadata.request, 0, hex("00000001 0003 666f6f"));
  assertEquals(body, {
    topics: [{ topicId: "AAAAAAAAAAAAAAAAAAAAAA", name: "foo" }],
    allowAutoTopicCreation: true,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  });
  assertEquals(decodeMessage(metadata.request, 1, hex("ffffffff")).topics, null);
});

Deno.test("names and ids: a version writes the one that it has and ignores the other", () => {
  const topics = [{ topic: "foo", topicId: ID, partitions: [] }];
  const body = { maxWaitMs: 0, minBytes: 0, topics };
  assertEquals(encodeMessage(fetch.request, 13, body).toHex().includes(ID_HEX), true);
  assertEquals(encodeMessage(fetch.request, 12, body).toHex().includes(ID_HEX), false);
  assertEquals(decodeMessage(fetch.request, 13, encodeMessage(fetch.request, 13, body)).topics[0]?.topicId, ID);
});

Deno.test("a value that the version cannot carry is refused unless it may be ignored", () => {
  const request = { replicaId: -1, topics: [] };
  assertThrows(
    () => encodeMessage(listOffsets.request, 1, { ...request, isolationLevel: 1 }),
    EncodeError,
    "ListOffsets request v1, isolationLevel: the value cannot be carried by version 1: leave it at its default.",
  );
  encodeMessage(listOffsets.request, 1, { ...request, isolationLevel: 0, timeoutMs: 5 });
  assertThrows(
    () => encodeMessage(metadata.request, 0, { topics: null }),
    EncodeError,
    "Metadata request v0, topics: null where a value is required.",
  );
});

Deno.test("a version that the table lacks is a bug of the caller", () => {
  assertThrows(() => encodeMessage(fetch.request, 3, { maxWaitMs: 0, minBytes: 0, topics: [] }), AssertionError);
  assertThrows(() => decodeMessage(produce.request, 14, new Uint8Array(0)), AssertionError);
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

Deno.test("a row within the row may be absent only where the table says so", () => {
  const rows = message("Rows", "0", "0+", { plain: { x: "int8" }, nullable: struct("?", { x: "int8" }) });
  assertEquals(encodeMessage(rows, 0, { plain: { x: 1 }, nullable: null }).toHex(), "0100ff00");
  assertThrows(
    () => encodeMessage(rows, 0, { plain: null as unknown as { x: number }, nullable: null }),
    EncodeError,
    "plain: null where a value is required",
  );
  assert(decodeMessage(rows, 0, hex("01 00 ff 00")).nullable === null);
});
