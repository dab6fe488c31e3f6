/**
 * What classic consumers say to each other through the group: what each wants and has, and what the leader gives it.
 *
 *     subscription ──JoinGroup──▶ group ──all of them──▶ leader: assignor ──SyncGroup──▶ group ──▶ assignment
 *
 * Invariant: everything here is a function of what is given; the bytes are those of Kafka's ConsumerProtocol.
 *
 * @module
 */
import {
  CONSUMER_PROTOCOL_VERSION,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../../protocol/consumer_protocol.ts";
import type { Request, Response } from "../../../protocol/schema.ts";
import type { joinGroup, syncGroup } from "../../../protocol/tables/groups.ts";
import { byTopic } from "../assignors/sticky.ts";
import type { ClassicAssignor } from "../membership.ts";
import type { TopicPartition } from "../protocol.ts";

/** What a member says of itself when it joins. */
export interface OwnSubscription {
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  readonly generation: number;
  readonly rackId: string | null;
  /** What it was last given, and in which generation; -1 when nothing has been given to it yet. */
  readonly last: { readonly partitions: readonly TopicPartition[]; readonly generation: number };
}

type Members = Response<typeof joinGroup>["members"];

/** The protocols of a JoinGroup: one for each assignor, the best one first. */
export function protocolsOf(
  assignors: readonly ClassicAssignor[],
  { topics, owned, generation, rackId, last }: OwnSubscription,
): Request<typeof joinGroup>["protocols"] {
  return assignors.map((assignor) => ({
    name: assignor.name,
    metadata: encodeSubscription(CONSUMER_PROTOCOL_VERSION, {
      topics: [...topics].sort(),
      userData: assignor.userData(last.partitions, last.generation),
      ownedPartitions: byTopic(owned),
      generationId: generation,
      rackId,
    }),
  }));
}

/** All topics that somebody in the group is subscribed to. */
export function topicsOf(members: Members): string[] {
  return [...new Set(members.flatMap(({ metadata }) => decodeSubscription(metadata)?.topics ?? []))];
}

/** What the leader gives: each assignment in the version of its member's subscription. Who cannot be understood gets nothing. */
export function assignmentsFor(
  assignor: ClassicAssignor,
  members: Members,
  partitions: ReadonlyMap<string, number>,
): Request<typeof syncGroup>["assignments"] {
  const subscriptions = members.map(({ metadata }) => decodeSubscription(metadata));
  const assigned = assignor.assign(
    members.map(({ memberId, groupInstanceId }, index) => ({
      memberId,
      instanceId: groupInstanceId,
      rackId: subscriptions[index]?.rackId ?? null,
      topics: subscriptions[index]?.topics ?? [],
      owned: flat(subscriptions[index]?.ownedPartitions ?? []),
      generation: subscriptions[index]?.generationId ?? -1,
      userData: subscriptions[index]?.userData ?? null,
    })),
    partitions,
  );
  return members.map(({ memberId }, index) => ({
    memberId,
    assignment: encodeAssignment(subscriptions[index]?.version ?? 0, byTopic(assigned.get(memberId) ?? [])),
  }));
}

/** The partitions in an assignment; undefined when it cannot be understood. */
export function partitionsIn(assignment: Uint8Array): TopicPartition[] | undefined {
  const decoded = decodeAssignment(assignment);
  return decoded && flat(decoded.assignedPartitions);
}

function flat(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
