/**
 * Whether there is a group at all, how it shows in lists, and how it goes: deleted, or given up with the last of its offsets.
 *
 * Invariant: a group that has members is never given up, and one that has retired says nothing but COORDINATOR_LOAD_IN_PROGRESS.
 *
 * @module
 */
import type { ErrorName } from "../../../protocol/errors.ts";
import { LATER } from "../../actor.ts";
import type { GroupProtocol, Written } from "../protocol.ts";
import type { GroupRecord } from "../records.ts";
import type { Group, GroupHandler, GroupOutbox, Members } from "../state.ts";
import { tombstonesOf } from "../tombstones.ts";
import { howManyFit } from "../write_size.ts";

type Removed = ReturnType<GroupProtocol["remove"]>;

interface RemovalStep extends Written {
  readonly error: ErrorName;
  readonly isOver: boolean;
}

/** What members there are, of whichever kind. */
export function membersOf({ modern, classic }: Group): Members | undefined {
  return modern ?? classic;
}

/** Whether there is anything of it that would show. */
export function exists(group: Group): boolean {
  const members = membersOf(group);
  return !group.offsets.isEmpty || (members !== undefined && (members.hasMembers || !members.isEmpty));
}

/** As ListGroups shows it. */
export const summary: GroupHandler<"summary"> = (group) => {
  if (!exists(group)) return null;
  const members = membersOf(group);
  return {
    groupId: group.args.groupId,
    protocolType: members?.protocolType ?? "",
    groupState: members?.state ?? "Empty",
    groupType: group.modern === undefined ? "classic" : "consumer",
  };
};

/** DeleteGroups. What does not fit into one write goes on in later turns; whoever asked hears of the last. */
export function remove(group: Group, _: void, out: GroupOutbox<Removed>): Removed | typeof LATER {
  const { removals } = group.offsets;
  if (removals.length === 0) {
    const step = removeOn(group, out);
    if (step.isOver) return removed(step);
  }
  removals.push(out.asker()); // one deletion, however many have asked for it: its end is everybody's answer
  return LATER;
}

/** Goes on with deletions that are under way; true if there were any. */
export function continueRemoval(group: Group, out: GroupOutbox): boolean {
  const { removals } = group.offsets;
  if (removals.length === 0) return false;
  const step = removeOn(group, out);
  if (step.isOver) { for (const asker of removals.splice(0)) out.reply(asker, removed(step)); }
  return true;
}

function removeOn(group: Group, out: GroupOutbox): RemovalStep {
  if (membersOf(group)?.hasMembers) return { error: "NON_EMPTY_GROUP", isOver: true };
  if (!exists(group)) return { error: "GROUP_ID_NOT_FOUND", isOver: true };
  const tombstones = everything(group);
  const count = howManyFit(tombstones, group.news.config.maxWriteBytes);
  if (count === 0 && tombstones.length > 0) return { error: "UNKNOWN_SERVER_ERROR", isOver: true };
  for (const tombstone of tombstones.slice(0, count)) out.append(tombstone);
  if (count < tombstones.length) {
    out.timer("expire", 0, "expire", undefined);
    return { error: "NONE", isOver: false };
  }
  retire(group, out);
  return { error: "NONE", isOver: true, isWritten: count > 0 };
}

function removed({ error, isWritten = false }: RemovalStep): Removed {
  const messages: { readonly [E in ErrorName]?: string } = {
    NON_EMPTY_GROUP: "The group still has members.",
    GROUP_ID_NOT_FOUND: "There is no such group.",
    UNKNOWN_SERVER_ERROR: "The group's records do not fit into a batch of max.message.bytes.",
  };
  return { error, message: messages[error] ?? null, isWritten };
}

/** What takes back all that is durable of it. */
export function everything(group: Group): GroupRecord[] {
  return tombstonesOf([...group.offsets.records(), ...membersOf(group)?.records() ?? []]);
}

/** It is nothing any more, once what this turn has appended is written: its coordinator may make a new one of this name. */
export function retire(group: Group, out: GroupOutbox): void {
  const { groupId, term, coordinator } = group.args;
  group.retired = true;
  out.send(coordinator, "retire", { groupId, term });
}
