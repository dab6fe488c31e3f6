/**
 * What is known of one member, and the records that say so.
 *
 *     member    what it has said of itself (subscription, timeouts, who it is)
 *     target    what it is to have
 *     current   what it has, at which epoch
 *
 * @module
 */
import type { Assignment } from "../assignor.ts";
import type { GroupRecord } from "../records.ts";
import { sinceFromRows } from "./assignment_epochs.ts";
import { fromRows, toRows } from "./partitions.ts";
import type { Current } from "./reconciliation.ts";

type Value<T extends GroupRecord["type"]> = NonNullable<Extract<GroupRecord, { readonly type: T }>["value"]>;

/** What a member has said of itself. */
export type MemberMetadata = Value<"member">;
/** What a regular expression was found to mean. */
export type RegexMeaning = Value<"regex">;

/** The epoch of a static member that has gone for a while; its next incarnation takes over what it has. */
export const GONE_FOR_A_WHILE = -2;
/** What a member says that leaves for good. */
export const LEAVES = -1;

/** The regular expression that it names, if it does. */
export function expressionsOf(metadata: MemberMetadata | null | undefined): readonly string[] {
  const regex = metadata?.subscribedTopicRegex ?? null;
  return regex === null ? [] : [regex];
}

/** The record of what a member has said; null takes it back. */
export function memberRecord(group: string, memberId: string, value: MemberMetadata | null): GroupRecord {
  return { type: "member", group, memberId, value };
}

/** The record of what a member is to have. */
export function targetRecord(group: string, memberId: string, target: Assignment | null): GroupRecord {
  return { type: "target", group, memberId, value: target === null ? null : { topicPartitions: toRows(target) } };
}

/** The record of what a member has. */
export function currentRecord(group: string, memberId: string, current: Current | null): GroupRecord {
  if (current === null) return { type: "current", group, memberId, value: null };
  const rows = (set: Assignment) =>
    toRows(set).map(({ topicId, partitions }) => {
      const since = current.since.get(topicId);
      return { topicId, partitions, assignmentEpochs: partitions.map((partition) => since?.get(partition) ?? 0) };
    });
  return {
    type: "current",
    group,
    memberId,
    value: {
      memberEpoch: current.epoch,
      previousMemberEpoch: current.previousEpoch,
      state: current.state,
      assignedPartitions: rows(current.assigned),
      partitionsPendingRevocation: rows(current.pending),
    },
  };
}

/** What such a record says. */
export function currentOf(value: Value<"current">): Current {
  return {
    epoch: value.memberEpoch,
    previousEpoch: value.previousMemberEpoch,
    state: value.state,
    assigned: fromRows(value.assignedPartitions),
    pending: fromRows(value.partitionsPendingRevocation),
    since: sinceFromRows(value.memberEpoch, value.assignedPartitions, value.partitionsPendingRevocation),
  };
}

/** Whether two lists name the same topics, in whatever order. */
export function sameNames(names: readonly string[], others: readonly string[]): boolean {
  const set = new Set(names);
  return set.size === new Set(others).size && others.every((name) => set.has(name));
}

/** Whether a change of what a member says can change who is to have what. */
export function asksForOthers(before: MemberMetadata, after: MemberMetadata): boolean {
  return !sameNames(before.subscribedTopicNames, after.subscribedTopicNames) ||
    before.subscribedTopicRegex !== after.subscribedTopicRegex ||
    before.serverAssignor !== after.serverAssignor ||
    before.rackId !== after.rackId ||
    protocolNames(before) !== protocolNames(after);
}

/** What a classic member says in its protocols changes with each of its joins: it owns other partitions. Its topics are looked at apart. */
function protocolNames({ classicMemberMetadata }: MemberMetadata): string {
  return JSON.stringify(classicMemberMetadata?.supportedProtocols.map(({ name }) => name) ?? null);
}

/** Whether two values say the same in every column. */
export function sameMetadata(before: MemberMetadata, after: MemberMetadata): boolean {
  return !asksForOthers(before, after) &&
    before.instanceId === after.instanceId &&
    before.clientId === after.clientId &&
    before.clientHost === after.clientHost &&
    before.rebalanceTimeoutMs === after.rebalanceTimeoutMs &&
    before.classicMemberMetadata?.sessionTimeoutMs === after.classicMemberMetadata?.sessionTimeoutMs &&
    sameProtocols(before.classicMemberMetadata, after.classicMemberMetadata);
}

type ClassicMetadata = MemberMetadata["classicMemberMetadata"];

function sameProtocols(before: ClassicMetadata, after: ClassicMetadata): boolean {
  if (before === null || after === null) return before === after;
  const others = after.supportedProtocols;
  return before.supportedProtocols.length === others.length &&
    before.supportedProtocols.every(({ name, metadata }, at) =>
      name === others[at]!.name && sameBytes(metadata, others[at]!.metadata)
    );
}

function sameBytes(bytes: Uint8Array, others: Uint8Array): boolean {
  return bytes.length === others.length && bytes.every((byte, at) => byte === others[at]);
}
