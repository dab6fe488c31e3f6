import { assertEquals } from "@std/assert";
import { beginAt, skipEmpty } from "../../../../actors/partition/gaps.ts";
import { batches, crcMatches } from "../../../../protocol/batch.ts";
import { encodeBatch } from "../../../../protocol/records.ts";
import { concat } from "../../storage/log_kit.ts";

const gap = (baseOffset: number, lastOffset: number, producerId = -1n) =>
  encodeBatch([], { baseOffset, lastOffsetDelta: lastOffset - baseOffset, partitionLeaderEpoch: 3, producerId });
const data = (baseOffset: number) => encodeBatch([{ value: null }], { baseOffset, partitionLeaderEpoch: 3 });

Deno.test("a follower within a header gets one that begins there, and the rest as it is", () => {
  const rest = concat([data(100), gap(101, 120)]);
  const given = beginAt(concat([gap(0, 99), rest]), 30);
  const [first] = [...batches(given)];
  assertEquals([first!.baseOffset, first!.lastOffsetDelta, first!.partitionLeaderEpoch], [30, 69, 3]);
  assertEquals([first!.producerId, first!.recordCount, crcMatches(given)], [-1n, 0, true]);
  assertEquals(given.subarray(61), rest);
});

Deno.test("where a batch begins, holds records, or is a producer's, nothing is changed", () => {
  for (const all of [concat([gap(30, 99), data(100)]), data(30), gap(0, 99, 7n), new Uint8Array(0)]) {
    assertEquals(beginAt(all, 30) === all, true);
  }
});

Deno.test("what has no record from the offset on is passed over in front, and not looked at behind", () => {
  const front = concat([gap(0, 9), gap(10, 19, 7n)]);
  assertEquals(skipEmpty(concat([front, data(20), gap(21, 22)]), 5), { at: front.length, offset: 20 });
  assertEquals(skipEmpty(front, 5), { at: front.length, offset: 20 });
  assertEquals(skipEmpty(data(3), 3), { at: 0, offset: 3 });
  assertEquals(skipEmpty(new Uint8Array(0), 3), { at: 0, offset: 3 });
});

Deno.test("a batch whose last records are gone is passed over by those who have had the others", () => {
  for (const codec of ["none", "gzip"] as const) {
    const cleaned = encodeBatch([{ value: null, offsetDelta: 1 }], { baseOffset: 10, lastOffsetDelta: 5, codec });
    const all = concat([cleaned, data(16)]);
    for (const offset of [10, 11]) assertEquals(skipEmpty(all, offset), { at: 0, offset });
    for (const offset of [12, 15]) assertEquals(skipEmpty(all, offset), { at: cleaned.length, offset: 16 });
    assertEquals(skipEmpty(cleaned, 12), { at: cleaned.length, offset: 16 });
  }
});
