import { assert, assertEquals } from "@std/assert";
import { type Broker, broker } from "../../../../actors/broker/broker.ts";
import type { BrokerArgs, BrokerProtocol, BrokerView, ConnectionRef } from "../../../../actors/broker/protocol.ts";
import type { ControllerRef, MetadataRecord } from "../../../../actors/controller/protocol.ts";
import { emptyImage, replay } from "../../../../actors/controller/protocol.ts";
import { createTopics } from "../../../../actors/controller/create_topics.ts";
import { type Probe, probe, type Recorded } from "../../../../actors/probe.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { newTopic } from "../controller/setting.ts";

const CONTROLLER = "1/controller/controller" as ControllerRef;
const ARGS: BrokerArgs = {
  brokerId: 1,
  clusterId: "c",
  incarnationId: "i",
  advertised: { host: "here", port: 9092 },
  rack: "r",
  controller: CONTROLLER,
  properties: { "log.retention.ms": "1000" },
  logDir: "/data/1",
};
const EPOCH = 3;
const REGISTERED: MetadataRecord[] = [
  {
    type: "RegisterBroker",
    brokerId: 1,
    incarnationId: "i",
    brokerEpoch: EPOCH,
    endpoint: ARGS.advertised,
    rack: "r",
  },
  { type: "UnfenceBroker", brokerId: 1, brokerEpoch: EPOCH },
];

/** A broker under a probe, and a controller's log to tell it from. */
class Stage {
  readonly probe: Probe<BrokerProtocol, Broker> = probe(broker, ARGS, { name: "broker" });
  readonly log: MetadataRecord[] = [];

  /** One that has registered and knows of it. */
  static ready(): Stage {
    const stage = new Stage();
    stage.register();
    stage.tell(REGISTERED);
    stage.probe.take();
    return stage;
  }

  register(error: "NONE" | "DUPLICATE_BROKER_REGISTRATION" = "NONE"): void {
    this.probe.answer("register", { error, message: null, brokerEpoch: error === "NONE" ? EPOCH : -1 });
  }

  /** The controller appends records and tells of them. */
  tell(records: readonly MetadataRecord[]): void {
    const baseOffset = this.log.length;
    this.log.push(...records);
    this.probe.tell("metadata", { baseOffset, records });
  }

  /** The records that make topics, with the metadata as it is. */
  made(...names: readonly string[]): MetadataRecord[] {
    return this.topics(names.map((name) => newTopic(name)));
  }

  topics(topics: ReturnType<typeof newTopic>[]): MetadataRecord[] {
    const image = replay(emptyImage("c"), this.log);
    const random = new SeededRandom(this.log.length);
    return [...createTopics({ image, properties: {}, random }, topics, false).records];
  }

  idOf(name: string): string {
    return this.probe.state.image.topics.get(name)!.topicId;
  }

  /** What it did since the last look, in short. */
  did(): string[] {
    return this.probe.take().map(inShort);
  }
}

function inShort(effect: Recorded): string {
  switch (effect.type) {
    case "send":
    case "ask":
      return `${effect.type} ${effect.to.split("/").slice(1).join("/")} ${effect.verb}`;
    case "spawn":
      return `spawn ${effect.name}`;
    case "watch":
      return `watch ${effect.ref.split("/").slice(1).join("/")}`;
    default:
      return effect.type;
  }
}

function applied(stage: Stage): number | undefined {
  const sent = stage.probe.take().filter((effect) => effect.type === "send" && effect.verb === "applied");
  const last = sent.at(-1);
  return last?.type === "send" ? (last.message as { offset: number }).offset : undefined;
}

Deno.test("a broker registers with what it was started with, and again until the controller takes it", () => {
  const stage = new Stage();
  const { probe } = stage;
  const question = probe.asks.find(({ verb }) => verb === "register")!;
  assertEquals(question, {
    to: CONTROLLER,
    verb: "register",
    message: {
      brokerId: 1,
      incarnationId: "i",
      endpoint: { host: "here", port: 9092 },
      rack: "r",
      follower: probe.ref,
    },
  });
  for (const failure of ["timeout", "unreachable", "crashed"] as const) {
    probe.fail("register", failure);
    assertEquals(probe.asks, []);
    probe.advance(200);
  }
  stage.register("DUPLICATE_BROKER_REGISTRATION");
  assertEquals(probe.asks, []);
  probe.advance(199);
  assertEquals(probe.asks, []);
  probe.advance(1);
  probe.take();
  stage.register();
  assertEquals(stage.did(), ["send controller/controller follow"]);
});

