import { assertEquals } from "@std/assert";
import { errorCode } from "../../../../protocol/errors.ts";
import { findCoordinator, offsetCommit } from "../../../../protocol/tables/groups.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch } from "../../../../protocol/tables/produce_fetch.ts";
import type { MembershipRequest } from "../../../../actors/consumer/membership.ts";
import { address, batchOf, offsets, Stage, T0, T1 } from "./consumer_stage.ts";
import { commits, committed, member } from "./committing_kit.ts";

Deno.test("by itself it commits at a poll, when that is due, what was handed out before it", () => {
  const stage = member();
  stage.poll(2);
  assertEquals(commits(stage), []); // nothing that is news was handed out before
  stage.probe.advance(5_000);
  assertEquals(commits(stage), []); // not before it polls
  stage.poll(2);
  assertEquals(commits(stage), ["0@2"]);
  committed(stage);
  stage.poll(1);
  assertEquals(commits(stage), []); // not due yet
  stage.probe.advance(5_000);
  stage.poll(1, 0);
  assertEquals(commits(stage), ["0@5"]);
});

Deno.test("of records that wait in the program it commits by itself those that are dealt with, when that is due", () => {
  const stage = member();
  const alive = (offset: number) => stage.probe.ask("alive", [{ ...T0, offset, leaderEpoch: 5, metadata: "" }]).reply;
  stage.poll(5);
  assertEquals([alive(1), commits(stage)], [[T0], []]);
  stage.probe.advance(5_000);
  alive(2);
  assertEquals(commits(stage), ["0@2"]);
  committed(stage);
  stage.probe.advance(5_000);
  stage.probe.ask("alive", [{ ...T1, offset: 7, leaderEpoch: 5, metadata: "" }]); // which is not its own
  assertEquals(commits(stage), []);
  for (const config of [{ enableAutoCommit: false }, { delivery: "at-most-once" }] as const) {
    const other = member(config);
    other.poll(5);
    while (other.all(offsetCommit).length > 0) committed(other);
    other.probe.advance(5_000);
    other.probe.ask("alive", [{ ...T0, offset: 3, leaderEpoch: 5, metadata: "" }]);
    assertEquals(commits(other), []);
  }
});

Deno.test("who asks for the next of the records that it has lives", () => {
  const stage = member();
  stage.poll(5);
  const before = stage.member.heard("polled").length;
  stage.probe.ask("alive", []);
  assertEquals(stage.member.heard("polled").length, before + 1);
});

Deno.test("a commit names the member, its epoch and its instance", () => {
  const stage = member({ groupInstanceId: "i", enableAutoCommit: false });
  stage.poll(2);
  stage.member.epoch = 12;
  stage.probe.ask("commit", { offsets: null });
  const { to, lane, version, body } = stage.one(offsetCommit);
  assertEquals([to.port, lane, version], [address(2).port, "control", 9]);
  const { groupId, generationIdOrMemberEpoch, memberId, groupInstanceId, topics } = body;
  assertEquals([groupId, generationIdOrMemberEpoch, memberId, groupInstanceId], ["g", 12, "m", "i"]);
  assertEquals(topics[0]!.partitions[0], {
    partitionIndex: 0,
    committedOffset: 2n,
    committedLeaderEpoch: 5,
    committedMetadata: "",
  });
});

Deno.test("by hand it commits what has been handed out, and is told when the coordinator has it", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(2);
  const commit = stage.probe.ask("commit", { offsets: null });
  assertEquals([commits(stage), commit.reply], [["0@2"], undefined]);
  committed(stage);
  assertEquals(commit.reply, { error: "NONE", message: null });
  assertEquals(stage.probe.ask("commit", { offsets: null }).reply?.error, "NONE"); // there is nothing new
  assertEquals(commits(stage), []);
});

Deno.test("one commit is under way; the next one says what is so when its turn comes", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  const first = stage.probe.ask("commit", { offsets: null });
  stage.poll(1);
  const second = stage.probe.ask("commit", { offsets: null });
  stage.poll(1);
  assertEquals(commits(stage), ["0@1"]);
  committed(stage);
  assertEquals([first.reply?.error, second.reply, commits(stage)], ["NONE", undefined, ["0@3"]]);
  committed(stage);
  assertEquals(second.reply?.error, "NONE");
});

