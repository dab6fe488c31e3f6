/**
 * Members for assignors, and what is said of assignments.
 *
 * @module
 */
import type { AssignedMember } from "../../../../../actors/consumer/assignors/members.ts";
import type { TopicPartition } from "../../../../../actors/consumer/protocol.ts";
import type { Random } from "../../../../../lib/prng.ts";

export function member(
  memberId: string,
  topics: readonly string[],
  rest: Partial<AssignedMember> = {},
): AssignedMember {
  return { memberId, instanceId: null, rackId: null, topics, owned: [], generation: -1, userData: null, ...rest };
}

export function named({ topic, partition }: TopicPartition): string {
  return `${topic}${partition}`;
}

/** `t0 t1` as partitions. */
export function partitionsOf(names: string): TopicPartition[] {
  return names.split(" ").filter((name) => name !== "").map((name) => ({
    topic: name[0]!,
    partition: Number(name.slice(1)),
  }));
}

/** `{ a: "t0 t1" }`. */
export function shown(assignments: ReadonlyMap<string, readonly TopicPartition[]>): Record<string, string> {
  return Object.fromEntries([...assignments].map(([id, list]) => [id, list.map(named).join(" ")]));
}

/** Some topics with some partitions. */
export function someTopics(random: Random, topicsMax: number, partitionsMax: number): Map<string, number> {
  const names = ["t", "u", "v", "w"].slice(0, 1 + random.below(topicsMax));
  return new Map(names.map((name) => [name, 1 + random.below(partitionsMax)]));
}

export function someMembers(
  random: Random,
  topics: ReadonlyMap<string, number>,
  count: number,
  isHomogeneous: boolean,
): AssignedMember[] {
  const all = [...topics.keys(), "missing"];
  return Array.from({ length: count }, (_, index) => {
    const own = isHomogeneous ? all : all.filter(() => random.chance(2, 3));
    return member(`m${index}`, own, random.chance(1, 4) ? { instanceId: `i${random.below(100)}${index}` } : {});
  });
}
