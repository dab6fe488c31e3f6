import { assert, assertEquals, assertThrows } from "@std/assert";
import { batches, crcMatches } from "../../../../protocol/batch.ts";
import { type BatchOptions, encodeBatch, type NewRecord, records } from "../../../../protocol/records.ts";
import { keyAt, KeyMap } from "../../../../storage/cleaner/key_map.ts";
import { eachKey, rewrite, type Rewritten, type Rules } from "../../../../storage/cleaner/rewriting.ts";
import { NOW, record } from "../cleaning_kit.ts";

/** Rewrites a batch at offset 100, where `gone` are written again later. */
function rewritten(
  sketches: readonly NewRecord[],
  gone: string,
  options: BatchOptions = {},
  rules: Partial<Rules> = {},
) {
  const batch = encodeBatch(sketches, { baseOffset: 100, partitionLeaderEpoch: 4, ...options });
  const keys = new KeyMap(1 << 20);
  for (const key of gone.split(" ")) keys.set(key, 500);
  const header = [...batches(batch)][0]!;
  const result: Rewritten = rewrite(batch, header, {
    keys,
    mappedTo: 1000,
    nowMs: NOW,
    deleteRetentionMs: 100,
    tombstonesUntil: () => Infinity,
    mustKeep: () => false,
    ...rules,
  });
  return { batch, header, result, after: result.bytes && [...batches(result.bytes)][0]! };
}

Deno.test("what is left keeps its offsets, timestamps and headers, and the batch its range, epoch and producer", () => {
  const headers = [["h", new Uint8Array([1])], ["", null]] as const;
  const sketches = [
    record("a=1", NOW + 50),
    { ...record("b=1", NOW + 20), headers },
    record("c=1", NOW + 90),
    { ...record("d=1", NOW + 70), headers },
    record("e=1", NOW + 80),
  ];
  const from = { producerId: 9n, producerEpoch: 3, baseSequence: 40 };
  const { batch, header, result, after } = rewritten(sketches, "a c e", from);
  assert(result.bytes !== undefined && after !== undefined && crcMatches(result.bytes));
  const expected = [...records(batch)].filter(({ offset }) => offset === 101 || offset === 103);
  assertEquals([...records(result.bytes)], expected);
  assertEquals([after.recordCount, after.maxTimestamp, result.maxTimestamp], [2, NOW + 70, NOW + 70]);
  const { baseOffset, lastOffsetDelta, partitionLeaderEpoch, producerId, producerEpoch, baseSequence } = after;
  assertEquals(
    [baseOffset, lastOffsetDelta, partitionLeaderEpoch, producerId, producerEpoch, baseSequence],
    [100, 4, 4, 9n, 3, 40],
  );
  assertEquals(after.baseTimestamp, header.baseTimestamp);
});

Deno.test("nothing gone: the very same bytes", () => {
  const { batch, result } = rewritten([record("a=1"), record("b=1")], "x");
  assert(result.bytes === batch);
  assertEquals([result.maxTimestamp, result.tombstones], [NOW, 0]);
});

Deno.test("everything gone: nothing, or what a producer is remembered by", () => {
  const gone = [record("a=1", NOW + 5), record("a")];
  assertEquals(rewritten(gone, "a").result, { bytes: undefined, maxTimestamp: -1, tombstones: 0 });
  const from = { producerId: 9n, producerEpoch: 3, baseSequence: 40, codec: "gzip" } as const;
  const { result, after } = rewritten(gone, "a", from, { mustKeep: ({ producerId }) => producerId === 9n });
  assert(result.bytes?.length === 61 && crcMatches(result.bytes));
  assertEquals([after!.codec, after!.recordCount, after!.lastOffsetDelta, after!.baseSequence], [0, 0, 1, 40]);
  assertEquals([after!.maxTimestamp, after!.baseTimestamp, result.maxTimestamp], [NOW + 5, -1, -1]);
  const again = { keys: new KeyMap(1), mappedTo: 0, nowMs: 0, deleteRetentionMs: 0, tombstonesUntil: () => Infinity };
  assertEquals(rewrite(result.bytes, after!, { ...again, mustKeep: () => true }).bytes === result.bytes, true);
  assertEquals(rewrite(result.bytes, after!, { ...again, mustKeep: () => false }).bytes, undefined);
});

Deno.test("a tombstone gets a horizon in the place of the base timestamp, and all records keep theirs", () => {
  for (const codec of ["none", "zstd"] as const) {
    const sketches = [record("a=1", -1), record("b", NOW - 1_000_000), record("c=1", NOW + 3), record("d", NOW)];
    const { batch, result, after } = rewritten(sketches, "d", { codec }, { deleteRetentionMs: 1 << 30 });
    assertEquals([after!.hasDeleteHorizon, after!.baseTimestamp, after!.codec], [
      true,
      NOW + (1 << 30),
      codec === "none" ? 0 : 4,
    ]);
    assertEquals([...records(result.bytes!)], [...records(batch)].slice(0, 3));
    assertEquals(result.maxTimestamp, NOW + 3);
    const keys = new KeyMap(1);
    const rules = {
      keys,
      mappedTo: 1000,
      nowMs: NOW + (1 << 30),
      deleteRetentionMs: 5,
      tombstonesUntil: () => 104,
      mustKeep: () => false,
    };
    const early = rewrite(result.bytes!, after!, { ...rules, nowMs: rules.nowMs - 1 });
    assert(early.bytes === result.bytes, "it is given once");
    const unheard = rewrite(result.bytes!, after!, { ...rules, tombstonesUntil: () => 103 });
    assert(unheard.bytes === result.bytes, "a replica has not got it");
    const late = rewrite(result.bytes!, after!, rules);
    assertEquals([late.tombstones, [...records(late.bytes!)].map(({ offset }) => offset)], [1, [100, 102]]);
  }
});

