import { assertEquals } from "@std/assert";
import type { TopicPartition } from "../../../../actors/consumer/protocol.ts";
import { errorCode, type ErrorName } from "../../../../protocol/errors.ts";
import type { SeekTo } from "../../../../actors/consumer/protocol.ts";
import { offsetFetch } from "../../../../protocol/tables/groups.ts";
import { fetch, listOffsets } from "../../../../protocol/tables/produce_fetch.ts";
import { asks, batchOf, offsets, Stage, T0, T1, T_ID } from "./consumer_stage.ts";

/** Answers the ListOffsets that waits for a partition. */
function listed(stage: Stage, offset: number, error: ErrorName = "NONE"): Stage {
  const exchange = stage.one(listOffsets);
  return stage.answer(listOffsets, {
    topics: exchange.body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: errorCode(error),
        offset: BigInt(offset),
        leaderEpoch: 3,
      })),
    })),
  }, exchange);
}

/** What the ListOffsets that wait ask: node, partition and time. */
function lists(stage: Stage): string[] {
  return stage.all(listOffsets).map(({ to, body }) =>
    [
      to.port - 9000,
      ...body.topics.flatMap(({ partitions }) =>
        partitions.map(({ partitionIndex, timestamp }) => `${partitionIndex}@${timestamp}`)
      ),
    ].join(" ")
  );
}

/** Answers the OffsetFetch that waits with an error of the group. */
function refused(stage: Stage, error: ErrorName): Stage {
  return stage.answer(offsetFetch, { groups: [{ groupId: "g", topics: [], errorCode: errorCode(error) }] });
}

Deno.test("without a group reading begins where the policy says, which each leader is asked for", () => {
  for (const [autoOffsetReset, time] of [["latest", -1], ["earliest", -2]] as const) {
    const stage = new Stage({ config: { autoOffsetReset } });
    stage.probe.ask("assign", [T0, T1]);
    assertEquals(lists(stage), [`1 0@${time}`, `2 1@${time}`]);
    listed(stage, 40);
    assertEquals(asks(stage), ["1 full #t-0@40"]);
  }
});

Deno.test("reading only what is committed, the end is the last stable offset", () => {
  const stage = new Stage({ config: { isolationLevel: "read_committed" } });
  stage.probe.ask("assign", [T0]);
  assertEquals([stage.one(listOffsets).body.isolationLevel, stage.one(listOffsets).body.replicaId], [1, -1]);
});

Deno.test("a leader that is not one is looked up, and asked again later", () => {
  const stage = new Stage();
  stage.probe.ask("assign", [T0]);
  stage.leaders = [2, 2];
  stage.leaderEpoch = 6;
  listed(stage, -1, "NOT_LEADER_OR_FOLLOWER");
  assertEquals(lists(stage), []);
  stage.probe.advance(200);
  assertEquals(lists(stage), ["2 0@-1"]);
  stage.settle(stage.one(listOffsets), "closed");
  stage.probe.advance(300);
  assertEquals(lists(stage), ["2 0@-1"]);
});

Deno.test("what cannot be got over is said until somebody seeks", () => {
  const stage = new Stage();
  stage.probe.ask("assign", [T0]);
  listed(stage, -1, "TOPIC_AUTHORIZATION_FAILED");
  assertEquals([stage.poll().reply?.error, stage.poll().reply?.error], [
    "TOPIC_AUTHORIZATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
  ]);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 3 } });
  assertEquals([stage.poll(1, 0).reply?.error, asks(stage)], ["NONE", ["1 full #t-0@3"]]);
});

Deno.test("seeking by time, to an end, and to what is committed", () => {
  const stage = new Stage({ config: { groupId: "g" } }).own([T0], [5]);
  const to = (target: SeekTo) => {
    assertEquals(stage.probe.ask("seek", { partitions: [T0], to: target }).reply?.error, "NONE");
    return lists(stage).join();
  };
  assertEquals(to({ timestamp: 1_234 }), "1 0@1234");
  listed(stage, 9);
  const position = () => stage.probe.ask("position", T0).reply?.offset;
  assertEquals(position(), 9);
  assertEquals(to("beginning"), "1 0@-2");
  listed(stage, 2);
  assertEquals([position(), to("end")], [2, "1 0@-1"]);
  listed(stage, 80);
  to("committed");
  stage.committed([T0], [6]);
  assertEquals(position(), 6);
});

