/**
 * What can be said to the controller, and the metadata that it owns.
 *
 * The controller turns every decision into records of the metadata log; everybody else learns of it by replaying them into an
 * image. An image is never changed: replaying makes a new one that shares what stayed the same.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
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
    readonly rack: string | null;
  }
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
  }
  | {
    readonly type: "PartitionChange";
    readonly topicId: string;
    readonly partition: number;
    readonly isr?: readonly number[];
    readonly leader?: number;
    readonly replicas?: readonly number[];
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
  | { readonly type: "ProducerIds"; readonly brokerId: number; readonly nextProducerId: bigint };

export type ConfigResourceType = "topic" | "broker";

export interface BrokerImage {
  readonly id: number;
  readonly epoch: number;
  readonly incarnationId: string;
  readonly endpoint: Endpoint;
  readonly rack: string | null;
  readonly fenced: boolean;
}

export interface PartitionImage {
  readonly partition: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** -1 when nobody leads. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

export interface TopicImage {
  readonly name: string;
  readonly topicId: string;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[];
}

/** The state of the cluster after some record of the metadata log. */
export interface MetadataImage {
  readonly clusterId: string;
  /** Records replayed so far. */
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

/** A broker that follows the metadata log. */
export interface MetadataFollower {
  /**
   * Records from `baseOffset` on, in order, durable. With `snapshot` they make the whole image as of `baseOffset` out of an empty
   * one (`imageOf`); a follower that is behind gets that instead of the history.
   */
  metadata(
    records: {
      readonly baseOffset: number;
      readonly records: readonly MetadataRecord[];
      readonly snapshot?: boolean;
    },
  ): void;
}

/** Everything the controller can be told. Replies to changes come when every live broker has applied them. */
export interface ControllerProtocol {
  /** A broker process introduces itself; what it gets back is its epoch. Its earlier incarnation is fenced. */
  register(
    registration: {
      readonly brokerId: number;
      readonly incarnationId: string;
      readonly endpoint: Endpoint;
      readonly rack: string | null;
      readonly follower: Ref<MetadataFollower>;
    },
  ): ErrorResult & { readonly brokerEpoch: number };
  /** The follower has everything below an offset and wants the rest, now and later; it arrives as `metadata` messages. */
  follow(request: { readonly follower: Ref<MetadataFollower>; readonly fromOffset: number }): void;
  /** A follower has applied all records below `offset`. */
  applied(progress: { readonly brokerId: number; readonly offset: number }): void;
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
  /** From the controller to itself: it has read its log, and calls the brokers that it finds there. */
  recovered(_: void): void;
  /** From the controller to itself: a change has waited for its time to be applied everywhere. */
  expire(wait: number): void;
}

export type ControllerRef = Ref<ControllerProtocol>;

/** For spawning the controller; its name is "controller". */
export const CONTROLLER: ActorKind<ControllerProtocol, { readonly clusterId: string }> = { kind: "controller" };

export { emptyImage, imageOf, replay } from "./image.ts";
