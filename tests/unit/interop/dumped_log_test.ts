import { assertEquals, assertMatch } from "@std/assert";
import { judgeOffsets } from "../../interop/dumped_log.ts";

const LOG = "/data/t-0/00000000000000000100.log";

/** What the tool prints of one segment. */
function dumped(
  batches: readonly (readonly [first: number, last: number, count: number])[],
  gaps: string[] = [],
): string {
  return [
    `Dumping ${LOG}`,
    "Log starting offset: 100",
    ...batches.flatMap(([first, last, count]) => [
      `baseOffset: ${first} lastOffset: ${last} count: ${count} baseSequence: -1 lastSequence: -1 producerId: -1`,
      ...(count > 0 ? [`| offset: ${last} CreateTime: 1 keySize: 1 valueSize: 1 key: k payload: v`] : []),
    ]),
    ...(gaps.length > 0 ? [`Non-consecutive offsets in ${LOG}`, ...gaps.map((gap) => `  ${gap}`)] : []),
    "",
  ].join("\n");
}

const judge = (printed: string, isCompacted: boolean) => judgeOffsets(printed, () => isCompacted);

Deno.test("a segment that does not begin at 0 is announced as a gap, and that is all that may be said where nothing is gone", () => {
  const { problems, rest } = judge(dumped([[100, 104, 5], [105, 105, 1]], ["-1 is followed by 100"]), false);
  assertEquals(problems, []);
  assertEquals(/consecutive|followed/.test(rest), false);
  assertMatch(rest, /offset: 105/);
  for (const gap of ["104 is followed by 106", "-1 is followed by 101", "104 is followed by 104"]) {
    assertEquals(judge(dumped([[100, 104, 5]], ["-1 is followed by 100", gap]), false).problems.length, 1, gap);
  }
});

Deno.test("where a topic is compacted records may be gone, and none may come twice or back", () => {
  const batches = [[100, 140, 0], [141, 145, 2], [146, 146, 1]] as const;
  const gaps = ["-1 is followed by 142", "142 is followed by 145"];
  assertEquals(judge(dumped(batches, gaps), true).problems, []);
  assertEquals(judge(dumped(batches, gaps), false).problems.length, 4);
  for (const gap of ["145 is followed by 144", "-1 is followed by 99", "99 is followed by 102"]) {
    assertEquals(judge(dumped(batches, [gap]), true).problems.length, 1, gap);
  }
});

Deno.test("batches lie one behind the other, and hold what they say", () => {
  assertEquals(judge(dumped([[100, 104, 5], [106, 106, 1]]), false).problems.length, 1);
  assertEquals(judge(dumped([[100, 104, 5], [104, 106, 3]]), true).problems.length, 1);
  assertEquals(judge(dumped([[100, 104, 6]]), true).problems.length, 1);
  assertEquals(judge(dumped([[100, 104, 4]]), false).problems.length, 1);
  assertEquals(judge("Dumping /data/t-0/00000000000000000000.index\noffset: 1 position: 2\n", false).problems, []);
});
