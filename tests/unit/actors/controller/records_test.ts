import { assertEquals, assertThrows } from "@std/assert";
import { decodeRecord, encodeRecord } from "../../../../actors/controller/records.ts";
import type { MetadataRecord } from "../../../../actors/controller/protocol.ts";
import { SeededRandom } from "../../../../lib/prng.ts";

const A = "AAAAAAAAAAAAAAAAAAAAAg";
const EVERY: readonly MetadataRecord[] = [
  {
    type: "RegisterBroker",
    brokerId: 1,
    incarnationId: "an incarnation",
    brokerEpoch: 2 ** 40,
    endpoint: { host: "localhost", port: 65535 },
    nodeEndpoint: { host: "elsewhere", port: 1 },
    directoryId: "a folder",
    rack: null,
  },
  {
    type: "RegisterBroker",
    brokerId: 2,
    incarnationId: "",
    brokerEpoch: 0,
    endpoint: { host: "::1", port: 0 },
    nodeEndpoint: { host: "", port: 0 },
    directoryId: "",
    rack: "r",
  },
  { type: "UnregisterBroker", brokerId: 1, brokerEpoch: 3 },
  { type: "ControlledShutdown", brokerId: 1, brokerEpoch: 3 },
  { type: "FenceBroker", brokerId: 1, brokerEpoch: 3 },
  { type: "UnfenceBroker", brokerId: 1, brokerEpoch: 3 },
  { type: "Topic", name: "a", topicId: A },
  { type: "RemoveTopic", topicId: A },
  {
    type: "Partition",
    topicId: A,
    partition: 7,
    replicas: [3, 1, 2],
    isr: [],
    leader: -1,
    leaderEpoch: 5,
    partitionEpoch: 9,
    adding: [1],
    removing: [2],
    elr: [3],
    lastKnownElr: [4],
  },
  { type: "PartitionChange", topicId: A, partition: 0 },
  {
    type: "PartitionChange",
    topicId: A,
    partition: 0,
    isr: [],
    leader: -1,
    newEpoch: true,
    replicas: [1],
    adding: [],
    removing: [2],
    elr: [3],
    lastKnownElr: [],
  },
  { type: "Config", resourceType: "topic", resourceName: "a", name: "n", value: null },
  { type: "Config", resourceType: "broker", resourceName: "", name: "n", value: "" },
  { type: "ProducerIds", brokerId: 1, nextProducerId: 2n ** 62n },
  { type: "NoOp" },
  { type: "Cluster", clusterId: "c" },
  { type: "QuorumLeader", leaderId: 1, epoch: 7, voters: [1, 2, 3] },
];

Deno.test("every kind of record survives the bytes", () => {
  for (const record of EVERY) assertEquals(decodeRecord(encodeRecord(record)), record);
});

Deno.test("the bytes of one record, so that they stay what they are", () => {
  const bytes = (record: MetadataRecord) => [...encodeRecord(record)];
  assertEquals(bytes({ type: "RemoveTopic", topicId: A }), [9, 0, ...new Array(15).fill(0), 2, 0]);
  assertEquals(bytes({ type: "Cluster", clusterId: "c" }), [100, 0, 2, 99, 0]);
  assertEquals(bytes({ type: "FenceBroker", brokerId: 1, brokerEpoch: 2 }), [
    7,
    0,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    2,
    0,
  ]);
});

Deno.test("bytes that are not exactly one record are refused", () => {
  for (const record of EVERY) {
    const bytes = encodeRecord(record);
    for (let length = 0; length < bytes.length; length++) {
      assertThrows(() => decodeRecord(bytes.slice(0, length)), Error);
    }
    assertThrows(() => decodeRecord(new Uint8Array([...bytes, 0])), Error);
  }
  assertThrows(() => decodeRecord(Uint8Array.of(99, 0)), Error, "kind 99 is not known");
  assertThrows(() => decodeRecord(Uint8Array.of(9, 1)), Error, "version 1 is not known");
});

Deno.test("damaged bytes throw, and nothing else happens", () => {
  const random = new SeededRandom("records");
  for (let round = 0; round < 4_000; round++) {
    const damaged = encodeRecord(EVERY[round % EVERY.length]!);
    damaged[random.below(damaged.length)]! ^= 1 << random.below(8);
    try {
      decodeRecord(damaged);
    } catch (error) {
      assertEquals((error as Error).name, "DecodeError");
    }
  }
});
