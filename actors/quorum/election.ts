/**
 * Elections: who may have this node's vote, and how it asks for those of others.
 *
 * A voter first asks whether it would be voted for (pre-vote, KIP-996), in its own epoch and leaving no trace; so one that has been cut
 * off does not disturb a leader that everybody else hears. Only with a majority does it enter the next epoch and ask in earnest.
 *
 * Invariants: one vote per epoch, durable before it is told; only to candidates whose log has everything that this one has.
 *
 * @module
 */
import type { Answer } from "../actor.ts";
import { endOf, isUpToDate } from "./log.ts";
import { becomeLeader } from "./leading.ts";
import type { VoteReply, VoteRequest } from "./protocol.ts";
import { detach, hear, leave, quorumOf, soonMs, standIn } from "./roles.ts";
import type { Campaign, Out, Quorum } from "./state.ts";
import { askAgainMs } from "./timings.ts";

const BACKOFF_MS = 20;

/** Somebody asks for this node's vote. */
export function answerVote(quorum: Quorum, request: VoteRequest, out: Out): VoteReply {
  const isVoter = quorum.voters.includes(request.candidateId);
  const granted = isVoter && (request.preVote ? wouldVote(quorum, request, out) : vote(quorum, request, out));
  return { granted, epoch: quorum.epoch, leaderId: quorum.leaderId };
}

/** Not while a leader is heard: a follower gives its leader up after a time, a leader without a majority resigns. */
function wouldVote(quorum: Quorum, request: VoteRequest, out: Out): boolean {
  if (quorum.membership !== "voting" || quorum.leaderId !== -1 || request.epoch < quorum.epoch) return false;
  const own = endOf(quorum);
  if (!isUpToDate(request, own)) return false;
  const { role } = quorum;
  if (role.type === "candidate") return true; // each of two may win
  const isBetter = !isUpToDate(own, request) || request.candidateId < quorum.nodeId;
  if (role.type === "unattached" || isBetter) {
    // Two that stand at the same time would take each other's votes away: this one lets the other try.
    const patienceMs = askAgainMs(quorum.timings);
    if (role.type === "prospective") detach(quorum, out, patienceMs + soonMs(quorum, out));
    else standIn(quorum, out, patienceMs + soonMs(quorum, out));
  }
  return true;
}

function vote(quorum: Quorum, request: VoteRequest, out: Out): boolean {
  const { candidateId, epoch } = request;
  if (epoch < quorum.epoch) return false;
  if (epoch === quorum.epoch && quorum.votedFor !== -1) return quorum.votedFor === candidateId;
  const isFree = epoch > quorum.epoch || quorum.leaderId === -1;
  const granted = isFree && quorum.membership === "voting" && epoch >= quorum.votesFrom &&
    isUpToDate(request, endOf(quorum));
  const isNew = epoch > quorum.epoch;
  if (isNew || granted) quorum.enter(epoch, granted ? candidateId : -1);
  const { electionTimeoutMs } = quorum.timings;
  if (granted) detach(quorum, out, electionTimeoutMs + out.random.below(electionTimeoutMs));
  else if (isNew) detach(quorum, out, soonMs(quorum, out));
  return granted;
}

/** Time to stand. */
export function stand(quorum: Quorum, out: Out): void {
  if (!quorum.mayStand || quorum.leaderId !== -1) return;
  if (quorum.role.type !== "unattached") quorum.failedElections++; // the last attempt has come to nothing
  if (quorum.others.length === 0) runFor(quorum, out, "candidate");
  else runFor(quorum, out, "prospective");
}

function runFor(quorum: Quorum, out: Out, type: Campaign["type"]): void {
  leave(quorum, out);
  if (type === "candidate") quorum.enter(quorum.epoch + 1, quorum.nodeId);
  quorum.role = { type, granted: new Set([quorum.nodeId]), refused: new Set() };
  const { electionTimeoutMs } = quorum.timings;
  out.timer("stand", electionTimeoutMs + out.random.below(electionTimeoutMs), "tick", "stand");
  if (quorum.majority === 1) return win(quorum, quorum.role, out);
  askForVotes(quorum, out);
}

/** Asks all who have not answered, and again after a while. */
export function askForVotes(quorum: Quorum, out: Out): void {
  const { role, nodeId: candidateId, epoch } = quorum;
  if (role.type !== "prospective" && role.type !== "candidate") return;
  const request = { candidateId, epoch, preVote: role.type === "prospective", ...endOf(quorum) };
  for (const voter of quorum.others) {
    if (role.granted.has(voter) || role.refused.has(voter)) continue;
    const then = (quorum: Quorum, answer: Answer<VoteReply>, out: Out) => takeVote(quorum, role, voter, answer, out);
    out.ask(quorumOf(voter), "vote", request, then, quorum.timings.electionTimeoutMs);
  }
  out.timer("ask", askAgainMs(quorum.timings), "tick", "ask");
}

function takeVote(quorum: Quorum, campaign: Campaign, voter: number, answer: Answer<VoteReply>, out: Out): void {
  if (!answer.ok) return;
  hear(quorum, out, answer.value.epoch, answer.value.leaderId, voter);
  if (quorum.role !== campaign) return;
  if (answer.value.granted) campaign.granted.add(voter);
  else campaign.refused.add(voter);
  if (campaign.granted.size >= quorum.majority) return win(quorum, campaign, out);
  if (campaign.refused.size > quorum.voters.length - quorum.majority) giveUp(quorum, out);
}

function win(quorum: Quorum, { type }: Campaign, out: Out): void {
  if (type === "prospective") runFor(quorum, out, "candidate");
  else becomeLeader(quorum, out);
}

/** Tries again after a time that grows, and differs from that of others. */
function giveUp(quorum: Quorum, out: Out): void {
  const { electionTimeoutMs } = quorum.timings;
  const fullMs = Math.min(electionTimeoutMs, BACKOFF_MS * 2 ** quorum.failedElections++);
  detach(quorum, out, Math.ceil(fullMs / 2) + out.random.below(Math.ceil(fullMs / 2)));
}
