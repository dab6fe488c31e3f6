/**
 * Replicas that are offline: what the controller knows of them, and what it decides.
 *
 * ```text
 *   named in a heartbeat ──▶ out of the ISR, leads nothing, is not elected, is not let in
 *   named no more ─────────▶ may be let in again; leads what nobody leads, if it is eligible
 * ```
 *
 * A broker lives on when a disk fails under some of its replicas, so that they are offline is nothing that the metadata log knows: each
 * controller learns it from the heartbeats. Until the first of them it takes all replicas of a live broker to be sound; if that was
 * wrong, it decides anew when it learns it.
 *
 * What is offline is eligible when it is back like whatever was fenced: where the topic flushes before it acknowledges, it has what it
 * vouched for; where not, it may have lost that.
 *
 * @module
 */
import { Changes } from "./changes.ts";
import { indexOf, type Setting } from "./decision.ts";
import { NO_LEADER } from "./partition_change.ts";
import type { BrokerImage, MetadataRecord, PartitionId } from "./protocol.ts";

/**
 * A broker has said which of its replicas are offline.
 *
 * @param mayBeBack some may have been so until now: they may lead
 */
export function heedOffline(
  setting: Setting,
  { id: brokerId }: BrokerImage,
  offline: readonly PartitionId[],
  mayBeBack: boolean,
): MetadataRecord[] {
  const { image } = setting;
  const changes = new Changes(setting);
  for (const { topicId, partition: index } of offline) {
    const topic = image.topics.get(image.topicNames.get(topicId) ?? "");
    const partition = topic && changes.partition(topic, index);
    if (partition === undefined) continue;
    const isSound = changes.flushesBeforeAck(topic!.name, brokerId);
    changes.wish(topic!, index, {
      isr: partition.isr.filter((id) => id !== brokerId),
      unclean: changes.policy(topic!.name).unclean,
      ...(isSound ? {} : { lost: { id: brokerId, empty: false } }),
    });
  }
  if (!mayBeBack) return changes.records;
  for (const { topic, partition } of indexOf(setting).on(brokerId, image)) {
    if (changes.partition(topic, partition.partition)?.leader !== NO_LEADER) continue;
    changes.wish(topic, partition.partition, { unclean: changes.policy(topic.name).unclean });
  }
  return changes.records;
}
