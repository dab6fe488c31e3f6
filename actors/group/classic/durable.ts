/**
 * The record of a classic group: what its log has of it.
 *
 * @module
 */
import type { GroupRecord } from "../records.ts";
import type { Group } from "../state.ts";
import { fits } from "../write_size.ts";
import type { ClassicSnapshot, ClassicSnapshotMember } from "./convert.ts";
import { type ClassicGroup, NOTHING } from "./state.ts";

/** A generation, with who is in it and what each of them has. */
export function recordOf(snapshot: Omit<ClassicSnapshot, "usedUpTo">, nowMs: number): GroupRecord {
  return {
    type: "classicGroup",
    group: snapshot.groupId,
    value: {
      protocolType: snapshot.protocolType,
      generation: snapshot.generation,
      protocol: snapshot.protocol,
      leader: snapshot.leader,
      currentStateTimestamp: BigInt(nowMs),
      members: snapshot.members.map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: metadataIn(member, snapshot.protocol),
        assignment: member.assignment,
      })),
    },
  };
}

/** What the log has, with another id for this instance; undefined if it does not know it, or knows it by that id. */
export function renamed(classic: ClassicGroup, instanceId: string, memberId: string): GroupRecord | undefined {
  const [record] = classic.records();
  if (record?.type !== "classicGroup" || record.value === null) return undefined;
  const { value } = record;
  const old = value.members.find(({ groupInstanceId }) => groupInstanceId === instanceId);
  if (old === undefined || old.memberId === memberId) return undefined;
  const members = value.members.map((member) => member === old ? { ...member, memberId } : member);
  return { ...record, value: { ...value, members, leader: value.leader === old.memberId ? memberId : value.leader } };
}

/** Whether the log takes it: it is asked before anything is decided, for what was appended can only succeed or end the group's life. */
export function isTooLarge(group: Group, record: GroupRecord): boolean {
  return !fits([record], group.news.config.maxWriteBytes);
}

function metadataIn({ protocols }: ClassicSnapshotMember, protocol: string | null): Uint8Array {
  return protocols.find(({ name }) => name === protocol)?.metadata ?? NOTHING;
}
