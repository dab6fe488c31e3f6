/**
 * A classic group made one of the new protocol, and back: KIP-848's upgrade and downgrade, each in one batch.
 *
 *     classic ──a member of the new protocol comes──▶ modern, with members of both ──the last of those goes──▶ classic
 *
 * Invariants: the two kinds are never both in the log; what a member of a classic group may be using it has in the new one, and a partition
 * that two of them claim is given to one of them; the group epoch goes on from the generation; the generation is the newest epoch of those
 * who stay, with nobody to lead it (whoever reads a classic group with members and no leader in the log knows that it was on its way to the
 * next), and the next of either goes on from the group epoch.
 *
 * @module
 */
import {
  CONSUMER_PROTOCOL_TYPE,
  type ConsumerAssignment,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  type Subscription,
} from "../../../protocol/consumer_protocol.ts";
import type { Assignment } from "../assignor.ts";
import {
  classicRecord,
  type ClassicSnapshot,
  type ClassicSnapshotMember,
  classicTombstone,
  fromModern,
  snapshotOf,
} from "../classic/convert.ts";
import type { GroupConfig, GroupNews, Topology } from "../protocol.ts";
import type { GroupRecord } from "../records.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { tombstonesOf } from "../tombstones.ts";
import { fits } from "../write_size.ts";
import { allSince } from "./assignment_epochs.ts";
import { modernOf } from "./decide.ts";
import { Draft } from "./draft.ts";
import { currentRecord, type MemberMetadata, memberRecord, targetRecord } from "./member.ts";
import { ModernGroup } from "./modern.ts";
import { filter, fromRows, NOTHING, union } from "./partitions.ts";
import { NEWCOMER } from "./reconciliation.ts";
import { cancelTimers } from "./timers.ts";

/**
 * The group as a member of the new protocol finds it when it comes: as it is, new, or made out of a classic one. Undefined for a classic
 * group that has members, and cannot or may not be upgraded. Nothing has happened until the draft is decided.
 */
export function openForJoin(group: Group, nowMs: number): Draft | undefined {
  const modern = modernOf(group);
  if (modern !== undefined) return new Draft(modern);
  const state = new ModernGroup(group.args.groupId);
  state.creationTimeMs = BigInt(nowMs);
  const tombstone = classicTombstone(group);
  const before = tombstone === undefined ? [] : [tombstone];
  const snapshot = snapshotOf(group);
  if (snapshot === undefined || !group.classic!.hasMembers) return new Draft(state, before);
  const records = upgraded(snapshot, group.news, nowMs);
  if (records === undefined) return undefined;
  for (const record of records) state.apply(record);
  return new Draft(state, [...before, ...records]);
}

function upgraded(snapshot: ClassicSnapshot, news: GroupNews, nowMs: number): GroupRecord[] | undefined {
  const { groupId: group, generation, usedUpTo, members } = snapshot;
  const epoch = Math.max(generation, usedUpTo);
  if (!mayUpgrade(news.config) || snapshot.protocolType !== CONSUMER_PROTOCOL_TYPE) return undefined;
  if (members.length > news.config.consumerMaxSize) return undefined;
  const said: GroupRecord[] = [];
  const targets: GroupRecord[] = [];
  const currents: GroupRecord[] = [];
  const uses = usedBy(snapshot, news.topology);
  if (uses === undefined) return undefined;
  for (const [at, member] of members.entries()) {
    const { memberId } = member;
    const metadata = metadataOf(member, snapshot.protocol);
    if (metadata === undefined) return undefined;
    const assigned = uses[at]!;
    said.push(memberRecord(group, memberId, metadata));
    if (assigned.size > 0) targets.push(targetRecord(group, memberId, assigned));
    currents.push(currentRecord(group, memberId, {
      ...NEWCOMER,
      epoch: generation,
      previousEpoch: generation,
      assigned,
      since: allSince(assigned, generation),
    }));
  }
  const creationTimeMs = BigInt(nowMs);
  return [
    ...said,
    { type: "group", group, value: { epoch, metadataHash: 0n, creationTimeMs } },
    ...targets,
    { type: "targetEpoch", group, value: { assignmentEpoch: epoch, assignmentTimestamp: creationTimeMs } },
    ...currents,
  ];
}

