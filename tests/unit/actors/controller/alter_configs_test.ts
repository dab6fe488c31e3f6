import { assertEquals } from "@std/assert";
import { alterConfigs } from "../../../../actors/controller/alter_configs.ts";
import { replay } from "../../../../actors/controller/image.ts";
import type { ConfigChange } from "../../../../actors/controller/protocol.ts";
import { newPartition, outcome, scene, settingOf } from "./setting.ts";

function errors({ results }: { readonly results: readonly { readonly error: string }[] }): string[] {
  return results.map(({ error }) => error);
}

function change(resourceType: "topic" | "broker", resourceName: string, name: string, value: string): ConfigChange {
  return { resourceType, resourceName, operations: [{ name, operation: "set", value }], replaceAll: false };
}

Deno.test("configs change for topics, one broker, or all brokers that there are", () => {
  const setting = settingOf(1, "a");
  const decision = alterConfigs(setting, [
    change("topic", "a", "retention.ms", "1"),
    change("broker", "1", "log.retention.ms", "2"),
    change("broker", "", "log.retention.ms", "3"),
    change("topic", "nope", "retention.ms", "1"),
    change("topic", "", "retention.ms", "1"),
    change("broker", "7", "log.retention.ms", "1"),
    change("broker", "01", "log.retention.ms", "1"),
    change("broker", "99", "num.partitions", "1"),
  ], false);
  assertEquals(errors(decision), [
    "NONE",
    "NONE",
    "NONE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_REQUEST",
    "BROKER_ID_NOT_REGISTERED",
    "INVALID_REQUEST",
    "INVALID_REQUEST",
  ]);
  const { configs } = replay(setting.image, decision.records);
  assertEquals([...configs.keys()].sort(), ["broker/", "broker/1", "topic/a"]);
  const twice = [change("topic", "a", "retention.ms", "1"), change("topic", "a", "flush.ms", "1")];
  assertEquals(errors(alterConfigs(setting, twice, false)), ["INVALID_REQUEST", "INVALID_REQUEST"]);
});

Deno.test("a topic's append begins at the default that brokers were told to have", () => {
  const setting = settingOf(1, "a");
  const told = alterConfigs(setting, [change("broker", "", "log.cleanup.policy", "compact")], false);
  const image = replay(setting.image, told.records);
  const append = {
    resourceType: "topic" as const,
    resourceName: "a",
    operations: [{ name: "cleanup.policy", operation: "append" as const, value: "delete" }],
    replaceAll: false,
  };
  const decision = alterConfigs({ ...setting, image }, [append], false);
  assertEquals(replay(image, decision.records).configs.get("topic/a")?.get("cleanup.policy"), "compact,delete");
});

Deno.test("a smaller min.insync.replicas goes with the end of whom it makes needless, for one topic or for all", () => {
  const partition = newPartition(0, [1, 2], { isr: [1], elr: [2] });
  const configs = { "": { "min.insync.replicas": "2" } };
  const setting = scene({ brokers: 2, topics: { t: [partition], u: [partition] }, configs });
  const elr = (...changes: ConfigChange[]) => {
    const { records } = alterConfigs(setting, changes, false);
    const { topics } = replay(setting.image, records);
    return ["t", "u"].map((name) => topics.get(name)!.partitions[0]!.elr);
  };
  assertEquals(elr(change("topic", "t", "min.insync.replicas", "1")), [[], [2]]);
  assertEquals(elr(change("broker", "", "min.insync.replicas", "1")), [[], []]);
  assertEquals(elr(change("topic", "t", "retention.ms", "1")), [[2], [2]]);
  const kept = change("topic", "u", "min.insync.replicas", "2");
  assertEquals(elr(kept, change("broker", "", "min.insync.replicas", "1")), [[], [2]]);
});

Deno.test("whoever allows unclean leaders gets one at once where there is none", () => {
  const partition = newPartition(0, [1, 2], { isr: [], elr: [1], leader: -1 });
  const setting = scene({ brokers: 2, fenced: [1], topics: { t: [partition] } });
  const { records } = alterConfigs(setting, [change("topic", "t", "unclean.leader.election.enable", "true")], false);
  assertEquals(outcome(setting, records).leader, 2);
});

Deno.test("min.insync.replicas is not set for a single broker: leaders would not agree on who is eligible", () => {
  const changes = [change("broker", "1", "min.insync.replicas", "2"), change("broker", "", "min.insync.replicas", "2")];
  assertEquals(errors(alterConfigs(settingOf(1), changes, false)), ["INVALID_REQUEST", "NONE"]);
});
