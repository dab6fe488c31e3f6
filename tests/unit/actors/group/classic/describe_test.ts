import { assertEquals } from "@std/assert";
import type { ClassicGroup } from "../../../../../actors/group/classic/state.ts";
import { Stage, subscription, text } from "./stage.ts";

Deno.test("a stable group shows what its members want and have; while it changes, what each had before it did", () => {
  const stage = new Stage();
  const [a] = stage.form(1);
  const settled = stage.describe();
  assertEquals([settled.groupState, settled.protocolType, settled.protocolData], ["Stable", "consumer", "range"]);
  const [member] = settled.members;
  assertEquals([member!.memberId, member!.clientId, member!.clientHost], [a, "app", "/127.0.0.1"]);
  assertEquals([member!.memberMetadata, text(member!.memberAssignment)], [subscription(["t"]), "of 0"]);
  stage.enter();
  const changing = stage.describe();
  assertEquals([changing.groupState, changing.protocolData], ["PreparingRebalance", ""]);
  assertEquals(
    changing.members.map(({ memberMetadata, memberAssignment }) => [memberMetadata.length, text(memberAssignment)]),
    [[0, "of 0"], [0, ""]],
  );
});

Deno.test("a group that is not there is dead, and from version 6 on an error", () => {
  const { errorCode, groupState } = new Stage().describe(5);
  assertEquals([errorCode, groupState], [0, "Dead"]);
  const { errorCode: code, groupState: state, errorMessage } = new Stage().describe(6);
  assertEquals([code, state, errorMessage], [69, "Dead", "Group g not found."]);
});

Deno.test("topics are subscribed to as long as a member wants them, and all are where it cannot be told", () => {
  const stage = new Stage();
  const [a] = stage.form(1);
  const { classic } = stage.probe.state;
  assertEquals([classic!.isSubscribedTo("t"), classic!.isSubscribedTo("u")], [true, false]);
  stage.leave([[a!, null]]);
  assertEquals(classic!.isSubscribedTo("t"), false);
  stage.enter({ metadata: new Uint8Array([9]) });
  assertEquals(classic!.isSubscribedTo("u"), true);
});

Deno.test("what members are subscribed to is read once, and again when one of them says something else", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  const classic = stage.probe.state.classic as ClassicGroup;
  let looks = 0;
  const metadata = subscription(["t", "u"]);
  classic.setProtocols(classic.members.get(a!)!, [{
    name: "range",
    get metadata() {
      return looks++, metadata;
    },
  }]);
  for (let partition = 0; partition < 100; partition++) {
    assertEquals(["t", "u", "v"].map((topic) => classic.isSubscribedTo(topic)), [true, true, false]);
  }
  assertEquals(looks, 1);
  const wants = (topic: string) =>
    assertEquals(["t", "u", "v"].filter((each) => classic.isSubscribedTo(each)), [...topic]);
  stage.join(b!, { topics: ["v"] });
  wants("tuv");
  stage.join(a!, { topics: ["u"] });
  wants("uv");
  stage.enter({ topics: ["t"] });
  wants("tuv");
  stage.leave([[a!, null]]);
  wants("tv");
});
