/**
 * How a member gets from what it has to what it is to have, without two members ever having the same partition.
 *
 *     stable, unreleased ──has what its target has not──▶ unrevoked: keeps its epoch; `pending` is what it has to give up
 *     unrevoked ──no longer reports any of it──▶ on, with the target as it is by then
 *     nothing to give up: the epoch of the target; takes of it what nobody else has ──some left──▶ unreleased, else stable
 *
 * Invariants: a partition is taken only when no other member has it, be it assigned or pending; a partition is given up only after its
 * member has said that it is; a member of the target's epoch has nothing that is not in its target. So whoever has a partition has
 * it alone, however late members hear of it.
 *
 * @module
 */
import type { Assignment } from "../assignor.ts";
import { NEVER, type Since, stillSince, takenSince } from "./assignment_epochs.ts";
import { difference, filter, intersection, isSame, NOTHING, overlaps, union } from "./partitions.ts";

/** Where a member stands; as the records number it. */
export const STABLE = 0;
/** It has partitions that it has to give up first. */
export const UNREVOKED = 1;
/** It waits for partitions that others have to give up. */
export const UNRELEASED = 2;

/** What a member has. */
export interface Current {
  /** 0 when it has just come, -2 when it is a static member that has gone for a while. */
  readonly epoch: number;
  /** The epoch before the last change: whoever comes with it has not had the answer. */
  readonly previousEpoch: number;
  readonly state: number;
  readonly assigned: Assignment;
  /** Still used by the member until it says otherwise. */
  readonly pending: Assignment;
  /** Of both, since when it has had them. */
  readonly since: Since;
}

/** Of a member that is new. */
export const NEWCOMER: Current = {
  epoch: 0,
  previousEpoch: 0,
  state: STABLE,
  assigned: NOTHING,
  pending: NOTHING,
  since: NEVER,
};

/** What a member is to have. */
export interface Target {
  /** The group epoch that it was worked out for. */
  readonly epoch: number;
  readonly partitions: Assignment;
}

/**
 * What the member has from now on; the same object when nothing changes.
 *
 * @param reported what it says that it uses; null when it does not say
 * @param isFree whether no other member has the partition
 */
export function reconcile(
  current: Current,
  target: Target,
  reported: Assignment | null,
  isFree: (topicId: string, partition: number) => boolean,
): Current {
  if (current.state === UNREVOKED && (reported === null || overlaps(reported, current.pending))) return current;
  const pending = difference(current.assigned, target.partitions);
  if (pending.size > 0) {
    const assigned = intersection(current.assigned, target.partitions);
    // A former answer with this epoch may be on its way still: the epoch before it is over, and so is who comes with it.
    const since = stillSince(current.since, assigned, pending);
    return { epoch: current.epoch, previousEpoch: current.epoch, state: UNREVOKED, assigned, pending, since };
  }
  const wanted = difference(target.partitions, current.assigned);
  const taken = filter(wanted, isFree);
  const assigned = union(current.assigned, taken);
  const state = isSame(taken, wanted) ? STABLE : UNRELEASED;
  if (current.epoch === target.epoch && current.state === state && taken.size === 0) return current;
  const since = takenSince(current.since, current.assigned, assigned, target.epoch);
  return { epoch: target.epoch, previousEpoch: current.epoch, state, assigned, pending: NOTHING, since };
}
