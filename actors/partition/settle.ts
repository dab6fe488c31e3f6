/**
 * After anything that can move an end: how far all is committed now, and who can be answered because of it.
 *
 *     leader     own flush, a follower's progress, another ISR ──▶ high watermark ──▶ produces, fetches, followers
 *     follower   own flush, the leader's word ──▶ its own high watermark ──▶ its readers        and the leader hears what is safe
 *
 * Invariant: an answer leaves only when the end that it waits for has passed it.
 *
 * @module
 */
import { committedEnd, maximalIsr } from "./isr.ts";
import type { Leadership } from "./leadership.ts";
import { answerPulls } from "./pull_answers.ts";
import { refusedAppend } from "./refusals.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/**
 * How long the high watermark waits for a follower that has caught up and is about to join the ISR. Under load a follower that nobody
 * waits for would never reach the high watermark, and so never join.
 */
export const JOINING_MS = 100;

/** Answers everyone for whom the ends have moved far enough. */
export function settle(replica: Replica, out: ReplicaOutbox): void {
  const { leadership } = replica;
  if (leadership !== null) advanceAsLeader(replica, leadership, out);
  else advanceAsFollower(replica);
  answerPersisted(replica, out);
  answerCommitted(replica, out);
  for (const asker of replica.fetches.release((isolation) => replica.readableEnd(isolation))) out.reply(asker, true);
  if (leadership === null) return tellSafe(replica, out);
  answerDeletions(replica, leadership, out);
  answerPulls(replica, out);
}

/** Moves the high watermark up to what the maximal ISR has, unless too few are in sync. */
function advanceAsLeader(replica: Replica, leadership: Leadership, out: ReplicaOutbox): void {
  if (replica.isUnderMinIsr) return;
  const { role, ownEnd, highWatermark } = replica;
  const { followers, proposal } = leadership;
  const inSync = maximalIsr(role.isr, proposal?.isr);
  const safeEnd = (follower: number) => followers.get(follower)?.safe;
  const end = committedEnd(inSync, role.leader, ownEnd, safeEnd);
  if (end <= highWatermark) return;
  const joining = inSync.length === role.replicas.length
    ? []
    : whoIsJoining(replica, leadership, inSync, out.monotonic());
  const patientEnd = joining.length === 0 ? end : committedEnd(joining, role.leader, end, safeEnd);
  if (patientEnd < end) out.timer("joining", JOINING_MS + 1, "checkIsr", undefined); // it may not come after all
  replica.raiseHighWatermark(patientEnd);
}

function whoIsJoining(
  { role, log, leaderEpochStart, config }: Replica,
  { followers, proposeAfterMs }: Leadership,
  inSync: readonly number[],
  nowMs: number,
): number[] {
  if (nowMs < proposeAfterMs) return [];
  const maxMs = Math.min(JOINING_MS, config.replicaLagTimeMaxMs);
  return role.replicas.filter((node) => {
    const follower = inSync.includes(node) ? undefined : followers.get(node);
    return follower !== undefined && follower.safe >= leaderEpochStart &&
      followers.isCaughtUp(node, log.endOffset, nowMs, maxMs);
  });
}

/** A follower's records are committed as far as its leader says, if they are safe here. */
function advanceAsFollower(replica: Replica): void {
  const { following } = replica;
  if (following?.confirmed) replica.raiseHighWatermark(Math.min(following.leaderHighWatermark, replica.ownEnd));
}

function answerPersisted({ persisting, ownEnd }: Replica, out: ReplicaOutbox): void {
  for (let next = persisting.next(ownEnd); next !== undefined; next = persisting.next(ownEnd)) {
    out.reply(next.asker, next.reply);
  }
}

/** Who demanded all is told if that is too few by now. */
function answerCommitted(replica: Replica, out: ReplicaOutbox): void {
  const { committing, highWatermark, isUnderMinIsr } = replica;
  for (let next = committing.next(highWatermark); next !== undefined; next = committing.next(highWatermark)) {
    const reply = isUnderMinIsr ? refusedAppend(replica, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", null) : next.reply;
    out.reply(next.asker, reply);
  }
}

/** Deleted is what neither the leader nor anyone in the ISR has any more. */
function answerDeletions({ role, log }: Replica, leadership: Leadership, out: ReplicaOutbox): void {
  if (leadership.deletions.length === 0) return;
  const lowWatermark = committedEnd(
    role.isr,
    role.leader,
    log.startOffset,
    (node) => leadership.followers.get(node)?.start,
  );
  leadership.deletions = leadership.deletions.filter(({ offset, asker }) => {
    if (lowWatermark >= offset) out.reply(asker, { error: "NONE", lowWatermark });
    return lowWatermark < offset;
  });
}

/**
 * Tells the leader what is safe, if it waits to hear it: the pull that it has says less, and the next one may be long in coming. Before
 * the leader has seen where this log parts from its own, nothing may be said: what is safe may yet be cut.
 */
function tellSafe(replica: Replica, out: ReplicaOutbox): void {
  const { following, role, host } = replica;
  if (following === null || !following.pulling || !following.confirmed) return;
  const { ownEnd: safeOffset } = replica;
  if (safeOffset <= following.toldSafe) return;
  following.toldSafe = safeOffset;
  const { brokerEpoch, leaderEpoch } = role;
  out.send(following.leader, "safe", { brokerId: host.brokerId, brokerEpoch, leaderEpoch, safeOffset });
}
