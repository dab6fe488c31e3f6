import { assertEquals } from "@std/assert";
import { findCoordinator } from "../../../../../actors/broker/api/10_find_coordinator.ts";
import type { BrokerView } from "../../../../../actors/broker/protocol.ts";
import { replay } from "../../../../../actors/controller/protocol.ts";
import { groupPartition, OFFSETS_TOPIC } from "../../../../../actors/group/protocol.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { newTopic, topicsOf } from "../records.ts";
import { call, type Called, viewOf } from "./fake_exchange.ts";

const NOWHERE = { nodeId: -1, host: "", port: -1 };

type View = BrokerView & { image: BrokerView["image"] };

/** Partition p is led by broker p + 1. */
function offsetsTopic(partitions: number) {
  const assignments = Array.from({ length: partitions }, (_, partition) => ({ partition, brokerIds: [partition + 1] }));
  return newTopic(OFFSETS_TOPIC, { partitions: -1, replicationFactor: -1, assignments });
}

function ask(version: number, groupIds: readonly string[], view: BrokerView): Called<typeof findCoordinator.api> {
  return call(findCoordinator, version, version < 4 ? { key: groupIds[0]! } : { coordinatorKeys: groupIds }, view);
}

/** What each key was answered: node, host, port and error. */
function answers({ reply }: Called<typeof findCoordinator.api>, version: number) {
  return (version < 4 ? [reply] : reply.coordinators).map(({ nodeId, host, port, errorCode }) => ({
    nodeId,
    host,
    port,
    error: errorName(errorCode),
  }));
}

Deno.test("the leader of a group's partition coordinates it: one key before version 4, each key by name after", () => {
  const view = viewOf({ brokers: 3, topics: [offsetsTopic(3)] });
  const groupIds = ["orders", "", "billing", "a/b"];
  const located = groupIds.map((groupId) => {
    const { id: nodeId, endpoint } = view.image.brokers.get(groupPartition(groupId, 3) + 1)!;
    return { nodeId, ...endpoint, error: "NONE" };
  });
  assertEquals(new Set(located.map(({ nodeId }) => nodeId)).size, 3); // or it could be one for all
  for (let version = 0; version <= 6; version++) {
    const called = ask(version, groupIds, view);
    assertEquals(answers(called, version), version < 4 ? located.slice(0, 1) : located);
    if (version >= 4) assertEquals(called.reply.coordinators.map(({ key }) => key), groupIds);
    assertEquals(called.questions, []);
  }
});

Deno.test("a partition without a live leader has no coordinator, and those beside it have", () => {
  const leaderless = offsetsTopic(2);
  const assignments = [leaderless.assignments[0]!, { partition: 1, brokerIds: [99] }]; // 99 is fenced
  const view = viewOf({ brokers: 1, topics: [{ ...leaderless, assignments }] });
  const groupIds = ["a", "b"];
  assertEquals(groupIds.map((groupId) => groupPartition(groupId, 2)), [1, 0]);
  const errors = answers(ask(4, groupIds, view), 4).map(({ nodeId, error }) => [nodeId, error]);
  assertEquals(errors, [[-1, "COORDINATOR_NOT_AVAILABLE"], [1, "NONE"]]);
});

Deno.test("the first who asks makes the topic, as the configs have it, and is answered when it is there", () => {
  const properties = {
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "2",
    "offsets.topic.segment.bytes": "1048576",
  };
  const view = viewOf({ brokers: 3, properties }) as { -readonly [K in keyof View]: View[K] };
  const called = ask(4, ["g"], view);
  const [{ verb, message }] = called.questions as [Called<typeof findCoordinator.api>["questions"][number]];
  assertEquals([verb, message], ["createTopics", {
    topics: [{
      name: OFFSETS_TOPIC,
      partitions: 4,
      replicationFactor: 2,
      assignments: [],
      configs: [
        { name: "cleanup.policy", value: "compact" },
        { name: "segment.bytes", value: "1048576" },
        { name: "compression.type", value: "producer" },
      ],
    }],
    validateOnly: false,
    timeoutMs: 5_000,
  }]);
  view.image = replay(view.image, topicsOf(view.image, [offsetsTopic(3)]));
  called.questions[0]!.answer([{ name: OFFSETS_TOPIC, error: "TOPIC_ALREADY_EXISTS", message: "It is there." }]);
  assertEquals(answers(called, 4).map(({ error }) => error), ["NONE"]);
});

