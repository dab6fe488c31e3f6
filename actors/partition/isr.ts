/**
 * What a leader concludes from its in-sync replicas.
 *
 * Invariant: the committed end is the smallest end over all in-sync replicas, so that whichever of them leads next has
 * every record below it; a replica that has not been heard of holds it back.
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
 * The offset below which every in-sync replica has every record.
 *
 * @param ownEnd where the leader's own safe records end
 * @param followerEnds where those of its followers end, by node, as far as they have told in this leader epoch
 */
export function committedEnd(role: ReplicaRole, ownEnd: number, followerEnds: ReadonlyMap<number, number>): number {
  let end = ownEnd;
  for (const node of role.isr) if (node !== role.leader) end = Math.min(end, followerEnds.get(node) ?? 0);
  return end;
}
