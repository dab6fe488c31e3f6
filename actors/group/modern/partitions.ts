/**
 * Sets of partitions: by topic id, ascending numbers.
 *
 * Nothing here changes what it is given; a topic without partitions is left out.
 *
 * @module
 */
import type { Assignment } from "../assignor.ts";

/** As requests, answers and records have it. */
export type Rows = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

/** No partitions. */
export const NOTHING: Assignment = new Map();

/** What rows say; the same topic may come twice. */
export function fromRows(rows: Rows): Assignment {
  if (rows.length === 0) return NOTHING;
  const sets = new Map<string, number[]>();
  for (const { topicId, partitions } of rows) {
    const known = sets.get(topicId);
    if (known === undefined) sets.set(topicId, [...partitions]);
    else for (const partition of partitions) known.push(partition); // a call takes only so many arguments
  }
  return normal(sets);
}

/** The same partitions as rows, topics by id: what was decided reads the same whoever decides it. */
export function toRows(set: Assignment): { topicId: string; partitions: readonly number[] }[] {
  return [...set].sort(([a], [b]) => a < b ? -1 : 1).map(([topicId, partitions]) => ({ topicId, partitions }));
}

/** Those of `set` that are in `other`, too. */
export function intersection(set: Assignment, other: Assignment): Assignment {
  return filter(set, (topicId, partition) => has(other, topicId, partition));
}

/** Those of `set` that are not in `other`. */
export function difference(set: Assignment, other: Assignment): Assignment {
  return filter(set, (topicId, partition) => !has(other, topicId, partition));
}

/** Those of `set` that are to stay. */
export function filter(set: Assignment, stays: (topicId: string, partition: number) => boolean): Assignment {
  const result = new Map<string, readonly number[]>();
  for (const [topicId, partitions] of set) {
    const left = partitions.filter((partition) => stays(topicId, partition));
    if (left.length > 0) result.set(topicId, left);
  }
  return result;
}

/** All of both. */
export function union(set: Assignment, other: Assignment): Assignment {
  if (other.size === 0) return set;
  const sets = new Map<string, number[]>();
  for (const part of [set, other]) {
    for (const [topicId, partitions] of part) {
      sets.set(topicId, [...sets.get(topicId) ?? [], ...partitions]);
    }
  }
  return normal(sets);
}

export function has(set: Assignment, topicId: string, partition: number): boolean {
  const partitions = set.get(topicId);
  if (partitions === undefined) return false;
  let low = 0;
  let high = partitions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (partitions[middle]! < partition) low = middle + 1;
    else high = middle;
  }
  return partitions[low] === partition;
}

export function overlaps(set: Assignment, other: Assignment): boolean {
  return intersection(set, other).size > 0;
}

export function isSubset(set: Assignment, of: Assignment): boolean {
  return difference(set, of).size === 0;
}

export function isSame(set: Assignment, other: Assignment): boolean {
  if (set === other) return true;
  if (set.size !== other.size) return false;
  for (const [topicId, partitions] of set) {
    const others = other.get(topicId);
    if (others?.length !== partitions.length || partitions.some((partition, at) => partition !== others[at])) {
      return false;
    }
  }
  return true;
}

function normal(sets: ReadonlyMap<string, readonly number[]>): Assignment {
  const result = new Map<string, readonly number[]>();
  for (const [topicId, partitions] of sets) {
    if (partitions.length > 0) result.set(topicId, [...new Set(partitions)].sort((a, b) => a - b));
  }
  return result;
}