Deno.test("it is ready when it has registered and its image says so, in either order", () => {
  const late = new Stage();
  const asked = late.probe.ask("ready", undefined);
  late.register();
  assertEquals(asked.reply, undefined);
  late.tell(REGISTERED);
  assertEquals(asked.reply, true);
  assertEquals(late.probe.ask("ready", undefined).reply, true);

  const early = new Stage();
  const waiting = early.probe.ask("ready", undefined);
  early.tell(REGISTERED);
  assertEquals(waiting.reply, undefined);
  early.register();
  assertEquals(waiting.reply, true);
});

Deno.test("an older registration in the log does not make it ready", () => {
  const stage = new Stage();
  stage.register();
  stage.tell(REGISTERED.map((record) => ({ ...record, brokerEpoch: EPOCH - 1 }) as MetadataRecord));
  assertEquals(stage.probe.ask("ready", undefined).reply, undefined);
});

Deno.test("records are applied in order and reported; what it had is passed over, and a gap makes it ask again", () => {
  const stage = Stage.ready();
  const records = stage.made("a");
  stage.tell(records);
  assertEquals(applied(stage), stage.log.length);
  stage.probe.tell("metadata", { baseOffset: 0, records: stage.log }); // all of it once more
  assertEquals(applied(stage), stage.log.length);
  assertEquals(stage.probe.state.image.offset, stage.log.length);
  const more = stage.made("b");
  stage.probe.tell("metadata", { baseOffset: stage.log.length + 1, records: more.slice(1) });
  const effects = stage.probe.take();
  assertEquals(effects.map(inShort), ["send controller/controller follow"]);
  assertEquals((effects[0] as { message: unknown }).message, {
    follower: stage.probe.ref,
    fromOffset: stage.log.length,
  });
  assert(!stage.probe.state.image.topics.has("b"));
  stage.probe.tell("metadata", { baseOffset: stage.log.length - 1, records: [stage.log.at(-1)!, ...more] });
  assert(stage.probe.state.image.topics.has("b"));
});

Deno.test("replicas are spawned before the records are reported as applied", () => {
  const stage = Stage.ready();
  stage.tell(stage.topics([newTopic("a", { partitions: 2 })]));
  assertEquals(stage.did(), [
    "spawn a-0",
    "watch replica/a-0",
    "spawn a-1",
    "watch replica/a-1",
    "send controller/controller applied",
  ]);
});

Deno.test("a replica is spawned with its topic's configuration and role, and told of changes", () => {
  const stage = Stage.ready();
  stage.tell(stage.topics([newTopic("a", { configs: [{ name: "max.message.bytes", value: "77" }] })]));
  const spawned = stage.probe.take().find(({ type }) => type === "spawn");
  assert(spawned?.type === "spawn");
  const args = spawned.args as Record<string, unknown> & { config: Record<string, unknown> };
  assertEquals([args["topic"], args["partition"], args["topicId"]], ["a", 0, stage.idOf("a")]);
  assertEquals([args.config["maxMessageBytes"], args.config["retentionMs"]], [77, 1000]);
  assertEquals(args["role"], { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] });

  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1, isr: [1] }]);
  assertEquals(stage.did(), ["send replica/a-0 assume", "send controller/controller applied"]);
  stage.tell([{ type: "Config", resourceType: "topic", resourceName: "a", name: "retention.ms", value: "5" }]);
  assertEquals(stage.did(), ["send replica/a-0 configure", "send controller/controller applied"]);
  stage.tell([{ type: "Config", resourceType: "topic", resourceName: "b", name: "retention.ms", value: "5" }]);
  assertEquals(stage.did(), ["send controller/controller applied"]);
  stage.tell([{ type: "Config", resourceType: "broker", resourceName: "", name: "log.retention.ms", value: "6" }]);
  assertEquals(stage.did(), ["send replica/a-0 configure", "send controller/controller applied"]);
});

