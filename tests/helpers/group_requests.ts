/**
 * Requests about groups, as the conversation of `group_script.ts` needs them.
 *
 * @module
 */
import type * as groups from "../../protocol/tables/groups.ts";
import type { RequestInput } from "../../protocol/schema.ts";

export type Commit = RequestInput<typeof groups.offsetCommit>;
type One = readonly [topic: string, partition: number, offset: number, text?: string | null];
const GENEROUS = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 5_000 };
/** A subscription to "t". */
const TO_T = new Uint8Array([0, 1, 0, 0, 0, 1, 0, 1, 0x74, 255, 255, 255, 255, 0, 0, 0, 0]);
const RANGE = { name: "range", metadata: TO_T };
/** What most fetches ask for. */
export const T = [{ name: "t", partitionIndexes: [0, 1] }];

/** An OffsetCommit. */
export function commitOf(groupId: string, more: Partial<Commit> = {}, ones: readonly One[] = [["t", 0, 5]]): Commit {
  const topics = ones.map(([name, partitionIndex, offset, text = "x"]) => ({
    name,
    partitions: [{ partitionIndex, committedOffset: BigInt(offset), committedMetadata: text }],
  }));
  return { groupId, generationIdOrMemberEpoch: -1, memberId: "", ...more, topics };
}

/** Whose commit it is. */
export function by(memberId: string, generationIdOrMemberEpoch: number): Partial<Commit> {
  return { memberId, generationIdOrMemberEpoch };
}

/** A JoinGroup. */
export function joinOf(groupId: string, more: object = {}): RequestInput<typeof groups.joinGroup> {
  return { groupId, ...GENEROUS, memberId: "", protocolType: "consumer", protocols: [RANGE], ...more };
}

/** A SyncGroup of a leader. */
export function syncOf(groupId: string, version: number, memberId: string, generationId: number, more: object = {}) {
  const typed = version >= 5 ? { protocolType: "consumer", protocolName: "range" } : {};
  const assignments = [{ memberId, assignment: new Uint8Array([1, 2, 3]) }];
  return { groupId, generationId, memberId, assignments, ...typed, ...more };
}

/** A LeaveGroup, in the shape of its version. */
export function leaveOf(
  groupId: string,
  version: number,
  ...members: { memberId: string; groupInstanceId?: string }[]
) {
  if (version < 3) return { groupId, memberId: members[0]!.memberId };
  return { groupId, members: members.map((each) => ({ groupInstanceId: null, ...each })) };
}