Deno.test("what may be tried again is, at the coordinator that there is by then", () => {
  for (const error of ["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"] as const) {
    const stage = member({ enableAutoCommit: false });
    stage.poll(1);
    const commit = stage.probe.ask("commit", { offsets: null });
    committed(stage, error);
    assertEquals([commits(stage), commit.reply], [[], undefined]);
    const isLost = stage.member.heard("coordinator").length > 1;
    assertEquals(isLost, error !== "COORDINATOR_LOAD_IN_PROGRESS");
    stage.probe.advance(300);
    assertEquals(commits(stage), ["0@1"]);
    committed(stage);
    assertEquals(commit.reply?.error, "NONE");
  }
});

Deno.test("a coordinator that does not answer is looked for again", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  stage.probe.ask("commit", { offsets: null });
  stage.auto = false;
  stage.settle(stage.one(offsetCommit), "closed");
  assertEquals(stage.member.heard("coordinator").at(-1), { type: "coordinator", isKnown: false });
  stage.probe.advance(200);
  stage.settle(stage.waiting.at(-1)!, "refused"); // ApiVersions, of whomever it asks first
  stage.auto = true;
  stage.probe.advance(1_000);
  assertEquals(stage.all(findCoordinator), []);
  assertEquals(commits(stage), ["0@1"]);
});

Deno.test("it is not tried for ever", () => {
  const stage = member({ enableAutoCommit: false, requestTimeoutMs: 5_000 });
  stage.poll(1);
  const commit = stage.probe.ask("commit", { offsets: null }, 60_000);
  while (commit.reply === undefined) {
    if (commits(stage).length > 0) committed(stage, "COORDINATOR_LOAD_IN_PROGRESS");
    stage.probe.advance(500);
  }
  assertEquals(commit.reply.error, "REQUEST_TIMED_OUT");
});

Deno.test("who is told that it is no member any more is not, and hears why", () => {
  for (const error of ["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"] as const) {
    const stage = member({ enableAutoCommit: false });
    stage.poll(1);
    const commit = stage.probe.ask("commit", { offsets: null });
    committed(stage, error);
    assertEquals(commit.reply?.error, error);
    assertEquals(stage.member.heard("fenced"), [{ type: "fenced", error }]);
  }
});

Deno.test("a stale epoch is tried again with the newer one", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  const commit = stage.probe.ask("commit", { offsets: null });
  stage.member.epoch = 2;
  committed(stage, "STALE_MEMBER_EPOCH");
  assertEquals(stage.member.heard("fenced"), []); // it knows more by now
  stage.probe.advance(300);
  assertEquals(stage.one(offsetCommit).body.generationIdOrMemberEpoch, 2);
  committed(stage);
  assertEquals(commit.reply?.error, "NONE");
});

Deno.test("who has lost its place commits nothing: an empty group would take it", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  stage.member.epoch = -1;
  const commit = stage.probe.ask("commit", { offsets: null });
  assertEquals([commit.reply?.error, commits(stage)], ["UNKNOWN_MEMBER_ID", []]);
});

Deno.test("what is lost is not committed any more, by itself or by hand", () => {
  const stage = member();
  stage.poll(2);
  stage.poll(0, 0);
  stage.want({ type: "lose", partitions: [T0] });
  stage.probe.advance(5_000);
  stage.poll(0, 0);
  stage.probe.ask("commit", { offsets: null });
  const offset = { ...T0, offset: 2, leaderEpoch: -1, metadata: "" };
  stage.probe.ask("commit", { offsets: [offset], onlyOwned: true });
  assertEquals(commits(stage), []);
});

Deno.test("what is revoked is committed first, as far as it was handed out before the last poll", () => {
  const stage = member();
  stage.poll(2);
  stage.poll(1);
  stage.want({ type: "revoke", partitions: [T0] });
  assertEquals([commits(stage), stage.member.heard("handled").length], [["0@2"], 1]);
  assertEquals(offsets(stage.poll(100, 0)), []); // it is not used any more
  committed(stage);
  assertEquals(stage.member.heard("handled").length, 2);
});

Deno.test("what was on its way to the program when it was revoked is not committed by the next poll", () => {
  const stage = member();
  const heard = stage.probe.ask("nextRebalance", { after: 1 });
  stage.poll(3);
  stage.want({ type: "revoke", partitions: [T0] });
  assertEquals(heard.reply?.type, "revoked"); // the program drops what it has not come to yet
  stage.probe.advance(5_000);
  stage.poll(0, 0);
  assertEquals(commits(stage), []);
});

