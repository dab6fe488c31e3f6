/**
 * Logs that a broker finds in its folder and that belong to no topic: their deletion was cut short by a crash.
 *
 * @module
 */
import type { BrokerView } from "../actors/broker/protocol.ts";
import { METADATA_TOPIC } from "../protocol/topic_names.ts";
import type { DiskLogStore } from "../storage/log_store.ts";

/** Sets them aside, under names that no topic can have; returns a sentence if there are any, new or old. */
export function setAsideStrays(store: DiskLogStore, { image }: BrokerView): string | undefined {
  store.setAsideStrays((name) => {
    const at = name.lastIndexOf("-");
    const topic = name.slice(0, at);
    return topic === METADATA_TOPIC || image.topics.get(topic)?.partitions[Number(name.slice(at + 1))] !== undefined;
  });
  const strays = store.strays();
  if (strays.length === 0) return undefined;
  return `Logs of topics that are gone take room in ${store.root} and can be removed: ${strays.join(", ")}.`;
}
