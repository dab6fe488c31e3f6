/**
 * One timer for all fetches and pulls that wait at a replica.
 *
 * Who is answered early leaves it to ring for nothing, which costs less than moving it.
 *
 * @module
 */
import type { Replica, ReplicaOutbox } from "./state.ts";

/** Sees to it that the timer rings when the first of them has waited long enough. */
export function setExpiry(replica: Replica, out: ReplicaOutbox): void {
  const dueMs = Math.min(replica.fetches.nextDeadlineMs, replica.leadership?.nextDeadlineMs ?? Infinity);
  if (dueMs >= replica.expiryMs) return;
  replica.expiryMs = dueMs;
  out.timer("expire", Math.max(0, dueMs - out.monotonic()), "expire", undefined);
}
