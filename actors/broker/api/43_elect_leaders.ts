/**
 * ElectLeaders (key 43), versions 0–2: lets the preferred replica lead again, or from version 1 on any replica that is left when
 * nobody is in sync, which may lose records (KIP-460).
 *
 * Null partitions mean all of them; then those that need no election are left out. The controller decides, and the answer comes
 * when every live broker knows. An election type that is not known is INVALID_REQUEST.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { electLeaders as table } from "../../../protocol/tables/topics.ts";
import { controllerFailure } from "../asking.ts";
import { byTopic, handler } from "../handler.ts";

const TYPES = ["preferred", "unclean"] as const;

/** Serves ElectLeaders. */
export const electLeaders = handler(table, 0, 2, ({ electionType, topicPartitions, timeoutMs }, exchange) => {
  const type = TYPES[electionType];
  if (type === undefined) return exchange.reply(failed("INVALID_REQUEST"));
  const partitions = topicPartitions?.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition }))
  ) ?? null;
  exchange.askController("electLeaders", { type, partitions, timeoutMs }, (answer) => {
    if (!answer.ok) return exchange.reply(failed(controllerFailure(answer.failure).error));
    const told = answer.value.filter(({ error }) => partitions !== null || error !== "ELECTION_NOT_NEEDED");
    const replicaElectionResults = byTopic(told, ({ partition, error, message }) => (
      { partitionId: partition, errorCode: errorCode(error), errorMessage: message }
    )).map(({ topic, partitions }) => ({ topic, partitionResult: partitions }));
    exchange.reply({ errorCode: 0, replicaElectionResults });
  }, timeoutMs);

  /** Version 0 has no error of its own: there, each partition has it. */
  function failed(error: ErrorName): ResponseInput<typeof table> {
    const each = exchange.version > 0 ? [] : topicPartitions ?? [];
    return {
      errorCode: exchange.version > 0 ? errorCode(error) : 0,
      replicaElectionResults: each.map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode: errorCode(error) })),
      })),
    };
  }
});
