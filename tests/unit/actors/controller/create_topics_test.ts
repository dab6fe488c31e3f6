import { assert, assertEquals } from "@std/assert";
import { createTopics, MAX_PARTITIONS_PER_REQUEST } from "../../../../actors/controller/create_topics.ts";
import type { Setting } from "../../../../actors/controller/decision.ts";
import type { NewTopic } from "../../../../actors/controller/protocol.ts";
import { replay } from "../../../../actors/controller/image.ts";
import { newTopic, settingOf } from "./setting.ts";

function errorOf(setting: Setting, name: string, more: Partial<NewTopic> = {}): string {
  return createTopics(setting, [newTopic(name, more)], false).results[0]!.error;
}

function assign(...brokerIds: readonly (readonly number[])[]): Partial<NewTopic> {
  return {
    partitions: -1,
    replicationFactor: -1,
    assignments: brokerIds.map((ids, partition) => ({ partition, brokerIds: ids })),
  };
}

Deno.test("names", () => {
  const setting = settingOf(1, "taken", "with.dot");
  for (const name of ["", ".", "..", "a b", "ä", "x".repeat(250)]) {
    assertEquals(errorOf(setting, name), "INVALID_TOPIC_EXCEPTION", name);
  }
  assertEquals(errorOf(setting, "taken"), "TOPIC_ALREADY_EXISTS");
  assertEquals(errorOf(setting, "with_dot"), "INVALID_TOPIC_EXCEPTION");
  assertEquals(errorOf(setting, "with-dot"), "NONE");
  assertEquals(errorOf(setting, "__consumer_offsets"), "NONE");
  assertEquals(errorOf(setting, "__cluster_metadata"), "TOPIC_AUTHORIZATION_FAILED");
});

Deno.test("names that collide or repeat within one request", () => {
  const results =
    createTopics(settingOf(1), ["a.b", "a_b", "c", "d", "c"].map((name) => newTopic(name)), false).results;
  assertEquals(results.map(({ name, error }) => [name, error]), [
    ["a.b", "NONE"],
    ["a_b", "INVALID_TOPIC_EXCEPTION"],
    ["c", "INVALID_REQUEST"],
    ["d", "NONE"],
  ]);
});

Deno.test("partitions and replication factors", () => {
  const setting = settingOf(2);
  assertEquals(errorOf(setting, "t", { partitions: 0 }), "INVALID_PARTITIONS");
  assertEquals(errorOf(setting, "t", { partitions: -2 }), "INVALID_PARTITIONS");
  assertEquals(errorOf(setting, "t", { replicationFactor: 0 }), "INVALID_REPLICATION_FACTOR");
  assertEquals(errorOf(setting, "t", { replicationFactor: 4 }), "INVALID_REPLICATION_FACTOR");
  assertEquals(errorOf(setting, "t", { replicationFactor: 2 }), "NONE");
  assertEquals(
    errorOf(setting, "t", { replicationFactor: 1, configs: [{ name: "min.insync.replicas", value: "3" }] }),
    "NONE",
  );
  assertEquals(errorOf(settingOf(0), "t"), "INVALID_REPLICATION_FACTOR", "the only broker is fenced");
  const properties = { "num.partitions": "7", "default.replication.factor": "2" };
  const defaults = newTopic("t", { partitions: -1, replicationFactor: -1 });
  const [result] = createTopics({ ...setting, properties }, [defaults], false).results;
  assertEquals([result?.partitions, result?.replicationFactor], [7, 2]);
});

Deno.test("a fenced broker counts as a replica, but it is not in sync and does not lead", () => {
  const { records } = createTopics(settingOf(2), [newTopic("t", { partitions: 2, replicationFactor: 3 })], false);
  for (const record of records) {
    if (record.type !== "Partition") continue;
    assertEquals([record.replicas[2], record.isr, record.leader], [
      99,
      record.replicas.slice(0, 2),
      record.replicas[0],
    ]);
  }
});

Deno.test("a broker that is about to stop is given nothing", () => {
  const setting = settingOf(2);
  const brokerEpoch = setting.image.brokers.get(2)!.epoch;
  const image = replay(setting.image, [{ type: "ControlledShutdown", brokerId: 2, brokerEpoch }]);
  const { records } = createTopics({ ...setting, image }, [newTopic("t", { partitions: 4 })], false);
  assertEquals(records.filter((record) => record.type === "Partition").map(({ replicas }) => replicas), [
    [1],
    [1],
    [1],
    [1],
  ]);
  assertEquals(errorOf({ ...setting, image }, "t", { replicationFactor: 3 }), "INVALID_REPLICATION_FACTOR");
  assertEquals(errorOf({ ...setting, image }, "t", assign([2])), "INVALID_REPLICA_ASSIGNMENT");
});