Deno.test("what is given by hand is not committed of a partition that has gone since: another may have committed more", () => {
  for (const onlyOwned of [false, true]) {
    const stage = member({ enableAutoCommit: false });
    stage.poll(3);
    stage.auto = false;
    stage.want({ type: "findCoordinator" });
    const commit = stage.probe.ask("commit", {
      offsets: [{ ...T0, offset: 3, leaderEpoch: -1, metadata: "" }],
      onlyOwned,
    });
    stage.want({ type: "lose", partitions: [T0] }, { type: "assign", partitions: [T0] });
    stage.auto = true;
    stage.probe.advance(1_000);
    for (const exchange of stage.all(findCoordinator)) stage.settle(exchange, "closed");
    stage.probe.advance(1_000);
    assertEquals([commits(stage), commit.reply?.error], [[], "ILLEGAL_GENERATION"]);
  }
});

Deno.test("who commits what is its own hears of partitions that it has no more, when the others are committed", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(3);
  const at = (partition: number, offset: number) => ({ topic: "t", partition, offset, leaderEpoch: 5, metadata: "" });
  const commit = (...all: ReturnType<typeof at>[]) => stage.probe.ask("commit", { offsets: all, onlyOwned: true });
  const both = commit(at(1, 9), at(0, 3)); // partition 1 went before it was asked for
  assertEquals([commits(stage), both.reply], [["0@3"], undefined]);
  committed(stage);
  assertEquals(both.reply?.error, "ILLEGAL_GENERATION");
  assertEquals(commit(at(0, 3)).reply?.error, "NONE"); // it is committed
  stage.poll(1);
  const late = commit(at(0, 4));
  stage.want({ type: "lose", partitions: [T0] }); // the coordinator has taken it before
  committed(stage);
  assertEquals(late.reply?.error, "NONE");
  assertEquals(commit(at(0, 4)).reply?.error, "ILLEGAL_GENERATION");
});

Deno.test("what was handed out of a partition that was here before is not committed of the one that is here anew", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(3);
  stage.probe.ask("nextRebalance", { after: 1 });
  stage.want({ type: "lose", partitions: [T0] }, { type: "assign", partitions: [T0] });
  stage.probe.tell("handled", { number: 2 }); // what was lost; that it has come again the program does not know
  const commit = stage.probe.ask("commit", {
    offsets: [{ ...T0, offset: 3, leaderEpoch: 5, metadata: "" }],
    onlyOwned: true,
  });
  assertEquals([commits(stage), commit.reply?.error], [[], "ILLEGAL_GENERATION"]);
});

Deno.test("a rebalance that goes on is waited for, and the membership hears of it", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  const commit = stage.probe.ask("commit", { offsets: null });
  committed(stage, "REBALANCE_IN_PROGRESS");
  assertEquals(stage.member.heard("fenced"), [{ type: "fenced", error: "REBALANCE_IN_PROGRESS" }]);
  stage.probe.advance(300);
  committed(stage);
  assertEquals(commit.reply?.error, "NONE");
});

Deno.test("a commit of the generation before is tried again by a member that keeps what it has", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  const commit = stage.probe.ask("commit", { offsets: null });
  stage.member.epoch = 2; // it has joined the next one while the commit was on its way
  committed(stage, "ILLEGAL_GENERATION");
  stage.probe.advance(300);
  assertEquals(stage.one(offsetCommit).body.generationIdOrMemberEpoch, 2);
  const body = {} as Extract<MembershipRequest, { api: "join" }>["body"];
  const join = { ...body, groupId: "g", memberId: "m", protocolType: "consumer", protocols: [], sessionTimeoutMs: 1 };
  stage.want({ type: "request", request: { api: "join", body: join }, timeoutMs: 9_000 });
  committed(stage, "ILLEGAL_GENERATION"); // the group is further than it has been told
  stage.probe.advance(600);
  committed(stage);
  assertEquals(commit.reply?.error, "NONE");
});

