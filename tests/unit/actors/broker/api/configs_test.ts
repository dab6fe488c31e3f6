import { assert, assertEquals } from "@std/assert";
import { describeConfigs } from "../../../../../actors/broker/api/32_describe_configs.ts";
import { alterConfigs } from "../../../../../actors/broker/api/33_alter_configs.ts";
import { incrementalAlterConfigs } from "../../../../../actors/broker/api/44_incremental_alter_configs.ts";
import type { MetadataRecord } from "../../../../../actors/controller/protocol.ts";
import { BROKER_CONFIGS } from "../../../../../protocol/configs/broker.ts";
import { TOPIC_CONFIGS } from "../../../../../protocol/configs/topic.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { newTopic } from "../records.ts";
import { call, viewOf } from "./fake_exchange.ts";

const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;

function dynamic(resourceName: string, name: string, value: string): MetadataRecord {
  return { type: "Config", resourceType: "broker", resourceName, name, value };
}

function view() {
  const topic = newTopic("t", { configs: [{ name: "retention.ms", value: "1" }] });
  const records = [dynamic("1", "log.retention.ms", "2"), dynamic("", "log.retention.ms", "3")];
  return viewOf({ topics: [topic], records, properties: { "log.retention.hours": "4", "num.partitions": "8" } });
}

function describe(resourceType: number, resourceName: string, keys: readonly string[] | null, version = 4, more = {}) {
  const resources = [{ resourceType, resourceName, configurationKeys: keys }];
  return call(describeConfigs, version, { resources, ...more }, view()).reply.results[0]!;
}

Deno.test("a topic's config with all its synonyms", () => {
  const more = { includeSynonyms: true, includeDocumentation: true };
  const [config, ...others] = describe(TOPIC, "t", ["retention.ms"], 4, more).configs;
  assertEquals(others, []);
  assertEquals([config!.value, config!.configSource, config!.readOnly, config!.configType], ["1", 1, false, 5]);
  assertEquals(config!.synonyms.map(({ name, value, source }) => [name, value, source]), [
    ["retention.ms", "1", 1],
    ["log.retention.ms", "2", 2],
    ["log.retention.ms", "3", 3],
    ["log.retention.hours", "4", 4],
    ["log.retention.hours", "168", 5],
  ]);
  assert(config!.documentation!.includes("segments"));
});

Deno.test("no keys are all keys, unknown keys are none, in every version", () => {
  for (let version = describeConfigs.min; version <= describeConfigs.max; version++) {
    for (const keys of [null, []]) assertEquals(describe(TOPIC, "t", keys, version).configs.length, TOPIC_CONFIGS.size);
    assertEquals(describe(TOPIC, "t", ["no.such"], version).configs, []);
    const [config] = describe(TOPIC, "t", ["retention.ms"], version).configs;
    assertEquals([config!.synonyms, config!.documentation], [[], null], "not asked for");
  }
});

Deno.test("a broker describes itself, and what is set for all brokers", () => {
  const all = describe(BROKER, "1", null).configs;
  assertEquals(all.length, BROKER_CONFIGS.size);
  const of = (name: string) => {
    const { value, configSource, readOnly } = all.find((config) => config.name === name)!;
    return [value, configSource, readOnly];
  };
  assertEquals(of("log.retention.ms"), ["2", 2, false]);
  assertEquals(of("num.partitions"), ["8", 4, true]);
  assertEquals(of("delete.topic.enable"), ["true", 5, true]);
  assertEquals(of("node.id"), ["1", 4, true]);
  assertEquals(of("log.dirs"), ["/data/1", 4, true]);
  assertEquals(of("advertised.listeners"), ["PLAINTEXT://h:1", 4, true]);
  assertEquals(describe(BROKER, "", null).configs.map(({ name, value, configSource }) => [name, value, configSource]), [
    ["log.retention.ms", "3", 3],
  ]);
});

