import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Figures, type Line, median } from "../../bench/figures.ts";
import { summarize, toMarkdown } from "../../bench/report.ts";

const PRODUCE: Line = {
  title: "Produce 100 B",
  metric: "throughput",
  recordBytes: 100,
  goals: [{ against: "kafka", atLeast: 1 }, { against: "kafka-flush", atLeast: 2 }],
};
const MEMORY: Line = { title: "Memory", metric: "memory", goals: [{ against: "kafka", atMost: 1 / 5 }] };

Deno.test("the median is in the middle, or between the two that are", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1, 2, 100]), 3);
});

Deno.test("ratios are of medians, and goals are judged by them", () => {
  const figures = new Figures();
  for (const value of [3e8, 1e8, 2e8]) figures.add("samsa", PRODUCE, value);
  figures.add("kafka", PRODUCE, 1e8);
  figures.add("kafka-flush", PRODUCE, 1.25e8);
  figures.add("samsa", MEMORY, 5e7);
  figures.add("kafka", MEMORY, 2e8);
  const [produce, memory] = summarize(figures);
  assertEquals([...produce!.ratios], [["kafka", 2], ["kafka-flush", 1.6]]);
  assertEquals(produce!.verdicts.map(({ isReached }) => isReached), [true, false]);
  assertEquals(memory!.verdicts.map(({ isReached }) => isReached), [false]);
});

Deno.test("the table has a column per target measured, in one unit per line", () => {
  const figures = new Figures();
  figures.add("samsa", PRODUCE, 2.5e8);
  figures.add("kafka", PRODUCE, 1e8);
  figures.add("samsa", MEMORY, 5e7);
  const lines = toMarkdown(summarize(figures)).split("\n");
  assertEquals(lines[0], "|  | Samsa | Kafka | Samsa ÷ Kafka | Goal |");
  assertEquals(
    lines[2],
    "| Produce 100 B | 250 MB/s, 2.5 M records/s | 100 MB/s, 1 M records/s | 2.5× | ≥ 1× ✓ |",
  );
  assertEquals(lines[3], "| Memory | 50 MB |  |  |  |");
  assert(lines.every((line) => line.split("|").length === 7));
});

Deno.test("without a rival the table has neither ratios nor goals", () => {
  const figures = new Figures();
  figures.add("samsa", PRODUCE, 2.5e8);
  figures.add("client", PRODUCE, 2e9);
  const [head, , line] = toMarkdown(summarize(figures)).split("\n");
  assertEquals(head, "|  | Samsa | Load client alone |");
  assertStringIncludes(line!, "2000 MB/s, 20 M records/s");
});
