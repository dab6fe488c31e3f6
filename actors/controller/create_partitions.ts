/**
 * What the controller decides when topics are to have more partitions (KIP-195).
 *
 * @module
 */
import {
  MAX_PARTITIONS_PER_REQUEST,
  newPartition,
  placementFor,
  refuseAssignments,
  refuseReplicationFactor,
} from "./create_topics.ts";
import { activeBrokerIds, type Decision, type Refusal, refusal, type Setting } from "./decision.ts";
import type { Placement } from "./placement.ts";
import type { ErrorResult, MetadataRecord, TopicImage } from "./protocol.ts";

/** A topic that is to grow. */
export interface Growth {
  readonly name: string;
  /** How many partitions it shall have in all. */
  readonly count: number;
  /** The replicas of the new partitions, or null for the controller's own placement. */
  readonly assignments: readonly (readonly number[])[] | null;
}

type Result = ErrorResult & { readonly name: string };

/** Decides about more partitions. */
export function createPartitions(
  setting: Setting,
  growths: readonly Growth[],
  validateOnly: boolean,
): Decision<Result> {
  const records: MetadataRecord[] = [];
  const counts = new Map<string, number>();
  for (const { name } of growths) counts.set(name, (counts.get(name) ?? 0) + 1);
  const placement = placementFor(setting);
  let room = MAX_PARTITIONS_PER_REQUEST;
  const results = growths.map((growth): Result => {
    const { name } = growth;
    const made = counts.get(name) !== 1
      ? refusal("INVALID_REQUEST", `Topic "${name}" is named twice.`)
      : grow(setting, placement, growth, room);
    if ("error" in made) return { name, ...made };
    room -= made.length;
    if (!validateOnly) records.push(...made);
    return { name, error: "NONE", message: null };
  });
  return { records, results };
}

function grow(setting: Setting, placement: Placement, growth: Growth, room: number): MetadataRecord[] | Refusal {
  const { image } = setting;
  const { name, count, assignments } = growth;
  const topic = image.topics.get(name);
  if (topic === undefined) return refusal("UNKNOWN_TOPIC_OR_PARTITION", `There is no topic "${name}".`);
  const current = topic.partitions.length;
  if (count <= current) {
    return refusal("INVALID_PARTITIONS", `Topic "${name}" has ${current} partitions: ${count} would not be more.`);
  }
  if (count - current > room) {
    return refusal(
      "POLICY_VIOLATION",
      `One request may make ${MAX_PARTITIONS_PER_REQUEST} partitions; this makes more.`,
    );
  }
  const replicas = assignments === null
    ? placed(placement, topic, count - current)
    : assigned(setting, topic, count - current, assignments);
  if ("error" in replicas) return replicas;
  const active = activeBrokerIds(image);
  return replicas.map((ids, index) => newPartition(topic.topicId, current + index, ids, active));
}

function placed(placement: Placement, topic: TopicImage, count: number): number[][] | Refusal {
  const replicationFactor = replicationFactorOf(topic);
  return refuseReplicationFactor(replicationFactor, placement) ?? placement.place(count, replicationFactor);
}

/** That of the first partition, as in Kafka; what it is about to lose does not count. */
function replicationFactorOf({ partitions }: TopicImage): number {
  const { replicas, removing } = partitions[0]!;
  return replicas.length - removing.length;
}

function assigned(
  { image }: Setting,
  topic: TopicImage,
  count: number,
  assignments: readonly (readonly number[])[],
): readonly (readonly number[])[] | Refusal {
  if (assignments.length !== count) {
    const message = `${count} partitions are new, but ${assignments.length} assignments were given.`;
    return refusal("INVALID_REPLICA_ASSIGNMENT", message);
  }
  const { partitions } = topic;
  const replicationFactor = replicationFactorOf(topic);
  return refuseAssignments(assignments, replicationFactor, partitions.length, image, activeBrokerIds(image)) ??
    assignments;
}
