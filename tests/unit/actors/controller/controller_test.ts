import { assertEquals } from "@std/assert";
import { MemoryJournal } from "../../../../actors/memory_journal.ts";
import {
  catchUp,
  create,
  created,
  epochOf,
  errors,
  followerOf,
  join,
  lastEvent,
  partitionOf,
  placed,
  register,
  start,
} from "./probing.ts";
import { newTopic } from "./setting.ts";

Deno.test("nothing is said before it is committed: not to who registered, asked, or wants another ISR", () => {
  const journal = new MemoryJournal();
  const p = start({ journal });
  join(p, 1);
  join(p, 2);
  created(p, placed("t", [1, 2]));
  p.take();
  journal.hold();
  const ids = p.ask("allocateProducerIds", { brokerId: 1 });
  const registered = register(p, 3);
  const { topicId } = p.state.image.topics.get("t")!;
  const isr = [{ brokerId: 1, brokerEpoch: epochOf(p, 1) }];
  const changes = [{ topicId, partition: 0, leaderEpoch: 0, partitionEpoch: 0, isr }];
  const altered = p.ask("alterPartitions", { brokerId: 1, brokerEpoch: epochOf(p, 1), changes });
  const again = p.ask("alterPartitions", { brokerId: 1, brokerEpoch: epochOf(p, 1), changes });
  assertEquals([ids.answer, registered.answer, altered.answer, again.answer], [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  journal.release();
  p.advance(0);
  assertEquals([ids.reply?.first, registered.reply?.error], [0n, "NONE"]);
  assertEquals([altered.reply?.results[0]?.isr, again.reply?.results[0]?.error], [[1], "NONE"]);
});

Deno.test("what one turn decides is one event", () => {
  const journal = new MemoryJournal();
  const p = start({ journal });
  join(p, 1);
  const before = journal.events.length;
  create(p, [newTopic("a", { partitions: 2 }), newTopic("b")]);
  assertEquals(journal.events.length, before + 1);
  assertEquals(lastEvent(journal), ["Topic", "Partition", "Partition", "Topic", "Partition"]);
});

Deno.test("a turn that decides nothing writes nothing, and is answered at once", () => {
  const journal = new MemoryJournal();
  const p = start({ journal });
  join(p, 1);
  register(p, 2);
  const { length } = journal.events;
  p.ask("alterPartitions", { brokerId: 1, brokerEpoch: epochOf(p, 1), changes: [] });
  p.tell("balance", undefined);
  assertEquals(errors(create(p, [newTopic("no good")])), ["INVALID_TOPIC_EXCEPTION"]);
  p.ask("allocateProducerIds", { brokerId: 1 }); // 1 has not applied this
  assertEquals(errors(create(p, [newTopic("no good")])), ["INVALID_TOPIC_EXCEPTION"]);
  assertEquals(journal.events.length, length + 1);
});

Deno.test("what is so already is said when a record of this controller is committed: another may have decided since", () => {
  const journal = new MemoryJournal();
  const p = start({ journal });
  join(p, 1);
  created(p, newTopic("t", { configs: [{ name: "min.insync.replicas", value: "1" }] }));
  const set = { name: "min.insync.replicas", operation: "set" as const, value: "1" };
  const change = { resourceType: "topic" as const, resourceName: "t", operations: [set], replaceAll: false };
  const changes = [change];
  const partitions = [{ topic: "t", partition: 0, replicas: [1] }];
  const alter = () => p.ask("alterConfigs", { changes, validateOnly: false });
  const move = () => p.ask("reassign", { partitions, allowReplicationFactorChange: true, timeoutMs: 500 });
  for (const ask of [alter, move]) {
    journal.hold();
    const asked = ask();
    catchUp(p, 1);
    assertEquals(asked.answer, undefined);
    journal.release();
    p.advance(0);
    assertEquals([errors(asked), lastEvent(journal)], [["NONE"], ["NoOp"]]);
  }
  const { length } = journal.events;
  assertEquals(errors(p.ask("alterConfigs", { changes, validateOnly: true })), ["NONE"]);
  const nowhere = { changes: [{ ...change, resourceName: "u" }], validateOnly: false };
  assertEquals(errors(p.ask("alterConfigs", nowhere)), ["UNKNOWN_TOPIC_OR_PARTITION"]);
  assertEquals(journal.events.length, length);
});

Deno.test("a controller that has crashed is not started again with what it had: its parent spawns another", () => {
  const p = start();
  p.kill();
  p.advance(10_000);
  assertEquals([p.stopped, p.restarts], [true, 0]);
});

Deno.test("another controller goes on where the first has ended", () => {
  const p = start();
  join(p, 1);
  created(p, newTopic("t", { partitions: 3 }));
  p.ask("allocateProducerIds", { brokerId: 1 });
  const image = p.state.image.freeze();
  const q = start({ image });
  assertEquals(q.state.image.freeze(), image);
  assertEquals(q.ask("allocateProducerIds", { brokerId: 1 }).reply?.first, 1_000n);
  q.terminate(followerOf(1));
  assertEquals(partitionOf(q, "t", 2).leader, -1, "it knows where the replicas are");
});

Deno.test("changes are answered when all live brokers have applied them, or when their time is over", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  const asked = create(p, [newTopic("t"), newTopic("no good")]);
  catchUp(p, 1);
  p.tell("applied", { brokerId: 2, brokerEpoch: epochOf(p, 2), offset: p.state.image.offset - 1 });
  assertEquals(asked.answer, undefined);
  catchUp(p, 1);
  p.tell("applied", { brokerId: 1, brokerEpoch: epochOf(p, 1), offset: 3 }); // said before, and late
  catchUp(p, 2);
  assertEquals(errors(asked), ["NONE", "INVALID_TOPIC_EXCEPTION"]);
  const late = create(p, [newTopic("u"), newTopic("t")], { timeoutMs: 500 });
  catchUp(p, 1);
  p.advance(499);
  assertEquals(late.answer, undefined);
  p.advance(1);
  assertEquals(errors(late), ["REQUEST_TIMED_OUT", "TOPIC_ALREADY_EXISTS"]);
  assertEquals(p.state.image.topics.has("u"), true);
});

Deno.test("moves and elections are answered when all live brokers have applied them", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  created(p, placed("t", [1, 2]));
  const replicas = [2, 1];
  const moved = p.ask("reassign", {
    partitions: [{ topic: "t", partition: 0, replicas }],
    allowReplicationFactorChange: false,
    timeoutMs: 1_000,
  });
  const elected = p.ask("electLeaders", { type: "preferred", partitions: null, timeoutMs: 1_000 });
  catchUp(p, 1);
  assertEquals([moved.answer, elected.answer], [undefined, undefined]);
  catchUp(p, 2);
  assertEquals([errors(moved), errors(elected), partitionOf(p, "t").leader], [["NONE"], ["NONE"], 2]);
});

