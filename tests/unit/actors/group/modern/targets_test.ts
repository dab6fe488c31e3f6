import { assertEquals } from "@std/assert";
import { assignorNameOf } from "../../../../../actors/group/modern/targets.ts";
import type { MemberMetadata } from "../../../../../actors/group/modern/member.ts";
import { CONFIG, GroupHarness, idOf } from "./harness.ts";

function asking(...names: (string | null)[]): MemberMetadata[] {
  return names.map((serverAssignor) => ({
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    subscribedTopicNames: [],
    subscribedTopicRegex: null,
    rebalanceTimeoutMs: 1,
    serverAssignor,
    classicMemberMetadata: null,
  }));
}

Deno.test("the assignor is the one that most members ask for, and the first of the config when it is a draw", () => {
  assertEquals(assignorNameOf(asking(null, null), CONFIG), "uniform");
  assertEquals(assignorNameOf(asking(null, "range"), CONFIG), "range");
  assertEquals(assignorNameOf(asking("uniform", "range"), CONFIG), "uniform");
  assertEquals(assignorNameOf(asking("gone", "gone", "range"), CONFIG), "range", "of those that there are");
  const rangeFirst = { ...CONFIG, consumerAssignors: ["range", "uniform"] };
  assertEquals(assignorNameOf(asking("uniform", "range"), rangeFirst), "range");
  assertEquals(assignorNameOf(asking(), { ...CONFIG, consumerAssignors: [] }), "");
});

Deno.test("each member gets of its own topics only, and each topic that there is goes to somebody", () => {
  const h = new GroupHarness({ topics: { t: 3, u: 2, v: 1 } });
  h.join("a", { subscribedTopicNames: ["t", "u"] });
  h.join("b", { subscribedTopicNames: ["u", "none"] });
  const { state } = h;
  const of = (topic: string) => ["a", "b"].map((memberId) => state.target(memberId).get(idOf(topic))?.length ?? 0);
  assertEquals([of("t"), of("u"), of("v")], [[3, 0], [0, 2], [0, 0]]);
});

Deno.test("a target is written for those only whose target is another", () => {
  const h = new GroupHarness({ topics: { t: 4, u: 1 } });
  h.join("a");
  h.join("b", { subscribedTopicNames: ["u"] });
  const written = h.appended().flatMap((record) => record.type === "target" ? [record.memberId] : []);
  assertEquals(written, ["a", "b"], "a once, when it came");
});

Deno.test("the same group epoch is never assigned twice", () => {
  const h = new GroupHarness();
  h.join("a");
  h.appended();
  h.p.tell("look", "assignment");
  assertEquals(h.appended(), []);
});
