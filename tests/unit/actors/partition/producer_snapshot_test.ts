import { assertEquals } from "@std/assert";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "../../../../actors/partition/producer_snapshot.ts";
import { writeInt16, writeInt32, writeInt64 } from "../../../../lib/big_endian.ts";
import { crc32c } from "../../../../lib/crc32c.ts";

const ENTRY = {
  producerId: 2n ** 60n + 1n,
  epoch: 7,
  lastSequence: 0x7fff_ffff,
  lastOffset: 2 ** 40 + 3,
  offsetDelta: 9,
  timestamp: 1_700_000_000_001,
  coordinatorEpoch: 4,
  currentTransactionStart: 2 ** 33,
};

Deno.test("a snapshot has Kafka's layout", () => {
  const bytes = encodeProducerSnapshot([ENTRY]);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEquals(
    hex.slice(0, 4) + hex.slice(12),
    "0001" + "00000001" + // version, (CRC,) count
      "1000000000000001" + "0007" + "7fffffff" + // producer id, epoch, last sequence
      "0000010000000003" + "00000009" + "0000018bcfe56801" + // last offset, delta, timestamp
      "00000004" + "0000000200000000", // coordinator epoch, start of the transaction
  );
  assertEquals(parseInt(hex.slice(4, 12), 16), crc32c(bytes, 6));
});

Deno.test("what was put in comes out", () => {
  const none = { ...ENTRY, producerId: 0n, epoch: -1, lastSequence: -1, lastOffset: -1, offsetDelta: 0, timestamp: -1 };
  for (const entries of [[], [ENTRY], [ENTRY, { ...none, coordinatorEpoch: -1, currentTransactionStart: -1 }]]) {
    assertEquals(decodeProducerSnapshot(encodeProducerSnapshot(entries)), entries);
  }
});

Deno.test("damage of any single byte is noticed", () => {
  const bytes = encodeProducerSnapshot([ENTRY, ENTRY]);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at]! ^= 0x10;
    assertEquals(decodeProducerSnapshot(damaged), undefined, `byte ${at}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(decodeProducerSnapshot(bytes.subarray(0, length)), undefined, `${length} bytes`);
  }
});

Deno.test("another version, a count that lies, and an unsafe offset are refused although the CRC is right", () => {
  const stamped = (change: (bytes: Uint8Array) => void) => {
    const bytes = encodeProducerSnapshot([ENTRY]);
    change(bytes);
    writeInt32(bytes, 2, crc32c(bytes, 6));
    return bytes;
  };
  assertEquals(decodeProducerSnapshot(stamped(() => {})), [ENTRY]);
  assertEquals(decodeProducerSnapshot(stamped((bytes) => writeInt16(bytes, 0, 2))), undefined);
  for (const count of [0, 2, -1, 0x7fff_ffff]) {
    assertEquals(decodeProducerSnapshot(stamped((bytes) => writeInt32(bytes, 6, count))), undefined);
  }
  assertEquals(decodeProducerSnapshot(stamped((bytes) => writeInt64(bytes, 10 + 14, 2 ** 60))), undefined);
});
