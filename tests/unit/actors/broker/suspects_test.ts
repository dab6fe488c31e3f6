import { assertEquals } from "@std/assert";
import { metadata } from "../../../../actors/broker/api/03_metadata.ts";
import { SUSPICION_MS } from "../../../../actors/broker/suspects.ts";
import { call, viewOf } from "./api/fake_exchange.ts";
import { BrokerStage } from "./broker_stage.ts";
import { newTopic, registered } from "./records.ts";

/** A broker that knows of a second one, which lives. */
function withPeer(): BrokerStage {
  const stage = BrokerStage.ready();
  const epoch = stage.log.length;
  stage.tell([registered(2, epoch), { type: "UnfenceBroker", brokerId: 2, brokerEpoch: epoch }]);
  return stage;
}

const placed = (name: string, brokerId: number) =>
  newTopic(name, { assignments: [{ partition: 0, brokerIds: [brokerId] }] });
const lost = (stage: BrokerStage) => stage.probe.tell("linkChanged", { node: 2, isUp: false });
const sure = (stage: BrokerStage) => stage.probe.ask("whenSure", { nodes: [2] });

Deno.test("who wants to name a node whose link was just lost waits for a moment", () => {
  const stage = withPeer();
  assertEquals(sure(stage).reply, true);
  lost(stage);
  assertEquals([...stage.probe.state.view().suspects], [2]);
  const asked = sure(stage);
  assertEquals(stage.probe.ask("whenSure", { nodes: [3] }).reply, true);
  stage.probe.advance(SUSPICION_MS - 1);
  assertEquals(asked.reply, undefined);
  stage.probe.advance(1);
  assertEquals([asked.reply, stage.probe.state.view().suspects.size], [true, 0]);
});

Deno.test("the moment is over when the link stands again, or the node is fenced", () => {
  const stage = withPeer();
  lost(stage);
  const first = sure(stage);
  stage.probe.tell("linkChanged", { node: 2, isUp: true });
  assertEquals(first.reply, true);
  lost(stage);
  const second = sure(stage);
  stage.tell([{ type: "FenceBroker", brokerId: 2, brokerEpoch: stage.log.length - 2 }]);
  assertEquals(second.reply, true);
});

Deno.test("a link that stays down is suspected once, not for ever", () => {
  const stage = withPeer();
  lost(stage);
  stage.probe.advance(SUSPICION_MS / 2);
  lost(stage); // its reconnect was refused
  stage.probe.advance(SUSPICION_MS / 2);
  assertEquals(sure(stage).reply, true);
});

Deno.test("connections hear of a suspicion and of its end", () => {
  const stage = withPeer();
  const before = stage.probe.state.view().version;
  lost(stage);
  const during = stage.probe.state.view();
  stage.probe.advance(SUSPICION_MS);
  assertEquals([during.version > before, stage.probe.state.view().version > during.version], [true, true]);
});

Deno.test("Metadata that would name a suspect asks first; what does not name it does not", () => {
  const topics = [placed("mine", 1), placed("theirs", 2)];
  const view = viewOf({ brokers: 2, topics, suspects: [2] });
  const asking = (names: readonly string[] | null) =>
    call(metadata, 9, { topics: names?.map((name) => ({ name })) ?? null }, view);
  assertEquals(asking(["mine"]).questions, []);
  for (const names of [["theirs"], null]) {
    const { questions } = asking(names);
    assertEquals(questions.map(({ verb, message }) => [verb, message]), [["whenSure", { nodes: [2] }]]);
  }
  const waiting = asking(["theirs"]);
  waiting.questions[0]!.answer(true);
  assertEquals(waiting.reply.topics[0]!.partitions[0]!.leaderId, 2);
});
