import { assert, assertEquals } from "@std/assert";
import { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import { Stage, text } from "./stage.ts";

/** Two members who have joined, the first leads. */
function completing(stage: Stage): readonly [leader: string, follower: string] {
  const [a, b] = [stage.enter(), stage.enter()];
  stage.advance(2_000);
  return [a.id, b.id];
}

Deno.test("a follower waits for the leader, and each gets its own", () => {
  const stage = new Stage();
  const [leader, follower] = completing(stage);
  const waiting = stage.sync(follower, 1);
  assertEquals([waiting.error, stage.state], ["waits", "CompletingRebalance"]);
  const given = stage.sync(leader, 1, { assignments: { [leader]: "L", [follower]: "F", stranger: "X" } });
  assertEquals([text(given.body!.assignment), text(waiting.body!.assignment)], ["L", "F"]);
  assertEquals([waiting.body!.protocolType, waiting.body!.protocolName], ["consumer", "range"]);
  assertEquals(stage.state, "Stable");
  assertEquals(text(stage.sync(follower, 1).body!.assignment), "F", "again, since its answer may have been lost");
});

Deno.test("whom the leader leaves out gets no bytes", () => {
  const stage = new Stage();
  const [leader, follower] = completing(stage);
  stage.sync(leader, 1, { assignments: { [leader]: "L" } });
  const late = stage.sync(follower, 1);
  assertEquals([late.error, late.body!.assignment.length], ["NONE", 0]);
});

Deno.test("what the leader says after it has spoken is not heard", () => {
  const stage = new Stage();
  const [leader, follower] = completing(stage);
  stage.sync(leader, 1, { assignments: { [follower]: "F" } });
  stage.sync(leader, 1, { assignments: { [follower]: "other" } });
  assertEquals(text(stage.sync(follower, 1).body!.assignment), "F");
});

Deno.test("nobody gets an assignment before it is committed", () => {
  const journal = new MemoryJournal();
  const stage = new Stage({ journal });
  const [leader, follower] = completing(stage);
  const waiting = stage.sync(follower, 1);
  journal.hold();
  const given = stage.sync(leader, 1, { assignments: { [leader]: "L", [follower]: "F" } });
  const late = stage.sync(follower, 1);
  stage.advance(5_000);
  assertEquals([waiting.error, given.error, late.error], ["waits", "waits", "waits"]);
  journal.release();
  stage.advance(0);
  assertEquals([text(waiting.body!.assignment), text(given.body!.assignment)], ["F", "L"]);
});

Deno.test("members that have not synced in time are out, also when the leader has", () => {
  const stage = new Stage();
  const [leader, follower] = completing(stage);
  stage.sync(leader, 1, { assignments: {} });
  for (let at = 0; at < 59_000; at += 1_000) {
    stage.advance(1_000);
    stage.heartbeat(leader, 1);
    stage.heartbeat(follower, 1);
  }
  assertEquals(stage.state, "Stable");
  stage.advance(1_000);
  assertEquals(stage.state, "PreparingRebalance");
  assertEquals(stage.heartbeat(follower, 1), "UNKNOWN_MEMBER_ID");
  assertEquals(stage.join(leader).body!.generationId, 2);
});

Deno.test("a leader that has not synced in time is out, and who waits for it joins again", () => {
  const stage = new Stage();
  const [leader, follower] = completing(stage);
  const waiting = stage.sync(follower, 1);
  for (let at = 0; at < 60_000; at += 1_000) {
    stage.heartbeat(leader, 1);
    stage.advance(1_000);
  }
  assertEquals(waiting.error, "REBALANCE_IN_PROGRESS");
  assertEquals(stage.join(follower).body!.leader, follower);
});

Deno.test("a timer of an older generation puts nobody out, and ends no joining phase", () => {
  const stage = new Stage();
  const [leader, follower] = stage.form(2);
  const waiting = stage.join(leader!);
  stage.probe.tell("joinPhaseOver", { generation: 0 });
  assertEquals(waiting.error, "waits");
  stage.join(follower!);
  stage.probe.tell("syncPhaseOver", { generation: 1 });
  assertEquals([stage.state, stage.describe().members.length], ["CompletingRebalance", 2]);
});

Deno.test("when all have synced, nobody is late", () => {
  const stage = new Stage();
  const ids = stage.form(2, { sessionTimeoutMs: 1_000_000 });
  stage.advance(100_000);
  assertEquals([stage.state, stage.heartbeat(ids[1]!, 1)], ["Stable", "NONE"]);
});

Deno.test("an assignment that is too large for the log is refused, for all, and they join again", () => {
  const stage = new Stage({ config: { maxWriteBytes: 1_000 } });
  const [leader, follower] = completing(stage);
  const waiting = stage.sync(follower, 1);
  const refused = stage.sync(leader, 1, { assignments: { [leader]: "x".repeat(1_000) } });
  assertEquals([waiting.error, refused.error], ["UNKNOWN_SERVER_ERROR", "UNKNOWN_SERVER_ERROR"]);
  assertEquals(stage.state, "PreparingRebalance");
  assertEquals(stage.journal.events, []);
});

Deno.test("a generation is written when it is assigned: who is in it, what each wants and has", () => {
  const stage = new Stage();
  const [leader, follower] = completing(stage);
  assertEquals(stage.records, [], "nobody has an assignment yet");
  stage.sync(leader, 1, { assignments: { [leader]: "L", [follower]: "F" } });
  const [record] = stage.records;
  assert(record?.type === "classicGroup" && record.value !== null);
  const { generation, protocol, leader: led, members } = record.value;
  assertEquals([generation, protocol, led], [1, "range", leader]);
  assertEquals(members.map((member) => [member.memberId, text(member.assignment), member.clientHost]), [
    [leader, "L", "/127.0.0.1"],
    [follower, "F", "/127.0.0.1"],
  ]);
});

Deno.test("a generation that nobody was given an assignment of is forgotten with the coordinator, and its number comes again", () => {
  const before = new Stage();
  const [leader, follower] = before.form(2);
  const joined = [before.join(leader!), before.join(follower!)];
  assertEquals(joined.map(({ body }) => body?.generationId), [2, 2]);
  const stage = new Stage({ records: before.records });
  assertEquals([stage.state, stage.heartbeat(leader!, 1)], ["Stable", "NONE"]);
  assertEquals(stage.heartbeat(leader!, 2), "ILLEGAL_GENERATION");
  const again = [stage.join(leader!), stage.join(follower!)];
  assertEquals(again.map(({ body }) => body?.generationId), [2, 2]);
});