Deno.test("there is no place before the first offset, and no time that is no number; a time between two milliseconds is", () => {
  const stage = new Stage().assign([T0]);
  for (const to of [{ offset: -1 }, { offset: 1.5 }, { timestamp: NaN }, { timestamp: Infinity }]) {
    assertEquals(stage.probe.ask("seek", { partitions: [T0], to }).reply?.error, "INVALID_REQUEST");
  }
  stage.waiting.length = 0;
  stage.probe.ask("seek", { partitions: [T0], to: { timestamp: 1_234.2 } });
  assertEquals(lists(stage), ["1 0@1235"]);
});

Deno.test("a place that is none at all is refused, and the consumer lives on", () => {
  const stage = new Stage().assign([T0]);
  for (const to of [3, undefined, "start", true]) {
    assertEquals(stage.probe.ask("seek", { partitions: [T0], to: to as never }).reply?.error, "INVALID_REQUEST");
  }
});

Deno.test("who asks for a position that is not found out in time is told why", () => {
  const asked = (stage: Stage, partition: TopicPartition) => {
    const position = stage.probe.ask("position", partition, 60_000);
    stage.probe.advance(29_999);
    assertEquals(position.reply, undefined);
    stage.probe.advance(1);
    return [position.reply?.error, position.reply?.message];
  };
  const nowhere = { topic: "t", partition: 9 };
  const missing = new Stage();
  missing.probe.ask("assign", [nowhere]);
  const why = "Where t-9 is read could not be found out: there is no such partition.";
  assertEquals(asked(missing, nowhere), ["REQUEST_TIMED_OUT", why]);
  const headless = new Stage();
  headless.leaders = [-1];
  headless.probe.ask("assign", [T0]);
  assertEquals(asked(headless, T0)[1], "Where t-0 is read could not be found out: it has no leader.");
});

Deno.test("a time that is newer than everything means the end", () => {
  const stage = new Stage().assign([T0]);
  for (const exchange of stage.all(listOffsets)) stage.settle(exchange, "closed"); // of before the seek
  stage.probe.ask("seek", { partitions: [T0], to: { timestamp: 9_999 } });
  listed(stage, -1);
  assertEquals(lists(stage), ["1 0@-1"]);
});

Deno.test("the answer to a question of before a seek does not count", () => {
  const stage = new Stage();
  stage.probe.ask("assign", [T0]);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 3 } });
  listed(stage, 40);
  assertEquals(stage.probe.ask("position", T0).reply?.offset, 3);
  const group = new Stage({ config: { groupId: "g" } });
  group.probe.ask("assign", [T0]);
  group.probe.ask("seek", { partitions: [T0], to: { offset: 3 } });
  group.committed([T0], [40]);
  assertEquals(group.probe.ask("position", T0).reply?.offset, 3);
});

Deno.test("what is committed is asked for again while the coordinator loads, is another one, or waits for transactions", () => {
  for (
    const error of [
      "COORDINATOR_LOAD_IN_PROGRESS",
      "NOT_COORDINATOR",
      "UNSTABLE_OFFSET_COMMIT",
      "STALE_MEMBER_EPOCH",
    ] as const
  ) {
    const stage = new Stage({ config: { groupId: "g" } });
    stage.probe.ask("assign", [T0]);
    refused(stage, error);
    assertEquals(stage.all(offsetFetch), []);
    stage.probe.advance(300);
    stage.committed([T0], [7]);
    assertEquals(asks(stage), ["1 full #t-0@7"]);
  }
});

Deno.test("nothing is committed: the policy says where to begin; with none somebody has to", () => {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset: "earliest" } });
  stage.probe.ask("assign", [T0]);
  stage.committed([T0], [-1]);
  assertEquals(lists(stage), ["1 0@-2"]);
  const strict = new Stage({ config: { groupId: "g", autoOffsetReset: "none" } });
  strict.probe.ask("assign", [T0]);
  strict.committed([T0], [-1]);
  assertEquals(strict.poll().reply?.error, "OFFSET_OUT_OF_RANGE");
});

const NEW_ID = "BQAAAAAAAAAAAAAAAAAAAA";

/** A reader of offsets 0 to 2 whose topic is another one now, of the same name. */
function madeAnew(autoOffsetReset: "earliest" | "latest" | "none"): Stage {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset, metadataMaxAgeMs: 1_000 } }).own([T0]);
  stage.member.wakeInMs = 1_000;
  stage.fetched([{ records: batchOf(0, "a", "b", "c") }]);
  stage.poll();
  isOther(stage, NEW_ID);
  return stage;
}

