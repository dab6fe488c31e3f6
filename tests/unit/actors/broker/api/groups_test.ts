import { assert, assertEquals } from "@std/assert";
import { offsetCommit } from "../../../../../actors/broker/api/08_offset_commit.ts";
import { offsetFetch } from "../../../../../actors/broker/api/09_offset_fetch.ts";
import { joinGroup } from "../../../../../actors/broker/api/11_join_group.ts";
import { heartbeat } from "../../../../../actors/broker/api/12_heartbeat.ts";
import { leaveGroup } from "../../../../../actors/broker/api/13_leave_group.ts";
import { syncGroup } from "../../../../../actors/broker/api/14_sync_group.ts";
import { describeGroups } from "../../../../../actors/broker/api/15_describe_groups.ts";
import { listGroups } from "../../../../../actors/broker/api/16_list_groups.ts";
import { deleteGroups } from "../../../../../actors/broker/api/42_delete_groups.ts";
import { offsetDelete } from "../../../../../actors/broker/api/47_offset_delete.ts";
import { consumerGroupHeartbeat } from "../../../../../actors/broker/api/68_consumer_group_heartbeat.ts";
import { consumerGroupDescribe } from "../../../../../actors/broker/api/69_consumer_group_describe.ts";
import { clientOf } from "../../../../../actors/broker/api/group_call.ts";
import { groupPartition, OFFSETS_TOPIC } from "../../../../../actors/group/protocol.ts";
import { errorCode, errorName } from "../../../../../protocol/errors.ts";
import type { Api, Request } from "../../../../../protocol/schema.ts";
import type { offsetCommit as offsetCommitTable } from "../../../../../protocol/tables/groups.ts";
import { ZERO_UUID } from "../../../../../lib/uuid.ts";
import { newTopic } from "../records.ts";
import { type Call, Client } from "./client_exchange.ts";

/** Brokers 1 and 2 lead partitions in turn: "b" is kept in 2 and "h" in 0, which broker 1 leads; "a" in 1, which broker 2 leads. */
const PARTITIONS = 4;
const made = newTopic(OFFSETS_TOPIC, { partitions: PARTITIONS });
const client = () => new Client({ brokers: 2, topics: [newTopic("t", { partitions: 2 }), made] });
const home = (groupId: string) => `1/coordinator/${groupPartition(groupId, PARTITIONS)}`;
const replica = (groupId: string) => `1/replica/${OFFSETS_TOPIC}-${groupPartition(groupId, PARTITIONS)}`;

/** Tells where the group is that is looked for. */
function found<T extends Api>(call: Call<T>, groupId = "b"): Call<T> {
  call.answer("find", home(groupId), { error: "NONE", group: `1/group/${groupId}` });
  return call;
}

function notFound<T extends Api>(call: Call<T>, error: string, groupId = "b"): Call<T> {
  call.answer("find", home(groupId), { error, group: null });
  return call;
}

const confirmed = <T extends Api>(call: Call<T>, groupId = "b") => {
  call.answer("confirm", replica(groupId), "NONE");
  return call;
};
const asked = (call: Call<Api>) => call.open.map(({ verb, to }) => `${verb} ${to}`);
const errorsOf = (topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[]) =>
  topics.flatMap(({ partitions }) => partitions.map((each) => errorName(each.errorCode)));

const commitOf = (partitions: readonly (readonly [topic: string, partition: number])[] = [["t", 0]], more = {}) => ({
  groupId: "b",
  generationIdOrMemberEpoch: -1,
  memberId: "",
  topics: partitions.map(([name, partitionIndex]) => (
    { name, partitions: [{ partitionIndex, committedOffset: 5n, committedMetadata: "" }] }
  )),
  ...more,
});
const commitAnswer = (...errors: number[]) => ({
  topics: errors.map((errorCode) => ({ name: "t", partitions: [{ partitionIndex: 0, errorCode }] })),
});
const ROW = { partitionIndex: 0, committedOffset: 7n, committedLeaderEpoch: 2, metadata: "x", errorCode: 0 };

