/**
 * What can be said to the coordinators of groups, and to the groups.
 *
 * One coordinator actor stands on the leader of each partition of `__consumer_offsets`, for one leader epoch. It reads the partition,
 * gives each group in it an actor of its own, and writes down for them what they decide. A group is event-sourced: its
 * events are the records of that partition, and what it says leaves when they are committed.
 *
 *     connection ──find──▶ coordinator ──spawns──▶ group ──append──▶ journal ──write──▶ coordinator ──append──▶ replica
 *         └────────────────── join, sync, heartbeat, commit … ──▶ group
 *
 * Requests and responses are those of Kafka's tables, so that a group answers what the client's version can carry and handlers only
 * pass it on. Error codes are in the responses.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../protocol/schema.ts";
import type { consumerGroupDescribe, consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import type {
  describeGroups,
  heartbeat,
  joinGroup,
  leaveGroup,
  listGroups,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  syncGroup,
} from "../../protocol/tables/groups.ts";
import type { ActorKind, Ref } from "../actor.ts";
import type { BrokerRef } from "../broker/protocol.ts";
import type { ReplicaRef } from "../partition/protocol.ts";
import type { GroupRecord } from "./records.ts";

/** The topic that groups are kept in. */
export const OFFSETS_TOPIC = "__consumer_offsets";

/**
 * The partition of `__consumer_offsets` that a group is kept in: Java's hash of the id, its sign taken away (of the smallest int, 0),
 * modulo the number of partitions.
 */
export function groupPartition(groupId: string, partitions: number): number {
  let hash = 0;
  for (let at = 0; at < groupId.length; at++) hash = Math.imul(hash, 31) + groupId.charCodeAt(at) | 0;
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitions;
}

// The coordinator of one partition.

/** What a coordinator is started with; it begins to load at once. */
export interface CoordinatorArgs {
  readonly brokerId: number;
  readonly partition: number;
  /** Its whole life is this leader epoch of the partition: everything it reads and writes names it. */
  readonly leaderEpoch: number;
  /** The replica on this broker, which leads. */
  readonly replica: ReplicaRef;
  /** Shows it the metadata: it subscribes as connections do. */
  readonly broker: BrokerRef;
}

/**
 * Why there is no group to be asked: COORDINATOR_LOAD_IN_PROGRESS while the partition (or this group) is read, NOT_COORDINATOR when the
 * epoch is over, GROUP_ID_NOT_FOUND when there is none and none is to be made, INVALID_GROUP_ID.
 */
export type Found = { readonly error: "NONE"; readonly group: GroupRef } | {
  readonly error: Exclude<ErrorName, "NONE">;
  readonly group: null;
};

/** A group in a list. */
export type ListedGroup = NonNullable<ResponseInput<typeof listGroups>["groups"]>[number];

/** Everything a coordinator can be told. */
export interface CoordinatorProtocol {
  /**
   * The group of this id. With `create` it is made when there is none (in memory: it is nothing durable until it writes). While a group that
   * has ended is going, this waits. The ref is good for now: "unreachable" means ask again, three times at most.
   */
  find(request: { readonly groupId: string; readonly create: boolean }): Found;
  /** The groups here, for who wants to ask each of them; COORDINATOR_LOAD_IN_PROGRESS and none while loading. */
  groups(_: void): { readonly error: ErrorName; readonly groups: readonly GroupRef[] };
  /**
   * A group wants what is newer than `after`; the reply waits until there is something. Asking (and not being told) keeps a group that is slow,
   * or that waits for its own writes, from holding up its coordinator: a coordinator never sends to groups, and never asks them.
   */
  news(request: { readonly groupId: string; readonly term: number; readonly after: number }): GroupNews;
  /**
   * From a group's journal: these records are what one turn of `groupId` decided. They go into one batch, after all that was written before,
   * perhaps together with those of other groups. Replies true once they are committed; false when that will never be known: the
   * group's life is over then. A `term` that is not the running one is refused.
   */
  write(
    request: { readonly groupId: string; readonly term: number; readonly records: readonly GroupRecord[] },
  ): boolean;
  /** From a group: it is nothing any more (no members, no offsets), and answers COORDINATOR_LOAD_IN_PROGRESS from now on. */
  retire(request: { readonly groupId: string; readonly term: number }): void;
  /** For tests, the console and the simulator. */
  describe(_: void): {
    readonly phase: "loading" | "active";
    readonly term: number;
    /** Everything below has been replayed or written by this life. */
    readonly endOffset: number;
    readonly groups: readonly string[];
  };
  /** From the coordinator to itself: load on (or again), write what has been gathered, look whether it still may speak for its epoch. */
  tick(what: "load" | "write" | "confirm"): void;
}

