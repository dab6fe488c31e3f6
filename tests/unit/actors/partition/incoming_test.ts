import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Incoming, judgeIncoming, type Place } from "../../../../actors/partition/incoming.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import { stored } from "./harness.ts";

const PLACE: Place = { startOffset: 0, endOffset: 10, latestEpoch: 4, leaderEpoch: 6, runBytesMax: 1 << 20 };

function judge(place: Partial<Place>, ...batches: Uint8Array[]): Incoming & { readonly accepted: number[][] } {
  const judged = judgeIncoming(concatenate(batches), { ...PLACE, ...place });
  return { ...judged, accepted: judged.runs.map(({ headers }) => headers.map(({ baseOffset }) => baseOffset)) };
}

function damaged(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
}

Deno.test("batches that go on where the log ends are accepted, with their bytes", () => {
  const bytes = [stored(10, 2, 4), stored(12, 3, 5), stored(15, 1, 6)];
  const { accepted, problem, restartAt, runs } = judge({}, ...bytes);
  assertEquals([accepted, problem, restartAt], [[[10, 12, 15]], undefined, undefined]);
  assertEquals(runs[0]!.bytes, concatenate(bytes));
  assertEquals(judge({}).runs, []);
});

Deno.test("from the first bad batch on nothing is accepted", () => {
  const good = stored(10, 2, 5);
  const last = stored(15, 1, 5);
  const bad: [Uint8Array, string][] = [
    [damaged(stored(12, 3, 5), 70), "offset 12 does not match its CRC"],
    [damaged(stored(12, 3, 5), 16), "magic"],
    [stored(13, 2, 5), "13 to 14 came where 12 must be next"],
    [stored(11, 4, 5), "11 to 14 came where 12 must be next"],
    [stored(12, 3, 4), "leader epoch 4, after 5"],
    [stored(12, 3, 7), "leader epoch 7, after 5, from a leader of 6"],
  ];
  for (const [batch, sentence] of bad) {
    const { accepted, problem } = judge({}, good, batch, last);
    assertEquals(accepted, [[10]]);
    assertStringIncludes(problem!, sentence);
    assertEquals(judge({ endOffset: 12, latestEpoch: 5 }, batch).runs, [], "also when it is the first");
  }
});

Deno.test("a batch that is cut off is refused, those before it are not", () => {
  const { accepted, problem } = judge({}, stored(10, 2, 5), stored(12, 3, 5).subarray(0, 65));
  assertEquals(accepted, [[10]]);
  assertStringIncludes(problem!, "but there are 65");
});

Deno.test("no epoch may come before that of the last record", () => {
  assertEquals(judge({ latestEpoch: 5 }, stored(10, 1, 4)).accepted, []);
  assertEquals(judge({ latestEpoch: 5 }, stored(10, 1, 5)).accepted, [[10]]);
});

Deno.test("what is more than a segment takes is written in parts", () => {
  const bytes = [stored(10, 1, 5), stored(11, 1, 5), stored(12, 1, 5)];
  const size = bytes[0]!.length;
  const { accepted, runs } = judge({ runBytesMax: 2 * size }, ...bytes);
  assertEquals(accepted, [[10, 11], [12]]);
  assertEquals(runs.map(({ bytes }) => bytes.length), [2 * size, size]);
  assertEquals(judge({ runBytesMax: size - 1 }, ...bytes).accepted, [[10], [11], [12]], "a batch is never divided");
});

Deno.test("an empty log begins with the batch that contains its first record", () => {
  const empty = { startOffset: 10, endOffset: 10, latestEpoch: -1 };
  const { accepted, restartAt, problem } = judge(empty, stored(8, 4, 5), stored(12, 1, 5));
  assertEquals([accepted, restartAt, problem], [[[8, 12]], 8, undefined]);
  assertEquals(judge(empty, stored(6, 4, 5)).accepted, [], "it does not contain it");
  assertEquals(judge({ startOffset: 9 }, stored(8, 4, 5)).accepted, [], "the log is not empty");
  assertEquals(judge(empty, stored(10, 4, 5)).restartAt, undefined);
});
