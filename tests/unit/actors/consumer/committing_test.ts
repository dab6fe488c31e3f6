import { assertEquals } from "@std/assert";
import { errorCode, type ErrorName } from "../../../../protocol/errors.ts";
import { findCoordinator, offsetCommit } from "../../../../protocol/tables/groups.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, listOffsets } from "../../../../protocol/tables/produce_fetch.ts";
import type { MembershipRequest } from "../../../../actors/consumer/membership.ts";
import type { ConsumedRecord, ConsumerConfig, SeekTo } from "../../../../actors/consumer/protocol.ts";
import { address, batchOf, type Exchange, offsets, Stage, T0, T1 } from "./consumer_stage.ts";

/** A member that owns partition 0, of which five records lie here. */
function member(config: Partial<ConsumerConfig> = {}): Stage {
  const stage = new Stage({ config: { groupId: "g", ...config } }).own([T0]);
  return stage.fetched([{ records: batchOf(0, "a", "b", "c", "d", "e") }]);
}

/** Answers the commit that waits. */
function committed(stage: Stage, error: ErrorName = "NONE", exchange = stage.one(offsetCommit)): Stage {
  return stage.answer(offsetCommit, {
    topics: exchange.body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(error) })),
    })),
  }, exchange);
}

/** What the commits that wait say: partition@offset. */
function commits(stage: Stage): string[] {
  return stage.all(offsetCommit).map(said);
}

function said({ body }: Exchange<typeof offsetCommit>): string {
  return body.topics.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, committedOffset }) => `${partitionIndex}@${committedOffset}`)
  ).join();
}

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

Deno.test("never less than is committed, unless the application has gone back", () => {
  const stage = member();
  stage.poll(4);
  stage.probe.ask("commit", { offsets: [{ ...T0, offset: 5, leaderEpoch: -1, metadata: "" }] });
  committed(stage);
  stage.probe.advance(5_000);
  stage.poll(0, 0);
  assertEquals(commits(stage), []); // 4 has been handed out, and 5 is committed
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
  stage.probe.advance(5_000);
  stage.poll(1, 0);
  assertEquals(commits(stage), ["0@1"]);
});

/** A member that had read to 1000, which is not in the log any more: there is nothing before offset 0 and nothing behind 5. */
function shortened(config: Partial<ConsumerConfig> = {}): Stage {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset: "earliest", ...config } }).own([T0], [1000]);
  stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  return read(begins(stage));
}

/** Answers where the log begins. */
function begins(stage: Stage): Stage {
  const partitions = [{ partitionIndex: 0, errorCode: 0, timestamp: -1n, offset: 0n, leaderEpoch: 5 }];
  return stage.answer(listOffsets, { topics: [{ name: "t", partitions }] });
}

function read(stage: Stage): Stage {
  return stage.fetched([{ records: batchOf(0, "a", "b", "c", "d", "e") }]);
}

Deno.test("what is read of a log that has become shorter than what is committed is committed", () => {
  const byItself = shortened();
  assertEquals(offsets(byItself.poll(5)), [0, 1, 2, 3, 4]);
  committed(byItself); // where it begins
  byItself.probe.advance(5_000);
  byItself.poll(1, 0);
  assertEquals(commits(byItself), ["0@5"]);
  const byHand = shortened({ enableAutoCommit: false });
  byHand.poll(5);
  const commit = byHand.probe.ask("commit", {
    offsets: [{ ...T0, offset: 5, leaderEpoch: 5, metadata: "" }],
    onlyOwned: true,
  });
  assertEquals([commits(byHand), commit.reply], [["0@5"], undefined]);
  const before = shortened({ delivery: "at-most-once" });
  const poll = before.poll(5);
  assertEquals([commits(before), offsets(poll)], [["0@5"], undefined]);
});

Deno.test("what is read of a log that was cut behind what is committed is committed, and what was handed out before is not", () => {
  const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } }).own([T0], [4]);
  stage.fetched([{ records: batchOf(4, "e", "f") }]);
  stage.poll();
  stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 1n } } }]);
  const commit = (offset: number) =>
    stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
  assertEquals([commit(6).reply?.error, commits(stage)], ["NONE", []]);
  const polled = stage.poll();
  stage.fetched([{ records: batchOf(1, "x") }]);
  assertEquals(offsets(polled), [1]);
  commit(2);
  assertEquals(commits(stage), ["0@2"]);
});

