import { assert, assertEquals } from "@std/assert";
import { errorName } from "../../../../../protocol/errors.ts";
import type { GroupRecord } from "../../../../../actors/group/records.ts";
import type { GroupConfig } from "../../../../../actors/group/protocol.ts";
import { assignment, GROUP_ID, GroupHarness, idOf, owns, subscription, told } from "./harness.ts";

function classicMember(
  memberId: string,
  partitions: readonly number[],
  metadata = subscription(["t"]),
  timeoutMs?: number,
) {
  return {
    memberId,
    groupInstanceId: null,
    clientId: "client",
    clientHost: "/127.0.0.1",
    rebalanceTimeout: timeoutMs ?? 30_000,
    sessionTimeout: timeoutMs ?? 10_000,
    subscription: metadata,
    assignment: assignment([{ topic: "t", partitions }]),
  };
}

/** A classic group of two, at generation 7. */
function classic(
  members = [classicMember("x", [0, 1]), classicMember("y", [2, 3])],
  protocolType = "consumer",
): GroupRecord[] {
  return [{
    type: "classicGroup",
    group: GROUP_ID,
    value: {
      protocolType,
      generation: 7,
      protocol: members.length === 0 ? null : "range",
      leader: members[0]?.memberId ?? null,
      currentStateTimestamp: 1n,
      members,
    },
  }];
}

Deno.test("a member of the new protocol makes a classic group one of the new protocol, in one turn", () => {
  const h = new GroupHarness({ records: classic() });
  assertEquals(told(h.join("m")), ["NONE", 8, []], "everything is in use");
  const records = h.appended();
  assertEquals(
    records.map(({ type }) => type),
    [
      ...["classicGroup", "member", "member", "group", "target", "target", "targetEpoch", "current", "current"],
      ...["member", "group", "target", "target", "targetEpoch", "current"],
    ],
  );
  assertEquals(records[0], { type: "classicGroup", group: GROUP_ID, value: null });
  assertEquals([h.p.state.classic, h.state.epoch, h.state.assignmentEpoch], [undefined, 8, 8]);
  assertEquals(h.state.current("x").epoch, 7);
  assertEquals(h.state.current("x").assigned, new Map([[idOf("t"), [0, 1]]]));
  assertEquals(h.classicBeat("x", 7), "REBALANCE_IN_PROGRESS");
  assertEquals(h.classicBeat("x", 8), "ILLEGAL_GENERATION");
  assertEquals(h.classicJoin("x").generationId, 8);
  h.checkFold();
});

Deno.test("classic members have their timers in the new group", () => {
  const deposedMs = 1_000;
  const h = new GroupHarness({ records: classic(), config: { deposedMs } });
  h.join("m");
  h.p.advance(deposedMs + 9_999);
  assertEquals(h.state.metadata.size, 3);
  h.p.advance(1);
  assertEquals([...h.state.metadata.keys()], ["m"]);
});

Deno.test("a classic group stays one where it may not be, or cannot be, another", () => {
  const refused = (records: GroupRecord[], config: Partial<GroupConfig> = {}) => {
    const h = new GroupHarness({ records, config });
    const { errorCode } = h.join("m");
    assertEquals([h.appended(), h.p.state.modern], [[], undefined]);
    return errorName(errorCode);
  };
  assertEquals(refused(classic(), { consumerMigrationPolicy: "disabled" }), "GROUP_ID_NOT_FOUND");
  assertEquals(refused(classic(), { consumerMigrationPolicy: "downgrade" }), "GROUP_ID_NOT_FOUND");
  assertEquals(refused(classic(), { consumerMaxSize: 1 }), "GROUP_ID_NOT_FOUND");
  assertEquals(refused(classic(undefined, "connect")), "GROUP_ID_NOT_FOUND");
  assertEquals(refused(classic([classicMember("x", [0], Uint8Array.of(1))])), "GROUP_ID_NOT_FOUND");
});

