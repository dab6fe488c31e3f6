import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { bytes, Stage, text } from "./stage.ts";

Deno.test("an id that a member is given is its client's id and a uuid, and another one for each", () => {
  const stage = new Stage();
  const [a, b] = [stage.join("").body!.memberId, stage.join("").body!.memberId];
  assertMatch(a, /^app-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertNotEquals(a, b);
});

Deno.test("an empty group waits for more members, and as long again when some come, up to the rebalance timeout", () => {
  const stage = new Stage({ config: { initialRebalanceDelayMs: 3_000 } });
  const a = stage.enter({ rebalanceTimeoutMs: 7_000 });
  stage.advance(2_999);
  assertEquals(a.joined.error, "waits");
  const b = stage.enter({ rebalanceTimeoutMs: 7_000 }); // 3 s are over at 3 s, and begin again
  stage.advance(3_000);
  assertEquals(a.joined.error, "waits");
  const c = stage.enter({ rebalanceTimeoutMs: 7_000 }); // again at 6 s, but only 1 s is left of 7
  stage.advance(1_000);
  assertEquals(stage.state, "PreparingRebalance");
  stage.advance(1);
  assertEquals([a, b, c].map(({ joined }) => joined.error), ["NONE", "NONE", "NONE"]);
  assertEquals(a.joined.body!.generationId, 1);
});

Deno.test("only the leader, who came first, hears of the members and what they want", () => {
  const stage = new Stage();
  const [a, b] = [stage.enter({ metadata: bytes("A") }), stage.enter({ metadata: bytes("B") })];
  stage.advance(2_000);
  assertEquals(a.joined.body!.leader, a.id);
  assertEquals(b.joined.body!.leader, a.id);
  assertEquals(b.joined.body!.members, []);
  assertEquals(a.joined.body!.members.map(({ memberId, metadata }) => [memberId, text(metadata)]), [[a.id, "A"], [
    b.id,
    "B",
  ]]);
  assertEquals(a.joined.body!.protocolType, "consumer");
  assertEquals(a.joined.body!.protocolName, "range");
});

Deno.test("a rebalance waits until all known members have joined again", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  const newcomer = stage.enter();
  const again = stage.join(a!);
  assertEquals([newcomer.joined.error, again.error, stage.state], ["waits", "waits", "PreparingRebalance"]);
  const last = stage.join(b!);
  assertEquals([newcomer.joined.error, again.error, last.error], ["NONE", "NONE", "NONE"]);
  assertEquals(last.body!.generationId, 2);
});

Deno.test("who has not joined again when the rebalance timeout is over is out", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2, { sessionTimeoutMs: 100_000 });
  const again = stage.join(a!, { sessionTimeoutMs: 100_000 });
  stage.advance(59_999);
  assertEquals(again.error, "waits");
  stage.advance(1);
  assertEquals(again.body!.members.map(({ memberId }) => memberId), [a]);
  assertEquals(stage.heartbeat(b!, 1), "UNKNOWN_MEMBER_ID");
});

Deno.test("the slowest member says how long a rebalance may take", () => {
  const stage = new Stage();
  const quick = stage.enter({ rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 1_000_000 });
  const slow = stage.enter({ rebalanceTimeoutMs: 90_000, sessionTimeoutMs: 1_000_000 });
  stage.advance(2_000);
  stage.sync(slow.id, 1);
  stage.sync(quick.id, 1);
  const again = stage.join(quick.id, { topics: ["u"], rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 1_000_000 });
  stage.advance(89_999);
  assertEquals(again.error, "waits");
  stage.advance(1);
  assertEquals(again.error, "NONE");
});

Deno.test("a leader that is gone in the joining phase is followed by the next who is there", () => {
  const stage = new Stage();
  const [leader, b, c] = stage.form(3, { sessionTimeoutMs: 100_000 });
  const joins = [stage.join(c!, { topics: ["u"] }), stage.join(b!)];
  stage.advance(60_000);
  assertEquals(joins.map(({ body }) => body!.leader), [b, b], "b came before c");
  assertEquals(stage.heartbeat(leader!, 1), "UNKNOWN_MEMBER_ID");
});

Deno.test("a leader that joins again in a stable group wants to assign again; a follower does not", () => {
  const stage = new Stage();
  const [leader, follower] = stage.form(2);
  assertEquals(stage.join(follower!).body!.generationId, 1);
  assertEquals(stage.state, "Stable");
  assertEquals(stage.join(leader!).error, "waits");
  assertEquals(stage.state, "PreparingRebalance");
});

