/**
 * Logs that a broker finds in its folder and that belong to no topic: their deletion was cut short by a crash.
 *
 * @module
 */
import type { BrokerView } from "../actors/broker/protocol.ts";
import { METADATA_TOPIC_UUID } from "../lib/uuid.ts";
import type { DiskLogStore } from "../storage/log_store.ts";

/** Sets them aside, under names that no topic can have; returns a sentence if there are any, new or old. */
export function setAsideStrays(store: DiskLogStore, { image }: BrokerView): string | undefined {
  store.setAsideStrays((topicId) => topicId === METADATA_TOPIC_UUID || image.topicNames.has(topicId));
  const strays = store.strays();
  if (strays.length === 0) return undefined;
  return `Logs of topics that are gone take room in ${store.root} and can be removed: ${strays.join(", ")}.`;
}
