import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { batches, crcMatches, readBatchHeader } from "../../../../protocol/batch.ts";
import { records } from "../../../../protocol/records.ts";
import type { ReplicaConfig } from "../../../../actors/partition/protocol.ts";
import { batch, Harness, NOW_MS, produced } from "./harness.ts";

function settled(h: Harness, request: Parameters<Harness["append"]>[0]) {
  const asked = h.append(request);
  while (h.log.flushing > 0) h.endFlush();
  return asked.reply!;
}

Deno.test("an append gets the log's next offset and the leader's epoch, stamped into its bytes", () => {
  const h = new Harness();
  assertEquals(settled(h, { records: batch(3) }).baseOffset, 0);
  const reply = settled(h, { records: batch(2) });
  assertEquals(reply, {
    error: "NONE",
    message: null,
    recordErrors: [],
    baseOffset: 3,
    logAppendTimeMs: -1,
    logStartOffset: 0,
    leader: 1,
    leaderEpoch: 5,
  });
  const stored = [...h.log.batches];
  assertEquals(stored.map(({ header }) => [header.baseOffset, header.partitionLeaderEpoch]), [[0, 5], [3, 5]]);
  assert(stored.every(({ bytes }) => crcMatches(bytes)));
  assertEquals(h.log.epochs, [{ epoch: 5, startOffset: 0 }]);
});

Deno.test("a replica that does not lead refuses, and says who does", () => {
  const h = new Harness({ role: { leader: 2, leaderEpoch: 8 } });
  const reply = h.append().reply!;
  assertEquals([reply.error, reply.leader, reply.leaderEpoch], ["NOT_LEADER_OR_FOLLOWER", 2, 8]);
  assertEquals(h.log.batches, []);
});

Deno.test("acks must be 0, 1 or -1", () => {
  const reply = new Harness().append({ acks: 2 as 1 }).reply!;
  assertEquals(reply.error, "INVALID_REQUIRED_ACKS");
  assertStringIncludes(reply.message!, "acks is 2");
});

Deno.test("acks=all is refused before anything is written when too few replicas are in sync; acks 1 and 0 are not", () => {
  const h = new Harness({ config: { minInsyncReplicas: 2 }, role: { replicas: [1, 2], isr: [1] } });
  assertEquals(h.append({ acks: -1 }).reply?.error, "NOT_ENOUGH_REPLICAS");
  assertEquals(h.log.batches, []);
  assertEquals(settled(h, { acks: 1 }).error, "NONE");
  assertEquals(settled(h, { acks: 0 }).error, "NONE");
  assertEquals(h.describe().highWatermark, 0, "and nothing of it becomes readable");
});

Deno.test("min.insync.replicas asks a topic of one replica for one", () => {
  assertEquals(settled(new Harness({ config: { minInsyncReplicas: 3 } }), {}).error, "NONE");
});

Deno.test("what is not well formed is refused with its records, and nothing is written", () => {
  const h = new Harness({ config: { compact: true } });
  const reply = h.append({ records: batch(2) }).reply!;
  assertEquals([reply.error, reply.baseOffset, reply.recordErrors.map((each) => each.batchIndex)], [
    "INVALID_RECORD",
    -1,
    [0, 1],
  ]);
  assertEquals([h.log.batches, h.describe().endOffset], [[], 0]);
});

Deno.test("every demand of the topic's configuration reaches the validation", () => {
  const refused = (config: Partial<ReplicaConfig>, records = batch(1), zstdAllowed = true) =>
    new Harness({ config }).append({ records, zstdAllowed }).reply!.error;
  assertEquals(refused({ maxMessageBytes: 10 }), "MESSAGE_TOO_LARGE");
  const zeros = batch(1, { codec: "gzip" }, { value: new Uint8Array(100_000) });
  assertEquals(refused({ maxDecompressedBytes: 1_000 }, zeros), "MESSAGE_TOO_LARGE");
  assertEquals(
    refused({ timestampBeforeMaxMs: 10 }, batch(1, {}, { timestamp: NOW_MS - 11 })),
    "INVALID_TIMESTAMP",
  );
  assertEquals(
    refused({ timestampAfterMaxMs: 10 }, batch(1, {}, { timestamp: NOW_MS + 11 })),
    "INVALID_TIMESTAMP",
  );
  assertEquals(refused({}, batch(1, { codec: "zstd" }), false), "UNSUPPORTED_COMPRESSION_TYPE");
});

