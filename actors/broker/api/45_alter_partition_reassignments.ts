/**
 * AlterPartitionReassignments (key 45), versions 0–1: moves partitions to other replicas, or with null replicas calls a move off
 * (KIP-455).
 *
 * The answer comes when the move has begun; ListPartitionReassignments shows it until it has ended. With v1's
 * `allowReplicationFactorChange=false` a move that would change the number of replicas is refused (KIP-860).
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import { alterPartitionReassignments as table } from "../../../protocol/tables/topics.ts";
import { controllerFailure } from "../asking.ts";
import { byTopic, handler } from "../handler.ts";

/** Serves AlterPartitionReassignments. */
export const alterPartitionReassignments = handler(table, 0, 1, (request, exchange) => {
  const { topics, allowReplicationFactorChange, timeoutMs } = request;
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, replicas }) => ({ topic: name, partition: partitionIndex, replicas }))
  );
  const message = { partitions, allowReplicationFactorChange, timeoutMs };
  exchange.askController("reassign", message, (answer) => {
    if (!answer.ok) {
      const { error, message } = controllerFailure(answer.failure);
      return exchange.reply({
        allowReplicationFactorChange,
        errorCode: errorCode(error),
        errorMessage: message,
        responses: [],
      });
    }
    const responses = byTopic(answer.value, ({ partition, error, message }) => (
      { partitionIndex: partition, errorCode: errorCode(error), errorMessage: message }
    )).map(({ topic, partitions }) => ({ name: topic, partitions }));
    exchange.reply({ allowReplicationFactorChange, errorCode: 0, errorMessage: null, responses });
  }, timeoutMs);
});
