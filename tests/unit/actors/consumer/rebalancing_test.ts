import { assert, assertEquals } from "@std/assert";
import type { MembershipAction, MembershipRequest } from "../../../../actors/consumer/membership.ts";
import type { Api } from "../../../../protocol/schema.ts";
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  offsetCommit,
  offsetFetch,
} from "../../../../protocol/tables/groups.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch } from "../../../../protocol/tables/produce_fetch.ts";
import type { ConsumerConfig } from "../../../../actors/consumer/protocol.ts";
import { address, asks, batchOf, offsets, Stage, T0, T1 } from "./consumer_stage.ts";

const BEAT: MembershipRequest = {
  api: "heartbeat",
  body: { groupId: "g", generationId: 1, memberId: "m", groupInstanceId: null },
};
const LEAVE: MembershipRequest = {
  api: "leave",
  body: { groupId: "g", memberId: "", members: [{ memberId: "m", groupInstanceId: null, reason: null }] },
};

const JOIN: MembershipRequest = {
  api: "join",
  body: {
    groupId: "g",
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    memberId: "m",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [],
    reason: null,
  },
};
const SYNC: MembershipRequest = {
  api: "sync",
  body: {
    groupId: "g",
    generationId: 1,
    memberId: "m",
    groupInstanceId: null,
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  },
};
const MODERN_BEAT: MembershipRequest = {
  api: "consumerHeartbeat",
  body: {
    groupId: "g",
    memberId: "m",
    memberEpoch: 1,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: null,
  },
};

function member(config: Partial<ConsumerConfig> = {}): Stage {
  return new Stage({ config: { groupId: "g", ...config } });
}

function asking(request: MembershipRequest): MembershipAction {
  return { type: "request", request, timeoutMs: 700 };
}

/** What the consumer says is its own. */
function owned(stage: Stage): string[] {
  return stage.probe.ask("describe", undefined).reply!.owned.map(({ topic, partition }) => `${topic}-${partition}`);
}

Deno.test("the membership hears of the subscription, of the coordinator, and of topics once they are known", () => {
  const stage = new Stage({ config: { groupId: "g" }, auto: false });
  stage.probe.ask("subscribe", { topics: ["t", "t"] });
  assertEquals(stage.member.events, [{ type: "subscribed", topics: ["t"], pattern: null }]);
  const other = member();
  other.probe.ask("subscribe", { topics: ["t"] });
  assertEquals(other.member.heard("coordinator"), [{ type: "coordinator", isKnown: true }]);
  assertEquals(other.member.heard("metadata"), [
    { type: "metadata", topics: new Map([["t", { id: "BAAAAAAAAAAAAAAAAAAAAA", partitions: 2 }]]) },
  ]);
});

Deno.test("its requests go to the coordinator, and nothing waits behind a join or a sync", () => {
  const stage = member().own([T0]);
  stage.want(asking(JOIN), asking(SYNC), asking(BEAT), asking(MODERN_BEAT), asking(LEAVE));
  stage.probe.ask("commit", { offsets: [{ ...T0, offset: 9, leaderEpoch: -1, metadata: "" }] });
  const lanes = stage.waiting.filter(({ api }) => api !== fetch as Api).map(({ api, lane }) => [api.name, lane]);
  assertEquals(lanes, [
    ["JoinGroup", "coordinator"],
    ["SyncGroup", "coordinator"],
    ["Heartbeat", "control"],
    ["ConsumerGroupHeartbeat", "control"],
    ["LeaveGroup", "control"],
    ["OffsetCommit", "control"],
  ]);
  const [beat] = stage.all(heartbeat);
  assertEquals([beat!.to.port, beat!.version, beat!.timeoutMs], [9002, 4, 700]);
  assertEquals(stage.one(leaveGroup).body.members.map(({ memberId }) => memberId), ["m"]);
  stage.answer(heartbeat, { errorCode: 27 });
  assertEquals(stage.member.heard("response"), [
    { type: "response", response: { api: "heartbeat", body: { throttleTimeMs: 0, errorCode: 27 } } },
  ]);
});

Deno.test("an old coordinator is left by the one who leaves alone", () => {
  const stage = new Stage({ config: { groupId: "g" }, newest: { LeaveGroup: 2 } }).own([]);
  stage.want(asking(LEAVE));
  const { version, body } = stage.one(leaveGroup);
  assertEquals([version, body.memberId], [2, "m"]);
});