Deno.test("compression.type compresses again", () => {
  const h = new Harness({ config: { compressionType: "gzip", gzipLevel: 9 } });
  assertEquals(settled(h, { records: batch(5) }).error, "NONE");
  const { header, bytes } = h.log.batches[0]!;
  assertEquals([header.codec, header.baseOffset, [...records(bytes)].length], [1, 0, 5]);
});

Deno.test("a LogAppendTime topic stamps the broker's time and reports it", () => {
  const h = new Harness({ config: { timestampType: "LogAppendTime" } });
  h.probe.advance(77);
  const reply = settled(h, { records: produced(1, 0, 0, 2) });
  assertEquals(reply.logAppendTimeMs, NOW_MS + 77);
  assertEquals(h.log.batches[0]!.header.maxTimestamp, NOW_MS + 77);
  h.probe.advance(100);
  assertEquals(
    settled(h, { records: produced(1, 0, 0, 2) }).logAppendTimeMs,
    NOW_MS + 77,
    "of the first, for a duplicate",
  );
});

Deno.test("a batch larger than a segment is refused", () => {
  const h = new Harness();
  const { config } = h.probe.state;
  h.probe.tell("configure", { ...config, log: { ...config.log, segmentBytes: 100 } });
  assertEquals(h.append({ records: batch(40) }).reply?.error, "RECORD_LIST_TOO_LARGE");
});

