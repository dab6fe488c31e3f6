import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { produce } from "../../../../../actors/broker/api/00_produce.ts";
import type { AppendReply } from "../../../../../actors/partition/protocol.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../../protocol/records.ts";
import type { RequestInput } from "../../../../../protocol/schema.ts";
import type { produce as table } from "../../../../../protocol/tables/produce_fetch.ts";
import { newTopic, partitionOf, topicIdOf } from "../records.ts";
import { viewOf } from "./fake_exchange.ts";
import { type Call, Client } from "./client_exchange.ts";

type ProduceCall = Call<typeof table>;

const RECORDS = encodeBatch([{ value: new Uint8Array([7]) }]);
const APPENDED: AppendReply = {
  error: "NONE",
  message: null,
  recordErrors: [],
  baseOffset: 5,
  logAppendTimeMs: -1,
  logStartOffset: 2,
  leader: 1,
  leaderEpoch: 0,
};

const client = () => new Client({ topics: [newTopic("t", { partitions: 3 }), newTopic("u")] });

/** A request for some partitions, written `topic-partition`. */
function request(
  names: readonly string[],
  { acks = -1, timeoutMs = 1500, records = RECORDS as Uint8Array | null } = {},
): RequestInput<typeof table> {
  const topicData = names.map((name) => {
    const at = name.lastIndexOf("-");
    return { name: name.slice(0, at), partitionData: [{ index: Number(name.slice(at + 1)), records }] };
  });
  return { transactionalId: null, acks, timeoutMs, topicData };
}

/** Per partition answered: topic, number and error. */
function told(made: ProduceCall): string[] {
  return made.got.responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map(({ index, errorCode }) => `${name}-${index} ${errorName(errorCode)}`)
  );
}

Deno.test("every partition's replica is asked at once; the answer comes when all have answered, in the request's order", () => {
  const made = client().call(produce, 9, request(["t-2", "u-0", "t-0"]));
  assertEquals(made.open.map(({ to }) => to), ["1/replica/t-2", "1/replica/u-0", "1/replica/t-0"]);
  const { records, acks, zstdAllowed } = made.question("append", "t-2").message;
  assertEquals([records, acks, zstdAllowed], [RECORDS, -1, true]);
  made.answer("append", "t-0", APPENDED);
  made.answer("append", "t-2", { ...APPENDED, error: "MESSAGE_TOO_LARGE", message: "too large", baseOffset: -1 });
  assertEquals(made.response, undefined);
  made.answer("append", "u-0", { ...APPENDED, logAppendTimeMs: 99 });
  assertEquals(told(made), ["t-2 MESSAGE_TOO_LARGE", "u-0 NONE", "t-0 NONE"]);
  const [first, second] = made.got.responses.map(({ partitionResponses }) => partitionResponses[0]!);
  assertEquals([first!.errorMessage, first!.baseOffset], ["too large", -1n]);
  assertEquals([second!.baseOffset, second!.logAppendTimeMs, second!.logStartOffset], [5n, 99n, 2n]);
});

Deno.test("partitions of one topic stay together", () => {
  const partitionData = [2, 0].map((index) => ({ index, records: RECORDS }));
  const made = client().call(produce, 9, { ...request([]), topicData: [{ name: "t", partitionData }] });
  made.answer("append", "t-0", APPENDED);
  made.answer("append", "t-2", APPENDED);
  assertEquals(made.got.responses.length, 1);
  assertEquals(told(made), ["t-2 NONE", "t-0 NONE"]);
});

Deno.test("unknown topics and partitions are told without asking anybody", () => {
  const made = client().call(produce, 9, request(["gone-0", "t-3", "t--1"]));
  const unknown = "UNKNOWN_TOPIC_OR_PARTITION";
  assertEquals(told(made), [`gone-0 ${unknown}`, `t-3 ${unknown}`, `t--1 ${unknown}`]);
});

