/**
 * What the tests of commits share: a member with records, and the words of its commits.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../../protocol/errors.ts";
import { offsetCommit } from "../../../../protocol/tables/groups.ts";
import type { ConsumerConfig } from "../../../../actors/consumer/protocol.ts";
import { batchOf, type Exchange, Stage, T0 } from "./consumer_stage.ts";

/** A member that owns partition 0, of which five records lie here. */
export function member(config: Partial<ConsumerConfig> = {}): Stage {
  const stage = new Stage({ config: { groupId: "g", ...config } }).own([T0]);
  return stage.fetched([{ records: batchOf(0, "a", "b", "c", "d", "e") }]);
}

/** Answers the commit that waits. */
export function committed(stage: Stage, error: ErrorName = "NONE", exchange = stage.one(offsetCommit)): Stage {
  return stage.answer(offsetCommit, {
    topics: exchange.body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(error) })),
    })),
  }, exchange);
}

/** What the commits that wait say: partition@offset. */
export function commits(stage: Stage): string[] {
  return stage.all(offsetCommit).map(said);
}

function said({ body }: Exchange<typeof offsetCommit>): string {
  return body.topics.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, committedOffset }) => `${partitionIndex}@${committedOffset}`)
  ).join();
}
