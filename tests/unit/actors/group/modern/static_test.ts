import { assertEquals } from "@std/assert";
import { errorName } from "../../../../../protocol/errors.ts";
import { GroupHarness, owns, told } from "./harness.ts";

const STATIC = { instanceId: "i" };

/** A static member `a`, and a dynamic one `b`, both at epoch 2: a has 0 and 1, b has 2 and 3. */
function pair(): GroupHarness {
  const h = new GroupHarness();
  h.join("a", STATIC);
  h.join("b");
  h.beat("a", 1, STATIC);
  h.beat("a", 1, { ...STATIC, topicPartitions: owns(0, 1) });
  h.beat("b", 2);
  assertEquals(h.state.state, "Stable");
  h.appended();
  return h;
}

Deno.test("a static member that leaves for a while keeps what it has for its next incarnation", () => {
  const h = pair();
  const left = h.beat("a", -2, STATIC);
  assertEquals([errorName(left.errorCode), left.memberEpoch], ["NONE", -2]);
  assertEquals(told(h.beat("b", 2)).slice(0, 2), ["NONE", 2], "nothing for the others");
  h.appended();
  assertEquals(told(h.join("a2", STATIC)), ["NONE", 2, [0, 1]]);
  assertEquals([h.state.epoch, h.state.state], [2, "Stable"], "nobody else hears of it");
  assertEquals(
    h.appended().map((record) => [record.type, "memberId" in record ? record.memberId : "", record.value === null]),
    [
      ["current", "a", true],
      ["target", "a", true],
      ["member", "a", true],
      ["member", "a2", false],
      ["target", "a2", false],
      ["current", "a2", false],
    ],
  );
  assertEquals([...h.state.instances], [["i", "a2"]]);
  assertEquals(errorName(h.beat("a", 2, STATIC).errorCode), "FENCED_INSTANCE_ID");
  assertEquals(errorName(h.beat("a", -1, STATIC).errorCode), "FENCED_INSTANCE_ID");
  assertEquals(errorName(h.beat("a", 2).errorCode), "UNKNOWN_MEMBER_ID");
  h.checkFold();
});

Deno.test("an instance that is in use is not given away", () => {
  const h = pair();
  assertEquals(errorName(h.join("a2", STATIC).errorCode), "UNRELEASED_INSTANCE_ID");
  assertEquals(errorName(h.beat("b", 2, STATIC).errorCode), "FENCED_INSTANCE_ID");
  assertEquals(h.appended(), []);
});

Deno.test("an incarnation that has left is fenced, whichever of its epochs it comes with", () => {
  const h = pair();
  h.beat("a", -2, STATIC);
  for (const epoch of [1, 2]) {
    assertEquals(errorName(h.beat("a", epoch, { ...STATIC, topicPartitions: [] }).errorCode), "FENCED_MEMBER_EPOCH");
  }
  assertEquals(told(h.join("a", STATIC)), ["NONE", 2, [0, 1]], "the same member may come again, too");
});

Deno.test("a static member that does not come back in its session is put out", () => {
  const h = pair();
  h.p.advance(20_000);
  h.beat("b", 2);
  h.beat("a", -2, STATIC); // does not give it another session
  h.p.advance(25_000);
  assertEquals([...h.state.metadata.keys()], ["b"]);
  assertEquals([...h.state.instances], []);
});

Deno.test("a static member that leaves for good is gone", () => {
  const h = pair();
  assertEquals(errorName(h.beat("a", -1, STATIC).errorCode), "NONE");
  assertEquals([...h.state.metadata.keys()], ["b"]);
});

Deno.test("what was to be given up is free when its member has left for a while", () => {
  const h = new GroupHarness();
  h.join("a", STATIC);
  h.join("b");
  assertEquals(told(h.beat("a", 1, STATIC)), ["NONE", 1, [0, 1]]);
  h.beat("a", -2, STATIC);
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, [2, 3]]);
  assertEquals(told(h.join("a2", STATIC)), ["NONE", 2, [0, 1]]);
});

Deno.test("a new incarnation that wants something else gives up at once what it does not use", () => {
  const h = pair();
  h.topics({ t: 4, u: 1 });
  h.beat("a", -2, STATIC);
  assertEquals(told(h.join("a2", { ...STATIC, subscribedTopicNames: ["u"] }), "u"), ["NONE", 3, [0]]);
  assertEquals(told(h.beat("b", 2)), ["NONE", 3, [0, 1, 2, 3]]);
  h.checkFold();
});
