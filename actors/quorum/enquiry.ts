/**
 * How a voter whose folder is new finds out what it has forgotten, before it votes.
 *
 * ```text
 *   enquiring ──every other voter has answered; none has a cluster──▶ voting
 *       └─────────────────one has──▶ catchingUp ──has all that the leader has──▶ voting
 * ```
 *
 * A voter without a `quorum-state` may be one of a cluster that is being formed, or one that has lost its disk. It cannot tell, and the
 * second has made promises: it may have voted in some epoch, and it may have said that it has records which are committed because it
 * said so. If it acted as if it had promised nothing, an epoch could have two leaders, or a leader could be elected that lacks
 * what is committed. So:
 *
 * - **It votes in no epoch that anybody has heard of.** Whoever it has voted for had entered that epoch durably before it asked; so
 *   had whoever it has followed. When every other voter has said which epoch it is in, the largest of these is the largest in which
 *   a promise can have been made to one of them; it votes only above that (`votesFrom`). A vote that it gave to itself cannot harm: that
 *   candidate is no more. Until then what it fetches does not count for the high watermark either (`votes: false`), because by
 *   acknowledging in an epoch it would also promise to follow no older leader.
 * - **It votes only when it has all that it may have acknowledged.** Until then every majority that elects leaves it out, and meets
 *   each majority that has committed in another voter, so the leader of the time has everything that is committed. Whatever it had
 *   acknowledged to that leader, even if the leader counts it only now, was in the leader's log; so it is safe when that log
 *   has nothing more to give. If no other voter has any record, nothing was ever committed.
 * - **Nothing is written down until it votes**, so a crash on the way begins all this again.
 *
 * It rests on what every quorum rests on: fewer than half of the voters have lost their disks at the same time. Those of a new
 * cluster that have not answered yet count as lost: it is formed when all have been there at once.
 *
 * @module
 */
import type { Answer } from "../actor.ts";
import type { QuorumProtocol } from "./protocol.ts";
import { hear, quorumOf, soonMs, standIn } from "./roles.ts";
import type { Out, Quorum } from "./state.ts";
import { askAgainMs } from "./timings.ts";

/** Whoever starts a cluster should be told which nodes it waits for, but not while they are just coming up. */
const REPORTED_ENQUIRY = 30;

type EnquireReply = ReturnType<QuorumProtocol["enquire"]>;

/** What this node knows, for a voter that knows nothing. */
export function tellEnquirer(quorum: Quorum, replicaId: number, out: Out): EnquireReply {
  if (quorum.membership === "enquiring" && quorum.others.includes(replicaId) && !quorum.heard.has(replicaId)) {
    ask(quorum, replicaId, out); // it is there now
  }
  return { epoch: quorum.epoch, leaderId: quorum.leaderId, formed: isFormed(quorum) };
}

/** Asks all who have not answered yet, and again after a while. */
export function enquire(quorum: Quorum, out: Out): void {
  if (quorum.membership !== "enquiring") return;
  const silent = quorum.others.filter((voter) => !quorum.heard.has(voter));
  for (const voter of silent) ask(quorum, voter, out);
  if (++quorum.enquiries === REPORTED_ENQUIRY) {
    const { deps: { report }, nodeId } = quorum;
    report?.(`The folder of node ${nodeId} is new: it votes when these have answered too: ${silent.join(", ")}.`);
  }
  out.timer("enquire", askAgainMs(quorum.timings), "tick", "enquire");
}

function ask(quorum: Quorum, voter: number, out: Out): void {
  out.ask(
    quorumOf(voter),
    "enquire",
    { replicaId: quorum.nodeId },
    (quorum, answer, out) => heardOf(quorum, voter, answer, out),
    askAgainMs(quorum.timings),
  );
}

function heardOf(quorum: Quorum, voter: number, answer: Answer<EnquireReply>, out: Out): void {
  if (!answer.ok || quorum.membership !== "enquiring") return;
  const { epoch, leaderId, formed } = answer.value;
  hear(quorum, out, epoch, leaderId, voter);
  quorum.heard.set(voter, { formed });
  if (quorum.heard.size < quorum.others.length) return;
  out.cancel("enquire");
  quorum.membership = "catchingUp";
  const hasSomethingToLose = isFormed(quorum) || [...quorum.heard.values()].some(({ formed }) => formed);
  if (!hasSomethingToLose) vote(quorum, out);
}

/** The leader has nothing that this node does not have. */
export function mayVoteNow(quorum: Quorum, out: Out): void {
  if (quorum.membership === "catchingUp") vote(quorum, out);
}

function vote(quorum: Quorum, out: Out): void {
  quorum.membership = "voting";
  quorum.votesFrom = quorum.epoch + 1;
  quorum.save();
  if (quorum.role.type === "unattached") standIn(quorum, out, soonMs(quorum, out));
}

/** Whether anything can have been committed, as far as this node knows. */
function isFormed({ log, deps }: Quorum): boolean {
  return log.endOffset > 0 || deps.store.clusterId !== "";
}
