import { assertEquals } from "@std/assert";
import { errorName } from "../../../../../protocol/errors.ts";
import type { GroupRecord } from "../../../../../actors/group/records.ts";
import { GROUP_ID, GroupHarness, idOf, owns, told, two } from "./harness.ts";

function errorOf(reply: { readonly errorCode: number }): string {
  return errorName(reply.errorCode);
}

Deno.test("commits and fetches of offsets are for members of the epoch", () => {
  const h = two();
  const commit = (memberId: string, epoch: number, version = 9) =>
    h.state.judgeCommit({ memberId, epoch, version, partitions: [{ topicId: idOf("t"), partition: 3 }] });
  assertEquals(commit("a", 2), "NONE", "whatever it has: it is for clients to know");
  assertEquals(commit("b", 3), "STALE_MEMBER_EPOCH", "nobody was told of that");
  assertEquals(commit("a", 1), "STALE_MEMBER_EPOCH");
  assertEquals(commit("a", 2, 8), "UNSUPPORTED_VERSION");
  assertEquals(commit("x", 2), "UNKNOWN_MEMBER_ID");
  assertEquals(commit("", -1), "UNKNOWN_MEMBER_ID", "the group has members");
  const fetch = (memberId: string | null, epoch: number) => h.state.judgeFetch({ memberId, epoch });
  assertEquals([fetch(null, -1), fetch("a", 2), fetch("a", 1), fetch("x", 2)], [
    "NONE",
    "NONE",
    "STALE_MEMBER_EPOCH",
    "UNKNOWN_MEMBER_ID",
  ]);
  h.beat("a", -1);
  h.beat("b", -1);
  assertEquals(commit("", -1), "NONE");
});

Deno.test("a member whose epoch has grown commits with the one before for what it has had since then", () => {
  const h = new GroupHarness();
  const beats = (memberId: string, epoch: number, owned: readonly number[]) =>
    told(h.beat(memberId, epoch, { topicPartitions: owns(...owned) }));
  const commit = (memberId: string, epoch: number, ...partitions: number[]) => h.commit(memberId, epoch, partitions);
  h.join("a");
  beats("a", 1, [0, 1, 2, 3]);
  h.join("b");
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, [0, 1]]);
  assertEquals(commit("a", 1, 0, 2), ["NONE", "NONE"], "it has not given up anything yet");
  assertEquals(beats("a", 1, [0, 1]).slice(0, 2), ["NONE", 2]);
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, [2, 3]]);
  // The answer that says 2 is on its way.
  assertEquals(commit("a", 1, 0, 1), ["NONE", "NONE"]);
  h.appended();
  assertEquals(commit("a", 1, 0, 2), ["STALE_MEMBER_EPOCH", "STALE_MEMBER_EPOCH"], "one of them is another's");
  assertEquals(commit("a", 3, 0), ["STALE_MEMBER_EPOCH"]);
  assertEquals(commit("b", 1, 2), ["STALE_MEMBER_EPOCH"], "it has it since 2");
  assertEquals(h.appended(), []);
  h.checkFold();
  // Loaded by the next coordinator, it is the same.
  const next = new GroupHarness({ records: h.state.records() });
  assertEquals([next.commit("a", 1, [0, 1]), next.commit("b", 1, [2])], [["NONE", "NONE"], ["STALE_MEMBER_EPOCH"]]);
  // What was given up and is given back counts from then on.
  h.beat("b", -1);
  h.p.advance(1_000);
  assertEquals(beats("a", 2, [0, 1]), ["NONE", 3, [0, 1, 2, 3]]);
  assertEquals(commit("a", 1, 0), ["NONE"]);
  assertEquals(commit("a", 2, 2), ["STALE_MEMBER_EPOCH"]);
  assertEquals(commit("a", 3, 2), ["NONE"]);
});

Deno.test("what is too long to be committed is not asked for whose it is", () => {
  const h = new GroupHarness({ config: { offsetMetadataMaxBytes: 3 } });
  h.join("a", { subscribedTopicNames: ["u"] });
  assertEquals(h.commit("a", 0, [1]), ["STALE_MEMBER_EPOCH"]);
  assertEquals(h.commit("a", 0, [1], "long"), ["OFFSET_METADATA_TOO_LARGE"]);
});

