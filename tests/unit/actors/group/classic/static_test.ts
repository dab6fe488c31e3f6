import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import { Stage, type StageOptions, text } from "./stage.ts";

/** A stable group of two instances, "a" leads. */
function stable(options: StageOptions = {}): { stage: Stage; a: string; b: string } {
  const stage = new Stage(options);
  const [first, second] = [stage.join("", { instanceId: "a" }), stage.join("", { instanceId: "b" })];
  stage.advance(2_000);
  const [a, b] = [first.body!.memberId, second.body!.memberId];
  stage.sync(b, 1, { instanceId: "b" });
  stage.sync(a, 1, { instanceId: "a", assignments: { [a]: "A", [b]: "B" } });
  return { stage, a, b };
}

Deno.test("an instance that comes back has what it had, under a new id, and nobody else notices", () => {
  const { stage, a, b } = stable();
  const back = stage.join("", { instanceId: "b" }).body!;
  assertMatch(back.memberId, /^b-[0-9a-f-]{36}$/);
  assertNotEquals(back.memberId, b);
  assertEquals([back.generationId, back.leader, back.members, back.skipAssignment], [1, a, [], false]);
  assertEquals(stage.state, "Stable");
  assertEquals(text(stage.sync(back.memberId, 1, { instanceId: "b" }).body!.assignment), "B");
  assertEquals(stage.heartbeat(b, 1, "b"), "FENCED_INSTANCE_ID");
  assertEquals(stage.heartbeat(b, 1), "UNKNOWN_MEMBER_ID");
  assertEquals(stage.heartbeat(a, 1, "a"), "NONE");
});

Deno.test("the new id is in the log before it is told", () => {
  const journal = new MemoryJournal();
  const { stage, a, b } = stable({ journal });
  journal.hold();
  const back = stage.join("", { instanceId: "b" });
  assertEquals(back.error, "waits");
  journal.release();
  stage.advance(0);
  const { memberId } = back.body!;
  const [record] = stage.records;
  assert(record?.type === "classicGroup" && record.value !== null);
  assertEquals(record.value.members.map((member) => [member.memberId, text(member.assignment)]), [[a, "A"], [
    memberId,
    "B",
  ]]);
  assertEquals(new Stage({ records: stage.records }).heartbeat(b, 1, "b"), "FENCED_INSTANCE_ID");
});

Deno.test("of two lives of an instance the newer one wins, also if the coordinator fails before the generation that it joined is written", () => {
  const { stage, a, b } = stable();
  const back = stage.join("", { instanceId: "b", topics: ["t", "u"] });
  stage.join(a, { instanceId: "a" });
  const { memberId, generationId } = back.body!; // 2, and nobody syncs
  const next = new Stage({ records: stage.records });
  assertEquals(next.heartbeat(b, 1, "b"), "FENCED_INSTANCE_ID");
  assertEquals(next.sync(memberId, generationId, { instanceId: "b" }).error, "ILLEGAL_GENERATION");
  assertEquals(text(next.sync(memberId, 1, { instanceId: "b" }).body!.assignment), "B", "as the log has it");
  assertEquals(next.describe().members.map(({ groupInstanceId }) => groupInstanceId), ["a", "b"]);
});

Deno.test("so does a leader's newer life, and its third, and that of an instance that was taken out in between", () => {
  const { stage, a, b } = stable();
  const second = stage.join("", { instanceId: "a", topics: ["u"] });
  const third = stage.join("", { instanceId: "a", topics: ["u"] });
  assertEquals(second.error, "FENCED_INSTANCE_ID");
  stage.leave([["", "b"]]);
  const back = stage.join("", { instanceId: "b" });
  stage.join(third.body!.memberId, { instanceId: "a", topics: ["u"] });
  const ids = [third, back].map(({ body }) => body!.memberId);
  const [record] = stage.records;
  assert(record?.type === "classicGroup" && record.value !== null);
  assertEquals([record.value.generation, record.value.leader], [1, ids[0]]);
  assertEquals(record.value.members.map((member) => [member.memberId, text(member.assignment)]), [[ids[0], "A"], [
    ids[1],
    "B",
  ]]);
  const next = new Stage({ records: stage.records });
  assertEquals([next.heartbeat(a, 1, "a"), next.heartbeat(b, 1, "b")], ["FENCED_INSTANCE_ID", "FENCED_INSTANCE_ID"]);
});

