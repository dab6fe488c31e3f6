import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { groupConfig, groupConfigOf } from "../../../../actors/group/group_config.ts";
import { OFFSETS_TOPIC } from "../../../../actors/group/protocol.ts";
import { NO_TOPOLOGY, topologyOf } from "../../../../actors/group/topology.ts";
import { type MetadataRecord, replay } from "../../../../actors/controller/protocol.ts";
import { viewOf } from "../broker/api/fake_exchange.ts";
import { newTopic, partitionOf, registered, topicIdOf, topicOf, topicsOf } from "../broker/records.ts";

const ID = topicIdOf(5);
const OTHER = topicIdOf(6);
const RACKS = { 1: "r1", 2: "r2" };

/** Topic `a` on brokers 1 to 3, and `b` on broker 3, which names no rack. */
function imageOf() {
  return viewOf({
    brokers: 3,
    racks: RACKS,
    records: [...topicOf("a", ID, [2, 1, 3], [3]), ...topicOf("b", OTHER, [3])],
  }).image;
}

Deno.test("topics with their ids, their partitions, and the racks of these", () => {
  const { topics, names } = topologyOf(imageOf(), NO_TOPOLOGY);
  assertEquals([...topics], [
    ["a", { name: "a", topicId: ID, partitions: 2, racks: [["r1", "r2"], []] }],
    ["b", { name: "b", topicId: OTHER, partitions: 1, racks: [[]] }],
  ]);
  assertEquals([...names], [[ID, "a"], [OTHER, "b"]]);
});

Deno.test("what a group cannot see makes no new topology; what it can see makes one, and keeps the topics that stay", () => {
  const image = imageOf();
  const topology = topologyOf(image, NO_TOPOLOGY);
  const after = (...records: MetadataRecord[]) => topologyOf(replay(image, records), topology);
  const unseen: MetadataRecord[][] = [
    [{ type: "PartitionChange", topicId: ID, partition: 0, isr: [2] }],
    [{ type: "PartitionChange", topicId: ID, partition: 0, leader: 1 }],
    [{ type: "Config", resourceType: "topic", resourceName: "a", name: "retention.ms", value: "1" }],
    [registered(4, 50, { rack: "r4" })],
    [{ type: "PartitionChange", topicId: ID, partition: 1, replicas: [3], isr: [3] }],
  ];
  for (const records of unseen) assertStrictEquals(after(...records), topology, JSON.stringify(records));

  const seen: Record<string, MetadataRecord[]> = {
    "a topic more": topicOf("c", topicIdOf(7), [1]),
    "a topic less": [{ type: "RemoveTopic", topicId: ID }],
    "another id": [{ type: "RemoveTopic", topicId: ID }, ...topicOf("a", topicIdOf(8), [2, 1, 3], [3])],
    "a partition more": [partitionOf(ID, 2, [1])],
    "a replica in another rack": [{
      type: "PartitionChange",
      topicId: ID,
      partition: 0,
      replicas: [1],
      isr: [1],
      leader: 1,
    }],
    "a broker in another rack": [registered(2, 50, { rack: "r3" })],
  };
  for (const [what, records] of Object.entries(seen)) {
    const now = after(...records);
    assert(now !== topology, what);
    assertStrictEquals(now.topics.get("b"), topology.topics.get("b"), what);
  }
});

Deno.test("who comes late is given the same as the others, and disturbs them not", () => {
  const first = imageOf();
  const early = topologyOf(first, NO_TOPOLOGY);
  const second = replay(first, [{ type: "PartitionChange", topicId: ID, partition: 0, isr: [2] }]);
  const late = topologyOf(second, NO_TOPOLOGY); // is shown the second image before the others are
  assertStrictEquals(topologyOf(second, early), early);
  assertStrictEquals(topologyOf(second, late), late);
  const third = replay(second, topicOf("c", topicIdOf(7), [1]));
  const news = topologyOf(third, early);
  assertStrictEquals(topologyOf(third, NO_TOPOLOGY), news);
  assertEquals(topologyOf(third, late), news);
});

Deno.test("the configuration of groups: what counts for this broker, and the same object until that changes", () => {
  const view = viewOf({
    properties: {
      "offsets.retention.minutes": "2",
      "group.consumer.assignors": "range, uniform",
      "message.max.bytes": "5000",
    },
  });
  const config = groupConfigOf(view);
  assertEquals([
    config.offsetsRetentionMs,
    config.consumerAssignors,
    config.maxWriteBytes,
    config.consumerMigrationPolicy,
  ], [
    120_000,
    ["range", "uniform"],
    5_000,
    "bidirectional",
  ]);
  assertEquals([config.consumerRegexRefreshIntervalMs, config.initialRebalanceDelayMs], [600_000, 3_000]);
  assertStrictEquals(groupConfigOf({ ...view }, config), config);
  const topic = newTopic(OFFSETS_TOPIC, { configs: [{ name: "segment.bytes", value: "1048576" }] });
  const image = replay(view.image, [
    ...topicsOf(view.image, [topic]),
    { type: "Config", resourceType: "topic", resourceName: OFFSETS_TOPIC, name: "max.message.bytes", value: "2000000" },
    { type: "Config", resourceType: "broker", resourceName: "1", name: "group.max.size", value: "3" },
    { type: "Config", resourceType: "broker", resourceName: "2", name: "group.min.session.timeout.ms", value: "4" },
  ]);
  const { maxWriteBytes, maxSize, minSessionTimeoutMs } = groupConfigOf({ ...view, image }, config);
  assertEquals([maxWriteBytes, maxSize, minSessionTimeoutMs], [1_048_576, 3, 6_000]);
});

Deno.test("a coordinator that was replaced is silent after twice the session of brokers", () => {
  assertEquals(groupConfig({ properties: {} }).deposedMs, 3_000);
  assertEquals(groupConfig({ properties: { "broker.session.timeout.ms": "9000" } }).deposedMs, 18_000);
});

Deno.test("times that a broker's configs give as less than nothing are nothing", () => {
  const properties = { "group.initial.rebalance.delay.ms": "-1", "group.min.session.timeout.ms": "-1" };
  const { initialRebalanceDelayMs, minSessionTimeoutMs } = groupConfig({ properties });
  assertEquals([initialRebalanceDelayMs, minSessionTimeoutMs], [0, 0]);
});
