/**
 * Whether a leader may speak for its epoch from memory: whoever does so asks first.
 *
 *     nobody else could be elected ────────────────────────────────────────────────────────────────▶ yes
 *     cut off, or isolated with too few in sync to commit anything: who is eligible may lead ──────▶ no
 *     pulls that wait are answered ──▶ every other member of the maximal ISR pulls again, in this epoch ──▶ yes
 *                                          └────────────── not in time ─────────────────────────────────▶ nobody knows
 *
 * That it has heard of no other leader says nothing: its process may have stood still, or the controller may not reach it. Nor do followers
 * that were heard a moment ago: they may have turned to another leader since, and what that one has committed is unknown here. Each
 * answer to a pull says when it was given, by the leader's clock, and the next pull says it again. So a pull that names a time after the
 * question was sent after it, by somebody who neither led nor had another leader then, late and repeated messages notwithstanding. As
 * long as that holds for all who could have been elected, nothing has been committed elsewhere. It costs a round trip.
 *
 * Invariant: every question is answered, within two waits of a pull.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import { LATER, type Message } from "../actor.ts";
import { setExpiry } from "./expiry.ts";
import { isCutOff } from "./isolation.ts";
import { maximalIsr } from "./isr.ts";
import type { Leadership } from "./leadership.ts";
import type { ReplicaProtocol } from "./protocol.ts";
import { releasePulls } from "./pull_answers.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** Handles `confirm`. */
export function confirm(
  replica: Replica,
  { leaderEpoch }: Message<ReplicaProtocol, "confirm">,
  out: ReplicaOutbox<ErrorName>,
): ErrorName | typeof LATER {
  const { leadership, isolatedMs, config } = replica;
  const refused = replica.refusal(leaderEpoch);
  if (refused !== undefined) return refused;
  if (leadership === null) return "NOT_LEADER_OR_FOLLOWER";
  const askedMs = out.monotonic();
  const isAlone = isolatedMs !== undefined && replica.isUnderMinIsr;
  if (isAlone || isCutOff(replica, askedMs)) return "NOT_LEADER_OR_FOLLOWER";
  if (followedMs(replica, leadership) >= askedMs) return "NONE";
  const deadlineMs = askedMs + 2 * config.replicaFetchWaitMaxMs;
  leadership.questions.push({ asker: out.asker(), askedMs, deadlineMs });
  releasePulls(replica, out);
  setExpiry(replica, out);
  return LATER;
}

/** A follower has pulled: answers whoever waited for it, and lets it pull again at once if it has not heard of the newest question yet. */
export function followerHeard(replica: Replica, brokerId: number, out: ReplicaOutbox): void {
  const { leadership } = replica;
  if (leadership === null || leadership.questions.length === 0) return;
  const sinceMs = followedMs(replica, leadership);
  leadership.questions = leadership.questions.filter(({ asker, askedMs }) => {
    if (sinceMs >= askedMs) out.reply(asker, "NONE");
    return sinceMs < askedMs;
  });
  const newest = leadership.questions.at(-1);
  if (newest !== undefined && leadership.followers.answeredMs(brokerId) < newest.askedMs) releasePulls(replica, out);
}

/** Whose time is over is told so: nobody knows whether this leader may speak, and if it is isolated, it had better not. */
export function expireQuestions({ leadership, isolatedMs }: Replica, nowMs: number, out: ReplicaOutbox): void {
  const error = isolatedMs === undefined ? "REQUEST_TIMED_OUT" : "NOT_LEADER_OR_FOLLOWER";
  while (leadership?.questions[0] !== undefined && leadership.questions[0].deadlineMs <= nowMs) {
    out.reply(leadership.questions.shift()!.asker, error);
  }
}

/** The time (monotonic) up to which nobody else has led who could have been elected; Infinity if there is nobody. */
function followedMs({ role }: Replica, { followers, proposal }: Leadership): number {
  const others = maximalIsr(role.isr, proposal?.isr).filter((node) => node !== role.leader);
  return Math.min(Infinity, ...others.map((node) => followers.answeredMs(node)));
}
