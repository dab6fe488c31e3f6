/**
 * The turns from one role to another, and what each takes along: timers, those who wait, the controller.
 *
 * Invariant: whatever belongs to a role ends with it. A fetch that a former role had under way is answered in vain.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import { refOf } from "../address.ts";
import { stopController } from "./active_controller.ts";
import { QUORUM, type QuorumFetchReply, type QuorumRef } from "./protocol.ts";
import { tellReaders } from "./readers.ts";
import type { Leader, Out, Quorum } from "./state.ts";

/** The quorum actor of a node. */
export function quorumOf(node: number): QuorumRef {
  return refOf(node, QUORUM.kind, "quorum");
}

/**
 * Somebody has spoken of an epoch, and of who leads it (-1 for nobody).
 *
 * @param speaker the node that said so
 */
export function hear(quorum: Quorum, out: Out, epoch: number, leaderId: number, speaker: number): void {
  if (epoch < quorum.epoch) return;
  const leads = isCredible(quorum, epoch, leaderId, speaker);
  if (epoch > quorum.epoch) {
    quorum.enter(epoch, -1);
    if (leads) follow(quorum, out, leaderId);
    else detach(quorum, out, soonMs(quorum, out));
  } else if (leads && quorum.leaderId === -1) {
    follow(quorum, out, leaderId);
  } else {
    assert(!leads || quorum.leaderId === leaderId, `${leaderId} and ${quorum.leaderId} lead in epoch ${epoch}`);
  }
}

/** What is said of this node it knows better; of a leader that it has given up, only that one's own word counts. */
function isCredible({ nodeId, voters, gone }: Quorum, epoch: number, leaderId: number, speaker: number): boolean {
  if (leaderId === nodeId || !voters.includes(leaderId)) return false;
  return speaker === leaderId || gone?.epoch !== epoch || gone.leaderId !== leaderId;
}

/** Follows the leader of the epoch that this node is in. */
function follow(quorum: Quorum, out: Out, leaderId: number): void {
  leave(quorum, out);
  quorum.role = { type: "follower", leaderId };
  quorum.failedElections = 0;
  quorum.sought = 0;
  quorum.gone = undefined;
  out.watch(quorumOf(leaderId));
  heardFromLeader(quorum, out);
  out.send(out.self, "tick", "fetch");
  for (const asker of quorum.resigning.splice(0)) out.reply(asker, true);
  tellReaders(quorum, out);
}

/** Knows of no leader any more. A voter stands after `standInMs`; whoever may not stand looks for a leader. */
export function detach(quorum: Quorum, out: Out, standInMs: number): void {
  leave(quorum, out);
  quorum.role = { type: "unattached" };
  if (quorum.mayStand) standIn(quorum, out, standInMs);
  else if (quorum.membership !== "voting") out.timer("fetch", quorum.timings.retryBackoffMs, "tick", "fetch");
  tellReaders(quorum, out);
}

/** The leader is gone, or has not been heard of for too long. That others still take it for the leader does not count any more. */
export function loseLeader(quorum: Quorum, out: Out): void {
  quorum.gone = { leaderId: quorum.leaderId, epoch: quorum.epoch };
  detach(quorum, out, soonMs(quorum, out));
}

/** Sets the time to stand, or moves it. */
export function standIn(quorum: Quorum, out: Out, delayMs: number): void {
  if (quorum.mayStand) out.timer("stand", delayMs, "tick", "stand");
}

/** Soon, but not at the same time as others that have the same reason. */
export function soonMs({ timings }: Quorum, out: Out): number {
  return out.random.below(timings.apartMs + 1);
}

/** The leader lives: the time after which it is given up begins anew. */
export function heardFromLeader({ timings: { fetchTimeoutMs } }: Quorum, out: Out): void {
  out.timer("lost", fetchTimeoutMs + out.random.below(Math.ceil(fetchTimeoutMs / 4)), "tick", "lost");
}

/** Ends a role. */
export function leave(quorum: Quorum, out: Out): void {
  const { role } = quorum;
  quorum.fetching = 0;
  quorum.download = undefined;
  for (const key of ["fetch", "lost", "stand", "ask"]) out.cancel(key);
  if (role.type === "leader") leaveLeadership(quorum, role, out);
}

function leaveLeadership(quorum: Quorum, role: Leader, out: Out): void {
  quorum.role = { type: "unattached" };
  for (const key of ["check", "begin", "handOver"]) out.cancel(key);
  for (const [replicaId, { asker }] of role.parked) {
    out.cancel(`park/${replicaId}`);
    out.reply(asker, refuseFetch(quorum));
  }
  for (const { asker } of role.appends) out.reply(asker, false);
  stopController(quorum, out);
}

/** The answer of a node that does not lead, or of one that leads another epoch than was asked. */
export function refuseFetch(
  { epoch, leaderId, highWatermark }: Quorum,
  error: "NOT_LEADER_OR_FOLLOWER" | "FENCED_LEADER_EPOCH" = "NOT_LEADER_OR_FOLLOWER",
): QuorumFetchReply {
  const records = new Uint8Array(0);
  return { error, epoch, leaderId, records, highWatermark, divergingEpoch: null, snapshot: null };
}
