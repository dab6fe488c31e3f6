/**
 * DescribeTopicPartitions (key 75), version 0: topics in the order of their names, a page of partitions at a time (KIP-966).
 *
 * No topics mean all of them. A page holds at most as many partitions as the request and `max.request.partition.size.limit`
 * allow; where it ends, the cursor says at which topic and partition to go on. A topic that went away in between is passed
 * over.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { describeTopicPartitions as table } from "../../../protocol/tables/metadata.ts";
import { INTERNAL_TOPICS, refuseTopicName } from "../../../protocol/topic_names.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import type { PartitionImage, TopicImage } from "../../controller/protocol.ts";
import { brokerInt } from "../broker_configs.ts";
import { handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";
import { liveBrokers, OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "../view.ts";

type Describe = typeof table;
type Topic = ResponseInput<Describe>["topics"][number];
type Partition = Topic["partitions"][number];

/** Serves DescribeTopicPartitions. */
export const describeTopicPartitions = handler(table, 0, 0, (request, exchange) => {
  const { cursor } = request;
  if (cursor !== null && cursor.partitionIndex < 0) {
    return exchange.reply({ topics: request.topics.map(({ name }) => failed(name, "INVALID_REQUEST")) });
  }
  exchange.reply(page(request, exchange.view));
});

function page(
  { topics: asked, cursor, responsePartitionLimit }: Request<Describe>,
  view: BrokerView,
): ResponseInput<Describe> {
  const live = new Set(liveBrokers(view).map(({ id }) => id));
  const limit = brokerInt(view, "max.request.partition.size.limit");
  let room = Math.max(1, Math.min(responsePartitionLimit, limit));
  const topics: Topic[] = [];
  for (const name of namesFrom(asked, cursor?.topicName ?? "", view)) {
    const topic = view.image.topics.get(name);
    if (topic === undefined) {
      topics.push(
        failed(name, refuseTopicName(name) === null ? "UNKNOWN_TOPIC_OR_PARTITION" : "INVALID_TOPIC_EXCEPTION"),
      );
      continue;
    }
    if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const first = name === cursor?.topicName ? cursor.partitionIndex : 0;
    const partitions = topic.partitions.slice(first, first + room);
    topics.push(described(topic, partitions.map((partition) => describePartition(partition, live))));
    room -= partitions.length;
    const next = first + partitions.length;
    if (next < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: next } };
  }
  return { topics, nextCursor: null };
}

function namesFrom(asked: Request<Describe>["topics"], first: string, { image }: BrokerView): string[] {
  const names = asked.length === 0 ? image.topics.keys() : new Set(asked.map(({ name }) => name));
  return [...names].filter((name) => name >= first).sort((a, b) => (a < b ? -1 : 1));
}

function described({ name, topicId }: TopicImage, partitions: readonly Partition[]): Topic {
  return {
    errorCode: 0,
    name,
    topicId,
    isInternal: INTERNAL_TOPICS.has(name),
    partitions,
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}

function failed(name: string, error: Parameters<typeof errorCode>[0]): Topic {
  return {
    errorCode: errorCode(error),
    name,
    topicId: ZERO_UUID,
    isInternal: INTERNAL_TOPICS.has(name),
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  };
}

function describePartition(partition: PartitionImage, live: ReadonlySet<number>): Partition {
  const led = live.has(partition.leader);
  return {
    errorCode: errorCode(led ? "NONE" : "LEADER_NOT_AVAILABLE"),
    partitionIndex: partition.partition,
    leaderId: led ? partition.leader : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.isr,
    eligibleLeaderReplicas: partition.elr,
    lastKnownElr: partition.lastKnownElr,
    offlineReplicas: partition.replicas.filter((id) => !live.has(id)),
  };
}
