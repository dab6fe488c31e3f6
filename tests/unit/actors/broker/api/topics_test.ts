import { assertEquals } from "@std/assert";
import { createTopics } from "../../../../../actors/broker/api/19_create_topics.ts";
import { deleteTopics } from "../../../../../actors/broker/api/20_delete_topics.ts";
import { deleteRecords } from "../../../../../actors/broker/api/21_delete_records.ts";
import { createPartitions } from "../../../../../actors/broker/api/37_create_partitions.ts";
import { errorCode, type ErrorName, errorName } from "../../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../../lib/uuid.ts";
import { newTopic } from "../records.ts";
import { call, viewOf } from "./fake_exchange.ts";

const ID = "AAAAAAAAAAAAAAAAAAAAAg";

Deno.test("CreateTopics passes on what was asked, and tells what came of it in every version", () => {
  for (let version = createTopics.min; version <= createTopics.max; version++) {
    const topic = {
      name: "t",
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds: [1] }],
      configs: [{ name: "retention.ms", value: "5" }],
    };
    const called = call(createTopics, version, { topics: [topic], timeoutMs: 70, validateOnly: true });
    const [question] = called.questions;
    assertEquals([question!.to, question!.verb, question!.message], ["2/controller/controller", "createTopics", {
      topics: [{
        name: "t",
        partitions: -1,
        replicationFactor: -1,
        assignments: [{ partition: 0, brokerIds: [1] }],
        configs: [{ name: "retention.ms", value: "5" }],
      }],
      validateOnly: true,
      timeoutMs: 70,
    }]);
    question!.answer([{ name: "t", topicId: ID, error: "NONE", message: null, partitions: 1, replicationFactor: 1 }]);
    const [answer] = called.reply.topics;
    assertEquals([answer!.name, answer!.errorCode, answer!.errorMessage], ["t", 0, null]);
    assertEquals(answer!.topicId, version >= 7 ? ID : ZERO_UUID);
    assertEquals([answer!.numPartitions, answer!.replicationFactor], version >= 5 ? [1, 1] : [-1, -1]);
    const configs = new Map(answer!.configs?.map((config) => [config.name, config]));
    assertEquals(configs.get("retention.ms")?.value, version >= 5 ? "5" : undefined);
    assertEquals(configs.get("retention.ms")?.configSource, version >= 5 ? 1 : undefined);
    assertEquals(configs.get("segment.bytes")?.configSource, version >= 5 ? 5 : undefined);
  }
});

