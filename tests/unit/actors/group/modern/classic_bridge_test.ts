import { assert, assertEquals } from "@std/assert";
import { decodeAssignment } from "../../../../../protocol/consumer_protocol.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { assignment, CONFIG, GroupHarness, idOf, owns, subscription, told } from "./harness.ts";

type Partitions = readonly number[];

/** What a classic member is given of `t`. */
function given(h: GroupHarness, memberId: string, generation: number): [string, Partitions] {
  const { errorCode, assignment } = h.classicSync(memberId, generation);
  const partitions = decodeAssignment(assignment)?.assignedPartitions.flatMap(({ partitions }) => partitions) ?? [];
  return [errorName(errorCode), partitions];
}

function protocols(owned: Partitions = [], generation = -1, name = "range") {
  const topics = owned.length === 0 ? [] : [{ topic: "t", partitions: owned }];
  return { protocols: [{ name, metadata: subscription(["t"], topics, generation) }] };
}

/** A modern member `m` that has all of `t`, and a classic one that has just come: its id. */
function mixed(setting: ConstructorParameters<typeof GroupHarness>[0] = {}): [GroupHarness, string] {
  const h = new GroupHarness(setting);
  h.join("m");
  const asked = h.classicJoin("");
  assertEquals(errorName(asked.errorCode), "MEMBER_ID_REQUIRED");
  assert(asked.memberId.startsWith("client-"));
  assertEquals(h.state.metadata.size, 1, "nothing is kept of who has only got an id");
  return [h, asked.memberId];
}

/** The same, settled: m has 0 and 1, the classic member 2 and 3, at epoch 2. */
function settled(setting: ConstructorParameters<typeof GroupHarness>[0] = {}): [GroupHarness, string] {
  const [h, c] = mixed(setting);
  h.classicJoin(c, protocols());
  given(h, c, 2);
  h.beat("m", 1);
  h.beat("m", 1, { topicPartitions: owns(0, 1) });
  assertEquals(h.classicBeat(c, 2), "REBALANCE_IN_PROGRESS");
  assertEquals(h.classicJoin(c, protocols()).generationId, 2);
  assertEquals(given(h, c, 2), ["NONE", [2, 3]]);
  assertEquals(h.state.state, "Stable");
  h.appended();
  return [h, c];
}

Deno.test("a classic member lives in a group of the new protocol by its joins", () => {
  const [h, c] = mixed();
  const joined = h.classicJoin(c, protocols());
  assertEquals([errorName(joined.errorCode), joined.generationId, joined.protocolName], ["NONE", 2, "range"]);
  assertEquals([joined.leader, joined.members, joined.memberId], ["", [], c], "it has nobody to lead");
  assertEquals(given(h, c, 2), ["NONE", []], "everything is in use");
  assertEquals(h.classicBeat(c, 2), "NONE", "there is nothing to be had by another join");
  assertEquals(told(h.beat("m", 1)), ["NONE", 1, [0, 1]]);
  assertEquals(h.classicBeat(c, 2), "NONE");
  h.beat("m", 1, { topicPartitions: owns(0, 1) });
  assertEquals(h.classicBeat(c, 2), "REBALANCE_IN_PROGRESS", "now there is");
  assertEquals(h.classicJoin(c, protocols()).generationId, 2);
  assertEquals(given(h, c, 2), ["NONE", [2, 3]]);
  assertEquals(given(h, c, 2), ["NONE", [2, 3]], "as often as it asks");
  assertEquals([h.classicBeat(c, 2), h.state.state], ["NONE", "Stable"]);
  h.checkFold();
});

Deno.test("a cooperative member gives up what it has to, and joins a second time", () => {
  const [h, c] = settled();
  h.join("n");
  assertEquals(h.classicBeat(c, 2), "REBALANCE_IN_PROGRESS");
  const [first] = h.state.target(c).get(idOf("t"))!;
  assertEquals(h.state.target(c).get(idOf("t"))!.length, 1);
  assertEquals(h.classicJoin(c, protocols([2, 3], 2)).generationId, 2, "the epoch waits");
  assertEquals(given(h, c, 2), ["NONE", [first!]]);
  assertEquals(h.state.holders(idOf("t"), 2).length + h.state.holders(idOf("t"), 3).length, 2, "still in use");
  assertEquals(h.classicBeat(c, 2), "REBALANCE_IN_PROGRESS");
  assertEquals(h.classicJoin(c, protocols([first!], 2)).generationId, 3);
  assertEquals(given(h, c, 3), ["NONE", [first!]]);
});

Deno.test("an eager member has given up everything when it joins: once is enough", () => {
  const [h, c] = settled();
  h.join("n");
  assertEquals(h.classicJoin(c, protocols()).generationId, 3);
  assertEquals(given(h, c, 3)[1].length, 1);
  assertEquals(h.classicBeat(c, 3), "NONE");
});

Deno.test("what a member says of what it owns is no reason for another group epoch", () => {
  const [h, c] = settled();
  h.classicJoin(c, protocols([2, 3], 2));
  h.classicJoin(c, protocols([2, 3], 2));
  assertEquals(h.state.epoch, 2);
});