Deno.test("a commit of before reading went back, taken when reading has come past it, ends no right to commit less", () => {
  const back: Record<string, (stage: Stage) => void> = {
    cut: (stage) => void stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 1n } } }]),
    sought(stage) {
      stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
      stage.fetched([{}]); // which is of before
    },
  };
  for (const [how, goBack] of Object.entries(back)) {
    const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } }).own([T0], [4]);
    const commit = (offset: number) =>
      stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
    const reread = () => stage.fetched([{ records: batchOf(1, "b", "c", "d", "e", "f", "g") }]).poll();
    stage.fetched([{ records: batchOf(4, "e", "f") }]).poll();
    if (how === "sought") { // before as well: the same place is not the same time
      goBack(stage);
      reread();
    }
    commit(6);
    assertEquals(commits(stage), ["0@6"]);
    goBack(stage);
    reread();
    committed(stage);
    commit(2);
    assertEquals([how, commits(stage)], [how, ["0@2"]]);
  }
});

Deno.test("what was handed out of a log that is not there any more is not committed, however far reading has come since", () => {
  const far = () => batchOf(0, ..."abcdefghij");
  const setBack: Record<string, (stage: Stage) => void> = {
    cut: (stage) => void stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 0n } } }]),
    shortened: (stage) => void begins(stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }])),
    "cut, and the program has to say where it goes on"(stage) {
      stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
      stage.probe.ask("seek", { partitions: [T0], to: { offset: 0 } });
    },
  };
  for (const [how, goBack] of Object.entries(setBack)) {
    const autoOffsetReset = how.includes("program") ? "none" : "earliest";
    const stage = member({ autoOffsetReset });
    const last = stage.poll().reply!.records.at(-1)! as ConsumedRecord;
    goBack(stage);
    const [first] = stage.fetched([{ records: far() }]).poll().reply!.records as ConsumedRecord[];
    for (const exchange of stage.all(offsetCommit)) committed(stage, "NONE", exchange);
    stage.probe.advance(5_000);
    const offsetOf = ({ offset, setbacks }: ConsumedRecord) => (
      { ...T0, offset: offset + 1, leaderEpoch: 5, metadata: "", setbacks }
    );
    stage.probe.ask("alive", [offsetOf(last)]);
    const commit = stage.probe.ask("commit", { offsets: [offsetOf(last)], onlyOwned: true });
    assertEquals([how, commits(stage), commit.reply?.error], [how, [], "NONE"]);
    stage.probe.ask("commit", { offsets: [offsetOf(first!)], onlyOwned: true });
    assertEquals([how, commits(stage)], [how, ["0@1"]]);
  }
});

