/**
 * A stand-in: groups of the classic protocol are not served yet.
 *
 * @module
 */
import { ASK_AGAIN } from "../dispatch.ts";
import type { GroupNews } from "../protocol.ts";
import type { Group, GroupHandler, GroupOutbox, Members } from "../state.ts";

/** The state of a group that has no member, and no record. Called by `fold` at its first record. */
export function createClassic(_group: Group): Members {
  throw new Error("not yet");
}

/** The group has been loaded: sets the timers of what it was loaded into. */
export function begin(_group: Group, _out: GroupOutbox): void {}

/** `group.news` is another; `before` is what it was. */
export function newsCame(_group: Group, _before: GroupNews, _out: GroupOutbox): void {}

export const join: GroupHandler<"join"> = (_, request) => ASK_AGAIN.join(request);
export const sync: GroupHandler<"sync"> = (_, request) => ASK_AGAIN.sync(request);
export const heartbeat: GroupHandler<"heartbeat"> = (_, request) => ASK_AGAIN.heartbeat(request);
export const leave: GroupHandler<"leave"> = (_, request) => ASK_AGAIN.leave(request);
export const describe: GroupHandler<"describe"> = (_, request) => ASK_AGAIN.describe(request);
export const memberLate: GroupHandler<"memberLate"> = () => {};
export const joinPhaseOver: GroupHandler<"joinPhaseOver"> = () => {};
export const syncPhaseOver: GroupHandler<"syncPhaseOver"> = () => {};