Deno.test("a new id that makes all join again is in the log before it is told", () => {
  const journal = new MemoryJournal();
  const { stage, a, b } = stable({ journal });
  const waiting = stage.join(a, { instanceId: "a" });
  journal.hold();
  const back = stage.join("", { instanceId: "b", topics: ["u"] });
  assertEquals([waiting.error, back.error], ["waits", "waits"]);
  journal.release();
  stage.advance(0);
  assertEquals([waiting.error, back.error], ["NONE", "NONE"]);
  assertEquals(new Stage({ records: stage.records }).heartbeat(b, 1, "b"), "FENCED_INSTANCE_ID");
});

Deno.test("a leader that comes back is told that there is nothing to assign, from version 9 on; before, that the old one leads", () => {
  const { stage, a } = stable();
  const old = stage.join("", { instanceId: "a", version: 8 }).body!;
  assertEquals([old.leader, old.members], [a, []]);
  const back = stage.join("", { instanceId: "a" }).body!;
  assertEquals([back.leader, back.skipAssignment, back.members.length], [back.memberId, true, 2]);
  assertEquals(text(stage.sync(back.memberId, 1, { instanceId: "a" }).body!.assignment), "A");
});

Deno.test("an instance that comes back with other topics makes all join again", () => {
  const { stage, a } = stable();
  const back = stage.join("", { instanceId: "b", topics: ["u"] });
  assertEquals([back.error, stage.state], ["waits", "PreparingRebalance"]);
  stage.join(a, { instanceId: "a" });
  assertEquals(back.body!.generationId, 2);
});

Deno.test("an instance that comes back while assignments are waited for makes all join again: the leader knows the old id only", () => {
  const { stage, a, b } = stable();
  stage.join(a, { instanceId: "a" });
  stage.join(b, { instanceId: "b" });
  const fenced = stage.sync(b, 2, { instanceId: "b" });
  const back = stage.join("", { instanceId: "b" });
  assertEquals([fenced.error, back.error, stage.state], ["FENCED_INSTANCE_ID", "waits", "PreparingRebalance"]);
});

Deno.test("the join of the old id that waits is fenced", () => {
  const { stage, a, b } = stable();
  const fenced = stage.join(b, { instanceId: "b", topics: ["u"] });
  const back = stage.join("", { instanceId: "b" });
  assertEquals(fenced.error, "FENCED_INSTANCE_ID");
  stage.join(a, { instanceId: "a" });
  assertEquals(back.error, "NONE");
});

Deno.test("an instance that is gone stays in the group through a rebalance, until its session is over", () => {
  const stage = new Stage();
  const options = { sessionTimeoutMs: 90_000, rebalanceTimeoutMs: 20_000 };
  const [first, second] = [
    stage.join("", { instanceId: "a", ...options }),
    stage.join("", { instanceId: "b", ...options }),
  ];
  stage.advance(2_000);
  const [a, b] = [first.body!.memberId, second.body!.memberId];
  stage.sync(b, 1, { instanceId: "b" });
  stage.sync(a, 1, { instanceId: "a" });
  const joined = stage.join(a, { instanceId: "a", ...options });
  stage.advance(20_000);
  assertEquals(joined.body!.members.map(({ groupInstanceId }) => groupInstanceId), ["a", "b"]);
  assertEquals(joined.body!.leader, a);
});

Deno.test("a joining phase to which only static members belong waits until one of them comes, and then not for ever for the others", () => {
  const stage = new Stage();
  const options = { sessionTimeoutMs: 500_000, rebalanceTimeoutMs: 20_000 };
  const [first, second] = [
    stage.join("", { instanceId: "a", ...options }),
    stage.join("", { instanceId: "b", ...options }),
  ];
  const newcomer = stage.enter({ sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 20_000 });
  stage.advance(2_000);
  const [a, b] = [first.body!.memberId, second.body!.memberId];
  stage.sync(newcomer.id, 1);
  stage.sync(b, 1, { instanceId: "b" });
  stage.sync(a, 1, { instanceId: "a" });
  stage.advance(6_000); // the newcomer is out
  stage.advance(40_000);
  assertEquals([stage.state, stage.describe().members.length], ["PreparingRebalance", 2]);
  const back = stage.join(a, { instanceId: "a", ...options });
  assertEquals(back.error, "waits");
  stage.advance(20_000);
  assertEquals([back.body!.generationId, back.body!.leader], [2, a]);
});

Deno.test("a joining phase waits for static members who give it no time, too, and does not do so in a circle", () => {
  const stage = new Stage();
  const first = stage.join("", { instanceId: "a", sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 0 });
  const newcomer = stage.enter({ sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 20_000 });
  stage.advance(2_000);
  const { memberId } = first.body!;
  stage.sync(newcomer.id, 1);
  stage.sync(memberId, 1, { instanceId: "a" });
  stage.advance(20_000); // the newcomer is out
  assertEquals([stage.state, stage.describe().members.length], ["PreparingRebalance", 1]);
  const back = stage.join(memberId, { instanceId: "a", rebalanceTimeoutMs: 0 });
  assertEquals([back.body!.generationId, back.body!.leader], [2, memberId]);
});