Deno.test("a controller that does not answer", () => {
  const topic = { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const failures = {
    unreachable: "NOT_CONTROLLER",
    timeout: "REQUEST_TIMED_OUT",
    crashed: "REQUEST_TIMED_OUT",
  } as const;
  for (const [failure, error] of Object.entries(failures)) {
    const called = call(createTopics, 7, { topics: [topic, topic], timeoutMs: 1, validateOnly: false });
    called.questions[0]!.fail(failure as keyof typeof failures);
    assertEquals(called.reply.topics.map(({ name, errorCode }) => [name, errorName(errorCode)]), [["t", error]]);
  }
  const deleted = call(deleteTopics, 6, { topics: [{ name: null, topicId: ID }], timeoutMs: 1 });
  deleted.questions[0]!.fail("unreachable");
  assertEquals(deleted.reply.responses.map(({ name, topicId }) => [name, topicId]), [[null, ID]]);
  const grown = call(createPartitions, 3, {
    topics: [{ name: "t", count: 3, assignments: null }],
    timeoutMs: 1,
    validateOnly: false,
  });
  grown.questions[0]!.fail("timeout");
  assertEquals(grown.reply.results.map(({ name, errorCode }) => [name, errorName(errorCode)]), [[
    "t",
    "REQUEST_TIMED_OUT",
  ]]);
});

function deleted(version: number, error: ErrorName): [string | null, string] {
  const named = version >= 6 ? { topics: [{ name: "t", topicId: ZERO_UUID }] } : { topicNames: ["t"] };
  const called = call(deleteTopics, version, { ...named, timeoutMs: 5 });
  assertEquals(called.questions[0]!.message, { topics: [{ name: "t", topicId: ZERO_UUID }], timeoutMs: 5 });
  const result = { name: "t", topicId: ID, error, message: "why", partitions: 1, replicationFactor: 1 };
  called.questions[0]!.answer([result]);
  const [response] = called.reply.responses;
  return [response!.name, errorName(response!.errorCode)];
}

Deno.test("DeleteTopics by name, and its older word for 'disabled'", () => {
  for (let version = 1; version <= 6; version++) {
    assertEquals(deleted(version, "NONE"), ["t", "NONE"]);
    const disabled = version < 3 ? "INVALID_REQUEST" : "TOPIC_DELETION_DISABLED";
    assertEquals(deleted(version, "TOPIC_DELETION_DISABLED"), ["t", disabled]);
  }
});

Deno.test("DeleteTopics by id names the topic when it was there", () => {
  const called = call(deleteTopics, 6, {
    topics: [{ name: null, topicId: ID }, { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAAw" }],
    timeoutMs: 5,
  });
  called.questions[0]!.answer([
    { name: "t", topicId: ID, error: "NONE", message: null },
    { name: "", topicId: "AAAAAAAAAAAAAAAAAAAAAw", error: "UNKNOWN_TOPIC_ID", message: "none" },
  ]);
  assertEquals(called.reply.responses, [
    { name: "t", topicId: ID, errorCode: 0, errorMessage: null },
    { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAAw", errorCode: errorCode("UNKNOWN_TOPIC_ID"), errorMessage: "none" },
  ]);
});

Deno.test("CreatePartitions answers for every topic", () => {
  for (let version = 0; version <= 3; version++) {
    const topics = [{ name: "a", count: 3, assignments: [{ brokerIds: [1] }] }, {
      name: "b",
      count: 2,
      assignments: null,
    }];
    const called = call(createPartitions, version, { topics, timeoutMs: 9, validateOnly: false });
    assertEquals(called.questions[0]!.message, {
      topics: [{ name: "a", count: 3, assignments: [[1]] }, { name: "b", count: 2, assignments: null }],
      timeoutMs: 9,
      validateOnly: false,
    });
    called.questions[0]!.answer([
      { name: "a", error: "NONE", message: null },
      { name: "b", error: "INVALID_PARTITIONS", message: "no" },
    ]);
    assertEquals(called.reply.results, [
      { name: "a", errorCode: 0, errorMessage: null },
      { name: "b", errorCode: 37, errorMessage: "no" },
    ]);
  }
});

Deno.test("DeleteRecords asks the leaders, and says why others are not asked", () => {
  const compacted = newTopic("compacted", { configs: [{ name: "cleanup.policy", value: "compact" }] });
  const elsewhere = newTopic("elsewhere", {
    partitions: -1,
    replicationFactor: -1,
    assignments: [{ partition: 0, brokerIds: [2] }],
  });
  const view = viewOf({ brokers: 2, topics: [compacted, elsewhere, "__consumer_offsets", here()] });
  for (let version = 0; version <= 2; version++) {
    const called = call(deleteRecords, version, {
      topics: [
        { name: "here", partitions: [{ partitionIndex: 0, offset: 7n }, { partitionIndex: 1, offset: -1n }] },
        { name: "here", partitions: [{ partitionIndex: 9, offset: 0n }, { partitionIndex: 0, offset: -2n }] },
        ...["compacted", "elsewhere", "__consumer_offsets", "nope"].map((name) => (
          { name, partitions: [{ partitionIndex: 0, offset: 1n }] }
        )),
      ],
      timeoutMs: 50,
    }, view);
    assertEquals(called.questions.map(({ to, message }) => [to, message]), [
      ["1/replica/here-0", { beforeOffset: 7 }],
      ["1/replica/here-1", { beforeOffset: -1 }],
    ]);
    called.questions[1]!.fail("timeout");
    called.questions[0]!.answer({ error: "NONE", lowWatermark: 7 });
    const answers = called.reply.topics.flatMap(({ name, partitions }) =>
      partitions.map((
        { partitionIndex, lowWatermark, errorCode },
      ) => [name, partitionIndex, lowWatermark, errorName(errorCode)])
    );
    assertEquals(answers, [
      ["here", 0, 7n, "NONE"],
      ["here", 1, -1n, "REQUEST_TIMED_OUT"],
      ["here", 9, -1n, "UNKNOWN_TOPIC_OR_PARTITION"],
      ["here", 0, -1n, "OFFSET_OUT_OF_RANGE"],
      ["compacted", 0, -1n, "POLICY_VIOLATION"],
      ["elsewhere", 0, -1n, "NOT_LEADER_OR_FOLLOWER"],
      ["__consumer_offsets", 0, -1n, "INVALID_TOPIC_EXCEPTION"],
      ["nope", 0, -1n, "UNKNOWN_TOPIC_OR_PARTITION"],
    ]);
  }
});

/** Two partitions, both led by broker 1. */
function here() {
  const assignments = [{ partition: 0, brokerIds: [1] }, { partition: 1, brokerIds: [1] }];
  return newTopic("here", { partitions: -1, replicationFactor: -1, assignments });
}
