import { assert, assertEquals } from "@std/assert";
import type { BrokerView, ConnectionRef } from "../../../../actors/broker/protocol.ts";
import { BrokerStage, CONTROLLER, REGISTERED, UNFENCED } from "./broker_stage.ts";
import { CLUSTER, newTopic, registered, topicsOf } from "./records.ts";

const CLIENT = "1/connection/7" as ConnectionRef;
const APPLIED = "send controller/controller applied";

function applied(stage: BrokerStage): number | undefined {
  const sent = stage.probe.take().filter((effect) => effect.type === "send" && effect.verb === "applied");
  const last = sent.at(-1);
  return last?.type === "send" ? (last.message as { offset: number }).offset : undefined;
}

Deno.test("records are applied in order and reported; what it had is passed over, and a gap makes it ask again", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a"));
  assertEquals(applied(stage), stage.log.length);
  stage.probe.tell("metadata", { baseOffset: 0, records: stage.log }); // all of it once more
  assertEquals(stage.probe.state.image.offset, stage.log.length);
  assertEquals(stage.did(), []);
  const more = stage.made("b");
  stage.probe.tell("metadata", { baseOffset: stage.log.length + 1, records: more.slice(1) });
  const [follow] = stage.probe.take();
  assert(follow?.type === "send");
  const { to, verb, message } = follow;
  assertEquals([to, verb], ["1/quorum/quorum", "follow"]);
  assertEquals(message, { follower: stage.probe.ref, fromOffset: stage.log.length });
  assert(!stage.probe.state.image.topics.has("b"));
  stage.probe.tell("metadata", { baseOffset: stage.log.length - 1, records: [stage.log.at(-1)!, ...more] });
  assert(stage.probe.state.image.topics.has("b"));
});

Deno.test("it follows again every now and then: a quorum actor that was restarted has forgotten it", () => {
  const stage = BrokerStage.ready();
  stage.probe.advance(300);
  const follows = () => stage.probe.take().filter((effect) => effect.type === "send" && effect.verb === "follow");
  const [follow, ...others] = follows();
  assertEquals([(follow as { message: unknown }).message, others], [{ follower: stage.probe.ref, fromOffset: 3 }, []]);
  stage.probe.advance(300);
  assertEquals(follows().length, 1);
});

Deno.test("replicas are told first, then connections, then the controller", () => {
  const stage = BrokerStage.ready();
  stage.probe.ask("subscribe", { ref: CLIENT, newerThan: stage.probe.state.version });
  stage.probe.take();
  stage.tell(topicsOf(stage.probe.state.image, [newTopic("a", { partitions: 2 })]));
  assertEquals(stage.did(), [
    "spawn a-0",
    "watch replica/a-0",
    "spawn a-1",
    "watch replica/a-1",
    "reply subscribe",
    APPLIED,
  ]);
});

Deno.test("what is applied is said to the active controller with the broker's epoch, and to nobody while there is none", () => {
  const stage = BrokerStage.ready();
  stage.elect(-1, 4);
  stage.tell(stage.made("a"));
  assertEquals(applied(stage), undefined);
  stage.elect(3, 5);
  stage.tell(stage.made("b"));
  const sent = stage.probe.take().find((effect) => effect.type === "send" && effect.verb === "applied");
  assert(sent?.type === "send");
  assertEquals([sent.to, sent.message], ["3/controller/controller", {
    brokerId: 1,
    brokerEpoch: 1,
    offset: stage.log.length,
  }]);
});

Deno.test("a snapshot replaces the image: replicas that it lacks go, those that it has come", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a", "b"));
  stage.probe.take();
  const b = stage.log.filter((record) => "topicId" in record && record.topicId === stage.idOf("b"));
  const c = stage.made("c");
  const records = [CLUSTER, REGISTERED, UNFENCED, ...b, ...c];
  stage.probe.tell("metadata", { baseOffset: 1000, records, snapshot: true });
  const did = stage.did();
  assert(did.includes("send replica/a-0 remove") && did.includes("spawn c-0"));
  assert(!did.includes("send replica/b-0 remove") && !did.includes("spawn b-0"));
  assertEquals(stage.probe.state.image.offset, 1000);
  stage.probe.tell("metadata", { baseOffset: 999, records: [], snapshot: true }); // an older one changes nothing
  assertEquals([stage.probe.state.image.offset, stage.probe.state.image.topics.size], [1000, 2]);
});