Deno.test("a topic that may be about to come is waited for, one that is gone is not", () => {
  const stage = member({ enableAutoCommit: false, allowAutoCreateTopics: false });
  stage.poll(1);
  const commit = stage.probe.ask("commit", { offsets: null });
  committed(stage, "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(commit.reply, undefined);
  stage.auto = false;
  stage.probe.advance(300);
  const [topic] = stage.metadata().topics;
  const gone = { ...topic!, errorCode: errorCode("UNKNOWN_TOPIC_OR_PARTITION"), partitions: [] };
  stage.answer(metadata, { ...stage.metadata(), topics: [gone] });
  committed(stage, "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(commit.reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("offsets that there cannot be are refused", () => {
  const stage = member();
  for (const offset of [-1, 0.5, NaN]) {
    const { reply } = stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: -1, metadata: "" }] });
    assertEquals([reply?.error, commits(stage)], ["INVALID_REQUEST", []]);
  }
});

Deno.test("what was handed out of partitions that are assigned no more is committed", () => {
  const stage = new Stage({ config: { groupId: "g" } });
  stage.probe.ask("assign", [T0, T1]);
  stage.committed([T0, T1], [0, 0]);
  stage.fetched([{ records: batchOf(0, "a", "b") }]);
  stage.poll(2);
  stage.poll(0, 0);
  for (const exchange of stage.all(offsetCommit)) committed(stage, "NONE", exchange);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
  stage.probe.ask("assign", [T1]);
  assertEquals(commits(stage), ["0@1"]);
});

Deno.test("what was asked for is committed before partitions are given back, and before it leaves", () => {
  const stage = member({ enableAutoCommit: false });
  stage.poll(1);
  stage.probe.ask("commit", { offsets: null });
  stage.want({ type: "revoke", partitions: [T0] });
  assertEquals(stage.member.heard("handled").length, 1);
  committed(stage);
  assertEquals(stage.member.heard("handled").length, 2);
  stage.probe.ask("commit", { offsets: [{ ...T1, offset: 9, leaderEpoch: -1, metadata: "" }] });
  stage.probe.ask("close", { timeoutMs: 5_000 });
  assertEquals(stage.member.heard("leave"), []);
  committed(stage);
  assertEquals(stage.member.heard("leave").length, 1);
});

Deno.test("at most once: records are handed out when their end is committed, and not before", () => {
  const stage = member({ delivery: "at-most-once" });
  const poll = stage.poll(2);
  assertEquals([poll.reply, commits(stage)], [undefined, ["0@2"]]);
  committed(stage, "COORDINATOR_LOAD_IN_PROGRESS");
  assertEquals(poll.reply, undefined);
  stage.probe.advance(300);
  committed(stage);
  assertEquals(offsets(poll), [0, 1]);
});

Deno.test("at most once: what was committed too late for the assignment is not handed out", () => {
  const stage = member({ delivery: "at-most-once" });
  const poll = stage.poll(2);
  const late = stage.one(offsetCommit);
  stage.want({ type: "lose", partitions: [T0] }, { type: "assign", partitions: [T0] });
  committed(stage, "NONE", late);
  stage.committed([T0], [2]);
  stage.probe.advance(1_000);
  assertEquals(offsets(poll), []);
});

Deno.test("at most once: a batch that was not taken waits for the next poll, and the application hears why", () => {
  const stage = member({ delivery: "at-most-once" });
  const poll = stage.poll(2);
  committed(stage, "GROUP_AUTHORIZATION_FAILED");
  assertEquals([poll.reply?.error, offsets(poll)], ["GROUP_AUTHORIZATION_FAILED", []]);
  const again = stage.poll(2);
  committed(stage);
  assertEquals(offsets(again), [0, 1]);
});

Deno.test("without a membership it commits as whoever assigns by hand does", () => {
  const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } });
  stage.probe.ask("assign", [T0, T1]);
  stage.committed([T0, T1], [3, 4]);
  assertEquals(stage.all(fetch).map(({ body }) => body.topics[0]!.partitions[0]!.fetchOffset), [3n, 4n]);
  stage.probe.ask("commit", { offsets: [{ ...T1, offset: 9, leaderEpoch: 2, metadata: "why" }] });
  const { generationIdOrMemberEpoch, memberId, topics } = stage.one(offsetCommit).body;
  assertEquals([generationIdOrMemberEpoch, memberId], [-1, ""]);
  assertEquals(topics[0]!.partitions[0], {
    partitionIndex: 1,
    committedOffset: 9n,
    committedLeaderEpoch: 2,
    committedMetadata: "why",
  });
});
