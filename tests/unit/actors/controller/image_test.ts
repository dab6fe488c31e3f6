import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  configKey,
  emptyImage,
  imageOf,
  MetadataDraft,
  replay,
  snapshotOf,
} from "../../../../actors/controller/image.ts";
import type { MetadataRecord } from "../../../../actors/controller/protocol.ts";

const A = "AAAAAAAAAAAAAAAAAAAAAg";
const B = "AAAAAAAAAAAAAAAAAAAAAw";

function register(brokerId: number, brokerEpoch: number, incarnationId = "i"): MetadataRecord {
  const endpoint = { host: "h", port: 9092 };
  return { type: "RegisterBroker", brokerId, brokerEpoch, incarnationId, endpoint, rack: null };
}

function partition(topicId: string, index: number): MetadataRecord {
  const base = { replicas: [1], isr: [1], leader: 1, leaderEpoch: 0, partitionEpoch: 0 };
  return { type: "Partition", topicId, partition: index, ...base };
}

const HISTORY: readonly MetadataRecord[] = [
  register(1, 0),
  { type: "UnfenceBroker", brokerId: 1, brokerEpoch: 0 },
  { type: "Topic", name: "a", topicId: A },
  { type: "Config", resourceType: "topic", resourceName: "a", name: "retention.ms", value: "1" },
  partition(A, 0),
  { type: "Topic", name: "b/c", topicId: B },
  partition(B, 0),
  partition(B, 1),
  { type: "PartitionChange", topicId: B, partition: 1, leader: -1 },
  { type: "PartitionChange", topicId: B, partition: 1, isr: [] },
  { type: "Config", resourceType: "broker", resourceName: "", name: "log.retention.ms", value: "5" },
  { type: "ProducerIds", brokerId: 1, nextProducerId: 1000n },
];

Deno.test("the image after a history", () => {
  const image = replay(emptyImage("c"), HISTORY);
  assertEquals(image.offset, HISTORY.length);
  assertEquals(image.clusterId, "c");
  assertEquals(image.brokers.get(1)?.fenced, false);
  assertEquals(image.topicNames.get(B), "b/c");
  assertEquals(image.topics.get("b/c")?.partitions[1], {
    partition: 1,
    replicas: [1],
    isr: [],
    leader: -1,
    leaderEpoch: 1,
    partitionEpoch: 2,
  });
  assertEquals(image.configs.get("topic/a")?.get("retention.ms"), "1");
  assertEquals(image.configs.get(configKey("broker", ""))?.get("log.retention.ms"), "5");
  assertEquals(image.nextProducerId, 1000n);
});

Deno.test("an image never changes, and shares what stays the same", () => {
  const before = replay(emptyImage("c"), HISTORY);
  const copy = structuredClone({ ...before });
  const after = replay(before, [{ type: "PartitionChange", topicId: A, partition: 0, leader: 1 }]);
  assertEquals({ ...before }, copy);
  assertEquals(after.topics.get("a")?.partitions[0]?.leaderEpoch, 1);
  assertStrictEquals(after.topics.get("b/c"), before.topics.get("b/c"));
  assertStrictEquals(after.brokers, before.brokers);
  assertStrictEquals(after.configs, before.configs);
});

Deno.test("a frozen draft goes on in copies, also of the partitions of a topic that it made", () => {
  const draft = new MetadataDraft(emptyImage("c"));
  draft.apply({ type: "Topic", name: "a", topicId: A });
  draft.apply(partition(A, 0));
  const frozen = draft.freeze();
  draft.apply(partition(A, 1));
  draft.apply({ type: "Topic", name: "b", topicId: B });
  assertEquals(frozen.topics.get("a")?.partitions.length, 1);
  assertEquals([...frozen.topics.keys()], ["a"]);
  assertEquals(draft.topics.get("a")?.partitions.length, 2);
});

Deno.test("a topic takes its configs with it", () => {
  const image = replay(emptyImage("c"), [...HISTORY, { type: "RemoveTopic", topicId: A }]);
  assertEquals([...image.topics.keys()], ["b/c"]);
  assertEquals([...image.topicNames.keys()], [B]);
  assertEquals(image.configs.has("topic/a"), false);
  assertEquals(image.configs.has("broker/"), true);
});

Deno.test("a snapshot makes the same image in fewer records", () => {
  const image = replay(emptyImage("c"), HISTORY);
  const records = snapshotOf(image);
  assert(records.length < HISTORY.length);
  assertEquals(imageOf("c", image.offset, records), image);
  assertEquals(imageOf("c", 0, snapshotOf(emptyImage("c"))), emptyImage("c"));
});

Deno.test("records that do not fit are a programmer's error", () => {
  const image = replay(emptyImage("c"), HISTORY);
  const misfits: MetadataRecord[] = [
    register(1, 0),
    { type: "FenceBroker", brokerId: 1, brokerEpoch: 7 },
    { type: "UnfenceBroker", brokerId: 2, brokerEpoch: 0 },
    { type: "Topic", name: "a", topicId: "AAAAAAAAAAAAAAAAAAAABA" },
    { type: "Topic", name: "z", topicId: A },
    { type: "RemoveTopic", topicId: "AAAAAAAAAAAAAAAAAAAABA" },
    partition(A, 2),
    { type: "PartitionChange", topicId: A, partition: 1, leader: 1 },
    { type: "ProducerIds", brokerId: 1, nextProducerId: 1000n },
  ];
  for (const record of misfits) assertThrows(() => replay(image, [record]), Error, "", record.type);
});

Deno.test("a long history replays in one draft without copying for every record", () => {
  const draft = new MetadataDraft(emptyImage("c"));
  for (let i = 0; i < 20_000; i++) {
    const topicId = `AAAAAAAAAAAAAAAA${String(i).padStart(5, "0")}A`;
    draft.apply({ type: "Topic", name: `t${i}`, topicId });
    draft.apply(partition(topicId, 0));
  }
  const { topics } = draft;
  draft.apply({ type: "Topic", name: "last", topicId: A });
  assertStrictEquals(draft.topics, topics); // still the draft's own map
});
