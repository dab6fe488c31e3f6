/**
 * The timers of a group of the new protocol.
 *
 *     session/<member>   not heard of for so long: put out           set anew by every heartbeat
 *     revoke/<member>    keeps what it is to give up: put out        while it is unrevoked
 *     join/<member>      a classic member has not joined: put out    from the answer that told it to, to its join
 *     sync/<member>      a classic member has not synced: put out    from its join to its sync
 *     look/<what>        a target, or what regular expressions mean, is due
 *
 * A timer that is set anew may have its old message in the mailbox already: one that is due is told from it by its deadline.
 *
 * @module
 */
import type { GroupOutbox } from "../state.ts";
import type { ModernGroup } from "./modern.ts";

/** What a member can be late with. */
export type Lateness = "session" | "revoke" | "join" | "sync";

const ALL: readonly Lateness[] = ["session", "revoke", "join", "sync"];

/**
 * Sets a timer of a member, anew if it is set already. How long it lasts, the member may have said: less than nothing is nothing. While a
 * former coordinator may go on telling it that all is well, its time has not begun.
 */
export function setTimer(
  { volatile }: ModernGroup,
  what: Lateness,
  memberId: string,
  timeoutMs: number,
  out: GroupOutbox,
): void {
  const key = `${what}/${memberId}`;
  const graceMs = Math.max(0, volatile.graceUntilMs - out.monotonic());
  const delayMs = graceMs + Math.max(0, timeoutMs);
  volatile.deadlines.set(key, out.monotonic() + delayMs);
  const memberEpoch = -1; // the deadline says more
  out.timer(key, delayMs, what === "session" ? "sessionOver" : "revocationOver", { memberId, memberEpoch });
}

/** The member has been heard. */
export function resetSession(group: ModernGroup, memberId: string, timeoutMs: number, out: GroupOutbox): void {
  setTimer(group, "session", memberId, timeoutMs, out);
}

/** Sets a timer of a member, unless it runs. */
export function setTimerIfNone(
  group: ModernGroup,
  what: Lateness,
  memberId: string,
  delayMs: number,
  out: GroupOutbox,
): void {
  if (!group.volatile.deadlines.has(`${what}/${memberId}`)) setTimer(group, what, memberId, delayMs, out);
}

/** Unsets a timer of a member. */
export function cancelTimer({ volatile }: ModernGroup, what: Lateness, memberId: string, out: GroupOutbox): void {
  const key = `${what}/${memberId}`;
  if (volatile.deadlines.delete(key)) out.cancel(key);
}

/** Unsets all timers of a member that is gone. */
export function cancelTimers(group: ModernGroup, memberId: string, out: GroupOutbox): void {
  for (const what of ALL) cancelTimer(group, what, memberId, out);
}

/** Whether the member is late with this; one that is not due yet is waited for. */
export function isLate({ volatile }: ModernGroup, what: Lateness, memberId: string, out: GroupOutbox): boolean {
  const key = `${what}/${memberId}`;
  const deadline = volatile.deadlines.get(key);
  if (deadline === undefined) return false;
  const leftMs = deadline - out.monotonic();
  if (leftMs <= 0) return true;
  // A clock that is coarser than the timer's, or a message of before the timer was set anew.
  const message = { memberId, memberEpoch: -1 };
  out.timer(key, leftMs, what === "session" ? "sessionOver" : "revocationOver", message);
  return false;
}

/** Comes back to this group, to look at something that is due by then. */
export function setLook(
  { volatile }: ModernGroup,
  what: "assignment" | "regex",
  delayMs: number,
  out: GroupOutbox,
): void {
  const key = `look/${what}`;
  const atMs = out.monotonic() + delayMs;
  const setFor = volatile.deadlines.get(key);
  if (setFor !== undefined && setFor <= atMs) return;
  volatile.deadlines.set(key, atMs);
  out.timer(key, delayMs, "look", what);
}