Deno.test("classic requests are refused as in classic groups", () => {
  const [h, c] = settled();
  assertEquals(h.classicBeat("x", 2), "UNKNOWN_MEMBER_ID");
  assertEquals(h.classicBeat("m", 2), "UNKNOWN_MEMBER_ID", "a member of the new protocol is none here");
  assertEquals(h.classicBeat(c, 1), "ILLEGAL_GENERATION");
  assertEquals(given(h, "m", 2)[0], "UNKNOWN_MEMBER_ID");
  assertEquals(given(h, c, 3)[0], "ILLEGAL_GENERATION");
  const sync = (body: Parameters<GroupHarness["classicSync"]>[2]) => errorName(h.classicSync(c, 2, body).errorCode);
  assertEquals(sync({ protocolName: "sticky" }), "INCONSISTENT_GROUP_PROTOCOL");
  assertEquals(sync({ protocolType: "connect" }), "INCONSISTENT_GROUP_PROTOCOL");
  const join = (memberId: string, body: Parameters<GroupHarness["classicJoin"]>[1]) =>
    errorName(h.classicJoin(memberId, body).errorCode);
  assertEquals(join("", { sessionTimeoutMs: 1 }), "INVALID_SESSION_TIMEOUT");
  assertEquals(join("", { protocolType: "connect" }), "INCONSISTENT_GROUP_PROTOCOL");
  assertEquals(join("", protocols([], -1, "sticky")), "INCONSISTENT_GROUP_PROTOCOL");
  assertEquals(join("", { protocols: [] }), "INCONSISTENT_GROUP_PROTOCOL");
  assertEquals(join("", { protocols: [{ name: "range", metadata: Uint8Array.of(9) }] }), "INCONSISTENT_GROUP_PROTOCOL");
  assertEquals(join("m", {}), "UNKNOWN_MEMBER_ID");
  assertEquals(h.appended(), []);
  const partitions = [{ topicId: idOf("t"), partition: 0 }];
  assertEquals(h.state.judgeCommit({ memberId: c, epoch: 1, version: 5, partitions }), "ILLEGAL_GENERATION");
  assertEquals(h.state.judgeCommit({ memberId: c, epoch: 2, version: 5, partitions }), "NONE");
});

Deno.test("a target that cannot be written refuses who would be new, as in Kafka; a classic member joins again with what it has", () => {
  const [h, c] = settled({ config: { maxWriteBytes: 1_500 } });
  h.topics({ t: 600 });
  assertEquals([h.state.epoch, h.state.assignmentEpoch], [3, 2]);
  h.p.advance(1_000);
  h.appended();
  for (const reply of [h.classicJoin("", protocols(), 3), h.join("late")]) {
    assertEquals([errorName(reply.errorCode), h.appended()], ["UNKNOWN_SERVER_ERROR", []]);
  }
  const joined = h.classicJoin(c, protocols([2, 3], 2));
  assertEquals([errorName(joined.errorCode), joined.generationId], ["NONE", 2]);
  assertEquals([given(h, c, 2), h.classicBeat(c, 2)], [["NONE", [2, 3]], "NONE"], "it is not told to join on and on");
  assertEquals(told(h.beat("m", 2)), ["NONE", 2, null]);
  h.news({ config: { ...CONFIG } });
  h.p.advance(1_000);
  assertEquals([h.state.assignmentEpoch, h.classicBeat(c, 2)], [3, "REBALANCE_IN_PROGRESS"]);
  h.checkFold();
});

Deno.test("groups are not mixed when that is not allowed, but who is in one stays", () => {
  const h = new GroupHarness({ config: { consumerMigrationPolicy: "disabled" } });
  h.join("m");
  assertEquals(errorName(h.classicJoin("").errorCode), "INCONSISTENT_GROUP_PROTOCOL");
});

Deno.test("a classic member that is told to join, or has joined, has its rebalance timeout for it", () => {
  const [h, c] = settled({ config: { consumerSessionTimeoutMs: 10_000_000 } });
  const live = (ms: number) => {
    for (let at = 0; at < ms; at += 5_000) {
      h.p.advance(5_000);
      h.classicBeat(c, h.state.current(c).epoch);
    }
  };
  live(60_000);
  assertEquals(h.state.metadata.has(c), true);
  h.join("n");
  h.classicBeat(c, 2);
  live(25_000);
  assertEquals(h.state.metadata.has(c), true);
  h.classicJoin(c, protocols());
  live(25_000);
  assertEquals(h.state.metadata.has(c), true);
  live(5_000);
  assertEquals(h.state.metadata.has(c), false, "it has not synced");
});

Deno.test("a classic member that is not heard for its own session timeout is put out; a commit is no sign of life here", () => {
  const [h, c] = settled();
  h.p.advance(9_000);
  h.classicBeat(c, 2);
  h.p.advance(9_999);
  assertEquals(h.commit(c, 2, [2]), ["NONE"]);
  assertEquals(h.state.metadata.has(c), true);
  h.p.advance(1);
  assertEquals(h.state.metadata.has(c), false);
});

