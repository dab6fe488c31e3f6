import { assert, assertEquals } from "@std/assert";
import type { Ref } from "../../../../actors/actor.ts";
import { controller } from "../../../../actors/controller/controller.ts";
import { emptyImage, imageOf, replay } from "../../../../actors/controller/image.ts";
import type {
  ControllerProtocol,
  MetadataFollower,
  MetadataImage,
  MetadataRecord,
  NewTopic,
} from "../../../../actors/controller/protocol.ts";
import { MemoryJournal } from "../../../../actors/memory_journal.ts";
import { type Asked, type Probe, probe, type Recorded } from "../../../../actors/probe.ts";
import type { Controller } from "../../../../actors/controller/controller.ts";

type ControllerProbe = Probe<ControllerProtocol, Controller>;

function start(journal = new MemoryJournal(), properties: Record<string, string> = {}, seed = 0): ControllerProbe {
  return probe(controller({ properties }), { clusterId: "c" }, { name: "controller", journal, seed });
}

function followerOf(brokerId: number): Ref<MetadataFollower> {
  return `${brokerId}/broker/broker` as Ref<MetadataFollower>;
}

function register(p: ControllerProbe, brokerId: number, incarnationId = `i${brokerId}`, rack: string | null = null) {
  const endpoint = { host: "h", port: 9092 };
  return p.ask("register", { brokerId, incarnationId, endpoint, rack, follower: followerOf(brokerId) });
}

/** Registers a broker that follows from the start and applies everything. */
function join(p: ControllerProbe, brokerId: number, rack: string | null = null): void {
  register(p, brokerId, `i${brokerId}`, rack);
  p.tell("follow", { follower: followerOf(brokerId), fromOffset: 0 });
  catchUp(p, brokerId);
}

function catchUp(p: ControllerProbe, brokerId: number): void {
  p.tell("applied", { brokerId, offset: p.state.image.offset });
}

function topic(name: string, more: Partial<NewTopic> = {}): NewTopic {
  return { name, partitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more };
}

function create(p: ControllerProbe, topics: readonly NewTopic[], { validateOnly = false, timeoutMs = 1_000 } = {}) {
  return p.ask("createTopics", { topics, validateOnly, timeoutMs });
}

/** Creates topics, lets every broker apply them, and returns the errors by topic. */
function created(p: ControllerProbe, ...topics: readonly NewTopic[]): [string, string][] {
  const asked = create(p, topics);
  for (const id of p.state.image.brokers.keys()) catchUp(p, id);
  return asked.reply!.map(({ name, error }) => [name, error]);
}

function errors(asked: Asked<readonly { readonly error: string }[]>): string[] {
  return asked.reply!.map(({ error }) => error);
}

/** What a follower makes of everything that it was sent. */
function followed(done: readonly Recorded[], brokerId: number): MetadataImage {
  let image = emptyImage("c");
  for (const effect of done) {
    if (effect.type !== "send" || effect.verb !== "metadata" || effect.to !== followerOf(brokerId)) continue;
    const { baseOffset, records, snapshot } = effect.message as Parameters<MetadataFollower["metadata"]>[0];
    if (snapshot) image = imageOf("c", baseOffset, records);
    else {
      assertEquals(baseOffset, image.offset, "records come without a gap");
      image = replay(image, records);
    }
  }
  return image;
}

Deno.test("a broker registers, asks again, and comes back as another incarnation", () => {
  const p = start();
  const first = register(p, 1).reply!;
  assertEquals([first.error, first.brokerEpoch], ["NONE", 0]);
  assertEquals(p.state.image.brokers.get(1)?.fenced, false);
  assertEquals(register(p, 1).reply!.brokerEpoch, 0);
  assertEquals(p.state.image.offset, 2, "asking again writes nothing");
  assert(register(p, 1, "another").reply!.brokerEpoch > 0);
  assertEquals(p.state.image.brokers.get(1)?.incarnationId, "another");
});

Deno.test("a new incarnation leads in a new epoch, in the event that registers it", () => {
  const journal = new MemoryJournal();
  const p = start(journal);
  join(p, 1);
  created(p, topic("t", { partitions: 2 }));
  register(p, 1, "another");
  const last = journal.events.at(-1) as readonly MetadataRecord[];
  assertEquals(last.map(({ type }) => type), ["RegisterBroker", "UnfenceBroker", "PartitionChange", "PartitionChange"]);
  for (const partition of p.state.image.topics.get("t")!.partitions) {
    assertEquals([partition.leader, partition.leaderEpoch, partition.isr], [1, 1, [1]]);
  }
});

Deno.test("nothing is seen before it is durable: not by followers, not by who registered or asked", () => {
  const journal = new MemoryJournal();
  const p = start(journal);
  join(p, 1);
  p.take();
  journal.hold();
  const ids = p.ask("allocateProducerIds", { brokerId: 1 });
  const asked = create(p, [topic("t")]);
  assertEquals(p.take().filter(({ type }) => type === "send" || type === "reply"), []);
  journal.release();
  p.advance(0);
  assertEquals(ids.reply?.first, 0n);
  assertEquals(p.take().filter(({ type }) => type === "send").length, 2);
  assertEquals(asked.answer, undefined, "the broker has not applied it yet");
  catchUp(p, 1);
  assertEquals(errors(asked), ["NONE"]);
});

