import { assert, assertEquals } from "@std/assert";
import { BASE_OFFSET } from "../../../../protocol/batch.ts";
import { errorCode } from "../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../protocol/records.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, listOffsets } from "../../../../protocol/tables/produce_fetch.ts";
import { address, asks, batchOf, offsets, Stage, T0, T1 } from "./consumer_stage.ts";

const FOREVER_MS = 3_600_000;

Deno.test("each leader is asked for its partitions, by topic id, on a lane of its own", () => {
  const stage = new Stage().assign([T0, T1], 7);
  assertEquals(asks(stage), ["1 full #t-0@7", "2 full #t-1@7"]);
  for (const { lane, version, body } of stage.all(fetch)) {
    assertEquals([lane, version, body.isolationLevel, body.maxWaitMs], ["fetch", 17, 0, 500]);
    const [partition] = body.topics[0]!.partitions;
    assertEquals([partition!.currentLeaderEpoch, partition!.lastFetchedEpoch], [5, -1]);
  }
});

Deno.test("one fetch is under way at each broker, and the next goes on where it ended", () => {
  const stage = new Stage().assign([T0], 7);
  stage.fetched([{ records: batchOf(7, "a", "b") }]);
  assertEquals(asks(stage), ["1 full #t-0@9"]);
  assertEquals(stage.one(fetch).body.topics[0]!.partitions[0]!.lastFetchedEpoch, 5);
  assertEquals(offsets(stage.poll()), [7, 8]);
  assertEquals(asks(stage), ["1 full #t-0@9"]);
});

Deno.test("a broker that opens a session is told only what has changed, and what is not wanted any more", () => {
  const stage = new Stage();
  stage.leaders = [1, 1];
  stage.assign([T0, T1], 0);
  assertEquals(asks(stage), ["1 full #t-0@0 #t-1@0"]);
  stage.fetched([{ partition: 0, records: batchOf(0, "a") }, { partition: 1 }], 33);
  assertEquals(asks(stage), ["1 33/1 #t-0@1"]);
  stage.probe.ask("pause", [T1]);
  stage.fetched([], 33);
  assertEquals(asks(stage), ["1 33/2 -#t-1"]);
  stage.probe.ask("resume", [T1]);
  stage.fetched([], 33);
  assertEquals(asks(stage), ["1 33/3 #t-1@0"]);
});

Deno.test("a session that the broker has lost, or that got no answer, begins anew with everything", () => {
  for (const error of [70, 71, 106]) {
    const stage = new Stage().assign([T0], 0);
    stage.fetched([{ records: batchOf(0, "a") }], 33);
    stage.answer(fetch, { errorCode: error, sessionId: 0, responses: [] });
    assertEquals(asks(stage), ["1 full #t-0@1"]);
  }
  const stage = new Stage().assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a") }], 33);
  stage.settle(stage.one(fetch), "closed");
  assertEquals(asks(stage), []);
  stage.probe.advance(200);
  assertEquals(asks(stage), ["1 full #t-0@1"]);
});

Deno.test("a broker that does not know topic ids is told names, and no more than it understands", () => {
  const stage = new Stage({ newest: { Fetch: 11 } }).assign([T0], 4);
  assertEquals([asks(stage), stage.one(fetch).version], [["1 full t-0@4"], 11]);
});

Deno.test("what was fetched before a seek is not wanted any more", () => {
  const stage = new Stage().assign([T0], 0);
  const late = stage.one(fetch);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 50 } });
  stage.fetched([{ records: batchOf(0, "a") }], 0, late);
  assertEquals(asks(stage), ["1 full #t-0@50"]);
  const poll = stage.poll();
  stage.fetched([{ records: batchOf(50, "b") }]);
  assertEquals(offsets(poll), [50]);
});

Deno.test("what was fetched for an assignment of before is not wanted any more", () => {
  const stage = new Stage().assign([T0], 0);
  const late = stage.one(fetch);
  stage.probe.ask("assign", [T1]);
  stage.assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a") }], 0, late);
  assertEquals(offsets(stage.poll(100, 0)), []);
  assert(asks(stage).includes("1 full #t-0@0"));
});

