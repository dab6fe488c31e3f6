import { assert, assertEquals } from "@std/assert";
import { metadata } from "../../../../../actors/broker/api/03_metadata.ts";
import { apiVersionsHandler } from "../../../../../actors/broker/api/18_api_versions.ts";
import { ZERO_UUID } from "../../../../../lib/uuid.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import type { metadata as table } from "../../../../../protocol/tables/metadata.ts";
import { newTopic, partitionOf } from "../records.ts";
import { type Call, Client } from "./client_exchange.ts";
import { viewOf } from "./fake_exchange.ts";

const client = (properties = {}) =>
  new Client({ brokers: 2, topics: ["a", newTopic("b", { partitions: 2 })], properties });
const named = (...names: string[]) => names.map((name) => ({ name }));

/** Per topic answered: its name, its error and how many partitions it has. */
function told(made: Call<typeof table>): unknown[] {
  return made.got.topics.map(({ name, errorCode, partitions }) => [name, errorName(errorCode), partitions.length]);
}

const BOTH = [["a", "NONE", 1], ["b", "NONE", 2]];

Deno.test("null means all topics; empty means all in version 0 and none later", () => {
  for (let version = 0; version <= 13; version++) {
    assertEquals(told(client().call(metadata, version, { topics: [] })), version === 0 ? BOTH : []);
    if (version > 0) assertEquals(told(client().call(metadata, version, { topics: null })), BOTH);
    assertEquals(told(client().call(metadata, version, { topics: named("b") })), [BOTH[1]]);
  }
});

Deno.test("brokers that live are named, one of them as the controller, and who leads what", () => {
  const { brokers, controllerId, clusterId, topics, clusterAuthorizedOperations } = client().call(metadata, 9, {
    topics: named("a"),
  }).got;
  assertEquals(brokers.map(({ nodeId, host, port }) => [nodeId, host, port]), [[1, "h", 1], [2, "h", 1]]); // 99 is fenced
  assertEquals([controllerId, clusterId, clusterAuthorizedOperations], [1, "c", -2147483648]);
  const [partition] = topics[0]!.partitions;
  assertEquals([topics[0]!.isInternal, topics[0]!.topicAuthorizedOperations], [false, -2147483648]);
  assertEquals([partition!.replicaNodes.length, partition!.isrNodes.length, partition!.offlineReplicas], [1, 1, []]);
  assertEquals([partition!.leaderId, partition!.leaderEpoch], [partition!.replicaNodes[0]!, 0]);
});

Deno.test("operations are told to those who ask", () => {
  const { topics, clusterAuthorizedOperations } = client().call(metadata, 9, {
    topics: named("a"),
    includeClusterAuthorizedOperations: true,
    includeTopicAuthorizedOperations: true,
  }).got;
  assert(clusterAuthorizedOperations > 0 && topics[0]!.topicAuthorizedOperations > 0);
});

Deno.test("a partition that nobody leads, and replicas that are not there", () => {
  const asking = client();
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  asking.view = viewOf({
    records: [
      { type: "Topic", name: "lost", topicId },
      partitionOf(topicId, 0, [99, 1, 50], { isr: [1], leader: -1, leaderEpoch: 4 }),
    ],
  });
  const topic = asking.call(metadata, 9, { topics: named("lost") }).got.topics[0]!;
  const [{ errorCode, leaderId, leaderEpoch, offlineReplicas }] = topic.partitions as [typeof topic.partitions[0]];
  assertEquals([topic.errorCode, errorName(errorCode!), leaderId, leaderEpoch], [0, "LEADER_NOT_AVAILABLE", -1, 4]);
  assertEquals(offlineReplicas, [99, 50]);
});

Deno.test("a leader that is fenced cannot be asked: nobody leads, as far as clients are concerned", () => {
  const asking = client();
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  const led = partitionOf(topicId, 0, [99, 2, 1], { leaderEpoch: 4, isr: [99, 2] });
  asking.view = viewOf({ brokers: 2, records: [{ type: "Topic", name: "t", topicId }, led] });
  const topic = asking.call(metadata, 9, { topics: named("t") }).got.topics[0]!;
  const { errorCode, leaderId, leaderEpoch, replicaNodes, isrNodes, offlineReplicas } = topic.partitions[0]!;
  assertEquals([errorName(errorCode), leaderId, leaderEpoch], ["LEADER_NOT_AVAILABLE", -1, 4]);
  assertEquals([replicaNodes, isrNodes, offlineReplicas], [[99, 2, 1], [99, 2], [99]]);
});

