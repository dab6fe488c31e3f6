/**
 * Changes of configs: checked against the tables, worked out into what is to be set or unset.
 *
 * Kafka tells bad requests from bad values: an operation that makes no sense is INVALID_REQUEST; a value that is not valid is
 * INVALID_CONFIG for a topic and, as in Kafka, INVALID_REQUEST for a broker.
 *
 * @module
 */
import { nearest } from "../../lib/nearest.ts";
import { BROKER_CONFIGS } from "./broker.ts";
import { type ConfigDefinition, listElements, problemOf } from "./definition.ts";
import { type ConfigLayers, numberOf, resolveBrokerConfig, resolveTopicConfig } from "./resolve.ts";
import { TOPIC_CONFIGS } from "./topic.ts";

/** One change of one config (KIP-339). */
export interface ConfigOperation {
  readonly name: string;
  readonly operation: "set" | "delete" | "append" | "subtract";
  readonly value: string | null;
}

/** Why nothing was changed. */
export interface ConfigRefusal {
  readonly ok: false;
  readonly error: "INVALID_CONFIG" | "INVALID_REQUEST";
  readonly message: string;
}

/** What is to be written: a value, or null for "no longer set". Nothing that would stay as it is. */
export interface ConfigDecision {
  readonly ok: true;
  readonly settings: readonly { readonly name: string; readonly value: string | null }[];
}

/** Whose configs are changed: a topic's, one broker's, or all brokers'. */
export type ConfigScope = "topic" | "broker" | "brokers";

/**
 * Works out a change of what is set in `layers` at `scope`.
 *
 * @param replaceAll what no operation names is unset (AlterConfigs as it was before KIP-339)
 */
export function decideConfigs(
  scope: ConfigScope,
  layers: ConfigLayers,
  operations: readonly ConfigOperation[],
  replaceAll: boolean,
): ConfigDecision | ConfigRefusal {
  const before = layers[scope] ?? new Map<string, string>();
  const after = new Map(replaceAll ? [] : before);
  const named = new Set<string>();
  for (const operation of operations) {
    const { name } = operation;
    if (named.has(name)) return refusal(`Config ${name} is named twice: name each once.`);
    named.add(name);
    const problem = apply(scope, layers, after, operation);
    if (problem !== null) return problem;
  }
  const conflict = scope === "topic" ? conflictIn({ ...layers, topic: after }) : null;
  if (conflict !== null) return refusal(conflict, "INVALID_CONFIG");
  const settings: { name: string; value: string | null }[] = [];
  for (const name of before.keys()) if (!after.has(name)) settings.push({ name, value: null });
  for (const [name, value] of after) if (before.get(name) !== value) settings.push({ name, value });
  return { ok: true, settings };
}

/**
 * What is wrong with what a broker is to be started with: a sentence for each unknown name, each value that is not valid, and
 * values that do not go together.
 */
export function problemsOfProperties(properties: Readonly<Record<string, string>>): string[] {
  const problems = Object.entries(properties).flatMap(([name, value]) => {
    const definition = BROKER_CONFIGS.get(name);
    if (definition === undefined) return [`There is no broker config "${name}".${hint(name)}`];
    return problemOf(definition, value) ?? [];
  });
  return problems.length > 0 ? problems : conflictsOfGroups(properties);
}

/** Who reports too seldom to be taken for alive can be no member. Kafka's rule, too. */
function conflictsOfGroups(properties: Readonly<Record<string, string>>): string[] {
  const [interval, session] = ["group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"];
  const [intervalMs, sessionMs] = [interval, session].map((name) =>
    Number(properties[name] ?? BROKER_CONFIGS.get(name)!.default)
  ) as [number, number];
  if (intervalMs < sessionMs) return [];
  return [`${interval} (${intervalMs}) must be smaller than ${session} (${sessionMs}).`];
}

function apply(
  scope: ConfigScope,
  layers: ConfigLayers,
  after: Map<string, string>,
  { name, operation, value }: ConfigOperation,
): ConfigRefusal | null {
  if (operation === "delete") {
    after.delete(name);
    return null;
  }
  if (value === null) return refusal(`Config ${name} has no value: give it one, or delete it.`);
  const wrongValue = scope === "topic" ? "INVALID_CONFIG" : "INVALID_REQUEST";
  const definition = (scope === "topic" ? TOPIC_CONFIGS : BROKER_CONFIGS).get(name);
  if (definition === undefined) {
    return refusal(`There is no ${scope === "topic" ? "topic" : "broker"} config "${name}".`, wrongValue);
  }
  const fixed = scope === "topic" ? null : whyFixed(definition, scope);
  if (fixed !== null) return refusal(fixed);
  let wanted = value.trim();
  if (operation !== "set") {
    if (definition.type !== "LIST") {
      return refusal(`Config ${name} is no list: it can only be set or deleted.`, wrongValue);
    }
    const current = after.get(name) ?? effective(scope, name, layers);
    wanted = operation === "append" ? appended(current, wanted) : subtracted(current, wanted);
  }
  const problem = problemOf(definition, wanted);
  if (problem !== null) return refusal(problem, wrongValue);
  after.set(name, wanted);
  return null;
}

function whyFixed(definition: ConfigDefinition, scope: ConfigScope): string | null {
  const { name, update } = definition;
  if (update === "read-only") return `${name} cannot be changed while the broker runs: start it with another value.`;
  if (update === "per-broker" && scope === "brokers") return `${name} can only be changed for one broker: name its id.`;
  return null;
}

function effective(scope: ConfigScope, name: string, layers: ConfigLayers): string {
  return (scope === "topic" ? resolveTopicConfig(name, layers) : resolveBrokerConfig(name, layers)).value ?? "";
}

function appended(current: string, more: string): string {
  return [...new Set([...listElements(current), ...listElements(more)])].join(",");
}

function subtracted(current: string, less: string): string {
  const gone = new Set(listElements(less));
  return listElements(current).filter((element) => !gone.has(element)).join(",");
}

/** Values that are valid each for itself and do not go together. */
function conflictIn(layers: ConfigLayers): string | null {
  if (!layers.topic?.has("min.compaction.lag.ms") && !layers.topic?.has("max.compaction.lag.ms")) return null;
  const min = numberOf(resolveTopicConfig("min.compaction.lag.ms", layers));
  const max = numberOf(resolveTopicConfig("max.compaction.lag.ms", layers));
  if (min <= max) return null;
  return `min.compaction.lag.ms (${min}) must not be larger than max.compaction.lag.ms (${max}).`;
}

function hint(name: string): string {
  const definition = TOPIC_CONFIGS.get(name);
  const synonym = definition?.synonyms[0];
  if (synonym !== undefined) return ` For the default of the topic config of that name, say ${synonym}.`;
  const meant = nearest(name, BROKER_CONFIGS.keys());
  return meant === undefined ? "" : ` Did you mean ${meant}?`;
}

function refusal(message: string, error: ConfigRefusal["error"] = "INVALID_REQUEST"): ConfigRefusal {
  return { ok: false, error, message };
}
