/**
 * Which value a config has, and where it comes from.
 *
 * ```text
 *   a topic's config      TOPIC ─▶ ┐
 *                                  ├─▶ DYNAMIC_BROKER ─▶ DYNAMIC_DEFAULT_BROKER ─▶ STATIC_BROKER ─▶ DEFAULT
 *   a broker's config            ─▶┘   (this broker)     (all brokers)             (flags, file)    (Kafka's)
 * ```
 *
 * The first that has a value wins; the whole row are the synonyms that DescribeConfigs shows (KIP-226). A topic's default is a
 * broker config of another name, or one of several: `retention.ms` asks `log.retention.ms`, then `.minutes`, then `.hours`.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import { BROKER_CONFIGS } from "./broker.ts";
import { type ConfigDefinition, listElements } from "./definition.ts";
import { TOPIC_CONFIGS } from "./topic.ts";

/** Where a value may come from, with the numbers of DescribeConfigs. */
export const CONFIG_SOURCES = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const;

/** Where a value comes from. */
export type ConfigSource = keyof typeof CONFIG_SOURCES;

/** Everything that has been set; what is left out sets nothing. */
export interface ConfigLayers {
  /** The topic's own configs. */
  readonly topic?: ReadonlyMap<string, string> | undefined;
  /** Dynamic configs of this broker. */
  readonly broker?: ReadonlyMap<string, string> | undefined;
  /** Dynamic configs of all brokers. */
  readonly brokers?: ReadonlyMap<string, string> | undefined;
  /** What the broker was started with. */
  readonly properties: Readonly<Record<string, string>>;
}

/** One place where a config has a value. */
export interface ConfigSynonym {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

/** A config with the value that counts. */
export interface ResolvedConfig {
  readonly definition: ConfigDefinition;
  /** In the config's own unit; null when nobody gives it one. */
  readonly value: string | null;
  readonly source: ConfigSource;
  /** Every place where it has a value, the one that counts first. */
  readonly synonyms: readonly ConfigSynonym[];
}

/** A topic config as it counts. Throws an AssertionError for a name that is none. */
export function resolveTopicConfig(name: string, layers: ConfigLayers): ResolvedConfig {
  const definition = definitionOf(TOPIC_CONFIGS, name);
  const synonyms: ConfigSynonym[] = [];
  const own = layers.topic?.get(name);
  if (own !== undefined) synonyms.push({ name, value: own, source: "TOPIC" });
  for (const synonym of definition.synonyms) {
    synonyms.push(...brokerValues(definitionOf(BROKER_CONFIGS, synonym), layers));
  }
  if (definition.synonyms.length === 0 && definition.default !== null) {
    synonyms.push({ name, value: definition.default, source: "DEFAULT" });
  }
  return resolved(definition, synonyms);
}

/** A broker config as it counts. Throws an AssertionError for a name that is none. */
export function resolveBrokerConfig(name: string, layers: ConfigLayers): ResolvedConfig {
  const definition = definitionOf(BROKER_CONFIGS, name);
  return resolved(definition, brokerValues(definition, layers));
}

/** Every topic config as it counts, by name. */
export function resolveTopicConfigs(layers: ConfigLayers): ResolvedConfig[] {
  return [...TOPIC_CONFIGS.keys()].map((name) => resolveTopicConfig(name, layers));
}

/** Every broker config as it counts, by name. */
export function resolveBrokerConfigs(layers: ConfigLayers): ResolvedConfig[] {
  return [...BROKER_CONFIGS.keys()].map((name) => resolveBrokerConfig(name, layers));
}

/** A number as it counts. What lies beyond the safe integers becomes the largest of them: "for ever" stays that. */
export function numberOf(config: ResolvedConfig): number {
  assert(config.value !== null, `${config.definition.name} has no value.`);
  const number = Number(config.value.trim());
  assert(!Number.isNaN(number), `${config.definition.name} is no number.`);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}

/** A truth as it counts. */
export function booleanOf(config: ResolvedConfig): boolean {
  return config.value?.trim().toLowerCase() === "true";
}

/** The elements of a list as it counts. */
export function listOf(config: ResolvedConfig): readonly string[] {
  return listElements(config.value ?? "");
}

function definitionOf(table: ReadonlyMap<string, ConfigDefinition>, name: string): ConfigDefinition {
  const definition = table.get(name);
  assert(definition !== undefined, `There is no config "${name}".`);
  return definition;
}

function brokerValues(definition: ConfigDefinition, layers: ConfigLayers): ConfigSynonym[] {
  const { name } = definition;
  const given: readonly (readonly [ConfigSource, string | null | undefined])[] = [
    ["DYNAMIC_BROKER", layers.broker?.get(name)],
    ["DYNAMIC_DEFAULT_BROKER", layers.brokers?.get(name)],
    ["STATIC_BROKER", Object.hasOwn(layers.properties, name) ? layers.properties[name] : undefined],
    ["DEFAULT", definition.default],
  ];
  return given.flatMap(([source, value]) => (value === null || value === undefined ? [] : [{ name, value, source }]));
}

function resolved(definition: ConfigDefinition, synonyms: readonly ConfigSynonym[]): ResolvedConfig {
  const first = synonyms[0];
  if (first === undefined) return { definition, value: null, source: "DEFAULT", synonyms };
  return { definition, value: inMilliseconds(first), source: first.source, synonyms };
}

/** Kafka gives some defaults in minutes or hours; a negative time means "no limit" in every unit. */
function inMilliseconds({ name, value }: ConfigSynonym): string {
  const unitMs = name.endsWith(".minutes") ? 60_000 : name.endsWith(".hours") ? 3_600_000 : 1;
  if (unitMs === 1) return value;
  const count = Number(value.trim());
  return String(count < 0 ? -1 : count * unitMs);
}
