import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { writeBigInt64, writeInt16, writeInt32, writeInt64 } from "../../../lib/big_endian.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import * as at from "../../../protocol/batch.ts";
import type { CompressionName } from "../../../protocol/compression/codec.ts";
import { type BatchOptions, encodeBatch, type NewRecord, recompressBatch, records } from "../../../protocol/records.ts";
import {
  MAX_RECORD_ERRORS,
  type ProducedRecords,
  type RefusedRecords,
  sequenceAfter,
  validate,
  type ValidatedBatch,
} from "../../../protocol/validate.ts";
import { concat, damage, hex } from "./compression/samples.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const CODECS: readonly CompressionName[] = ["none", "gzip", "snappy", "lz4", "zstd"];

const three: readonly NewRecord[] = [
  { key: hex("01"), value: hex("0102"), timestamp: NOW },
  { key: hex("02"), value: null, timestamp: NOW + 5 },
  { key: hex("03"), value: hex("03"), timestamp: NOW - 5, headers: [["a", hex("ff")]] },
];

function judge(records: Uint8Array, over: Partial<ProducedRecords> = {}): ValidatedBatch | RefusedRecords {
  return validate({
    records,
    now: NOW,
    maxMessageBytes: 1_048_588,
    compacted: false,
    timestampType: "CreateTime",
    beforeMaxMs: Infinity,
    afterMaxMs: HOUR,
    zstdAllowed: true,
    compressionType: "producer",
    maxDecompressedBytes: 10_000_000,
    ...over,
  });
}

function accepted(records: Uint8Array, over: Partial<ProducedRecords> = {}): ValidatedBatch {
  const result = judge(records, over);
  if (result.error !== "NONE") throw new Error(`${result.error}: ${result.message}`);
  assert(at.crcMatches(result.batch));
  return result;
}

function refused(records: Uint8Array, over: Partial<ProducedRecords> = {}): RefusedRecords {
  const before = records.slice();
  const result = judge(records, over);
  if (result.error === "NONE") throw new Error("was accepted");
  assertEquals(records, before, "what is refused must stay as it came");
  return result;
}

/** A sound batch with something changed in its bytes and a CRC that says that this is right. */
function patched(patch: (batch: Uint8Array) => void, options: BatchOptions = {}): Uint8Array {
  const batch = encodeBatch(three, options);
  patch(batch);
  at.stampCrc(batch, 0);
  return batch;
}

/** A batch with other bytes where its records should be. */
function holding(plain: Uint8Array, codec: CompressionName = "none", count = 3): Uint8Array {
  const batch = recompressBatch(encodeBatch(three), plain, codec);
  writeInt32(batch, at.RECORD_COUNT, count);
  writeInt32(batch, at.LAST_OFFSET_DELTA, count - 1);
  at.stampCrc(batch, 0);
  return batch;
}

const plainThree = encodeBatch(three).subarray(at.RECORDS);

Deno.test("a sound batch passes in every codec as the bytes that came", () => {
  for (const codec of CODECS) {
    const batch = encodeBatch(three, { codec });
    const before = batch.slice();
    const result = accepted(batch);
    assertStrictEquals(result.batch, batch);
    assertEquals(batch, before);
    assertEquals({ ...result, batch: undefined }, {
      error: "NONE",
      batch: undefined,
      recordCount: 3,
      maxTimestamp: NOW + 5,
      offsetOfMaxTimestamp: 2,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
      lastSequence: -1,
      isTransactional: false,
    });
  }
});

Deno.test("what a producer says of itself is handed on; without an id, epoch and sequence mean nothing", () => {
  const producer = { producerId: 2n ** 40n, producerEpoch: 4, baseSequence: 2 ** 31 - 2, isTransactional: true };
  const { producerId, producerEpoch, baseSequence, lastSequence, isTransactional } = accepted(
    encodeBatch(three, producer),
  );
  assertEquals([producerEpoch, baseSequence, lastSequence, isTransactional], [4, 2 ** 31 - 2, 0, true]);
  assertEquals(producerId, 2n ** 40n);
  const nobody = accepted(encodeBatch(three, { producerEpoch: 0, baseSequence: 0 }));
  assertEquals([nobody.producerId, nobody.baseSequence, nobody.lastSequence], [-1n, -1, -1]);
  assertEquals([sequenceAfter(0, 0), sequenceAfter(5, 3), sequenceAfter(2 ** 31 - 1, 1)], [0, 8, 0]);
});