/**
 * What each member may be using, in their order; undefined if a member's bytes make no sense. That is what it was assigned; but a cooperative
 * member goes on with what it had until it has its next assignment, also when its leader means to take some of it, or nothing was assigned
 * because all had to join anew: so it is what it said that it owned as it joined, too. (Eager members then own nothing.) Who has an assignment
 * comes before who only says so, and among those who say so, who was in the later generation.
 */
function usedBy(snapshot: ClassicSnapshot, topology: Topology): Assignment[] | undefined {
  const taken = new Map<string, Set<number>>();
  const take = (set: Assignment) =>
    filter(set, (topicId, partition) => {
      const others = taken.get(topicId) ?? new Set();
      if (others.has(partition)) return false;
      taken.set(topicId, others.add(partition));
      return true;
    });
  const uses: Assignment[] = [];
  for (const member of snapshot.members) {
    const assignment = decodeAssignment(member.assignment);
    if (assignment === undefined) return undefined;
    uses.push(take(idsOf(assignment.assignedPartitions, topology)));
  }
  for (const { at, owned } of claimsOf(snapshot, topology)) uses[at] = union(uses[at]!, take(owned));
  return uses;
}

/**
 * What members say that they own, and where in the list they are: who was in the latest generation comes first. Partitions that there are
 * not are passed over, for nobody has assigned them, and with enough of them no group of the new protocol could be written down.
 */
function claimsOf({ members, protocol }: ClassicSnapshot, topology: Topology): { at: number; owned: Assignment }[] {
  const claims = members.map((member, at) => {
    const { generationId = -1, ownedPartitions = [] } = subscriptionOf(member, protocol) ?? {};
    const owned = ownedPartitions.map(({ topic, partitions }) => {
      const count = topology.topics.get(topic)?.partitions ?? 0;
      return { topic, partitions: partitions.filter((partition) => partition >= 0 && partition < count) };
    });
    return { at, generationId, owned: idsOf(owned, topology) };
  });
  return claims.sort((a, b) => b.generationId - a.generationId);
}

function mayUpgrade({ consumerMigrationPolicy: policy }: GroupConfig): boolean {
  return policy === "upgrade" || policy === "bidirectional";
}

