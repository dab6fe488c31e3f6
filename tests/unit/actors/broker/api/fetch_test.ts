import { assert, assertEquals } from "@std/assert";
import { errorName } from "../../../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../../../lib/uuid.ts";
import { asked, batch, brought, call, client, found, nothing, wants } from "./fetch_call.ts";

Deno.test("partitions are read one at a time in the order of the request, each within what the others left", () => {
  const made = call(client(), wants([2, 0, 1], { maxBytes: 500, partitionMaxBytes: 400 }));
  assertEquals(made.open.map(({ to }) => to), ["1/replica/t-2"]);
  assertEquals([asked(made, 2).maxBytes, asked(made, 2).minOneBatch], [400, true]);
  made.answer("fetch", "t-2", found(batch(0, 300), 1));
  assertEquals([asked(made, 0).maxBytes, asked(made, 0).minOneBatch], [200, false]);
  made.answer("fetch", "t-0", nothing(9));
  assertEquals([asked(made, 1).maxBytes, asked(made, 1).minOneBatch], [200, false]);
  made.answer("fetch", "t-1", found(batch(0, 200), 1));
  assertEquals(brought(made), [[2, "NONE", [0]], [0, "NONE", []], [1, "NONE", [0]]]);
});

Deno.test("the first batch comes even when it is larger than every limit, and leaves nothing for the others", () => {
  const made = call(client(), wants([0, 1], { maxBytes: 10, partitionMaxBytes: 5 }));
  assertEquals([asked(made, 0).maxBytes, asked(made, 0).minOneBatch], [5, true]);
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  assertEquals([asked(made, 1).maxBytes, asked(made, 1).minOneBatch], [0, false]);
  made.answer("fetch", "t-1", nothing(7));
  assertEquals(brought(made), [[0, "NONE", [0]], [1, "NONE", []]]);
});

Deno.test("fetch.max.bytes limits whatever the client allows", () => {
  const made = call(client({ "fetch.max.bytes": "2048" }), wants([0]));
  assertEquals(asked(made, 0).maxBytes, 2048);
});

Deno.test("limits below zero are zero", () => {
  const made = call(client(), wants([0], { maxBytes: -1, partitionMaxBytes: -1, maxWaitMs: -1 }));
  assertEquals(asked(made, 0).maxBytes, 0);
  made.answer("fetch", "t-0", nothing());
  assertEquals(brought(made), [[0, "NONE", []]]);
});

