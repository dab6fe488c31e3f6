import { assertEquals, assertThrows } from "@std/assert";
import { decodeRecord, encodeRecord, type GroupRecord } from "../../../../actors/group/records.ts";
import { encodeMessage } from "../../../../protocol/codec.ts";
import * as tables from "../../../../protocol/tables/group_records.ts";

const UUID = "ABEiM0RVZneImaq7zN3u_w";

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const MEMBER = {
  memberId: "m",
  groupInstanceId: null,
  clientId: "c",
  clientHost: "/h",
  rebalanceTimeout: 60_000,
  sessionTimeout: 45_000,
  subscription: new Uint8Array([1]),
  assignment: new Uint8Array([2, 3]),
};

/** One record of each kind, and its bytes as Apache Kafka's formats have them. */
const RECORDS: readonly (readonly [record: GroupRecord, key: string, value: string])[] = [
  [
    {
      type: "offset",
      group: "g",
      topic: "t",
      partition: 3,
      value: { offset: 258n, leaderEpoch: 4, metadata: "x", commitTimestamp: 5n, expireTimestamp: -1n },
    },
    "0001" + "000167" + "000174" + "00000003",
    "0003" + "0000000000000102" + "00000004" + "000178" + "0000000000000005",
  ],
  [
    {
      type: "offset",
      group: "",
      topic: "t",
      partition: 0,
      value: { offset: 1n, leaderEpoch: -1, metadata: "", commitTimestamp: 5n, expireTimestamp: 9n },
    },
    "0001" + "0000" + "000174" + "00000000",
    "0001" + "0000000000000001" + "0000" + "0000000000000005" + "0000000000000009", // the only version with an expiry
  ],
  [
    {
      type: "classicGroup",
      group: "g",
      value: {
        protocolType: "consumer",
        generation: 7,
        protocol: "range",
        leader: null,
        currentStateTimestamp: 5n,
        members: [MEMBER],
      },
    },
    "0002" + "000167",
    "0003" + "0008636f6e73756d6572" + "00000007" + "000572616e6765" + "ffff" + "0000000000000005" + "00000001" +
    "00016d" + "ffff" + "000163" + "00022f68" + "0000ea60" + "0000afc8" + "0000000101" + "000000020203",
  ],
  [
    { type: "group", group: "g", value: { epoch: 7, metadataHash: 1n, creationTimeMs: -1n } },
    "0003" + "000167",
    "0000" + "00000007" + "01" + "0008" + "0000000000000001",
  ],
  [
    {
      type: "member",
      group: "g",
      memberId: "m",
      value: {
        instanceId: null,
        rackId: "r",
        clientId: "c",
        clientHost: "/h",
        subscribedTopicNames: ["t"],
        subscribedTopicRegex: null,
        rebalanceTimeoutMs: 1,
        serverAssignor: null,
        classicMemberMetadata: null,
      },
    },
    "0005" + "000167" + "00016d",
    "0000" + "00" + "0272" + "0263" + "032f68" + "020274" + "00" + "00000001" + "00" + "00",
  ],
  [
    { type: "targetEpoch", group: "g", value: { assignmentEpoch: 7, assignmentTimestamp: 0n } },
    "0006" + "000167",
    "0000" + "00000007" + "00",
  ],
  [
    {
      type: "target",
      group: "g",
      memberId: "m",
      value: { topicPartitions: [{ topicId: UUID, partitions: [1, 2] }] },
    },
    "0007" + "000167" + "00016d",
    "0000" + "02" + "00112233445566778899aabbccddeeff" + "03" + "00000001" + "00000002" + "00" + "00",
  ],
  [
    {
      type: "current",
      group: "g",
      memberId: "m",
      value: {
        memberEpoch: 7,
        previousMemberEpoch: 6,
        state: 1,
        assignedPartitions: [],
        partitionsPendingRevocation: [{ topicId: UUID, partitions: [1], assignmentEpochs: null }],
      },
    },
    "0008" + "000167" + "00016d",
    "0000" + "00000007" + "00000006" + "01" + "01" + "02" + "00112233445566778899aabbccddeeff" + "02" + "00000001" +
    "00" + "00",
  ],
  [
    { type: "regex", group: "g", regex: "t.*", value: { topics: ["t"], version: 3n, timestamp: 5n } },
    "0010" + "000167" + "0003742e2a",
    "0000" + "020274" + "0000000000000003" + "0000000000000005" + "00",
  ],
];

Deno.test("each kind of record has Kafka's bytes, and they say the same again", () => {
  for (const [record, key, value] of RECORDS) {
    const encoded = encodeRecord(record);
    assertEquals([hex(encoded.key), hex(encoded.value)], [key, value], record.type);
    assertEquals(decodeRecord(encoded.key, encoded.value), record, record.type);
  }
});

Deno.test("a tombstone is the key alone, of every kind", () => {
  const records = [...RECORDS.map(([record]) => record), { type: "partitionMetadata", group: "g" } as const];
  for (const record of records) {
    const tombstone = { ...record, value: null } as GroupRecord;
    const encoded = encodeRecord(tombstone);
    assertEquals(encoded.value, null);
    assertEquals(decodeRecord(encoded.key, null), tombstone, record.type);
  }
  assertEquals(hex(encodeRecord({ type: "partitionMetadata", group: "g", value: null }).key), "0004000167");
});

Deno.test("other versions that Kafka wrote are read", () => {
  const value = { offset: 1n, leaderEpoch: 2, metadata: "m", commitTimestamp: 5n };
  const key = encodeMessage(tables.offsetCommitKey, 0, { group: "g", topic: "t", partition: 0 }, 0); // the older kind
  for (const version of [0, 2, 3, 4]) {
    const decoded = decodeRecord(key, encodeMessage(tables.offsetCommitValue, version, value, version));
    const leaderEpoch = version >= 3 ? 2 : -1;
    assertEquals(decoded, {
      type: "offset",
      group: "g",
      topic: "t",
      partition: 0,
      value: { ...value, leaderEpoch, expireTimestamp: -1n },
    });
  }
});

Deno.test("kinds and versions of later times are not understood, and what is damaged is said to be", () => {
  const [[, , offsetValue]] = RECORDS as [(typeof RECORDS)[number]];
  const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const key = bytes("000100016700017400000003");
  assertEquals(decodeRecord(bytes("0011000167"), null), undefined);
  assertEquals(decodeRecord(bytes("00"), null), undefined);
  assertEquals(decodeRecord(key, bytes("0005" + offsetValue.slice(4))), undefined);
  assertEquals(decodeRecord(key, bytes("")), undefined);
  assertEquals(decodeRecord(bytes("0004000167"), bytes("000000")), undefined);
  assertThrows(() => decodeRecord(key, bytes(offsetValue.slice(0, -2))));
  assertThrows(() => decodeRecord(key.subarray(0, 6), null));
});