Deno.test("who is cut off as the leader of what is asked for mostly hangs up; of four questions it answers one", () => {
  const asking = client();
  const theirs = partitionOf("AAAAAAAAAAAAAAAAAAAAAQ", 0, [2, 1]);
  const onOne = [0, 1].map((partition) => ({ partition, brokerIds: [1] }));
  const records = [{ type: "Topic", name: "theirs", topicId: "AAAAAAAAAAAAAAAAAAAAAQ" } as const, theirs];
  asking.view = {
    ...viewOf({ brokers: 2, topics: [newTopic("mine", { assignments: onOne })], records }),
    isIsolated: true,
  };
  asking.random = () => 4;
  assertEquals(told(asking.call(metadata, 9, { topics: null })), [["mine", "NONE", 2], ["theirs", "NONE", 1]]);
  asking.random = () => 5;
  assertEquals(told(asking.call(metadata, 9, { topics: named("theirs") })), [["theirs", "NONE", 1]]);
  for (const topics of [null, named("mine")]) {
    for (const isCutOff of [true, false]) {
      const asked = asking.call(metadata, 9, { topics });
      asked.answer("describe", "mine-0", { isCutOff: false });
      asked.answer("describe", "mine-1", { isCutOff });
      assertEquals([asked.closed !== undefined, asked.response === undefined], [isCutOff, isCutOff]);
    }
  }
});

Deno.test("from version 12 topics can be asked for by id", () => {
  const asking = client();
  const { topicId } = asking.view.image.topics.get("a")!;
  const other = "AAAAAAAAAAAAAAAAAAAAAg";
  const made = asking.call(metadata, 12, { topics: [{ name: null, topicId }, { name: null, topicId: other }] });
  assertEquals(told(made), [["a", "NONE", 1], [null, "UNKNOWN_TOPIC_ID", 0]]);
  assertEquals(made.got.topics.map(({ topicId }) => topicId), [topicId, other]);
  assertEquals(made.open, []); // an id is never created
});

Deno.test("versions 10 and 11 have room for ids and missing names, but refuse them", () => {
  for (const version of [10, 11]) {
    const asking = client();
    const { topicId } = asking.view.image.topics.get("a")!;
    for (const topic of [{ name: null, topicId: ZERO_UUID }, { name: "a", topicId }]) {
      const made = asking.call(metadata, version, { topics: [topic, { name: "b" }] });
      assertEquals(told(made), [[topic.name ?? "", "INVALID_REQUEST", 0], ["b", "INVALID_REQUEST", 0]]);
    }
  }
});

Deno.test("a topic that is asked for twice is answered once", () => {
  assertEquals(told(client().call(metadata, 9, { topics: named("a", "b", "a") })), BOTH);
});

Deno.test("names that no topic can have, and internal ones, are not created", () => {
  const made = client().call(metadata, 9, { topics: named("not/valid", "", "__consumer_offsets") });
  assertEquals(made.open, []);
  assertEquals(told(made), [
    ["not/valid", "INVALID_TOPIC_EXCEPTION", 0],
    ["", "INVALID_TOPIC_EXCEPTION", 0],
    ["__consumer_offsets", "UNKNOWN_TOPIC_OR_PARTITION", 0],
  ]);
  assertEquals(made.got.topics[2]!.isInternal, true);
});

Deno.test("nothing is created unless the client and the broker both allow it", () => {
  const forbidden = client().call(metadata, 9, { topics: named("new"), allowAutoTopicCreation: false });
  assertEquals(told(forbidden), [["new", "UNKNOWN_TOPIC_OR_PARTITION", 0]]);
  const off = client({ "auto.create.topics.enable": "false" }).call(metadata, 9, { topics: named("new") });
  assertEquals(told(off), [["new", "UNKNOWN_TOPIC_OR_PARTITION", 0]]);
  for (const version of [0, 3, 4]) {
    assertEquals(client().call(metadata, version, { topics: named("new") }).open.length, 1);
  }
});

