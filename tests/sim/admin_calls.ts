/**
 * An administrator's requests on the wire, and how a broker shows what they have come to.
 *
 * @module
 */
import { ZERO_UUID } from "../../lib/uuid.ts";
import { errorName } from "../../protocol/errors.ts";
import { describeConfigs, incrementalAlterConfigs } from "../../protocol/tables/configs.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import {
  alterPartitionReassignments,
  createPartitions,
  createTopics,
  deleteTopics,
  electLeaders,
} from "../../protocol/tables/topics.ts";
import type { MetadataImage } from "../../actors/controller/protocol.ts";
import type { AdminAnswer, AdminRequest } from "./admin_requests.ts";
import type { CallResult, KafkaClient } from "./client.ts";

const TIMEOUT_MS = 3_000;
const PATIENCE_MS = 4_000;
const SHOW_PATIENCE_MS = 1_000;
const SET = 0;
const TOPIC_RESOURCE = 2;
const MIN_ISR = "min.insync.replicas";

/** What came of a request: "refused" when it never left, "silence" when nobody knows. */
export type Outcome = AdminAnswer | "refused" | "silence";

/** Asks a node for something. */
export function ask(client: KafkaClient, node: number, request: AdminRequest, then: (outcome: Outcome) => void): void {
  const timeoutMs = TIMEOUT_MS;
  /** Of the answer, the code that counts; with the id of the topic where there is one. */
  const heard =
    <T>(read: (body: T) => { readonly errorCode: number; readonly topicId?: string }) =>
    (result: CallResult<T>): void => {
      if (!result.ok) return then(result.why === "refused" ? "refused" : "silence");
      const { errorCode, topicId } = read(result.body);
      then({ error: errorName(errorCode), ...(topicId === undefined ? {} : { topicId }) });
    };
  switch (request.f) {
    case "create": {
      const { topic: name, partitions: numPartitions, replicationFactor, configs } = request;
      const topics = [{ name, numPartitions, replicationFactor, assignments: [], configs }];
      const body = { topics, timeoutMs, validateOnly: false };
      return client.call(node, createTopics, 7, body, PATIENCE_MS, heard(({ topics }) => topics[0]!));
    }
    case "delete": {
      const body = { topics: [{ name: request.topic }], timeoutMs };
      return client.call(node, deleteTopics, 6, body, PATIENCE_MS, heard(({ responses }) => responses[0]!));
    }
    case "configure": {
      const { topic: resourceName, name, value } = request;
      const configs = [{ name, configOperation: SET, value }];
      const resources = [{ resourceType: TOPIC_RESOURCE, resourceName, configs }];
      const body = { resources, validateOnly: false };
      return client.call(node, incrementalAlterConfigs, 1, body, PATIENCE_MS, heard(({ responses }) => responses[0]!));
    }
    case "grow": {
      const { topic: name, count } = request;
      const body = { topics: [{ name, count, assignments: null }], timeoutMs, validateOnly: false };
      return client.call(node, createPartitions, 3, body, PATIENCE_MS, heard(({ results }) => results[0]!));
    }
    case "move": {
      const { topic: name, partition: partitionIndex, replicas } = request;
      const body = { timeoutMs, topics: [{ name, partitions: [{ partitionIndex, replicas }] }] };
      const read = heard<{ errorCode: number; responses: readonly { partitions: readonly { errorCode: number }[] }[] }>(
        (body) => body.responses[0]?.partitions[0] ?? body,
      );
      return client.call(node, alterPartitionReassignments, 0, body, PATIENCE_MS, read);
    }
    case "elect": {
      const { of, isUnclean } = request;
      const topicPartitions = of === null ? null : [{ topic: of.topic, partitions: [of.partition] }];
      const body = { electionType: isUnclean ? 1 : 0, topicPartitions, timeoutMs };
      return client.call(
        node,
        electLeaders,
        2,
        body,
        PATIENCE_MS,
        heard((body) => {
          const one = of === null ? undefined : body.replicaElectionResults[0]?.partitionResult[0];
          return { errorCode: one?.errorCode ?? body.errorCode };
        }),
      );
    }
  }
}

/** Asks a node how a topic is, as {@linkcode topicIn} says it of an image; undefined when it does not say. */
export function showTopic(
  client: KafkaClient,
  node: number,
  topic: string,
  then: (shown: string | undefined) => void,
): void {
  const topics = [{ name: topic, topicId: ZERO_UUID }];
  const body = { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
  client.call(node, metadata, 12, body, SHOW_PATIENCE_MS, (result) => {
    const found = result.ok ? result.body.topics[0] : undefined;
    if (found === undefined) return then(undefined);
    const error = errorName(found.errorCode);
    if (error !== "NONE") return then(error === "UNKNOWN_TOPIC_OR_PARTITION" ? noTopic(topic) : undefined);
    then(asText(topic, found.topicId, found.partitions));
  });
}

/** How a topic is. */
export function topicIn({ topics }: MetadataImage, topic: string): string {
  const found = topics.get(topic);
  if (found === undefined) return noTopic(topic);
  const partitions = found.partitions.map(({ partition, replicas, isr, leaderEpoch }) => (
    { partitionIndex: partition, replicaNodes: replicas, isrNodes: isr, leaderEpoch }
  ));
  return asText(topic, found.topicId, partitions);
}

function noTopic(topic: string): string {
  return `no topic ${topic}`;
}

function asText(
  topic: string,
  topicId: string,
  partitions: readonly {
    readonly partitionIndex: number;
    readonly replicaNodes: readonly number[];
    readonly isrNodes: readonly number[];
    readonly leaderEpoch: number;
  }[],
): string {
  const each = partitions.map(({ partitionIndex, replicaNodes, isrNodes, leaderEpoch }) =>
    `${partitionIndex}: ${replicaNodes} isr ${isrNodes} epoch ${leaderEpoch}`
  );
  return `${topic} (${topicId}) ${each.join("; ")}`;
}

/** Asks a node for a topic's min.insync.replicas, as {@linkcode minIsrIn} says it of an image; undefined when it does not say. */
export function showMinIsr(
  client: KafkaClient,
  node: number,
  topic: string,
  then: (shown: string | undefined) => void,
): void {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configurationKeys: [MIN_ISR] }];
  client.call(node, describeConfigs, 4, { resources }, SHOW_PATIENCE_MS, (result) => {
    const found = result.ok ? result.body.results[0] : undefined;
    if (found === undefined) return then(undefined);
    const error = errorName(found.errorCode);
    if (error === "UNKNOWN_TOPIC_OR_PARTITION") return then(noTopic(topic));
    then(error === "NONE" ? `${topic} has ${MIN_ISR}=${found.configs[0]?.value}` : undefined);
  });
}

/** What a topic's min.insync.replicas is set to. */
export function minIsrIn({ topics, configs }: MetadataImage, topic: string): string {
  if (!topics.has(topic)) return noTopic(topic);
  return `${topic} has ${MIN_ISR}=${configs.get(`topic/${topic}`)?.get(MIN_ISR)}`;
}