Deno.test("however long tombstones are to stay, and whatever their times are, the batch can be read", () => {
  for (const deleteRetentionMs of [Number.MAX_SAFE_INTEGER, 2 ** 63 - 1]) {
    const sketches = [record("a=1", -1), record("b", NOW), record("c=1", NOW + 3)];
    const { batch, result, after } = rewritten(sketches, "x", {}, { deleteRetentionMs });
    assert(after!.hasDeleteHorizon && after!.baseTimestamp > NOW + 1e14);
    assertEquals([...records(result.bytes!)], [...records(batch)]);
    const late = { keys: new KeyMap(1), mappedTo: 1000, nowMs: NOW + 1e14, deleteRetentionMs, mustKeep: () => false };
    assert(
      rewrite(result.bytes!, after!, { ...late, tombstonesUntil: () => Infinity }).bytes === result.bytes,
      "it stays",
    );
  }
});

Deno.test("a batch whose times lie too far from any horizon gets none, and its tombstones stay", () => {
  const early = 1 - Number.MAX_SAFE_INTEGER;
  for (const options of [{}, { logAppendTimeMs: NOW }]) {
    for (const times of [[early, early], [early, -5], [NOW, NOW + early]]) {
      const sketches = [record("a=1", times[0]), record("b", times[1]), record("c=1", times[1])];
      const { batch, result, after } = rewritten(sketches, "c", options, { nowMs: NOW + 10 });
      assertEquals([after!.hasDeleteHorizon, result.tombstones], [false, 0]);
      assert(after!.maxTimestamp >= -1, "none of them counts, as when they came");
      assertEquals([...records(result.bytes!)], [...records(batch)].slice(0, 2));
    }
  }
});

Deno.test("a tombstone that is not the last of its key goes like any other record, and sets no horizon", () => {
  const { after, result } = rewritten([record("a"), record("b=1")], "a");
  assertEquals([after!.hasDeleteHorizon, after!.recordCount, result.tombstones], [false, 1, 0]);
});

Deno.test("the time of a batch that the broker stamped stays", () => {
  const { after, result } = rewritten([record("a=1", 5), record("b=1", 6), record("c", 7)], "b", {
    logAppendTimeMs: NOW,
  });
  assertEquals([after!.timestampType, after!.maxTimestamp, result.maxTimestamp], ["LogAppendTime", NOW, NOW]);
  assertEquals([...records(result.bytes!)].map(({ timestamp }) => timestamp), [NOW, NOW]);
});

Deno.test("a batch that reaches beyond what is mapped stays, whatever the map says", () => {
  for (const mappedTo of [100, 101]) {
    const { batch, result } = rewritten([record("a=1"), record("b")], "a b", {}, { mappedTo });
    assert(result.bytes === batch);
  }
  assertEquals(rewritten([record("a=1"), record("b")], "a b", {}, { mappedTo: 102 }).result.bytes, undefined);
});

Deno.test("compressed records that are no records are refused", () => {
  const batch = encodeBatch([record("a=1"), record("b=1")], { codec: "gzip", baseOffset: 100 });
  batch.fill(0, 70, 80);
  const header = [...batches(batch)][0]!;
  assertThrows(() => eachKey(batch, header, () => {}), Error);
});

Deno.test("keys are told apart by every byte, and the map knows what it takes", () => {
  const keys = [
    new Uint8Array(0),
    new Uint8Array([0]),
    new Uint8Array([0x80]),
    new Uint8Array([0x82]),
    new Uint8Array(9000),
  ];
  const names = keys.map((key) => keyAt(key, 0, key.length));
  assertEquals(new Set(names).size, keys.length);
  assertEquals(names.map(({ length }) => length), keys.map(({ length }) => length));
  const map = new KeyMap(200);
  map.set("a", 1);
  map.set("a", 2);
  map.set("b", 3);
  assertEquals([map.get("a"), map.get("b"), map.get("c"), map.size, map.isFull], [2, 3, undefined, 2, false]);
  map.set("c", 4);
  assertEquals([map.isFull, map.get("c")], [true, 4]);
});

Deno.test("a map is full before the runtime's own has no room, however much memory it may take", () => {
  const map = new KeyMap(1e12, 3);
  for (const key of ["a", "b", "a"]) map.set(key, 1);
  assertEquals(map.isFull, false);
  map.set("c", 2);
  assertEquals(map.isFull, true);
});
