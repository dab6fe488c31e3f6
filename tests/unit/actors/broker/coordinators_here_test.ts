import { assertEquals } from "@std/assert";
import { type CoordinatorArgs, OFFSETS_TOPIC } from "../../../../actors/group/protocol.ts";
import { BrokerStage, EPOCH, REGISTERED, UNFENCED } from "./broker_stage.ts";
import { CLUSTER, topicIdOf, topicOf } from "./records.ts";

const TOPIC_ID = topicIdOf(5);

/** What it did, to coordinators and to their replicas, in short. */
function did(stage: BrokerStage): string[] {
  return stage.probe.take().flatMap((effect) => {
    if (effect.type === "spawn") {
      const { leaderEpoch, replica } = effect.args as CoordinatorArgs;
      return effect.kind === "coordinator"
        ? `spawn ${effect.name} in ${leaderEpoch} of ${replica}`
        : `spawn ${effect.name}`;
    }
    if (effect.type === "stop") return `stop ${effect.ref}`;
    return effect.type === "send" && effect.verb === "assume" ? `assume ${effect.to}` : [];
  });
}

const spawned = (partition: number, epoch: number) =>
  `spawn ${partition} in ${epoch} of 1/replica/${OFFSETS_TOPIC}-${partition}`;
const stopped = (partition: number) => `stop 1/coordinator/${partition}`;

function changed(partition: number, leader: number) {
  return { type: "PartitionChange", topicId: TOPIC_ID, partition, leader } as const;
}

/** A ready broker that leads partition 0 of three. */
function leading(): BrokerStage {
  const stage = BrokerStage.ready();
  stage.tell(topicOf(OFFSETS_TOPIC, TOPIC_ID, [1, 2], [2, 1], [2]));
  stage.probe.take();
  return stage;
}

Deno.test("a broker coordinates the partitions that it leads, after their replicas were told to lead", () => {
  const stage = BrokerStage.ready();
  stage.tell([...topicOf(OFFSETS_TOPIC, TOPIC_ID, [1, 2], [2, 1], [2]), ...topicOf("other", topicIdOf(6), [1])]);
  assertEquals(did(stage), [
    `spawn ${OFFSETS_TOPIC}-0`,
    `spawn ${OFFSETS_TOPIC}-1`,
    "spawn other-0",
    spawned(0, 0),
  ]);
  stage.tell([changed(1, 1)]);
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-1`, spawned(1, 1)]);
});

Deno.test("a coordinator lives as long as its leader epoch; the next is spawned when it has gone", () => {
  const stage = leading();
  stage.tell([changed(0, 1)]); // the same leader in a new epoch
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-0`, stopped(0)]);
  stage.tell([changed(0, 1)]);
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-0`]); // it is going
  stage.probe.terminate("1/coordinator/0");
  assertEquals(did(stage), [spawned(0, 2)]);
  stage.tell([changed(0, 2)]);
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-0`, stopped(0)]);
  stage.probe.terminate("1/coordinator/0");
  assertEquals(did(stage), []);
});

Deno.test("an ISR that changes ends no epoch", () => {
  const stage = leading();
  stage.tell([{ type: "PartitionChange", topicId: TOPIC_ID, partition: 0, isr: [1] }]);
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-0`]);
});

Deno.test("a topic that is deleted ends its coordinators; one made again has others, over other replicas", () => {
  const stage = leading();
  stage.tell([{ type: "RemoveTopic", topicId: TOPIC_ID }]);
  assertEquals(did(stage), [stopped(0)]);
  stage.tell(topicOf(OFFSETS_TOPIC, topicIdOf(7), [1]));
  stage.probe.terminate("1/coordinator/0");
  assertEquals(did(stage), []); // the old replica is there still
  stage.probe.terminate(`1/replica/${OFFSETS_TOPIC}-0`);
  assertEquals(did(stage), [`spawn ${OFFSETS_TOPIC}-0`, spawned(0, 0)]);
});

Deno.test("made again at one stroke, it has the same epoch, and another coordinator all the same", () => {
  const stage = leading();
  stage.tell([{ type: "RemoveTopic", topicId: TOPIC_ID }, ...topicOf(OFFSETS_TOPIC, topicIdOf(7), [1])]);
  assertEquals(did(stage), [stopped(0)]);
  stage.probe.terminate(`1/replica/${OFFSETS_TOPIC}-0`);
  assertEquals(did(stage), [`spawn ${OFFSETS_TOPIC}-0`]);
  stage.probe.terminate("1/coordinator/0");
  assertEquals(did(stage), [spawned(0, 0)]);
});

Deno.test("one that was given up rests, longer each time, and a new epoch ends its rest", () => {
  const stage = leading();
  for (const restMs of [500, 1_000, 2_000]) {
    stage.probe.terminate("1/coordinator/0");
    stage.probe.advance(restMs - 1);
    assertEquals(did(stage), []);
    stage.probe.advance(1);
    assertEquals(did(stage), [spawned(0, 0)]);
  }
  stage.probe.terminate("1/coordinator/0");
  stage.tell([changed(0, 1)]);
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-0`, spawned(0, 1)]);
  stage.probe.terminate("1/coordinator/0");
  stage.tell([changed(0, 2)]);
  stage.probe.advance(60_000);
  assertEquals(did(stage), [`assume 1/replica/${OFFSETS_TOPIC}-0`]);
});

Deno.test("one that had lived long begins again with a short rest", () => {
  const stage = leading();
  stage.probe.terminate("1/coordinator/0");
  stage.probe.advance(500);
  stage.probe.advance(60_000);
  did(stage);
  stage.probe.terminate("1/coordinator/0");
  stage.probe.advance(500);
  assertEquals(did(stage), [spawned(0, 0)]);
});

Deno.test("an image that does not count yet makes nobody a coordinator", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.register();
  stage.tell([CLUSTER, REGISTERED, ...topicOf(OFFSETS_TOPIC, TOPIC_ID, [1])]);
  assertEquals(did(stage), []);
  stage.describe(stage.log.length);
  assertEquals(did(stage), [`spawn ${OFFSETS_TOPIC}-0`, spawned(0, 0)]);
  assertEquals([EPOCH, UNFENCED.type], [1, "UnfenceBroker"]); // and it need not be let in for that
});

Deno.test("a coordinator that subscribes is shown views like a connection, and forgotten when it ends", () => {
  const stage = leading();
  const asked = stage.probe.ask("subscribe", { ref: "1/coordinator/0" as never, newerThan: stage.probe.state.version });
  assertEquals(asked.reply, undefined);
  stage.tell([changed(0, 2)]);
  assertEquals(asked.reply?.image.topics.get(OFFSETS_TOPIC)?.partitions[0]?.leader, 2);
  stage.probe.ask("subscribe", { ref: "1/coordinator/0" as never, newerThan: stage.probe.state.version });
  stage.probe.terminate("1/coordinator/0");
  assertEquals(stage.probe.state.subscribers.size, 0);
});