Deno.test("other numbers of acks than 0, 1 and -1 are refused", () => {
  for (const acks of [2, -2]) {
    const made = client().call(produce, 9, request(["t-0"], { acks }));
    assertEquals(told(made), ["t-0 INVALID_REQUIRED_ACKS"]);
  }
  for (const acks of [0, 1, -1]) assertEquals(client().call(produce, 9, request(["t-0"], { acks })).open.length, 1);
});

Deno.test("no records, records for an internal topic, and a partition named twice are refused with a sentence", () => {
  for (const records of [null, new Uint8Array(0)]) {
    assertEquals(told(client().call(produce, 9, request(["t-0"], { records }))), ["t-0 INVALID_RECORD"]);
  }
  const internal = client().call(produce, 9, request(["__consumer_offsets-0"]));
  assertEquals(told(internal), ["__consumer_offsets-0 INVALID_TOPIC_EXCEPTION"]);
  const twice = client().call(produce, 9, request(["t-0", "t-0"]));
  twice.answer("append", "t-0", APPENDED);
  assertEquals(told(twice), ["t-0 NONE", "t-0 INVALID_REQUEST"]);
  assertStringIncludes(twice.got.responses[1]!.partitionResponses[0]!.errorMessage!, "t-0");
});

Deno.test("zstd is allowed from version 7 on", () => {
  for (const [version, allowed] of [[6, false], [7, true]] as const) {
    const made = client().call(produce, version, request(["t-0"]));
    assertEquals(made.question("append").message["zstdAllowed"], allowed);
  }
});

Deno.test("acks=all waits as long as the request allows, but never too short for one flush; acks=1 is not limited by it", () => {
  const patience = (acks: number, timeoutMs: number) =>
    client().call(produce, 9, request(["t-0"], { acks, timeoutMs })).question("append").timeoutMs;
  assertEquals([patience(-1, 60_000), patience(-1, 0), patience(-1, -5)], [60_000, 1_000, 1_000]);
  assertEquals([patience(1, 0), patience(0, 0)], [30_000, 30_000]);
});

Deno.test("a replica that gives no answer is an error that producers try again", () => {
  for (
    const [failure, error] of [
      ["timeout", "REQUEST_TIMED_OUT"],
      ["unreachable", "NOT_LEADER_OR_FOLLOWER"],
      ["crashed", "KAFKA_STORAGE_ERROR"],
    ] as const
  ) {
    const made = client().call(produce, 9, request(["t-0"]));
    made.fail("append", "t-0", failure);
    assertEquals(told(made), [`t-0 ${error}`]);
  }
});

Deno.test("record errors come with their places from version 8 on", () => {
  const reply = { ...APPENDED, error: "INVALID_RECORD", recordErrors: [{ batchIndex: 3, message: "no key" }] };
  for (const version of [7, 8]) {
    const made = client().call(produce, version, request(["t-0"]));
    made.answer("append", "t-0", reply);
    const { recordErrors } = made.got.responses[0]!.partitionResponses[0]!;
    assertEquals(recordErrors, version < 8 ? [] : [{ batchIndex: 3, batchIndexErrorMessage: "no key" }]);
  }
});