const HEADER_CASES: [string, Uint8Array, Partial<ProducedRecords>, string, string][] = [
  ["no batch", hex(""), {}, "INVALID_RECORD", "there is none"],
  ["a few bytes", hex("000000"), {}, "CORRUPT_MESSAGE", "needs 12 bytes, but there are 3"],
  ["cut off", encodeBatch(three).slice(0, -1), {}, "CORRUPT_MESSAGE", "bytes, but there are"],
  ["two batches", concat(encodeBatch(three), encodeBatch(three)), {}, "INVALID_RECORD", "exactly one record batch"],
  ["a trailing byte", concat(encodeBatch(three), [0]), {}, "INVALID_RECORD", "1 bytes follow it"],
  ["magic 0", patched((batch) => batch[at.MAGIC] = 0), {}, "INVALID_RECORD", "magic 0"],
  ["magic 1", patched((batch) => batch[at.MAGIC] = 1), {}, "INVALID_RECORD", "magic 1"],
  ["magic 3", patched((batch) => batch[at.MAGIC] = 3), {}, "CORRUPT_MESSAGE", "magic 3"],
  ["a tiny length", patched((batch) => writeInt32(batch, 8, 48)), {}, "CORRUPT_MESSAGE", "header alone"],
  ["a negative length", patched((batch) => writeInt32(batch, 8, -13)), {}, "CORRUPT_MESSAGE", "header alone"],
  ["an offset", encodeBatch(three, { baseOffset: 7 }), {}, "INVALID_RECORD", "base offset is 7"],
  ["a huge offset", patched((batch) => writeInt64(batch, 0, 2 ** 60)), {}, "INVALID_RECORD", "base offset"],
  ["a huge time", patched((batch) => writeInt64(batch, 27, 2 ** 60)), {}, "INVALID_RECORD", "base timestamp"],
  [
    "zstd too early",
    encodeBatch(three, { codec: "zstd" }),
    { zstdAllowed: false },
    "UNSUPPORTED_COMPRESSION_TYPE",
    "7",
  ],
  ["large", encodeBatch(three), { maxMessageBytes: 60 + plainThree.length }, "MESSAGE_TOO_LARGE", "takes 9"],
  ["a wrong CRC", concat(encodeBatch(three).slice(0, -1), [1]), {}, "CORRUPT_MESSAGE", "CRC"],
  ["no records", encodeBatch([]), {}, "INVALID_RECORD", "has 0 records"],
  ["a negative count", patched((batch) => writeInt32(batch, 57, -1)), {}, "INVALID_RECORD", "has -1 records"],
  ["a last delta too high", encodeBatch(three, { lastOffsetDelta: 3 }), {}, "INVALID_RECORD", "offset delta is 3"],
  ["a last delta too low", encodeBatch(three, { lastOffsetDelta: 1 }), {}, "INVALID_RECORD", "offset delta is 1"],
  ["control", encodeBatch(three, { isControl: true }), {}, "INVALID_RECORD", "control"],
  ["a delete horizon", encodeBatch(three, { deleteHorizonMs: 5 }), {}, "INVALID_RECORD", "delete horizon"],
  ["LogAppendTime", encodeBatch(three, { logAppendTimeMs: NOW }), {}, "INVALID_TIMESTAMP", "LogAppendTime"],
  ["transaction of nobody", encodeBatch(three, { isTransactional: true }), {}, "INVALID_RECORD", "transactional"],
  ["no epoch", encodeBatch(three, { producerId: 1n, baseSequence: 0 }), {}, "INVALID_RECORD", "-1 and 0"],
  ["no sequence", encodeBatch(three, { producerId: 1n, producerEpoch: 0 }), {}, "INVALID_RECORD", "0 and -1"],
];