Deno.test("a record without assignment epochs counts since the member's own epoch", () => {
  const h = two();
  const records = h.state.records().map((record): GroupRecord => {
    if (record.type !== "current" || record.value === null) return record;
    const assignedPartitions = record.value.assignedPartitions.map((row) => ({ ...row, assignmentEpochs: null }));
    return { ...record, value: { ...record.value, assignedPartitions } };
  });
  const loaded = new GroupHarness({ records });
  assertEquals([loaded.commit("a", 1, [0]), loaded.commit("a", 2, [0])], [["STALE_MEMBER_EPOCH"], ["NONE"]]);
});

Deno.test("a group that is deleted in several writes is one that can live after each of them", () => {
  const emptied = two();
  assertEquals(emptied.commit("a", 2, [0, 1, 2, 3]), ["NONE", "NONE", "NONE", "NONE"]);
  emptied.beat("a", -1);
  emptied.beat("b", -1);
  const records = [...emptied.p.state.offsets.records(), ...emptied.state.records()];
  const gone = new GroupHarness({ records });
  gone.p.ask("remove", undefined);
  const tombstones = gone.appended();
  assertEquals(tombstones.length, records.length);
  const keyOf = (record: GroupRecord) => JSON.stringify({ ...record, value: null });
  for (let taken = 0; taken < tombstones.length; taken++) {
    const back = new Set(tombstones.slice(0, taken).map(keyOf));
    const h = new GroupHarness({ records: records.filter((record) => !back.has(keyOf(record))) });
    assertEquals(told(h.join("c"))[2], [0, 1, 2, 3], `after ${taken}`);
  }
});

Deno.test("a group with classic members alone hears of topics that have changed while nobody coordinated", () => {
  const config = { consumerMigrationPolicy: "upgrade" } as const;
  const h = new GroupHarness({ config });
  h.join("m");
  const { memberId: c } = h.classicJoin("", {}, 3);
  h.beat("m", -1);
  h.p.advance(5_000);
  const { generationId } = h.classicJoin(c);
  assertEquals(h.classicBeat(c, generationId), "NONE");
  const next = new GroupHarness({ config, topics: { t: 5 }, records: h.state.records() });
  next.p.advance(5_000);
  assertEquals(next.classicBeat(c, generationId), "REBALANCE_IN_PROGRESS");
});

Deno.test("the group is described with what members have and are to have", () => {
  const h = new GroupHarness();
  h.join("a", { rackId: "r1", instanceId: "i" });
  h.join("b");
  const client = { id: "", host: "" };
  const described = h.p.ask("describeConsumer", { version: 1, client, body: undefined }).reply!;
  assertEquals(
    [described.errorCode, described.groupId, described.groupState, described.groupEpoch, described.assignmentEpoch],
    [0, GROUP_ID, "Reconciling", 2, 2],
  );
  assertEquals(described.assignorName, "uniform");
  const [a, b] = described.members;
  assertEquals([a!.memberId, a!.rackId, a!.instanceId, a!.memberEpoch, a!.memberType], ["a", "r1", "i", 1, 1]);
  assertEquals([a!.clientId, a!.clientHost], ["client", "/127.0.0.1"]);
  const rows = (partitions: number[]) => [{ topicId: idOf("t"), topicName: "t", partitions }];
  assertEquals(a!.assignment.topicPartitions, rows([0, 1, 2, 3]));
  assertEquals(a!.targetAssignment.topicPartitions, rows([0, 1]));
  assertEquals([b!.assignment.topicPartitions, b!.targetAssignment.topicPartitions], [[], rows([2, 3])]);
  const none = new GroupHarness().p.ask("describeConsumer", { version: 1, client, body: undefined }).reply!;
  assertEquals([errorOf(none), none.errorMessage], ["GROUP_ID_NOT_FOUND", "Group g not found."]);
});