Deno.test("a group is asked where the partition of its id is led, and its answer goes out as it is", () => {
  const call = client().call(offsetCommit, 9, commitOf());
  assertEquals(asked(call), [`find ${home("b")}`]);
  assertEquals(call.question("find").message, { groupId: "b", create: true });
  found(call);
  const { message, timeoutMs } = call.question("commit", "group/b");
  assertEquals([message["version"], message["client"]], [9, { id: "test", host: "/10.0.0.9" }]);
  assertEquals(timeoutMs, 5_000);
  call.answer("commit", "group/b", commitAnswer(errorCode("REBALANCE_IN_PROGRESS")));
  assertEquals(errorsOf(call.got.topics), ["REBALANCE_IN_PROGRESS"]);
});

Deno.test("NOT_COORDINATOR where another broker leads, and where there is no topic", () => {
  assertEquals(errorsOf(client().call(offsetCommit, 9, commitOf([["t", 0]], { groupId: "a" })).got.topics), [
    "NOT_COORDINATOR",
  ]);
  const bare = new Client({ topics: ["t"] });
  assertEquals(errorsOf(bare.call(offsetCommit, 9, commitOf()).got.topics), ["NOT_COORDINATOR"]);
});

Deno.test("a group that has gone meanwhile is looked for again, three times in all", () => {
  const call = client().call(heartbeat, 4, { groupId: "b", generationId: 1, memberId: "m" });
  for (let attempt = 1; attempt <= 3; attempt++) found(call).fail("heartbeat", "group/b", "unreachable");
  assertEquals([asked(call), errorName(call.got.errorCode)], [[], "NOT_COORDINATOR"]);
});

Deno.test("a group or coordinator that does not answer: nobody knows, or it is not here", () => {
  const cases = [["timeout", "COORDINATOR_NOT_AVAILABLE"], ["crashed", "NOT_COORDINATOR"]] as const;
  for (const [failure, error] of cases) {
    const call = found(client().call(offsetCommit, 9, commitOf()));
    call.fail("commit", "group/b", failure);
    assertEquals(errorsOf(call.got.topics), [error]);
    const lost = client().call(offsetCommit, 9, commitOf());
    lost.fail("find", home("b"), failure);
    assertEquals(errorsOf(lost.got.topics), [error]);
  }
  const gone = client().call(offsetCommit, 9, commitOf());
  gone.fail("find", home("b"), "unreachable");
  assertEquals(errorsOf(gone.got.topics), ["NOT_COORDINATOR"]);
});

Deno.test("a commit from outside makes the group, one of a member does not", () => {
  for (const [epoch, create] of [[-1, true], [0, false], [3, false]] as const) {
    const call = client().call(offsetCommit, 9, commitOf([["t", 0]], { generationIdOrMemberEpoch: epoch }));
    assertEquals(call.question("find").message["create"], create);
  }
  for (const [version, error] of [[8, "ILLEGAL_GENERATION"], [9, "GROUP_ID_NOT_FOUND"]] as const) {
    const call = client().call(offsetCommit, version, commitOf([["t", 0]], { generationIdOrMemberEpoch: 3 }));
    assertEquals(errorsOf(confirmed(notFound(call, "GROUP_ID_NOT_FOUND")).got.topics), [error]);
  }
});

