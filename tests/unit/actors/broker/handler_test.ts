import { assertEquals } from "@std/assert";
import { gatherEach } from "../../../../actors/broker/handler.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

Deno.test("answers come in the order of what was asked about, however they come in; of nothing there are none", () => {
  const open: [number, (answer: number) => void][] = [];
  let answers: readonly number[] | undefined;
  gatherEach(numbers(2_000), (item, then: (answer: number) => void) => void open.push([item, then]), (all) => {
    answers = all;
  });
  let most = 0;
  while (open.length > 0) {
    most = Math.max(most, open.length);
    assertEquals(answers, undefined);
    const [item, then] = open.pop()!; // the last first
    then(2 * item);
  }
  assertEquals([most, answers], [512, numbers(2_000).map((item) => 2 * item)]);
  gatherEach([], () => {}, (all: number[]) => answers = all);
  assertEquals(answers, []);
});

Deno.test("a hundred thousand answers that come at once do not pile up calls", () => {
  let times = 0;
  gatherEach(numbers(100_000), (item, then: (answer: number) => void) => then(item), (answers) => {
    times++;
    assertEquals(answers.at(-1), 99_999);
  });
  assertEquals(times, 1);
});