Deno.test("no answer: the coordinator is looked for again, and the membership hears both", () => {
  const stage = member().own([]);
  stage.want(asking(BEAT));
  stage.settle(stage.one(heartbeat), "timeout");
  const news = stage.member.events.slice(-2);
  assertEquals(news, [{ type: "coordinator", isKnown: false }, { type: "failed", api: "heartbeat" }]);
  stage.want(asking(BEAT)); // while it is not known
  assertEquals(stage.member.heard("failed").length, 2);
  stage.probe.advance(200);
  assertEquals(stage.member.events.at(-1), { type: "coordinator", isKnown: true });
  stage.want({ type: "findCoordinator" });
  assertEquals(stage.member.events.at(-1), { type: "coordinator", isKnown: false });
});

Deno.test("who is not the coordinator any more keeps nobody waiting: a join that it holds is given up, what it will answer is not", () => {
  const stage = member().own([T0]);
  stage.want(asking(JOIN), asking(BEAT), { type: "findCoordinator" });
  assertEquals(stage.disconnected, [{ ...address(2), lane: "coordinator" }]);
  assertEquals([stage.all(joinGroup), stage.all(heartbeat).length], [[], 1]);
  assertEquals(stage.member.heard("failed"), [{ type: "failed", api: "join" }]);
});

Deno.test("of a coordinator that was silent for too long nothing is waited for", () => {
  const stage = member().own([T0]);
  stage.want(asking(JOIN), asking(BEAT), { type: "findCoordinator", isSilent: true });
  assertEquals([stage.all(joinGroup), stage.all(heartbeat)], [[], []]);
  assertEquals(stage.member.heard("failed").length, 2);
});

Deno.test("while a join is kept waiting others are asked who coordinates; another one ends the wait", () => {
  const stage = member().own([T0]);
  stage.probe.ask("pause", [T0]);
  stage.fetched([]);
  stage.want(asking(JOIN));
  stage.auto = false;
  stage.probe.advance(4_000);
  assertEquals(stage.all(findCoordinator), []);
  const says = (id: number) => {
    const { to } = stage.one(findCoordinator);
    assertEquals(to.port, 9001); // the others, not itself
    const where = { key: "g", nodeId: id, ...address(id), errorCode: 0 };
    stage.answer(findCoordinator, { coordinators: [where] });
  };
  stage.probe.advance(1_000);
  says(2);
  assertEquals([stage.all(joinGroup).length, stage.disconnected], [1, []]);
  stage.probe.advance(5_000);
  const before = stage.member.heard("coordinator").length;
  says(1);
  const lanes = (["control", "coordinator"] as const).map((lane) => ({ ...address(2), lane }));
  assertEquals([stage.all(joinGroup), stage.disconnected], [[], lanes]);
  assertEquals(stage.member.heard("failed"), [{ type: "failed", api: "join" }]);
  assertEquals(stage.member.heard("coordinator").slice(before), [
    { type: "coordinator", isKnown: false },
    { type: "coordinator", isKnown: true },
  ]);
  stage.probe.advance(60_000); // nothing is kept waiting any more
  assertEquals(stage.all(findCoordinator), []);
});

Deno.test("a heartbeat that is not answered is not waited for when another broker coordinates by now", () => {
  const stage = member().own([T0]);
  stage.probe.ask("pause", [T0]);
  stage.fetched([]);
  stage.auto = false;
  for (let beats = 0; beats < 3; beats++) {
    stage.want(asking(BEAT));
    stage.probe.advance(3_000);
    assertEquals(stage.all(findCoordinator), []);
    if (beats < 2) stage.answer(heartbeat, { errorCode: 0 });
  }
  stage.probe.advance(2_000);
  stage.answer(findCoordinator, { coordinators: [{ key: "g", nodeId: 1, ...address(1), errorCode: 0 }] });
  assertEquals([stage.all(heartbeat), stage.member.heard("failed")], [[], [{ type: "failed", api: "heartbeat" }]]);
  stage.want(asking(BEAT));
  assertEquals(stage.one(heartbeat).to.port, 9001);
});