Deno.test("a transactional batch is refused, since no transaction can be open", () => {
  const options = { producerId: 1n, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  const h = new Harness();
  const reply = h.append({ records: batch(1, options) }).reply!;
  assertEquals(reply.error, "INVALID_TXN_STATE");
  assertStringIncludes(reply.message!, "Transactions are not served");
  assertEquals(h.log.batches, []);
});

Deno.test("sequences and epochs of idempotent producers are enforced", () => {
  const h = new Harness();
  const error = (...batch: Parameters<typeof produced>) => settled(h, { records: produced(...batch) }).error;
  assertEquals(error(1, 0, 0, 2), "NONE");
  assertEquals(error(1, 0, 3, 1), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(1, 0, 2, 1), "NONE");
  assertEquals(error(1, 1, 3, 1), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(1, 1, 0, 1), "NONE");
  assertEquals(error(1, 0, 3, 1), "INVALID_PRODUCER_EPOCH");
  assertEquals(h.describe().endOffset, 4);
});

Deno.test("a batch that is sent again gets the offset that it has, and is not appended again", () => {
  const h = new Harness();
  for (const at of [0, 1, 2, 3, 4, 5]) settled(h, { records: produced(1, 0, at * 2, 2) });
  for (const at of [1, 2, 3, 4, 5]) {
    for (const acks of [-1, 1, 0] as const) {
      const reply = h.append({ records: produced(1, 0, at * 2, 2), acks }).reply!;
      assertEquals([reply.error, reply.baseOffset, reply.logAppendTimeMs], ["NONE", at * 2, -1]);
    }
  }
  assertEquals(h.log.batches.length, 6);
  assertEquals(h.append({ records: produced(1, 0, 0, 2) }).reply?.error, "OUT_OF_ORDER_SEQUENCE_NUMBER");
});

Deno.test("a duplicate is answered when the batch that it repeats is safe, not before", () => {
  for (const acks of [-1, 1] as const) {
    const h = new Harness();
    const first = h.append({ records: produced(1, 0, 0, 1), acks });
    const again = h.append({ records: produced(1, 0, 0, 1), acks });
    assertEquals([first.reply, again.reply], [undefined, undefined]);
    h.endFlush();
    assertEquals([first.reply?.baseOffset, again.reply?.baseOffset], [0, 0]);
    assertEquals(h.log.batches.length, 1);
  }
});

Deno.test("a duplicate of a batch that never became durable is not acknowledged", () => {
  const h = new Harness();
  h.append({ records: produced(1, 0, 0, 1) });
  const again = h.append({ records: produced(1, 0, 0, 1) });
  h.log.endFlush(Object.assign(new Error("gone"), { name: "DiskError" }));
  h.probe.advance(0);
  assertEquals(again.reply?.error, "KAFKA_STORAGE_ERROR");
});

Deno.test("a handler that throws has written nothing and taken no sequence", () => {
  const h = new Harness();
  settled(h, { records: produced(1, 0, 0, 1) });
  const { producers } = h.probe.state;
  const append = producers.append.bind(producers);
  producers.append = (...args) => {
    append(...args);
    throw new Error("a bug, half-way");
  };
  const lost = h.append({ records: produced(1, 0, 1, 1) });
  assertEquals(lost.answer, { ok: false, failure: "crashed" });
  assertEquals(h.log.batches.length, 1);
  h.probe.advance(5_000);
  assertEquals(h.probe.restarts, 1);
  assertEquals(h.describe().endOffset, 1);
  assertEquals(settled(h, { records: produced(1, 0, 1, 1) }).baseOffset, 1, "the producer tries again, and it is new");
});

Deno.test("a snapshot that is taken as a batch is written does not know of that batch", () => {
  const h = new Harness();
  const empty = h.probe.state.producers.snapshot(0);
  settled(h, { records: produced(1, 0, 0, 1) });
  const one = h.probe.state.producers.snapshot(1);
  settled(h, { records: produced(1, 0, 1, 1) });
  assertEquals([...h.log.snapshots], [[0, empty], [1, one]]); // the fake log takes one before each append
});

Deno.test("the bytes of the log are whole batches in offset order", () => {
  const h = new Harness().fill(3, 1, 2);
  const { records: bytes } = h.fetch(0);
  assertEquals([...batches(bytes)].map(({ baseOffset, recordCount }) => [baseOffset, recordCount]), [[0, 3], [3, 1], [
    4,
    2,
  ]]);
  assertEquals(readBatchHeader(bytes).partitionLeaderEpoch, 5);
});

Deno.test("a batch whose memory is gone, because its request was answered with a timeout, is refused and crashes nothing", () => {
  const h = new Harness();
  const records = new Uint8Array(batch(3));
  records.buffer.transfer(0);
  assertEquals(h.append({ records }).reply?.error, "INVALID_RECORD");
  assertEquals(h.log.batches, []);
  assertEquals(settled(h, { records: batch(1) }).baseOffset, 0);
});

Deno.test("a writer that writes alone appends in its epoch, at the offset where it thinks that the log ends, or not at all", () => {
  const h = new Harness({ config: { timestampBeforeMaxMs: 0, timestampAfterMaxMs: 0 } });
  const at = (leaderEpoch: number, baseOffset: number) => ({
    records: batch(2, {}, { timestamp: NOW_MS - 5 }),
    fence: { leaderEpoch, baseOffset },
  });
  assertEquals(settled(h, at(5, 0)).baseOffset, 0, "and its clock is the broker's own: it is not judged");
  assertEquals(settled(h, at(5, 0)).error, "OFFSET_OUT_OF_RANGE");
  assertEquals(settled(h, at(5, 3)).error, "OFFSET_OUT_OF_RANGE");
  assertEquals(settled(h, at(4, 2)).error, "FENCED_LEADER_EPOCH");
  assertEquals(settled(h, at(6, 2)).error, "UNKNOWN_LEADER_EPOCH");
  assertEquals(h.log.batches.length, 1);
  assertEquals(settled(h, at(5, 2)).baseOffset, 2);
  assertEquals(h.append(at(5, 4)).reply, undefined);
  assertEquals(h.append(at(5, 4)).reply?.error, "OFFSET_OUT_OF_RANGE", "what is on its way counts");
  assertEquals(h.append(at(5, 6)).reply, undefined);
});
