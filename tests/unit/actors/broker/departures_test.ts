import { assertEquals } from "@std/assert";
import { metadata } from "../../../../actors/broker/api/03_metadata.ts";
import { LISTED_MS } from "../../../../actors/broker/departures.ts";
import { call, viewOf } from "./api/fake_exchange.ts";
import { BrokerStage } from "./broker_stage.ts";
import { registered } from "./records.ts";

/** A broker that knows of a second one, which lives. */
function withPeer(): { stage: BrokerStage; brokerEpoch: number } {
  const stage = BrokerStage.ready();
  const brokerEpoch = stage.log.length;
  stage.tell([registered(2, brokerEpoch), { type: "UnfenceBroker", brokerId: 2, brokerEpoch }]);
  return { stage, brokerEpoch };
}

const departed = (stage: BrokerStage) => [...stage.probe.state.view().departed.keys()];

Deno.test("a broker that is fenced is listed for a while, as it was", () => {
  const { stage, brokerEpoch } = withPeer();
  assertEquals(departed(stage), []);
  stage.tell([{ type: "FenceBroker", brokerId: 2, brokerEpoch }]);
  assertEquals(departed(stage), [2]);
  assertEquals(stage.probe.state.view().departed.get(2)!.endpoint, stage.probe.state.image.brokers.get(2)!.endpoint);
  stage.probe.advance(LISTED_MS - 1);
  assertEquals(departed(stage), [2]);
  const { version } = stage.probe.state.view();
  stage.probe.advance(1);
  assertEquals([departed(stage), stage.probe.state.view().version > version], [[], true]);
});

Deno.test("who is back has not departed, and leaves no timer that would forget its next departure", () => {
  const { stage, brokerEpoch } = withPeer();
  stage.tell([{ type: "FenceBroker", brokerId: 2, brokerEpoch }]);
  stage.probe.advance(LISTED_MS / 2);
  stage.tell([{ type: "UnfenceBroker", brokerId: 2, brokerEpoch }]);
  assertEquals(departed(stage), []);
  stage.tell([{ type: "FenceBroker", brokerId: 2, brokerEpoch }]);
  stage.probe.advance(LISTED_MS / 2);
  assertEquals(departed(stage), [2]);
});

Deno.test("a broker that never was let in does not depart", () => {
  const stage = BrokerStage.ready();
  const brokerEpoch = stage.log.length;
  stage.tell([registered(2, brokerEpoch)]);
  stage.tell([{ type: "UnregisterBroker", brokerId: 2, brokerEpoch }]);
  assertEquals(departed(stage), []);
});

Deno.test("Metadata lists who has departed, after those who live", () => {
  const gone = viewOf({ brokers: 3 }).image.brokers.get(3)!;
  const { reply } = call(metadata, 9, { topics: [] }, viewOf({ brokers: 2, departed: [gone] }));
  assertEquals(reply.brokers.map(({ nodeId, host }) => [nodeId, host]), [[1, "h"], [2, "h"], [3, "h"]]);
});
