/**
 * Followers at their leader: they pull what comes after their logs, and say how much of it they have.
 *
 *     leads this epoch? ─▶ a replica, no older incarnation? ─▶ its log the beginning of mine? ─▶ counted ─▶ answered, now or later
 *
 * Invariant: nothing that a follower says counts before its leader epoch, its broker epoch and its log have been found right.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import { LATER } from "../actor.ts";
import { followerHeard } from "./confirming.ts";
import { findDivergence } from "./divergence.ts";
import { expandIsr } from "./isr_change.ts";
import type { Leadership } from "./leadership.ts";
import type { PullReply, PullRequest, ReplicaProtocol } from "./protocol.ts";
import { nothingToPull } from "./pull_answers.ts";
import { refusedPull } from "./refusals.ts";
import { settle } from "./settle.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

type Safe = Parameters<ReplicaProtocol["safe"]>[0];

/** Handles `pull`. */
export function pull(
  replica: Replica,
  request: PullRequest,
  out: ReplicaOutbox<PullReply>,
): PullReply | typeof LATER {
  const { leadership } = replica;
  const error = refusal(replica, request);
  if (error !== undefined || leadership === null) return refusedPull(error ?? "NOT_LEADER_OR_FOLLOWER");
  const { log } = replica;
  const { brokerId, offset, lastFetchedEpoch } = request;
  const replaced = leadership.takePull(brokerId);
  const nowMs = out.monotonic();
  if (replaced !== undefined) out.reply(replaced.asker, nothingToPull(replica, nowMs));
  const diverged = findDivergence(log, offset, lastFetchedEpoch);
  if (diverged === "out of range" || (diverged === null && (offset < log.startOffset || offset > log.endOffset))) {
    return refusedPull("OFFSET_OUT_OF_RANGE", log.startOffset);
  }
  if (diverged !== null) return { ...nothingToPull(replica, nowMs), divergingEpoch: diverged };
  leadership.followers.pulled(request, log.endOffset, nowMs);
  const deadlineMs = nowMs + request.waitMs;
  leadership.pulls.set(brokerId, { request, asker: out.asker(), leaderEnd: log.endOffset, deadlineMs });
  expandIsr(replica, out, brokerId);
  settle(replica, out);
  followerHeard(replica, brokerId, out);
  return LATER;
}

/** Handles `safe`. */
export function safe(replica: Replica, progress: Safe, out: ReplicaOutbox): void {
  const { leadership } = replica;
  const { brokerId, brokerEpoch, safeOffset } = progress;
  if (leadership === null || refusal(replica, progress) !== undefined) return;
  const { endOffset } = replica.log;
  if (!leadership.followers.isSafe(brokerId, brokerEpoch, safeOffset, endOffset, out.monotonic())) return;
  expandIsr(replica, out, brokerId);
  settle(replica, out);
}

/** Why a follower is not listened to, if so. Kafka too takes a replica that it does not know for a sign of its being behind. */
function refusal(
  replica: Replica,
  { brokerId, brokerEpoch, leaderEpoch }: Pick<PullRequest, "brokerId" | "brokerEpoch" | "leaderEpoch">,
): Exclude<ErrorName, "NONE"> | undefined {
  const refused = replica.refusal(leaderEpoch);
  if (refused !== undefined) return refused;
  const { role, leadership } = replica;
  if (brokerId === role.leader || !role.replicas.includes(brokerId)) return "UNKNOWN_LEADER_EPOCH";
  return isOlder(brokerEpoch, brokerId, leadership) ? "STALE_BROKER_EPOCH" : undefined;
}

/** Whether it comes from an earlier incarnation of a follower than the one that is known (KIP-903). */
function isOlder(brokerEpoch: number, brokerId: number, leadership: Leadership | null): boolean {
  const known = leadership?.followers.get(brokerId);
  return known !== undefined && brokerEpoch < known.brokerEpoch;
}
