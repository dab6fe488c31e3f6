/**
 * Which names a topic may have.
 *
 * @module
 */

/** The most characters of a topic's name, so that `<topic>-<partition>` and a suffix fit into a file's name. */
const MAX_TOPIC_NAME_LENGTH = 249;

/** The topics that Kafka keeps for itself: no client writes to them. */
export const INTERNAL_TOPICS: ReadonlySet<string> = new Set([
  "__consumer_offsets",
  "__transaction_state",
  "__share_group_state",
]);

/** The topic that holds the metadata log; no client sees it. */
export const METADATA_TOPIC = "__cluster_metadata";

/**
 * Why a name is refused, as a sentence; null when it is valid.
 *
 * @example
 * ```ts
 * import { refuseTopicName } from "./topic_names.ts";
 *
 * console.assert(refuseTopicName("orders.v1") === null);
 * console.assert(refuseTopicName("a b") === `Topic name "a b" contains a character other than a-z, A-Z, 0-9, ".", "_" and "-".`);
 * ```
 */
export function refuseTopicName(name: string): string | null {
  if (name === "") return "A topic name must not be empty.";
  if (name === "." || name === "..") return `A topic name must not be "." or "..".`;
  if (name.length > MAX_TOPIC_NAME_LENGTH) {
    return `A topic name of ${name.length} characters is longer than ${MAX_TOPIC_NAME_LENGTH}.`;
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `Topic name ${JSON.stringify(name)} contains a character other than a-z, A-Z, 0-9, ".", "_" and "-".`;
  }
  return null;
}

/**
 * What two names share when their metrics would: Kafka's metrics know no dots, so `a.b` and `a_b` collide. Two different
 * topics must not have the same key.
 */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}