for (const [title, batch, over, error, sentence] of HEADER_CASES) {
  Deno.test(`a batch is refused for its header: ${title}`, () => {
    const result = refused(batch, over);
    assertEquals([result.error, result.recordErrors], [error, []]);
    assertStringIncludes(result.message, sentence);
  });
}

Deno.test("codecs that Kafka does not have are refused", () => {
  for (const codec of [5, 6, 7]) {
    const { error, message } = refused(patched((batch) => batch[at.ATTRIBUTES + 1] = codec));
    assertEquals(error, "UNSUPPORTED_COMPRESSION_TYPE");
    assertStringIncludes(message, `codec ${codec}`);
  }
});

Deno.test("a size of exactly max.message.bytes passes", () => {
  const batch = encodeBatch(three);
  accepted(batch, { maxMessageBytes: batch.length });
});

Deno.test("what lies inside is judged the same in every codec", () => {
  const first = plainThree.subarray(0, 10);
  const cases: [string, Uint8Array, number, string][] = [
    ["fewer records than said", plainThree, 4, "says it has 4 records, but there are 3"],
    ["more records than said", plainThree, 2, "bytes follow them"],
    ["a trailing byte", concat(plainThree, [0]), 3, "1 bytes follow them"],
    ["a whole record too many", concat(plainThree, first), 3, "10 bytes follow them"],
    ["cut off", plainThree.slice(0, -1), 3, "not well formed"],
    ["nothing at all", hex(""), 3, "but there are 0"],
    [
      "a record longer than it says",
      concat([0x10], plainThree.subarray(1)),
      3,
      "Record 0 of the batch is not well formed",
    ],
    ["noise", new Uint8Array(40).fill(0xff), 3, "not well formed"],
  ];
  for (const codec of CODECS) {
    for (const [title, plain, count, sentence] of cases) {
      const result = refused(holding(plain, codec, count));
      assertEquals([result.error, result.recordErrors], ["INVALID_RECORD", []], `${codec}: ${title}`);
      assertStringIncludes(result.message, sentence);
    }
  }
});

Deno.test("offset deltas must count up from 0", () => {
  for (const [deltas, batchIndex] of [[[1, 2, 3], 0], [[0, 2, 1], 1], [[0, 1, 1], 2], [[0, -1, 2], 1]] as const) {
    const misnumbered = three.map((record, index) => ({ ...record, offsetDelta: deltas[index]! }));
    const { error, message, recordErrors } = refused(encodeBatch(misnumbered, { lastOffsetDelta: 2 }));
    assertEquals([error, recordErrors], ["INVALID_RECORD", [{ batchIndex, message }]]);
  }
});

Deno.test("a compacted topic refuses each record without a key, and says which", () => {
  const { key: _, ...keyless } = three[1]!;
  for (const codec of CODECS) {
    const batch = encodeBatch([three[0]!, keyless, three[2]!, { value: null }], { codec });
    const { error, recordErrors } = refused(batch, { compacted: true });
    assertEquals(error, "INVALID_RECORD");
    assertEquals(recordErrors.map(({ batchIndex }) => batchIndex), [1, 3]);
    for (const { message } of recordErrors) assertStringIncludes(message, "must have a key");
    accepted(batch);
  }
  accepted(encodeBatch([{ key: hex("") }]), { compacted: true });
});

