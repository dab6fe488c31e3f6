/**
 * What the controller decides when leaders are to be elected anew, because somebody asks (KIP-460) or by itself.
 *
 * @module
 */
import { booleanOf, resolveBrokerConfig } from "../../protocol/configs/resolve.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { Changes } from "./changes.ts";
import type { Decision, Setting } from "./decision.ts";
import { NO_LEADER } from "./partition_change.ts";
import type { ControllerProtocol, MetadataRecord, PartitionImage, PartitionResult, TopicImage } from "./protocol.ts";

type Election = Parameters<ControllerProtocol["electLeaders"]>[0];

/** So many leaders are put back at once (Kafka's number), so that other changes get their turn. */
export const MAX_ELECTIONS_PER_TURN = 1_000;

/** Decides about elections that somebody asked for; of all partitions, only those that needed one are named in the answer. */
export function electLeaders(
  setting: Setting,
  { type, partitions }: Omit<Election, "timeoutMs">,
): Decision<PartitionResult> {
  const { image } = setting;
  const changes = new Changes(setting);
  const results = partitions === null
    ? [...image.topics.values()].flatMap((topic) =>
      topic.partitions.map(({ partition }) => elect(changes, type, topic.name, partition, topic))
    ).filter(({ error }) => error !== "ELECTION_NOT_NEEDED")
    : partitions.map(({ topic, partition }) => elect(changes, type, topic, partition, image.topics.get(topic)));
  return { records: changes.records, results };
}

function elect(
  changes: Changes,
  type: Election["type"],
  topic: string,
  index: number,
  found: TopicImage | undefined,
): PartitionResult {
  const result = (error: ErrorName, message: string | null = null) => ({ topic, partition: index, error, message });
  const partition = found && changes.partition(found, index);
  if (partition === undefined) {
    return result("UNKNOWN_TOPIC_OR_PARTITION", `There is no partition ${index} of a topic "${topic}".`);
  }
  if (type === "preferred" ? hasPreferredLeader(partition) : partition.leader !== NO_LEADER) {
    return result("ELECTION_NOT_NEEDED", "The partition has the right leader already.");
  }
  const next = changes.wish(found!, index, type === "preferred" ? { preferred: true } : { unclean: true });
  if (type === "preferred") {
    if (hasPreferredLeader(next)) return result("NONE");
    const why = `Broker ${partition.replicas[0]} is not in sync, or not there.`;
    return result("PREFERRED_LEADER_NOT_AVAILABLE", why);
  }
  if (next.leader !== NO_LEADER) return result("NONE");
  return result("ELIGIBLE_LEADERS_NOT_AVAILABLE", "None of the partition's replicas is there.");
}

/** Leadership goes back to preferred replicas, and to whoever is there where the topic allows that. At most so many elections. */
export function balance(setting: Setting, atMost: number): MetadataRecord[] {
  const { image, properties } = setting;
  const layers = { brokers: image.configs.get("broker/"), properties };
  const preferred = booleanOf(resolveBrokerConfig("auto.leader.rebalance.enable", layers));
  const changes = new Changes(setting);
  for (const topic of image.topics.values()) {
    for (const partition of topic.partitions) {
      if (changes.records.length >= atMost) return changes.records;
      const first = partition.replicas[0]!;
      const misplaced = preferred && partition.leader !== first && partition.isr.includes(first) &&
        changes.mayLead(topic, partition.partition, first);
      const orphaned = partition.leader === NO_LEADER && changes.policy(topic.name).unclean;
      if (misplaced || orphaned) changes.wish(topic, partition.partition, { preferred, unclean: orphaned });
    }
  }
  return changes.records;
}

/** What a change of topic configs makes of partitions: who is eligible depends on min.insync.replicas, and who may lead on another. */
export function reconsider(setting: Setting, topics: Iterable<TopicImage>): MetadataRecord[] {
  const changes = new Changes(setting);
  for (const topic of topics) {
    for (const { partition, leader, elr } of topic.partitions) {
      if (leader !== NO_LEADER && elr.length === 0) continue;
      changes.wish(topic, partition, { unclean: changes.policy(topic.name).unclean });
    }
  }
  return changes.records;
}

function hasPreferredLeader({ leader, replicas }: PartitionImage): boolean {
  return leader === replicas[0];
}