Deno.test("commits for what does not exist never reach the group, and do not hold up the others", () => {
  const asking = client();
  const call = found(asking.call(offsetCommit, 9, commitOf([["t", 2], ["no", 0], ["t", 0]])));
  const { topics } = call.question("commit").message["body"] as Request<typeof offsetCommitTable>;
  const { topicId } = asking.view.image.topics.get("t")!;
  assertEquals(topics.map(({ name, topicId, partitions }) => [name, topicId, partitions.length]), [["t", topicId, 1]]);
  call.answer("commit", "group/b", commitAnswer(0));
  assertEquals(errorsOf(call.got.topics), ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION", "NONE"]);
  const none = client().call(offsetCommit, 9, commitOf([["no", 0]]));
  assertEquals([asked(none), errorsOf(none.got.topics)], [[], ["UNKNOWN_TOPIC_OR_PARTITION"]]);
});

Deno.test("reads-unconfirmed: offsets are answered when the replica has said, after the group, that it still leads", () => {
  const topics = [{ name: "t", partitionIndexes: [0] }];
  const call = found(client().call(offsetFetch, 7, { groupId: "b", topics, requireStable: true }));
  call.answer("fetchOffsets", "group/b", { groupId: "b", topics: [{ name: "t", partitions: [ROW] }] });
  assertEquals([call.response, asked(call)], [undefined, [`confirm ${replica("b")}`]]);
  assertEquals(
    call.question("confirm").message["leaderEpoch"],
    client().view.image.topics.get(OFFSETS_TOPIC)!.partitions[2]!.leaderEpoch,
  );
  assertEquals(confirmed(call).got.topics[0]!.partitions, [ROW]);

  const deposed = found(client().call(offsetFetch, 7, { groupId: "b", topics, requireStable: false }));
  deposed.answer("fetchOffsets", "group/b", { groupId: "b", topics: [{ name: "t", partitions: [ROW] }] });
  deposed.answer("confirm", replica("b"), "FENCED_LEADER_EPOCH");
  assertEquals([errorName(deposed.got.errorCode), deposed.got.topics], ["NOT_COORDINATOR", []]);
});

Deno.test("that there is no such group is confirmed as well, and then is no error", () => {
  const topics = [{ name: "t", partitionIndexes: [1, 0] }];
  const call = notFound(client().call(offsetFetch, 8, { groups: [{ groupId: "b", topics }] }), "GROUP_ID_NOT_FOUND");
  assertEquals(call.response, undefined);
  const [group] = confirmed(call).got.groups;
  const nothing = { committedOffset: -1n, committedLeaderEpoch: -1, metadata: "", errorCode: 0 };
  assertEquals([group!.errorCode, group!.topics[0]!.partitions], [0, [
    { partitionIndex: 1, ...nothing },
    { partitionIndex: 0, ...nothing },
  ]]);
  const all = confirmed(notFound(client().call(offsetFetch, 2, { groupId: "b", topics: null }), "GROUP_ID_NOT_FOUND"));
  assertEquals([all.got.errorCode, all.got.topics], [0, []]);
  const member = client().call(offsetFetch, 9, {
    groups: [{ groupId: "b", memberId: "m", memberEpoch: 1, topics: null }],
  });
  assertEquals(errorName(confirmed(notFound(member, "GROUP_ID_NOT_FOUND")).got.groups[0]!.errorCode), "NONE");
});

Deno.test("OffsetFetch: errors are in partitions in version 1, at the top up to 7, by group from 8 on", () => {
  const topics = [{ name: "t", partitionIndexes: [0, 1] }];
  const first = notFound(client().call(offsetFetch, 1, { groupId: "b", topics }), "COORDINATOR_LOAD_IN_PROGRESS").got;
  assertEquals(errorsOf(first.topics), ["COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_LOAD_IN_PROGRESS"]);
  const second = notFound(client().call(offsetFetch, 2, { groupId: "b", topics }), "COORDINATOR_LOAD_IN_PROGRESS").got;
  assertEquals([errorName(second.errorCode), second.topics], ["COORDINATOR_LOAD_IN_PROGRESS", []]);

  const groups = ["b", "a", "h"].map((groupId) => ({ groupId, topics: null }));
  const several = client().call(offsetFetch, 8, { groups });
  confirmed(notFound(several, "GROUP_ID_NOT_FOUND", "h"), "h");
  found(several).answer("fetchOffsets", "group/b", { groupId: "b", topics: [{ name: "t", partitions: [ROW] }] });
  const { got } = confirmed(several);
  assertEquals(got.groups.map(({ groupId, errorCode, topics }) => [groupId, errorName(errorCode), topics.length]), [
    ["b", "NONE", 1],
    ["a", "NOT_COORDINATOR", 0],
    ["h", "NONE", 0],
  ]);
});

Deno.test("OffsetFetch: what is named again is not answered again, however much was committed with it", () => {
  const topics = [{ name: "t", partitionIndexes: [1, 0, 1] }, { name: "t", partitionIndexes: [0, 2] }];
  const groups = [{ groupId: "b", topics }, { groupId: "a", topics: null }, { groupId: "b", topics: null }];
  const call = found(client().call(offsetFetch, 8, { groups }));
  const { message } = call.question("fetchOffsets");
  assertEquals(message["body"]!["topics" as never], [{ name: "t", topicId: ZERO_UUID, partitionIndexes: [1, 0, 2] }]);
  call.answer("fetchOffsets", "group/b", { groupId: "b", topics: [{ name: "t", partitions: [ROW] }] });
  const rows = confirmed(call).got.groups.map((each) => [
    each.groupId,
    errorName(each.errorCode),
    each.topics.length,
  ]);
  assertEquals(rows, [["b", "NONE", 1], ["a", "NOT_COORDINATOR", 0], ["b", "INVALID_REQUEST", 0]]);
});

Deno.test("OffsetFetch tells clients to look elsewhere when it does not know: older ones understand nothing else", () => {
  const call = found(client().call(offsetFetch, 7, { groupId: "b", topics: null, requireStable: false }));
  call.fail("fetchOffsets", "group/b", "timeout");
  assertEquals(errorName(call.got.errorCode), "NOT_COORDINATOR");
});

const joinOf = (more = {}) => ({
  groupId: "b",
  sessionTimeoutMs: 6_000,
  rebalanceTimeoutMs: 60_000,
  memberId: "",
  protocolType: "consumer",
  protocols: [],
  ...more,
});

Deno.test("only who brings no member id makes a group by joining; it waits as long as a rebalance may take", () => {
  const first = found(client().call(joinGroup, 5, joinOf()));
  assertEquals(first.question("join").timeoutMs, 70_000);
  const later = client().call(joinGroup, 5, joinOf({ memberId: "m" }));
  assertEquals(later.question("find").message["create"], false);
  const { errorCode, memberId } = confirmed(notFound(later, "GROUP_ID_NOT_FOUND")).got;
  assertEquals([errorName(errorCode), memberId], ["UNKNOWN_MEMBER_ID", "m"]);
  const old = found(client().call(joinGroup, 0, joinOf()));
  assertEquals(old.question("join").timeoutMs, 16_000);
  const endless = found(client().call(joinGroup, 5, joinOf({ rebalanceTimeoutMs: 2 ** 31 - 1 })));
  assertEquals(endless.question("join").timeoutMs, 3_600_000);
});

/** What a SyncGroup of version 5 must say. */
const TYPED = { protocolType: "consumer", protocolName: "range", assignments: [] };

Deno.test("SyncGroup must name protocol and type from version 5 on", () => {
  const sync = (version: number, more: object) =>
    client().call(syncGroup, version, { groupId: "b", generationId: 1, memberId: "m", assignments: [], ...more });
  const wrong = "INCONSISTENT_GROUP_PROTOCOL";
  assertEquals(errorName(sync(5, { protocolName: "range" }).got.errorCode), wrong);
  assertEquals(errorName(sync(5, { protocolType: "consumer" }).got.errorCode), wrong);
  assertEquals([asked(sync(5, TYPED)), asked(sync(4, {}))], [[`find ${home("b")}`], [`find ${home("b")}`]]);
});

Deno.test("names that would not fit into a member id are cut, or refused", () => {
  const groupInstanceId = "i".repeat(8_193);
  assertEquals(errorName(client().call(joinGroup, 9, joinOf({ groupInstanceId })).got.errorCode), "INVALID_REQUEST");
  const fits = client().call(joinGroup, 9, joinOf({ groupInstanceId: "i".repeat(8_192) }));
  assertEquals(asked(fits), [`find ${home("b")}`]);
  assertEquals(clientOf({ clientId: "c".repeat(9_000), host: "/h" }).id.length, 8_192);
  assertEquals(clientOf({ clientId: null, host: "/h" }), { id: "", host: "/h" });
});

Deno.test("an empty group id is refused where one joins or beats; offsets may be kept under it", () => {
  const groupId = "";
  const at = (call: { got: { errorCode: number } }) => errorName(call.got.errorCode);
  assertEquals(at(client().call(joinGroup, 9, joinOf({ groupId }))), "INVALID_GROUP_ID");
  assertEquals(client().call(joinGroup, 6, joinOf({ groupId })).got.protocolName, "");
  assertEquals(client().call(joinGroup, 7, joinOf({ groupId })).got.protocolName, null);
  assertEquals(
    at(client().call(syncGroup, 5, { groupId, generationId: 1, memberId: "", ...TYPED })),
    "INVALID_GROUP_ID",
  );
  assertEquals(at(client().call(heartbeat, 4, { groupId, generationId: 1, memberId: "" })), "INVALID_GROUP_ID");
  assertEquals(at(client().call(leaveGroup, 5, { groupId, members: [] })), "INVALID_GROUP_ID");
  assertEquals(at(client().call(offsetDelete, 0, { groupId, topics: [] })), "INVALID_GROUP_ID");
  const beat = { groupId, memberId: "m", memberEpoch: 0 };
  assertEquals(at(client().call(consumerGroupHeartbeat, 1, beat)), "INVALID_REQUEST");
  assertEquals(asked(client().call(offsetCommit, 9, commitOf([["t", 0]], { groupId }))), [`find ${home("")}`]);
});

Deno.test("while the group is read, heartbeats are well and syncs begin anew; joins wait and try again", () => {
  const loading = "COORDINATOR_LOAD_IN_PROGRESS";
  const beat = () => client().call(heartbeat, 4, { groupId: "b", generationId: 1, memberId: "m" });
  const sync = () => client().call(syncGroup, 5, { groupId: "b", generationId: 1, memberId: "m", ...TYPED });
  assertEquals(errorName(notFound(beat(), loading).got.errorCode), "NONE");
  assertEquals(errorName(notFound(sync(), loading).got.errorCode), "REBALANCE_IN_PROGRESS");
  assertEquals(errorName(notFound(client().call(joinGroup, 9, joinOf()), loading).got.errorCode), loading);
  const retired = { errorCode: errorCode(loading) };
  const beaten = found(beat());
  beaten.answer("heartbeat", "group/b", retired);
  const synced = found(sync());
  synced.answer("sync", "group/b", { ...retired, assignment: new Uint8Array() });
  assertEquals([errorName(beaten.got.errorCode), errorName(synced.got.errorCode)], ["NONE", "REBALANCE_IN_PROGRESS"]);
});

Deno.test("nobody is a member of a group that is not there", () => {
  const missing = "GROUP_ID_NOT_FOUND";
  const beat = client().call(heartbeat, 4, { groupId: "b", generationId: 1, memberId: "m" });
  assertEquals(notFound(beat, missing).response, undefined); // another coordinator may have made it since
  assertEquals(errorName(confirmed(beat).got.errorCode), "UNKNOWN_MEMBER_ID");
  const sync = client().call(syncGroup, 5, { groupId: "b", generationId: 1, memberId: "m", ...TYPED });
  assertEquals(errorName(confirmed(notFound(sync, missing)).got.errorCode), "UNKNOWN_MEMBER_ID");
  const left = client().call(leaveGroup, 2, { groupId: "b", memberId: "m" });
  assertEquals(errorName(confirmed(notFound(left, missing)).got.errorCode), "UNKNOWN_MEMBER_ID");
  const members = [{ memberId: "m", groupInstanceId: "i", reason: null }];
  const leaving = notFound(client().call(leaveGroup, 5, { groupId: "b", members }), missing);
  const { errorCode, members: rows } = confirmed(leaving).got;
  assertEquals([errorCode, rows.map((row) => [row.memberId, row.groupInstanceId, errorName(row.errorCode)])], [
    0,
    [["m", "i", "UNKNOWN_MEMBER_ID"]],
  ]);
});

Deno.test("leaving up to version 2 is one member's, and its error the answer's own", () => {
  const call = found(client().call(leaveGroup, 2, { groupId: "b", memberId: "m" }));
  const body = call.question("leave").message["body"] as { members: unknown };
  assertEquals(body.members, [{ memberId: "m", groupInstanceId: null, reason: null }]);
  const row = { memberId: "m", groupInstanceId: null, errorCode: errorCode("UNKNOWN_MEMBER_ID") };
  call.answer("leave", "group/b", { errorCode: 0, members: [row] });
  assertEquals(errorName(call.got.errorCode), "UNKNOWN_MEMBER_ID");
});

const DESCRIBED = {
  errorCode: 0,
  groupId: "b",
  groupState: "Stable",
  protocolType: "consumer",
  protocolData: "range",
  members: [],
};

Deno.test("DescribeGroups has a row for each id, once, in order: dead without an error up to version 5, missing from 6 on", () => {
  const describe = (version: number) => {
    const call = client().call(describeGroups, version, { groups: ["h", "b", "a", "b"] });
    confirmed(notFound(call, "GROUP_ID_NOT_FOUND", "h"), "h");
    found(call).answer("describe", "group/b", DESCRIBED);
    confirmed(call);
    return call.got.groups.map((each) => [each.groupId, errorName(each.errorCode), each.groupState, each.errorMessage]);
  };
  const rest = [["b", "NONE", "Stable", null], ["a", "NOT_COORDINATOR", "", null]];
  assertEquals(describe(5), [["h", "NONE", "Dead", null], ...rest]);
  assertEquals(describe(6), [["h", "GROUP_ID_NOT_FOUND", "Dead", "Group h not found."], ...rest]);
});

Deno.test("DescribeGroups tells what is allowed when it is asked, and only of groups that are there", () => {
  const operations = (includeAuthorizedOperations: boolean) => {
    const call = found(client().call(describeGroups, 6, { groups: ["b", "a"], includeAuthorizedOperations }));
    call.answer("describe", "group/b", DESCRIBED);
    return confirmed(call).got.groups.map((each) => each.authorizedOperations);
  };
  assertEquals(operations(true), [1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11, -2147483648]);
  assertEquals(operations(false), [-2147483648, -2147483648]);
});

const listed = (groupId: string, groupState = "Stable", groupType = "classic") => (
  { groupId, protocolType: "consumer", groupState, groupType }
);

/** Lists the groups of both coordinators here: "b" and "c", and "h". */
function list(version: number, filters = {}): Call<typeof listGroups.api> {
  const call = client().call(listGroups, version, filters);
  assertEquals(asked(call), ["groups 1/coordinator/0", "groups 1/coordinator/2"]);
  call.answer("groups", home("h"), { error: "NONE", groups: ["1/group/h"] });
  call.answer("groups", home("b"), { error: "NONE", groups: ["1/group/b", "1/group/c", "1/group/x"] });
  call.answer("summary", "group/c", listed("c", "Assigning", "consumer"));
  call.answer("summary", "group/b", listed("b"));
  call.answer("summary", "group/x", null);
  call.answer("summary", "group/h", listed("h", "Empty"));
  confirmed(call, "h");
  return confirmed(call, "b");
}

Deno.test("ListGroups shows the groups of all coordinators here, filtered without regard to case", () => {
  const shown = (version: number, filters = {}) => list(version, filters).got.groups.map(({ groupId }) => groupId);
  assertEquals(shown(0), ["h", "b", "c"]);
  assertEquals(shown(4, { statesFilter: ["STABLE", "empty"] }), ["h", "b"]);
  assertEquals(shown(5, { typesFilter: ["Consumer"] }), ["c"]);
  assertEquals(shown(5, { statesFilter: ["stable"], typesFilter: ["consumer"] }), []);
});

Deno.test("ListGroups says so when it does not know all, beside what it knows", () => {
  const half = (fail: (call: Call<typeof listGroups.api>) => void) => {
    const call = client().call(listGroups, 5, {});
    call.answer("groups", home("b"), { error: "NONE", groups: ["1/group/b"] });
    call.answer("summary", "group/b", listed("b"));
    confirmed(call, "b");
    fail(call);
    return [errorName(call.got.errorCode), call.got.groups.map(({ groupId }) => groupId)];
  };
  assertEquals(
    half((call) => call.answer("groups", home("h"), { error: "COORDINATOR_LOAD_IN_PROGRESS", groups: [] })),
    [
      "COORDINATOR_LOAD_IN_PROGRESS",
      ["b"],
    ],
  );
  assertEquals(half((call) => call.fail("groups", home("h"), "unreachable")), ["COORDINATOR_LOAD_IN_PROGRESS", ["b"]]);
  const one = (call: Call<typeof listGroups.api>) =>
    call.answer("groups", home("h"), { error: "NONE", groups: ["1/group/h"] });
  assertEquals(
    half((call) => {
      one(call);
      call.fail("summary", "group/h", "crashed");
    }),
    ["COORDINATOR_LOAD_IN_PROGRESS", ["b"]],
  );
  assertEquals(
    half((call) => {
      one(call);
      call.fail("summary", "group/h", "unreachable");
      call.answer("groups", home("h"), { error: "NONE", groups: ["1/group/new"] }); // it has retired
      confirmed(call, "h");
    }),
    ["NONE", ["b"]],
  );
  assertEquals(
    half((call) => {
      one(call);
      call.answer("summary", "group/h", listed("h"));
      call.answer("confirm", replica("h"), "NOT_LEADER_OR_FOLLOWER");
    }),
    ["COORDINATOR_NOT_AVAILABLE", ["b"]],
  );
});

Deno.test("ListGroups does not leave out a group that has crashed while it was asked, and say that it has all", () => {
  const missed = [{ error: "COORDINATOR_LOAD_IN_PROGRESS", groups: [] }, { error: "NONE", groups: ["1/group/b"] }];
  for (const again of [...missed, undefined]) {
    const call = client().call(listGroups, 5, {});
    call.answer("groups", home("h"), { error: "NONE", groups: [] });
    confirmed(call, "h");
    call.answer("groups", home("b"), { error: "NONE", groups: ["1/group/b", "1/group/c"] });
    call.answer("summary", "group/c", listed("c"));
    call.fail("summary", "group/b", "unreachable");
    if (again === undefined) call.fail("groups", home("b"), "timeout");
    else call.answer("groups", home("b"), again);
    assertEquals([errorName(call.got.errorCode), call.got.groups], ["COORDINATOR_LOAD_IN_PROGRESS", []]);
  }
});

Deno.test("DeleteGroups answers once for each group, with a message from version 3 on", () => {
  const call = client().call(deleteGroups, 3, { groupsNames: ["b", "h", "a", "b"] });
  found(call).answer("remove", "group/b", { error: "NON_EMPTY_GROUP", message: "It has members." });
  confirmed(call);
  notFound(call, "GROUP_ID_NOT_FOUND", "h");
  assertEquals(call.response, undefined);
  confirmed(call, "h");
  assertEquals(call.got.results.map((each) => [each.groupId, errorName(each.errorCode), each.errorMessage]), [
    ["b", "NON_EMPTY_GROUP", "It has members."],
    ["h", "GROUP_ID_NOT_FOUND", "Group h not found."],
    ["a", "NOT_COORDINATOR", null],
  ]);
});

Deno.test("what is deleted is said to be, whether or not the replica still leads by then", () => {
  const deleted = found(client().call(deleteGroups, 3, { groupsNames: ["b"] }));
  deleted.answer("remove", "group/b", { error: "NONE", message: null, isWritten: true });
  assertEquals(deleted.got.results.map((each) => errorName(each.errorCode)), ["NONE"]);
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0 }] }];
  const taken = found(client().call(offsetDelete, 0, { groupId: "b", topics }));
  taken.answer("deleteOffsets", "group/b", { errorCode: 0, isWritten: true, ...commitAnswer(0) });
  assertEquals(errorsOf(taken.got.topics), ["NONE"]);
});