Deno.test("ISR changes of an incarnation that is over are refused as a whole", () => {
  const p = start();
  join(p, 1);
  const request = { brokerId: 1, brokerEpoch: epochOf(p, 1) - 1, changes: [] };
  assertEquals(p.ask("alterPartitions", request).reply, { error: "STALE_BROKER_EPOCH", results: [] });
  assertEquals(p.ask("alterPartitions", { ...request, brokerId: 9 }).reply?.error, "STALE_BROKER_EPOCH");
});

Deno.test("who leaves an ISR is eligible by the newest min.insync.replicas, also for a controller that knows nothing of the leader", () => {
  const p = start();
  for (const id of [1, 2]) join(p, id);
  created(p, placed("t", [1, 2]));
  const operations = [{ name: "min.insync.replicas", operation: "set" as const, value: "2" }];
  const change = { resourceType: "broker" as const, resourceName: "", operations, replaceAll: false };
  p.ask("alterConfigs", { changes: [change], validateOnly: false });
  const q = start({ image: p.state.image.freeze() });
  const { topicId } = q.state.image.topics.get("t")!;
  const isr = [{ brokerId: 1, brokerEpoch: epochOf(q, 1) }];
  const changes = [{ topicId, partition: 0, leaderEpoch: 0, partitionEpoch: 0, isr }];
  q.ask("alterPartitions", { brokerId: 1, brokerEpoch: epochOf(q, 1), changes });
  assertEquals(partitionOf(q, "t").elr, [2]);
});

