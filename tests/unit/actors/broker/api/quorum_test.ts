import { assertEquals } from "@std/assert";
import { describeQuorum } from "../../../../../actors/broker/api/55_describe_quorum.ts";
import { unregisterBroker } from "../../../../../actors/broker/api/64_unregister_broker.ts";
import type { QuorumDescription } from "../../../../../actors/quorum/protocol.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../../lib/uuid.ts";
import { topicIdOf } from "../records.ts";
import { call, viewOf } from "./fake_exchange.ts";

const LOG = { topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }] };

const QUORUM: QuorumDescription = {
  nodeId: 2,
  role: "leader",
  epoch: 6,
  leaderId: 2,
  highWatermark: 40,
  startOffset: 0,
  endOffset: 42,
  voters: [
    { replicaId: 2, endOffset: 42, lastFetchMs: 1000, lastCaughtUpMs: 1000 },
    { replicaId: 70, endOffset: 41, lastFetchMs: 990, lastCaughtUpMs: -1 },
  ],
  observers: [{ replicaId: 1, endOffset: 40, lastFetchMs: 980, lastCaughtUpMs: 970 }],
};

Deno.test("the quorum is described by its leader: the node that has the controller", () => {
  const view = viewOf({ brokers: 2 });
  for (let version = 0; version <= 2; version++) {
    const called = call(describeQuorum, version, LOG, view);
    assertEquals(called.questions.map(({ to, verb }) => [to, verb]), [["2/quorum/quorum", "describe"]]);
    called.questions[0]!.answer(QUORUM);
    const { errorCode, topics, nodes } = called.reply;
    const [{ partitionIndex, leaderId, leaderEpoch, highWatermark, currentVoters, observers }] = topics[0]!
      .partitions as [
        typeof topics[0]["partitions"][0],
      ];
    assertEquals([errorCode, topics[0]!.topicName, partitionIndex], [0, "__cluster_metadata", 0]);
    assertEquals([leaderId, leaderEpoch, highWatermark], [2, 6, 40n]);
    const told = [...currentVoters, ...observers].map((state) => [state.replicaId, state.logEndOffset]);
    assertEquals(told, [[2, 42n], [70, 41n], [1, 40n]]);
    assertEquals(currentVoters[0]!.lastFetchTimestamp, version >= 1 ? 1000n : -1n);
    assertEquals(observers[0]!.lastCaughtUpTimestamp, version >= 1 ? 970n : -1n);
    const folders = currentVoters.map(({ replicaDirectoryId }) => replicaDirectoryId);
    assertEquals(folders, version >= 2 ? [topicIdOf(1002), ZERO_UUID] : [ZERO_UUID, ZERO_UUID]);
    const listeners = [{ name: "CONTROLLER", host: "node-2", port: 2 }];
    assertEquals(nodes, version >= 2 ? [{ nodeId: 2, listeners }] : []); // 70 has not registered
  }
});

Deno.test("nothing but the metadata log has a quorum", () => {
  for (
    const topics of [
      [{ topicName: "t", partitions: [{ partitionIndex: 0 }] }],
      [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 1 }] }],
      [...LOG.topics, ...LOG.topics],
    ]
  ) {
    const { reply, questions } = call(describeQuorum, 2, { topics });
    assertEquals(questions, []);
    for (const { partitions } of reply.topics) {
      assertEquals(partitions.map(({ errorCode }) => errorName(errorCode)), ["UNKNOWN_TOPIC_OR_PARTITION"]);
    }
    assertEquals(reply.topics.length, topics.length);
  }
});

Deno.test("a quorum without a leader, or whose leader has changed or is silent, is asked for again", () => {
  const failed = (settle: (called: ReturnType<typeof call<typeof describeQuorum.api>>) => void, view = viewOf()) => {
    const called = call(describeQuorum, 2, LOG, view);
    settle(called);
    return errorName(called.reply.errorCode);
  };
  assertEquals(failed(() => {}, { ...viewOf(), controller: undefined }), "NOT_LEADER_OR_FOLLOWER");
  for (const failure of ["unreachable", "crashed"] as const) {
    assertEquals(failed(({ questions }) => questions[0]!.fail(failure)), "NOT_LEADER_OR_FOLLOWER");
  }
  assertEquals(failed(({ questions }) => questions[0]!.fail("timeout")), "REQUEST_TIMED_OUT");
  assertEquals(
    failed(({ questions }) => questions[0]!.answer({ ...QUORUM, role: "follower" })),
    "NOT_LEADER_OR_FOLLOWER",
  );
});

Deno.test("UnregisterBroker asks the controller", () => {
  const called = call(unregisterBroker, 0, { brokerId: 99 });
  const { to, verb, message } = called.questions[0]!;
  assertEquals([to, verb, message], ["2/controller/controller", "unregisterBroker", { brokerId: 99 }]);
  called.questions[0]!.answer({ error: "BROKER_ID_NOT_REGISTERED", message: "no such broker" });
  assertEquals([errorName(called.reply.errorCode), called.reply.errorMessage], [
    "BROKER_ID_NOT_REGISTERED",
    "no such broker",
  ]);
  const silent = call(unregisterBroker, 0, { brokerId: 99 });
  silent.questions[0]!.fail("unreachable");
  assertEquals(errorName(silent.reply.errorCode), "NOT_CONTROLLER");
});
