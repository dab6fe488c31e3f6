/**
 * CreatePartitions (key 37), versions 0–3: gives topics more partitions, or with `validateOnly` says whether it could (KIP-195).
 *
 * The controller decides; the answer names every topic of the request and comes when every live broker knows the partitions.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import { createPartitions as table } from "../../../protocol/tables/topics.ts";
import { controllerFailure } from "../asking.ts";
import { handler } from "../handler.ts";

/** Serves CreatePartitions. */
export const createPartitions = handler(table, 0, 3, ({ topics, validateOnly, timeoutMs }, exchange) => {
  const message = {
    topics: topics.map(({ name, count, assignments }) => ({
      name,
      count,
      assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
    })),
    validateOnly,
    timeoutMs,
  };
  exchange.askController("createPartitions", message, (answer) => {
    const results = answer.ok
      ? answer.value
      : topics.map(({ name }) => ({ name, ...controllerFailure(answer.failure) }));
    exchange.reply({
      results: results.map(({ name, error, message }) => ({
        name,
        errorCode: errorCode(error),
        errorMessage: message,
      })),
    });
  }, timeoutMs);
});
