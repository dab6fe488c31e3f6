/**
 * `sticky` and `cooperative-sticky`: everybody keeps what it has, as far as it comes out even.
 *
 *     sticky              gives all up before it joins, and tells the leader in its user data what it had
 *     cooperative-sticky  keeps using what it has while it joins (KIP-429): what is to move is given up first, and given away in the next
 *                         rebalance, which its former owner asks for
 *
 * Invariant of the cooperative one: what somebody says it owns is assigned to nobody else in the same generation.
 *
 * @module
 */
import { readInt32, writeInt32 } from "../../../lib/big_endian.ts";
import { DecodeError, decodeLeading, encodeMessage } from "../../../protocol/codec.ts";
import { message } from "../../../protocol/schema.ts";
import type { ClassicAssignor } from "../membership.ts";
import type { TopicPartition } from "../protocol.ts";
import { type AssignedMember, comparePartitions, keyOf } from "./members.ts";
import { assignStickily, type Claim } from "./sticky_assignment.ts";

/** What a sticky consumer had: version 1 since Kafka 2.3; version 0 had no generation. It is written without its version. */
const stickyUserData = message("StickyAssignorUserData", "0-1", "none", {
  previousAssignment: [{
    topic: "string",
    partitions: "int32[]",
  }],
  generation: "int32 1+ ignorable =-1",
});

const NO_CLAIM: Claim = { owned: [], generation: -1 };

/** Kafka's StickyAssignor. */
export const sticky: ClassicAssignor = {
  name: "sticky",
  isCooperative: false,
  userData(owned, generation) {
    if (generation < 0) return null;
    return encodeMessage(stickyUserData, 1, { previousAssignment: byTopic(owned), generation });
  },
  assign: (members, partitions) => assignStickily(members, partitions, claimInUserData),
};

/** Kafka's CooperativeStickyAssignor. */
export const cooperativeSticky: ClassicAssignor = {
  name: "cooperative-sticky",
  isCooperative: true,
  userData(_, generation) {
    const bytes = new Uint8Array(4);
    writeInt32(bytes, 0, generation);
    return bytes;
  },
  assign(members, partitions) {
    const assignments = assignStickily(
      members,
      partitions,
      (member) => ({ ...member, generation: generationOf(member) }),
    );
    const owners = new Map<string, Set<string>>();
    for (const { memberId, owned } of members) {
      for (const key of owned.map(keyOf)) owners.set(key, (owners.get(key) ?? new Set()).add(memberId));
    }
    const isFree = (memberId: string, at: TopicPartition) => owners.get(keyOf(at))?.has(memberId) ?? true;
    return new Map([...assignments].map(([id, list]) => [id, list.filter((at) => isFree(id, at))]));
  },
};

/** Partitions by their topics, both in order. */
export function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of [...partitions].sort(comparePartitions)) {
    const list = topics.get(topic);
    if (list) list.push(partition);
    else topics.set(topic, [partition]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

/** Consumers of before KIP-792 say their generation in the user data only. */
function generationOf({ generation, userData }: AssignedMember): number {
  return generation < 0 && userData?.length === 4 ? readInt32(userData, 0) : generation;
}

function claimInUserData({ userData }: AssignedMember): Claim {
  if (userData === null || userData.length === 0) return NO_CLAIM;
  for (const version of [1, 0]) {
    try {
      const { previousAssignment, generation } = decodeLeading(stickyUserData, version, userData);
      const owned = previousAssignment.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition }))
      );
      return { owned, generation };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return NO_CLAIM;
}
