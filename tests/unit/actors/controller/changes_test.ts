import { assertEquals } from "@std/assert";
import { alterConfigs } from "../../../../actors/controller/alter_configs.ts";
import { createPartitions } from "../../../../actors/controller/create_partitions.ts";
import type { Setting } from "../../../../actors/controller/decision.ts";
import { deleteTopics } from "../../../../actors/controller/delete_topics.ts";
import { replay } from "../../../../actors/controller/image.ts";
import type { ConfigChange } from "../../../../actors/controller/protocol.ts";
import { ZERO_UUID } from "../../../../lib/uuid.ts";
import { settingOf } from "./setting.ts";

function errors({ results }: { readonly results: readonly { readonly error: string }[] }): string[] {
  return results.map(({ error }) => error);
}

Deno.test("topics are deleted by name or by id, each of them once", () => {
  const setting = settingOf(1, "a", "b", "c");
  const id = (name: string) => setting.image.topics.get(name)!.topicId;
  const decision = deleteTopics(setting, [
    { name: "a", topicId: ZERO_UUID },
    { name: null, topicId: id("b") },
    { name: "nope", topicId: ZERO_UUID },
    { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAAg" },
    { name: null, topicId: ZERO_UUID },
    { name: "c", topicId: id("c") },
  ]);
  assertEquals(errors(decision), [
    "NONE",
    "NONE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "INVALID_REQUEST",
    "INVALID_REQUEST",
  ]);
  assertEquals(decision.results.slice(0, 2).map(({ name, topicId }) => [name, topicId]), [["a", id("a")], [
    "b",
    id("b"),
  ]]);
  assertEquals([...replay(setting.image, decision.records).topics.keys()], ["c"]);
});

Deno.test("a topic named twice, by name and by id, is not deleted", () => {
  const setting = settingOf(1, "a");
  const { topicId } = setting.image.topics.get("a")!;
  const decision = deleteTopics(setting, [{ name: "a", topicId: ZERO_UUID }, { name: null, topicId }]);
  assertEquals([errors(decision), decision.records], [["INVALID_REQUEST", "INVALID_REQUEST"], []]);
});

Deno.test("delete.topic.enable=false", () => {
  const setting: Setting = { ...settingOf(1, "a"), properties: { "delete.topic.enable": "false" } };
  assertEquals(errors(deleteTopics(setting, [{ name: "a", topicId: ZERO_UUID }])), ["TOPIC_DELETION_DISABLED"]);
});

Deno.test("partitions only grow", () => {
  const setting = settingOf(2, "a", "b");
  const grow = (name: string, count: number, assignments: number[][] | null = null) =>
    createPartitions(setting, [{ name, count, assignments }], false);
  assertEquals(errors(grow("a", 1)), ["INVALID_PARTITIONS"]);
  assertEquals(errors(grow("a", -1)), ["INVALID_PARTITIONS"]);
  assertEquals(errors(grow("nope", 3)), ["UNKNOWN_TOPIC_OR_PARTITION"]);
  assertEquals(errors(grow("a", 20_000)), ["POLICY_VIOLATION"]);
  const both = ["a", "b"].map((name) => ({ name, count: 6_000, assignments: null }));
  assertEquals(errors(createPartitions(setting, both, false)), ["NONE", "POLICY_VIOLATION"]);
  assertEquals(errors(grow("a", 3, [[1]])), ["INVALID_REPLICA_ASSIGNMENT"]);
  assertEquals(errors(grow("a", 2, [[1, 2]])), ["INVALID_REPLICA_ASSIGNMENT"]);
  assertEquals(errors(grow("a", 2, [[7]])), ["INVALID_REPLICA_ASSIGNMENT"]);
  const grown = replay(setting.image, grow("a", 3, [[2], [1]]).records).topics.get("a")!;
  assertEquals(grown.partitions.slice(1).map(({ partition, leader }) => [partition, leader]), [[1, 2], [2, 1]]);
  assertEquals(replay(setting.image, grow("b", 4).records).topics.get("b")!.partitions.length, 4);
  const twice = createPartitions(
    setting,
    ["a", "a", "b"].map((name) => ({ name, count: 2, assignments: null })),
    false,
  );
  assertEquals(errors(twice), ["INVALID_REQUEST", "INVALID_REQUEST", "NONE"]);
});

function change(resourceType: "topic" | "broker", resourceName: string, name: string, value: string): ConfigChange {
  return { resourceType, resourceName, operations: [{ name, operation: "set", value }], replaceAll: false };
}

Deno.test("configs change for topics, one broker, or all brokers that there are", () => {
  const setting = settingOf(1, "a");
  const decision = alterConfigs(setting, [
    change("topic", "a", "retention.ms", "1"),
    change("broker", "1", "log.retention.ms", "2"),
    change("broker", "", "log.retention.ms", "3"),
    change("topic", "nope", "retention.ms", "1"),
    change("topic", "", "retention.ms", "1"),
    change("broker", "7", "log.retention.ms", "1"),
    change("broker", "01", "log.retention.ms", "1"),
    change("broker", "99", "num.partitions", "1"),
  ], false);
  assertEquals(errors(decision), [
    "NONE",
    "NONE",
    "NONE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_REQUEST",
    "BROKER_ID_NOT_REGISTERED",
    "INVALID_REQUEST",
    "INVALID_REQUEST",
  ]);
  const { configs } = replay(setting.image, decision.records);
  assertEquals([...configs.keys()].sort(), ["broker/", "broker/1", "topic/a"]);
  const twice = [change("topic", "a", "retention.ms", "1"), change("topic", "a", "flush.ms", "1")];
  assertEquals(errors(alterConfigs(setting, twice, false)), ["INVALID_REQUEST", "INVALID_REQUEST"]);
});

Deno.test("a topic's append begins at the default that brokers were told to have", () => {
  const setting = settingOf(1, "a");
  const told = alterConfigs(setting, [change("broker", "", "log.cleanup.policy", "compact")], false);
  const image = replay(setting.image, told.records);
  const append = {
    resourceType: "topic" as const,
    resourceName: "a",
    operations: [{ name: "cleanup.policy", operation: "append" as const, value: "delete" }],
    replaceAll: false,
  };
  const decision = alterConfigs({ ...setting, image }, [append], false);
  assertEquals(replay(image, decision.records).configs.get("topic/a")?.get("cleanup.policy"), "compact,delete");
});
