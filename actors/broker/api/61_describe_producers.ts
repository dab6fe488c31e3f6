/**
 * DescribeProducers (key 61), version 0: the producers that a partition's leader remembers (KIP-664). A partition that is
 * named twice is refused with INVALID_REQUEST the second time.
 *
 * @module
 */
import { errorCode, type ErrorName, ERRORS } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { describeProducers as table } from "../../../protocol/tables/cluster.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import type { ProducerDescription } from "../../partition/protocol.ts";
import { replicaFailure } from "../asking.ts";
import { gather, handler } from "../handler.ts";
import { findTopic, ledPartition } from "../view.ts";

type PartitionResponse = ResponseInput<typeof table>["topics"][number]["partitions"][number];

/** Serves DescribeProducers. */
export const describeProducers = handler(table, 0, 0, ({ topics }, exchange) => {
  const seen = new Set<string>();
  const questions = topics.flatMap(({ name, partitionIndexes }) => {
    const topic = findTopic(exchange.view, name, ZERO_UUID);
    return partitionIndexes.map((index) => (then: (response: PartitionResponse) => void) => {
      if (seen.has(`${name}-${index}`)) return then(response(index, "INVALID_REQUEST", []));
      seen.add(`${name}-${index}`);
      const led = ledPartition(exchange.view, topic, index);
      if (led.error !== "NONE") return then(response(index, led.error, []));
      exchange.ask(led.replica, "describeProducers", undefined, (answer) =>
        then(
          answer.ok
            ? response(index, answer.value.error, answer.value.producers)
            : response(index, replicaFailure(answer.failure), []),
        ));
    });
  });
  gather(questions, (responses) => {
    let next = 0;
    exchange.reply({
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map(() => responses[next++]!),
      })),
    });
  });
});

function response(
  partitionIndex: number,
  error: ErrorName,
  producers: readonly ProducerDescription[],
): PartitionResponse {
  return {
    partitionIndex,
    errorCode: errorCode(error),
    errorMessage: error === "NONE" ? null : ERRORS[error].sentence,
    activeProducers: producers.map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: BigInt(producer.lastTimestamp),
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: BigInt(producer.currentTransactionStartOffset),
    })),
  };
}
