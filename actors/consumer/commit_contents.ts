/**
 * What a commit consists of: worked out when it is sent, since what there is to commit, and to whom it belongs, may have changed since it was
 * asked for.
 *
 * Invariants: nothing is committed of a partition that has gone since, or has come back anew; and never less than is known to be committed,
 * unless the application has gone back, or what was committed is not in the log any more.
 *
 * @module
 */
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { OffsetAndMetadata, Outcome } from "./protocol.ts";
import type { Consumer } from "./state.ts";
import { committable, keyOf, type Position } from "./values.ts";

/** What is to be committed, and what comes then. */
export interface CommitWanted {
  /**
   * Offsets as given; `handedOut` and `safe` are the positions as they are when it is sent; `owned` those of the given ones that are
   * here, and neither behind what is committed, nor ahead of the position, nor of a log that was cut before it or is another one.
   */
  readonly what: "handedOut" | "safe" | { readonly offsets: readonly OffsetAndMetadata[]; readonly owned: boolean };
  /** Of these partitions only. */
  readonly of?: ReadonlySet<string>;
  /** Told what came of it, and what of it the coordinator has. */
  readonly then: (outcome: Outcome, taken: readonly OffsetAndMetadata[]) => void;
}

/** One that waits, or is under way. */
export interface Commit extends CommitWanted {
  /** Not tried again after this. */
  readonly dueMs: number;
  /** The partitions that the member had when it was asked for. */
  readonly held: ReadonlyMap<string, AssignedPartition>;
  /** Of offsets that were given, where each might fall to when it was asked for. */
  readonly falls: ReadonlyMap<string, AssignedPartition["mayFallTo"]> | undefined;
  /** Why it was not taken when it was tried last. */
  problem: string;
}

/**
 * The partitions of given offsets, as far as a member has them. One of which the listener has not heard may be here anew: what was handed out
 * is of before.
 */
export function heldOf({ partitions, mode }: Consumer, { what }: Pick<CommitWanted, "what">): Commit["held"] {
  if (typeof what !== "object" || mode !== "subscribed") return new Map();
  const held = what.offsets.map((offset) => partitions.get(keyOf(offset))).filter((one) => one !== undefined);
  return new Map(held.filter(({ isHeld }) => !(what.owned && isHeld)).map((partition) => [partition.key, partition]));
}

/** An offset that was given for a partition which was here then, and is not any more, or is here anew. */
export function goneSince({ partitions }: Consumer, { what, held }: Commit): OffsetAndMetadata | undefined {
  if (typeof what !== "object" || what.owned) return undefined;
  return what.offsets.find((given) => {
    const before = held.get(keyOf(given));
    return before !== undefined && partitions.get(before.key) !== before;
  });
}

/** What a commit consists of, now. */
export function offsetsOf(
  consumer: Consumer,
  { what, of, held }: Pick<CommitWanted, "what" | "of"> & Partial<Pick<Commit, "held">>,
): readonly OffsetAndMetadata[] {
  const { partitions, mode } = consumer;
  if (typeof what === "object") {
    if (!what.owned) return what.offsets;
    const mine = mode === "subscribed" ? held ?? heldOf(consumer, { what }) : partitions;
    return what.offsets.filter((given) => {
      const partition = partitions.get(keyOf(given));
      if (partition === undefined || partition !== mine.get(keyOf(given))) return false;
      if (isOfOther(consumer, partition)) return false;
      if (given.offset > partition.standsTo(given.setbacks ?? partition.setbacks)) return false; // of a log that was cut before it, or is not there any more
      // What is ahead of the position was handed out before the application went back; while there is none, that may be anywhere.
      return given.offset <= (partition.position?.offset ?? -1) && isNews(partition, given);
    });
  }
  const offsets: OffsetAndMetadata[] = [];
  for (const partition of partitions.values()) {
    const position = what === "safe" ? partition.safe : partition.position;
    if (position === undefined || (of !== undefined && !of.has(partition.key))) continue;
    if (isOfOther(consumer, partition)) continue;
    if (isNews(partition, position)) offsets.push(committable(partition, position));
  }
  return offsets;
}

/**
 * Whether the topic that it was read of is, by what brokers last said, not there any more, or is another one: coordinators go by names, and
 * would take its offset for that one's. They may have said what was so before; then what is not committed comes again, or is committed by and
 * by, while what was committed of the wrong topic would be lost in it. (At most once the doubt falls the other way: nothing may come twice.)
 */
export function isOfOther({ metadata, config }: Consumer, { topic, topicId }: AssignedPartition): boolean {
  if (config.delivery === "at-most-once" || topicId === undefined) return false;
  const known = metadata.topics.get(topic)?.id;
  return known !== ZERO_UUID && known !== topicId;
}

/** Whether it says more than is committed; or less, after going back. */
export function isNews({ committed, mayFallTo }: AssignedPartition, { offset }: Position): boolean {
  return offset > committed || (mayFallTo !== undefined && offset >= mayFallTo.offset && offset !== committed);
}

/** The offsets as OffsetCommit has them. */
export function byTopic(offsets: readonly OffsetAndMetadata[]) {
  const topics = new Map<string, OffsetAndMetadata[]>();
  for (const offset of offsets) {
    const there = topics.get(offset.topic);
    if (there === undefined) topics.set(offset.topic, [offset]);
    else there.push(offset);
  }
  return [...topics].map(([name, partitions]) => ({
    name,
    partitions: partitions.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: metadata,
    })),
  }));
}