export type CoordinatorRef = Ref<CoordinatorProtocol>;

/** For spawning a coordinator; its name is the number of its partition. The broker is its parent. */
export const COORDINATOR: ActorKind<CoordinatorProtocol, CoordinatorArgs> = { kind: "coordinator" };

// A group.

/** What a group is started with. Started a second time, it crashes, and its coordinator reads it anew. */
export interface GroupArgs {
  readonly groupId: string;
  /** Which load of its coordinator it belongs to; its writes name it. */
  readonly term: number;
  readonly coordinator: CoordinatorRef;
  /**
   * What the log has of it, newest per key, without tombstones, in the order of their offsets; every one of them committed. Undefined when it
   * has been taken before: what has happened since is not in it, and nothing holds on to it.
   */
  readonly takeRecords: () => readonly GroupRecord[] | undefined;
  readonly news: GroupNews;
}

/** What a group has to know of the cluster. */
export interface GroupNews {
  /** Grows with every change, in the life of one coordinator. */
  readonly version: number;
  readonly topology: Topology;
  readonly config: GroupConfig;
}

/** Topics as assignors and subscriptions see them: the same object until one of these things changes. */
export interface Topology {
  readonly topics: ReadonlyMap<string, TopologyTopic>;
  /** Names by id. */
  readonly names: ReadonlyMap<string, string>;
}

export interface TopologyTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
  /** By partition, the racks of its replicas, sorted, each once; empty where no broker names one. */
  readonly racks: readonly (readonly string[])[];
}

/** The broker configs that groups obey; the names are those of Kafka, in camel case. */
export interface GroupConfig {
  /** group.coordinator.rebalance.protocols */
  readonly protocols: readonly string[];
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly initialRebalanceDelayMs: number;
  readonly maxSize: number;
  readonly offsetMetadataMaxBytes: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly consumerSessionTimeoutMs: number;
  readonly consumerHeartbeatIntervalMs: number;
  readonly consumerMaxSize: number;
  /** group.consumer.assignors: names, the first is the default. */
  readonly consumerAssignors: readonly string[];
  readonly consumerMigrationPolicy: "disabled" | "downgrade" | "upgrade" | "bidirectional";
  readonly consumerAssignmentIntervalMs: number;
  /** group.consumer.regex.refresh.interval.ms */
  readonly consumerRegexRefreshIntervalMs: number;
  /**
   * For how long after its epoch a coordinator that has been replaced without knowing it may go on answering that all is well, at most; then its
   * broker has missed the controller, and it the replicas. Twice broker.session.timeout.ms.
   */
  readonly deposedMs: number;
  /** What one batch of the partition may have (its max.message.bytes): a decision that is larger is refused before it is made. */
  readonly maxWriteBytes: number;
}

/** Who sent a request. */
export interface GroupClient {
  /** "" when it gave none. */
  readonly id: string;
  /** As Kafka prints it: `/127.0.0.1`. */
  readonly host: string;
}

/** A request with what a group needs beside its body. */
export interface Asked<B> {
  readonly version: number;
  readonly client: GroupClient;
  readonly body: B;
}

