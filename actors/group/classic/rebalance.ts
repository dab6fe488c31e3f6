/**
 * How a classic group gets from one generation to the next: the joining phase, and its end.
 *
 *     prepareRebalance ──▶ (initial delay | all have joined | rebalance timeout) ──▶ completeJoin ──▶ syncs wanted, or Empty
 *
 * Invariant: nobody is told of a generation before every member of the one before has joined, or has had its rebalance timeout to do so.
 *
 * @module
 */
import type { Group, GroupOutbox } from "../state.ts";
import { recordOf } from "./durable.ts";
import { answerSync, joined } from "./replies.ts";
import { forget, graceMs, touch } from "./sessions.ts";
import { type ClassicGroup, type Member, NOTHING } from "./state.ts";
import { selectProtocol } from "./vote.ts";

const JOIN_TIMER = "classic/join";
const SYNC_TIMER = "classic/sync";
/** Members may give a rebalance no time at all: a group that waits for one of them looks for it no more often than this. */
const WAIT_MIN_MS = 100;

/** Something has changed who is in the group, or what they want: all are to join (again), unless they are about to. */
export function rebalance(group: Group, classic: ClassicGroup, out: GroupOutbox): void {
  if (classic.phase === "PreparingRebalance") completeJoinIfAll(group, classic, out);
  else prepareRebalance(group, classic, out);
}

/** A wait of the joining phase may be over: all members have joined. An initial phase goes on: it waits for those who are not known yet. */
export function completeJoinIfAll(group: Group, classic: ClassicGroup, out: GroupOutbox): void {
  if (classic.phase !== "PreparingRebalance" || classic.initial && classic.hasMembers || !classic.isComplete) return;
  completeJoin(group, classic, out);
}

/** The time of the joining phase is over. */
export function joinPhaseOver(group: Group, classic: ClassicGroup, generation: number, out: GroupOutbox): void {
  if (classic.phase !== "PreparingRebalance" || classic.generation !== generation) return;
  const { initial } = classic;
  if (initial && initial.isNewcomer && initial.remainingMs > 0) {
    const delayMs = Math.min(group.news.config.initialRebalanceDelayMs, initial.remainingMs);
    classic.initial = { delayMs, remainingMs: Math.max(initial.remainingMs - initial.delayMs, 0), isNewcomer: false };
    waitForJoins(classic, delayMs, out);
  } else {
    completeJoin(group, classic, out);
  }
}

/** The time for syncs is over: who has not asked for its assignment is put out. */
export function syncPhaseOver(group: Group, classic: ClassicGroup, generation: number, out: GroupOutbox): void {
  if (classic.generation !== generation || classic.unsynced.size === 0) return;
  if (classic.phase !== "CompletingRebalance" && classic.phase !== "Stable") return;
  for (const memberId of [...classic.unsynced]) {
    const member = classic.members.get(memberId);
    if (!member) continue;
    classic.remove(member);
    forget(memberId, out);
  }
  prepareRebalance(group, classic, out);
}

/** A static member that the generation has begun without has been told of it now: like the others it has its time to ask for its assignment. */
export function awaitSyncOf(classic: ClassicGroup, memberId: string, out: GroupOutbox): void {
  classic.unsynced.add(memberId);
  waitForSyncs(classic, out);
}

/** A member has asked for its assignment. */
export function hasSynced(classic: ClassicGroup, memberId: string, out: GroupOutbox): void {
  if (classic.unsynced.delete(memberId) && classic.unsynced.size === 0) out.cancel(SYNC_TIMER);
}

/** No timer of the group as a whole goes on. */
export function cancelPhase(classic: ClassicGroup, out: GroupOutbox): void {
  classic.unsynced.clear();
  classic.away.clear();
  out.cancel(JOIN_TIMER);
  out.cancel(SYNC_TIMER);
}

/** Begins the joining phase. */
export function prepareRebalance(group: Group, classic: ClassicGroup, out: GroupOutbox): void {
  if (classic.phase === "CompletingRebalance") {
    for (const member of classic.members.values()) {
      member.assignment = NOTHING;
      if (!member.syncing) continue;
      answerSync(member, "REBALANCE_IN_PROGRESS", out);
      touch(classic, member, out);
    }
  }
  cancelPhase(classic, out);
  const isInitial = classic.phase === "Empty";
  classic.phase = "PreparingRebalance";
  classic.emptySince = undefined;
  if (isInitial) {
    const delayMs = group.news.config.initialRebalanceDelayMs;
    const remainingMs = Math.max(classic.rebalanceTimeoutMs - delayMs, 0);
    classic.initial = { delayMs, remainingMs, isNewcomer: false };
    waitForJoins(classic, delayMs, out);
  } else if (classic.isComplete) {
    completeJoin(group, classic, out);
  } else {
    waitForJoins(classic, classic.rebalanceTimeoutMs + graceMs(classic, out), out);
  }
}

/** Ends the joining phase with those who have joined. Static members stay: they may be on their way back. */
function completeJoin(group: Group, classic: ClassicGroup, out: GroupOutbox): void {
  for (const member of [...classic.members.values()]) {
    if (member.joining || member.instanceId !== null) continue;
    classic.remove(member);
    forget(member.memberId, out);
  }
  if (!classic.hasMembers) return becomeEmpty(group, classic, out);
  const members = [...classic.members.values()];
  const leader = classic.members.get(classic.leader!);
  const nextLeader = leader?.joining ? leader : members.find(({ joining }) => joining);
  // Only static members, and none of them is here: there is nobody who could assign anything.
  if (!nextLeader) return waitForJoins(classic, Math.max(WAIT_MIN_MS, classic.rebalanceTimeoutMs), out);
  out.cancel(JOIN_TIMER);
  classic.initial = undefined;
  classic.leader = nextLeader.memberId;
  classic.generation = classic.nextGeneration;
  classic.protocol = selectProtocol(members);
  classic.phase = "CompletingRebalance";
  for (const member of members) tellGeneration(classic, member, out);
  waitForSyncs(classic, out);
}

function tellGeneration(classic: ClassicGroup, member: Member, out: GroupOutbox): void {
  const { joining } = member;
  // Kafka waits for a sync of those who are away, too, and so puts them out when the rebalance timeout is over.
  if (!joining) return void classic.away.add(member.memberId);
  classic.unsynced.add(member.memberId);
  member.joining = undefined;
  member.isNew = false;
  out.reply(joining.asker, joined(classic, joining.version, member.memberId));
  touch(classic, member, out);
}

function becomeEmpty(group: Group, classic: ClassicGroup, out: GroupOutbox): void {
  const nowMs = out.now();
  classic.generation = classic.nextGeneration;
  classic.protocol = null;
  classic.leader = null;
  classic.phase = "Empty";
  classic.initial = undefined;
  classic.emptySince = nowMs;
  const { generation, protocolType } = classic;
  out.append(
    recordOf(
      { groupId: group.args.groupId, generation, protocolType, protocol: null, leader: null, members: [] },
      nowMs,
    ),
  );
  cancelPhase(classic, out);
}

function waitForSyncs(classic: ClassicGroup, out: GroupOutbox): void {
  out.timer(SYNC_TIMER, classic.rebalanceTimeoutMs, "syncPhaseOver", { generation: classic.generation });
}

function waitForJoins(classic: ClassicGroup, delayMs: number, out: GroupOutbox): void {
  out.timer(JOIN_TIMER, delayMs, "joinPhaseOver", { generation: classic.generation });
}