Deno.test("timestamps must lie within the topic's limits, both ends included", () => {
  const limits = { beforeMaxMs: 1000, afterMaxMs: 500 };
  const batch = (...times: number[]) => encodeBatch(times.map((timestamp) => ({ timestamp })));
  accepted(batch(NOW - 1000, NOW + 500, -1), limits);
  const { error, message, recordErrors } = refused(batch(NOW - 1001, NOW, NOW + 501), limits);
  assertEquals([error, recordErrors.map(({ batchIndex }) => batchIndex)], ["INVALID_TIMESTAMP", [0, 2]]);
  assertStringIncludes(message, `2 of the batch's records are refused; the first: The timestamp ${NOW - 1001}`);
  accepted(batch(NOW - 1001, NOW + 501), { ...limits, timestampType: "LogAppendTime" });
  accepted(batch(0), { beforeMaxMs: Number(2n ** 63n - 1n) });
  assertEquals(refused(batch(-1, 0), limits).recordErrors.length, 1);
  const both = refused(encodeBatch([{ timestamp: NOW }, { key: hex("01"), timestamp: 5 }]), {
    ...limits,
    compacted: true,
  });
  assertEquals([both.error, both.recordErrors.length], ["INVALID_TIMESTAMP", 2]);
});

Deno.test("a timestamp that no header could say is refused, whatever the topic's limits are", () => {
  for (const far of [9e15, -9e15]) {
    const batch = encodeBatch([{ timestamp: far }, { timestamp: 2 * far }]);
    writeInt64(batch, at.MAX_TIMESTAMP, NOW); // what it says itself does not count
    at.stampCrc(batch, 0);
    const { error, recordErrors } = refused(batch, { beforeMaxMs: 2 ** 63, afterMaxMs: 2 ** 63 });
    assertEquals([error, recordErrors.map(({ batchIndex }) => batchIndex)], ["INVALID_TIMESTAMP", [1]]);
    assertEquals(accepted(batch, { timestampType: "LogAppendTime" }).maxTimestamp, NOW);
  }
});

Deno.test("an answer names no more records than fit", () => {
  const { message, recordErrors } = refused(encodeBatch(new Array(1500).fill({ value: null })), { compacted: true });
  assertEquals(recordErrors.length, MAX_RECORD_ERRORS);
  assertStringIncludes(message, "1500 of the batch's records");
});

Deno.test("the largest timestamp is reckoned from the records, and the CRC is renewed only where it was another", () => {
  for (const codec of CODECS) {
    const lying = patched((batch) => writeInt64(batch, at.MAX_TIMESTAMP, NOW + 99), { codec });
    const result = accepted(lying);
    assertStrictEquals(result.batch, lying);
    assertEquals([result.maxTimestamp, at.maxTimestampOf(lying, 0)], [NOW + 5, NOW + 5]);
    assertEquals(lying, encodeBatch(three, { codec }));
  }
  assertEquals(accepted(encodeBatch([{ value: null }])).maxTimestamp, -1);
});

Deno.test("a LogAppendTime topic gives all records the broker's time", () => {
  for (const codec of CODECS) {
    const { batch, maxTimestamp } = accepted(encodeBatch(three, { codec }), { timestampType: "LogAppendTime" });
    assertEquals(maxTimestamp, NOW);
    const header = at.readBatchHeader(batch);
    assertEquals([header.timestampType, header.maxTimestamp, header.codec], [
      "LogAppendTime",
      NOW,
      CODECS.indexOf(codec),
    ]);
    assertEquals(Array.from(records(batch), ({ timestamp }) => timestamp), [NOW, NOW, NOW]);
  }
});

Deno.test("a topic with a compression of its own gets every batch in it, and the same records", () => {
  const producer = { producerId: 9n, producerEpoch: 1, baseSequence: 4 };
  for (const sent of CODECS) {
    for (const compressionType of ["uncompressed", "gzip", "snappy", "lz4", "zstd"] as const) {
      const batch = encodeBatch(three, { codec: sent, ...producer });
      const result = accepted(batch, { compressionType });
      const wanted = compressionType === "uncompressed" ? "none" : compressionType;
      assertEquals(at.readBatchHeader(result.batch).codec, CODECS.indexOf(wanted));
      assertEquals([...records(result.batch)], [...records(batch)]);
      assertEquals([result.producerId, result.lastSequence, result.maxTimestamp], [9n, 6, NOW + 5]);
      if (sent === wanted) assertStrictEquals(result.batch, batch);
      else assertNotStrictEquals(result.batch, batch);
    }
  }
  const repeated = encodeBatch([{ value: new Uint8Array(5000) }], { codec: "gzip" });
  assertEquals(
    refused(repeated, { compressionType: "uncompressed", maxMessageBytes: 5000 }).error,
    "MESSAGE_TOO_LARGE",
  );
  const noise = encodeBatch([{ value: new SeededRandom(1).bytes(4000).map((byte) => byte & 15) }]);
  const [low, high] = [1, 9].map((compressionLevel) =>
    accepted(noise.slice(), { compressionType: "gzip", compressionLevel }).batch.length
  );
  assert(low! > high!, `level 1 gave ${low} bytes, level 9 ${high}`);
});