function metadataOf(member: ClassicSnapshotMember, protocol: string | null): MemberMetadata | undefined {
  const subscription = subscriptionOf(member, protocol);
  if (subscription === undefined) return undefined;
  const { instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = member;
  return {
    instanceId,
    rackId: subscription.rackId,
    clientId,
    clientHost,
    subscribedTopicNames: [...subscription.topics],
    subscribedTopicRegex: null,
    rebalanceTimeoutMs,
    serverAssignor: null,
    classicMemberMetadata: { sessionTimeoutMs, supportedProtocols: protocols },
  };
}

/** What the member says of itself in the protocol that is spoken, else in the one that it likes best. */
function subscriptionOf({ protocols }: ClassicSnapshotMember, protocol: string | null): Subscription | undefined {
  const spoken = protocols.find(({ name }) => name === protocol) ?? protocols[0];
  return spoken && decodeSubscription(spoken.metadata);
}

/** Topics that there are, by their ids. */
export function idsOf(partitions: ConsumerAssignment["assignedPartitions"], topology: Topology): Assignment {
  if (partitions.length === 0) return NOTHING;
  return fromRows(partitions.flatMap(({ topic, partitions }) => {
    const topicId = topology.topics.get(topic)?.topicId;
    return topicId === undefined ? [] : [{ topicId, partitions }];
  }));
}

/** The same by names, in the order of these, for the bytes of the classic protocol. */
function namesOf(set: Assignment, topology: Topology): ConsumerAssignment["assignedPartitions"] {
  return [...set].flatMap(([topicId, partitions]) => {
    const topic = topology.names.get(topicId);
    return topic === undefined ? [] : [{ topic, partitions }];
  }).sort((a, b) => a.topic < b.topic ? -1 : 1);
}

/** The assignment of a classic member, in the version of its subscription. */
export function assignmentBytes(metadata: MemberMetadata, set: Assignment, topology: Topology): Uint8Array {
  const spoken = metadata.classicMemberMetadata?.supportedProtocols[0];
  const version = (spoken && decodeSubscription(spoken.metadata))?.version ?? 0;
  return encodeAssignment(version, namesOf(set, topology));
}

/**
 * Makes the group that is drafted a classic one, if only classic members are left in it, and it may be. Whether it has; then everything is
 * decided.
 */
export function downgradeIfDue(group: Group, draft: Draft, out: GroupOutbox): boolean {
  const { config, topology } = group.news;
  if (!mayDowngrade(draft, config)) return false;
  const memberIds = draft.memberIds();
  const members = memberIds.map((memberId) => ({ memberId, metadata: draft.metadata(memberId)! }));
  const protocol = commonProtocol(members.map(({ metadata }) => metadata));
  if (protocol === undefined) return false;
  const snapshot: ClassicSnapshot = {
    groupId: group.args.groupId,
    // The newest that one of them knows. Who knows it hears of a rebalance, and not that it is too late and has lost what it has; and none
    // of them ever meets a generation again that it has been in.
    generation: memberIds.reduce((newest, memberId) => Math.max(newest, draft.current(memberId).epoch), 0),
    usedUpTo: draft.state.epoch, // that of this turn, in which the last of the others goes, nobody has heard of
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocol,
    leader: null,
    members: members.map(({ memberId, metadata }) => ({
      memberId,
      instanceId: metadata.instanceId,
      clientId: metadata.clientId,
      clientHost: metadata.clientHost,
      sessionTimeoutMs: metadata.classicMemberMetadata!.sessionTimeoutMs,
      rebalanceTimeoutMs: metadata.rebalanceTimeoutMs,
      protocols: metadata.classicMemberMetadata!.supportedProtocols,
      assignment: assignmentBytes(metadata, draft.current(memberId).assigned, topology),
    })),
  };
  const records = [...tombstonesOf(draft.state.records()), classicRecord(snapshot, out.now())];
  if (!fits(records, config.maxWriteBytes)) return false;
  for (const record of records) out.append(record);
  for (const memberId of draft.state.metadata.keys()) cancelTimers(draft.state, memberId, out);
  for (const what of ["assignment", "regex"]) out.cancel(`look/${what}`);
  group.modern = undefined;
  fromModern(group, snapshot, out);
  return true;
}

function mayDowngrade(draft: Draft, { consumerMigrationPolicy: policy, maxSize }: GroupConfig): boolean {
  if (policy !== "downgrade" && policy !== "bidirectional") return false;
  if (draft.size === 0 || draft.size > maxSize) return false;
  // Mostly the first that there is speaks the new protocol, and the others need not be looked at.
  for (const memberId of draft.state.metadata.keys()) {
    if (draft.metadata(memberId)?.classicMemberMetadata === null) return false;
  }
  return draft.memberIds().every((memberId) => draft.metadata(memberId)!.classicMemberMetadata !== null);
}

/**
 * A group without members becomes an empty one of the classic protocol. That is written down, whether somebody comes to be in it or not: it
 * says since when there has been nobody, and what was committed before is kept for as long from then on.
 */
export function clearEmpty(group: Group, state: ModernGroup, out: GroupOutbox): void {
  const { groupId } = group.args;
  const nowMs = out.now();
  const empty = { groupId, generation: 0, usedUpTo: 0, protocolType: "", protocol: null, leader: null, members: [] };
  for (const record of [...tombstonesOf(state.records()), classicRecord(empty, nowMs)]) out.append(record);
  for (const what of ["assignment", "regex"]) out.cancel(`look/${what}`);
  group.modern = undefined;
  fromModern(group, empty, out);
}

/** The first protocol of the first member that all the others have, too. */
function commonProtocol(members: readonly MemberMetadata[]): string | undefined {
  const lists = members.map(({ classicMemberMetadata }) =>
    classicMemberMetadata!.supportedProtocols.map(({ name }) => name)
  );
  return lists[0]!.find((name) => lists.every((names) => names.includes(name)));
}