Deno.test("too few bytes make it wait at every partition, for what is above the ends that it was told", () => {
  const asking = client();
  const made = call(asking, wants([0, 1], { minBytes: 400, maxWaitMs: 500 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  made.answer("fetch", "t-1", nothing());
  assertEquals(made.open.map(({ verb, message }) => [verb, message]), [
    ["awaitData", { key: "1/connection/1", above: 1, isolation: "read_uncommitted", deadlineMs: 1500 }],
    ["awaitData", { key: "1/connection/1", above: 0, isolation: "read_uncommitted", deadlineMs: 1500 }],
  ]);
  assert(made.open.every(({ timeoutMs }) => timeoutMs! > 500)); // the replica keeps the time
});

Deno.test("whoever wakes is read on from where it was left, and the answer has all of it", () => {
  const made = call(client(), wants([0, 1], { minBytes: 600 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  made.answer("fetch", "t-1", nothing());
  made.answer("awaitData", "t-0", true);
  assertEquals([asked(made, 0).offset, asked(made, 0).maxBytes], [1, (1 << 20) - 300]);
  made.answer("fetch", "t-0", found(batch(1, 200), 2)); // 500: still too few
  assertEquals(made.question("awaitData", "t-0").message["above"], 2);
  made.answer("awaitData", "t-0", true);
  made.answer("fetch", "t-0", found(batch(2, 100), 3));
  assertEquals(brought(made), [[0, "NONE", [0, 1, 2]], [1, "NONE", []]]);
});

Deno.test("partitions that wake together are read one after the other, so that together they keep the limit", () => {
  const made = call(client(), wants([0, 1, 2], { maxBytes: 500 }));
  for (const partition of [0, 1, 2]) made.answer("fetch", `t-${partition}`, nothing());
  made.answer("awaitData", "t-1", true);
  made.answer("awaitData", "t-0", true);
  assertEquals(made.open.filter(({ verb }) => verb === "fetch").map(({ to }) => to), ["1/replica/t-1"]);
  made.answer("fetch", "t-1", found(batch(0, 400), 1));
  assertEquals(brought(made), [[0, "NONE", []], [1, "NONE", [0]], [2, "NONE", []]]); // one byte was enough
  made.answer("awaitData", "t-2", true); // too late
});

Deno.test("those that woke while another was read share what is left", () => {
  const made = call(client(), wants([0, 1], { maxBytes: 500, minBytes: 500 }));
  made.answer("fetch", "t-0", nothing());
  made.answer("fetch", "t-1", nothing());
  made.answer("awaitData", "t-0", true);
  made.answer("awaitData", "t-1", true);
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  assertEquals([asked(made, 1).maxBytes, asked(made, 1).minOneBatch], [200, false]);
  made.answer("fetch", "t-1", nothing(1)); // there is a batch, but it does not fit
  assertEquals(brought(made), [[0, "NONE", [0]], [1, "NONE", []]]);
});

Deno.test("an offset in a hole before the end is waited at, not answered over and over", () => {
  const made = call(client(), wants([0]));
  made.answer("fetch", "t-0", nothing(9));
  assertEquals(made.question("awaitData").message["above"], 9);
});

Deno.test("who has more and gives nothing is not read with each record that is written there: the answer leaves in time", () => {
  const asking = client();
  const made = call(asking, wants([0]));
  const above = () => made.question("awaitData").message["above"];
  made.answer("fetch", "t-0", nothing(9));
  made.answer("awaitData", "t-0", true);
  made.answer("fetch", "t-0", nothing(10));
  assertEquals(above(), Infinity);
  made.answer("awaitData", "t-0", true); // the replica may have to say that its disk has failed
  made.answer("fetch", "t-0", found(batch(0, 300), 10));
  assertEquals(brought(made), [[0, "NONE", [0]]]);

  const other = call(asking, wants([0, 1]));
  for (const end of [9, 10]) {
    other.answer("fetch", "t-0", nothing(end));
    if (end === 9) other.answer("fetch", "t-1", nothing());
    if (end === 9) other.answer("awaitData", "t-0", true);
  }
  other.answer("awaitData", "t-1", true);
  other.answer("fetch", "t-1", found(batch(0, 300), 1));
  assertEquals(brought(other), [[0, "NONE", []], [1, "NONE", [0]]], "others are waited for as ever");
});

Deno.test("minBytes above maxBytes is maxBytes", () => {
  const made = call(client(), wants([0], { minBytes: 1 << 30, maxBytes: 300 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  assertEquals(brought(made), [[0, "NONE", [0]]]);
});

Deno.test("a partition at its own limit is not waited for; when none is left to wait for, the answer leaves", () => {
  const made = call(client(), wants([0, 1], { minBytes: 5000, partitionMaxBytes: 300 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 9));
  made.answer("fetch", "t-1", nothing());
  assertEquals(made.open.map(({ to }) => to), ["1/replica/t-1"]);
  made.answer("awaitData", "t-1", true);
  made.answer("fetch", "t-1", found(batch(0, 300), 9));
  assertEquals(brought(made), [[0, "NONE", [0]], [1, "NONE", [0]]]);
});

Deno.test("minBytes 0 or maxWaitMs 0 never waits", () => {
  for (const more of [{ minBytes: 0 }, { maxWaitMs: 0 }]) {
    const made = call(client(), wants([0], more));
    made.answer("fetch", "t-0", nothing());
    assertEquals(brought(made), [[0, "NONE", []]]);
  }
});

Deno.test("at the deadline the answer leaves as it is; a wait that was replaced is none", () => {
  const asking = client();
  const made = call(asking, wants([0, 1], { minBytes: 400 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  made.answer("fetch", "t-1", nothing());
  made.answer("awaitData", "t-1", false);
  assertEquals(made.response, undefined);
  asking.nowMs += 500;
  made.answer("awaitData", "t-0", false);
  assertEquals(brought(made), [[0, "NONE", [0]], [1, "NONE", []]]);
});

Deno.test("a partition named twice waits once, and both are answered", () => {
  const asking = client();
  const made = call(asking, wants([0, 0]));
  made.answer("fetch", "t-0", nothing());
  made.answer("fetch", "t-0", nothing());
  made.answer("awaitData", "t-0", false); // the second took the first one's place
  assertEquals(made.response, undefined);
  made.answer("awaitData", "t-0", true);
  made.answer("fetch", "t-0", found(batch(0, 100), 1));
  assertEquals(brought(made), [[0, "NONE", []], [0, "NONE", [0]]]);
});

Deno.test("nobody waits longer than a minute, whatever the client asks for", () => {
  const made = call(client(), wants([0], { maxWaitMs: 0x7fffffff }));
  made.answer("fetch", "t-0", nothing());
  assertEquals(made.question("awaitData").message["deadlineMs"], 61_000);
});

Deno.test("wakes and failures that come after the answer change nothing", () => {
  const made = call(client(), wants([0, 1, 2]));
  for (const partition of [0, 1, 2]) made.answer("fetch", `t-${partition}`, nothing());
  made.answer("awaitData", "t-0", true);
  made.answer("fetch", "t-0", found(batch(0, 100), 1));
  assertEquals(brought(made).length, 3);
  made.answer("awaitData", "t-1", true);
  made.fail("awaitData", "t-2", "timeout");
  assertEquals(made.open, []);
});

Deno.test("an error of a replica is answered at once", () => {
  const made = call(client(), wants([0, 1]));
  made.answer("fetch", "t-0", found(new Uint8Array(0), -1, { error: "KAFKA_STORAGE_ERROR" }));
  made.answer("fetch", "t-1", nothing());
  assertEquals(brought(made), [[0, "KAFKA_STORAGE_ERROR", []], [1, "NONE", []]]);
});

Deno.test("who is set back is told so by a leader that is sure that it leads; else he shall ask again", () => {
  const outOfRange = found(new Uint8Array(0), -1, { error: "OFFSET_OUT_OF_RANGE", leaderEpoch: 6 });
  const diverged = { ...nothing(9), divergingEpoch: { epoch: 1, endOffset: 4 } };
  for (const [confirmed, error] of [["NONE", "NONE"], ["REQUEST_TIMED_OUT", "NOT_LEADER_OR_FOLLOWER"]] as const) {
    const made = call(client(), wants([0, 1]), 12);
    made.answer("fetch", "t-0", outOfRange);
    made.answer("fetch", "t-1", diverged);
    assertEquals(made.question("confirm", "t-0").message, { leaderEpoch: 6 });
    made.answer("confirm", "t-0", confirmed);
    made.answer("confirm", "t-1", confirmed);
    assertEquals(brought(made), [[0, error === "NONE" ? "OFFSET_OUT_OF_RANGE" : error, []], [1, error, []]]);
    const endOffset = error === "NONE" ? 4n : -1n;
    assertEquals(made.got.responses[0]!.partitions[1]!.divergingEpoch?.endOffset ?? -1n, endOffset);
  }
});

Deno.test("leaders that make sure that they lead do so side by side, and hold back only for as long as the slowest what was read", () => {
  const outOfRange = (leaderEpoch: number) =>
    found(new Uint8Array(0), -1, { error: "OFFSET_OUT_OF_RANGE", leaderEpoch });
  const made = call(client(), wants([0, 1, 2, 3], { maxWaitMs: 0 }), 12);
  made.answer("fetch", "t-0", outOfRange(6));
  made.answer("fetch", "t-1", found(batch(0, 100), 1));
  made.answer("fetch", "t-2", outOfRange(7));
  made.answer("fetch", "t-3", outOfRange(8));
  assertEquals(made.open.map(({ verb, to }) => `${verb} ${to.slice(-3)}`), [
    "confirm t-0",
    "confirm t-2",
    "confirm t-3",
  ]);
  made.answer("confirm", "t-2", "NONE");
  made.answer("confirm", "t-3", "REQUEST_TIMED_OUT");
  assertEquals(made.response, undefined);
  made.fail("confirm", "t-0", "timeout");
  const unsure = "NOT_LEADER_OR_FOLLOWER";
  assertEquals(brought(made), [[0, unsure, []], [1, "NONE", [0]], [2, "OFFSET_OUT_OF_RANGE", []], [3, unsure, []]]);
});

Deno.test("nobody is answered who has gone while a leader makes sure that it leads", () => {
  const made = call(client(), wants([0]), 12);
  made.answer("fetch", "t-0", found(new Uint8Array(0), -1, { error: "OFFSET_OUT_OF_RANGE" }));
  made.abandon();
  made.answer("confirm", "t-0", "NONE");
  assertEquals(made.response, undefined);
});

Deno.test("a replica that gives no answer is an error that consumers know and try again; one that is not woken has nothing", () => {
  for (
    const [failure, read, woken] of [
      ["timeout", "NOT_LEADER_OR_FOLLOWER", "NONE"],
      ["unreachable", "NOT_LEADER_OR_FOLLOWER", "NOT_LEADER_OR_FOLLOWER"],
      ["crashed", "KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"],
    ] as const
  ) {
    const made = call(client(), wants([0]));
    made.fail("fetch", "t-0", failure);
    assertEquals(brought(made), [[0, read, []]]);
    const waiting = call(client(), wants([0]));
    waiting.answer("fetch", "t-0", nothing());
    waiting.fail("awaitData", "t-0", failure);
    assertEquals(brought(waiting), [[0, woken, []]]);
  }
});

Deno.test("what was read before a process stood still is served when it goes on", () => {
  const asking = client();
  const made = call(asking, wants([0, 1], { minBytes: 500 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  made.answer("fetch", "t-1", nothing());
  asking.nowMs += 60_000;
  made.fail("awaitData", "t-0", "timeout");
  assertEquals(brought(made), [[0, "NONE", [0]], [1, "NONE", []]]);
});

Deno.test("an error while waiting takes the partition's records with it", () => {
  const asking = client();
  const made = call(asking, wants([0], { minBytes: 500 }));
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  made.answer("awaitData", "t-0", true);
  made.answer("fetch", "t-0", found(new Uint8Array(0), -1, { error: "FENCED_LEADER_EPOCH" }));
  assertEquals(brought(made), [[0, "FENCED_LEADER_EPOCH", []]]);
  assertEquals(asking.heldBytes, 0);
});

Deno.test("who asks for what is not there waits with the others, as in Kafka; alone it hears at once", () => {
  const made = call(client(), {
    ...wants([0]),
    topics: [...wants([0, 99]).topics!, {
      topic: "gone",
      partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 9 }],
    }],
  });
  made.answer("fetch", "t-0", nothing());
  assertEquals(made.response, undefined);
  made.answer("awaitData", "t-0", true);
  made.answer("fetch", "t-0", found(batch(0, 100), 1));
  const unknown = "UNKNOWN_TOPIC_OR_PARTITION";
  assertEquals(brought(made), [[0, "NONE", [0]], [99, unknown, []], [0, unknown, []]]);
  assertEquals(brought(call(client(), wants([99]))), [[99, unknown, []]]);
});

Deno.test("a fetch of nothing is answered with nothing", () => {
  assertEquals(call(client(), wants([])).got.responses, [{ topic: "t", topicId: ZERO_UUID, partitions: [] }].slice(1));
});

Deno.test("from version 13 topics go by id, an unknown one is UNKNOWN_TOPIC_ID", () => {
  const asking = client();
  const topicId = asking.view.image.topics.get("t")!.topicId;
  const partitions = wants([0]).topics![0]!.partitions;
  const other = "AAAAAAAAAAAAAAAAAAAAAg";
  const made = call(asking, { ...wants([0]), topics: [{ topicId, partitions }, { topicId: other, partitions }] }, 13);
  made.answer("fetch", "t-0", found(batch(0, 100), 1));
  assertEquals(brought(made), [[0, "NONE", [0]], [0, "UNKNOWN_TOPIC_ID", []]]);
  assertEquals(made.got.responses.map(({ topicId }) => topicId), [topicId, other]);
});

Deno.test("epochs are passed on, the last fetched one only for the first read", () => {
  const made = call(client(), {
    ...wants([0], { minBytes: 200 }),
    topics: [{
      topic: "t",
      partitions: [{
        partition: 0,
        fetchOffset: 5n,
        partitionMaxBytes: 1000,
        currentLeaderEpoch: 3,
        lastFetchedEpoch: 2,
      }],
    }],
  }, 12);
  const { offset, currentLeaderEpoch, lastFetchedEpoch } = asked(made, 0);
  assertEquals([offset, currentLeaderEpoch, lastFetchedEpoch], [5, 3, 2]);
  made.answer("fetch", "t-0", found(batch(5, 100), 6));
  made.answer("awaitData", "t-0", true);
  assertEquals([asked(made, 0).currentLeaderEpoch, asked(made, 0).lastFetchedEpoch], [3, -1]);
});

Deno.test("offsets that no log can have stay out of range", () => {
  for (const [fetchOffset, expected] of [[2n ** 62n, Number.MAX_SAFE_INTEGER], [-1n, -1]] as const) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 9 }];
    assertEquals(asked(call(client(), { ...wants([]), topics: [{ topic: "t", partitions }] }), 0).offset, expected);
  }
});

Deno.test("a diverged fetcher is told at once where", () => {
  const made = call(client(), wants([0]), 12);
  made.answer("fetch", "t-0", { ...nothing(9), divergingEpoch: { epoch: 1, endOffset: 4 } });
  made.answer("confirm", "t-0", "NONE");
  assertEquals(made.got.responses[0]!.partitions[0]!.divergingEpoch, { epoch: 1, endOffset: 4n });
});

Deno.test("read_committed waits for the last stable offset, and has a list of aborted transactions; others have none", () => {
  const committed = call(client(), wants([0], { isolationLevel: 1 }));
  assertEquals(asked(committed, 0).isolation, "read_committed");
  committed.answer("fetch", "t-0", found(new Uint8Array(0), 9, { lastStableOffset: 4 }));
  assertEquals(committed.question("awaitData").message["above"], 4);
  committed.answer("awaitData", "t-0", true);
  const abortedTransactions = [{ producerId: 7n, firstOffset: 4 }];
  committed.answer("fetch", "t-0", found(batch(4, 100), 9, { lastStableOffset: 5, abortedTransactions }));
  const partition = committed.got.responses[0]!.partitions[0]!;
  assertEquals(partition.abortedTransactions, [{ producerId: 7n, firstOffset: 4n }]);
  assertEquals([partition.lastStableOffset, partition.highWatermark, partition.preferredReadReplica], [5n, 9n, -1]);
  const uncommitted = call(client(), wants([0]));
  uncommitted.answer("fetch", "t-0", found(batch(0, 100), 1, { abortedTransactions: [] }));
  assertEquals(uncommitted.got.responses[0]!.partitions[0]!.abortedTransactions, null);
});

Deno.test("an incremental fetch tells only what changed, a full one everything", () => {
  const asking = client();
  const opened = call(asking, wants([0, 1], { sessionEpoch: 0, maxWaitMs: 0 }));
  opened.answer("fetch", "t-0", nothing(5));
  opened.answer("fetch", "t-1", nothing(6));
  assertEquals(brought(opened).length, 2);
  const { sessionId } = opened.got;
  assert(sessionId > 0);
  const next = call(asking, { ...wants([], { sessionEpoch: 1, sessionId, maxWaitMs: 0 }), topics: [] });
  next.answer("fetch", "t-0", nothing(5));
  next.answer("fetch", "t-1", found(batch(0, 100), 7));
  assertEquals(brought(next), [[1, "NONE", [0]]]);
  assertEquals(next.got.sessionId, sessionId);
});

Deno.test("a session that is not known, or not at that epoch, is refused as a whole", () => {
  const asking = client();
  const refused = call(asking, wants([0], { sessionId: 12345, sessionEpoch: 3 })).got;
  assertEquals([errorName(refused.errorCode), refused.sessionId, refused.responses], [
    "FETCH_SESSION_ID_NOT_FOUND",
    0,
    [],
  ]);
  const opened = call(asking, wants([0], { sessionEpoch: 0, minBytes: 0 }));
  opened.answer("fetch", "t-0", nothing());
  const late = call(asking, wants([0], { sessionId: opened.got.sessionId, sessionEpoch: 2 })).got;
  assertEquals(errorName(late.errorCode), "INVALID_FETCH_SESSION_EPOCH");
});

Deno.test("memory that is tight makes answers smaller, never empty where there is something", () => {
  const asking = client();
  asking.leftBytes = 100;
  const made = call(asking, wants([0, 1], { minBytes: 5000 }));
  assertEquals([asked(made, 0).maxBytes, asked(made, 0).minOneBatch], [100, true]);
  made.answer("fetch", "t-0", found(batch(0, 300), 9));
  assertEquals([asked(made, 1).maxBytes, asked(made, 1).minOneBatch], [0, false]);
  made.answer("fetch", "t-1", nothing(3));
  assertEquals(brought(made), [[0, "NONE", [0]], [1, "NONE", []]]); // it does not wait for memory
});

Deno.test("what was reserved and not filled is given back at once, what was filled is held", () => {
  const asking = client();
  asking.leftBytes = 1 << 20;
  const made = call(asking, wants([0, 1], { minBytes: 400 }));
  assertEquals(asking.heldBytes, 1 << 20);
  made.answer("fetch", "t-0", found(batch(0, 300), 1));
  made.answer("fetch", "t-1", nothing());
  assertEquals(asking.heldBytes, 300); // while it waits
});

Deno.test("a fetch whose connection ends calls its waits off, and takes no more answers", () => {
  const made = call(client(), wants([0, 1]));
  made.answer("fetch", "t-0", nothing());
  made.answer("fetch", "t-1", nothing());
  const waits = made.open.splice(0);
  made.abandon();
  assertEquals(made.open.map(({ to, verb, message }) => [to, verb, message["deadlineMs"]]), [
    ["1/replica/t-0", "awaitData", 0],
    ["1/replica/t-1", "awaitData", 0],
  ]);
  for (const { settle } of waits) settle({ ok: true, value: true });
  assertEquals([made.open.length, made.response], [2, undefined]);
});

Deno.test("every version is answered in its own shape", () => {
  for (let version = 4; version <= 17; version++) {
    const asking = client();
    const topicId = asking.view.image.topics.get("t")!.topicId;
    const { partitions } = wants([0]).topics![0]!;
    const made = call(asking, { ...wants([]), topics: [{ topic: "t", topicId, partitions }] }, version);
    made.answer("fetch", "t-0", found(batch(0, 100), 1));
    assertEquals(brought(made), [[0, "NONE", [0]]]);
  }
});

Deno.test("nobody fetches in the name of a replica over a client's connection", () => {
  for (let version = 4; version <= 17; version++) {
    const asking = client();
    const topicId = asking.view.image.topics.get("t")!.topicId;
    const topics = [{ topic: "t", topicId, partitions: wants([0]).topics![0]!.partitions }];
    const inTheNameOf = (id: number) =>
      version < 15 ? { replicaId: id } : { replicaState: { replicaId: id, replicaEpoch: 5n } };
    const refused = call(asking, { ...wants([]), topics, ...inTheNameOf(2) }, version);
    assertEquals(brought(refused), [[0, "TOPIC_AUTHORIZATION_FAILED", []]]);
    const looks = call(asking, { ...wants([]), topics, ...inTheNameOf(-1) }, version);
    assertEquals(looks.open.length, 1);
  }
});
