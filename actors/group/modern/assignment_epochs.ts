/**
 * Since which epoch a member has each of its partitions (KIP-1251).
 *
 *     taken at epoch 5 ──epoch 6, 7: still its──▶ since 5 ──given up, and taken again at 9──▶ since 9
 *
 * An answer with a new epoch takes its time, and what the member commits meanwhile names the one before. That is as good as ever for
 * partitions that it has had since then: nobody else can have had them.
 *
 * Invariant: there is an epoch for every partition that a member has assigned or is to give up, and for no other.
 *
 * @module
 */
import type { Assignment } from "../assignor.ts";
import { has, type Rows } from "./partitions.ts";

/** By topic id and partition, the epoch in which the member was given it. */
export type Since = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** A row of a member's record: epochs in the order of the partitions, null in those of older coordinators. */
export type EpochRows = readonly (Rows[number] & { readonly assignmentEpochs: readonly number[] | null })[];

/** Nothing, since never. */
export const NEVER: Since = new Map();

/** All of these since one epoch. */
export function allSince(set: Assignment, epoch: number): Since {
  return since([set], () => epoch);
}

/** What of `before` is still in one of these. */
export function stillSince(before: Since, ...sets: readonly Assignment[]): Since {
  return since(sets, (topicId, partition) => before.get(topicId)?.get(partition));
}

/** Of `set`, what was kept since when it was there before, and what was not since this epoch. */
export function takenSince(before: Since, kept: Assignment, set: Assignment, epoch: number): Since {
  return since([set], (topicId, partition) => {
    const known = has(kept, topicId, partition) ? before.get(topicId)?.get(partition) : undefined;
    return known ?? epoch;
  });
}

function since(
  sets: readonly Assignment[],
  epochOf: (topicId: string, partition: number) => number | undefined,
): Since {
  const epochs = new Map<string, Map<number, number>>();
  for (const set of sets) {
    for (const [topicId, partitions] of set) {
      const ofTopic = epochs.get(topicId) ?? new Map<number, number>();
      epochs.set(topicId, ofTopic);
      for (const partition of partitions) ofTopic.set(partition, epochOf(topicId, partition) ?? 0);
    }
  }
  return epochs;
}

/** What a member's record says; where it says nothing, since the member's own epoch. */
export function sinceFromRows(memberEpoch: number, ...lists: readonly EpochRows[]): Since {
  const byDefault = Math.max(0, memberEpoch);
  const epochs = new Map<string, Map<number, number>>();
  for (const { topicId, partitions, assignmentEpochs } of lists.flat()) {
    const ofTopic = epochs.get(topicId) ?? new Map<number, number>();
    epochs.set(topicId, ofTopic);
    const known = assignmentEpochs?.length === partitions.length ? assignmentEpochs : undefined;
    partitions.forEach((partition, at) => ofTopic.set(partition, known?.[at] ?? byDefault));
  }
  return epochs;
}
