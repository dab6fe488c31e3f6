/**
 * FindCoordinator (key 10), versions 0–6: who coordinates a group, a transactional id or a share group.
 *
 *     group id ──hash──▶ partition of __consumer_offsets ──metadata──▶ its leader, where Metadata says that it is
 *
 * Versions 0–3 name one key, from version 4 on there is one answer per key, however often it is named, which echoes it (KIP-699); on errors
 * the node is -1 with an empty host and port -1. Version 6 adds share groups (KIP-932). An unknown key type is INVALID_REQUEST.
 *
 * - The first who asks makes the topic. Kafka answers COORDINATOR_NOT_AVAILABLE meanwhile, and clients ask again; here creation takes
 *   milliseconds, so the answer waits for it. It is COORDINATOR_NOT_AVAILABLE while there are fewer brokers than the topic is to have replicas.
 * - When the link to a leader was lost a moment ago, the answer waits until it is known whether it leads on (see `suspects.ts`).
 * - A leader that is cut off (see `isolation.ts`) does not name itself: another may coordinate by now, and the client had better ask elsewhere.
 * - Transactional ids and share groups have no coordinators yet: COORDINATOR_NOT_AVAILABLE.
 *
 * @module
 */
import { numberOf, resolveBrokerConfig } from "../../../protocol/configs/resolve.ts";
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { findCoordinator as table } from "../../../protocol/tables/groups.ts";
import type { Answer } from "../../actor.ts";
import type { NewTopic, PartitionImage } from "../../controller/protocol.ts";
import { groupPartition, OFFSETS_TOPIC } from "../../group/protocol.ts";
import { layersOf } from "../broker_configs.ts";
import type { Exchange } from "../handler.ts";
import { gather, handler } from "../handler.ts";
import { offsetsReplicas } from "../offsets_topic.ts";
import type { BrokerView } from "../protocol.ts";
import { replicaRef } from "../view.ts";

type FindCoordinator = typeof table;
type Found = NonNullable<ResponseInput<FindCoordinator>["coordinators"]>[number];
type Located = Omit<Found, "key">;

const GROUP = 0;
const KEY_TYPES = ["group", "transactional id", "share group"];
const NOWHERE = { nodeId: -1, host: "", port: -1 };
/** How long an answer waits for the topic that it has asked to be created. */
const CREATE_PATIENCE_MS = 5_000;
/** A doubt about a leader is over far sooner. */
const DOUBT_PATIENCE_MS = 1_000;

/** Serves FindCoordinator. */
export const findCoordinator = handler(table, 0, 6, (request, exchange) => {
  const { keyType } = request;
  const keys = exchange.version < 4 ? [request.key] : [...new Set(request.coordinatorKeys)];
  const highest = exchange.version >= 6 ? 2 : 1;
  if (keyType < 0 || keyType > highest) {
    const message = `Key type ${keyType} is not known in version ${exchange.version}.`;
    return respond(keys, () => failed("INVALID_REQUEST", message), exchange);
  }
  if (keyType !== GROUP) {
    const message = `This broker does not coordinate any ${KEY_TYPES[keyType]} yet.`;
    return respond(keys, () => failed("COORDINATOR_NOT_AVAILABLE", message), exchange);
  }
  whenThere(exchange, (missing) => {
    if (missing !== undefined) return respond(keys, () => failed("COORDINATOR_NOT_AVAILABLE", missing), exchange);
    whenSure(keys, exchange, () => {
      cutOffOf(keys, exchange, (cutOff) => {
        respond(keys, (groupId) => locate(exchange.view, groupId, cutOff), exchange);
      });
    });
  });
});

/** Goes on when there is the topic that groups are kept in, or with a sentence that says why there is none. */
function whenThere(exchange: Exchange<FindCoordinator>, then: (missing: string | undefined) => void): void {
  if (exchange.view.image.topics.has(OFFSETS_TOPIC)) return then(undefined);
  const message = { topics: [offsetsTopic(exchange.view)], validateOnly: false, timeoutMs: CREATE_PATIENCE_MS };
  exchange.askController("createTopics", message, (answer) => {
    if (exchange.view.image.topics.has(OFFSETS_TOPIC)) return then(undefined);
    const why = answer.ok ? answer.value[0]?.message : null;
    then(why ?? `${OFFSETS_TOPIC} is being created.`);
  }, CREATE_PATIENCE_MS);
}

