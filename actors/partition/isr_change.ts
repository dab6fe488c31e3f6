/**
 * How a leader changes its ISR (KIP-497): it proposes, the controller decides, through the broker.
 *
 *     settled ──a follower may join, or lags──▶ asking ──NONE──▶ decided
 *        ▲                                       │  ▲               │
 *        ├──refused (INELIGIBLE_REPLICA)─────────┤  │ again, the very same
 *        ├──a newer role──────────── in doubt ◀──┴──┘ no clear answer
 *        └──the broker's word of it (a newer role), or NONE a second time ◀──┘
 *
 * An answer overtakes what waits in the mailbox: the role that the broker has sent before it, with the min.insync.replicas by which the
 * controller counted. So the answer itself changes nothing: by the new ISR and an old minimum, somebody else might be eligible. It counts
 * when the same is answered to the same question again, and the broker's word has not come. The question is asked again by a letter that
 * comes after the answer, and so after all that was in the mailbox then; no other look at the ISR asks it.
 *
 * Invariant: from the moment that a follower is proposed until it is known that it is not in the ISR, the high watermark waits for it;
 * only a newer partition epoch or a clear refusal makes that known. That holds through a crash of the replica too.
 *
 * @module
 */
import type { Answer } from "../actor.ts";
import { refOf } from "../address.ts";
import { BROKER, type BrokerProtocol } from "../broker/protocol.ts";
import type { IsrChange, IsrChangeResult } from "../controller/protocol.ts";
import { TIMER_MAX_MS } from "./durability.ts";
import { mayJoin } from "./isr.ts";
import type { IsrProposal, Leadership } from "./leadership.ts";
import { settle } from "./settle.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

type Verdict = Answer<IsrChangeResult | { readonly error: "REQUEST_TIMED_OUT" }>;

const ASK_TIMEOUT_MS = 10_000;
/** How long after a refusal nobody is proposed. */
const REFUSED_BACKOFF_MS = 200;
const AGAIN_MIN_MS = 50;
const AGAIN_MAX_MS = 1_000;

/** Handles `checkIsr`: who lags is to leave. */
export function checkIsr(replica: Replica, out: ReplicaOutbox): void {
  const { leadership, role, config } = replica;
  if (leadership === null) return;
  setCheck(replica, out);
  settle(replica, out);
  if (leadership.proposal !== null) return;
  const { endOffset } = replica.log;
  const nowMs = out.monotonic();
  const staying = role.isr.filter((node) =>
    node === role.leader || leadership.followers.isCaughtUp(node, endOffset, nowMs, config.replicaLagTimeMaxMs)
  );
  if (staying.length === role.isr.length) return expandIsr(replica, out);
  for (const node of role.isr) if (!staying.includes(node)) leadership.laggards.add(node);
  propose(replica, leadership, staying, out);
}

/** Handles `askAgain`: what has no clear answer yet, or one that may have overtaken the broker's word. */
export function askAgain(replica: Replica, out: ReplicaOutbox): void {
  const { leadership } = replica;
  if (leadership === null) return;
  settle(replica, out);
  if (leadership.proposal?.isAnswered) ask(replica, leadership, leadership.proposal, out);
}

/** Sets the timer of the next look: at half of the time that a laggard has. */
export function setCheck({ role, config }: Replica, out: ReplicaOutbox): void {
  if (role.replicas.length === 1) return out.cancel("isr");
  const delayMs = Math.min(Math.max(1, config.replicaLagTimeMaxMs / 2), TIMER_MAX_MS);
  out.timer("isr", delayMs, "checkIsr", undefined);
}

/**
 * Proposes the followers that have come far enough, unless a proposal is open. What was heard of one that has gone silent may still
 * look far enough: only those count that have just been heard, or wait for an answer. Who lagged comes back when it has caught up, and
 * not as soon as it has what is committed: that may stand still.
 *
 * @param heard a follower that has just told what it has
 */
export function expandIsr(replica: Replica, out: ReplicaOutbox, heard = -1): void {
  const { leadership, role, log, config, highWatermark, leaderEpochStart } = replica;
  if (leadership === null || leadership.proposal !== null || role.isr.length === role.replicas.length) return;
  const { followers, pulls, laggards, proposeAfterMs } = leadership;
  const nowMs = out.monotonic();
  if (nowMs < proposeAfterMs) return;
  const joining = role.replicas.filter((node) => {
    const follower = role.isr.includes(node) ? undefined : followers.get(node);
    return follower !== undefined && (node === heard || pulls.has(node)) &&
      mayJoin(follower.safe, highWatermark, leaderEpochStart) &&
      (!laggards.has(node) || followers.isCaughtUp(node, log.endOffset, nowMs, config.replicaLagTimeMaxMs));
  });
  if (joining.length > 0) propose(replica, leadership, [...role.isr, ...joining], out);
}