Deno.test("followers get everything once, in order, whenever they begin", () => {
  const p = start();
  register(p, 1);
  register(p, 2);
  p.tell("follow", { follower: followerOf(1), fromOffset: 0 });
  const early = p.take();
  create(p, [topic("a")]);
  const offset = p.state.image.offset;
  p.tell("follow", { follower: followerOf(2), fromOffset: 0 });
  create(p, [topic("b", { configs: [{ name: "retention.ms", value: "9" }] })]);
  const late = p.take();
  const image = p.state.image.freeze();
  const rejoin = (from: number) => {
    p.tell("follow", { follower: followerOf(1), fromOffset: from });
    return p.take().filter(({ type }) => type === "send");
  };
  assertEquals(followed([...early, ...late], 1), image);
  assertEquals(followed(late, 2), image);
  assertEquals(rejoin(image.offset), [], "who has everything gets nothing");
  assertEquals(rejoin(offset).length, 1, "who is behind gets a snapshot");
});

Deno.test("changes are answered when all live brokers have applied them, or when their time is over", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  catchUp(p, 1);
  const asked = create(p, [topic("t"), topic("no good")]);
  catchUp(p, 1);
  p.tell("applied", { brokerId: 2, offset: p.state.image.offset - 1 });
  assertEquals(asked.answer, undefined);
  catchUp(p, 2);
  assertEquals(errors(asked), ["NONE", "INVALID_TOPIC_EXCEPTION"]);
  const late = create(p, [topic("u"), topic("t")], { timeoutMs: 500 });
  catchUp(p, 1);
  p.advance(499);
  assertEquals(late.answer, undefined);
  p.advance(1);
  assertEquals(errors(late), ["REQUEST_TIMED_OUT", "TOPIC_ALREADY_EXISTS"]);
  assert(p.state.image.topics.has("u"));
});

Deno.test("a broker that is gone is fenced, others lead, and nobody waits for it", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  catchUp(p, 1);
  created(
    p,
    topic("t", { partitions: 2, replicationFactor: 2 }),
    topic("mine", {
      partitions: -1,
      replicationFactor: -1,
      assignments: [{ partition: 0, brokerIds: [2] }],
    }),
  );
  const waiting = create(p, [
    topic("u", { partitions: -1, replicationFactor: -1, assignments: [{ partition: 0, brokerIds: [1] }] }),
  ]);
  catchUp(p, 1);
  assertEquals(waiting.answer, undefined);
  p.terminate(followerOf(2));
  assertEquals(errors(waiting), ["NONE"]);
  const { image } = p.state;
  assertEquals(image.brokers.get(2)?.fenced, true);
  for (const { leader, isr } of image.topics.get("t")!.partitions) assertEquals([leader, isr], [1, [1]]);
  const mine = image.topics.get("mine")!.partitions[0]!;
  assertEquals([mine.leader, mine.isr, mine.leaderEpoch], [-1, [2], 1]);
  register(p, 2, "i2");
  const again = image.topics.get("mine")!.partitions[0]!;
  assertEquals([again.leader, again.leaderEpoch], [2, 2], "it leads again, in a later epoch");
});

Deno.test("after a restart everything is there, epochs go on, and known brokers are called", () => {
  const journal = new MemoryJournal();
  const p = start(journal);
  join(p, 1);
  created(p, topic("t", { partitions: 3 }));
  p.ask("allocateProducerIds", { brokerId: 1 });
  const before = p.state.image.freeze();
  const q = start(journal);
  assertEquals(q.state.image.freeze(), before);
  const calls = q.take().filter(({ type }) => type === "send");
  assertEquals(calls, [{ type: "send", to: "1/broker/broker", verb: "register", message: undefined }]);
  assertEquals(q.ask("allocateProducerIds", { brokerId: 1 }).reply?.first, 1_000n);
});

Deno.test("producer ids come in blocks that nobody gets twice, and only for registered brokers", () => {
  const p = start();
  assertEquals(p.ask("allocateProducerIds", { brokerId: 1 }).reply?.error, "BROKER_ID_NOT_REGISTERED");
  join(p, 1);
  const blocks = [0, 1, 2].map(() => p.ask("allocateProducerIds", { brokerId: 1 }).reply!);
  assertEquals(blocks.map(({ first, count }) => [first, count]), [[0n, 1000], [1000n, 1000], [2000n, 1000]]);
});

Deno.test("without a live broker, changes are answered at once", () => {
  const p = start();
  assertEquals(errors(create(p, [topic("t")])), ["INVALID_REPLICATION_FACTOR"]);
  join(p, 1);
  created(p, topic("t"));
  p.terminate(followerOf(1));
  assertEquals(errors(p.ask("deleteTopics", { topics: [{ name: "t", topicId: "A".repeat(22) }], timeoutMs: 1_000 })), [
    "NONE",
  ]);
});

Deno.test("only validating changes nothing", () => {
  const p = start();
  join(p, 1);
  created(p, topic("t"));
  const { offset } = p.state.image;
  const [result] = create(p, [topic("u", { partitions: 5 })], { validateOnly: true }).reply!;
  assertEquals([result?.error, result?.partitions, result?.topicId], ["NONE", 5, "A".repeat(22)]);
  const growth = { name: "t", count: 2, assignments: null };
  assertEquals(errors(p.ask("createPartitions", { topics: [growth], validateOnly: true, timeoutMs: 1 })), ["NONE"]);
  const change = {
    resourceType: "topic" as const,
    resourceName: "t",
    operations: [{ name: "retention.ms", operation: "set" as const, value: "1" }],
    replaceAll: false,
  };
  assertEquals(errors(p.ask("alterConfigs", { changes: [change], validateOnly: true })), ["NONE"]);
  assertEquals(p.state.image.offset, offset);
});
