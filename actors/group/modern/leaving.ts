/**
 * How members go: by their own word, or put out because they are late.
 *
 *     -1 ─────────────▶ gone: member, target and current are taken back, the group epoch grows
 *     -2 (static) ────▶ stays, at epoch -2, with what it has, until its next incarnation comes or its session is over
 *     late ───────────▶ gone: not heard of; keeps what it is to give up; a classic member that does not join or sync
 *
 * Invariant: what a member had is free from the turn in which it is gone, and not before.
 *
 * @module
 */
import type { Group, GroupOutbox } from "../state.ts";
import { allSince } from "./assignment_epochs.ts";
import { type HeartbeatBody, type HeartbeatReply, type Refusal, refusal, refused } from "./checks.ts";
import { downgradeIfDue } from "./convert.ts";
import { decide, modernOf } from "./decide.ts";
import { Draft } from "./draft.ts";
import { assignLater, refreshTopics } from "./epochs.ts";
import { GONE_FOR_A_WHILE } from "./member.ts";
import type { ModernGroup } from "./modern.ts";
import { NOTHING } from "./partitions.ts";
import { STABLE } from "./reconciliation.ts";
import { dropRegex } from "./regexes.ts";
import { cancelTimer, cancelTimers, isLate, type Lateness, setTimer } from "./timers.ts";

/** A member that is late, and could not be put out, is tried again. */
const AGAIN_MS = 500;

/** A heartbeat with epoch -1 or -2. */
export function leaveByHeartbeat(group: Group, body: HeartbeatBody, out: GroupOutbox): HeartbeatReply {
  const state = modernOf(group);
  if (state === undefined) {
    return refused(refusal("GROUP_ID_NOT_FOUND", "There is no such group of the new protocol."));
  }
  const { memberId, memberEpoch, instanceId } = body;
  const wrong = refuseLeave(state, memberId, instanceId);
  if (wrong !== undefined) return refused(wrong);
  const failed = memberEpoch === GONE_FOR_A_WHILE
    ? goForAWhile(group, state, memberId, out)
    : putOut(group, state, [memberId], out);
  return failed === undefined ? { errorCode: 0, memberId, memberEpoch, heartbeatIntervalMs: 0 } : refused(failed);
}

function refuseLeave(state: ModernGroup, memberId: string, instanceId: string | null): Refusal | undefined {
  const holder = instanceId === null ? memberId : state.instances.get(instanceId);
  if (holder === undefined || !state.metadata.has(holder)) {
    return refusal("UNKNOWN_MEMBER_ID", `The group has no member ${instanceId ?? memberId}.`);
  }
  if (holder !== memberId) {
    return refusal("FENCED_INSTANCE_ID", `The instance "${instanceId}" is member ${holder} by now.`);
  }
  return undefined;
}

/** It uses nothing any more, not even what it was to give up; its session runs on. */
function goForAWhile(group: Group, state: ModernGroup, memberId: string, out: GroupOutbox): Refusal | undefined {
  const draft = new Draft(state);
  const { assigned } = draft.current(memberId);
  // Whoever comes with an epoch that the member had is too late.
  const epochs = { epoch: GONE_FOR_A_WHILE, previousEpoch: GONE_FOR_A_WHILE };
  const since = allSince(assigned, 0); // its next life begins at epoch 0
  draft.setCurrent(memberId, { ...epochs, state: STABLE, assigned, pending: NOTHING, since });
  const failed = decide(group, draft, out);
  if (failed === undefined) cancelTimer(state, "revoke", memberId, out);
  return failed;
}

/** These members are gone. */
export function putOut(
  group: Group,
  state: ModernGroup,
  memberIds: readonly string[],
  out: GroupOutbox,
): Refusal | undefined {
  const draft = new Draft(state);
  for (const memberId of memberIds) {
    const { subscribedTopicRegex } = draft.metadata(memberId)!;
    draft.forget(memberId);
    dropRegex(draft, subscribedTopicRegex);
  }
  draft.bump();
  refreshTopics(draft, group.news, out);
  // Nobody is to have anything: that is worked out at once, and says since when.
  if (draft.size === 0) draft.setAssigned(out.now());
  if (downgradeIfDue(group, draft, out)) return undefined;
  const failed = decide(group, draft, out);
  if (failed !== undefined) return failed;
  for (const memberId of memberIds) cancelTimers(state, memberId, out);
  if (draft.size > 0) assignLater(state, group.news, out);
  return undefined;
}

/** Handles `sessionOver`. */
export function sessionOver(group: Group, { memberId }: { readonly memberId: string }, out: GroupOutbox): void {
  putOutIfLate(group, memberId, ["session"], out);
}

/** Handles `revocationOver`: for classic members, that they have not joined or synced in time. */
export function revocationOver(group: Group, { memberId }: { readonly memberId: string }, out: GroupOutbox): void {
  putOutIfLate(group, memberId, ["revoke", "join", "sync"], out);
}

function putOutIfLate(group: Group, memberId: string, whats: readonly Lateness[], out: GroupOutbox): void {
  const state = modernOf(group);
  if (state === undefined || !state.metadata.has(memberId)) return;
  const late = whats.find((what) => isLate(state, what, memberId, out));
  if (late === undefined || putOut(group, state, [memberId], out) === undefined) return;
  setTimer(state, late, memberId, AGAIN_MS, out); // it could not be written
}
