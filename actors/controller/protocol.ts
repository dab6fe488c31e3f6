/**
 * What can be said to the controller, and the metadata that it owns.
 *
 * The controller turns every decision into records of the metadata log; everybody else learns of it by replaying them into an
 * image. An image is never changed: replaying makes a new one that shares what stayed the same.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { CleanLife } from "../../storage/log.ts";
import type { ActorKind, Ref } from "../actor.ts";

/** An address that clients or nodes can connect to. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The record kinds of the metadata log; names are Kafka's. */
export type MetadataRecord =
  | {
    readonly type: "RegisterBroker";
    readonly brokerId: number;
    readonly incarnationId: string;
    readonly brokerEpoch: number;
    readonly endpoint: Endpoint;
    /** Where other nodes reach this one. */
    readonly nodeEndpoint: Endpoint;
    /** The data folder (KIP-858): another one has none of the old one's records. */
    readonly directoryId: string;
    readonly rack: string | null;
  }
  | { readonly type: "UnregisterBroker"; readonly brokerId: number; readonly brokerEpoch: number }
  /** The broker is about to stop cleanly: it is given no leadership any more. */
  | { readonly type: "ControlledShutdown"; readonly brokerId: number; readonly brokerEpoch: number }
  | { readonly type: "FenceBroker"; readonly brokerId: number; readonly brokerEpoch: number }
  | { readonly type: "UnfenceBroker"; readonly brokerId: number; readonly brokerEpoch: number }
  | { readonly type: "Topic"; readonly name: string; readonly topicId: string }
  | { readonly type: "RemoveTopic"; readonly topicId: string }
  | {
    readonly type: "Partition";
    readonly topicId: string;
    readonly partition: number;
    readonly replicas: readonly number[];
    readonly isr: readonly number[];
    readonly leader: number;
    readonly leaderEpoch: number;
    readonly partitionEpoch: number;
    readonly adding: readonly number[];
    readonly removing: readonly number[];
    readonly elr: readonly number[];
    readonly lastKnownElr: readonly number[];
  }
  /** What is not named stays; naming a leader, even the one before, begins a new leader epoch, and so does `newEpoch`. */
  | {
    readonly type: "PartitionChange";
    readonly topicId: string;
    readonly partition: number;
    readonly isr?: readonly number[];
    readonly leader?: number;
    readonly newEpoch?: boolean;
    readonly replicas?: readonly number[];
    readonly adding?: readonly number[];
    readonly removing?: readonly number[];
    readonly elr?: readonly number[];
    readonly lastKnownElr?: readonly number[];
  }
  /** The first record of the log: which cluster this is. */
  | { readonly type: "Cluster"; readonly clusterId: string }
  /** The first record of each epoch of the log: who leads the quorum. */
  | {
    readonly type: "QuorumLeader";
    readonly leaderId: number;
    readonly epoch: number;
    readonly voters: readonly number[];
  }
  | {
    readonly type: "Config";
    readonly resourceType: ConfigResourceType;
    /** Topic name, broker id as text, or "" for all brokers. */
    readonly resourceName: string;
    readonly name: string;
    /** null removes the setting. */
    readonly value: string | null;
  }
  | { readonly type: "ProducerIds"; readonly brokerId: number; readonly nextProducerId: bigint }
  /** Takes an offset and changes nothing: once it is committed, whoever has written it was still the one to decide. */
  | { readonly type: "NoOp" };

export type ConfigResourceType = "topic" | "broker";

export interface BrokerImage {
  readonly id: number;
  readonly epoch: number;
  readonly incarnationId: string;
  readonly endpoint: Endpoint;
  readonly nodeEndpoint: Endpoint;
  readonly directoryId: string;
  readonly rack: string | null;
  readonly fenced: boolean;
  readonly inControlledShutdown: boolean;
}

export interface PartitionImage {
  readonly partition: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** -1 when nobody leads. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** A reassignment under way (KIP-455): replicas that come, and those that go once they have. Both are among `replicas`. */
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  /** Eligible leader replicas (KIP-966): not in sync, but known to have every committed record. Empty while |ISR| ≥ min ISR. */
  readonly elr: readonly number[];
  /** Who was last known to be eligible when nobody is any more: the last leader. */
  readonly lastKnownElr: readonly number[];
}

export interface TopicImage {
  readonly name: string;
  readonly topicId: string;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[];
}

