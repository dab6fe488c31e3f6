import { assertEquals, assertThrows } from "@std/assert";
import { decodeMetadata, encodeMetadata } from "../../../../actors/controller/records.ts";
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
    rack: null,
  },
  {
    type: "RegisterBroker",
    brokerId: 2,
    incarnationId: "",
    brokerEpoch: 0,
    endpoint: { host: "::1", port: 0 },
    rack: "r",
  },
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
  },
  { type: "PartitionChange", topicId: A, partition: 0 },
  { type: "PartitionChange", topicId: A, partition: 0, isr: [], leader: -1, replicas: [1] },
  { type: "Config", resourceType: "topic", resourceName: "a", name: "n", value: null },
  { type: "Config", resourceType: "broker", resourceName: "", name: "n", value: "" },
  { type: "ProducerIds", brokerId: 1, nextProducerId: 2n ** 62n },
];

Deno.test("every kind of record survives the bytes", () => {
  assertEquals(decodeMetadata(encodeMetadata(EVERY)), EVERY);
  assertEquals(decodeMetadata(encodeMetadata([])), []);
});

Deno.test("the bytes of one event, so that they stay what they are", () => {
  const event: MetadataRecord[] = [{ type: "RemoveTopic", topicId: A }];
  assertEquals([...encodeMetadata(event)], [1, 19, 9, 0, ...new Array(15).fill(0), 2, 0]);
});

Deno.test("bytes that are not exactly one event are refused", () => {
  const bytes = encodeMetadata(EVERY);
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => decodeMetadata(bytes.slice(0, length)), Error);
  }
  assertThrows(() => decodeMetadata(new Uint8Array([...bytes, 0])), Error, "follow");
  assertThrows(() => decodeMetadata(Uint8Array.of(1, 2, 99, 0)), Error, "kind 99 is not known");
  assertThrows(() => decodeMetadata(Uint8Array.of(1, 2, 9, 1)), Error, "version 1 is not known");
  assertThrows(() => decodeMetadata(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f)), Error, "cannot hold");
});

Deno.test("damaged bytes throw, and nothing else happens", () => {
  const random = new SeededRandom("records");
  const bytes = encodeMetadata(EVERY);
  for (let round = 0; round < 2_000; round++) {
    const damaged = bytes.slice();
    damaged[random.below(damaged.length)]! ^= 1 << random.below(8);
    try {
      decodeMetadata(damaged);
    } catch (error) {
      assertEquals((error as Error).name, "DecodeError");
    }
  }
});
