/**
 * OffsetForLeaderEpoch (key 23), versions 2–4: where a leader epoch ended, so that a client notices lost records (KIP-320).
 *
 * The answer is the largest epoch not above the one asked for, and the offset at which it ended; -1 and -1 when the log knows
 * none.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { offsetForLeaderEpoch as table } from "../../../protocol/tables/produce_fetch.ts";
import { replicaFailure } from "../asking.ts";
import { gather, handler } from "../handler.ts";
import { findTopic, ledPartition } from "../view.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";

type PartitionResponse = ResponseInput<typeof table>["topics"][number]["partitions"][number];

/** Serves OffsetForLeaderEpoch. */
export const offsetForLeaderEpoch = handler(table, 2, 4, (request, exchange) => {
  const questions = request.topics.flatMap((topic) =>
    topic.partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
      const led = ledPartition(exchange.view, findTopic(exchange.view, topic.topic, ZERO_UUID), partition);
      return (then: (response: PartitionResponse) => void) => {
        if (led.error !== "NONE") return then(response(partition, led.error, -1, -1));
        const message = { epoch: leaderEpoch, currentLeaderEpoch };
        exchange.ask(led.replica, "endOffsetForEpoch", message, (answer) => {
          if (answer.ok) {
            return then(response(partition, answer.value.error, answer.value.epoch, answer.value.endOffset));
          }
          then(response(partition, replicaFailure(answer.failure), -1, -1));
        });
      };
    })
  );
  gather(questions, (responses) => {
    let next = 0;
    exchange.reply({
      throttleTimeMs: 0,
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(() => responses[next++]!),
      })),
    });
  });
});

function response(partition: number, error: ErrorName, leaderEpoch: number, endOffset: number): PartitionResponse {
  return { errorCode: errorCode(error), partition, leaderEpoch, endOffset: BigInt(endOffset) };
}