Deno.test("missing topics are created with the broker's defaults, and the answer has them", () => {
  const asking = client();
  const made = asking.call(metadata, 9, { topics: named("new", "a", "new") });
  const { to, message } = made.question("createTopics");
  assertEquals(to, asking.view.controller);
  assertEquals(message["topics"], [{
    name: "new",
    partitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
  }]);
  asking.view = viewOf({ topics: ["a", newTopic("new", { partitions: 3 })] });
  made.answer("createTopics", "", [{ name: "new", error: "NONE" }]);
  assertEquals(told(made), [["new", "NONE", 3], ["a", "NONE", 1]]);
});

Deno.test("a topic that is being created is LEADER_NOT_AVAILABLE, which clients try again; a refusal is told", () => {
  for (
    const [error, expected] of [
      ["NONE", "LEADER_NOT_AVAILABLE"],
      ["TOPIC_ALREADY_EXISTS", "LEADER_NOT_AVAILABLE"],
      ["REQUEST_TIMED_OUT", "LEADER_NOT_AVAILABLE"],
      ["INVALID_REPLICATION_FACTOR", "INVALID_REPLICATION_FACTOR"],
    ]
  ) {
    const made = client().call(metadata, 9, { topics: named("new") });
    made.answer("createTopics", "", [{ name: "new", error }]);
    assertEquals(told(made), [["new", expected, 0]]);
  }
  for (const failure of ["timeout", "unreachable", "crashed"] as const) {
    const made = client().call(metadata, 9, { topics: named("new") });
    made.fail("createTopics", "", failure);
    assertEquals(told(made), [["new", "LEADER_NOT_AVAILABLE", 0]]);
  }
});

const served = new Map([[0, { min: 3, max: 11 }], [18, { min: 0, max: 4 }], [3, { min: 0, max: 13 }]]);

Deno.test("ApiVersions names what is served, in order; Produce begins at 0 for librdkafka's sake", () => {
  for (let version = 0; version <= 4; version++) {
    const { errorCode, apiKeys, supportedFeatures } = client().call(apiVersionsHandler(served), version, {
      clientSoftwareName: "a",
      clientSoftwareVersion: "1.0-b",
    }).got;
    assertEquals(errorCode, 0);
    assertEquals(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion]), [
      [0, 0, 11],
      [3, 0, 13],
      [18, 0, 4],
    ]);
    assertEquals(supportedFeatures, []);
  }
});

Deno.test("ApiVersions names the feature of the new group protocol where that is served", () => {
  const withGroups = new Map([...served, [68, { min: 0, max: 1 }] as const]);
  const identity = { clientSoftwareName: "a", clientSoftwareVersion: "1" };
  for (const version of [3, 4]) {
    const { supportedFeatures, finalizedFeatures } =
      client().call(apiVersionsHandler(withGroups), version, identity).got;
    assertEquals(supportedFeatures, [{ name: "group.version", minVersion: 0, maxVersion: 1 }]);
    assertEquals(finalizedFeatures, [{ name: "group.version", minVersionLevel: 1, maxVersionLevel: 1 }]);
  }
  assertEquals(client().call(apiVersionsHandler(withGroups), 2, identity).got.supportedFeatures, []);
  assertEquals(client().call(apiVersionsHandler(served), 3, identity).got.finalizedFeatures, []);
});

Deno.test("ApiVersions refuses clients whose name is none, from version 3 on", () => {
  const ask = (version: number, clientSoftwareName: string, clientSoftwareVersion: string) => {
    const made = client().call(apiVersionsHandler(served), version, { clientSoftwareName, clientSoftwareVersion });
    return [errorName(made.got.errorCode), made.got.apiKeys.length];
  };
  for (const name of ["", "-a", "a-", "a b", "a_b", ".a", "é"]) {
    assertEquals(ask(3, name, "1"), ["INVALID_REQUEST", 0]);
    assertEquals(ask(3, "a", name), ["INVALID_REQUEST", 0]);
    assertEquals(ask(2, "", ""), ["NONE", 3]);
  }
  for (const name of ["a", "apache-kafka-java", "1.2.3-rc.1"]) assertEquals(ask(3, name, name), ["NONE", 3]);
});

Deno.test("ApiVersions tells the metadata offset as the features' epoch, which only grows", () => {
  const asking = client();
  const { finalizedFeaturesEpoch } = asking.call(apiVersionsHandler(served), 3, {
    clientSoftwareName: "a",
    clientSoftwareVersion: "1",
  }).got;
  assertEquals(finalizedFeaturesEpoch, BigInt(asking.view.image.offset));
});
