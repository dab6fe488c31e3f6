/**
 * What must hold of a group after every committed batch: nobody shares a partition, and epochs are in order.
 *
 * - Classic: no partition is in two assignments of a generation; a generation that was handed out stays as it was.
 * - KIP-848: no partition is assigned to, or still with, two members; a member's epoch ≤ the assignment's ≤ the group's, and these two never
 *   go back; a target gives nothing twice, and to subscribers only; who has reached the assignment's epoch has nothing else.
 * - A group is of one kind at a time.
 *
 * @module
 */
import { decodeMessage } from "../../../protocol/codec.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../../protocol/tables/consumer_protocol.ts";
import { type ClassicValue, type GroupFold, latin1 } from "./group_fold.ts";
import type { Tell } from "./views.ts";

const STABLE = 0;
const UNREVOKED = 1;

/** Of a group that was not there. */
export const NOTHING_BEFORE: GroupBefore = {
  ends: 0,
  epoch: -1,
  assignmentEpoch: -1,
  classic: null,
  memberEpochs: new Map(),
};

/** What was before a batch. */
export interface GroupBefore {
  readonly ends: number;
  readonly epoch: number;
  readonly assignmentEpoch: number;
  readonly classic: ClassicValue | null;
  readonly memberEpochs: ReadonlyMap<string, number>;
}

/** Remembers what the next batch is compared with. */
export function before(fold: GroupFold): GroupBefore {
  const memberEpochs = new Map([...fold.currents].map(([id, { memberEpoch }]) => [id, memberEpoch]));
  const { group, targetEpoch, classic, ends } = fold;
  return {
    ends,
    epoch: group?.epoch ?? -1,
    assignmentEpoch: targetEpoch?.assignmentEpoch ?? -1,
    classic,
    memberEpochs,
  };
}

/** Judges a group after a batch that changed it. `names` are the topics that there are, by id. */
export function judgeGroup(
  fold: GroupFold,
  was: GroupBefore,
  names: (topicId: string) => string | undefined,
  tell: Tell,
): void {
  const say = (sentence: string) => tell(`the group ${fold.groupId} ${sentence}`);
  if (fold.ends !== was.ends) was = NOTHING_BEFORE;
  if (fold.classic !== null && fold.group !== null) say("is of both protocols at once.");
  if (fold.classic !== null && fold.classic !== was.classic) judgeClassic(fold.classic, was.classic, say);
  if (fold.group === null) {
    if (fold.members.size > 0) say(`has members of the new protocol (${[...fold.members.keys()]}), and no epoch.`);
    return;
  }
  judgeEpochs(fold, was, say);
  judgeOwners(fold, say);
  judgeTargets(fold, names, say);
}

function judgeClassic(now: ClassicValue, was: ClassicValue | null, say: Tell): void {
  if (was !== null && now.generation < was.generation) {
    say(`has gone back from generation ${was.generation} to ${now.generation}.`);
  }
  if (was?.generation === now.generation && was.members.length > 0) {
    const [a, b] = [was, now].map(({ members }) =>
      members.map(({ assignment }) => latin1(assignment)).sort().join("|")
    );
    if (a !== b) say(`has handed out generation ${now.generation} twice, each time another.`);
  }
  if (now.protocolType !== "consumer") return;
  const owners = new Map<string, string>();
  for (const { memberId, assignment } of now.members) {
    for (const key of assignedOf(assignment)) {
      const other = owners.get(key);
      if (other !== undefined) say(`gives ${key} to ${other} and to ${memberId} in generation ${now.generation}.`);
      owners.set(key, memberId);
    }
  }
}

function judgeEpochs(fold: GroupFold, was: GroupBefore, say: Tell): void {
  const epoch = fold.group!.epoch;
  const assignmentEpoch = fold.targetEpoch?.assignmentEpoch ?? -1;
  if (epoch < was.epoch) say(`has gone back from epoch ${was.epoch} to ${epoch}.`);
  if (assignmentEpoch < was.assignmentEpoch) {
    say(`has gone back from assignment epoch ${was.assignmentEpoch} to ${assignmentEpoch}.`);
  }
  if (assignmentEpoch > epoch) say(`has assignment epoch ${assignmentEpoch}, above its epoch ${epoch}.`);
  for (const [id, { memberEpoch, previousMemberEpoch, state, partitionsPendingRevocation }] of fold.currents) {
    if (!fold.members.has(id)) say(`has an assignment of ${id}, which is no member.`);
    if (memberEpoch > assignmentEpoch) {
      say(`has ${id} at epoch ${memberEpoch}, above its assignment epoch ${assignmentEpoch}.`);
    }
    if (memberEpoch >= 0 && previousMemberEpoch > memberEpoch) {
      say(`has ${id} at epoch ${memberEpoch}, and before at ${previousMemberEpoch}.`);
    }
    const earlier = was.memberEpochs.get(id) ?? -1;
    if (memberEpoch >= 0 && memberEpoch < earlier) {
      say(`has taken ${id} back from epoch ${earlier} to ${memberEpoch}.`);
    }
    const isRevoking = partitionsPendingRevocation.some(({ partitions }) => partitions.length > 0);
    if (isRevoking !== (state === UNREVOKED)) {
      say(`has ${id} in state ${state}, ${isRevoking ? "and" : "but not"} revoking.`);
    }
  }
}