Deno.test("a batch that expands beyond the limit is too large; one that cannot be opened is invalid", () => {
  for (const codec of CODECS.slice(1)) {
    const bomb = encodeBatch([{ value: new Uint8Array(1_000_000) }], { codec });
    assert(bomb.length < 60_000);
    assertEquals(refused(bomb, { maxDecompressedBytes: 999_999 }).error, "MESSAGE_TOO_LARGE");
    accepted(bomb, { maxDecompressedBytes: 1_000_100 });
    const damaged = patched((batch) => batch[at.RECORDS]! ^= 0x55, { codec });
    assertEquals(refused(damaged).error, "INVALID_RECORD", codec);
  }
});

Deno.test("damage by seed: every answer is a value, and what passes is whole", () => {
  const random = new SeededRandom("validate");
  const seen = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    const codec = random.pick(CODECS);
    const given = Array.from({ length: 1 + random.below(5) }, (): NewRecord => ({
      key: random.chance(1, 3) ? null : random.bytes(random.below(5)),
      value: random.chance(1, 5) ? null : random.bytes(random.below(30)),
      timestamp: NOW + random.below(100),
      headers: random.chance(1, 3) ? [["h", random.bytes(2)]] : [],
    }));
    const sound = encodeBatch(given, { codec });
    let bytes = damage(random, sound);
    if (random.chance(1, 4)) {
      bytes = recompressBatch(sound, damage(random, encodeBatch(given).slice(at.RECORDS)), codec);
    }
    if (random.chance(9, 10) && bytes.length >= at.RECORDS) { // as a hostile producer would: the CRC is right
      if (random.chance(9, 10)) writeInt32(bytes, at.BATCH_LENGTH, bytes.length - at.LOG_OVERHEAD);
      if (at.sizeInBytesOf(bytes, 0) <= bytes.length) at.stampCrc(bytes, 0);
    }
    const result = judge(bytes, {
      compacted: random.chance(1, 4),
      compressionType: random.pick(["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
      timestampType: random.pick(["CreateTime", "LogAppendTime"]),
      maxDecompressedBytes: 100_000,
    });
    seen.set(result.error, (seen.get(result.error) ?? 0) + 1);
    if (result.error !== "NONE") continue;
    assert(at.crcMatches(result.batch));
    assertEquals(Array.from(records(result.batch), ({ offset }) => offset), [...Array(result.recordCount).keys()]);
  }
  for (
    const error of ["NONE", "CORRUPT_MESSAGE", "INVALID_RECORD", "INVALID_TIMESTAMP", "UNSUPPORTED_COMPRESSION_TYPE"]
  ) {
    assert((seen.get(error) ?? 0) > 40, `${error}: ${seen.get(error) ?? 0} of 20,000 (${[...seen].join(" ")})`);
  }
});

Deno.test("fields that nobody checks may hold anything", () => {
  const odd = patched((batch) => {
    writeInt32(batch, at.PARTITION_LEADER_EPOCH, 77);
    writeInt16(batch, at.ATTRIBUTES, 0x7f80);
    writeBigInt64(batch, at.PRODUCER_ID, -2n);
  });
  assertEquals(accepted(odd).recordCount, 3);
});