Deno.test("an empty classic group makes room, whatever the policy", () => {
  const h = new GroupHarness({ records: classic([]), config: { consumerMigrationPolicy: "disabled" } });
  assertEquals(told(h.join("m")), ["NONE", 1, [0, 1, 2, 3]]);
  assertEquals(h.appended()[0], { type: "classicGroup", group: GROUP_ID, value: null });
  assertEquals(h.p.state.classic, undefined);
});

Deno.test("a partition that two classic members claim is given to one of them", () => {
  const h = new GroupHarness({ records: classic([classicMember("x", [0, 1]), classicMember("y", [1, 2])]) });
  h.join("m");
  assertEquals(h.state.holders(idOf("t"), 1), ["x"]);
  assertEquals(h.state.current("y").assigned, new Map([[idOf("t"), [2]]]));
});

/** A cooperative member `x` has all of `t`, says so as it joins again, and is told generation 8, as are others who say what they have. */
function cooperative(others: readonly number[][] = [], since = 7): [GroupHarness, string[]] {
  const all = [{ topic: "t", partitions: [0, 1, 2, 3] }];
  const records = classic([classicMember("x", all[0]!.partitions, subscription(["t"], all, 6))]);
  const record = records[0]!;
  assert(record.type === "classicGroup");
  const protocol = "cooperative-sticky";
  const h = new GroupHarness({ records: [{ ...record, value: { ...record.value!, protocol } }] });
  const joins = (memberId: string, metadata: Uint8Array) =>
    h.classicJoin(memberId, { protocols: [{ name: protocol, metadata }] });
  const ids = others.map((partitions) => {
    const metadata = subscription(["t"], [{ topic: "t", partitions }], 6);
    const { memberId } = joins("", metadata);
    assertEquals(h.p.ask("join", joinOf(memberId, protocol, metadata)).reply, undefined, "it waits for x");
    return memberId;
  });
  assertEquals(joins("x", subscription(["t"], all, since)).generationId, 8);
  return [h, ids];
}

function joinOf(memberId: string, name: string, metadata: Uint8Array) {
  const body = {
    groupId: GROUP_ID,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    memberId,
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name, metadata }],
    reason: null,
  };
  return { version: 9, client: { id: "client", host: "/127.0.0.1" }, body };
}

Deno.test("what a cooperative member still uses is nobody else's, also when its next assignment was given up for another rebalance", () => {
  const [h] = cooperative();
  const metadata = subscription(["t"]);
  const { memberId } = h.classicJoin("", { protocols: [{ name: "cooperative-sticky", metadata }] });
  h.p.ask("join", joinOf(memberId, "cooperative-sticky", metadata)); // x has not heard of it yet
  assertEquals(h.p.state.classic!.state, "PreparingRebalance");
  assertEquals(told(h.join("m")), ["NONE", 9, []]);
  assertEquals(h.state.current("x").assigned, new Map([[idOf("t"), [0, 1, 2, 3]]]));
  assertEquals(h.commit("x", 8, [0, 1, 2, 3]), ["NONE", "NONE", "NONE", "NONE"]);
  h.checkFold();
});

Deno.test("what a cooperative member is to give up is nobody else's before it can have heard of that", () => {
  const [h, [y]] = cooperative([[]]);
  const given = {
    protocolName: "cooperative-sticky",
    assignments: [
      { memberId: "x", assignment: assignment([{ topic: "t", partitions: [0, 1] }]) },
      { memberId: y!, assignment: assignment([]) },
    ],
  };
  h.classicSync("x", 8, given); // its answer is on its way
  assertEquals(told(h.join("m")), ["NONE", 9, []]);
  const metadata = subscription(["t"], [{ topic: "t", partitions: [0, 1] }], 8);
  h.classicJoin("x", { protocols: [{ name: "cooperative-sticky", metadata }] });
  assertEquals(told(h.beat("m", 9))[2]?.length, 1, "now it is free");
});

Deno.test("a partition is rather whose it was assigned to than whose it says it is, and rather whose it was later", () => {
  const [h, [y]] = cooperative([[1, 3]], 5);
  const at = (memberId: string) => h.state.current(memberId).assigned.get(idOf("t"));
  h.classicSync("x", 8, {
    protocolName: "cooperative-sticky",
    assignments: [
      { memberId: "x", assignment: assignment([{ topic: "t", partitions: [0] }]) },
      { memberId: y!, assignment: assignment([{ topic: "t", partitions: [1] }]) },
    ],
  });
  h.join("m");
  assertEquals([at("x"), at(y!)], [[0, 2], [1, 3]]);
});

