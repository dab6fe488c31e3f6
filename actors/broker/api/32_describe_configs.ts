/**
 * DescribeConfigs (key 32), versions 1–4: the configs of topics and brokers as they count, with where each value comes from.
 *
 * - No keys, null or empty, mean all of them; unknown keys are left out.
 * - v1 sources and synonyms (KIP-226), v3 types and documentation (KIP-569). Sensitive values are null.
 * - A broker describes itself; with an empty name, what has been set for all brokers. It has no adjustable loggers.
 *
 * @module
 */
import { BROKER_CONFIGS } from "../../../protocol/configs/broker.ts";
import { CONFIG_TYPES, type ConfigDefinition, isSensitive } from "../../../protocol/configs/definition.ts";
import {
  CONFIG_SOURCES,
  resolveBrokerConfigs,
  type ResolvedConfig,
  resolveTopicConfigs,
} from "../../../protocol/configs/resolve.ts";
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { describeConfigs as table } from "../../../protocol/tables/configs.ts";
import { refuseTopicName } from "../../../protocol/topic_names.ts";
import { layersOf } from "../broker_configs.ts";
import { CONFIG_RESOURCES } from "../config_changes.ts";
import { handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";

type DescribeConfigs = typeof table;
type Resource = Request<DescribeConfigs>["resources"][number];
type Config = ResponseInput<DescribeConfigs>["results"][number]["configs"][number];
type Described = readonly ResolvedConfig[] | { readonly error: ErrorName; readonly message: string };

/** Serves DescribeConfigs. */
export const describeConfigs = handler(table, 1, 4, (request, exchange) => {
  const seen = new Set<string>(); // naming a resource again and again must not make an answer without end
  exchange.reply({
    results: request.resources.map((resource) => {
      const { resourceType, resourceName, configurationKeys } = resource;
      const twice = seen.has(`${resourceType}/${resourceName}`);
      seen.add(`${resourceType}/${resourceName}`);
      const described = twice ? namedTwice(resourceName) : describe(exchange.view, resource);
      if ("error" in described) {
        const { error, message } = described;
        return { errorCode: errorCode(error), errorMessage: message, resourceType, resourceName, configs: [] };
      }
      const keys = configurationKeys === null || configurationKeys.length === 0 ? null : new Set(configurationKeys);
      const wanted = described.filter(({ definition }) => keys === null || keys.has(definition.name));
      const configs = wanted.map((config) => shown(config, resourceType, request));
      return { errorCode: 0, errorMessage: null, resourceType, resourceName, configs };
    }),
  });
});

function describe(view: BrokerView, { resourceType, resourceName }: Resource): Described {
  switch (resourceType) {
    case CONFIG_RESOURCES.topic:
      return describeTopic(view, resourceName);
    case CONFIG_RESOURCES.broker:
      return resourceName === "" ? setForAllBrokers(view) : describeBroker(view, resourceName);
    case CONFIG_RESOURCES.brokerLogger:
      return refuseBroker(view, resourceName) ?? [];
    default:
      return { error: "INVALID_REQUEST", message: `Resources of type ${resourceType} have no configs here.` };
  }
}

function namedTwice(name: string): Described {
  return { error: "INVALID_REQUEST", message: `Resource "${name}" is named twice: name each once.` };
}

function describeTopic(view: BrokerView, name: string): Described {
  const invalid = refuseTopicName(name);
  if (invalid !== null) return { error: "INVALID_TOPIC_EXCEPTION", message: invalid };
  if (!view.image.topics.has(name)) {
    return { error: "UNKNOWN_TOPIC_OR_PARTITION", message: `There is no topic "${name}".` };
  }
  return resolveTopicConfigs(layersOf(view, name));
}

function describeBroker(view: BrokerView, name: string): Described {
  const refused = refuseBroker(view, name);
  if (refused !== undefined) return refused;
  const layers = layersOf(view);
  return resolveBrokerConfigs({ ...layers, properties: { ...layers.properties, ...facts(view) } });
}

/** What the command line decided, under Kafka's names. */
function facts({ brokerId, logDir, image }: BrokerView): Record<string, string> {
  const known: Record<string, string> = {
    "node.id": String(brokerId),
    "broker.id": String(brokerId),
    "log.dirs": logDir,
  };
  const self = image.brokers.get(brokerId);
  if (self !== undefined) {
    const { host, port } = self.endpoint;
    known["advertised.listeners"] = `PLAINTEXT://${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (self.rack !== null) known["broker.rack"] = self.rack;
  }
  return known;
}

function setForAllBrokers({ image }: BrokerView): ResolvedConfig[] {
  const source = "DYNAMIC_DEFAULT_BROKER" as const;
  return [...image.configs.get("broker/") ?? []].flatMap(([name, value]) => {
    const definition: ConfigDefinition | undefined = BROKER_CONFIGS.get(name);
    return definition === undefined ? [] : { definition, value, source, synonyms: [{ name, value, source }] };
  });
}

function refuseBroker({ brokerId }: BrokerView, name: string): { error: ErrorName; message: string } | undefined {
  if (name === String(brokerId)) return undefined;
  return { error: "INVALID_REQUEST", message: `This broker describes itself, ${brokerId}, and not "${name}".` };
}

function shown(
  { definition, value, source, synonyms }: ResolvedConfig,
  resourceType: number,
  { includeSynonyms, includeDocumentation }: Request<DescribeConfigs>,
): Config {
  const secret = isSensitive(definition);
  return {
    name: definition.name,
    value: secret ? null : value,
    readOnly: resourceType !== CONFIG_RESOURCES.topic && definition.update === "read-only",
    configSource: CONFIG_SOURCES[source],
    isSensitive: secret,
    synonyms: !includeSynonyms ? [] : synonyms.map((synonym) => ({
      name: synonym.name,
      value: secret ? null : synonym.value,
      source: CONFIG_SOURCES[synonym.source],
    })),
    configType: CONFIG_TYPES[definition.type],
    documentation: includeDocumentation ? [definition.doc, definition.note ?? ""].join(" ").trim() : null,
  };
}
