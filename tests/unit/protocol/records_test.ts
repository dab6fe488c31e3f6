import { assert, assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../lib/prng.ts";
import {
  ATTRIBUTES,
  crcMatches,
  InvalidBatchError,
  readBatchHeader,
  RECORD_COUNT,
  RECORDS,
} from "../../../protocol/batch.ts";
import type { CompressionName } from "../../../protocol/compression/codec.ts";
import { CompressionError } from "../../../protocol/compression/error.ts";
import { type BatchOptions, encodeBatch, type NewRecord, recompressBatch, records } from "../../../protocol/records.ts";
import { concat, hex } from "./compression/samples.ts";

const utf8 = new TextEncoder();
const CODECS: readonly CompressionName[] = ["none", "gzip", "snappy", "lz4", "zstd"];

/** What kafka-python 2.3 was given for the batches below. */
const GIVEN: readonly NewRecord[] = [
  { timestamp: 1700000000000, key: utf8.encode("key"), value: utf8.encode("value") },
  {
    timestamp: 1700000000250,
    value: utf8.encode("x".repeat(70)),
    headers: [["trace", new Uint8Array([1, 2])], ["", null]],
  },
  { timestamp: 1699999999000, key: utf8.encode("gone"), value: null },
];

const PLAIN = "1c000000066b65790a76616c756500b20100f40302018c01" + "78".repeat(70) +
  "040a747261636504010200011600cf0f0408676f6e650100";
const NOBODY = "ff".repeat(14);

function captured(sizeAndCrc: [string, string], attributes: string, producer: string, rest: string): Uint8Array {
  const [size, crc] = sizeAndCrc;
  const times = "0000018bcfe56800" + "0000018bcfe568fa";
  return hex(
    `0000000000000000 ${size} 00000000 02 ${crc} ${attributes} 00000002 ${times} ${producer} 00000003 ${rest}`,
  );
}

const CAPTURED: Record<CompressionName, Uint8Array> = {
  none: captured(["000000a7", "340f322c"], "0000", NOBODY, PLAIN),
  gzip: captured(
    ["00000078", "c7dcb157"],
    "0001",
    NOBODY,
    "1f8b08006185016b02ff9361606060cb4eade42a4bcc294d65d8c4c8f0859989b187b1822a8085aba42831399585918981518ce13c3f0b477a7e5e2a230300822ee29a76000000",
  ),
  snappy: captured(
    ["0000007e", "390f81a5"],
    "0002",
    NOBODY,
    "82534e415050590000000001000000010000003976601c000000066b65790a76616c756500b20100f40302018c0178fe010005015c040a747261636504010200011600cf0f0408676f6e650100",
  ),
  lz4: captured(
    ["00000080", "d9e6e54d"],
    "0003",
    NOBODY,
    "04224d18684076000000000000003b38000000ff0a1c000000066b65790a76616c756500b20100f40302018c0178010032f009040a747261636504010200011600cf0f0408676f6e65010000000000",
  ),
  zstd: captured(
    ["00000072", "a6058820"],
    "0004",
    NOBODY,
    "28b52ffd2076c5010014031c000000066b65790a76616c756500b20100f40302018c0178040a747261636504010200011600cf0f0408676f6e6501000100090ac6",
  ),
};

function whole({ key = null, value = null, headers = [], timestamp = -1, offsetDelta }: NewRecord, index: number) {
  return { offset: offsetDelta ?? index, timestamp, key, value, headers };
}

Deno.test("batches that another client wrote are read, in every codec", () => {
  for (const name of CODECS) {
    assert(crcMatches(CAPTURED[name]), name);
    assertEquals([...records(CAPTURED[name])], GIVEN.map(whole), name);
  }
});

Deno.test("the same records give the same bytes as another client's", () => {
  assertEquals(encodeBatch(GIVEN, { partitionLeaderEpoch: 0 }), CAPTURED.none);
  const transactional = captured(["000000a7", "eb19de38"], "0010", "0000000100000005 0003 7fffffff", PLAIN);
  const producer = { producerId: 4294967301n, producerEpoch: 3, baseSequence: 2147483647 };
  assertEquals(encodeBatch(GIVEN, { ...producer, isTransactional: true, partitionLeaderEpoch: 0 }), transactional);
});

Deno.test("records come back as they were put in, by seed, in every codec and at any place", () => {
  const random = new SeededRandom("records");
  for (let i = 0; i < 300; i++) {
    const some = () => random.chance(1, 4) ? null : random.bytes(random.below(random.chance(1, 9) ? 3000 : 20));
    const given = Array.from({ length: random.below(40) }, (): NewRecord => ({
      key: some(),
      value: some(),
      timestamp: random.chance(1, 10) ? -1 : random.below(2 ** 32) * 1000 + random.below(1000),
      headers: Array.from({ length: random.below(3) }, () => [random.pick(["", "é", "a header"]), some()] as const),
    }));
    const baseOffset = random.below(2 ** 32) * 1000;
    const batch = encodeBatch(given, { codec: random.pick(CODECS), baseOffset });
    assert(crcMatches(batch));
    const expected = given.map(whole).map((record) => ({ ...record, offset: record.offset + baseOffset }));
    assertEquals([...records(batch)], expected);
    assertEquals([...records(concat([1, 2, 3], batch, [4]), 3)], expected);
    const header = readBatchHeader(batch);
    assertEquals(header.recordCount, given.length);
    assertEquals(header.maxTimestamp, Math.max(-1, ...given.map(({ timestamp }) => timestamp!)));
  }
});

Deno.test("every option lands in the header", () => {
  const options: BatchOptions = {
    codec: "zstd",
    level: 9,
    baseOffset: 2 ** 40,
    partitionLeaderEpoch: 6,
    producerId: 2n ** 62n,
    producerEpoch: 32767,
    baseSequence: 12,
    isTransactional: true,
    isControl: true,
    deleteHorizonMs: 5_000,
    lastOffsetDelta: 99,
  };
  const batch = encodeBatch([{ timestamp: 4_000, offsetDelta: 7 }, { timestamp: 6_000, offsetDelta: 90 }], options);
  const { crc: _, batchLength: __, sizeInBytes: ___, ...header } = readBatchHeader(batch);
  assertEquals(header, {
    at: 0,
    baseOffset: 2 ** 40,
    partitionLeaderEpoch: 6,
    magic: 2,
    attributes: 0b111_0_100,
    codec: 4,
    timestampType: "CreateTime",
    isTransactional: true,
    isControl: true,
    hasDeleteHorizon: true,
    lastOffsetDelta: 99,
    baseTimestamp: 5_000,
    maxTimestamp: 6_000,
    producerId: 2n ** 62n,
    producerEpoch: 32767,
    baseSequence: 12,
    recordCount: 2,
  });
  const read = Array.from(records(batch), ({ offset, timestamp }) => [offset - 2 ** 40, timestamp]);
  assertEquals(read, [[7, 4_000], [90, 6_000]]);
});

Deno.test("all records of a LogAppendTime batch have its time", () => {
  const batch = encodeBatch([{ timestamp: 1 }, { timestamp: 2 }], { logAppendTimeMs: 77 });
  assertEquals(Array.from(records(batch), ({ timestamp }) => timestamp), [77, 77]);
});

Deno.test("an empty batch remembers a producer", () => {
  const batch = encodeBatch([], { producerId: 3n, producerEpoch: 1, baseSequence: 5, lastOffsetDelta: 4 });
  assertEquals(batch.length, RECORDS);
  assertEquals([...records(batch)], []);
  const { lastOffsetDelta, baseSequence, maxTimestamp } = readBatchHeader(batch);
  assertEquals([lastOffsetDelta, baseSequence, maxTimestamp], [4, 5, -1]);
});

Deno.test("recompressing changes the codec and nothing else", () => {
  const plain = encodeBatch(GIVEN, { baseOffset: 5, isTransactional: true, producerId: 1n }).subarray(RECORDS);
  const batch = encodeBatch(GIVEN, { baseOffset: 5, isTransactional: true, producerId: 1n, codec: "gzip" });
  for (const codec of CODECS) {
    const again = recompressBatch(batch, plain, codec);
    assert(crcMatches(again));
    assertEquals([...records(again)], [...records(batch)]);
    const [before, after] = [readBatchHeader(batch), readBatchHeader(again)];
    const { sizeInBytes, batchLength, crc, attributes } = after;
    assertEquals({ ...before, sizeInBytes, batchLength, crc, attributes, codec: attributes & 7 }, after);
    assertEquals(attributes, before.attributes - before.codec + CODECS.indexOf(codec));
  }
});

Deno.test("a batch that lies about its records is refused when they are read", () => {
  const fewer = encodeBatch(GIVEN);
  fewer[RECORD_COUNT + 3] = 4;
  assertThrows(() => [...records(fewer)], InvalidBatchError, "says it has 4 records, but there are 3");
  const unknown = encodeBatch(GIVEN);
  unknown[ATTRIBUTES + 1] = 5;
  assertThrows(() => [...records(unknown)], InvalidBatchError, "codec 5");
  const packed = encodeBatch(GIVEN, { codec: "lz4" });
  assertThrows(() => [...records(packed, 0, 117)], CompressionError, "must not be larger than 117");
  assertEquals([...records(packed, 0, 118)].length, 3);
});

Deno.test("what a broker may have taken is read, however large it becomes", () => {
  const value = new Uint8Array(101 << 20);
  const packed = encodeBatch([{ value }], { codec: "zstd" });
  assertEquals([...records(packed)].map((record) => record.value?.length), [value.length]);
});
