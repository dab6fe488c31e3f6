import { assertEquals } from "@std/assert";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { Reports } from "../../../transport/reports.ts";

function reports() {
  const env = new VirtualEnv();
  const told: string[] = [];
  return { env, told, reports: new Reports(env.clock, (sentence) => told.push(sentence)) };
}

Deno.test("one cause is told once a minute, others at once", () => {
  const { env, told, reports: all } = reports();
  const say = (cause: string, sentence: string) => all.say(cause, sentence);
  say("a", "1");
  env.advance(59_999);
  say("a", "2");
  say("b", "3");
  env.advance(1);
  say("a", "4");
  say("b", "5");
  assertEquals(told, ["1", "3", "4"]);
});

Deno.test("of very many causes the oldest are forgotten", () => {
  const { told, reports: all } = reports();
  for (let cause = 0; cause < 1_001; cause++) all.say(String(cause), "");
  told.length = 0;
  all.say("1000", "still known");
  all.say("0", "forgotten");
  assertEquals(told, ["forgotten"]);
});