Deno.test("a batch that begins before the offset, and one that is cut off, are read as far as they go", () => {
  const stage = new Stage().assign([T0], 8);
  const second = batchOf(10, "c");
  const records = new Uint8Array([...batchOf(7, "a", "b", "x"), ...second.subarray(0, second.length - 1)]);
  stage.fetched([{ records }]);
  assertEquals(asks(stage), ["1 full #t-0@10"]);
  assertEquals(offsets(stage.poll()), [8, 9]);
});

Deno.test("a partition that has enough waiting is not fetched; the others of its broker are asked for with little patience", () => {
  const stage = new Stage({ config: { maxPartitionFetchBytes: 100 } });
  stage.leaders = [1, 1];
  stage.assign([T0, T1], 0);
  stage.fetched([{ records: batchOf(0, "x".repeat(200)) }], 33);
  assertEquals(asks(stage), ["1 33/1 -#t-0"]);
  assertEquals(stage.one(fetch).body.maxWaitMs, 20);
  stage.poll();
  stage.fetched([], 33);
  assertEquals(asks(stage), ["1 33/2 #t-0@1"]);
  assertEquals(stage.one(fetch).body.maxWaitMs, 500);
});

Deno.test("what lies here is bounded: beyond that nothing is fetched, but what is paused takes no room", () => {
  const stage = new Stage({ config: { bufferBytes: 100 } }).assign([T0, T1], 0);
  stage.fetched([{ records: batchOf(0, "x".repeat(200)) }]);
  assertEquals(asks(stage), ["2 full #t-1@0"]);
  stage.fetched([{ partition: 1 }]);
  assertEquals(asks(stage), []); // though nothing lies here of it
  stage.probe.ask("pause", [T0]); // which may be for ever
  assertEquals(asks(stage), ["2 full #t-1@0"]);
  stage.probe.ask("resume", [T0]);
  stage.poll();
  assertEquals(asks(stage), ["2 full #t-1@0", "1 full #t-0@1"]);
});

Deno.test("brokers that may answer all at once share the room", () => {
  const config = { maxPartitionFetchBytes: 300, bufferBytes: 1_000, fetchMaxBytes: 800 };
  const stage = new Stage({ config });
  const bytes = () => stage.all(fetch).map(({ body }) => body.maxBytes);
  stage.probe.ask("assign", [T0, T1]);
  for (const exchange of stage.all(listOffsets)) stage.settle(exchange, "closed");
  stage.probe.ask("seek", { partitions: [T0, T1], to: { offset: 0 } });
  assertEquals(bytes(), [500, 500]);
  stage.probe.ask("assign", [T0]);
  stage.fetched([]);
  assertEquals(bytes().at(-1), 800);
  stage.fetched([{ records: batchOf(0, "x".repeat(100)) }], 0, stage.all(fetch).at(-1));
  const lies = stage.probe.state.partitions.get("t-0")!.buffer.sizeBytes;
  assertEquals(bytes().at(-1), Math.min(800, 1_000 - lies));
});

Deno.test("a session that is refused is begun anew at once, and one that is refused then, too, a little later", () => {
  const stage = new Stage().assign([T0], 0);
  const refuse = () => stage.answer(fetch, { errorCode: errorCode("FETCH_SESSION_ID_NOT_FOUND"), responses: [] });
  stage.fetched([], 33);
  assertEquals(asks(refuse()), ["1 full #t-0@0"]);
  assertEquals(asks(refuse()), []);
  stage.probe.advance(300);
  assertEquals(asks(stage), ["1 full #t-0@0"]);
});

Deno.test("a follower that does not have what the leader sends readers to it for is not asked without end", () => {
  const stage = new Stage({ config: { clientRack: "b" } }).assign([T0], 3);
  const sent = () => {
    stage.fetched([{ more: { preferredReadReplica: 2 } }]);
    stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  };
  sent();
  assertEquals(asks(stage), ["1 full #t-0@3"]);
  sent();
  assertEquals(asks(stage), []);
  stage.probe.advance(200);
  assertEquals(asks(stage), ["1 full #t-0@3"]);
});