Deno.test("new topics go where there is least, also within one request", () => {
  const setting = settingOf(3, "a");
  const [first] = setting.image.topics.get("a")!.partitions;
  const { records } = createTopics(setting, [newTopic("b"), newTopic("c")], false);
  const leaders = records.flatMap((record) => record.type === "Partition" ? [record.leader] : []);
  assertEquals([first!.leader, ...leaders].toSorted(), [1, 2, 3]);
});

Deno.test("assignments by hand", () => {
  const setting = settingOf(3);
  const wrong: Partial<NewTopic>[] = [
    assign([]),
    assign([1, 1]),
    assign([1], [2, 3]),
    assign([1, 4]),
    assign([99]),
    { ...assign(), assignments: [{ partition: 1, brokerIds: [1] }] },
    { ...assign(), assignments: [{ partition: 0, brokerIds: [1] }, { partition: 0, brokerIds: [2] }] },
  ];
  for (const more of wrong) {
    assertEquals(errorOf(setting, "t", more), "INVALID_REPLICA_ASSIGNMENT", JSON.stringify(more));
  }
  const assignments = [{ partition: 1, brokerIds: [2] }, { partition: 0, brokerIds: [1] }];
  assertEquals(errorOf(setting, "t", { ...assign(), assignments }), "NONE", "in whatever order");
  assertEquals(errorOf(setting, "t", { ...assign([1]), partitions: 1 }), "INVALID_REQUEST");
  assertEquals(errorOf(setting, "t", { ...assign([1]), replicationFactor: 1 }), "INVALID_REQUEST");
  const { records } = createTopics(setting, [newTopic("t", assign([99, 2], [3, 1]))], false);
  const partitions = records.filter((record) => record.type === "Partition");
  assertEquals(partitions.map(({ replicas, isr, leader }) => ({ replicas, isr, leader })), [
    { replicas: [99, 2], isr: [2], leader: 2 }, // the preferred one is fenced
    { replicas: [3, 1], isr: [3, 1], leader: 3 },
  ]);
});

Deno.test("configs", () => {
  const setting = settingOf(1);
  const configured = (name: string, value: string | null) => errorOf(setting, "t", { configs: [{ name, value }] });
  assertEquals(configured("retention.ms", "-2"), "INVALID_CONFIG");
  assertEquals(configured("retention.mss", "2"), "INVALID_CONFIG");
  assertEquals(configured("retention.ms", null), "INVALID_CONFIG");
  assertEquals(configured("retention.ms", "2"), "NONE");
  const configs = [{ name: "retention.ms", value: "2" }];
  const { records } = createTopics(setting, [newTopic("t", { configs })], false);
  assertEquals(records.filter(({ type }) => type === "Config"), [
    { type: "Config", resourceType: "topic", resourceName: "t", name: "retention.ms", value: "2" },
  ]);
});

Deno.test("a request for too much is refused as a whole, before anything is made of it", () => {
  const setting = settingOf(1);
  const huge = [newTopic("a", { partitions: 2 ** 31 - 1 }), newTopic("b")];
  assertEquals(createTopics(setting, huge, false).results.map(({ error }) => error), [
    "POLICY_VIOLATION",
    "POLICY_VIOLATION",
  ]);
  const most = createTopics(setting, [newTopic("a", { partitions: MAX_PARTITIONS_PER_REQUEST })], false);
  assertEquals(most.records.length, MAX_PARTITIONS_PER_REQUEST + 1);
});

Deno.test("one bad topic does not keep the others from being made, and every topic has its own id", () => {
  const { records, results } = createTopics(settingOf(1), ["a", "b b", "c"].map((name) => newTopic(name)), false);
  assertEquals(results.map(({ error }) => error), ["NONE", "INVALID_TOPIC_EXCEPTION", "NONE"]);
  assertEquals(records.filter(({ type }) => type === "Topic").length, 2);
  assert(results[0]!.topicId !== results[2]!.topicId);
});
