/**
 * What a group of the new protocol does with each message.
 *
 * @module
 */
import type { GroupNews } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { downgradeIfDue } from "./convert.ts";
import { decide, mayGoWithout, modernOf } from "./decide.ts";
import { Draft } from "./draft.ts";
import { catchUp } from "./epochs.ts";
import { ModernGroup } from "./modern.ts";
import { startTimers } from "./starting.ts";

export { heartbeat, join, leave, sync } from "./classic_bridge.ts";
export { describeConsumer } from "./describe.ts";
export { consumerHeartbeat } from "./heartbeat.ts";
export { revocationOver, sessionOver } from "./leaving.ts";

/** The state of a group that has no member, and no record. Called by `fold` at its first record. */
export function createModern(group: Group): ModernGroup {
  return new ModernGroup(group.args.groupId);
}

/** The group has been loaded: sets the timers of what it was loaded into. */
export function begin(group: Group, out: GroupOutbox): void {
  const state = modernOf(group);
  if (state !== undefined) startTimers(group, state, out);
}

/** `group.news` is another: topics may have changed that the group is subscribed to. */
export function newsCame(group: Group, _before: GroupNews, out: GroupOutbox): void {
  lookAround(group, out);
}

/** Handles `look`: something is due that nobody has asked for. */
export function look(group: Group, what: "assignment" | "regex", out: GroupOutbox): void {
  modernOf(group)?.volatile.deadlines.delete(`look/${what}`);
  lookAround(group, out);
}

/** Handles `memberLate`: of a classic group that this one was. */
export function memberLate(): void {}

/** Without a target, if there is none to be had: it is tried again in a while. */
function lookAround(group: Group, out: GroupOutbox): void {
  const state = modernOf(group);
  if (state === undefined || !state.hasMembers) return;
  // The last member of the new protocol may have gone when the group could not, or might not, be a classic one.
  if (downgradeIfDue(group, new Draft(state), out)) return;
  const draft = new Draft(state);
  catchUp(draft, group.news, out);
  if (decide(group, draft, out) === undefined || !mayGoWithout(group, draft)) return;
  const without = new Draft(state);
  catchUp(without, group.news, out, false);
  decide(group, without, out);
}
