import { assertEquals } from "@std/assert";
import type { IsrChange, IsrChangeResult } from "../../../../actors/controller/protocol.ts";
import { BrokerStage, CONTROLLER } from "./broker_stage.ts";
import { registered, topicIdOf, topicOf } from "./records.ts";

const TOPIC = topicIdOf(5);
const TIMED_OUT = { error: "REQUEST_TIMED_OUT" };

function change(partition: number, more: Partial<IsrChange> = {}): IsrChange {
  return {
    topicId: TOPIC,
    partition,
    leaderEpoch: 0,
    partitionEpoch: 0,
    isr: [{ brokerId: 1, brokerEpoch: 1 }],
    ...more,
  };
}

function result(partition: number, more: Partial<IsrChangeResult> = {}): IsrChangeResult {
  const led = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, isr: [1] };
  return { topicId: TOPIC, partition, error: "NONE", ...led, ...more };
}

/** A broker that leads three partitions. */
function leading(): BrokerStage {
  const stage = BrokerStage.ready();
  stage.tell(topicOf("t", TOPIC, [1, 2], [1, 2], [1, 2]));
  stage.heartbeats();
  stage.probe.take();
  return stage;
}

const wish = (stage: BrokerStage, ...args: Parameters<typeof change>) =>
  stage.probe.ask("alterPartition", change(...args));
/** The partitions of each batch that waits for its answer, and whom it was sent to. */
const batches = (stage: BrokerStage) =>
  stage.asked("alterPartitions").map(({ to, message }) => {
    return [to, ...(message as { changes: IsrChange[] }).changes.map(({ partition }) => partition)];
  });
const answer = (stage: BrokerStage, ...results: IsrChangeResult[]) =>
  stage.probe.answer("alterPartitions", { error: "NONE", results });

Deno.test("one batch is under way at a time; what comes meanwhile goes together in the next", () => {
  const stage = leading();
  const [first, second, third] = [wish(stage, 0), wish(stage, 1), wish(stage, 2)];
  assertEquals(batches(stage), [[CONTROLLER, 0]]);
  const { brokerId, brokerEpoch, changes } = stage.asked("alterPartitions")[0]!.message as Record<string, unknown>;
  assertEquals([brokerId, brokerEpoch, changes], [1, 1, [change(0)]]);
  answer(stage, result(0));
  assertEquals([first.reply, second.reply], [result(0), undefined]);
  assertEquals(batches(stage), [[CONTROLLER, 1, 2]]);
  const fenced = result(1, { error: "INVALID_UPDATE_VERSION" });
  answer(stage, fenced);
  assertEquals([second.reply, third.reply], [fenced, TIMED_OUT]); // it must not wait for what nobody has said
  assertEquals(batches(stage), []);
});

Deno.test("what is decided is told when the image has it, so that no answer overtakes what goes with it", () => {
  const stage = leading();
  const asked = wish(stage, 0);
  const decided = result(0, { partitionEpoch: 1 });
  answer(stage, decided);
  assertEquals(asked.reply, undefined);
  stage.tell([{ type: "PartitionChange", topicId: TOPIC, partition: 1, isr: [1] }]); // another one
  assertEquals(asked.reply, undefined);
  stage.tell([{ type: "PartitionChange", topicId: TOPIC, partition: 0, isr: [1] }]);
  assertEquals(asked.reply, decided);
});

Deno.test("what was decided about a topic that is gone is told at once", () => {
  const stage = leading();
  const asked = wish(stage, 0);
  answer(stage, result(0, { topicId: topicIdOf(9), partitionEpoch: 1 }), result(0, { partitionEpoch: 7 }));
  assertEquals(asked.reply, undefined);
  stage.tell([{ type: "RemoveTopic", topicId: TOPIC }]);
  assertEquals((asked.reply as IsrChangeResult).partitionEpoch, 7);
});

Deno.test("a leader that wants something else now is asked for that", () => {
  const stage = leading();
  wish(stage, 0);
  const older = wish(stage, 1, { partitionEpoch: 3 });
  const newer = wish(stage, 1, { partitionEpoch: 4 });
  assertEquals([older.reply, newer.reply], [TIMED_OUT, undefined]);
  answer(stage, result(0));
  assertEquals((stage.asked("alterPartitions")[0]!.message as { changes: IsrChange[] }).changes, [
    change(1, { partitionEpoch: 4 }),
  ]);
});

Deno.test("what has got no answer is asked again, with what came meanwhile, until there is one", () => {
  for (const failure of ["unreachable", "crashed", "timeout", "NOT_CONTROLLER"] as const) {
    const stage = leading();
    const first = wish(stage, 0);
    const second = wish(stage, 1);
    if (failure === "NOT_CONTROLLER") stage.probe.answer("alterPartitions", { error: failure, results: [] });
    else stage.probe.fail("alterPartitions", failure);
    assertEquals(batches(stage), []);
    stage.probe.advance(100);
    assertEquals(batches(stage), [[CONTROLLER, 1, 0]]);
    answer(stage, result(0), result(1));
    assertEquals([first.reply, second.reply], [result(0), result(1)]);
  }
});