Deno.test("that there was nothing to be deleted is said by a leader only", () => {
  const deleted = found(client().call(deleteGroups, 3, { groupsNames: ["b"] }));
  deleted.answer("remove", "group/b", { error: "NONE", message: null, isWritten: false });
  assertEquals(deleted.response, undefined);
  deleted.answer("confirm", replica("b"), "REQUEST_TIMED_OUT");
  assertEquals(deleted.got.results.map((each) => errorName(each.errorCode)), ["NOT_COORDINATOR"]);
});

Deno.test("OffsetDelete: a group's error is at the top, a missing partition's in its row", () => {
  const topics = [["no", 0], ["t", 0]] as const;
  const request = {
    groupId: "b",
    topics: topics.map(([name, partitionIndex]) => ({ name, partitions: [{ partitionIndex }] })),
  };
  const call = found(client().call(offsetDelete, 0, request));
  call.answer("deleteOffsets", "group/b", { errorCode: 0, ...commitAnswer(errorCode("GROUP_SUBSCRIBED_TO_TOPIC")) });
  assertEquals(call.response, undefined); // where there was nothing to be deleted, nothing has been written
  assertEquals(errorsOf(confirmed(call).got.topics), ["UNKNOWN_TOPIC_OR_PARTITION", "GROUP_SUBSCRIBED_TO_TOPIC"]);
  const refused = found(client().call(offsetDelete, 0, request));
  refused.answer("deleteOffsets", "group/b", { errorCode: errorCode("NON_EMPTY_GROUP"), topics: [] });
  confirmed(refused);
  assertEquals([errorName(refused.got.errorCode), refused.got.topics], ["NON_EMPTY_GROUP", []]);
  const missing = confirmed(notFound(client().call(offsetDelete, 0, request), "GROUP_ID_NOT_FOUND"));
  assertEquals(errorName(missing.got.errorCode), "GROUP_ID_NOT_FOUND");
});

