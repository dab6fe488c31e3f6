/**
 * What a leader concludes from its in-sync replicas: the rules, without the state.
 *
 *     committed ISR (the controller's word) ∪ proposed ISR = maximal ISR ⇒ high watermark = the smallest safe end among them
 *
 * Invariant: the committed end is the smallest safe end over the maximal ISR, so that whichever of them leads next has every
 * record below it; a replica that has not been heard of holds it back.
 *
 * @module
 */
import type { ReplicaRole } from "./protocol.ts";

/** How many replicas must be in sync: `min.insync.replicas`, but never more than the partition has (as Kafka takes it). */
export function effectiveMinIsr(role: ReplicaRole, minInsyncReplicas: number): number {
  return Math.min(minInsyncReplicas, role.replicas.length);
}

/** Whether too few replicas are in sync to promise anything to acks=all (KIP-966). */
export function isUnderMinIsr(role: ReplicaRole, minInsyncReplicas: number): boolean {
  return role.isr.length < effectiveMinIsr(role, minInsyncReplicas);
}

/**
 * Everybody who may be in the ISR: those whom the controller has there, and those whom it has been asked to take in (KIP-497).
 * It may have done so before its answer is here, and may then elect any of them.
 */
export function maximalIsr(isr: readonly number[], proposed: readonly number[] | undefined): readonly number[] {
  if (proposed === undefined) return isr;
  return [...isr, ...proposed.filter((node) => !isr.includes(node))];
}

/**
 * The offset below which each of `nodes` has every record.
 *
 * @param ownEnd where the leader's own safe records end
 * @param safeEnd where those of a follower end, undefined when it has not been heard of in this leader epoch
 */
export function committedEnd(
  nodes: readonly number[],
  leader: number,
  ownEnd: number,
  safeEnd: (follower: number) => number | undefined,
): number {
  let end = ownEnd;
  for (const node of nodes) if (node !== leader) end = Math.min(end, safeEnd(node) ?? 0);
  return end;
}

/**
 * Whether a follower that has everything below `safeEnd` may join the ISR. Having what is committed is not enough: below the
 * start of the leader's epoch there may be records that another leader has committed and this one does not know to be (KIP-320).
 */
export function mayJoin(safeEnd: number, highWatermark: number, leaderEpochStart: number): boolean {
  return safeEnd >= highWatermark && safeEnd >= leaderEpochStart;
}