Deno.test("an instance that has not synced has to do so under its new id, too", () => {
  const { stage, a, b } = stable();
  stage.join(a, { instanceId: "a" });
  stage.join(b, { instanceId: "b" });
  stage.sync(a, 2, { instanceId: "a", assignments: {} });
  const { memberId } = stage.join("", { instanceId: "b" }).body!;
  for (let at = 0; at < 60_000; at += 5_000) {
    stage.heartbeat(a, 2, "a");
    stage.heartbeat(memberId, 2, "b");
    stage.advance(5_000);
  }
  assertEquals([stage.state, stage.describe().members.length], ["PreparingRebalance", 1]);
});

/** Generation 2 has begun without "b", which has ten minutes to come back; "a" has synced. */
function withoutB(): { stage: Stage; a: string; b: string } {
  const stage = new Stage();
  const [first, second] = [
    stage.join("", { instanceId: "a", ...PATIENT }),
    stage.join("", { instanceId: "b", ...PATIENT }),
  ];
  stage.advance(2_000);
  const [a, b] = [first.body!.memberId, second.body!.memberId];
  stage.sync(b, 1, { instanceId: "b" });
  stage.sync(a, 1, { instanceId: "a" });
  stage.join(a, { instanceId: "a", ...PATIENT });
  stage.advance(60_000);
  stage.sync(a, 2, { instanceId: "a", assignments: { [a]: "A", [b]: "B" } });
  return { stage, a, b };
}

const PATIENT = { sessionTimeoutMs: 600_000, rebalanceTimeoutMs: 60_000 };

Deno.test("an instance that was away during a rebalance may be so for its session, however short the rebalance timeout is", () => {
  const { stage, a, b } = withoutB();
  stage.advance(300_000);
  assertEquals([stage.state, stage.heartbeat(a, 2, "a")], ["Stable", "NONE"]);
  const back = stage.join("", { instanceId: "b", ...PATIENT });
  assertEquals([back.error, back.body!.generationId], ["NONE", 2]);
  assertEquals(text(stage.sync(back.body!.memberId, 2, { instanceId: "b" }).body!.assignment), "B");
  assertEquals(stage.heartbeat(b, 2, "b"), "FENCED_INSTANCE_ID");
  stage.advance(300_000);
  assertEquals([stage.state, stage.describe().members.length], ["Stable", 2]);

  const { stage: other } = withoutB();
  other.advance(540_000);
  assertEquals([other.state, other.describe().members.length], ["PreparingRebalance", 1], "and no longer");
});

for (const isNewLife of [true, false]) {
  Deno.test(`an instance that is back and has joined has to sync, ${isNewLife ? "under a new id" : "under the id that it had"}`, () => {
    const { stage, a, b } = withoutB();
    stage.advance(100_000);
    const back = stage.join(isNewLife ? "" : b, { instanceId: "b", ...PATIENT });
    assertEquals([back.error, back.body!.generationId], ["NONE", 2]);
    stage.advance(59_999);
    assertEquals(stage.heartbeat(back.body!.memberId, 2, "b"), "NONE");
    stage.advance(1);
    assertEquals([stage.state, stage.heartbeat(a, 2, "a")], ["PreparingRebalance", "REBALANCE_IN_PROGRESS"]);
    assertEquals(stage.heartbeat(back.body!.memberId, 2, "b"), "UNKNOWN_MEMBER_ID");
  });
}

Deno.test("an instance comes back into a group that is full", () => {
  const { stage } = stable({ config: { maxSize: 2 } });
  assertEquals(stage.join("", { instanceId: "c" }).error, "GROUP_MAX_SIZE_REACHED");
  assertEquals(stage.join("", { instanceId: "b" }).error, "NONE");
});

Deno.test("what is too large to be written changes nothing", () => {
  const { stage, a, b } = stable();
  stage.probe.state.news = {
    ...stage.probe.state.news,
    config: { ...stage.probe.state.news.config, maxWriteBytes: 10 },
  };
  assertEquals(stage.join("", { instanceId: "b" }).error, "UNKNOWN_SERVER_ERROR");
  assertEquals(stage.join("", { instanceId: "b", topics: ["u"] }).error, "UNKNOWN_SERVER_ERROR");
  assertEquals([stage.heartbeat(a, 1, "a"), stage.heartbeat(b, 1, "b")], ["NONE", "NONE"]);
});