Deno.test("the next incarnation of a classic instance takes its place at once", () => {
  const h = new GroupHarness();
  h.join("m");
  const body = { groupInstanceId: "i" };
  const first = h.classicJoin("", body).memberId;
  assert(first.startsWith("i-"));
  const epoch = h.state.epoch;
  const second = h.classicJoin("", body);
  assertEquals([errorName(second.errorCode), h.state.epoch], ["NONE", epoch]);
  assertEquals(h.state.metadata.has(first), false);
  assertEquals(h.classicBeat(first, 2, "i"), "FENCED_INSTANCE_ID");
  assertEquals(errorName(h.classicJoin(first, body).errorCode), "FENCED_INSTANCE_ID");
  assertEquals(errorName(h.classicJoin("x", { groupInstanceId: "j" }).errorCode), "UNKNOWN_MEMBER_ID");
});

Deno.test("an instance that changes its protocol takes the place of its last incarnation at once", () => {
  const h = new GroupHarness({ config: { consumerMigrationPolicy: "upgrade", consumerSessionTimeoutMs: 10_000_000 } });
  h.join("m");
  const classic = h.classicJoin("", { groupInstanceId: "i" }).memberId;
  h.beat("m", 1);
  h.beat("m", 1, { topicPartitions: owns(0, 1) });
  h.classicJoin(classic, { groupInstanceId: "i" });
  assertEquals(told(h.join("n", { instanceId: "i" })), ["NONE", 3, [2, 3]], "a classic one never says that it goes");
  assertEquals(h.classicBeat(classic, 2, "i"), "FENCED_INSTANCE_ID");
  h.p.advance(60_000);
  assertEquals([...h.state.metadata.keys()], ["m", "n"], "and its timers are gone");
  const back = h.classicJoin("", { groupInstanceId: "i" });
  assertEquals([errorName(back.errorCode), h.state.metadata.has("n")], ["NONE", false]);
  assertEquals(given(h, back.memberId, back.generationId), ["NONE", [2, 3]]);
  assertEquals(errorName(h.beat("n", 3, { instanceId: "i" }).errorCode), "FENCED_INSTANCE_ID");
  h.checkFold();
});

Deno.test("members of either kind leave by their ids, and static ones by their instance", () => {
  const [h, c] = settled({ config: { consumerMigrationPolicy: "upgrade" } });
  h.join("s", { instanceId: "s" });
  h.join("n");
  const leave = (memberId: string, groupInstanceId: string | null = null) => ({ memberId, groupInstanceId });
  assertEquals(h.classicLeave(leave("x"), leave("", "y"), leave("z", "s")), [
    "UNKNOWN_MEMBER_ID",
    "UNKNOWN_MEMBER_ID",
    "FENCED_INSTANCE_ID",
  ]);
  const { epoch } = h.state;
  assertEquals(h.classicLeave(leave(c), leave("n"), leave("", "s")), ["NONE", "NONE", "NONE"]);
  assertEquals([[...h.state.metadata.keys()], h.state.epoch], [["m"], epoch + 1]);
});

Deno.test("a group without members becomes a classic one again", () => {
  const h = new GroupHarness();
  h.join("m");
  h.beat("m", -1);
  h.appended();
  const { generationId, leader, memberId } = h.classicJoin("", {}, 3);
  assertEquals([generationId, leader], [1, memberId]);
  assertEquals(h.p.state.modern, undefined);
  const records = h.appended();
  assertEquals(records.filter(({ value }) => value !== null), records.slice(-1));
});

Deno.test("a group without members that has become a classic one has been empty since then, though nobody came to be in it", () => {
  const h = new GroupHarness();
  h.join("m");
  h.beat("m", -1);
  h.appended();
  for (
    const [memberId, body, error] of [
      ["x", {}, "UNKNOWN_MEMBER_ID"],
      ["", { sessionTimeoutMs: 1 }, "INVALID_SESSION_TIMEOUT"],
      ["x", { sessionTimeoutMs: 2_000_000_000 }, "INVALID_SESSION_TIMEOUT"],
      ["", { protocolType: "" }, "INCONSISTENT_GROUP_PROTOCOL"],
      ["", { protocols: [] }, "INCONSISTENT_GROUP_PROTOCOL"],
    ] as const
  ) {
    assertEquals(errorName(h.classicJoin(memberId, body).errorCode), error);
    assertEquals([h.appended(), h.state.hasMembers], [[], false], "who cannot come changes nothing");
  }
  h.p.advance(5_000);
  assertEquals(errorName(h.classicJoin("").errorCode), "MEMBER_ID_REQUIRED");
  const since = h.p.state.classic!.emptySinceMs;
  assertEquals(since, 1_005_000);
  const loaded = new GroupHarness({ records: h.appended().slice(-1) });
  assertEquals([loaded.p.state.classic!.state, loaded.p.state.classic!.emptySinceMs], ["Empty", since]);
});

Deno.test("assignments have the version that the member's subscription has", () => {
  const [h, c] = settled();
  const bytes = h.classicSync(c, 2).assignment;
  assertEquals(bytes, assignment([{ topic: "t", partitions: [2, 3] }]));
});