Deno.test("an offset that a leader has named, and then has not, is not asked for without end", () => {
  const stage = new Stage({ config: { autoOffsetReset: "earliest" } }).assign([T0], 3);
  stage.waiting.splice(0, Infinity, ...stage.all(fetch));
  const reset = () => {
    stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
    const partitions = [{ partitionIndex: 0, errorCode: 0, offset: 90n, leaderEpoch: 4 }];
    if (stage.all(listOffsets).length > 0) stage.answer(listOffsets, { topics: [{ name: "t", partitions }] });
  };
  reset();
  assertEquals(asks(stage), ["1 full #t-0@90"]);
  reset();
  assertEquals([asks(stage), stage.all(listOffsets)], [[], []]);
  stage.probe.advance(200);
  assertEquals(stage.all(listOffsets).length, 1);
});

Deno.test("a damaged batch is fetched again after longer and longer", () => {
  const stage = new Stage().assign([T0], 0);
  const damaged = batchOf(0, "a");
  damaged[damaged.length - 2]! ^= 1;
  const waited: number[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    stage.fetched([{ records: damaged }]);
    assertEquals(stage.poll().reply?.error, "CORRUPT_MESSAGE");
    stage.fetched([]); // what it had asked for behind that
    let waitedMs = 0;
    for (; stage.all(fetch).length === 0; waitedMs += 10) stage.probe.advance(10);
    waited.push(waitedMs);
  }
  assert(waited[3]! > 2.5 * waited[0]!, waited.join());
});

Deno.test("a topic that may not be read is complained of, and tried again: somebody may allow it", () => {
  const stage = new Stage().assign([T0], 0);
  stage.fetched([{ error: "TOPIC_AUTHORIZATION_FAILED" }]);
  assertEquals(stage.poll().reply?.error, "TOPIC_AUTHORIZATION_FAILED");
  stage.probe.advance(200);
  const poll = stage.poll();
  stage.fetched([{ records: batchOf(0, "a") }]);
  assertEquals(offsets(poll), [0]);
});

Deno.test("a cut behind what lies here, but not behind what was handed out, is looked for there, too", () => {
  const stage = new Stage().assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a", "b", "c") }]);
  stage.poll(1);
  stage.fetched([{ more: { divergingEpoch: { epoch: 5, endOffset: 2n } } }]);
  assertEquals(asks(stage), ["1 full #t-0@1"]);
  assertEquals(stage.one(fetch).body.topics[0]!.partitions[0]!.lastFetchedEpoch, 5);
});

Deno.test("another leader, named in the answer, is asked at once; one that is not named is looked up", () => {
  const stage = new Stage().assign([T0], 3);
  stage.answer(fetch, {
    errorCode: 0,
    sessionId: 0,
    responses: [{
      topicId: "BAAAAAAAAAAAAAAAAAAAAA",
      partitions: [{
        partitionIndex: 0,
        errorCode: 6,
        highWatermark: -1n,
        abortedTransactions: null,
        records: null,
        currentLeader: { leaderId: 2, leaderEpoch: 6 },
      }],
    }],
    nodeEndpoints: [{ nodeId: 2, ...address(2) }],
  });
  assertEquals(asks(stage), ["2 full #t-0@3"]);
  stage.leaders = [1, 2];
  stage.leaderEpoch = 7;
  stage.fetched([{ error: "FENCED_LEADER_EPOCH" }]);
  assertEquals(asks(stage), []);
  stage.probe.advance(300);
  assertEquals(asks(stage), ["1 full #t-0@3"]);
});

Deno.test("a reader in the follower's rack is sent there, and comes back when the follower does not have it", () => {
  const stage = new Stage({ config: { clientRack: "b" } }).assign([T0], 3);
  assertEquals(stage.one(fetch).body.rackId, "b");
  stage.fetched([{ more: { preferredReadReplica: 2 } }]);
  assertEquals(asks(stage), ["2 full #t-0@3"]);
  stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  assertEquals(asks(stage), ["1 full #t-0@3"]); // which the leader has to confirm
  stage.fetched([{ more: { preferredReadReplica: 2 } }]);
  stage.probe.advance(300_000);
  stage.fetched([]);
  assertEquals(asks(stage), ["1 full #t-0@3"]); // from time to time the leader is asked again
});