Deno.test("what the coordinator does not serve cannot be got over", () => {
  const stage = new Stage({ config: { groupId: "g" }, newest: { JoinGroup: -1 } }).own([T0]);
  const event = stage.probe.ask("nextRebalance", { after: 1 });
  stage.want(asking({ api: "join", body: {} as never }));
  assertEquals(event.reply, { number: 2, type: "lost", partitions: [T0] });
  assertEquals(stage.all(joinGroup), []);
  assertEquals([stage.poll().reply?.error, stage.poll().reply?.error], ["UNSUPPORTED_VERSION", "UNSUPPORTED_VERSION"]);
  assertEquals(owned(stage), []);
});

Deno.test("what is assigned is read from where the group is; what it has not committed by policy", () => {
  const stage = member({ autoOffsetReset: "earliest" });
  stage.own([T0, T1], [7, -1]);
  assertEquals(stage.member.heard("handled").length, 1);
  assertEquals(asks(stage), ["1 full #t-0@7"]);
  assertEquals(owned(stage), ["t-0", "t-1"]);
});

Deno.test("without a listener nobody is waited for; changes come one after the other", () => {
  const stage = member({ enableAutoCommit: false });
  stage.probe.ask("subscribe", { topics: ["t"] });
  stage.want({ type: "assign", partitions: [T0] }, { type: "revoke", partitions: [T0] }, {
    type: "assign",
    partitions: [T1],
  });
  assertEquals(stage.member.heard("handled").length, 3);
  assertEquals(owned(stage), ["t-1"]);
});

Deno.test("a listener is told of one change at a time, and waited for: nothing is read before it has heard of it", () => {
  const stage = member();
  const first = stage.probe.ask("nextRebalance", { after: 0 });
  stage.own([T0], [3]);
  assertEquals(first.reply, { number: 1, type: "assigned", partitions: [T0] });
  stage.want({ type: "assign", partitions: [T1] });
  assertEquals([asks(stage), owned(stage), stage.member.heard("handled").length], [[], [], 0]);
  const second = stage.probe.ask("nextRebalance", { after: 1 });
  assertEquals(second.reply, undefined);
  stage.probe.tell("handled", { number: 1 });
  assertEquals([asks(stage), owned(stage), stage.member.heard("handled").length], [["1 full #t-0@3"], ["t-0"], 1]);
  assertEquals(second.reply, { number: 2, type: "assigned", partitions: [T1] });
  stage.probe.tell("handled", { number: 1 }); // once more: that is over
  assertEquals(stage.member.heard("handled").length, 1);
});

Deno.test("a listener may seek before the first record is read", () => {
  const stage = member();
  stage.probe.ask("nextRebalance", { after: 0 });
  stage.own([T0], [3]);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 44 } });
  stage.probe.tell("handled", { number: 1 });
  assertEquals(asks(stage), ["1 full #t-0@44"]);
});

Deno.test("a listener that takes longer than maxPollIntervalMs is not waited for any longer", () => {
  const stage = member({ maxPollIntervalMs: 500 });
  stage.probe.ask("nextRebalance", { after: 0 });
  stage.own([T0], [3]);
  stage.probe.advance(499);
  assertEquals(stage.member.heard("handled").length, 0);
  stage.probe.advance(2);
  assertEquals(stage.member.heard("handled").length, 1);
});