Deno.test("partitions that others hold are not spawned, and one that moves away is removed", () => {
  const stage = Stage.ready();
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  const held = { isr: [2], leader: 2, leaderEpoch: 0, partitionEpoch: 0 };
  stage.tell([
    { type: "Topic", name: "a", topicId },
    { type: "Partition", topicId, partition: 0, replicas: [2], ...held },
    { type: "Partition", topicId, partition: 1, replicas: [2, 1], ...held },
  ]);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), ["spawn a-1"]);
  stage.tell([{ type: "PartitionChange", topicId, partition: 1, replicas: [2], isr: [2] }]);
  assertEquals(stage.did(), ["send replica/a-1 remove", "send controller/controller applied"]);
});

Deno.test("a topic that is made again gets its replica when the old one is gone, and not before", () => {
  const stage = Stage.ready();
  stage.tell(stage.made("a"));
  const old = stage.idOf("a");
  stage.tell([{ type: "RemoveTopic", topicId: old }]);
  stage.probe.take();
  stage.tell(stage.made("a"));
  assert(stage.idOf("a") !== old);
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  const applied = "send controller/controller applied";
  assertEquals(stage.did(), [applied, applied]); // the one that goes is told nothing
  stage.probe.terminate("1/replica/a-0");
  const spawned = stage.probe.take().find(({ type }) => type === "spawn");
  assertEquals((spawned as { args: { topicId: string } }).args.topicId, stage.idOf("a"));
});

Deno.test("deleted and made again at one stroke: the old replica is removed first", () => {
  const stage = Stage.ready();
  stage.tell(stage.made("a"));
  stage.probe.take();
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  stage.tell([
    { type: "RemoveTopic", topicId: stage.idOf("a") },
    { type: "Topic", name: "a", topicId },
    {
      type: "Partition",
      topicId,
      partition: 0,
      replicas: [1],
      isr: [1],
      leader: 1,
      leaderEpoch: 0,
      partitionEpoch: 0,
    },
  ]);
  assertEquals(stage.did(), ["send replica/a-0 remove", "send controller/controller applied"]);
  stage.probe.terminate("1/replica/a-0");
  assertEquals(stage.did(), ["spawn a-0", "watch replica/a-0"]);
});

Deno.test("a topic that stays deleted is not spawned again; nor is a replica that was given up", () => {
  const stage = Stage.ready();
  stage.tell(stage.made("a", "b"));
  stage.tell([{ type: "RemoveTopic", topicId: stage.idOf("a") }]);
  stage.probe.take();
  stage.probe.terminate("1/replica/a-0");
  stage.probe.terminate("1/replica/b-0");
  assertEquals(stage.did(), []);
});

Deno.test("a snapshot replaces the image: replicas that it lacks go, those that it has come", () => {
  const stage = Stage.ready();
  stage.tell(stage.made("a", "b"));
  stage.probe.take();
  const b = stage.log.filter((record) => "topicId" in record && record.topicId === stage.idOf("b"));
  const c = stage.made("c");
  stage.probe.tell("metadata", { baseOffset: 1000, records: [...REGISTERED, ...b, ...c], snapshot: true });
  const did = stage.did();
  assert(did.includes("send replica/a-0 remove") && did.includes("spawn c-0"));
  assert(!did.includes("send replica/b-0 remove") && !did.includes("spawn b-0"));
  assertEquals(stage.probe.state.image.offset, 1000);
  stage.probe.tell("metadata", { baseOffset: 999, records: [], snapshot: true }); // an older one changes nothing
  assertEquals([stage.probe.state.image.offset, stage.probe.state.image.topics.size], [1000, 2]);
});

const CLIENT = "1/connection/7" as ConnectionRef;

Deno.test("a subscriber gets a view that is newer than its own, at once or when there is one", () => {
  const stage = Stage.ready();
  const { offset } = stage.probe.state.image;
  const view = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: -1 }).reply;
  assertEquals([view?.image.offset, view?.brokerId, view?.logDir], [offset, 1, "/data/1"]);
  const waiting = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: offset });
  assertEquals(waiting.reply, undefined);
  stage.tell(stage.made("a"));
  assertEquals(waiting.reply?.image.topics.has("a"), true);
});

