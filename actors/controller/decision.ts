/**
 * What the controller's decisions are made from, and what they come to.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { MetadataImage, MetadataRecord, PartitionId } from "./protocol.ts";
import { ReplicaIndex } from "./replica_index.ts";

/** What decisions are made from. */
export interface Setting {
  readonly image: MetadataImage;
  /** What the controller's broker was started with: the defaults of those who do not say. */
  readonly properties: Readonly<Record<string, string>>;
  readonly random: Random;
  /** Whether a replica is known to be offline; without it, none is. */
  readonly isOffline?: (brokerId: number, partition: PartitionId) => boolean;
  /** Which replicas are where in `image`; without it, it is worked out. */
  readonly index?: ReplicaIndex;
}

/** Records to append, none when nothing is to change, and what to answer. */
export interface Decision<R> {
  readonly records: readonly MetadataRecord[];
  readonly results: readonly R[];
}

/** Why something is refused. */
export interface Refusal {
  readonly error: Exclude<ErrorName, "NONE">;
  readonly message: string;
}

/** A refusal in one line. */
export function refusal(error: Refusal["error"], message: string): Refusal {
  return { error, message };
}

/** Which replicas are where. */
export function indexOf({ image, index }: Setting): ReplicaIndex {
  return index ?? new ReplicaIndex(image);
}

/** A partition as the key of a set. */
export function partitionKey({ topicId, partition }: PartitionId): string {
  return `${topicId}/${partition}`;
}

/** Ids of the brokers that are not fenced. */
export function liveBrokerIds(image: MetadataImage): Set<number> {
  const live = new Set<number>();
  for (const { id, fenced } of image.brokers.values()) if (!fenced) live.add(id);
  return live;
}

/** Ids of the brokers that can be given leadership: neither fenced nor about to stop. */
export function activeBrokerIds(image: MetadataImage): Set<number> {
  const active = new Set<number>();
  for (const { id, fenced, inControlledShutdown } of image.brokers.values()) {
    if (!fenced && !inControlledShutdown) active.add(id);
  }
  return active;
}