Deno.test("what cannot be described", () => {
  const error = (type: number, name: string) => errorName(describe(type, name, null).errorCode);
  assertEquals(error(TOPIC, "nope"), "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(error(TOPIC, "a b"), "INVALID_TOPIC_EXCEPTION");
  assertEquals(error(BROKER, "2"), "INVALID_REQUEST");
  assertEquals(error(BROKER, "one"), "INVALID_REQUEST");
  assertEquals(error(32, "group"), "INVALID_REQUEST");
  assertEquals(error(LOGGER, "2"), "INVALID_REQUEST");
  assertEquals(error(LOGGER, "1"), "NONE");
  assertEquals(describe(LOGGER, "1", null).configs, []);
});

Deno.test("IncrementalAlterConfigs passes on operations; what it cannot read, it refuses by itself, in place", () => {
  for (const version of [0, 1]) {
    const configs = ["a", "b", "c", "d"].map((name, configOperation) => ({ name, configOperation, value: "v" }));
    const called = call(incrementalAlterConfigs, version, {
      resources: [
        { resourceType: LOGGER, resourceName: "1", configs: [] },
        { resourceType: TOPIC, resourceName: "t", configs },
        { resourceType: TOPIC, resourceName: "u", configs: [{ name: "a", configOperation: 4, value: null }] },
        { resourceType: BROKER, resourceName: "", configs: [] },
      ],
      validateOnly: true,
    });
    const operations = ["set", "delete", "append", "subtract"].map((operation, at) => (
      { name: configs[at]!.name, operation, value: "v" }
    ));
    assertEquals(called.questions[0]!.message, {
      changes: [
        { resourceType: "topic", resourceName: "t", operations, replaceAll: false },
        { resourceType: "broker", resourceName: "", operations: [], replaceAll: false },
      ],
      validateOnly: true,
    });
    called.questions[0]!.answer([
      { resourceType: "topic", resourceName: "t", error: "INVALID_CONFIG", message: "no" },
      { resourceType: "broker", resourceName: "", error: "NONE", message: null },
    ]);
    const answers = called.reply.responses.map(({ resourceName, errorCode }) => [resourceName, errorName(errorCode)]);
    assertEquals(answers, [["1", "INVALID_REQUEST"], ["t", "INVALID_CONFIG"], ["u", "INVALID_REQUEST"], ["", "NONE"]]);
  }
});

Deno.test("AlterConfigs replaces all", () => {
  for (const version of [0, 1, 2]) {
    const resource = { resourceType: TOPIC, resourceName: "t", configs: [{ name: "retention.ms", value: "1" }] };
    const called = call(alterConfigs, version, { resources: [resource], validateOnly: false });
    assertEquals(called.questions[0]!.message, {
      changes: [{
        resourceType: "topic",
        resourceName: "t",
        operations: [{ name: "retention.ms", operation: "set", value: "1" }],
        replaceAll: true,
      }],
      validateOnly: false,
    });
    called.questions[0]!.fail("unreachable");
    assertEquals(errorName(called.reply.responses[0]!.errorCode), "NOT_CONTROLLER");
  }
});

Deno.test("a request in which nothing can be changed asks nobody", () => {
  const resource = { resourceType: 99, resourceName: "x", configs: [] };
  const called = call(alterConfigs, 2, { resources: [resource], validateOnly: false });
  assertEquals(called.questions, []);
  assertEquals(errorName(called.reply.responses[0]!.errorCode), "INVALID_REQUEST");
});

Deno.test("a resource that is named again and again is described once", () => {
  const resource = { resourceType: TOPIC, resourceName: "t", configurationKeys: null };
  const { results } = call(describeConfigs, 4, { resources: [resource, resource, resource] }, view()).reply;
  assertEquals(results.map(({ errorCode, configs }) => [errorName(errorCode), configs.length > 0]), [
    ["NONE", true],
    ["INVALID_REQUEST", false],
    ["INVALID_REQUEST", false],
  ]);
});