Deno.test("what is revoked is not handed out from that moment, what was on its way neither; then it is gone", () => {
  const stage = member({ enableAutoCommit: false }).own([T0]);
  const event = stage.probe.ask("nextRebalance", { after: 1 });
  stage.fetched([{ records: batchOf(0, "a", "b") }]);
  const late = stage.one(fetch);
  stage.want({ type: "revoke", partitions: [T0] });
  assertEquals(event.reply, { number: 2, type: "revoked", partitions: [T0] });
  stage.fetched([{ records: batchOf(2, "c") }], 0, late);
  assertEquals([offsets(stage.poll(100, 0)), owned(stage), asks(stage)], [[], [], []]);
  assertEquals(stage.member.heard("handled").length, 1);
  stage.probe.tell("handled", { number: 2 });
  assertEquals(stage.member.heard("handled").length, 2);
  assertEquals(stage.probe.ask("position", T0).reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("a listener of what is revoked can still commit it", () => {
  const stage = member({ enableAutoCommit: false }).own([T0]);
  stage.fetched([{ records: batchOf(0, "a", "b") }]);
  stage.poll(1);
  stage.probe.ask("nextRebalance", { after: 1 });
  stage.want({ type: "revoke", partitions: [T0] });
  stage.probe.ask("commit", { offsets: null });
  assertEquals(stage.one(offsetCommit).body.topics[0]!.partitions[0]!.committedOffset, 1n);
});

Deno.test("what is lost is gone before anybody is told: nothing of it is handed out or committed", () => {
  const stage = member().own([T0]);
  const event = stage.probe.ask("nextRebalance", { after: 1 });
  stage.fetched([{ records: batchOf(0, "a", "b") }]);
  stage.poll(1);
  stage.want({ type: "lose", partitions: [T0] });
  assertEquals(event.reply, { number: 2, type: "lost", partitions: [T0] });
  assertEquals([offsets(stage.poll(100, 0)), owned(stage), stage.all(offsetCommit)], [[], [], []]);
  stage.probe.tell("handled", { number: 2 });
  assertEquals(stage.member.heard("handled").length, 2);
});

Deno.test("partitions that stay keep what was fetched of them", () => {
  const stage = member({ enableAutoCommit: false }).own([T0, T1]);
  stage.fetched([{ records: batchOf(0, "a") }]);
  stage.want({ type: "revoke", partitions: [T1] });
  assertEquals(offsets(stage.poll()), [0]);
});

Deno.test("topics that the membership has to know are looked up at once, and told when all of them are answered", () => {
  const stage = member().own([]);
  const before = stage.member.heard("metadata").length;
  stage.auto = false;
  stage.want({ type: "lookUp", topics: ["other"] });
  assertEquals(stage.one(metadata).body.topics?.map(({ name }) => name), ["t", "other"]);
  stage.want({ type: "lookUp", topics: ["third"] });
  stage.answer(metadata, stage.metadata());
  assertEquals(stage.member.heard("metadata").length, before); // of the third nobody was asked
  stage.answer(metadata, stage.metadata());
  assertEquals(stage.member.heard("metadata").length, before + 1);
});

Deno.test("with a pattern all topics are looked up", () => {
  const stage = new Stage({ config: { groupId: "g" }, auto: false });
  stage.probe.ask("subscribe", { pattern: "t.*" });
  assertEquals(stage.member.heard("subscribed"), [{ type: "subscribed", topics: [], pattern: "t.*" }]);
  assertEquals(stage.one(metadata).body.topics, null);
});

Deno.test("who cannot be a member any more says so at every poll, and has nothing", () => {
  const stage = member().own([T0]);
  const event = stage.probe.ask("nextRebalance", { after: 1 });
  stage.want({ type: "fail", error: "GROUP_MAX_SIZE_REACHED", message: "full" });
  assertEquals(event.reply, { number: 2, type: "lost", partitions: [T0] });
  for (const _ of [1, 2]) {
    const { error, message } = stage.poll().reply as unknown as { error: string; message: string };
    assertEquals([error, message], ["GROUP_MAX_SIZE_REACHED", "full"]);
  }
  assertEquals(owned(stage), []);
});

Deno.test("who loses all and then cannot be a member says so to the listener", () => {
  const stage = member().own([T0]);
  const event = stage.probe.ask("nextRebalance", { after: 1 });
  const fail: MembershipAction = { type: "fail", error: "FENCED_INSTANCE_ID", message: "another" };
  stage.want({ type: "lose", partitions: [T0] }, fail);
  assertEquals(event.reply, { number: 2, type: "lost", partitions: [T0] });
});

Deno.test("what was to be assigned when all was lost is not used", () => {
  const stage = member({ enableAutoCommit: false }).own([T0]);
  stage.probe.ask("nextRebalance", { after: 1 });
  stage.want({ type: "revoke", partitions: [T0] }, { type: "assign", partitions: [T1] }, {
    type: "lose",
    partitions: [T1],
  });
  for (const number of [2, 3, 4]) {
    assertEquals(stage.probe.ask("nextRebalance", { after: number - 1 }).reply?.number, number);
    stage.probe.tell("handled", { number });
  }
  assertEquals(owned(stage), []);
});

Deno.test("unsubscribing gives back, commits, leaves, and is over then; another subscription is another membership", () => {
  const stage = member().own([T0]);
  stage.fetched([{ records: batchOf(0, "a", "b") }]);
  stage.poll(1);
  stage.poll(1);
  const over = stage.probe.ask("unsubscribe", undefined);
  assertEquals(stage.one(offsetCommit).body.topics[0]!.partitions[0]!.committedOffset, 1n);
  assertEquals(stage.member.heard("leave").length, 0);
  stage.answer(offsetCommit, {
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, errorCode: 0 }] }],
  });
  assertEquals([stage.member.heard("leave").length, over.reply], [1, undefined]);
  assertEquals(stage.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "INVALID_REQUEST");
  stage.want({ type: "revoke", partitions: [T0] }, { type: "left" }); // some give back once more
  assertEquals(over.reply?.error, "NONE");
  assertEquals(stage.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "NONE");
  assertEquals(stage.member.heard("subscribed").length, 2);
});

