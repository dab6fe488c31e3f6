/**
 * What all client-side assignors begin with: members in Kafka's order, and who is subscribed to what.
 *
 * @module
 */
import type { ClassicAssignor } from "../membership.ts";
import type { TopicPartition } from "../protocol.ts";

/** A member, as the leader of a classic group sees it. */
export type AssignedMember = Parameters<ClassicAssignor["assign"]>[0][number];

/** What each member is to have, by member id: every member is in it. */
export type Assignments = Map<string, TopicPartition[]>;

/** Static members by their instance, before the others by their ids: so an instance that comes back is in the place where it was. */
export function inOrder(members: readonly AssignedMember[]): AssignedMember[] {
  return [...members].sort((a, b) => {
    if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId);
    if (a.instanceId !== null || b.instanceId !== null) return a.instanceId !== null ? -1 : 1;
    return compare(a.memberId, b.memberId);
  });
}

/** Topics that exist and somebody is subscribed to, sorted, each with its subscribers in their order. */
export function subscribersByTopic<M extends AssignedMember>(
  ordered: readonly M[],
  partitions: ReadonlyMap<string, number>,
): Map<string, M[]> {
  const topics = new Set(ordered.flatMap(({ topics }) => topics));
  const byTopic = new Map<string, M[]>();
  for (const topic of [...topics].sort(compare)) if (partitions.has(topic)) byTopic.set(topic, []);
  for (const member of ordered) for (const topic of new Set(member.topics)) byTopic.get(topic)?.push(member);
  return byTopic;
}

/** Nothing for everybody. */
export function nothingFor(members: readonly AssignedMember[]): Assignments {
  return new Map(members.map(({ memberId }) => [memberId, []]));
}

/** By UTF-16 units, as Java compares strings. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By topic, then by partition. */
export function comparePartitions(a: TopicPartition, b: TopicPartition): number {
  return compare(a.topic, b.topic) || a.partition - b.partition;
}

/** A name for a partition, as a key of maps. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
