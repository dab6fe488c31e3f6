/**
 * What the controller decides when configs are to change (KIP-226, KIP-339).
 *
 * @module
 */
import { type ConfigScope, decideConfigs } from "../../protocol/configs/change.ts";
import type { ConfigLayers } from "../../protocol/configs/resolve.ts";
import { type Decision, type Refusal, refusal, type Setting } from "./decision.ts";
import { reconsider } from "./elect_leaders.ts";
import { configKey } from "./draft.ts";
import { replay } from "./image.ts";
import type { ConfigChange, ConfigResourceType, ErrorResult, MetadataImage, MetadataRecord } from "./protocol.ts";

type Result = ErrorResult & { readonly resourceType: ConfigResourceType; readonly resourceName: string };

/** Topic configs on which it depends who is eligible to lead; the broker configs of their defaults have the same names. */
const ABOUT_LEADERS: readonly string[] = ["min.insync.replicas", "unclean.leader.election.enable"];

/**
 * Decides about changes of configs; each resource stands for itself. What they make of partitions goes with them: a leader that hears of a
 * smaller min.insync.replicas acknowledges by it, so nobody may count as eligible by the larger one any more.
 */
export function alterConfigs(
  setting: Setting,
  changes: readonly ConfigChange[],
  validateOnly: boolean,
): Decision<Result> {
  const { image, properties } = setting;
  const counts = new Map<string, number>();
  for (const change of changes) counts.set(keyOf(change), (counts.get(keyOf(change)) ?? 0) + 1);
  const records: MetadataRecord[] = [];
  const results = changes.map((change): Result => {
    const { resourceType, resourceName } = change;
    const made = counts.get(keyOf(change)) === 1
      ? alter(image, properties, change)
      : refusal("INVALID_REQUEST", `The ${resourceType} "${resourceName}" is named twice: name each resource once.`);
    if ("error" in made) return { resourceType, resourceName, ...made };
    if (!validateOnly) records.push(...made);
    return { resourceType, resourceName, error: "NONE", message: null };
  });
  return { records: [...records, ...consequences(setting, records)], results };
}

function consequences(setting: Setting, records: readonly MetadataRecord[]): MetadataRecord[] {
  const names = new Set<string>();
  for (const record of records) {
    if (record.type === "Config" && ABOUT_LEADERS.includes(record.name)) {
      names.add(record.resourceType === "topic" ? record.resourceName : "");
    }
  }
  if (names.size === 0) return [];
  const image = replay(setting.image, records);
  const topics = names.has("") ? image.topics.values() : [...names].flatMap((name) => image.topics.get(name) ?? []);
  return reconsider({ ...setting, image }, topics);
}

function alter(
  image: MetadataImage,
  properties: Readonly<Record<string, string>>,
  change: ConfigChange,
): MetadataRecord[] | Refusal {
  const { resourceType, resourceName, operations, replaceAll } = change;
  const missing = refuseResource(image, resourceType, resourceName);
  if (missing !== null) return missing;
  const own = image.configs.get(keyOf(change));
  if (
    resourceType === "broker" && resourceName !== "" && operations.some(({ name }) => name === "min.insync.replicas")
  ) {
    const message = "min.insync.replicas must be the same for all brokers: set it for all of them, or for topics.";
    return refusal("INVALID_REQUEST", message);
  }
  const scope: ConfigScope = resourceType === "topic" ? "topic" : resourceName === "" ? "brokers" : "broker";
  const layers: ConfigLayers = { brokers: image.configs.get("broker/"), properties, [scope]: own };
  const decision = decideConfigs(scope, layers, operations, replaceAll);
  if (!decision.ok) return decision;
  return decision.settings.map((setting) => ({ type: "Config", resourceType, resourceName, ...setting }));
}

function refuseResource(image: MetadataImage, type: ConfigResourceType, name: string): Refusal | null {
  if (type === "topic") {
    if (name === "") {
      return refusal("INVALID_REQUEST", "A topic's configs are changed by the topic's name; it is missing.");
    }
    return image.topics.has(name) ? null : refusal("UNKNOWN_TOPIC_OR_PARTITION", `There is no topic "${name}".`);
  }
  if (name === "") return null; // all brokers
  const id = /^\d{1,10}$/.test(name) ? Number(name) : undefined;
  if (id === undefined || String(id) !== name) {
    return refusal(
      "INVALID_REQUEST",
      `"${name}" is no broker id: it must be a whole number, or empty for all brokers.`,
    );
  }
  return image.brokers.has(id) ? null : refusal("BROKER_ID_NOT_REGISTERED", `There is no broker ${id}.`);
}

function keyOf({ resourceType, resourceName }: ConfigChange): string {
  return configKey(resourceType, resourceName);
}
