import { assert, assertEquals, assertThrows } from "@std/assert";
import { AssertionError } from "../../../lib/assert.ts";
import {
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
  const expected = hex("00000016 0012 0003 00000007 0004 74657374 00 046b676f 0231 00");
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