/** One group of an OffsetFetch, whatever the version (before 8 the handler makes one of it). */
export interface OffsetFetchAsked {
  readonly memberId: string | null;
  /** -1 when it does not say. */
  readonly memberEpoch: number;
  readonly requireStable: boolean;
  /** null: all that there are. */
  readonly topics: Request<typeof offsetFetch>["groups"][number]["topics"];
}

export type OffsetFetchGroup = NonNullable<ResponseInput<typeof offsetFetch>["groups"]>[number];
export type DescribedGroup = ResponseInput<typeof describeGroups>["groups"][number];
export type DescribedConsumerGroup = ResponseInput<typeof consumerGroupDescribe>["groups"][number];

/** Part of an answer that may have needed a record: without one it is only what the group remembers. */
export interface Written {
  /** A record was written for it, and is committed. Default false. */
  readonly isWritten?: boolean;
}

/** Everything a group can be told. */
export interface GroupProtocol {
  /** Waits for the others: as long as the rebalance timeout of the slowest. A member's later join takes the place of its earlier one. */
  join(request: Asked<Request<typeof joinGroup>>): ResponseInput<typeof joinGroup>;
  /** Waits for the leader's assignment. */
  sync(request: Asked<Request<typeof syncGroup>>): ResponseInput<typeof syncGroup>;
  heartbeat(request: Asked<Request<typeof heartbeat>>): ResponseInput<typeof heartbeat>;
  leave(request: Asked<Request<typeof leaveGroup>>): ResponseInput<typeof leaveGroup>;
  consumerHeartbeat(
    request: Asked<Request<typeof consumerGroupHeartbeat>>,
  ): ResponseInput<typeof consumerGroupHeartbeat>;
  /** Topics are named by name and by the id that the handler knows, whatever the version. */
  commit(request: Asked<Request<typeof offsetCommit>>): ResponseInput<typeof offsetCommit>;
  fetchOffsets(request: Asked<OffsetFetchAsked>): OffsetFetchGroup;
  deleteOffsets(request: Asked<Request<typeof offsetDelete>>): ResponseInput<typeof offsetDelete> & Written;
  describe(request: Asked<void>): DescribedGroup;
  describeConsumer(request: Asked<void>): DescribedConsumerGroup;
  /** DeleteGroups: NONE, NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. */
  remove(_: void): { readonly error: ErrorName; readonly message: string | null } & Written;
  /** What ListGroups shows of it; null when it has nothing that would show. */
  summary(_: void): ListedGroup | null;

  // From the group to itself.

  /** Something has happened a while ago: is it still anything, or is it to retire? */
  idle(_: void): void;
  /** Time to give up offsets that nobody has kept alive for offsets.retention.minutes, and the group with the last of them. */
  expire(_: void): void;
  /** A classic member has not been heard for its session timeout, or has not joined or synced in time. `token` counts what it was set for. */
  memberLate(late: { readonly memberId: string; readonly token: number }): void;
  /** The joining phase is over: its time has passed. */
  joinPhaseOver(_: { readonly generation: number }): void;
  /** Members that joined and have not synced in time are put out. */
  syncPhaseOver(_: { readonly generation: number }): void;
  /** A member of the new protocol has not been heard for its session timeout. */
  sessionOver(_: { readonly memberId: string; readonly memberEpoch: number }): void;
  /** A member of the new protocol has kept partitions that it was to give up, for its whole rebalance timeout. */
  revocationOver(_: { readonly memberId: string; readonly memberEpoch: number }): void;
  /** group.consumer.assignment.interval.ms has passed, or regular expressions are to be looked at again. */
  look(what: "assignment" | "regex"): void;
}

export type GroupRef = Ref<GroupProtocol>;

/** For spawning a group; its name is the group's id. Its parent is the coordinator. */
export const GROUP: ActorKind<GroupProtocol, GroupArgs> = { kind: "group" };
