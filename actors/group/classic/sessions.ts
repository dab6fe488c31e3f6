/**
 * The timers of classic members: how long each may be silent.
 *
 *     waits for a join or a sync ── no timer (it cannot speak); a newcomer: 5 minutes (it may have given up, and come back under another id)
 *     has been answered, was heard ── its session timeout; not before a former coordinator must have fallen silent
 *     was given an id to join with ── its session timeout
 *
 * Invariant: a timer that comes is good only with the token that it was set with: one may be in the mailbox when it is moved or cancelled.
 *
 * @module
 */
import type { GroupOutbox } from "../state.ts";
import type { ClassicGroup, Member } from "./state.ts";

/** Kafka's `group.new.member.join.timeout.ms`, which is no public config. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;

/** It was heard, or may still be by a former coordinator: its session begins anew, unless it waits for us. */
export function touch(classic: ClassicGroup, member: Member, out: GroupOutbox): void {
  member.token = ++classic.tokens;
  if (member.joining && member.isNew) late(member.memberId, member.token, NEW_MEMBER_JOIN_TIMEOUT_MS, out);
  else if (member.joining || member.syncing) out.cancel(keyOf(member.memberId));
  else late(member.memberId, member.token, member.sessionTimeoutMs + graceMs(classic, out), out);
}

/** For how long a former coordinator may go on telling members that all is well. */
export function graceMs({ graceUntilMs }: ClassicGroup, out: GroupOutbox): number {
  return Math.max(0, graceUntilMs - out.monotonic());
}

/** An id was given out: it is good for a session timeout. */
export function awaitPending(
  classic: ClassicGroup,
  memberId: string,
  sessionTimeoutMs: number,
  out: GroupOutbox,
): void {
  const token = ++classic.tokens;
  classic.pending.set(memberId, token);
  late(memberId, token, sessionTimeoutMs, out);
}

/** A member, or an id that was given out, is gone. */
export function forget(memberId: string, out: GroupOutbox): void {
  out.cancel(keyOf(memberId));
}

function late(memberId: string, token: number, delayMs: number, out: GroupOutbox): void {
  out.timer(keyOf(memberId), delayMs, "memberLate", { memberId, token });
}

function keyOf(memberId: string): string {
  return `classic/member/${memberId}`;
}
