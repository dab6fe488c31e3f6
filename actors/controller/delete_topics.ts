/**
 * What the controller decides when topics are to be deleted, by name or by id (KIP-516).
 *
 * @module
 */
import { booleanOf, resolveBrokerConfig } from "../../protocol/configs/resolve.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { Decision, Refusal, Setting } from "./decision.ts";
import type { MetadataImage, MetadataRecord, TopicImage, TopicResult } from "./protocol.ts";

/** A topic to delete; the zero id means "by name". */
export interface TopicToDelete {
  readonly name: string | null;
  readonly topicId: string;
}

/** Decides about topics to delete. */
export function deleteTopics({ image, properties }: Setting, topics: readonly TopicToDelete[]): Decision<TopicResult> {
  const layers = { brokers: image.configs.get("broker/"), properties };
  const enabled = booleanOf(resolveBrokerConfig("delete.topic.enable", layers));
  const found = topics.map((topic) => find(image, topic));
  const counts = new Map<TopicImage, number>();
  for (const topic of found) if (!("error" in topic)) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  const records: MetadataRecord[] = [];
  const results = topics.map(({ name, topicId }, index): TopicResult => {
    const topic = found[index]!;
    const refusal = "error" in topic ? topic : refuse(topic, enabled, counts.get(topic)!);
    if (refusal !== null) return { name: name ?? "", topicId, ...refusal, partitions: -1, replicationFactor: -1 };
    const { partitions } = topic as TopicImage;
    records.push({ type: "RemoveTopic", topicId: (topic as TopicImage).topicId });
    return {
      name: (topic as TopicImage).name,
      topicId: (topic as TopicImage).topicId,
      error: "NONE",
      message: null,
      partitions: partitions.length,
      replicationFactor: partitions[0]?.replicas.length ?? -1,
    };
  });
  return { records, results };
}

function find(image: MetadataImage, { name, topicId }: TopicToDelete): TopicImage | Refusal {
  if (topicId !== ZERO_UUID) {
    if (name !== null) {
      return { error: "INVALID_REQUEST", message: "A topic is named by its name or by its id, not by both." };
    }
    const topic = image.topics.get(image.topicNames.get(topicId) ?? "");
    return topic ?? { error: "UNKNOWN_TOPIC_ID", message: `There is no topic with id ${topicId}.` };
  }
  if (name === null) {
    return { error: "INVALID_REQUEST", message: "A topic is named by its name or by its id; both are missing." };
  }
  return image.topics.get(name) ?? { error: "UNKNOWN_TOPIC_OR_PARTITION", message: `There is no topic "${name}".` };
}

function refuse(topic: TopicImage, enabled: boolean, count: number): Refusal | null {
  if (!enabled) {
    return { error: "TOPIC_DELETION_DISABLED", message: "Topics cannot be deleted: delete.topic.enable is false." };
  }
  if (count > 1) return { error: "INVALID_REQUEST", message: `Topic "${topic.name}" is named twice.` };
  return null;
}
