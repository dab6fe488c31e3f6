import { assertEquals, assertThrows } from "@std/assert";
import {
  booleanOf,
  type ConfigLayers,
  listOf,
  numberOf,
  resolveBrokerConfig,
  resolveBrokerConfigs,
  resolveTopicConfig,
  resolveTopicConfigs,
} from "../../../../protocol/configs/resolve.ts";
import { TOPIC_CONFIGS } from "../../../../protocol/configs/topic.ts";
import { BROKER_CONFIGS } from "../../../../protocol/configs/broker.ts";

const NOTHING: ConfigLayers = { properties: {} };

Deno.test("Kafka's defaults", () => {
  const defaults: Record<string, string> = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "retention.bytes": "-1",
    "segment.bytes": "1073741824",
    "segment.ms": "604800000",
    "segment.jitter.ms": "0",
    "max.message.bytes": "1048588",
    "flush.ms": "9223372036854775807",
    "flush.messages": "9223372036854775807",
    "min.insync.replicas": "1",
    "message.timestamp.after.max.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.5",
    "compression.type": "producer",
    "flush.before.ack": "true",
  };
  for (const [name, value] of Object.entries(defaults)) {
    const resolved = resolveTopicConfig(name, NOTHING);
    assertEquals([resolved.value, resolved.source], [value, "DEFAULT"], name);
  }
  assertEquals(resolveBrokerConfig("offsets.topic.replication.factor", NOTHING).value, "3");
});

Deno.test("every topic config's own default is what its broker synonyms say", () => {
  for (const { definition, value } of resolveTopicConfigs(NOTHING)) {
    assertEquals(value, definition.default, definition.name);
  }
  for (const { synonyms } of TOPIC_CONFIGS.values()) {
    for (const name of synonyms) assertEquals(BROKER_CONFIGS.has(name), true, name);
  }
});

Deno.test("the nearest layer wins, and all of them are synonyms", () => {
  const layers: ConfigLayers = {
    topic: new Map([["max.message.bytes", "1"]]),
    broker: new Map([["message.max.bytes", "2"]]),
    brokers: new Map([["message.max.bytes", "3"]]),
    properties: { "message.max.bytes": "4" },
  };
  const of = (given: ConfigLayers) => {
    const { value, source } = resolveTopicConfig("max.message.bytes", given);
    return [value, source];
  };
  assertEquals(resolveTopicConfig("max.message.bytes", layers).synonyms, [
    { name: "max.message.bytes", value: "1", source: "TOPIC" },
    { name: "message.max.bytes", value: "2", source: "DYNAMIC_BROKER" },
    { name: "message.max.bytes", value: "3", source: "DYNAMIC_DEFAULT_BROKER" },
    { name: "message.max.bytes", value: "4", source: "STATIC_BROKER" },
    { name: "message.max.bytes", value: "1048588", source: "DEFAULT" },
  ]);
  assertEquals(of(layers), ["1", "TOPIC"]);
  assertEquals(of({ ...layers, topic: undefined }), ["2", "DYNAMIC_BROKER"]);
  assertEquals(of({ brokers: layers.brokers, properties: layers.properties }), ["3", "DYNAMIC_DEFAULT_BROKER"]);
  assertEquals(of({ properties: layers.properties }), ["4", "STATIC_BROKER"]);
});

Deno.test("retention counts in hours, minutes or milliseconds, the finest that is given", () => {
  const retention = (properties: Record<string, string>) => resolveTopicConfig("retention.ms", { properties });
  assertEquals(retention({ "log.retention.hours": "2" }).value, "7200000");
  assertEquals(retention({ "log.retention.hours": "2", "log.retention.minutes": "3" }).value, "180000");
  assertEquals(retention({ "log.retention.hours": "2", "log.retention.ms": "5" }).value, "5");
  assertEquals(retention({ "log.retention.hours": "-1" }).value, "-1");
  assertEquals(retention({ "log.retention.hours": "2" }).source, "STATIC_BROKER");
  assertEquals(resolveTopicConfig("segment.ms", { properties: { "log.roll.hours": "1" } }).value, "3600000");
});

Deno.test("a property's name is not looked for on Object", () => {
  assertThrows(() => resolveBrokerConfig("constructor", NOTHING), Error, "no config");
  assertEquals(resolveBrokerConfigs(NOTHING).length, BROKER_CONFIGS.size);
});

Deno.test("values as numbers, truths and lists", () => {
  const layers = {
    topic: new Map([["cleanup.policy", "compact, delete"], ["flush.before.ack", "FALSE"]]),
    properties: {},
  };
  assertEquals(listOf(resolveTopicConfig("cleanup.policy", layers)), ["compact", "delete"]);
  assertEquals(booleanOf(resolveTopicConfig("flush.before.ack", layers)), false);
  assertEquals(numberOf(resolveTopicConfig("flush.ms", layers)), Number.MAX_SAFE_INTEGER);
  assertEquals(numberOf(resolveTopicConfig("min.cleanable.dirty.ratio", layers)), 0.5);
  assertThrows(() => numberOf(resolveBrokerConfig("log.retention.ms", layers)), Error, "no value");
});