Deno.test("what was read of a topic is not committed while another one, or none, is there by that name, and whoever commits hears of it", () => {
  for (const [what, topicId] of [["another", "BQAAAAAAAAAAAAAAAAAAAA"], ["none", undefined]] as const) {
    const stage = member({ metadataMaxAgeMs: 1_000, allowAutoCreateTopics: false });
    stage.member.wakeInMs = 1_000;
    stage.poll(3);
    stage.auto = false;
    stage.probe.advance(1_500);
    const [known] = stage.metadata().topics;
    const unknown = { ...known!, errorCode: errorCode("UNKNOWN_TOPIC_OR_PARTITION"), partitions: [] };
    stage.answer(metadata, {
      ...stage.metadata(),
      topics: [topicId === undefined ? unknown : { ...known!, topicId }],
    });
    const commit = () =>
      stage.probe.ask("commit", { offsets: [{ ...T0, offset: 3, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
    stage.probe.ask("alive", [{ ...T0, offset: 3, leaderEpoch: 5, metadata: "" }]);
    assertEquals([what, commit().reply?.error], [what, "UNKNOWN_TOPIC_OR_PARTITION"]);
    stage.probe.advance(200);
    stage.answer(metadata, stage.metadata()); // a broker that was behind has said so
    commit();
    assertEquals([what, commits(stage)], [what, ["0@3"]]);
  }
});

Deno.test("what is revoked because the topic is another one is not committed as if of that", () => {
  for (const [isOther, said] of [[false, ["0@3"]], [true, []]] as const) {
    const stage = member({ groupProtocol: "consumer", metadataMaxAgeMs: 1_000 });
    stage.member.wakeInMs = 1_000;
    stage.poll(3);
    if (isOther) stage.topicId = "BQAAAAAAAAAAAAAAAAAAAA";
    stage.probe.advance(1_500);
    stage.poll(0, 0);
    stage.member.wakeInMs = 1;
    stage.probe.advance(1_000);
    stage.want({ type: "revoke", partitions: [T0] });
    assertEquals([isOther, commits(stage)], [isOther, said]);
  }
});

Deno.test("while it is to be found out where reading goes on nothing is committed of what was handed out before", () => {
  for (const autoOffsetReset of ["earliest", "none"] as const) {
    const stage = member({ enableAutoCommit: false, autoOffsetReset });
    stage.poll(5);
    stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
    stage.probe.ask("commit", { offsets: [{ ...T0, offset: 5, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
    assertEquals([autoOffsetReset, commits(stage)], [autoOffsetReset, []]);
  }
});

Deno.test("when nothing is committed any more what was does not count", () => {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset: "earliest" } }).own([T0], [1000]);
  const [old] = stage.all(fetch);
  stage.probe.ask("seek", { partitions: [T0], to: "committed" });
  stage.committed([T0], [-1]);
  begins(stage);
  stage.fetched([{}], 0, old);
  read(stage).poll(5);
  committed(stage);
  stage.probe.advance(5_000);
  stage.poll(1, 0);
  assertEquals(commits(stage), ["0@5"]);
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

Deno.test("who seeks and is then revoked commits where it has gone, if it has gone back, and no less", () => {
  const sought = (to: SeekTo, byHand: number) => {
    const stage = member();
    stage.poll(4);
    if (byHand > 0) {
      stage.probe.ask("commit", { offsets: [{ ...T0, offset: byHand, leaderEpoch: -1, metadata: "" }] });
      committed(stage);
    } else {
      stage.poll(0, 0);
    }
    stage.probe.ask("seek", { partitions: [T0], to });
    stage.want({ type: "revoke", partitions: [T0] });
    return commits(stage);
  };
  assertEquals(sought({ offset: 1 }, 0), ["0@1"]);
  assertEquals(sought("beginning", 0), []); // nobody knows yet where that is
  assertEquals(sought({ offset: 9 }, 0), ["0@4"]); // what lies between was not handed out
  assertEquals(sought({ offset: 4 }, 3), []); // it has not gone back, and 3 is committed
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

/** The log was cut at this offset, behind what was read. */
function cutAt(stage: Stage, endOffset: bigint): Stage {
  return stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset } } }]);
}

Deno.test("what was handed out before a cut, and stands in the log, is committed, and gone back to", () => {
  for (const [cut, standing] of [[3n, 3], [1n, 1]] as const) {
    const stage = member({ enableAutoCommit: false });
    const records = stage.poll(5).reply!.records as ConsumedRecord[];
    const [{ setbacks }] = records as [ConsumedRecord];
    cutAt(stage, 3n);
    if (cut !== 3n) cutAt(stage.fetched([{ records: batchOf(3, "x") }]), cut);
    const offer = (offset: number) => {
      const offsets = [{ ...T0, offset, leaderEpoch: 5, metadata: "", setbacks }];
      return stage.probe.ask("commit", { offsets, onlyOwned: true });
    };
    assertEquals([offer(standing + 1).reply?.error, commits(stage)], ["NONE", []]);
    stage.probe.ask("seek", { partitions: [T0], to: { offset: 4, setbacks } });
    assertEquals(stage.probe.state.partitions.get("t-0")!.position?.offset, standing);
    stage.probe.ask("seek", { partitions: [T0], to: { offset: 0, setbacks } });
    assertEquals(stage.probe.state.partitions.get("t-0")!.position?.offset, 0);
    stage.probe.ask("seek", { partitions: [T0], to: { offset: standing } });
    assertEquals([offer(standing).reply, commits(stage)], [undefined, [`0@${standing}`]]);
  }
});

Deno.test("what was dealt with before the program has to say where to go on is not committed: what is there now is not that", () => {
  for (const how of ["another log", "cut"]) {
    const stage = member({ autoOffsetReset: "none" });
    stage.poll(5);
    const polled = stage.poll(5);
    if (how === "cut") cutAt(stage, 1n);
    else stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
    assertEquals(polled.reply?.error, "OFFSET_OUT_OF_RANGE");
    stage.want({ type: "revoke", partitions: [T0] });
    assertEquals([how, commits(stage)], [how, []]);
  }
});

Deno.test("a commit that was asked for before a seek, and sent after it, ends no right to commit less", () => {
  const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } }).own([T0], [4]);
  const commit = (offset: number) =>
    stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
  stage.fetched([{ records: batchOf(4, "e", "f") }]).poll();
  commit(5);
  commit(6); // waits for the first
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
  stage.fetched([{}]).fetched([{ records: batchOf(1, "b", "c", "d", "e", "f", "g") }]).poll();
  committed(stage);
  assertEquals(commits(stage), ["0@6"]);
  committed(stage);
  commit(2);
  assertEquals(commits(stage), ["0@2"]);
});
