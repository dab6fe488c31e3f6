import { assertEquals } from "@std/assert";
import { BrokerStage } from "./broker_stage.ts";
import { topicIdOf } from "./records.ts";

/** One that leads `a-0` and `b-0`, and whose heartbeats have all been answered. */
function leading(): BrokerStage {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a", "b"));
  stage.probe.advance(300);
  stage.heartbeats();
  return stage;
}

function change(stage: BrokerStage, topic: string, offline: boolean, topicId = stage.idOf(topic)): void {
  stage.probe.tell("replicaChanged", { topic, topicId, partition: 0, offline });
}

/** Topics named as offline by the heartbeats that wait for an answer; they are answered. */
function told(stage: BrokerStage): string[] {
  const names = stage.asked("heartbeat").map(({ message }) => {
    const { offline } = message as { readonly offline: readonly { readonly topicId: string }[] };
    return offline.map(({ topicId }) => stage.probe.state.image.topicNames.get(topicId) ?? "?").join("+");
  });
  stage.heartbeats();
  return names;
}

Deno.test("what goes offline together is told together, within milliseconds and in every heartbeat", () => {
  const stage = leading();
  change(stage, "a", true);
  stage.probe.advance(5);
  change(stage, "b", true);
  assertEquals(told(stage), []);
  stage.probe.advance(5);
  assertEquals(told(stage), ["a+b"]);
  stage.probe.advance(299);
  assertEquals(told(stage), []);
  stage.probe.advance(1);
  assertEquals(told(stage), ["a+b"]);
});

Deno.test("that one is back is told by the next heartbeat, and not before", () => {
  const stage = leading();
  change(stage, "a", true);
  stage.probe.advance(10);
  assertEquals(told(stage), ["a"]);
  change(stage, "a", false);
  stage.probe.advance(299);
  assertEquals(told(stage), []);
  stage.probe.advance(1);
  assertEquals(told(stage), [""]);
  change(stage, "b", true);
  stage.probe.advance(10);
  assertEquals(told(stage), ["b"], "the next is told as soon");
});

Deno.test("a replica that was given up is offline until it is spawned again", () => {
  const stage = leading();
  stage.probe.terminate("1/replica/b-0");
  stage.probe.advance(10);
  assertEquals(told(stage), ["b"]);
  stage.probe.advance(300);
  assertEquals(told(stage), ["b"]);
  stage.probe.advance(300);
  assertEquals(told(stage), [""]);
});

Deno.test("what is removed, or was another topic's, is not named", () => {
  const stage = leading();
  change(stage, "a", true, topicIdOf(77));
  stage.probe.advance(300);
  assertEquals(told(stage), [""]);
  change(stage, "a", true);
  stage.probe.tell("replicaChanged", { topic: "gone", topicId: topicIdOf(7), partition: 0, offline: true });
  stage.tell([{ type: "RemoveTopic", topicId: stage.idOf("a") }]);
  stage.probe.advance(10);
  assertEquals(told(stage), [""]);
  stage.probe.terminate("1/replica/a-0");
  stage.tell(stage.made("a"));
  stage.probe.advance(300);
  assertEquals(told(stage), [""], "its successor is another");
});