Deno.test("however many partitions a classic member says that it owns, only those that there are count", () => {
  const many = Array.from({ length: 200_000 }, (_, partition) => partition);
  const owned = [[-1, 0], many].map((partitions) => ({ topic: "t", partitions }));
  const h = new GroupHarness();
  const { memberId } = h.classicJoin("");
  const body = { protocols: [{ name: "range", metadata: subscription(["t"], owned, 1) }] };
  h.classicJoin(memberId, body);
  assertEquals(h.p.state.classic?.hasMembers, true);
  assertEquals(told(h.join("m")), ["NONE", 2, []]);
  assertEquals(h.state.current(memberId).assigned, new Map([[idOf("t"), [0, 1, 2, 3]]]));
  h.checkFold();
});

/** A group of the new protocol with a member `m`, which has 0 and 1, and a classic one, which has 2 and 3. */
function mixed(config: Partial<GroupConfig> = {}): [GroupHarness, string] {
  const h = new GroupHarness({ config });
  h.join("m");
  const c = h.classicJoin("").memberId;
  h.classicJoin(c);
  h.beat("m", 1);
  h.beat("m", 1, { topicPartitions: owns(0, 1) });
  h.classicJoin(c);
  h.classicSync(c, 2);
  h.appended();
  return [h, c];
}

Deno.test("the last member of the new protocol leaves a classic group behind, in one turn", () => {
  const [h, c] = mixed();
  h.beat("m", -1);
  const records = h.appended();
  assertEquals(records.slice(0, -1).every(({ value }) => value === null), true);
  assertEquals(records.map(({ type }) => type), [
    ...["current", "current", "target", "target", "member", "member", "targetEpoch", "group"],
    "classicGroup",
  ]);
  const last = records.at(-1)!;
  assert(last.type === "classicGroup" && last.value !== null);
  assertEquals(last.value.members.map(({ memberId }) => memberId), [c]);
  assertEquals(last.value.members[0]!.assignment, assignment([{ topic: "t", partitions: [2, 3] }]));
  assertEquals([h.p.state.modern, h.p.state.classic!.state], [undefined, "PreparingRebalance"]);
  assertEquals(last.value.generation, 2, "the one that its members know");
  assertEquals(h.classicBeat(c, 2), "REBALANCE_IN_PROGRESS");
});

Deno.test("a group that was loaded and becomes a classic one at once waits for its members as long as it would have", () => {
  const [h, c] = mixed();
  const deposedMs = 1_000;
  const loaded = new GroupHarness({ records: h.state.records(), config: { deposedMs } });
  loaded.beat("m", -1);
  loaded.p.advance(deposedMs + 9_999);
  assertEquals(loaded.classicBeat(c, 2), "REBALANCE_IN_PROGRESS");
  loaded.p.advance(deposedMs + 10_000);
  assertEquals(loaded.classicBeat(c, 2), "UNKNOWN_MEMBER_ID");
});

Deno.test("members that are not at the group's epoch yet know the generation that a classic group goes on with", () => {
  const h = new GroupHarness({ records: classic([classicMember("x", [0, 1]), classicMember("y", [2, 3])]) });
  h.join("m");
  h.p.advance(1_000);
  h.join("n");
  for (let round = 0; round < 5; round++) {
    h.p.advance(1_000);
    h.classicSync("x", h.classicJoin("x").generationId);
    h.classicBeat("y", 7); // has heard that it should join, and has not yet
    for (const memberId of ["m", "n"]) h.beat(memberId, h.state.current(memberId).epoch, { topicPartitions: [] });
  }
  const { epoch } = h.state.current("x");
  assertEquals([h.state.epoch, h.state.current("y").epoch], [epoch, 7]);
  h.beat("m", -1);
  h.beat("n", -1);
  assertEquals([h.p.state.modern, h.p.state.classic!.state], [undefined, "PreparingRebalance"]);
  assertEquals([h.classicBeat("x", epoch), h.classicBeat("y", 7)], ["REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION"]);
});

