import { assert, assertEquals } from "@std/assert";
import { BrokerStage } from "./broker_stage.ts";
import type { ReplicaConfig, ReplicaRole } from "../../../../actors/partition/protocol.ts";
import { newTopic, partitionOf, topicIdOf, topicOf, topicsOf } from "./records.ts";

const APPLIED = "send controller/controller applied";

function spawned(stage: BrokerStage): { name: string; args: Record<string, unknown> } {
  const found = stage.probe.take().find(({ type }) => type === "spawn");
  assert(found?.type === "spawn", "nothing was spawned");
  return { name: found.name, args: found.args as Record<string, unknown> };
}

Deno.test("a replica is spawned with its topic's configuration and role, and told of changes", () => {
  const stage = BrokerStage.ready();
  const topic = newTopic("a", { configs: [{ name: "max.message.bytes", value: "77" }] });
  stage.tell(topicsOf(stage.probe.state.image, [topic]));
  const { args } = spawned(stage);
  const config = args["config"] as Record<string, unknown>;
  assertEquals([args["topic"], args["partition"], args["topicId"]], ["a", 0, stage.idOf("a")]);
  assertEquals([config["maxMessageBytes"], config["retentionMs"]], [77, 1000]);
  const role = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1], brokerEpoch: 1 };
  assertEquals(args["role"], role);

  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1, isr: [1] }]);
  const assumed = stage.probe.take().find((effect) => effect.type === "send" && effect.verb === "assume");
  assertEquals((assumed as { message: unknown }).message, { ...role, leaderEpoch: 1, partitionEpoch: 1 });
  stage.tell([{ type: "Config", resourceType: "topic", resourceName: "a", name: "retention.ms", value: "5" }]);
  assertEquals(stage.did(), ["send replica/a-0 configure", APPLIED]);
  stage.tell([{ type: "Config", resourceType: "topic", resourceName: "b", name: "retention.ms", value: "5" }]);
  assertEquals(stage.did(), [APPLIED]);
  stage.tell([{ type: "Config", resourceType: "broker", resourceName: "", name: "log.retention.ms", value: "6" }]);
  assertEquals(stage.did(), [APPLIED]); // the topic's own word counts more
  stage.tell([{
    type: "Config",
    resourceType: "broker",
    resourceName: "",
    name: "log.segment.bytes",
    value: "9000000",
  }]);
  assertEquals(stage.did(), ["send replica/a-0 configure", APPLIED]);
});

Deno.test("a role and a configuration that come together are told together, in whatever order they were decided", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  const change = { type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, isr: [1] } as const;
  const config = { type: "Config", resourceType: "topic", resourceName: "a", name: "min.insync.replicas" } as const;
  stage.probe.take();
  for (const [at, records] of [[change, { ...config, value: "2" }], [{ ...config, value: "3" }, change]].entries()) {
    stage.tell(records);
    const [sent] = stage.probe.take().filter((effect) => effect.type === "send");
    assert(sent?.type === "send" && sent.verb === "become");
    const { role, config } = sent.message as { role: ReplicaRole; config: ReplicaConfig };
    assertEquals([role.partitionEpoch, config.minInsyncReplicas], [at + 1, at + 2]);
  }
  stage.tell([
    { type: "Config", resourceType: "broker", resourceName: "", name: "log.segment.bytes", value: "9000" },
    change,
  ]);
  assertEquals(stage.did(), ["send replica/a-0 become", APPLIED]);
});

Deno.test("partitions that others hold are not spawned, and one that moves away is removed", () => {
  const stage = BrokerStage.ready();
  const topicId = topicIdOf(5);
  stage.tell(topicOf("a", topicId, [2], [2, 1]));
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), ["spawn a-1"]);
  stage.tell([{ type: "PartitionChange", topicId, partition: 1, replicas: [2], isr: [2] }]);
  assertEquals(stage.did(), ["send replica/a-1 remove", APPLIED]);
  stage.tell([{ type: "PartitionChange", topicId, partition: 1, replicas: [2, 1] }]); // and comes back
  assertEquals(stage.did(), [APPLIED]);
  stage.probe.terminate("1/replica/a-1");
  assertEquals(stage.did(), ["spawn a-1", "watch replica/a-1"]);
});

Deno.test("a topic that is made again gets its replica when the old one is gone, and not before", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  const old = stage.idOf("a");
  stage.tell([{ type: "RemoveTopic", topicId: old }]);
  stage.probe.take();
  stage.tell(stage.made("a"));
  assert(stage.idOf("a") !== old);
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  assertEquals(stage.did(), [APPLIED, APPLIED]); // the one that goes is told nothing
  stage.probe.terminate("1/replica/a-0");
  assertEquals(spawned(stage).args["topicId"], stage.idOf("a"));
});

Deno.test("deleted and made again at one stroke: the old replica is removed first", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.probe.take();
  stage.tell([{ type: "RemoveTopic", topicId: stage.idOf("a") }, ...topicOf("a", topicIdOf(5), [1])]);
  assertEquals(stage.did(), ["send replica/a-0 remove", APPLIED]);
  stage.probe.terminate("1/replica/a-0");
  assertEquals(stage.did(), ["spawn a-0", "watch replica/a-0"]);
});