Deno.test("a second join of a member answers its first", () => {
  const stage = new Stage();
  const { id, joined } = stage.enter();
  const second = stage.join(id);
  assertEquals([joined.error, second.error], ["REBALANCE_IN_PROGRESS", "waits"]);
  stage.advance(2_000);
  assertEquals(second.error, "NONE");
});

Deno.test("who joins with another subscription while assignments are waited for, makes all join again, and who waits is told", () => {
  const stage = new Stage();
  const [a, b] = [stage.enter(), stage.enter()];
  stage.advance(2_000);
  const waiting = stage.sync(b.id, 1);
  assertEquals(waiting.error, "waits");
  stage.join(a.id, { topics: ["u"] });
  assertEquals(waiting.error, "REBALANCE_IN_PROGRESS");
  assertEquals(stage.join(b.id).body!.generationId, 2);
});

Deno.test("before version 7 a protocol name is never null; before 5 members have no instance", () => {
  const stage = new Stage();
  assertEquals(stage.join("", { version: 0, sessionTimeoutMs: 1 }).body!.protocolName, "");
  assertEquals(stage.join("", { version: 7, sessionTimeoutMs: 1 }).body!.protocolName, null);
  const joined = stage.join("", { version: 2 });
  stage.advance(1_000);
  assertEquals(joined.body!.members.length, 1);
});

Deno.test("version 0 says no rebalance timeout: it is that of the session", () => {
  const stage = new Stage();
  const joined = stage.join("", { version: 0, rebalanceTimeoutMs: -1, sessionTimeoutMs: 8_000 });
  stage.advance(1_000);
  const { memberId } = joined.body!;
  stage.sync(memberId, 1, { version: 0, protocolType: null, protocolName: null });
  const [record] = stage.records;
  assert(record?.type === "classicGroup");
  assertEquals(record.value!.members[0]!.rebalanceTimeout, 8_000);
});

Deno.test("a full group takes nobody more, but those whom it has", () => {
  const stage = new Stage({ config: { maxSize: 2 } });
  const [a, b] = stage.form(2);
  assertEquals(stage.join("").error, "GROUP_MAX_SIZE_REACHED");
  assertEquals(stage.join(a!).error, "waits");
  const late = stage.join("", { instanceId: "i" }); // the second to join: only those who have joined count
  assertEquals(late.error, "waits");
  assertEquals(stage.join(b!).error, "GROUP_MAX_SIZE_REACHED");
  assertEquals(late.error, "NONE");
});

Deno.test("an id that was refused because the group is full is not waited for any more", () => {
  const stage = new Stage({ config: { maxSize: 2 } });
  const [a, b, refused] = [0, 1, 2].map(() => stage.join("", { sessionTimeoutMs: 45_000 }).body!.memberId);
  const first = [stage.join(a!), stage.join(b!)];
  assertEquals(stage.join(refused!).error, "GROUP_MAX_SIZE_REACHED");
  stage.advance(2_000);
  assertEquals(first.map(({ error }) => error), ["NONE", "NONE"]);
  stage.sync(b!, 1);
  stage.sync(a!, 1);
  const again = [stage.join(a!), stage.join(b!)];
  assertEquals(again.map(({ error }) => error), ["NONE", "NONE"]);
  assertEquals(stage.join(refused!).error, "GROUP_MAX_SIZE_REACHED");
});

Deno.test("a group that was loaded with more members than it may have forms again with the first", () => {
  const before = new Stage();
  const [a, b] = before.form(2);
  const stage = new Stage({ records: before.records, config: { maxSize: 1 } });
  assertEquals(stage.state, "PreparingRebalance");
  assertEquals(stage.join(b!).error, "waits");
  assertEquals(stage.join(a!).error, "GROUP_MAX_SIZE_REACHED");
  assertEquals(stage.state, "CompletingRebalance");
});

Deno.test("an id that was given out is waited for, while it is good", () => {
  const stage = new Stage();
  const [a] = stage.form(1);
  const id = stage.join("", { sessionTimeoutMs: 7_000 }).body!.memberId;
  const again = stage.join(a!);
  assertEquals(again.error, "waits");
  stage.advance(6_999);
  assertEquals(again.error, "waits");
  stage.advance(1);
  assertEquals(again.error, "NONE");
  assertEquals(stage.join(id).error, "UNKNOWN_MEMBER_ID");
});
