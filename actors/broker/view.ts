/**
 * Small look-ups over what a broker knows of its cluster, shared by the request handlers.
 *
 * @module
 */
import type { Ref } from "../actor.ts";
import { refOf } from "../address.ts";
import type { BrokerImage, PartitionImage, TopicImage } from "../controller/protocol.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { ReplicaProtocol } from "../partition/protocol.ts";
import { REPLICA } from "../partition/protocol.ts";
import type { BrokerView } from "./protocol.ts";

/** Kafka's way of saying that nobody asked which operations are allowed. */
export const OPERATIONS_NOT_ASKED = -2147483648;

/** Without access control everything is allowed: the bits of every operation that there is for a kind of resource. */
function operations(...codes: readonly number[]): number {
  return codes.reduce((bits, code) => bits | 1 << code, 0);
}

/** READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS. */
export const TOPIC_OPERATIONS: number = operations(3, 4, 5, 6, 7, 8, 10, 11);
/** READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS. */
export const GROUP_OPERATIONS: number = operations(3, 6, 8, 10, 11);
/** CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE. */
export const CLUSTER_OPERATIONS: number = operations(5, 7, 8, 9, 10, 11, 12);

/** The topic by its id where the request has one, else by its name. */
export function findTopic(view: BrokerView, name: string | null, topicId: string): TopicImage | undefined {
  const known = topicId === ZERO_UUID ? name : view.image.topicNames.get(topicId);
  return known === null || known === undefined ? undefined : view.image.topics.get(known);
}

/** A partition that this broker leads or holds, or why it cannot serve the request. */
export type LocatedPartition =
  | { readonly error: "NONE"; readonly partition: PartitionImage; readonly replica: Ref<ReplicaProtocol> }
  | { readonly error: Exclude<ErrorName, "NONE">; readonly partition: PartitionImage | undefined };

/**
 * Finds a partition that this broker leads. Where nobody does, a replica here may know why better than the image: its disk has failed.
 */
export function ledPartition(view: BrokerView, topic: TopicImage | undefined, index: number): LocatedPartition {
  return locate(
    view,
    topic,
    index,
    ({ leader, replicas }) => leader === view.brokerId || (leader < 0 && replicas.includes(view.brokerId)),
  );
}

/** Finds a partition that this broker has a replica of. */
export function heldPartition(view: BrokerView, topic: TopicImage | undefined, index: number): LocatedPartition {
  return locate(view, topic, index, ({ replicas }) => replicas.includes(view.brokerId));
}

function locate(
  view: BrokerView,
  topic: TopicImage | undefined,
  index: number,
  isHere: (partition: PartitionImage) => boolean,
): LocatedPartition {
  const partition = topic?.partitions[index];
  if (topic === undefined || partition === undefined) {
    return { error: "UNKNOWN_TOPIC_OR_PARTITION", partition: undefined };
  }
  if (!isHere(partition)) return { error: "NOT_LEADER_OR_FOLLOWER", partition };
  return { error: "NONE", partition, replica: replicaRef(view, topic.name, index) };
}

/**
 * Followers in the rack of a reader (KIP-392), of a partition that this broker leads from another rack. As in Kafka's rack-aware
 * selector, whoever is in sync and not fenced will do.
 */
export function nearerReplicas(view: BrokerView, { leader, isr }: PartitionImage, rackId: string): readonly number[] {
  const { brokers } = view.image;
  if (rackId === "" || leader !== view.brokerId || brokers.get(leader)?.rack === rackId) return [];
  return isr.filter((id) => brokers.get(id)?.rack === rackId && brokers.get(id)?.fenced === false);
}

/** Who leads a partition, by the newer of what a replica has told and what this broker knows by now (KIP-951). */
export function newestLeader(
  known: PartitionImage | undefined,
  told: { readonly leader: number; readonly leaderEpoch: number },
): { readonly leaderId: number; readonly leaderEpoch: number } {
  const { leader, leaderEpoch } = known !== undefined && known.leaderEpoch > told.leaderEpoch ? known : told;
  return { leaderId: leader, leaderEpoch };
}

/** The replica of a partition on this broker. */
export function replicaRef(view: BrokerView, topic: string, partition: number): Ref<ReplicaProtocol> {
  return refOf(view.brokerId, REPLICA.kind, `${topic}-${partition}`);
}

/** Brokers that clients may talk to, by id. */
export function liveBrokers(view: BrokerView): BrokerImage[] {
  return [...view.image.brokers.values()].filter((broker) => !broker.fenced).sort((a, b) => a.id - b.id);
}

/** Where some brokers are, for hints to clients that asked the wrong one (KIP-951). */
export function endpointsOf(
  view: BrokerView,
  ids: Iterable<number>,
): { nodeId: number; host: string; port: number; rack: string | null }[] {
  return [...ids].flatMap((id) => {
    const broker = view.image.brokers.get(id);
    return broker === undefined ? [] : [{ nodeId: id, ...broker.endpoint, rack: broker.rack }];
  });
}

/** A live broker to name as the controller: every broker takes admin requests and passes them on. */
export function controllerId(view: BrokerView): number {
  return view.image.brokers.get(view.brokerId)?.fenced === false ? view.brokerId : liveBrokers(view)[0]?.id ?? -1;
}
