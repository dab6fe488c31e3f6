/**
 * What administrators ask for, and what each answer claims of the metadata.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { MetadataImage, PartitionImage } from "../../actors/controller/protocol.ts";

/** One thing to be changed. */
export type AdminRequest =
  | {
    readonly f: "create";
    readonly topic: string;
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly configs: readonly { readonly name: string; readonly value: string }[];
  }
  | { readonly f: "delete"; readonly topic: string }
  | { readonly f: "configure"; readonly topic: string; readonly name: string; readonly value: string }
  /** More partitions: so many in all. */
  | { readonly f: "grow"; readonly topic: string; readonly count: number }
  /** To these replicas; null calls a move off. */
  | {
    readonly f: "move";
    readonly topic: string;
    readonly partition: number;
    readonly replicas: readonly number[] | null;
  }
  /** Of the preferred leader, or (unclean) of whoever is there. null: of all partitions. */
  | {
    readonly f: "elect";
    readonly of: { readonly topic: string; readonly partition: number } | null;
    readonly isUnclean: boolean;
  };

/** What came back. */
export interface AdminAnswer {
  readonly error: ErrorName;
  /** Of the topic that was made or deleted. */
  readonly topicId?: string;
}

/** What an answer says of the metadata, which must have been so while it was asked. */
export interface Claim {
  readonly holds: (image: MetadataImage) => boolean;
  /** And this topic must have been there before. */
  readonly gone?: string;
}

/** What an answer says; undefined when that is nothing that could be looked up. */
export function claimOf(request: AdminRequest, { error, topicId = "" }: AdminAnswer): Claim | undefined {
  if (request.f === "elect") return electionClaim(request, error);
  const { topic } = request;
  if (error === "UNKNOWN_TOPIC_OR_PARTITION") return { holds: ({ topics }) => !topics.has(topic) };
  if (error === "TOPIC_ALREADY_EXISTS") return { holds: ({ topics }) => topics.has(topic) };
  const partitionsOf = ({ topics }: MetadataImage) => topics.get(topic)?.partitions ?? [];
  const isDone = error === "NONE";
  switch (request.f) {
    case "create":
      return isDone ? { holds: ({ topics }) => topics.get(topic)?.topicId === topicId } : undefined;
    case "delete":
      return isDone ? { holds: ({ topicNames }) => !topicNames.has(topicId), gone: topicId } : undefined;
    case "configure": {
      const { name, value } = request;
      return isDone ? { holds: ({ configs }) => configs.get(`topic/${topic}`)?.get(name) === value } : undefined;
    }
    case "grow": {
      const { count } = request;
      if (isDone) return { holds: (image) => partitionsOf(image).length === count };
      return error === "INVALID_PARTITIONS" ? { holds: (image) => partitionsOf(image).length >= count } : undefined;
    }
    case "move": {
      const { replicas, partition } = request;
      const partitionOf = (image: MetadataImage) => partitionsOf(image)[partition];
      if (isDone && replicas !== null) return { holds: (image) => isTarget(partitionOf(image), replicas) };
      const isOver = isDone || error === "NO_REASSIGNMENT_IN_PROGRESS";
      return isOver ? { holds: (image) => isAtRest(partitionOf(image)) } : undefined;
    }
  }
}

function electionClaim(
  { of, isUnclean }: AdminRequest & { readonly f: "elect" },
  error: ErrorName,
): Claim | undefined {
  if (of === null || (error !== "NONE" && error !== "ELECTION_NOT_NEEDED")) return undefined;
  return {
    holds: ({ topics }) => {
      const { leader = -1, replicas = [] } = topics.get(of.topic)?.partitions[of.partition] ?? {};
      return isUnclean ? leader >= 0 : leader === replicas[0];
    },
  };
}

/** Where a partition is, or will be when it has moved. */
export function targetOf({ replicas, removing }: PartitionImage): number[] {
  return replicas.filter((id) => !removing.includes(id));
}

function isTarget(partition: PartitionImage | undefined, replicas: readonly number[]): boolean {
  return partition !== undefined && String(targetOf(partition)) === String(replicas);
}

function isAtRest(partition: PartitionImage | undefined): boolean {
  return partition !== undefined && partition.adding.length + partition.removing.length === 0;
}

/** In words: two requests with the same effect are the same text. */
export function describe(request: AdminRequest): string {
  switch (request.f) {
    case "create":
      return `create ${request.topic} with ${request.partitions} partitions of ${request.replicationFactor}`;
    case "delete":
      return `delete ${request.topic}`;
    case "configure":
      return `set ${request.name}=${request.value} of ${request.topic}`;
    case "grow":
      return `give ${request.topic} ${request.count} partitions`;
    case "move":
      return `move ${request.topic}-${request.partition} to ${request.replicas ?? "where it was"}`;
    case "elect": {
      const { of, isUnclean } = request;
      return `elect ${isUnclean ? "anybody" : "the preferred"} of ${
        of === null ? "all" : `${of.topic}-${of.partition}`
      }`;
    }
  }
}
