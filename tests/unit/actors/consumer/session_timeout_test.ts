import { assertEquals } from "@std/assert";
import type { ConsumerConfig } from "../../../../actors/consumer/protocol.ts";
import { describeConfigs } from "../../../../protocol/tables/configs.ts";
import { consumerGroupHeartbeat } from "../../../../protocol/tables/consumer_groups.ts";
import { Stage } from "./consumer_stage.ts";

const OF_BROKER = "group.consumer.session.timeout.ms";
const OF_GROUP = "consumer.session.timeout.ms";

/** A consumer that has subscribed, and is to join as soon as it can. */
function joining(config: Partial<ConsumerConfig> = {}): Stage {
  const stage = new Stage({ config: { groupId: "g", groupProtocol: "consumer", ...config } });
  stage.member.onCoordinator = [{
    type: "request",
    request: { api: "consumerHeartbeat", body: { groupId: "g", memberId: "m", memberEpoch: 0 } as never },
    timeoutMs: 1_000,
  }];
  stage.probe.ask("subscribe", { topics: ["t"] });
  stage.probe.advance(1);
  return stage;
}

function result(resourceType: number, name: string, value: string, errorCode = 0) {
  const config = { name, value, readOnly: true, isSensitive: false };
  return { errorCode, resourceType, resourceName: "2", configs: errorCode === 0 ? [config] : [] };
}

Deno.test("a coordinator is asked how long its sessions are, before the first heartbeat and on its connection", () => {
  const stage = joining();
  const asked = stage.waiting.map(({ api, lane, to }) => [api.name, lane, to.port]);
  assertEquals(asked, [["DescribeConfigs", "control", 9002], ["ConsumerGroupHeartbeat", "control", 9002]]);
  const resources = stage.one(describeConfigs).body.resources;
  assertEquals(
    resources.map((
      { resourceType, resourceName, configurationKeys },
    ) => [resourceType, resourceName, configurationKeys]),
    [[4, "2", [OF_BROKER]], [32, "g", [OF_GROUP]]],
  );
});

Deno.test("the membership hears the shortest session that is said, and nothing when none is", () => {
  const said = (...results: ReturnType<typeof result>[]) => {
    const stage = joining().answer(describeConfigs, { results });
    return stage.member.heard("session");
  };
  const session = (timeoutMs: number) => [{ type: "session" as const, timeoutMs }];
  assertEquals(said(result(4, OF_BROKER, "45000"), result(32, OF_GROUP, "50000")), session(45_000));
  assertEquals(said(result(4, OF_BROKER, "6000"), result(32, OF_GROUP, "", 42)), session(6_000));
  assertEquals(said(result(4, OF_BROKER, "", 31), result(32, OF_GROUP, "50000")), session(50_000));
  assertEquals(said(result(4, OF_BROKER, "", 31), result(32, OF_GROUP, "", 30)), []);
  assertEquals(said(result(4, OF_BROKER, "of no use")), []);
});

Deno.test("a coordinator that is not asked for its configs in any version is a coordinator nevertheless", () => {
  const stage = joining();
  stage.settle(stage.one(describeConfigs), "closed");
  assertEquals([stage.member.heard("session"), stage.all(consumerGroupHeartbeat).length], [[], 1]);
});

Deno.test("in the classic protocol nobody is asked: a join says it", () => {
  assertEquals(joining({ groupProtocol: "classic" }).all(describeConfigs), []);
});

Deno.test("who subscribes again when the session is known is told", () => {
  const stage = joining().answer(describeConfigs, { results: [result(4, OF_BROKER, "6000")] });
  stage.want({ type: "left" });
  stage.probe.ask("subscribe", { topics: ["t"] });
  assertEquals(stage.member.heard("session").length, 2);
});
