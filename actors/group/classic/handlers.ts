/**
 * The classic protocol's part of a group actor: one function for each message that concerns it, under the message's name.
 *
 * They answer for a group that has no classic part, too: as Kafka does for one that is not there.
 *
 * @module
 */
import type { GroupNews } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { prepareRebalance } from "./rebalance.ts";
import * as phases from "./rebalance.ts";
import { touch } from "./sessions.ts";
import { ClassicGroup, classicOf } from "./state.ts";

export { ClassicGroup } from "./state.ts";
export { describe } from "./describe.ts";
export { join } from "./joining.ts";
export { leave, memberLate } from "./leaving.ts";
export { heartbeat, sync } from "./syncing.ts";

/** For loading: a classic part that is built from the records it is told, until {@linkcode begin}. */
export function createClassic(group: Group): ClassicGroup {
  return new ClassicGroup(group.args.groupId, false);
}

/**
 * The group is loaded: sessions begin anew. One that has become too large by another config forms again, with those who come first; one that was
 * of the new protocol a moment ago goes on forming: nobody may have what members had that are gone.
 */
export function begin(group: Group, out: GroupOutbox): void {
  const classic = classicOf(group);
  if (!classic) return;
  classic.begin();
  classic.graceUntilMs = group.graceUntilMs;
  if (!classic.hasMembers) classic.emptySince ??= out.now();
  for (const member of classic.members.values()) touch(classic, member, out);
  const isTooLarge = classic.members.size > group.news.config.maxSize;
  if (isTooLarge || classic.isLeaderless) prepareRebalance(group, classic, out);
}

/** Classic members look after the metadata themselves. */
export function newsCame(_group: Group, _before: GroupNews, _out: GroupOutbox): void {}

export function joinPhaseOver(group: Group, { generation }: { readonly generation: number }, out: GroupOutbox): void {
  const classic = classicOf(group);
  if (classic) phases.joinPhaseOver(group, classic, generation, out);
}

export function syncPhaseOver(group: Group, { generation }: { readonly generation: number }, out: GroupOutbox): void {
  const classic = classicOf(group);
  if (classic) phases.syncPhaseOver(group, classic, generation, out);
}
