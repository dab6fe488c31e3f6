import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { configKey, MetadataDraft } from "../../../../actors/controller/draft.ts";
import { emptyImage, imageOf, replay, snapshotOf } from "../../../../actors/controller/image.ts";
import type { MetadataRecord } from "../../../../actors/controller/protocol.ts";
import { newPartition, registration } from "./setting.ts";

const A = "AAAAAAAAAAAAAAAAAAAAAg";
const B = "AAAAAAAAAAAAAAAAAAAAAw";

function partition(topicId: string, index: number, replicas: number[] = [1]): MetadataRecord {
  return { type: "Partition", topicId, ...newPartition(index, replicas) };
}

const HISTORY: readonly MetadataRecord[] = [
  { type: "Cluster", clusterId: "c" },
  { type: "QuorumLeader", leaderId: 1, epoch: 1, voters: [1] },
  registration(1, 2),
  { type: "UnfenceBroker", brokerId: 1, brokerEpoch: 2 },
  { type: "Topic", name: "a", topicId: A },
  { type: "Config", resourceType: "topic", resourceName: "a", name: "retention.ms", value: "1" },
  partition(A, 0, [1, 2]),
  { type: "Topic", name: "b/c", topicId: B },
  partition(B, 0),
  partition(B, 1, [1, 2, 3]),
  { type: "PartitionChange", topicId: B, partition: 1, leader: -1 },
  { type: "PartitionChange", topicId: B, partition: 1, isr: [], elr: [1], lastKnownElr: [2] },
  {
    type: "PartitionChange",
    topicId: B,
    partition: 1,
    replicas: [3, 1, 2, 4],
    adding: [4],
    removing: [2],
    newEpoch: true,
  },
  { type: "Config", resourceType: "broker", resourceName: "", name: "log.retention.ms", value: "5" },
  { type: "ProducerIds", brokerId: 1, nextProducerId: 1000n },
  registration(2, 15, { directoryId: "d2", rack: "r" }),
  { type: "UnfenceBroker", brokerId: 2, brokerEpoch: 15 },
  { type: "ControlledShutdown", brokerId: 2, brokerEpoch: 15 },
  registration(3, 18),
  { type: "ControlledShutdown", brokerId: 3, brokerEpoch: 18 },
  registration(4, 20),
  { type: "UnregisterBroker", brokerId: 4, brokerEpoch: 20 },
];

Deno.test("the image after a history", () => {
  const image = replay(emptyImage(), HISTORY);
  assertEquals(image.offset, HISTORY.length, "each record has one offset, also those that change nothing");
  assertEquals(image.clusterId, "c");
  const brokers = [...image.brokers.values()];
  assertEquals(
    brokers.map(({ id, epoch, fenced, inControlledShutdown }) => [id, epoch, fenced, inControlledShutdown]),
    [
      [1, 2, false, false],
      [2, 15, false, true],
      [3, 18, true, true],
    ],
  );
  assertEquals([brokers[1]!.directoryId, brokers[1]!.rack, brokers[1]!.nodeEndpoint.port], ["d2", "r", 9093]);
  assertEquals(image.topicNames.get(B), "b/c");
  assertEquals(image.topics.get("b/c")?.partitions[1], {
    partition: 1,
    replicas: [3, 1, 2, 4],
    isr: [],
    leader: -1,
    leaderEpoch: 2,
    partitionEpoch: 3,
    adding: [4],
    removing: [2],
    elr: [1],
    lastKnownElr: [2],
  });
  assertEquals(image.configs.get("topic/a")?.get("retention.ms"), "1");
  assertEquals(image.configs.get(configKey("broker", ""))?.get("log.retention.ms"), "5");
  assertEquals(image.nextProducerId, 1000n);
});

Deno.test("a new incarnation begins fenced, and no longer on its way down", () => {
  const image = replay(emptyImage(), [...HISTORY, registration(2, 22)]);
  const { epoch, fenced, inControlledShutdown } = image.brokers.get(2)!;
  assertEquals([epoch, fenced, inControlledShutdown], [22, true, false]);
});

Deno.test("a leader that is named begins an epoch, even the one before; an ISR alone does not", () => {
  const image = replay(emptyImage(), HISTORY);
  const epochs = (change: Partial<Extract<MetadataRecord, { type: "PartitionChange" }>>) => {
    const after = replay(image, [{ type: "PartitionChange", topicId: A, partition: 0, ...change }]);
    const { leader, leaderEpoch, partitionEpoch } = after.topics.get("a")!.partitions[0]!;
    return [leader, leaderEpoch, partitionEpoch];
  };
  assertEquals(epochs({ leader: 1 }), [1, 1, 1]);
  assertEquals(epochs({ newEpoch: true }), [1, 1, 1]);
  assertEquals(epochs({ leader: 2, newEpoch: true }), [2, 1, 1]);
  assertEquals(epochs({ isr: [1] }), [1, 0, 1]);
});

