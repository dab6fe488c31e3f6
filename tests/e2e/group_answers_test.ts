import { assert, assertEquals } from "@std/assert";
import { startCluster } from "../../mod.ts";
import { answersOf, answersOfKafka } from "../interop/group_answers.ts";

/** Where we answer otherwise, on purpose or still: what both sides have there is left out before they are compared. */
const MAY_DIFFER: readonly (readonly [line: RegExp, what: RegExp])[] = [
  // Kafka shows what members had before, when a rebalance is under way; here that is shown of stable groups only.
  [/"groupState":"(Preparing|Completing)Rebalance"/, /"memberAssignment":"<\w*>"/g],
  // When a group goes back to the classic protocol: whether the generation stays, and its members hear of a rebalance, or moves on at once.
  [/^one beats .*"(REBALANCE_IN_PROGRESS|ILLEGAL_GENERATION)"/, /"errorCode":"\w+"/],
  [/^one joins .*"generationId":[34],/, /"generationId":\d/],
];

function comparable(line: string): string {
  return MAY_DIFFER.reduce((text, [where, what]) => where.test(line) ? text.replace(what, "…") : text, line);
}

Deno.test("requests about groups, right and wrong, are answered as Apache Kafka answers them", async () => {
  const config = { "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "6000" };
  await using cluster = await startCluster({ brokers: 1, config });
  const [ours, theirs] = [await answersOf(cluster.bootstrap), await answersOfKafka()];
  assert(theirs.length > 400);
  assertEquals(ours.map(comparable), theirs.map(comparable));
});
