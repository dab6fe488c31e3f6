import { assert, assertEquals } from "@std/assert";
import { Tally } from "../../../../../actors/group/modern/tally.ts";
import { GroupHarness, owns } from "./harness.ts";

Deno.test("a name is there as long as somebody names it, and what would change can be tried", () => {
  const tally = new Tally();
  tally.add(["a", "b", "a"], 1);
  tally.add(["b"], 1);
  const change = new Tally();
  change.add(["a", "b"], -1);
  change.add(["c"], 1);
  assertEquals([...tally.with(change)].sort(), ["b", "c"]);
  assertEquals([...tally.names()].sort(), ["a", "b"], "it was only tried");
  tally.add(["a", "b"], -1);
  assertEquals([tally.has("a"), tally.has("b"), tally.has("c")], [false, true, false]);
  change.add(["a", "b"], 1);
  assertEquals([...new Tally().with(change)], ["c"]);
});

Deno.test("a heartbeat, and somebody who comes or goes while a target is waited for, look at no other member", () => {
  const SIZE = 200;
  const h = new GroupHarness({
    config: { consumerMaxSize: 1_000, consumerAssignmentIntervalMs: 600_000, consumerSessionTimeoutMs: 6_000_000 },
  });
  for (let at = 0; at < SIZE; at++) h.join(`m${at}`, { subscribedTopicNames: ["t", `only ${at}`] });
  const { metadata } = h.state;
  const get = metadata.get.bind(metadata);
  let looks = 0;
  metadata.get = (memberId) => (looks++, get(memberId));
  const looksOf = (turn: () => void) => {
    looks = 0;
    turn();
    return looks;
  };
  assert(looksOf(() => h.beat("m5", 1, { topicPartitions: owns() })) < 50, "a heartbeat");
  assert(looksOf(() => h.join("late")) < 50, `somebody who comes: ${looks}`);
  assert(looksOf(() => h.beat("m7", -1)) < 50, `somebody who goes: ${looks}`);
  assert(h.state.isSubscribedTo("only 5") && !h.state.isSubscribedTo("only 7"));
  h.checkFold();
});
