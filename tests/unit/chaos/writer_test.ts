import { assertEquals } from "@std/assert";
import { judgePartition } from "../../chaos/writer.ts";

function judge(acknowledged: [number, number][], values: readonly string[]): string[] {
  const log = values.map((value, offset) => ({ offset, value }));
  return judgePartition({ name: "w", acknowledged: new Map(acknowledged), sent: 9 }, log);
}

Deno.test("a log that holds what was acknowledged, in order and once, is in order", () => {
  assertEquals(judge([[0, 0], [2, 1]], ["t-0:0:x", "t-0:2:x", "t-0:3:x"]), []);
});

Deno.test("an acknowledgement without an offset is found by its value", () => {
  assertEquals(judge([[0, -1]], ["t-0:0:x"]), []);
});

Deno.test("what is lost, doubled, out of order, elsewhere or of nobody is named", () => {
  assertEquals(judge([[0, 0]], []), ["w: LOST: 0 was acknowledged at 0 and is not there"]);
  assertEquals(judge([], ["t-0:0:x", "t-0:0:x"]), ["w: DUPLICATED: 0 is at 0 and at 1"]);
  assertEquals(judge([], ["t-0:1:x", "t-0:0:x"]), ["w: REORDERED: 0 at 1 comes after 1"]);
  assertEquals(judge([[1, 0]], ["t-0:0:x", "t-0:1:x"]), ["w: 1 was acknowledged at 0 and is at 1"]);
  assertEquals(judge([], ["hello"]), ["w: offset 0 holds hello, which nobody wrote"]);
});