Deno.test("leadership goes back to who is preferred, every leader.imbalance.check.interval.seconds", () => {
  const p = start({
    properties: { "leader.imbalance.check.interval.seconds": "5", "broker.session.timeout.ms": "60000" },
  });
  for (const id of [1, 2]) join(p, id);
  created(p, placed("t", [1, 2]));
  p.terminate(followerOf(1));
  register(p, 1, { incarnationId: "another" });
  join(p, 1);
  const { topicId } = p.state.image.topics.get("t")!;
  const { leaderEpoch, partitionEpoch } = partitionOf(p, "t");
  const isr = [1, 2].map((brokerId) => ({ brokerId, brokerEpoch: epochOf(p, brokerId) }));
  const changes = [{ topicId, partition: 0, leaderEpoch, partitionEpoch, isr }];
  p.ask("alterPartitions", { brokerId: 2, brokerEpoch: epochOf(p, 2), changes });
  p.advance(4_999);
  assertEquals(partitionOf(p, "t").leader, 2);
  p.advance(1);
  assertEquals(partitionOf(p, "t").leader, 1);
});

Deno.test("when very many leaders are misplaced, they move in several turns, one right after the other", () => {
  const journal = new MemoryJournal();
  const p = start({ journal, properties: { "broker.session.timeout.ms": "600000" } });
  for (const id of [1, 2]) join(p, id);
  created(p, placed("t", ...Array.from({ length: 1_500 }, () => [1, 2])));
  p.terminate(followerOf(1));
  join(p, 1);
  const { topicId, partitions } = p.state.image.topics.get("t")!;
  const isr = [1, 2].map((brokerId) => ({ brokerId, brokerEpoch: epochOf(p, brokerId) }));
  const changes = partitions.map(({ partition, leaderEpoch, partitionEpoch }) => ({
    topicId,
    partition,
    leaderEpoch,
    partitionEpoch,
    isr,
  }));
  p.ask("alterPartitions", { brokerId: 2, brokerEpoch: epochOf(p, 2), changes });
  p.advance(300_000);
  const sizes = journal.events.map((event) => (event as readonly unknown[]).length);
  assertEquals(sizes.slice(-2), [1_000, 500]);
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
  assertEquals(errors(create(p, [newTopic("t")])), ["INVALID_REPLICATION_FACTOR"]);
  join(p, 1);
  created(p, newTopic("t"));
  p.terminate(followerOf(1));
  const topics = [{ name: "t", topicId: "A".repeat(22) }];
  assertEquals(errors(p.ask("deleteTopics", { topics, timeoutMs: 1_000 })), ["NONE"]);
});

Deno.test("only validating changes nothing", () => {
  const p = start();
  join(p, 1);
  created(p, newTopic("t"));
  const { offset } = p.state.image;
  const [result] = create(p, [newTopic("u", { partitions: 5 })], { validateOnly: true }).reply!;
  assertEquals([result?.error, result?.partitions, result?.topicId], ["NONE", 5, "A".repeat(22)]);
  const growth = { name: "t", count: 2, assignments: null };
  assertEquals(errors(p.ask("createPartitions", { topics: [growth], validateOnly: true, timeoutMs: 1 })), ["NONE"]);
  const change = {
    resourceType: "topic" as const,
    resourceName: "t",
    operations: [{ name: "min.insync.replicas", operation: "set" as const, value: "2" }],
    replaceAll: false,
  };
  assertEquals(errors(p.ask("alterConfigs", { changes: [change], validateOnly: true })), ["NONE"]);
  assertEquals(p.state.image.offset, offset);
});
