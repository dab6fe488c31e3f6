/**
 * Metadata (key 3), versions 0–13: brokers, topics, and who leads what.
 *
 * - No topics asked for: v0 an empty list means all, v1+ null means all and an empty list none.
 * - A topic that is not there is created when the client and `auto.create.topics.enable` allow it. Kafka answers
 *   UNKNOWN_TOPIC_OR_PARTITION and lets the client ask again; here creation takes milliseconds, so the answer waits for it
 *   and has the topic. When it takes longer, LEADER_NOT_AVAILABLE asks the client to come again.
 * - When the link to a leader was lost a moment ago, the answer waits until it is known whether it leads on.
 * - When this broker is cut off as the leader of what is asked for, it mostly closes the connection instead of naming itself: some clients ask
 *   whomever they are connected to, again and again, and would never hear from the others who leads by now.
 * - v10 topic ids, v12 topics by id. The controller named is a live broker: every broker takes admin requests.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { metadata as table } from "../../../protocol/tables/metadata.ts";
import { INTERNAL_TOPICS, refuseTopicName } from "../../../protocol/topic_names.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import type { Answer } from "../../actor.ts";
import type { TopicImage, TopicResult } from "../../controller/protocol.ts";
import type { ReplicaDescription } from "../../partition/protocol.ts";
import { brokerBoolean } from "../broker_configs.ts";
import type { Exchange } from "../handler.ts";
import { gather, handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";
import {
  CLUSTER_OPERATIONS,
  controllerId,
  findTopic,
  liveBrokers,
  OPERATIONS_NOT_ASKED,
  replicaRef,
  TOPIC_OPERATIONS,
} from "../view.ts";

type Metadata = typeof table;
type Topic = ResponseInput<Metadata>["topics"][number];
type Wanted = { readonly name: string | null; readonly topicId: string };

/** How long an answer waits for topics that it has just asked to be created. */
const AUTO_CREATE_PATIENCE_MS = 1_000;

/** A doubt about a leader is over far sooner. */
const PATIENCE_MS = 1_000;

/**
 * Of so many requests for what this broker led when it was cut off, one is answered. A client with other brokers to ask soon does; if there
 * are none, it comes back until it may read here what was committed.
 */
const ANSWERED_OF = 4;

/** First version that may name topics by id. */
const BY_ID = 12;

/** Serves Metadata. */
export const metadata = handler(table, 0, 13, (request, exchange) => {
  const { topics } = request;
  if (exchange.version < BY_ID && topics?.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID)) {
    const refused = topics.map(({ name, topicId }) => failed(name ?? "", topicId, "INVALID_REQUEST"));
    return exchange.reply(respond(refused, request, exchange.view));
  }
  const all = topics === null || (exchange.version === 0 && topics.length === 0);
  const missing = all ? [] : missingNames(topics, exchange.view);
  const create = missing.length > 0 && request.allowAutoTopicCreation &&
    brokerBoolean(exchange.view, "auto.create.topics.enable");
  if (!create) {
    return whenSure(
      request,
      all,
      exchange,
      () => unlessCutOff(request, all, exchange, () => answer(request, all, new Map(), exchange)),
    );
  }
  const newTopics = missing.map((name) => ({
    name,
    partitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
  }));
  const message = { topics: newTopics, validateOnly: false, timeoutMs: AUTO_CREATE_PATIENCE_MS };
  exchange.askController("createTopics", message, (reply) => {
    const results = new Map<string, TopicResult | undefined>(missing.map((name) => [name, undefined]));
    if (reply.ok) { for (const result of reply.value) results.set(result.name, result); }
    answer(request, all, results, exchange);
  }, AUTO_CREATE_PATIENCE_MS);
});

/** Goes on when no leader that is to be named is in doubt: see `suspects.ts`. */
function whenSure(request: Request<Metadata>, all: boolean, exchange: Exchange<Metadata>, then: () => void): void {
  const { view } = exchange;
  if (view.suspects.size === 0) return then();
  const nodes = new Set<number>();
  for (const { partitions } of asked(request, all, view)) {
    for (const { leader } of partitions) if (view.suspects.has(leader)) nodes.add(leader);
  }
  if (nodes.size === 0) return then();
  exchange.ask(exchange.broker, "whenSure", { nodes: [...nodes] }, then, PATIENCE_MS);
}