Deno.test("a heartbeat of the new protocol makes a group with epoch 0 only", () => {
  for (const [memberEpoch, create] of [[0, true], [-1, false], [-2, false], [5, false]] as const) {
    const call = client().call(consumerGroupHeartbeat, 1, { groupId: "b", memberId: "m", memberEpoch });
    assertEquals(call.question("find").message["create"], create);
  }
  const call = client().call(consumerGroupHeartbeat, 1, { groupId: "b", memberId: "m", memberEpoch: 5 });
  const { errorCode, errorMessage } = confirmed(notFound(call, "GROUP_ID_NOT_FOUND")).got;
  assertEquals([errorName(errorCode), errorMessage], ["GROUP_ID_NOT_FOUND", "Group b not found."]);
  const beat = found(client().call(consumerGroupHeartbeat, 1, { groupId: "b", memberId: "m", memberEpoch: 0 }));
  beat.answer("consumerHeartbeat", "group/b", {
    errorCode: 0,
    memberId: "m",
    memberEpoch: 1,
    heartbeatIntervalMs: 5_000,
  });
  assertEquals([beat.got.memberId, beat.got.memberEpoch, beat.got.assignment], ["m", 1, null]);
});

Deno.test("ConsumerGroupDescribe has a row for each id, once, in order", () => {
  const groupIds = ["", "h", "b", "b", "", "h"];
  const call = client().call(consumerGroupDescribe, 1, { groupIds, includeAuthorizedOperations: true });
  confirmed(notFound(call, "GROUP_ID_NOT_FOUND", "h"), "h");
  const group = { groupState: "Stable", groupEpoch: 3, assignmentEpoch: 3, assignorName: "uniform", members: [] };
  found(call).answer("describeConsumer", "group/b", { errorCode: 0, groupId: "b", ...group });
  const { groups } = confirmed(call).got;
  assertEquals(groups.map((each) => [each.groupId, errorName(each.errorCode), each.errorMessage, each.groupEpoch]), [
    ["", "INVALID_GROUP_ID", null, 0],
    ["h", "GROUP_ID_NOT_FOUND", "Group h not found.", 0],
    ["b", "NONE", null, 3],
  ]);
  assertEquals(groups.map((each) => each.authorizedOperations > 0), [false, false, true]);
});

Deno.test("of thousands of groups few are asked for at a time, and all are answered in order", () => {
  const ids = Array.from({ length: 3_000 }, (_, at) => `group-${at}`).filter((id) => groupPartition(id, 4) === 2);
  const requests = [
    client().call(describeGroups, 6, { groups: ids }),
    client().call(consumerGroupDescribe, 1, { groupIds: ids, includeAuthorizedOperations: false }),
    client().call(deleteGroups, 3, { groupsNames: ids }),
    client().call(offsetFetch, 9, { groups: ids.map((groupId) => ({ groupId, topics: null })) }),
  ];
  for (const call of requests) {
    while (call.open.length > 0) {
      assert(call.open.length <= 512, `${call.open.length} are open`);
      const { verb, settle } = call.open.shift()!;
      settle({ ok: true, value: verb === "confirm" ? "NONE" : { error: "GROUP_ID_NOT_FOUND", group: null } });
    }
    const rows = "results" in call.got ? call.got.results : call.got.groups;
    assertEquals(rows.map(({ groupId }) => groupId), ids);
  }
});