Deno.test("while the topic cannot be made nobody coordinates anything, and a small cluster has as many replicas as brokers", () => {
  for (const end of ["refused", "failed"]) {
    const called = ask(5, ["g", "h"], viewOf({ brokers: 1 }));
    const question = called.questions[0]!;
    const { topics: [topic] } = question.message as { topics: [{ replicationFactor: number }] };
    assertEquals(topic.replicationFactor, 2); // broker 99 is fenced, but registered
    if (end === "failed") question.fail("timeout");
    else question.answer([{ name: OFFSETS_TOPIC, error: "INVALID_REPLICATION_FACTOR", message: "Too few brokers." }]);
    const none = { ...NOWHERE, error: "COORDINATOR_NOT_AVAILABLE" };
    assertEquals(answers(called, 5), [none, none]);
    const messages = called.reply.coordinators.map(({ errorMessage }) => errorMessage);
    const why = end === "failed" ? `${OFFSETS_TOPIC} is being created.` : "Too few brokers.";
    assertEquals(messages, [why, why]);
  }
});

Deno.test("a cluster that has just begun to start does not fix fewer replicas than it will have brokers for", () => {
  const factor = (options: Parameters<typeof viewOf>[0]) => {
    const { questions } = ask(4, ["g"], viewOf(options)); // 99 is registered besides
    return (questions[0]!.message as { topics: [{ replicationFactor: number }] }).topics[0].replicationFactor;
  };
  const set = (factor: string) => ({ "offsets.topic.replication.factor": factor });
  assertEquals(factor({ brokers: 1, voters: [1, 2, 3] }), 3);
  assertEquals(factor({ brokers: 1, voters: [1, 2, 3, 4, 5] }), 3);
  assertEquals(factor({ brokers: 1, voters: [1, 99] }), 2); // they are there, and no more are known to come
  assertEquals(factor({ brokers: 3, voters: [1] }), 3);
  assertEquals(factor({ brokers: 1, voters: [1], properties: set("3") }), 3); // said by somebody who knows
  assertEquals(factor({ brokers: 4, voters: [1, 2, 3], properties: set("1") }), 1);
  const records = [{
    type: "Config",
    resourceType: "broker",
    resourceName: "",
    name: Object.keys(set(""))[0]!,
    value: "5",
  }] as const;
  assertEquals(factor({ brokers: 1, voters: [1], records }), 5);
});

Deno.test("a leader whose link was lost a moment ago is named when it is known whether it leads on", () => {
  const view = viewOf({ brokers: 3, topics: [offsetsTopic(3)], suspects: [1, 3] });
  const groupId = ["a", "b", "c", "d"].find((id) => groupPartition(id, 3) === 2)!;
  const called = ask(4, [groupId], view);
  assertEquals(called.questions.map(({ verb, message }) => [verb, message]), [["whenSure", { nodes: [3] }]]);
  called.questions[0]!.answer(true);
  assertEquals(answers(called, 4).map(({ nodeId }) => nodeId), [3]);
});

Deno.test("a broker that is cut off as the leader of a partition does not name itself", () => {
  const view = { ...viewOf({ brokers: 3, topics: [offsetsTopic(3)] }), isIsolated: true };
  const [mine, other] = [0, 1].map((at) => ["a", "b", "c", "d"].find((id) => groupPartition(id, 3) === at)!);
  for (const confirmed of ["NONE", "NOT_LEADER_OR_FOLLOWER", "failed"]) {
    const called = ask(4, [mine!, other!, mine!], view);
    assertEquals(called.questions.map(({ to, verb, message }) => [to, verb, message]), [[
      `1/replica/${OFFSETS_TOPIC}-0`,
      "confirm",
      { leaderEpoch: 0 },
    ]]);
    if (confirmed === "failed") called.questions[0]!.fail("crashed");
    else called.questions[0]!.answer(confirmed);
    const own = confirmed === "NONE" ? [1, "NONE"] : [-1, "COORDINATOR_NOT_AVAILABLE"];
    assertEquals(answers(called, 4).map(({ nodeId, error }) => [nodeId, error]), [own, [2, "NONE"]]); // each key once
  }
});

Deno.test("transactional ids and share groups have no coordinators, and other types of keys are none", () => {
  const view = viewOf({ brokers: 1, topics: [offsetsTopic(1)] });
  const error = (version: number, keyType: number) => {
    const request = version < 4 ? { key: "t", keyType } : { coordinatorKeys: ["t"], keyType };
    const called = call(findCoordinator, version, request, view);
    const [{ nodeId, error }] = answers(called, version) as [ReturnType<typeof answers>[number]];
    return [nodeId, error];
  };
  assertEquals(error(1, 1), [-1, "COORDINATOR_NOT_AVAILABLE"]);
  assertEquals(error(5, 1), [-1, "COORDINATOR_NOT_AVAILABLE"]);
  assertEquals(error(5, 2), [-1, "INVALID_REQUEST"]);
  assertEquals(error(6, 2), [-1, "COORDINATOR_NOT_AVAILABLE"]);
  assertEquals(error(6, 3), [-1, "INVALID_REQUEST"]);
});
