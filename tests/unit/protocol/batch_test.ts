import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { writeBigInt64, writeInt16, writeInt32, writeInt64 } from "../../../lib/big_endian.ts";
import * as batch from "../../../protocol/batch.ts";

/** A batch without records whose every field is set by hand. */
function header(over: { magic?: number; baseOffset?: number; batchLength?: number; attributes?: number } = {}) {
  const bytes = new Uint8Array(batch.RECORDS);
  writeInt64(bytes, 0, over.baseOffset ?? 0x1234_5678_9abc);
  writeInt32(bytes, 8, over.batchLength ?? 49);
  writeInt32(bytes, 12, 5);
  bytes[16] = over.magic ?? 2;
  writeInt16(bytes, 21, over.attributes ?? 0b111_0_100);
  writeInt32(bytes, 23, 9);
  writeInt64(bytes, 27, 1_700_000_000_000);
  writeInt64(bytes, 35, 1_700_000_000_009);
  writeBigInt64(bytes, 43, 2n ** 60n + 1n);
  writeInt16(bytes, 51, -2);
  writeInt32(bytes, 53, 0x7fffffff);
  writeInt32(bytes, 57, 10);
  if (over.batchLength === undefined) batch.stampCrc(bytes, 0);
  return bytes;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("every field of a header is read", () => {
  const bytes = concat(new Uint8Array(3), header(), new Uint8Array(2));
  const { crc, ...rest } = batch.readBatchHeader(bytes, 3);
  assertEquals(rest, {
    at: 3,
    baseOffset: 0x1234_5678_9abc,
    batchLength: 49,
    sizeInBytes: 61,
    partitionLeaderEpoch: 5,
    magic: 2,
    attributes: 0b111_0_100,
    codec: 4,
    timestampType: "CreateTime",
    isTransactional: true,
    isControl: true,
    hasDeleteHorizon: true,
    lastOffsetDelta: 9,
    baseTimestamp: 1_700_000_000_000,
    maxTimestamp: 1_700_000_000_009,
    producerId: 2n ** 60n + 1n,
    producerEpoch: -2,
    baseSequence: 0x7fffffff,
    recordCount: 10,
  });
  assertEquals(crc, batch.computeCrc(bytes, 3));
  assertEquals(batch.lastOffsetOf(bytes, 3), 0x1234_5678_9abc + 9);
});

Deno.test("stamping the offset leaves the CRC valid, stamping timestamps renews it", () => {
  const bytes = concat(new Uint8Array(1), header());
  const before = batch.readBatchHeader(bytes, 1);
  assert(batch.crcMatches(bytes, 1));
  batch.stampOffset(bytes, 1, Number.MAX_SAFE_INTEGER, 77);
  assert(batch.crcMatches(bytes, 1));
  batch.stampMaxTimestamp(bytes, 1, before.maxTimestamp);
  assertEquals(batch.readBatchHeader(bytes, 1), {
    ...before,
    baseOffset: Number.MAX_SAFE_INTEGER,
    partitionLeaderEpoch: 77,
  });
  batch.stampMaxTimestamp(bytes, 1, -1);
  assert(batch.crcMatches(bytes, 1));
  assertEquals(batch.readBatchHeader(bytes, 1).maxTimestamp, -1);
  batch.stampLogAppendTime(bytes, 1, 1_800_000_000_000);
  assert(batch.crcMatches(bytes, 1));
  const after = batch.readBatchHeader(bytes, 1);
  assertEquals([after.timestampType, after.maxTimestamp], ["LogAppendTime", 1_800_000_000_000]);
  bytes[bytes.length - 1]! ^= 1;
  assertFalse(batch.crcMatches(bytes, 1));
  batch.stampMaxTimestamp(bytes, 1, 1_800_000_000_000);
  assertFalse(batch.crcMatches(bytes, 1), "what changes nothing must not hide damage");
});

Deno.test("batches come one after another; a cut-off last one is an error or the end", () => {
  const bytes = concat(header({ baseOffset: 0 }), header({ baseOffset: 10 }), header({ baseOffset: 20 }));
  const seen = (end: number, cutOff?: "end") =>
    Array.from(batch.batches(bytes, 0, end, cutOff && { cutOff }), ({ at, baseOffset }) => [at, baseOffset]);
  assertEquals(seen(183), [[0, 0], [61, 10], [122, 20]]);
  for (const end of [182, 134, 133, 123]) {
    assertEquals(seen(end, "end"), [[0, 0], [61, 10]]);
    assertThrows(() => seen(end), batch.InvalidBatchError, "The batch at byte 122 needs");
  }
  assertEquals(seen(122), [[0, 0], [61, 10]]);
  assertEquals(seen(0), []);
});

Deno.test("what cannot be a batch is refused with the error it stands for", () => {
  const cases: [Parameters<typeof header>[0], string, string][] = [
    [{ magic: 0 }, "INVALID_RECORD", "magic 0"],
    [{ magic: 1, batchLength: 20 }, "INVALID_RECORD", "magic 1"],
    [{ magic: 3 }, "CORRUPT_MESSAGE", "magic 3"],
    [{ batchLength: 48 }, "CORRUPT_MESSAGE", "a header alone takes 61"],
    [{ batchLength: -1 }, "CORRUPT_MESSAGE", "a header alone takes 61"],
    [{ batchLength: -2147483648 }, "CORRUPT_MESSAGE", "a header alone takes 61"],
    [{ batchLength: 50 }, "CORRUPT_MESSAGE", "needs 62 bytes, but there are 61"],
    [{ batchLength: 0x7fffffff }, "CORRUPT_MESSAGE", "needs 2147483659 bytes"],
    [{ baseOffset: 2 ** 53 }, "INVALID_RECORD", "base offset"],
    [{ baseOffset: -(2 ** 63) }, "INVALID_RECORD", "base offset"],
  ];
  for (const [over, error, message] of cases) {
    const thrown = assertThrows(() => batch.readBatchHeader(header(over)), batch.InvalidBatchError, message);
    assertEquals(thrown.error, error);
  }
});
