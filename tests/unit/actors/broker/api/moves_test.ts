import { assertEquals } from "@std/assert";
import { electLeaders } from "../../../../../actors/broker/api/43_elect_leaders.ts";
import { alterPartitionReassignments } from "../../../../../actors/broker/api/45_alter_partition_reassignments.ts";
import { listPartitionReassignments } from "../../../../../actors/broker/api/46_list_partition_reassignments.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { partitionOf, topicIdOf } from "../records.ts";
import { call, viewOf } from "./fake_exchange.ts";

const NAMED = [{ topic: "a", partitions: [0, 1] }, { topic: "b", partitions: [2] }];
const result = (topic: string, partition: number, error: string) => ({
  topic,
  partition,
  error,
  message: `why ${error}`,
});

Deno.test("ElectLeaders: the preferred ones, from version 1 on unclean ones too; the answer is grouped by topic", () => {
  for (let version = 0; version <= 2; version++) {
    for (const electionType of version === 0 ? [0] : [0, 1]) {
      const called = call(electLeaders, version, { electionType, topicPartitions: NAMED, timeoutMs: 70 });
      const { to, verb, message } = called.questions[0]!;
      assertEquals([to, verb], ["2/controller/controller", "electLeaders"]);
      assertEquals(message, {
        type: electionType === 0 ? "preferred" : "unclean",
        partitions: [{ topic: "a", partition: 0 }, { topic: "a", partition: 1 }, { topic: "b", partition: 2 }],
        timeoutMs: 70,
      });
      const results = [result("a", 0, "NONE"), result("b", 2, "PREFERRED_LEADER_NOT_AVAILABLE")];
      called.questions[0]!.answer([...results, result("a", 1, "ELECTION_NOT_NEEDED")]);
      const told = called.reply.replicaElectionResults.map(({ topic, partitionResult }) => [
        topic,
        partitionResult.map(({ partitionId, errorCode }) => `${partitionId} ${errorName(errorCode)}`),
      ]);
      assertEquals(told, [["a", ["0 NONE", "1 ELECTION_NOT_NEEDED"]], ["b", ["2 PREFERRED_LEADER_NOT_AVAILABLE"]]]);
    }
  }
});

Deno.test("ElectLeaders for all partitions leaves out those that need none", () => {
  const called = call(electLeaders, 2, { topicPartitions: null });
  assertEquals((called.questions[0]!.message as { partitions: unknown }).partitions, null);
  called.questions[0]!.answer([result("a", 0, "ELECTION_NOT_NEEDED"), result("b", 0, "NONE")]);
  assertEquals(called.reply.replicaElectionResults.map(({ topic }) => topic), ["b"]);
});

Deno.test("ElectLeaders: what fails as a whole is said once, in version 0 of each partition", () => {
  const [v0, v1] = [0, 1].map((version) => {
    const called = call(electLeaders, version, { topicPartitions: NAMED });
    called.questions[0]!.fail("unreachable");
    return called.reply;
  });
  assertEquals([errorName(v1!.errorCode), v1!.replicaElectionResults], ["NOT_CONTROLLER", []]);
  const errors = v0!.replicaElectionResults.flatMap(({ partitionResult }) => partitionResult.map((r) => r.errorCode));
  assertEquals(errors.map(errorName), ["NOT_CONTROLLER", "NOT_CONTROLLER", "NOT_CONTROLLER"]);
  const unknown = call(electLeaders, 1, { electionType: 2, topicPartitions: NAMED });
  assertEquals([errorName(unknown.reply.errorCode), unknown.questions], ["INVALID_REQUEST", []]);
});

Deno.test("AlterPartitionReassignments passes moves on, and null calls them off", () => {
  for (let version = 0; version <= 1; version++) {
    const topics = [
      { name: "a", partitions: [{ partitionIndex: 0, replicas: [2, 3] }, { partitionIndex: 1, replicas: null }] },
      { name: "b", partitions: [{ partitionIndex: 5, replicas: [1] }] },
    ];
    const more = version === 0 ? {} : { allowReplicationFactorChange: false };
    const called = call(alterPartitionReassignments, version, { topics, timeoutMs: 80, ...more });
    assertEquals([called.questions[0]!.verb, called.questions[0]!.message], ["reassign", {
      partitions: [
        { topic: "a", partition: 0, replicas: [2, 3] },
        { topic: "a", partition: 1, replicas: null },
        { topic: "b", partition: 5, replicas: [1] },
      ],
      allowReplicationFactorChange: version === 0,
      timeoutMs: 80,
    }]);
    const results = [result("a", 0, "NONE"), result("a", 1, "NO_REASSIGNMENT_IN_PROGRESS")];
    called.questions[0]!.answer([...results, result("b", 5, "UNKNOWN_TOPIC_OR_PARTITION")]);
    const { errorCode, responses, allowReplicationFactorChange } = called.reply;
    assertEquals([errorCode, allowReplicationFactorChange], [0, version === 0]);
    assertEquals(
      responses.map((
        { name, partitions },
      ) => [name, ...partitions.map((p) => [p.partitionIndex, errorName(p.errorCode)])]),
      [["a", [0, "NONE"], [1, "NO_REASSIGNMENT_IN_PROGRESS"]], ["b", [5, "UNKNOWN_TOPIC_OR_PARTITION"]]],
    );
    assertEquals(responses[0]!.partitions[1]!.errorMessage, "why NO_REASSIGNMENT_IN_PROGRESS");
  }
  const failed = call(alterPartitionReassignments, 1, { topics: [] });
  failed.questions[0]!.fail("timeout");
  assertEquals([errorName(failed.reply.errorCode), failed.reply.responses], ["REQUEST_TIMED_OUT", []]);
});

Deno.test("ListPartitionReassignments shows what is being moved, all or what is asked for, each once", () => {
  const [a, b] = [topicIdOf(1), topicIdOf(2)];
  const view = viewOf({
    brokers: 3,
    records: [
      { type: "Topic", name: "a", topicId: a },
      partitionOf(a, 0, [1, 2, 3], { adding: [3], removing: [1] }),
      partitionOf(a, 1, [1, 2]),
      partitionOf(a, 2, [1, 2], { removing: [2] }),
      { type: "Topic", name: "b", topicId: b },
      partitionOf(b, 0, [1]),
    ],
  });
  const listed = (topics: { name: string; partitionIndexes: number[] }[] | null) => {
    const { topics: found, errorCode } = call(listPartitionReassignments, 0, { topics }, view).reply;
    assertEquals(errorCode, 0);
    return found.map(({ name, partitions }) => [name, ...partitions.map(({ partitionIndex }) => partitionIndex)]);
  };
  assertEquals(listed(null), [["a", 0, 2]]);
  assertEquals(listed([{ name: "a", partitionIndexes: [2, 1, 2, 9] }, { name: "gone", partitionIndexes: [0] }]), [[
    "a",
    2,
  ]]);
  assertEquals(listed([]), []);
  const [partition] = call(listPartitionReassignments, 0, { topics: null }, view).reply.topics[0]!.partitions;
  const { replicas, addingReplicas, removingReplicas } = partition!;
  assertEquals([replicas, addingReplicas, removingReplicas], [[1, 2, 3], [3], [1]]);
});