/** A leader that was restarted goes on with what it had proposed: the controller may have accepted it. */
export function resumeProposal(replica: Replica, out: ReplicaOutbox): void {
  const { leadership, role, lastWord } = replica;
  const change = lastWord.proposed;
  if (leadership === null || change === undefined) return;
  if (change.leaderEpoch !== role.leaderEpoch || change.partitionEpoch !== role.partitionEpoch) return;
  leadership.proposal = proposalOf(change);
  leadership.proposal.doubtfulSinceMs = out.monotonic();
  ask(replica, leadership, leadership.proposal, out);
}

/** The controller has spoken since: nothing is open any more. */
export function forgetProposal({ leadership, lastWord }: Replica): void {
  lastWord.proposed = undefined;
  if (leadership !== null) leadership.proposal = null;
}

function propose(replica: Replica, leadership: Leadership, isr: readonly number[], out: ReplicaOutbox): void {
  const { args, role, host, lastWord } = replica;
  const epochOf = (node: number) =>
    node === host.brokerId ? role.brokerEpoch : leadership.followers.get(node)?.brokerEpoch ?? -1;
  const change: IsrChange = {
    topicId: args.topicId,
    partition: args.partition,
    leaderEpoch: role.leaderEpoch,
    partitionEpoch: role.partitionEpoch,
    isr: isr.map((brokerId) => ({ brokerId, brokerEpoch: epochOf(brokerId) })),
  };
  lastWord.proposed = change;
  leadership.proposal = proposalOf(change);
  ask(replica, leadership, leadership.proposal, out);
}

function proposalOf(change: IsrChange): IsrProposal {
  const isr = change.isr.map(({ brokerId }) => brokerId);
  return { change, isr, isAnswered: false, attempts: 0, decidedEpoch: -1, doubtfulSinceMs: undefined };
}

function ask({ host }: Replica, leadership: Leadership, proposal: IsrProposal, out: ReplicaOutbox): void {
  proposal.isAnswered = false;
  const broker = refOf<BrokerProtocol>(host.brokerId, BROKER.kind, "broker");
  out.ask(broker, "alterPartition", proposal.change, (replica, answer, out) => {
    if (replica.leadership !== leadership || leadership.proposal !== proposal) return; // a newer word has come since
    answered(replica, leadership, proposal, answer, out);
  }, ASK_TIMEOUT_MS);
}

function answered(
  replica: Replica,
  leadership: Leadership,
  proposal: IsrProposal,
  answer: Verdict,
  out: ReplicaOutbox,
): void {
  proposal.isAnswered = true;
  const verdict = answer.ok ? answer.value : { error: "REQUEST_TIMED_OUT" } as const;
  const nowMs = out.monotonic();
  if ("partitionEpoch" in verdict && verdict.error === "NONE") {
    const wasHeard = verdict.partitionEpoch <= Math.max(proposal.decidedEpoch, replica.role.partitionEpoch);
    proposal.decidedEpoch = verdict.partitionEpoch;
    if (wasHeard && accept(replica, verdict)) {
      settle(replica, out); // first: another ISR can move the high watermark, and who joins must not be below that
      return expandIsr(replica, out);
    }
  }
  if (isRefusal(verdict.error) && !isInDoubt(replica, proposal, nowMs)) {
    forgetProposal(replica);
    leadership.proposeAfterMs = nowMs + REFUSED_BACKOFF_MS;
    return settle(replica, out);
  }
  if (verdict.error === "REQUEST_TIMED_OUT") proposal.doubtfulSinceMs ??= nowMs;
  const delayMs = Math.min(AGAIN_MAX_MS, AGAIN_MIN_MS * 2 ** proposal.attempts++);
  out.timer("isr again", delayMs, "askAgain", undefined);
}

/** Takes over the partition as the controller has it now. False when that is not this leader's business. */
function accept(replica: Replica, decided: IsrChangeResult): boolean {
  const { role, lastWord } = replica;
  const { leader, leaderEpoch, partitionEpoch, isr } = decided;
  if (leader !== role.leader || leaderEpoch !== role.leaderEpoch || partitionEpoch < role.partitionEpoch) return false;
  lastWord.role = { ...role, partitionEpoch, isr };
  forgetProposal(replica);
  return true;
}

/**
 * Whether the controller has said that it has not taken, and will never take, this proposal as it stands. Other errors say only that
 * it knows more: one of several attempts may have been accepted.
 */
function isRefusal(error: IsrChangeResult["error"]): boolean {
  return error === "INELIGIBLE_REPLICA" || error === "INVALID_REQUEST";
}

/**
 * Whether an earlier attempt may still be on its way, and be accepted although this one was refused. It cannot be for ever: then the
 * high watermark would wait for ever for a replica that nobody takes in.
 */
function isInDoubt({ config }: Replica, { doubtfulSinceMs }: IsrProposal, nowMs: number): boolean {
  return doubtfulSinceMs !== undefined && nowMs - doubtfulSinceMs < config.replicaLagTimeMaxMs;
}