/** A classic group at 7 that members `k` and `m` of the new protocol have joined, as 8 and 9, and left again before `y` has moved. */
function deserted(): GroupHarness {
  const h = new GroupHarness({ records: classic([classicMember("y", [0, 1], subscription(["t"]), 300_000)]) });
  for (const memberId of ["k", "m"]) {
    h.join(memberId);
    h.p.advance(1_000);
  }
  for (const memberId of ["k", "m", "k", "m"]) {
    h.beat(memberId, h.state.current(memberId).epoch, { topicPartitions: [] });
    h.p.advance(1_000);
  }
  assertEquals([h.state.current("y").epoch, h.state.current("m").epoch], [7, 9]);
  assertEquals(h.state.current("m").assigned, new Map([[idOf("t"), [3]]]));
  h.beat("k", -1);
  h.beat("m", -1);
  assertEquals(h.p.state.classic?.state, "PreparingRebalance");
  return h;
}

Deno.test("what a member has sent in a life of it that is over is not taken in its next one", () => {
  const h = deserted();
  h.join("k");
  h.p.advance(1_000);
  h.join("m");
  const { epoch } = h.state.current("m");
  assertEquals(epoch > 9, true, `${epoch}`);
  assertEquals(h.commit("m", 9, [3]), ["STALE_MEMBER_EPOCH"]);
  h.checkFold();
});

Deno.test("no generation has the number of an epoch that there was", () => {
  const h = deserted();
  assertEquals(h.classicBeat("y", 7), "REBALANCE_IN_PROGRESS");
  assertEquals(h.classicJoin("y").generationId, 11, "10 was the group's when the last of them left");
  const empty = deserted();
  empty.classicLeave({ memberId: "y", groupInstanceId: null });
  const last = empty.appended().at(-1)!;
  assertEquals(last.type === "classicGroup" && last.value?.generation, 11);
});

Deno.test("a group that was on its way back to the classic protocol when its coordinator failed goes on forming", () => {
  const [h, c] = mixed();
  h.beat("m", -1);
  const other = new GroupHarness({ records: h.appended().slice(-1) });
  assertEquals(other.p.state.classic!.state, "PreparingRebalance");
  assertEquals(other.classicBeat(c, 2), "REBALANCE_IN_PROGRESS", "or nobody would have what m had");
});

Deno.test("silence makes a classic group of it, too", () => {
  const [h, c] = mixed({ consumerSessionTimeoutMs: 6_000 });
  h.p.advance(5_000);
  h.classicBeat(c, 2);
  h.p.advance(1_000);
  assertEquals([h.p.state.modern, h.p.state.classic?.hasMembers], [undefined, true]);
});

Deno.test("the group stays what it is when it may not go back, or is too large, or others stay", () => {
  for (const config of [{ consumerMigrationPolicy: "upgrade" }, { maxSize: 0 }] as const) {
    const [h, c] = mixed(config);
    h.beat("m", -1);
    assertEquals([...h.state.metadata.keys()], [c]);
    assertEquals(h.state.state, "Reconciling", "the target for who stays is worked out all the same");
    assertEquals(h.classicBeat(c, 2), "REBALANCE_IN_PROGRESS");
  }
  const [h, c] = mixed();
  h.join("n");
  h.beat("m", -1);
  assertEquals([...h.state.metadata.keys()], [c, "n"]);
});

Deno.test("a classic member that takes the place of the last member of the new protocol leaves a classic group behind", () => {
  const h = new GroupHarness();
  h.join("m", { instanceId: "i" });
  h.beat("m", -2, { instanceId: "i" });
  const joined = h.classicJoin("", { groupInstanceId: "i" });
  assertEquals(errorName(joined.errorCode), "NONE");
  assertEquals([h.p.state.modern, h.p.state.classic?.state], [undefined, "PreparingRebalance"]);
  assertEquals(h.classicBeat(joined.memberId, joined.generationId, "i"), "REBALANCE_IN_PROGRESS");
});
