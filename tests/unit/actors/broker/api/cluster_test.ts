import { assert, assertEquals } from "@std/assert";
import { initProducerId } from "../../../../../actors/broker/api/22_init_producer_id.ts";
import { describeLogDirs } from "../../../../../actors/broker/api/35_describe_log_dirs.ts";
import { describeCluster } from "../../../../../actors/broker/api/60_describe_cluster.ts";
import { describeProducers } from "../../../../../actors/broker/api/61_describe_producers.ts";
import { describeTopicPartitions } from "../../../../../actors/broker/api/75_describe_topic_partitions.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { newTopic, partitionOf } from "../records.ts";
import { call, viewOf } from "./fake_exchange.ts";

Deno.test("InitProducerId gives a new id whatever the producer had, and no transactions", () => {
  for (let version = 0; version <= 5; version++) {
    const had = version >= 3 ? { producerId: 0n, producerEpoch: 0 } : {};
    const called = call(initProducerId, version, { transactionalId: null, transactionTimeoutMs: 1, ...had });
    assertEquals([called.questions[0]!.to, called.questions[0]!.verb], ["1/broker/broker", "nextProducerId"]);
    called.questions[0]!.answer({ error: "NONE", producerId: 17n });
    const { errorCode, producerId, producerEpoch } = called.reply;
    assertEquals([errorCode, producerId, producerEpoch], [0, 17n, 0]);
  }
  const refused = (transactionalId: string) => {
    const { reply, questions } = call(initProducerId, 4, { transactionalId, transactionTimeoutMs: 1 });
    return [errorName(reply.errorCode), reply.producerId, reply.producerEpoch, questions.length];
  };
  assertEquals(refused("tx"), ["UNSUPPORTED_VERSION", -1n, -1, 0]);
  assertEquals(refused(""), ["INVALID_REQUEST", -1n, -1, 0]);
  const failed = call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1 });
  failed.questions[0]!.fail("crashed");
  assertEquals(errorName(failed.reply.errorCode), "COORDINATOR_LOAD_IN_PROGRESS");
});

Deno.test("DescribeLogDirs sums up this broker's replicas, all or those asked for", () => {
  const assignments = [[1], [2], [2, 1]].map((brokerIds, partition) => ({ partition, brokerIds }));
  const spread = newTopic("spread", { partitions: -1, replicationFactor: -1, assignments: assignments.slice(0, 2) });
  const view = viewOf({ brokers: 2, topics: [spread, newTopic("both", { replicationFactor: 2 })] });
  for (let version = 1; version <= 5; version++) {
    const all = call(describeLogDirs, version, { topics: null }, view);
    assertEquals(all.questions.map(({ to, verb }) => [to, verb]), [
      ["1/replica/spread-0", "describe"],
      ["1/replica/both-0", "describe"],
    ]);
    all.questions[1]!.answer({ sizeInBytes: 5, highWatermark: 3, endOffset: 3 });
    all.questions[0]!.fail("crashed");
    const [result] = all.reply.results;
    assertEquals([all.reply.errorCode, result!.errorCode, result!.logDir, result!.totalBytes], [0, 0, "/data/1", -1n]);
    assertEquals(result!.topics, [
      { name: "both", partitions: [{ partitionIndex: 0, partitionSize: 5n, offsetLag: 0n, isFutureKey: false }] },
    ]);
  }
  const some = call(describeLogDirs, 4, {
    topics: [[0, 0, 1], [7, 0]].map((partitions) => ({ topic: "spread", partitions })),
  }, view);
  assertEquals(some.questions.map(({ to }) => to), ["1/replica/spread-0"]);
});

Deno.test("DescribeCluster lists live brokers, fenced ones for those who ask", () => {
  const view = viewOf({ brokers: 2 });
  for (let version = 0; version <= 2; version++) {
    const { reply } = call(describeCluster, version, { includeClusterAuthorizedOperations: version > 0 }, view);
    assertEquals(reply.brokers.map(({ brokerId }) => brokerId), [1, 2]);
    assertEquals([reply.errorCode, reply.clusterId, reply.controllerId], [0, "c", 1]);
    assertEquals(reply.clusterAuthorizedOperations, version > 0 ? 8096 : -2147483648);
  }
  const asked = { includeClusterAuthorizedOperations: false, includeFencedBrokers: true };
  const { brokers } = call(describeCluster, 2, asked, view).reply;
  assertEquals(brokers.map(({ brokerId, isFenced }) => [brokerId, isFenced]), [[1, false], [2, false], [99, true]]);
  const typed = (endpointType: number) =>
    errorName(
      call(describeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType }, view).reply.errorCode,
    );
  assertEquals([typed(1), typed(2), typed(3)], ["NONE", "MISMATCHED_ENDPOINT_TYPE", "UNSUPPORTED_ENDPOINT_TYPE"]);
});

