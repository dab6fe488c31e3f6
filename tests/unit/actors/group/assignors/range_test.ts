import { assertEquals } from "@std/assert";
import { rangeAssignor } from "../../../../../actors/group/assignors/range.ts";
import { inputOf, shown } from "../../../../contract/assignor_suite.ts";

Deno.test("each topic by itself, in runs, the longer ones first", () => {
  const input = inputOf({ a: 7, b: 2 }, { m: { topics: ["a", "b"] }, n: { topics: ["a", "b"] }, o: { topics: ["a"] } });
  assertEquals(shown(input, rangeAssignor.assign(input)), {
    m: "a-0 a-1 a-2 b-0",
    n: "a-3 a-4 b-1",
    o: "a-5 a-6",
  });
});

Deno.test("topics with as many partitions and the same subscribers are shared out alike", () => {
  const topics = ["a", "b"];
  const input = inputOf({ a: 5, b: 5 }, { m: { topics }, n: { topics, assigned: { a: [0], b: [1] } }, o: { topics } });
  for (const assignment of rangeAssignor.assign(input).values()) {
    const [one, other] = [...assignment.values()];
    assertEquals(one, other);
  }
});

Deno.test("static members stand before others, in the order of their instances", () => {
  const input = inputOf({ a: 3 }, {
    a: { topics: ["a"] },
    b: { topics: ["a"], instanceId: "2" },
    c: { topics: ["a"], instanceId: "1" },
  });
  assertEquals(shown(input, rangeAssignor.assign(input)), { a: "a-2", b: "a-1", c: "a-0" });
});
