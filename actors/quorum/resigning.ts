/**
 * A clean stop: leadership goes to the follower that is furthest, so that nobody has to miss this leader first. The only voter has
 * nobody to give it to and ends it all the same: its controller waits for what this actor says, so it must have ended before.
 *
 * ```text
 *   resign ──▶ takes no more appends ──all committed, or half the time over──▶ endEpoch to the others ──▶ follows, or the time is over
 * ```
 *
 * @module
 */
import type { Asker } from "../actor.ts";
import { detach, quorumOf, standIn } from "./roles.ts";
import type { Out, Quorum } from "./state.ts";
import { askAgainMs } from "./timings.ts";

/** This node is about to stop: it hands leadership over, and never stands again. */
export function resign(quorum: Quorum, timeoutMs: number, asker: Asker<boolean>, out: Out): void {
  quorum.retired = true;
  out.cancel("stand");
  const { role, others, leaderId, nodeId } = quorum;
  const isFollower = leaderId !== -1 && leaderId !== nodeId;
  if (isFollower || (others.length === 0 && role.type !== "leader")) return out.reply(asker, isFollower);
  quorum.resigning.push(asker);
  out.timer("resigned", timeoutMs, "tick", "resigned");
  if (role.type !== "leader") return;
  role.leaving = true;
  if (quorum.highWatermark === quorum.log.endOffset) handOver(quorum, out);
  else out.timer("handOver", timeoutMs / 2, "tick", "handOver");
}

/** Ends this leadership; the follower that is furthest is to stand first. */
export function handOver(quorum: Quorum, out: Out): void {
  const { role, epoch, nodeId: leaderId, others, timings } = quorum;
  if (role.type !== "leader") return;
  const endOf = (voter: number) => role.replicas.get(voter)?.endOffset ?? -1;
  const fetched = (voter: number) => role.replicas.get(voter)?.lastFetch ?? -1;
  const successors = [...others].sort((a, b) => endOf(b) - endOf(a) || fetched(b) - fetched(a));
  detach(quorum, out, timings.electionTimeoutMs);
  if (others.length === 0) return giveUpResigning(quorum, out);
  const left = new Set(others);
  for (const voter of others) {
    out.ask(quorumOf(voter), "endEpoch", { leaderId, epoch, successors }, (quorum, answer, out) => {
      if (!answer.ok || !answer.value) left.delete(voter);
      if (left.size === 0) giveUpResigning(quorum, out); // nobody is there to follow it
    }, timings.fetchTimeoutMs);
  }
}

/** The leader of an epoch goes. Returns whether this node may follow it. */
export function takeOver(
  quorum: Quorum,
  { leaderId, epoch, successors }: { leaderId: number; epoch: number; successors: readonly number[] },
  out: Out,
): boolean {
  if (epoch === quorum.epoch && (quorum.leaderId === leaderId || quorum.leaderId === -1)) {
    quorum.gone = { leaderId, epoch };
    const place = successors.indexOf(quorum.nodeId);
    const delayMs = Math.max(0, place) * askAgainMs(quorum.timings);
    if (quorum.leaderId === leaderId) detach(quorum, out, delayMs);
    else if (quorum.role.type === "unattached") standIn(quorum, out, delayMs);
  }
  return quorum.mayStand;
}

/** Who waits for another leader is told that there is none. */
export function giveUpResigning(quorum: Quorum, out: Out): void {
  out.cancel("resigned");
  for (const asker of quorum.resigning.splice(0)) out.reply(asker, false);
}