/** Metadata says that of the topic, and the broker that was asked for another one does not know it any more. */
function isOther(stage: Stage, topicId: string): void {
  stage.topicId = topicId;
  stage.probe.advance(1_500);
  stage.fetched([{ error: "UNKNOWN_TOPIC_ID" }]);
}

Deno.test("a topic that was made anew is read as the policy says, and not from where the one before was left", () => {
  for (const [autoOffsetReset, time] of [["latest", -1], ["earliest", -2]] as const) {
    for (const answer of [{ records: batchOf(3, "d") }, { error: "OFFSET_OUT_OF_RANGE" }] as const) {
      const stage = madeAnew(autoOffsetReset);
      stage.fetched([answer]);
      assertEquals([lists(stage), asks(stage)], [[`1 0@${time}`], []]);
      listed(stage, 0);
      const [asked] = stage.one(fetch).body.topics;
      const { fetchOffset, lastFetchedEpoch } = asked!.partitions[0]!;
      assertEquals([asked!.topicId, fetchOffset, lastFetchedEpoch], [stage.topicId, 0n, 3]);
      const polled = stage.poll();
      stage.fetched([{ records: batchOf(0, "x") }]);
      assertEquals([offsets(polled), lists(stage)], [[0], []]);
    }
  }
  const strict = madeAnew("none").fetched([{}]);
  assertEquals(strict.poll().reply?.error, "OFFSET_OUT_OF_RANGE");
});

Deno.test("nobody goes back to what was read before reading was set back, but to what was read since", () => {
  const stage = madeAnew("earliest");
  const partition = stage.probe.state.partitions.get("t-0")!;
  const { setbacks } = partition;
  stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  listed(stage, 0);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 2, setbacks } });
  assertEquals(partition.position?.offset, 0);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 2, setbacks: setbacks + 1 } });
  assertEquals(partition.position?.offset, 2);
});

Deno.test("a broker that still tells of the topic of before sends nobody elsewhere", () => {
  const stage = madeAnew("latest").fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  listed(stage, 7);
  stage.fetched([{ records: batchOf(7, "x") }]);
  stage.poll();
  isOther(stage, T_ID);
  stage.fetched([{ error: "UNKNOWN_TOPIC_ID" }]); // nor does the leader know that one
  isOther(stage, NEW_ID);
  const polled = stage.poll();
  stage.fetched([{ records: batchOf(8, "y") }]);
  assertEquals([lists(stage), offsets(polled)], [[], [8]]);
});

Deno.test("what a broker says of another topic counts while metadata tells of that", () => {
  const stage = madeAnew("latest");
  const asked = stage.one(fetch); // for the new one
  stage.topicId = T_ID;
  stage.probe.advance(1_500);
  stage.topicId = NEW_ID;
  stage.fetched([{ records: batchOf(3, "x") }], 0, asked);
  assertEquals([lists(stage), stage.one(fetch).body.topics[0]!.topicId], [[], T_ID]);
});

Deno.test("that a topic was made anew is the leader's to say, not a follower's", () => {
  const config = { groupId: "g", clientRack: "b", metadataMaxAgeMs: 1_000, autoOffsetReset: "earliest" } as const;
  const stage = new Stage({ config }).own([T0], [3]);
  stage.fetched([{ records: batchOf(3, "d") }]).poll();
  stage.probe.advance(500);
  stage.fetched([{ more: { preferredReadReplica: 2 } }]);
  stage.topicId = NEW_ID;
  stage.probe.advance(700);
  stage.topicId = T_ID;
  stage.fetched([{}]); // which the follower was asked before
  stage.topicId = NEW_ID;
  assertEquals(asks(stage), ["2 full -0@4"]);
  stage.fetched([{ records: batchOf(4, "x") }]);
  assertEquals([asks(stage), lists(stage)], [["1 full -0@4"], []]);
  stage.fetched([{ records: batchOf(4, "x") }]);
  assertEquals([asks(stage), lists(stage)], [[], ["1 0@-2"]]);
});

Deno.test("whoever has gone to a place since the topic was made anew stays there", () => {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset: "earliest", metadataMaxAgeMs: 1_000 } }).own([T0]);
  stage.fetched([{ records: batchOf(0, "a", "b", "c") }]);
  stage.topicId = NEW_ID;
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
  stage.probe.advance(1_500);
  stage.fetched([{ error: "UNKNOWN_TOPIC_ID" }]);
  stage.probe.advance(1_000);
  assertEquals([lists(stage), stage.all(fetch).at(-1)!.body.topics[0]!.partitions[0]!.fetchOffset], [[], 1n]);
});