/** The state of the cluster after some record of the metadata log. */
export interface MetadataImage {
  /** "" until the first record of the log has been replayed. */
  readonly clusterId: string;
  /** Records replayed so far: the offset of the next one in the metadata log. */
  readonly offset: number;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly topics: ReadonlyMap<string, TopicImage>;
  /** Topic names by topic id. */
  readonly topicNames: ReadonlyMap<string, string>;
  /** Dynamic configs by `topic/<name>`, `broker/<id>`, `broker/` (all brokers). */
  readonly configs: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly nextProducerId: bigint;
}

export interface NewTopic {
  readonly name: string;
  /** -1: broker default num.partitions. */
  readonly partitions: number;
  /** -1: broker default default.replication.factor. */
  readonly replicationFactor: number;
  /** Manual placement, by partition; empty for the controller's own. */
  readonly assignments: readonly { readonly partition: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface TopicResult {
  readonly name: string;
  readonly topicId: string;
  readonly error: ErrorName;
  readonly message: string | null;
  /** Of the topic as it is or would be; -1 on error. */
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface ConfigChange {
  readonly resourceType: ConfigResourceType;
  readonly resourceName: string;
  readonly operations: readonly {
    readonly name: string;
    readonly operation: "set" | "delete" | "append" | "subtract";
    readonly value: string | null;
  }[];
  /** Legacy AlterConfigs: what is not named goes back to its default. */
  readonly replaceAll: boolean;
}

export interface ErrorResult {
  readonly error: ErrorName;
  readonly message: string | null;
}

/** Who follows the metadata log: the broker of each node, told by the quorum actor of that node. */
export interface MetadataFollower {
  /**
   * Committed records from `baseOffset` on, in order, in whole batches. With `snapshot` they make the whole image as of `baseOffset`
   * out of an empty one (`imageOf`); a follower that is behind gets that instead of the history.
   */
  metadata(
    records: {
      readonly baseOffset: number;
      readonly records: readonly MetadataRecord[];
      readonly snapshot?: boolean;
    },
  ): void;
  /** Node `controllerId` has the active controller, as of `epoch`; -1 while nobody is known to. Sent at `follow` and at every change. */
  controllerChanged(news: { readonly controllerId: number; readonly epoch: number }): void;
}

/** One partition of one topic. */
export interface PartitionId {
  readonly topicId: string;
  readonly partition: number;
}

/** A partition in the words of its leader, who wants another ISR (AlterPartition, KIP-497, KIP-903). */
export interface IsrChange {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** In whatever order, with the broker epochs that the leader has heard from them in this leader epoch. */
  readonly isr: readonly { readonly brokerId: number; readonly brokerEpoch: number }[];
}

/** What the controller says of it: on NONE the partition as it is now, else why not. */
export interface IsrChangeResult {
  readonly topicId: string;
  readonly partition: number;
  /**
   * NONE (also when the change had been made already), FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION (the partition epoch is another),
   * INELIGIBLE_REPLICA, INVALID_REQUEST, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NEW_LEADER_ELECTED.
   */
  readonly error: ErrorName;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly isr: readonly number[];
}

export interface PartitionResult extends ErrorResult {
  readonly topic: string;
  readonly partition: number;
}

/**
 * Everything the active controller can be told. Replies to changes come when every live broker has applied them. A controller whose
 * quorum has chosen another stops: asks are then answered "crashed" or "unreachable".
 */
export interface ControllerProtocol {
  /**
   * A broker process introduces itself; what it gets back is its epoch. It begins fenced, and is let in by the first heartbeat
   * that has applied its registration. Its earlier incarnation is fenced, and leaves every ISR and ELR where it might have lost something:
   * always if its folder is another, else if it was not stopped cleanly and the topic does not flush before it acknowledges.
   */
  register(
    registration: {
      readonly brokerId: number;
      readonly incarnationId: string;
      readonly endpoint: Endpoint;
      readonly nodeEndpoint: Endpoint;
      readonly directoryId: string;
      readonly rack: string | null;
      /** What the last clean stop wrote into the folder (KIP-966). */
      readonly cleanLife: CleanLife;
      /** The broker actor: when it ends, or its node is gone, the broker is fenced at once. */
      readonly follower: Ref<MetadataFollower>;
    },
  ): ErrorResult & { readonly brokerEpoch: number };
  /**
   * Sent every `broker.heartbeat.interval.ms`; who is silent for `broker.session.timeout.ms` is fenced. STALE_BROKER_EPOCH and
   * BROKER_ID_NOT_REGISTERED mean: register again. With `wantShutDown` leadership is moved away; `shouldShutDown` when that is done.
   */
  heartbeat(
    beat: {
      readonly brokerId: number;
      readonly brokerEpoch: number;
      readonly follower: Ref<MetadataFollower>;
      /** Everything below has been applied. */
      readonly appliedOffset: number;
      /**
       * All partitions whose replica on this broker serves nothing (Kafka's offlineLogDirs): as long as it is named it leads nothing and is
       * in no ISR.
       */
      readonly offline: readonly PartitionId[];
      readonly wantShutDown: boolean;
    },
  ): { readonly error: ErrorName; readonly fenced: boolean; readonly shouldShutDown: boolean };
  /** A broker has applied all records below `offset`; said as soon as it has, and again in the next heartbeat. */
  applied(progress: { readonly brokerId: number; readonly brokerEpoch: number; readonly offset: number }): void;
  /** Leaders on this broker want other ISRs. `error` is for all of them: NONE or STALE_BROKER_EPOCH. Replies when committed. */
  alterPartitions(
    request: { readonly brokerId: number; readonly brokerEpoch: number; readonly changes: readonly IsrChange[] },
  ): { readonly error: ErrorName; readonly results: readonly IsrChangeResult[] };
  /** Elects anew: the preferred leader, or an unclean one where there is none (KIP-460). null: all partitions that need it. */
  electLeaders(
    request: {
      readonly type: "preferred" | "unclean";
      readonly partitions: readonly { readonly topic: string; readonly partition: number }[] | null;
      readonly timeoutMs: number;
    },
  ): readonly PartitionResult[];
  /** Moves partitions to other replicas, or (null) calls a move off (KIP-455). What is under way is in the image. */
  reassign(
    request: {
      readonly partitions: readonly {
        readonly topic: string;
        readonly partition: number;
        readonly replicas: readonly number[] | null;
      }[];
      readonly allowReplicationFactorChange: boolean;
      readonly timeoutMs: number;
    },
  ): readonly PartitionResult[];
  /** Forgets a broker that is fenced (KIP-500); one that lives registers again at its next heartbeat. */
  unregisterBroker(request: { readonly brokerId: number }): ErrorResult;
  createTopics(
    request: { readonly topics: readonly NewTopic[]; readonly validateOnly: boolean; readonly timeoutMs: number },
  ): readonly TopicResult[];
  deleteTopics(
    request: {
      readonly topics: readonly { readonly name: string | null; readonly topicId: string }[];
      readonly timeoutMs: number;
    },
  ): readonly TopicResult[];
  createPartitions(
    request: {
      readonly topics: readonly {
        readonly name: string;
        readonly count: number;
        readonly assignments: readonly (readonly number[])[] | null;
      }[];
      readonly validateOnly: boolean;
      readonly timeoutMs: number;
    },
  ): readonly (ErrorResult & { readonly name: string })[];
  alterConfigs(
    request: { readonly changes: readonly ConfigChange[]; readonly validateOnly: boolean },
  ): readonly (ErrorResult & { readonly resourceType: ConfigResourceType; readonly resourceName: string })[];
  /** A block of producer ids that nobody else will ever get. */
  allocateProducerIds(
    request: { readonly brokerId: number },
  ): ErrorResult & { readonly first: bigint; readonly count: number };
  /** From the controller to itself: time to look for silent brokers. */
  expireSessions(_: void): void;
  /** From the controller to itself: time to look for leaders that are not the preferred ones. */
  balance(_: void): void;
  /** From the controller to itself: a change has waited for its time to be applied everywhere. */
  expire(wait: number): void;
}

export type ControllerRef = Ref<ControllerProtocol>;

/** What a controller is started with, by the quorum actor of its node, each time that is elected. */
export interface ControllerArgs {
  /** The epoch of the quorum in which it is the active one. */
  readonly epoch: number;
  /** Everything committed, which is all that there is in the log: it appends at `image.offset`. */
  readonly image: MetadataImage;
}

/** For spawning the controller; its name is "controller". */
export const CONTROLLER: ActorKind<ControllerProtocol, ControllerArgs> = { kind: "controller" };

export { emptyImage, imageOf, replay, snapshotOf } from "./image.ts";
export { decodeRecord, encodeRecord } from "./records.ts";