/** Goes on, or closes the connection, if this broker is cut off as the leader of something that is asked for: see `isolation.ts`. */
function unlessCutOff(request: Request<Metadata>, all: boolean, exchange: Exchange<Metadata>, then: () => void): void {
  const { view } = exchange;
  if (!view.isIsolated || exchange.random() % ANSWERED_OF === 0) return then();
  const led = asked(request, all, view).flatMap(({ name, partitions }) =>
    partitions.filter(({ leader }) => leader === view.brokerId).map(({ partition }) =>
      replicaRef(view, name, partition)
    )
  );
  const questions = led.map((replica) => (then: (answer: Answer<ReplicaDescription>) => void) =>
    exchange.ask(replica, "describe", undefined, then)
  );
  gather(questions, (answers) => {
    if (!answers.some((answer) => answer.ok && answer.value.isCutOff)) return then();
    exchange.close("this broker is cut off from the others, who may lead by now what it led");
  });
}

function asked({ topics }: Request<Metadata>, all: boolean, view: BrokerView): TopicImage[] {
  if (all) return [...view.image.topics.values()];
  return (topics ?? []).flatMap(({ name, topicId }) => findTopic(view, name, topicId) ?? []);
}

/** Names that could be created: valid, not there, and not asked for by id. */
function missingNames(topics: readonly Wanted[], view: BrokerView): string[] {
  const names = new Set<string>();
  for (const { name, topicId } of topics) {
    if (name === null || topicId !== ZERO_UUID || view.image.topics.has(name)) continue;
    if (refuseTopicName(name) === null && !INTERNAL_TOPICS.has(name)) names.add(name);
  }
  return [...names];
}

function answer(
  request: Request<Metadata>,
  all: boolean,
  created: ReadonlyMap<string, TopicResult | undefined>,
  exchange: Exchange<Metadata>,
): void {
  const { view } = exchange;
  const withOperations = request.includeTopicAuthorizedOperations;
  const topics = all
    ? [...view.image.topics.values()].map((topic) => describe(topic, view, withOperations))
    : distinct(request.topics ?? []).map((wanted) => lookUp(wanted, created, view, withOperations));
  exchange.reply(respond(topics, request, view));
}

function respond(topics: Topic[], request: Request<Metadata>, view: BrokerView): ResponseInput<Metadata> {
  return {
    throttleTimeMs: 0,
    brokers: [...liveBrokers(view), ...view.departed.values()].map(({ id, endpoint, rack }) => (
      { nodeId: id, ...endpoint, rack }
    )),
    clusterId: view.image.clusterId,
    controllerId: controllerId(view),
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
    errorCode: 0,
  };
}

/** Each topic once, however often it is asked for. */
function distinct(topics: readonly Wanted[]): Wanted[] {
  return [...new Map(topics.map((wanted) => [`${wanted.topicId}/${wanted.name}`, wanted])).values()];
}

function lookUp(
  { name, topicId }: Wanted,
  created: ReadonlyMap<string, TopicResult | undefined>,
  view: BrokerView,
  withOperations: boolean,
): Topic {
  if (topicId !== ZERO_UUID) {
    const topic = view.image.topics.get(view.image.topicNames.get(topicId) ?? "");
    return topic === undefined ? failed(null, topicId, "UNKNOWN_TOPIC_ID") : describe(topic, view, withOperations);
  }
  const topic = view.image.topics.get(name ?? "");
  if (topic !== undefined) return describe(topic, view, withOperations);
  if (name === null || refuseTopicName(name) !== null) return failed(name, topicId, "INVALID_TOPIC_EXCEPTION");
  if (!created.has(name)) return failed(name, topicId, "UNKNOWN_TOPIC_OR_PARTITION");
  const result = created.get(name);
  const error = result?.error ?? "LEADER_NOT_AVAILABLE";
  const soon = error === "NONE" || error === "TOPIC_ALREADY_EXISTS" || error === "REQUEST_TIMED_OUT";
  return failed(name, topicId, soon ? "LEADER_NOT_AVAILABLE" : error);
}

function failed(name: string | null, topicId: string, error: ErrorName): Topic {
  return { errorCode: errorCode(error), name, topicId, isInternal: INTERNAL_TOPICS.has(name ?? ""), partitions: [] };
}

function describe(topic: TopicImage, view: BrokerView, withOperations: boolean): Topic {
  const isLive = (id: number) => view.image.brokers.get(id)?.fenced === false;
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: INTERNAL_TOPICS.has(topic.name),
    partitions: topic.partitions.map((partition) => ({
      errorCode: errorCode(isLive(partition.leader) ? "NONE" : "LEADER_NOT_AVAILABLE"),
      partitionIndex: partition.partition,
      leaderId: isLive(partition.leader) ? partition.leader : -1,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: partition.replicas,
      isrNodes: partition.isr,
      offlineReplicas: partition.replicas.filter((id) => !isLive(id)),
    })),
    topicAuthorizedOperations: withOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED,
  };
}