/** The topic as it is to be. Who asks first does so perhaps while the cluster starts: how many have registered by then decides nothing for ever. */
function offsetsTopic(view: BrokerView): NewTopic {
  const config = (name: string) => resolveBrokerConfig(name, layersOf(view));
  return {
    name: OFFSETS_TOPIC,
    partitions: numberOf(config("offsets.topic.num.partitions")),
    replicationFactor: offsetsReplicas(layersOf(view), brokersToBe(view)),
    assignments: [],
    configs: [
      { name: "cleanup.policy", value: "compact" },
      { name: "segment.bytes", value: config("offsets.topic.segment.bytes").value },
      { name: "compression.type", value: "producer" },
    ],
  };
}

/** Of voters it is known that they will be there. */
function brokersToBe({ image, voters }: BrokerView): number {
  return new Set([...image.brokers.keys(), ...voters]).size;
}

/** Goes on when no leader that is to be named is in doubt. */
function whenSure(groupIds: readonly string[], exchange: Exchange<FindCoordinator>, then: () => void): void {
  const { view } = exchange;
  if (view.suspects.size === 0) return then();
  const leaders = groupIds.map((groupId) => partitionOf(view, groupId)?.leader ?? -1);
  const nodes = [...new Set(leaders)].filter((leader) => view.suspects.has(leader));
  if (nodes.length === 0) return then();
  exchange.ask(exchange.broker, "whenSure", { nodes }, then, DOUBT_PATIENCE_MS);
}

/** Goes on with those of the groups' partitions that this broker leads and is cut off with. */
function cutOffOf(
  groupIds: readonly string[],
  exchange: Exchange<FindCoordinator>,
  then: (cutOff: ReadonlySet<number>) => void,
): void {
  const { view } = exchange;
  if (!view.isIsolated) return then(new Set());
  const led = [...new Set(groupIds.map((groupId) => partitionOf(view, groupId)))]
    .flatMap((partition) => partition?.leader === view.brokerId ? partition : []);
  const questions = led.map(({ partition, leaderEpoch }) => (then: (answer: Answer<ErrorName>) => void) =>
    exchange.ask(replicaRef(view, OFFSETS_TOPIC, partition), "confirm", { leaderEpoch }, then)
  );
  gather(questions, (answers) => {
    const cutOff = led.filter((_, index) => !(answers[index]!.ok && answers[index]!.value === "NONE"));
    then(new Set(cutOff.map(({ partition }) => partition)));
  });
}

function locate(view: BrokerView, groupId: string, cutOff: ReadonlySet<number>): Located {
  const partition = partitionOf(view, groupId);
  const leader = view.image.brokers.get(partition?.leader ?? -1);
  if (partition === undefined || leader === undefined || leader.fenced || cutOff.has(partition.partition)) {
    return failed("COORDINATOR_NOT_AVAILABLE", `The partition of ${OFFSETS_TOPIC} has no leader.`);
  }
  const { id: nodeId, endpoint: { host, port } } = leader;
  return { nodeId, host, port, errorCode: errorCode("NONE"), errorMessage: null };
}

function partitionOf(view: BrokerView, groupId: string): PartitionImage | undefined {
  const partitions = view.image.topics.get(OFFSETS_TOPIC)?.partitions ?? [];
  return partitions[groupPartition(groupId, partitions.length)];
}

function failed(error: ErrorName, errorMessage: string): Located {
  return { ...NOWHERE, errorCode: errorCode(error), errorMessage };
}

function respond(keys: readonly string[], of: (key: string) => Located, exchange: Exchange<FindCoordinator>): void {
  if (exchange.version < 4) exchange.reply(of(keys[0]!));
  else exchange.reply({ coordinators: keys.map((key) => ({ key, ...of(key) })) });
}