Deno.test("a reader who is sent to a broker that it does not know asks who that is, and not the leader again at once", () => {
  const stage = new Stage({ config: { clientRack: "b" } }).assign([T0], 3);
  stage.probe.advance(1_000);
  stage.auto = false;
  stage.fetched([{ more: { preferredReadReplica: 7 } }]);
  assertEquals([asks(stage), stage.all(metadata).length], [[], 1]);
  stage.probe.advance(100);
  assertEquals(asks(stage), ["1 full #t-0@3"]); // nobody knows yet
});

Deno.test("an offset that is not there is reset by policy, after what lies here", () => {
  const stage = new Stage({ config: { autoOffsetReset: "earliest" } }).assign([T0], 3);
  stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  assertEquals(asks(stage), []);
  const exchange = stage.all(listOffsets).at(-1)!;
  assertEquals(exchange.body.topics[0]!.partitions[0]!.timestamp, -2n);
  stage.answer(listOffsets, {
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, errorCode: 0, offset: 90n, leaderEpoch: 4 }] }],
  }, exchange);
  assertEquals(asks(stage), ["1 full #t-0@90"]);
  const strict = new Stage({ config: { autoOffsetReset: "none" } }).assign([T0], 3);
  strict.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  assertEquals(strict.poll().reply?.error, "OFFSET_OUT_OF_RANGE");
  assertEquals(strict.poll().reply?.error, "OFFSET_OUT_OF_RANGE"); // until somebody seeks
  strict.probe.ask("seek", { partitions: [T0], to: { offset: 9 } });
  assertEquals(asks(strict), ["1 full #t-0@9"]);
});

Deno.test("an offset that is not there does not matter before what was fetched is handed out", () => {
  const stage = new Stage({ config: { autoOffsetReset: "earliest" } }).assign([T0], 3);
  stage.fetched([{ records: batchOf(3, "a") }]);
  stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  assertEquals(offsets(stage.poll()), [3]);
});

Deno.test("a broker that knows topic ids is told names all the same when Metadata has none", () => {
  const stage = new Stage({ auto: false });
  stage.probe.ask("assign", [T0]);
  stage.answer(metadata, stage.metadata(false));
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 4 } });
  assertEquals([asks(stage), stage.one(fetch).version], [["1 full t-0@4"], 12]);
});

Deno.test("two brokers that are asked for the same, one after it has lost the lead, count once", () => {
  const stage = new Stage({ config: { metadataMaxAgeMs: 1_000 } }).assign([T0], 0);
  const [late] = stage.all(fetch);
  stage.leaders = [2, 2];
  stage.leaderEpoch = 6;
  stage.probe.advance(1_500);
  assertEquals(asks(stage), ["1 full #t-0@0", "2 full #t-0@0"]);
  stage.fetched([{ records: batchOf(0, "a", "b") }], 0, stage.all(fetch)[1]);
  stage.fetched([{ records: batchOf(0, "a") }], 0, late);
  assertEquals(asks(stage), ["2 full #t-0@2"]);
  assertEquals(offsets(stage.poll()), [0, 1]);
});

Deno.test("a log that was cut behind what was read is read again from there", () => {
  const stage = new Stage().assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a", "b", "c") }]);
  assertEquals(offsets(stage.poll()), [0, 1, 2]);
  stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 1n } } }]);
  assertEquals(asks(stage), ["1 full #t-0@1"]);
  assertEquals(stage.one(fetch).body.topics[0]!.partitions[0]!.lastFetchedEpoch, 4);
});

Deno.test("a follower whose log is shorter does not send the reader back: the leader is asked", () => {
  const stage = new Stage({ config: { clientRack: "r" } }).assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a", "b", "c", "d", "e") }]);
  assertEquals(offsets(stage.poll(5)), [0, 1, 2, 3, 4]);
  stage.fetched([{ more: { preferredReadReplica: 2 } }]);
  assertEquals(asks(stage), ["2 full #t-0@5"]);
  stage.fetched([{ more: { divergingEpoch: { epoch: 5, endOffset: 2n } } }]);
  assertEquals(asks(stage), ["1 full #t-0@5"]);
});

