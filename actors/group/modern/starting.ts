/**
 * The timers of a group that has been loaded, or has become one of the new protocol: all of them begin anew.
 *
 * @module
 */
import type { GroupNews } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import type { MemberMetadata } from "./member.ts";
import type { ModernGroup } from "./modern.ts";
import { UNREVOKED } from "./reconciliation.ts";
import { resetSession, setLook, setTimer } from "./timers.ts";

/** How long a member may be silent. */
function sessionTimeoutOf(metadata: MemberMetadata, news: GroupNews): number {
  return metadata.classicMemberMetadata?.sessionTimeoutMs ?? news.config.consumerSessionTimeoutMs;
}

/** Sets every timer that the state asks for, which is the group's or about to be. */
export function startTimers({ graceUntilMs, news }: Group, state: ModernGroup, out: GroupOutbox): void {
  state.volatile.graceUntilMs = graceUntilMs;
  state.volatile.emptySinceMs = out.now();
  for (const [memberId, metadata] of state.metadata) {
    resetSession(state, memberId, sessionTimeoutOf(metadata, news), out);
    // For the others it begins with their first answer, which may be the first that tells them; a member that asks for none ends with its session.
    if (state.current(memberId).state === UNREVOKED && metadata.classicMemberMetadata !== null) {
      setTimer(state, "revoke", memberId, metadata.rebalanceTimeoutMs, out);
    }
  }
  if (state.regexes.size > 0) setLook(state, "regex", news.config.consumerRegexRefreshIntervalMs, out);
  // Topics may have changed while nobody coordinated, and classic members do not ask for that.
  if (state.hasMembers) {
    setLook(state, "assignment", news.config.consumerAssignmentIntervalMs, out);
  }
}
