import { assertEquals } from "@std/assert";
import { GroupHarness, owns, told } from "./harness.ts";

Deno.test("a member alone gets everything at once, and hears of it once", () => {
  const h = new GroupHarness();
  assertEquals(told(h.join("a")), ["NONE", 1, [0, 1, 2, 3]]);
  assertEquals(h.appended().map(({ type }) => type), ["member", "group", "target", "targetEpoch", "current"]);
  assertEquals(told(h.beat("a", 1, { topicPartitions: owns(0, 1, 2, 3) })), ["NONE", 1, null]);
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, null]);
  assertEquals(h.appended(), [], "nothing changes, and nothing is written");
  assertEquals(h.state.state, "Stable");
  h.checkFold();
});

Deno.test("what one member gives up, another gets when it is given up", () => {
  const h = new GroupHarness();
  h.join("a");
  assertEquals(told(h.join("b")), ["NONE", 2, []], "everything is in use");
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, [0, 1]], "the epoch waits for what is to be given up");
  assertEquals(h.state.state, "Reconciling");
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, null]);
  assertEquals(told(h.beat("a", 1, { topicPartitions: owns(0, 1) })), ["NONE", 2, null]);
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, [2, 3]]);
  assertEquals(h.state.state, "Stable");
  h.checkFold();
});