Deno.test("an image never changes, and shares what stays the same", () => {
  const before = replay(emptyImage(), HISTORY);
  const copy = structuredClone({ ...before });
  const after = replay(before, [{ type: "PartitionChange", topicId: A, partition: 0, leader: 1 }]);
  assertEquals({ ...before }, copy);
  assertEquals(after.topics.get("a")?.partitions[0]?.leaderEpoch, 1);
  assertStrictEquals(after.topics.get("b/c"), before.topics.get("b/c"));
  assertStrictEquals(after.brokers, before.brokers);
  assertStrictEquals(after.configs, before.configs);
});

Deno.test("a frozen draft goes on in copies, also of the partitions of a topic that it made", () => {
  const draft = new MetadataDraft(emptyImage());
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
  const image = replay(emptyImage(), [...HISTORY, { type: "RemoveTopic", topicId: A }]);
  assertEquals([...image.topics.keys()], ["b/c"]);
  assertEquals([...image.topicNames.keys()], [B]);
  assertEquals(image.configs.has("topic/a"), false);
  assertEquals(image.configs.has("broker/"), true);
});

Deno.test("a config that is unset is gone, and so is a resource without any", () => {
  const set = (name: string, value: string | null): MetadataRecord => (
    { type: "Config", resourceType: "topic", resourceName: "a", name, value }
  );
  const image = replay(emptyImage(), [...HISTORY, set("flush.ms", "2"), set("retention.ms", null)]);
  assertEquals([...image.configs.get("topic/a")!], [["flush.ms", "2"]]);
  assertEquals(replay(image, [set("flush.ms", null)]).configs.has("topic/a"), false);
});

Deno.test("a snapshot makes the same image in fewer records, the cluster's id first", () => {
  const image = replay(emptyImage(), HISTORY);
  const records = snapshotOf(image);
  assert(records.length < HISTORY.length);
  assertEquals(records[0], { type: "Cluster", clusterId: "c" });
  assertEquals(imageOf(image.offset, records), image);
  assertEquals(imageOf(0, snapshotOf(emptyImage())), emptyImage());
});

Deno.test("records that do not fit are a programmer's error", () => {
  const image = replay(emptyImage(), HISTORY);
  const misfits: MetadataRecord[] = [
    { type: "Cluster", clusterId: "another" },
    registration(1, 2),
    { type: "FenceBroker", brokerId: 1, brokerEpoch: 7 },
    { type: "UnfenceBroker", brokerId: 4, brokerEpoch: 20 },
    { type: "UnregisterBroker", brokerId: 1, brokerEpoch: 1 },
    { type: "ControlledShutdown", brokerId: 1, brokerEpoch: 1 },
    { type: "Topic", name: "a", topicId: "AAAAAAAAAAAAAAAAAAAABA" },
    { type: "Topic", name: "z", topicId: A },
    { type: "RemoveTopic", topicId: "AAAAAAAAAAAAAAAAAAAABA" },
    partition(A, 2),
    { type: "PartitionChange", topicId: A, partition: 1, leader: 1 },
    { type: "PartitionChange", topicId: A, partition: 0, isr: [2] }, // without its leader
    { type: "PartitionChange", topicId: A, partition: 0, leader: 3 },
    { type: "PartitionChange", topicId: A, partition: 0, isr: [1, 3] },
    { type: "PartitionChange", topicId: A, partition: 0, elr: [2] }, // in sync, too
    { type: "PartitionChange", topicId: A, partition: 0, isr: [1], elr: [3] },
    { type: "PartitionChange", topicId: A, partition: 0, adding: [3] },
    { type: "PartitionChange", topicId: A, partition: 0, removing: [3] },
    { type: "ProducerIds", brokerId: 1, nextProducerId: 1000n },
  ];
  for (const record of misfits) assertThrows(() => replay(image, [record]), Error, "", JSON.stringify(record.type));
});

Deno.test("a long history replays in one draft without copying for every record", () => {
  const draft = new MetadataDraft(emptyImage());
  for (let i = 0; i < 20_000; i++) {
    const topicId = `AAAAAAAAAAAAAAAA${String(i).padStart(5, "0")}A`;
    draft.apply({ type: "Topic", name: `t${i}`, topicId });
    draft.apply(partition(topicId, 0));
  }
  const { topics } = draft;
  draft.apply({ type: "Topic", name: "last", topicId: A });
  assertStrictEquals(draft.topics, topics); // still the draft's own map
});