Deno.test("closing leaves the group, closes the network, and ends", () => {
  const stage = member().own([T0]);
  const poll = stage.poll();
  const closed = stage.probe.ask("close", { timeoutMs: 5_000 });
  assertEquals(offsets(poll), []);
  stage.want({ type: "left" });
  assertEquals([closed.reply?.error, stage.probe.stopped, stage.isClosed], ["NONE", true, true]);
});

Deno.test("closing ends when its time is over, whether the coordinator is there or not", () => {
  const stage = member().own([T0]);
  const closed = stage.probe.ask("close", { timeoutMs: 5_000 });
  stage.probe.advance(4_999);
  assertEquals([closed.reply, stage.probe.stopped], [undefined, false]);
  stage.probe.advance(1);
  assertEquals([closed.reply?.error, stage.probe.stopped, stage.isClosed], ["REQUEST_TIMED_OUT", true, true]);
});

Deno.test("one who was killed leaves no connection behind", () => {
  const stage = member().own([T0]);
  stage.probe.kill();
  assert(stage.isClosed);
  assertEquals(stage.probe.restarts, 0);
});

Deno.test("a poll is a sign of life when it is asked, and when it is answered", () => {
  const stage = member().own([T0]);
  stage.poll();
  assertEquals(stage.member.heard("polled").length, 1);
  stage.fetched([{ records: batchOf(0, "a") }]);
  assertEquals(stage.member.heard("polled").length, 2);
});

Deno.test("a modern member names itself when it asks what is committed; a classic one does not", () => {
  for (const groupProtocol of ["consumer", "classic"] as const) {
    const stage = member({ groupProtocol });
    stage.probe.ask("subscribe", { topics: ["t"] });
    stage.want({ type: "assign", partitions: [T0] });
    const { memberId, memberEpoch } = stage.one(offsetFetch).body.groups[0]!;
    assertEquals([memberId, memberEpoch], groupProtocol === "consumer" ? ["m", 1] : [null, -1]);
    assert(stage.one(offsetFetch).body.requireStable);
  }
});

Deno.test("who waits for records lives, however long there are none", () => {
  const stage = member().own([T0]);
  stage.probe.ask("poll", { maxRecords: 1, timeoutMs: 900_000 }, 1_000_000);
  const before = stage.member.heard("polled").length;
  stage.want({ type: "wake", atMs: 400_000 });
  stage.probe.advance(5);
  assert(stage.member.heard("polled").length > before);
});

Deno.test("who asks what is its own after a standstill, before any timer has come, is told what is left of it", () => {
  const stage = new Stage({ config: { groupId: "g" } });
  stage.member.wakeInMs = 0; // time is over at once, and the timer comes later
  stage.own([T0]);
  stage.member.wanted.push({ type: "lose", partitions: [T0] });
  assertEquals(stage.probe.ask("assignment", undefined).reply, []);
});

Deno.test("who has failed for good cannot subscribe any more: it would own what it does not read", () => {
  const stage = new Stage({ config: { groupId: "g" } }).own([]);
  stage.want({ type: "fail", error: "INVALID_REGULAR_EXPRESSION", message: "no" });
  assertEquals(stage.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "INVALID_REGULAR_EXPRESSION");
  stage.want({ type: "assign", partitions: [T0] });
  assertEquals(stage.probe.ask("assignment", undefined).reply, []);
});