function judgeOwners({ currents }: GroupFold, say: Tell): void {
  const owners = new Map<string, string>();
  for (const [id, { assignedPartitions, partitionsPendingRevocation }] of currents) {
    for (const key of keysOf([...assignedPartitions, ...partitionsPendingRevocation])) {
      const other = owners.get(key);
      if (other !== undefined) say(`has ${key} with ${other} and with ${id}.`);
      owners.set(key, id);
    }
  }
}

function judgeTargets(fold: GroupFold, names: (topicId: string) => string | undefined, say: Tell): void {
  const owners = new Map<string, string>();
  const assignmentEpoch = fold.targetEpoch?.assignmentEpoch ?? -1;
  for (const [id, { topicPartitions }] of fold.targets) {
    for (const key of keysOf(topicPartitions)) {
      const other = owners.get(key);
      if (other !== undefined) say(`is to give ${key} to ${other} and to ${id}.`);
      owners.set(key, id);
    }
    const member = fold.members.get(id);
    if (member === undefined) say(`has a target of ${id}, which is no member.`);
    // Subscriptions are those that the target was made for as long as the epoch has not moved on.
    if (member === undefined || assignmentEpoch !== fold.group!.epoch) continue;
    const regex = member.subscribedTopicRegex ?? "";
    const wanted = [...member.subscribedTopicNames, ...(regex === "" ? [] : fold.regexes.get(regex)?.topics ?? [])];
    const isClassic = member.classicMemberMetadata !== null;
    for (const { topicId } of topicPartitions) {
      const name = names(topicId);
      if (name !== undefined && !isClassic && !wanted.includes(name)) {
        say(`is to give ${name} to ${id}, which has not asked for it.`);
      }
    }
  }
  for (const [id, { memberEpoch, state, assignedPartitions }] of fold.currents) {
    if (memberEpoch !== assignmentEpoch || state !== STABLE) continue;
    const target = new Set(keysOf(fold.targets.get(id)?.topicPartitions ?? []));
    for (const key of keysOf(assignedPartitions)) {
      if (!target.has(key)) say(`has ${id} at the assignment epoch ${memberEpoch}, with ${key} that is not to be its.`);
    }
  }
}

/** The partitions in the bytes of a classic assignment. */
export function assignedOf(assignment: Uint8Array): string[] {
  if (assignment.length < 2) return [];
  const version = Math.min(3, assignment[0]! << 8 | assignment[1]!);
  const { assignedPartitions } = decodeMessage(consumerProtocolAssignment, version, assignment, 2);
  return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic}-${partition}`));
}

/** Whether a member reads this topic, as far as is written down. */
export function isSubscribed({ classic, members, regexes }: GroupFold, topic: string): boolean {
  for (const { subscription } of classic?.members ?? []) if (asksFor(subscription, topic)) return true;
  for (const { subscribedTopicNames, subscribedTopicRegex } of members.values()) {
    if (subscribedTopicNames.includes(topic)) return true;
    if (regexes.get(subscribedTopicRegex ?? "")?.topics.includes(topic)) return true;
  }
  return false;
}

/**
 * Why this commit must not be taken by the group as it is; undefined when it may. `keyOf` is under what a member has the partition, if the
 * topic is the one that it is in.
 */
export function whyNotToCommit(
  { classic, group, currents, members, held }: GroupFold,
  { memberId, epoch }: { readonly memberId: string; readonly epoch: number },
  keyOf: (topicId: string) => string | undefined,
): string | undefined {
  if (epoch < 0) {
    const count = (classic?.members.length ?? 0) + members.size;
    return count === 0 ? undefined : `the group had ${count} members`;
  }
  if (group !== null) {
    const current = currents.get(memberId);
    if (current === undefined) return `${memberId} was no member`;
    const { memberEpoch } = current;
    if (memberEpoch === epoch) return undefined;
    // Another epoch is good if it was the member's, and it has had the partition since then (KIP-1251).
    const topicIds = [...current.assignedPartitions, ...current.partitionsPendingRevocation].map((row) => row.topicId);
    const since = topicIds.flatMap((topicId) => held.get(memberId)?.get(keyOf(topicId) ?? "") ?? []);
    if (epoch < memberEpoch && since.some((from) => from <= epoch)) return undefined;
    return `${memberId} was at epoch ${memberEpoch}, and has had it since ${since.join() || "never"}`;
  }
  if (classic === null) return "there was no such group";
  if (classic.generation !== epoch) return `the group was at generation ${classic.generation}`;
  return classic.members.some((each) => each.memberId === memberId) ? undefined : `${memberId} was no member`;
}

/** Of a subscription that cannot be read everything has to be thought. */
function asksFor(subscription: Uint8Array, topic: string): boolean {
  if (subscription.length < 2) return true;
  const version = Math.min(3, subscription[0]! << 8 | subscription[1]!);
  return decodeMessage(consumerProtocolSubscription, version, subscription, 2).topics.includes(topic);
}

/** Partitions by topic id. */
function keysOf(
  topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
): string[] {
  return topics.flatMap(({ topicId, partitions }) => partitions.map((partition) => `${topicId}-${partition}`));
}