Deno.test("DescribeProducers asks the leaders", () => {
  const called = call(
    describeProducers,
    0,
    { topics: [{ name: "t", partitionIndexes: [0, 5, 0] }] },
    viewOf({ topics: ["t"] }),
  );
  const producer = {
    producerId: 9n,
    producerEpoch: 1,
    lastSequence: 4,
    lastTimestamp: 5,
    coordinatorEpoch: -1,
    currentTransactionStartOffset: -1,
  };
  called.questions[0]!.answer({ error: "NONE", producers: [producer] });
  const [found, missing, again] = called.reply.topics[0]!.partitions;
  assertEquals(found!.activeProducers, [
    {
      producerId: 9n,
      producerEpoch: 1,
      lastSequence: 4,
      lastTimestamp: 5n,
      coordinatorEpoch: -1,
      currentTxnStartOffset: -1n,
    },
  ]);
  assertEquals([called.questions.length, errorName(again!.errorCode)], [1, "INVALID_REQUEST"]);
  assertEquals([found!.errorMessage, errorName(missing!.errorCode)], [null, "UNKNOWN_TOPIC_OR_PARTITION"]);
});

interface Cursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

Deno.test("DescribeTopicPartitions: all pages together are everything, once, in order, whatever the page's size", () => {
  const topics = ["c", "a", "b"].map((name, at) => newTopic(name, { partitions: at + 2 }));
  const view = viewOf({ topics });
  const everything = ["a-0", "a-1", "a-2", "b-0", "b-1", "b-2", "b-3", "c-0", "c-1"];
  for (let responsePartitionLimit = 1; responsePartitionLimit <= 10; responsePartitionLimit++) {
    const seen: string[] = [];
    let cursor: Cursor | null = null;
    do {
      const reply: {
        readonly topics: readonly {
          readonly name: string | null;
          readonly partitions: readonly { readonly partitionIndex: number }[];
        }[];
        readonly nextCursor: Cursor | null;
      } = call(describeTopicPartitions, 0, { topics: [], responsePartitionLimit, cursor }, view).reply;
      const page = reply.topics.flatMap(({ name, partitions }) => partitions.map((p) => `${name}-${p.partitionIndex}`));
      assertEquals(page.length, Math.min(responsePartitionLimit, everything.length - seen.length));
      for (const { partitions } of reply.topics) assert(partitions.length > 0, "no topic without its partitions");
      seen.push(...page);
      cursor = reply.nextCursor;
    } while (cursor !== null);
    assertEquals(seen, everything);
  }
});

Deno.test("DescribeTopicPartitions: limits, unknown topics, leaderless partitions, bad cursors", () => {
  const view = viewOf({
    topics: [newTopic("t", { partitions: 3 })],
    properties: { "max.request.partition.size.limit": "2" },
  });
  const asked = (names: readonly string[], more = {}) =>
    call(describeTopicPartitions, 0, { topics: names.map((name) => ({ name })), ...more }, view).reply;
  const { topics, nextCursor } = asked(["t", "nope", "a b", "t"]);
  assertEquals(topics.map(({ name, errorCode, partitions }) => [name, errorName(errorCode), partitions.length]), [
    ["a b", "INVALID_TOPIC_EXCEPTION", 0],
    ["nope", "UNKNOWN_TOPIC_OR_PARTITION", 0],
    ["t", "NONE", 2],
  ]);
  assertEquals(nextCursor, { topicName: "t", partitionIndex: 2 });
  const [bad] = asked(["t"], { cursor: { topicName: "t", partitionIndex: -1 } }).topics;
  assertEquals(errorName(bad!.errorCode), "INVALID_REQUEST");
  const past = asked([], { cursor: { topicName: "s", partitionIndex: 7 } });
  assertEquals(
    past.topics[0]!.partitions.map(({ partitionIndex }) => partitionIndex),
    [0, 1],
    "topic s is gone: t from its start",
  );
  const { topicId } = view.image.topics.get("t")!;
  const leaderless = viewOf({
    records: [
      { type: "Topic", name: "x", topicId },
      partitionOf(topicId, 0, [99, 1], { isr: [], leader: -1, elr: [99], lastKnownElr: [1], leaderEpoch: 4 }),
    ],
  });
  const [partition] = call(describeTopicPartitions, 0, { topics: [] }, leaderless).reply.topics[0]!.partitions;
  assertEquals([errorName(partition!.errorCode), partition!.leaderId, partition!.offlineReplicas], [
    "LEADER_NOT_AVAILABLE",
    -1,
    [99],
  ]);
  const { replicaNodes, isrNodes, eligibleLeaderReplicas, lastKnownElr, leaderEpoch } = partition!;
  assertEquals([replicaNodes, isrNodes, eligibleLeaderReplicas, lastKnownElr], [[99, 1], [], [99], [1]]);
  assertEquals(leaderEpoch, 4);
});