Deno.test("the epoch that was committed goes with the first fetch, so that a cut is noticed", () => {
  const stage = new Stage({ config: { groupId: "g" } });
  stage.probe.ask("assign", [T0]);
  stage.answer(offsetFetch, {
    groups: [{
      groupId: "g",
      errorCode: 0,
      topics: [{
        name: "t",
        partitions: [{
          partitionIndex: 0,
          committedOffset: 7n,
          committedLeaderEpoch: 4,
          metadata: null,
          errorCode: 0,
        }],
      }],
    }],
  });
  const [exchange] = stage.waiting.filter(({ api }) => api.name === "Fetch");
  assertEquals(
    JSON.stringify(exchange!.body, (_, value) => typeof value === "bigint" ? Number(value) : value)
      .includes('"fetchOffset":7,"lastFetchedEpoch":4'),
    true,
  );
});

Deno.test("what is said of one partition holds up no other, and what is not said is not taken for nothing", () => {
  const stage = new Stage({ config: { groupId: "g" } });
  stage.leaders = [1, 1, 1];
  stage.probe.ask("assign", [T0, T1, { topic: "t", partition: 2 }]);
  const row = { committedOffset: 7n, committedLeaderEpoch: -1, metadata: "", errorCode: 0 };
  const partitions = [
    { ...row, partitionIndex: 0 },
    { ...row, partitionIndex: 1, committedOffset: -1n, errorCode: errorCode("UNSTABLE_OFFSET_COMMIT") },
  ];
  stage.answer(offsetFetch, { groups: [{ groupId: "g", errorCode: 0, topics: [{ name: "t", partitions }] }] });
  assertEquals([asks(stage), lists(stage)], [["1 full #t-0@7"], []]);
  stage.probe.advance(200);
  const again = stage.all(offsetFetch).flatMap(({ body }) => body.groups[0]!.topics![0]!.partitionIndexes);
  assertEquals(again.sort(), [1, 2]);
});

Deno.test("an end that a leader does not know is asked for again, later", () => {
  const stage = new Stage();
  stage.probe.ask("assign", [T0]);
  listed(stage, -1);
  assertEquals(lists(stage), []);
  stage.probe.advance(200);
  listed(stage, 12);
  assertEquals(asks(stage), ["1 full #t-0@12"]);
});

Deno.test("old coordinators are asked in their own words", () => {
  const stage = new Stage({ config: { groupId: "g" }, newest: { OffsetFetch: 5 } });
  stage.probe.ask("assign", [T0]);
  const { version, body } = stage.one(offsetFetch);
  assertEquals([version, body.groupId, body.topics], [5, "g", [{ name: "t", partitionIndexes: [0] }]]);
  stage.answer(offsetFetch, {
    topics: [{
      name: "t",
      partitions: [{ partitionIndex: 0, committedOffset: 7n, metadata: "", errorCode: 0 }],
    }],
    errorCode: 0,
  });
  assertEquals(asks(stage), ["1 full #t-0@7"]);
});

Deno.test("what is committed can be asked for, of any partition, and the question ends", () => {
  const stage = new Stage({ config: { groupId: "g", requestTimeoutMs: 1_000 } });
  const asked = stage.probe.ask("committed", [T1]);
  refused(stage, "COORDINATOR_LOAD_IN_PROGRESS");
  stage.probe.advance(150);
  stage.committed([T1], [12]);
  assertEquals(asked.reply, {
    error: "NONE",
    message: null,
    offsets: [{ topic: "t", partition: 1, offset: 12, leaderEpoch: -1, metadata: "" }],
  });
  const denied = stage.probe.ask("committed", [T1]);
  refused(stage, "GROUP_AUTHORIZATION_FAILED");
  assertEquals(denied.reply?.error, "GROUP_AUTHORIZATION_FAILED");
  const late = stage.probe.ask("committed", [T1]);
  stage.probe.advance(1_000);
  assertEquals(late.reply?.error, "REQUEST_TIMED_OUT");
});

Deno.test("a position is told when it is known, or that it never will be", () => {
  const stage = new Stage();
  stage.probe.ask("assign", [T0, T1]);
  const position = stage.probe.ask("position", T0);
  const gone = stage.probe.ask("position", T1);
  assertEquals(position.reply, undefined);
  listed(stage, 4);
  assertEquals(position.reply, { error: "NONE", message: null, offset: 4 });
  stage.probe.ask("assign", [T0]);
  assertEquals(gone.reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(stage.probe.ask("position", T1).reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
});