Deno.test("a controller that says nothing is asked again after two seconds", () => {
  const stage = leading();
  wish(stage, 0);
  stage.probe.advance(1_999);
  assertEquals(batches(stage).length, 1);
  stage.probe.advance(101);
  assertEquals(batches(stage), [[CONTROLLER, 0]]);
});

Deno.test("a newer wish takes the place of one whose batch has failed", () => {
  const stage = leading();
  const older = wish(stage, 0, { partitionEpoch: 3 });
  wish(stage, 0, { partitionEpoch: 4 });
  stage.probe.fail("alterPartitions", "crashed");
  assertEquals(older.reply, TIMED_OUT);
  stage.probe.advance(100);
  assertEquals((stage.asked("alterPartitions")[0]!.message as { changes: IsrChange[] }).changes, [
    change(0, { partitionEpoch: 4 }),
  ]);
});

Deno.test("a new controller is asked at once, and what the one before says then counts no more", () => {
  const stage = leading();
  const asked = wish(stage, 0);
  const [late] = stage.asked("alterPartitions");
  stage.elect(3);
  assertEquals(batches(stage), [[CONTROLLER, 0], ["3/controller/controller", 0]]);
  stage.probe.answer(late!, { error: "NONE", results: [result(0, { error: "FENCED_LEADER_EPOCH" })] });
  assertEquals(asked.reply, undefined);
  answer(stage, result(0));
  assertEquals(asked.reply, result(0));
});

Deno.test("without a controller wishes wait for one", () => {
  const stage = leading();
  stage.elect(-1, 3);
  const asked = wish(stage, 0);
  assertEquals(batches(stage), []);
  stage.elect(3, 4);
  answer(stage, result(0));
  assertEquals(asked.reply, result(0));
});

Deno.test("whoever waits is answered when its partition has another leader epoch, or is gone", () => {
  const stage = leading();
  wish(stage, 0);
  const moved = wish(stage, 1);
  const gone = wish(stage, 2);
  stage.tell([{ type: "PartitionChange", topicId: TOPIC, partition: 1, isr: [1] }]);
  assertEquals(moved.reply, undefined); // the same leader epoch: the controller decides
  stage.tell([{ type: "PartitionChange", topicId: TOPIC, partition: 1, leader: 1 }]);
  const now = { leader: 1, leaderEpoch: 1, partitionEpoch: 2, isr: [1] };
  assertEquals(moved.reply, result(1, { error: "FENCED_LEADER_EPOCH", ...now }));
  stage.tell([{ type: "RemoveTopic", topicId: TOPIC }]);
  assertEquals((gone.reply as IsrChangeResult).error, "UNKNOWN_TOPIC_ID");
});

Deno.test("a batch that comes back unanswered loses those whose leader epoch has passed", () => {
  const stage = leading();
  const asked = wish(stage, 0);
  stage.tell([{ type: "PartitionChange", topicId: TOPIC, partition: 0, leader: 1 }]);
  assertEquals(asked.reply, undefined); // it may be answered yet
  stage.probe.fail("alterPartitions", "crashed");
  assertEquals(asked.reply?.error, "FENCED_LEADER_EPOCH");
  stage.probe.advance(1_000);
  assertEquals(batches(stage), []);
});

Deno.test("a stale broker epoch: nobody waits for the new one, and the broker registers again", () => {
  const stage = leading();
  const asked = wish(stage, 0);
  stage.probe.answer("alterPartitions", { error: "STALE_BROKER_EPOCH", results: [] });
  assertEquals(asked.reply, TIMED_OUT);
  stage.heartbeats("STALE_BROKER_EPOCH");
  assertEquals(stage.asked("register").length, 1);
});

Deno.test("a new broker epoch ends what was wished for with the old one", () => {
  const stage = leading();
  const under = wish(stage, 0);
  const waits = wish(stage, 1);
  const [late] = stage.asked("alterPartitions");
  stage.probe.advance(300);
  stage.heartbeats("BROKER_ID_NOT_REGISTERED");
  stage.register(9);
  assertEquals([under.reply, waits.reply], [TIMED_OUT, TIMED_OUT]);
  stage.describe(10);
  while (stage.log.length < 9) stage.tell([{ type: "QuorumLeader", leaderId: 2, epoch: 2, voters: [2] }]);
  stage.tell([registered(1, 9)]);
  stage.probe.answer(late!, { error: "NONE", results: [result(0)] });
  wish(stage, 0);
  assertEquals((stage.asked("alterPartitions")[0]!.message as { brokerEpoch: number }).brokerEpoch, 9);
});