Deno.test("a topic that stays deleted is not spawned again", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.tell([{ type: "RemoveTopic", topicId: stage.idOf("a") }]);
  stage.probe.take();
  stage.probe.terminate("1/replica/a-0");
  stage.probe.advance(60_000);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), []);
  assertEquals(stage.probe.state.replicas.size, 0);
});

/** How long it takes until the replica is spawned again. */
function restedMs(stage: BrokerStage): number {
  let restedMs = 0;
  while (!stage.did().includes("spawn a-0")) {
    stage.probe.advance(100);
    restedMs += 100;
    assert(restedMs < 100_000, "it was never spawned again");
  }
  return restedMs;
}

Deno.test("a replica that was given up is spawned again after a rest, which doubles up to half a minute", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.probe.take();
  const rests = Array.from({ length: 8 }, () => {
    stage.probe.terminate("1/replica/a-0");
    return restedMs(stage);
  });
  assertEquals(rests, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  stage.probe.advance(60_000); // it has recovered
  stage.probe.terminate("1/replica/a-0");
  assertEquals(restedMs(stage), 500);
});

/** What the last message of that kind to a replica said. */
function told(stage: BrokerStage, verb: string): Record<string, unknown> {
  const sent = stage.probe.take().findLast((effect) => effect.type === "send" && effect.verb === verb);
  assert(sent?.type === "send", `nobody was told to ${verb}`);
  return sent.message as Record<string, unknown>;
}

Deno.test("it is spawned with what it had, by which it knows what it has promised, and told at once what has changed", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  const { args } = spawned(stage);
  stage.probe.terminate("1/replica/a-0");
  stage.probe.advance(500);
  const effects = stage.probe.take();
  const again = effects.find(({ type }) => type === "spawn");
  assert(again?.type === "spawn" && again.args === args);
  const verbs = effects.flatMap((effect) => effect.type === "send" && effect.to.includes("replica") ? effect.verb : []);
  assertEquals(verbs, ["become"]);
});

Deno.test("what changes while a replica rests is in the role that it gets then, and wakes it no earlier", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.probe.terminate("1/replica/a-0");
  stage.probe.take();
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  stage.tell([{ type: "Config", resourceType: "topic", resourceName: "a", name: "retention.ms", value: "5" }]);
  assertEquals(stage.did(), [APPLIED, APPLIED]);
  stage.probe.advance(500);
  const effects = stage.probe.take();
  const said = effects.flatMap((effect) => effect.type === "send" ? [[effect.verb, effect.message]] : []);
  const { role, config } = Object.fromEntries(said).become;
  assertEquals([role.leaderEpoch, config.retentionMs], [1, 5]);
});

Deno.test("a replica that rests when its topic is deleted wakes up to delete its log", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.probe.terminate("1/replica/a-0");
  stage.probe.take();
  stage.tell([{ type: "RemoveTopic", topicId: stage.idOf("a") }]);
  assertEquals(stage.did(), ["spawn a-0", "watch replica/a-0", "send replica/a-0 remove", APPLIED]);
  stage.probe.terminate("1/replica/a-0");
  stage.probe.advance(60_000);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), []);
});

Deno.test("a replica that has rested while its broker was not registered waits until it is", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.probe.terminate("1/replica/a-0");
  stage.tell([{ type: "UnregisterBroker", brokerId: 1, brokerEpoch: 1 }]);
  stage.probe.take();
  stage.probe.advance(5_000);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), []);
  stage.elect(3);
  stage.heartbeats("BROKER_ID_NOT_REGISTERED");
  stage.register(6);
  stage.describe(7);
  stage.tell([{ ...stage.log[1]!, brokerEpoch: 6 } as never]);
  stage.probe.take();
  stage.probe.advance(500);
  assertEquals((told(stage, "become")["role"] as ReplicaRole).brokerEpoch, 6);
});

Deno.test("a replica that leaves while its broker is not registered has no successor before it is", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  stage.tell([{ type: "RemoveTopic", topicId: stage.idOf("a") }]);
  const again = stage.made("a");
  stage.tell([{ type: "UnregisterBroker", brokerId: 1, brokerEpoch: 1 }, ...again]);
  stage.probe.terminate("1/replica/a-0");
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), ["spawn a-0"]);
});

Deno.test("topics may have dashes in their names", () => {
  const stage = BrokerStage.ready();
  stage.tell([...topicOf("a-0", topicIdOf(1), [1]), { type: "Topic", name: "a", topicId: topicIdOf(2) }]);
  stage.tell([partitionOf(topicIdOf(2), 0, [1])]);
  stage.tell([{ type: "RemoveTopic", topicId: topicIdOf(2) }]);
  stage.probe.take();
  stage.probe.terminate("1/replica/a-0");
  stage.probe.terminate("1/replica/a-0-0");
  stage.probe.advance(500);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), ["spawn a-0-0"]);
});
