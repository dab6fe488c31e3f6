/**
 * Logs that a broker finds in its folder and that are not its own: their topic was deleted, or they were moved to another broker, while
 * this one was away or about to end.
 *
 * @module
 */
import type { BrokerView } from "../actors/broker/protocol.ts";
import { METADATA_TOPIC } from "../protocol/topic_names.ts";
import type { DiskLogStore } from "../storage/log_store.ts";

/**
 * Sets them aside, under names that no topic can have; returns a sentence if there are any, new or old. The view must have come as far
 * as the cluster had when this broker was let in.
 */
export function setAsideStrays(store: DiskLogStore, { image, brokerId }: BrokerView): string | undefined {
  store.setAsideStrays((name) => {
    const at = name.lastIndexOf("-");
    const topic = name.slice(0, at);
    const partition = image.topics.get(topic)?.partitions[Number(name.slice(at + 1))];
    return topic === METADATA_TOPIC || partition?.replicas.includes(brokerId) === true;
  });
  const strays = store.strays();
  if (strays.length === 0) return undefined;
  return `Logs that are no longer this broker's take room in ${store.root} and can be removed: ${strays.join(", ")}.`;
}