Deno.test("a subscriber gets a view that is newer than its own, at once or when there is one", () => {
  const stage = BrokerStage.ready();
  const view = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: -1 }).reply!;
  assertEquals([view.image.offset, view.brokerId, view.logDir, view.controller], [3, 1, "/data/1", CONTROLLER]);
  const waiting = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: view.version });
  assertEquals(waiting.reply, undefined);
  stage.tell(stage.made("a"));
  assertEquals(waiting.reply?.image.topics.has("a"), true);
  assert(waiting.reply!.version > view.version);
});

Deno.test("who has the controller is news too, but only if it is another", () => {
  const stage = BrokerStage.ready();
  const { version } = stage.probe.state;
  const waiting = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: version });
  stage.elect(2);
  assertEquals(waiting.reply, undefined);
  stage.elect(-1, 5);
  assertEquals([waiting.reply?.controller, waiting.reply?.image.offset], [undefined, 3]);
  const next = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: waiting.reply!.version });
  stage.elect(3, 6);
  assertEquals(next.reply?.controller, "3/controller/controller");
});

Deno.test("nobody gets a view before the broker is ready; after that they do, even while it is fenced", () => {
  const stage = BrokerStage.acting();
  const waiting = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: -1 });
  stage.elect(3);
  assertEquals(waiting.reply, undefined);
  stage.tell([UNFENCED]);
  assertEquals(waiting.reply?.image.offset, 3);
  const later = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: waiting.reply!.version });
  stage.tell([{ type: "FenceBroker", brokerId: 1, brokerEpoch: 1 }]);
  assertEquals(later.reply?.image.brokers.get(1)?.fenced, true);
  assertEquals(stage.probe.ask("ready", undefined).reply, undefined);
});

Deno.test("a connection's newer subscription replaces its older one; one that ends is forgotten", () => {
  const stage = BrokerStage.ready();
  const { version } = stage.probe.state;
  const first = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: version });
  const second = stage.probe.ask("subscribe", { ref: CLIENT, newerThan: version });
  assertEquals(stage.probe.state.subscribers.size, 1);
  stage.tell(stage.made("a"));
  assertEquals([first.reply, second.reply?.image.offset], [undefined, stage.log.length]);
  stage.probe.ask("subscribe", { ref: CLIENT, newerThan: second.reply!.version });
  stage.probe.terminate(CLIENT);
  assertEquals(stage.probe.state.subscribers.size, 0);
});

Deno.test("`look` shows what is known, ready or not", () => {
  const view: BrokerView | undefined = new BrokerStage().probe.ask("look", undefined).reply;
  assertEquals([view?.image.offset, view?.controller, view?.quorum], [0, undefined, "1/quorum/quorum"]);
});

Deno.test("the transport hears where the other nodes are, whenever that changes, acting or not", () => {
  const stage = new BrokerStage();
  stage.tell([CLUSTER, registered(1, 1), registered(2, 2)]);
  stage.tell([registered(3, 3)]);
  stage.tell([{ type: "UnfenceBroker", brokerId: 3, brokerEpoch: 3 }]); // it has not moved
  stage.tell([registered(3, 5, { nodeEndpoint: { host: "elsewhere", port: 3 } })]);
  stage.tell([{ type: "UnregisterBroker", brokerId: 2, brokerEpoch: 2 }]);
  const [two, three] = [2, 3].map((id) => ({ host: `node-${id}`, port: 2 }));
  const moved = { host: "elsewhere", port: 3 };
  assertEquals(stage.peers, [{ 2: two! }, { 2: two!, 3: three! }, { 2: two!, 3: moved }, { 3: moved }]);
});