Deno.test("nobody gets a view before the broker is ready", () => {
  const stage = new Stage();
  const waiting = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: -1 });
  stage.tell(REGISTERED);
  assertEquals(waiting.reply, undefined);
  stage.register();
  assertEquals(waiting.reply?.image.offset, 2);
});

Deno.test("subscribers hear before the controller does", () => {
  const stage = Stage.ready();
  stage.probe.ask("subscribe", { ref: CLIENT, newerThan: stage.probe.state.image.offset });
  stage.probe.take();
  stage.tell(stage.made("a"));
  const order = stage.did().filter((did) => did === "reply" || did.endsWith("applied"));
  assertEquals(order, ["reply", "send controller/controller applied"]);
});

Deno.test("a connection's newer subscription replaces its older one; one that ends is forgotten", () => {
  const stage = Stage.ready();
  const { offset } = stage.probe.state.image;
  const first = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: offset });
  const second = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: offset });
  assertEquals(stage.probe.state.subscribers.size, 1);
  stage.tell(stage.made("a"));
  assertEquals([first.reply, second.reply?.image.offset], [undefined, stage.log.length]);
  stage.probe.ask("subscribe", { ref: CLIENT, newerThan: stage.log.length });
  stage.probe.terminate(CLIENT);
  assertEquals(stage.probe.state.subscribers.size, 0);
});

Deno.test("`look` shows what is known, ready or not", () => {
  const view: BrokerView | undefined = new Stage().probe.ask("look", undefined).reply;
  assertEquals([view?.image.offset, view?.controller, view?.properties], [0, CONTROLLER, ARGS.properties]);
});

Deno.test("producer ids come from blocks of the controller, one after the other, each once", () => {
  const stage = Stage.ready();
  const block = (first: bigint, count: number) =>
    stage.probe.answer("allocateProducerIds", { error: "NONE", message: null, first, count });
  const asked = [1, 2, 3].map(() => stage.probe.ask("nextProducerId", undefined));
  assertEquals(stage.probe.asks.filter(({ verb }) => verb === "allocateProducerIds").length, 1);
  block(1000n, 2); // too few: it asks for more for the third
  assertEquals(asked.map(({ reply }) => reply?.producerId), [1000n, 1001n, undefined]);
  block(5000n, 10);
  assertEquals(asked[2]!.reply, { error: "NONE", producerId: 5000n });
  assertEquals(stage.probe.ask("nextProducerId", undefined).reply?.producerId, 5001n);
  assertEquals(stage.probe.asks, []);
});

Deno.test("without a block, those who wait are told to come again, and the next one tries anew", () => {
  for (const failure of ["timeout", "unreachable", "refused"] as const) {
    const stage = Stage.ready();
    const asked = [1, 2].map(() => stage.probe.ask("nextProducerId", undefined));
    if (failure === "refused") {
      const refused = { error: "NOT_CONTROLLER", message: null, first: -1n, count: 0 };
      stage.probe.answer("allocateProducerIds", refused);
    } else stage.probe.fail("allocateProducerIds", failure);
    for (const { reply } of asked) assertEquals(reply, { error: "COORDINATOR_NOT_AVAILABLE", producerId: -1n });
    const again = stage.probe.ask("nextProducerId", undefined);
    stage.probe.answer("allocateProducerIds", { error: "NONE", message: null, first: 7n, count: 1 });
    assertEquals(again.reply?.producerId, 7n);
  }
});

Deno.test("a broker that crashes registers and follows anew; when that does not help, its supervisor hears", () => {
  const stage = Stage.ready();
  stage.probe.kill();
  stage.probe.advance(10_000);
  assertEquals(stage.probe.restarts, 1);
  assertEquals([stage.probe.state.image.offset, stage.probe.state.epoch], [0, -1]);
  assertEquals(stage.probe.asks.map(({ verb }) => verb), ["register"]);
  assertEquals(broker.supervision, { then: "escalate" });
});