Deno.test("acks=0 is never answered; an error closes the connection and says why", () => {
  const good = client().call(produce, 9, request(["t-0"], { acks: 0 }));
  assert(!good.isDone);
  good.answer("append", "t-0", APPENDED);
  assert(good.isDone);
  const bad = client().call(produce, 9, request(["t-0", "gone-4"], { acks: 0 }));
  bad.answer("append", "t-0", APPENDED);
  assertStringIncludes(bad.closed!, "partition 4: UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("from version 10 a client of the wrong broker hears who leads, and where that is", () => {
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  const records = [
    { type: "Topic", name: "away", topicId },
    partitionOf(topicId, 0, [2], { leaderEpoch: 5 }),
    partitionOf(topicId, 1, [2], { leader: -1, leaderEpoch: 6 }),
  ] as const;
  for (const version of [9, 10, 11]) {
    const mine = newTopic("t", {
      partitions: -1,
      replicationFactor: -1,
      assignments: [{ partition: 0, brokerIds: [1] }],
    });
    const asking = new Client({ brokers: 3, topics: [mine], records });
    const made = asking.call(produce, version, request(["away-0", "away-1", "t-0"]));
    made.answer("append", "t-0", { ...APPENDED, error: "NOT_LEADER_OR_FOLLOWER", leader: 3, leaderEpoch: 8 });
    const moved = "NOT_LEADER_OR_FOLLOWER";
    assertEquals(told(made), [`away-0 ${moved}`, `away-1 ${moved}`, `t-0 ${moved}`]);
    const hints = made.got.responses.map(({ partitionResponses }) => partitionResponses[0]!.currentLeader);
    const none = { leaderId: -1, leaderEpoch: -1 };
    const known = [{ leaderId: 2, leaderEpoch: 5 }, none, { leaderId: 3, leaderEpoch: 8 }];
    assertEquals(hints, version < 10 ? [none, none, none] : known);
    assertEquals(made.got.nodeEndpoints.map(({ nodeId }) => nodeId), version < 10 ? [] : [2, 3]);
  }
});

Deno.test("what is known of the leader when the answer leaves counts, if it is newer than what the replica said", () => {
  const topicId = topicIdOf(7);
  const led = (leader: number, leaderEpoch: number) => [
    { type: "Topic", name: "t", topicId } as const,
    partitionOf(topicId, 0, [1, 2, 3], { leader, leaderEpoch }),
  ];
  for (
    const [told, expected] of [[4, { leaderId: 2, leaderEpoch: 5 }], [6, { leaderId: 3, leaderEpoch: 6 }]] as const
  ) {
    const asking = new Client({ brokers: 3, records: led(1, 3) });
    const made = asking.call(produce, 10, request(["t-0"]));
    asking.view = viewOf({ brokers: 3, records: led(2, 5) });
    const moved = { error: "NOT_LEADER_OR_FOLLOWER", leader: 3, leaderEpoch: told } as const;
    made.answer("append", "t-0", { ...APPENDED, ...moved });
    assertEquals(made.got.responses[0]!.partitionResponses[0]!.currentLeader, expected);
    assertEquals(made.got.nodeEndpoints.map(({ nodeId }) => nodeId), [expected.leaderId]);
  }
});

Deno.test("a leader that is cut off turns its clients away without a hint, for it knows of nobody but itself", () => {
  const made = client().call(produce, 10, request(["t-0"]));
  made.answer("append", "t-0", { ...APPENDED, error: "NOT_LEADER_OR_FOLLOWER", leader: 1, leaderEpoch: 0 });
  assertEquals(told(made), ["t-0 NOT_LEADER_OR_FOLLOWER"]);
  assertEquals(made.got.responses[0]!.partitionResponses[0]!.currentLeader, { leaderId: -1, leaderEpoch: -1 });
  assertEquals(made.got.nodeEndpoints, []);
});

Deno.test("too few replicas in sync: the error says so, and whether it was written", () => {
  for (const error of ["NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"] as const) {
    const made = client().call(produce, 9, request(["t-0"]));
    made.answer("append", "t-0", { ...APPENDED, error, baseOffset: -1 });
    assertEquals(told(made), [`t-0 ${error}`]);
  }
});

Deno.test("every version is answered in its own shape", () => {
  for (let version = 3; version <= 11; version++) {
    const made = client().call(produce, version, request(["t-0"]));
    made.answer("append", "t-0", APPENDED);
    assertEquals(told(made), ["t-0 NONE"]);
  }
});

Deno.test("a produce of nothing is answered with nothing", () => {
  assertEquals(client().call(produce, 9, request([])).got.responses, []);
});
