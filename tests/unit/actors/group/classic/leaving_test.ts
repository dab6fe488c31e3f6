import { assert, assertEquals } from "@std/assert";
import { EPOCH_MS, Stage } from "./stage.ts";

Deno.test("when the last member leaves, the group is empty: written as the next generation", () => {
  const stage = new Stage();
  const [a] = stage.form(1);
  stage.advance(5_000);
  assertEquals(stage.leave([[a!, null]]), ["NONE"]);
  assertEquals(stage.state, "Empty");
  const [record] = stage.records;
  assert(record?.type === "classicGroup" && record.value !== null);
  const { generation, protocol, leader, members, protocolType, currentStateTimestamp } = record.value;
  assertEquals({ generation, protocol, leader, members, protocolType }, {
    generation: 2,
    protocol: null,
    leader: null,
    members: [],
    protocolType: "consumer",
  });
  assertEquals(Number(currentStateTimestamp), EPOCH_MS + 7_000);
  assertEquals(stage.probe.state.classic!.emptySinceMs, EPOCH_MS + 7_000);
  const loaded = new Stage({ records: stage.records });
  assertEquals([loaded.state, loaded.probe.state.classic!.emptySinceMs], ["Empty", EPOCH_MS + 7_000]);
});

Deno.test("several members leave at once, and one rebalance follows", () => {
  const stage = new Stage();
  const [a, b, c] = stage.form(3);
  assertEquals(stage.leave([[a!, null], ["x", null], [b!, null]]), ["NONE", "UNKNOWN_MEMBER_ID", "NONE"]);
  assertEquals(stage.state, "PreparingRebalance");
  assertEquals(stage.join(c!).body!.leader, c);
});

Deno.test("before version 3 one member leaves, and its error is at the top", () => {
  const stage = new Stage();
  const [a] = stage.form(1);
  const leave = (memberId: string) =>
    stage.probe.ask("leave", {
      version: 2,
      client: { id: "", host: "" },
      body: { groupId: "g", memberId, members: [] },
    }).reply!;
  assertEquals(leave("x").errorCode, 25);
  assertEquals(leave(a!).errorCode, 0);
  assertEquals(stage.state, "Empty");
});

Deno.test("a rebalance does not wait for who leaves", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  const waiting = stage.join(a!);
  stage.leave([[b!, null]]);
  assertEquals(waiting.body!.members.length, 1);
});

Deno.test("who leaves while its join or sync waits is told that it is not known any more", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  const joining = stage.join(a!);
  stage.leave([[a!, null]]);
  assertEquals(joining.error, "UNKNOWN_MEMBER_ID");
  const newcomer = stage.enter();
  stage.join(b!);
  const syncing = stage.sync(newcomer.id, 2);
  stage.leave([[newcomer.id, null]]);
  assertEquals(syncing.error, "UNKNOWN_MEMBER_ID");
});

Deno.test("a group that nobody stays to form is empty at once, and begins again with the next", () => {
  const stage = new Stage();
  const { id } = stage.enter();
  stage.leave([[id, null]]);
  assertEquals(stage.state, "Empty");
  const next = stage.enter();
  stage.advance(1_000);
  assertEquals(next.joined.body!.generationId, 2);
});

Deno.test("an id that nobody has joined with goes without a word to the members: by its timer, or as it leaves", () => {
  const stage = new Stage();
  const [a] = stage.form(1);
  const pending = () => stage.join("").body!.memberId;
  pending();
  for (let beats = 0; beats < 3; beats++) {
    stage.advance(4_000);
    assertEquals(stage.heartbeat(a!, 1), "NONE");
  }
  assertEquals([stage.state, stage.probe.state.classic!.isEmpty], ["Stable", false]);
  assertEquals(stage.leave([[pending(), null]]), ["NONE"]);
  assertEquals([stage.state, stage.heartbeat(a!, 1)], ["Stable", "NONE"]);
});

Deno.test("a rebalance does not wait for an id that leaves, or is not good any more", () => {
  for (const goes of ["leaves", "is late"]) {
    const stage = new Stage();
    const [a, b] = stage.form(2);
    const pending = stage.join("", { sessionTimeoutMs: 6_000 }).body!.memberId;
    const waiting = [stage.join(a!), stage.join(b!)];
    assertEquals(waiting.map(({ error }) => error), ["waits", "waits"]);
    if (goes === "leaves") stage.leave([[pending, null]]);
    else stage.advance(6_000);
    assertEquals(waiting.map(({ error }) => error), ["NONE", "NONE"], goes);
  }
});