Deno.test("bytes whose checksum is wrong are not handed out, but what was before them is; then they are fetched again", () => {
  const stage = new Stage().assign([T0], 0);
  const damaged = batchOf(1, "b");
  damaged[damaged.length - 2]! ^= 1;
  stage.fetched([{ records: new Uint8Array([...batchOf(0, "a"), ...damaged]) }]);
  assertEquals(offsets(stage.poll()), [0]);
  const poll = stage.poll();
  assertEquals([poll.reply?.error, offsets(poll)], ["CORRUPT_MESSAGE", []]);
  stage.probe.advance(200);
  const [again] = stage.all(fetch).slice(-1);
  stage.fetched([], 0, again);
  stage.probe.advance(200);
  assertEquals(asks(stage).at(-1), "1 full #t-0@1");
});

Deno.test("batches without records, and control batches, move on without being handed out", () => {
  const stage = new Stage().assign([T0], 0);
  const empty = encodeBatch([], { baseOffset: 0, lastOffsetDelta: 41 });
  const control = encodeBatch([{ key: new Uint8Array(4) }], {
    baseOffset: 42,
    isControl: true,
    isTransactional: true,
    producerId: 9n,
  });
  stage.fetched([{ records: new Uint8Array([...empty, ...control]), end: 43 }]);
  assertEquals(asks(stage), ["1 full #t-0@43"]);
  const poll = stage.poll();
  assertEquals(poll.reply, undefined);
  assertEquals(stage.probe.ask("position", T0).reply?.offset, 43);
  assertEquals(stage.probe.ask("lag", undefined).reply, [{ ...T0, records: 0 }]);
  stage.fetched([{ records: batchOf(43, "a") }]);
  assertEquals(offsets(poll), [43]);
});

Deno.test("records of aborted transactions are left out where only committed ones are read", () => {
  const stage = new Stage({ config: { isolationLevel: "read_committed" } }).assign([T0], 0);
  assertEquals(stage.one(fetch).body.isolationLevel, 1);
  const of = (baseOffset: number, producerId: bigint, isControl = false) =>
    encodeBatch([{ key: new Uint8Array([0, 0, 0, 0]), value: new Uint8Array(1) }], {
      baseOffset,
      producerId,
      isTransactional: true,
      isControl,
    });
  const records = [of(0, 7n), of(1, 8n), of(2, 7n, true), of(3, 7n), of(4, 8n, true), of(5, 7n, true), batchOf(6, "a")];
  stage.fetched([{
    records: new Uint8Array(records.flatMap((batch) => [...batch])),
    more: { abortedTransactions: [{ producerId: 7n, firstOffset: 0n }] },
  }]);
  assertEquals(offsets(stage.poll()), [1, 3, 6]); // what 7 wrote after its abort was committed
});

Deno.test("a broker that cannot be reached is asked again later, by what Metadata says then", () => {
  const stage = new Stage().assign([T0], 0);
  stage.leaders = [2, 2];
  stage.leaderEpoch = 6;
  stage.settle(stage.one(fetch), "timeout");
  stage.probe.advance(200);
  assertEquals(asks(stage), ["2 full #t-0@0"]);
  assertEquals(stage.all(metadata), []);
});

Deno.test("while a broker keeps it waiting it asks another one who leads, and reads on there", () => {
  const stage = new Stage().assign([T0], 0);
  stage.leaders = [2, 2];
  stage.leaderEpoch = 6;
  stage.probe.advance(2_400);
  assertEquals(asks(stage), ["1 full #t-0@0"]);
  stage.probe.advance(200);
  assertEquals(asks(stage), ["1 full #t-0@0", "2 full #t-0@0"]);
  stage.fetched([{ records: batchOf(0, "a") }], 0, stage.all(fetch)[1]);
  assertEquals(offsets(stage.poll()), [0]);
});

Deno.test("an answer that is no sequence of batches is complained of, and fetched again", () => {
  const stage = new Stage().assign([T0], 0);
  const nonsense = batchOf(0, "a");
  new DataView(nonsense.buffer).setBigInt64(BASE_OFFSET, 1n << 60n);
  const poll = stage.probe.ask("poll", { maxRecords: 1, timeoutMs: FOREVER_MS }, 2 * FOREVER_MS);
  stage.fetched([{ records: nonsense }]);
  assertEquals(poll.reply?.error, "CORRUPT_MESSAGE");
  stage.probe.advance(200);
  assertEquals(asks(stage), ["1 full #t-0@0"]);
});
