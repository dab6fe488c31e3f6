/**
 * How a member stays one, and how it stops: heartbeats, its session, the application's signs of life, and leaving.
 *
 * @module
 */
import { type ErrorName, errorName } from "../../../protocol/errors.ts";
import type { Body, Member } from "./state.ts";

/**
 * Whether it has a session to keep. While it joins, it has one only if it keeps what it has meanwhile: else there is nothing that could be
 * taken from it.
 */
function isAlive(member: Member): boolean {
  const { phase, owned } = member;
  if (member.generation < 0 || member.memberId === "") return false;
  if (phase === "joining" || phase === "syncing") return owned.length > 0;
  return phase === "settled" || phase === "electing" || phase === "apart" ||
    phase === "leaving" && !member.hasSaidGoodbye;
}

function canGoAway({ phase, subscription }: Member): boolean {
  return subscription !== undefined && (phase === "settled" || phase === "apart");
}

/** Who joins and has nothing has nothing to lose, however long ago it asked. */
function sessionEndMs({ phase, owned, heardMs, config }: Member): number {
  if (owned.length === 0 && phase !== "settled") return Infinity;
  return heardMs + config.sessionTimeoutMs;
}

function pollEndMs({ polledMs, config }: Member): number {
  return polledMs + config.maxPollIntervalMs;
}

/** What time has brought about. */
export function judgeTime(member: Member): void {
  // The coordinator may have put it out by now, and somebody else may use what it had.
  if (isAlive(member) && member.phase !== "leaving" && member.nowMs >= sessionEndMs(member)) {
    member.lose();
    member.loseCoordinator(true); // whoever it is, it has not answered for so long
  }
  if (canGoAway(member) && member.nowMs >= pollEndMs(member)) goAway(member);
}

/** Sends a heartbeat if one is due. */
export function beat(member: Member): void {
  if (!isAlive(member) || member.beating !== undefined || !member.isCoordinatorKnown) return;
  if (member.nowMs < member.heartbeatAtMs) return;
  const { groupId, groupInstanceId, requestTimeoutMs, sessionTimeoutMs, heartbeatIntervalMs } = member.config;
  member.beating = member.generation;
  member.askedMs = member.nowMs;
  member.heartbeatAtMs = member.nowMs + heartbeatIntervalMs;
  const body = { groupId, generationId: member.generation, memberId: member.memberId, groupInstanceId };
  member.request({ api: "heartbeat", body }, Math.min(requestTimeoutMs, sessionTimeoutMs));
}

/** A heartbeat was answered. */
export function heartbeatCame(member: Member, body: Body<"heartbeat">): void {
  const isStale = member.beating !== member.generation || !isAlive(member);
  member.beating = undefined;
  if (isStale) return;
  const error = errorName(body.errorCode);
  if (error === "NONE" || error === "REBALANCE_IN_PROGRESS") {
    member.isWell();
    member.heard(member.askedMs);
    if (error === "REBALANCE_IN_PROGRESS" && member.phase === "settled") member.mustJoin = true;
  } else if (error === "NOT_COORDINATOR" || error === "COORDINATOR_NOT_AVAILABLE") {
    member.loseCoordinator();
  } else {
    fenced(member, error);
  }
}

/** The coordinator has said that it is not, or not the only one, whom it takes itself for. */
export function fenced(member: Member, error: ErrorName): void {
  if (!isAlive(member) || member.phase === "leaving") return;
  switch (error) {
    case "UNKNOWN_MEMBER_ID":
      member.memberId = "";
      return member.lose();
    case "ILLEGAL_GENERATION":
      // While it joins, the group may have gone on to the generation that it is about to hear of.
      return member.isAsking ? undefined : member.lose();
    case "REBALANCE_IN_PROGRESS":
      if (member.phase === "settled") member.mustJoin = true;
      return;
    case "FENCED_INSTANCE_ID":
      return member.fail(error, "Another consumer has the same group.instance.id.");
    case "GROUP_AUTHORIZATION_FAILED":
      return member.fail(error, "The group may not be used.");
  }
}

/** The application wants to go: everything is given back first. */
export function leave(member: Member): void {
  const { owned } = member;
  member.changes.length = 0;
  member.election = undefined;
  if (owned.length > 0) member.changes.push({ type: "revoke", partitions: owned });
  member.phase = "leaving";
}

/** Says that it goes, if it is known and not to be expected back. */
export function sayGoodbye(member: Member): void {
  if (member.hasSaidGoodbye) return;
  member.hasSaidGoodbye = true;
  if (!tellLeaving(member)) end(member);
}

/** LeaveGroup was answered, or was not. */
export function leaveCame(member: Member): void {
  if (member.phase === "leaving") end(member);
}

/** Says when to come back, if nothing happens before. */
export function wake(member: Member): void {
  const { phase } = member;
  const times: number[] = [];
  if (isAlive(member)) {
    if (phase !== "leaving" && sessionEndMs(member) < Infinity) times.push(sessionEndMs(member));
    if (member.beating === undefined && member.isCoordinatorKnown) times.push(member.heartbeatAtMs);
  }
  if (canGoAway(member)) times.push(pollEndMs(member));
  if (phase === "electing") times.push(member.electUntilMs);
  if (phase === "apart" && member.retryAtMs > member.nowMs) times.push(member.retryAtMs);
  if (times.length > 0) member.actions.push({ type: "wake", atMs: Math.min(...times) });
}

/** The application does not ask for records: others shall have them. It is back with the next poll. */
function goAway(member: Member): void {
  tellLeaving(member);
  member.lose();
  member.memberId = "";
  member.phase = "away";
}

/** A static member is to be expected back: only its session ends it. */
function tellLeaving(member: Member): boolean {
  const { groupId, groupInstanceId, requestTimeoutMs } = member.config;
  const { memberId } = member;
  if (groupInstanceId !== null || memberId === "" || !member.isCoordinatorKnown) return false;
  const body = { groupId, memberId: "", members: [{ memberId, groupInstanceId, reason: null }] };
  member.request({ api: "leave", body }, requestTimeoutMs);
  return true;
}

function end(member: Member): void {
  member.phase = "ended";
  member.generation = -1;
  member.actions.push({ type: "left" });
}
