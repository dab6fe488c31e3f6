import { assertEquals } from "@std/assert";
import { Stage } from "./stage.ts";

Deno.test("a silent member is out, and the others share what it had", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  stage.advance(9_999);
  assertEquals(stage.heartbeat(a!, 1), "NONE");
  assertEquals(stage.state, "Stable");
  stage.advance(1);
  assertEquals(stage.heartbeat(b!, 1), "UNKNOWN_MEMBER_ID");
  assertEquals(stage.heartbeat(a!, 1), "REBALANCE_IN_PROGRESS");
  assertEquals(stage.join(a!).body!.generationId, 2);
});

for (const sign of ["heartbeat", "sync", "join", "commit"] as const) {
  Deno.test(`a ${sign} is a sign of life`, () => {
    const stage = new Stage();
    const [a, b] = stage.form(2);
    const { classic } = stage.probe.state;
    for (let round = 0; round < 3; round++) {
      stage.advance(9_000);
      stage.heartbeat(a!, 1);
      if (sign === "heartbeat") stage.heartbeat(b!, 1);
      if (sign === "sync") stage.sync(b!, 1);
      if (sign === "join") stage.join(b!);
      if (sign === "commit") {
        stage.probe.ask("commit", {
          version: 5,
          client: { id: "app", host: "/h" },
          body: {
            groupId: "g",
            generationIdOrMemberEpoch: 1,
            memberId: b!,
            groupInstanceId: null,
            retentionTimeMs: -1n,
            topics: [],
          },
        });
      }
    }
    assertEquals(classic!.state, "Stable");
  });
}

Deno.test("a heartbeat in the joining phase keeps a member that cannot join yet", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  const waiting = stage.join(a!);
  for (let round = 0; round < 5; round++) {
    stage.advance(9_000);
    assertEquals(stage.heartbeat(b!, 1), "REBALANCE_IN_PROGRESS");
  }
  stage.join(b!);
  assertEquals(waiting.body!.members.length, 2);
});

Deno.test("a member that waits for a join or for its assignment is not silent", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  const joining = stage.join(a!);
  for (let at = 0; at < 50_000; at += 5_000) {
    stage.advance(5_000);
    stage.heartbeat(b!, 1);
  }
  stage.join(b!);
  assertEquals(joining.error, "NONE");
  const syncing = stage.sync(b!, 2);
  for (let at = 0; at < 50_000; at += 5_000) {
    stage.advance(5_000);
    stage.heartbeat(a!, 2);
  }
  stage.sync(a!, 2);
  assertEquals(syncing.error, "NONE");
});

Deno.test("a session begins when its wait is answered", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  stage.join(a!);
  stage.advance(8_000);
  stage.join(b!); // both are told of generation 2 now
  stage.advance(9_999);
  assertEquals(stage.heartbeat(a!, 2), "NONE");
  stage.advance(1);
  assertEquals(stage.heartbeat(b!, 2), "UNKNOWN_MEMBER_ID");
});

Deno.test("a newcomer whose join waits for more than five minutes is out: it cannot say that it is there", () => {
  const stage = new Stage();
  const options = { sessionTimeoutMs: 1_000_000, rebalanceTimeoutMs: 600_000 };
  const [a] = stage.form(1, options);
  const newcomer = stage.enter(options);
  stage.advance(299_999);
  assertEquals(newcomer.joined.error, "waits");
  stage.advance(1);
  assertEquals(newcomer.joined.error, "UNKNOWN_MEMBER_ID");
  assertEquals(stage.join(a!, options).body!.members.length, 1);
});

Deno.test("a timer that was overtaken does nothing", () => {
  const stage = new Stage();
  const [a] = stage.form(2);
  const { classic } = stage.probe.state;
  const token = (classic as unknown as { members: Map<string, { token: number }> }).members.get(a!)!.token;
  stage.heartbeat(a!, 1);
  stage.probe.tell("memberLate", { memberId: a!, token });
  assertEquals(stage.state, "Stable");
});

Deno.test("a group that is loaded with members is stable; their sessions begin when nobody else can answer them any more", () => {
  const before = new Stage();
  const [a, b] = before.form(2);
  const stage = new Stage({ records: before.records, config: { deposedMs: 3_000 } });
  assertEquals([stage.state, stage.describe().protocolData], ["Stable", "range"]);
  stage.advance(12_999);
  assertEquals(stage.heartbeat(a!, 1), "NONE");
  stage.advance(1);
  assertEquals([stage.heartbeat(b!, 1), stage.state], ["UNKNOWN_MEMBER_ID", "PreparingRebalance"]);
});

Deno.test("who was heard is silent for a session, and no longer, from where the former coordinator must be silent too", () => {
  const before = new Stage();
  const [a, b] = before.form(2);
  for (const [heardAtMs, outAtMs] of [[0, 13_000], [1_000, 13_000], [3_000, 13_000], [4_000, 14_000]] as const) {
    const stage = new Stage({ records: before.records, config: { deposedMs: 3_000 } }).advance(heardAtMs);
    for (const member of [a, b]) assertEquals(stage.heartbeat(member!, 1), "NONE");
    stage.advance(outAtMs - heardAtMs - 1);
    assertEquals(stage.heartbeat(a!, 1), "NONE");
    stage.advance(1);
    assertEquals([stage.heartbeat(b!, 1), stage.state], ["UNKNOWN_MEMBER_ID", "PreparingRebalance"], `${heardAtMs}`);
  }
});

Deno.test("a rebalance waits for those to whom the former coordinator may say nothing of it", () => {
  const before = new Stage();
  const options = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 5_000 };
  const [a] = before.form(2, options);
  const stage = new Stage({ records: before.records, config: { deposedMs: 3_000 } });
  stage.advance(1_000);
  const joining = stage.join(a!, options);
  stage.advance(6_999);
  assertEquals(joining.error, "waits");
  stage.advance(1);
  assertEquals([joining.error, joining.body!.members.length], ["NONE", 1]);
});
