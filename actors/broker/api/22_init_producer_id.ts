/**
 * InitProducerId (key 22), versions 0–5: an id for an idempotent producer, and epoch 0.
 *
 * Without a transactional id the answer is always a new id, whatever id and epoch the request holds (KIP-98): a producer that
 * has lost its footing begins anew.
 *
 * With a transactional id it is refused with UNSUPPORTED_VERSION. There are no transactions yet, and a client must hear that
 * once and stop: the errors about coordinators are retried until the application's patience ends, and those about
 * authorization send people to look for a permission that nobody withholds. Clients take UNSUPPORTED_VERSION for what it is,
 * something that this broker cannot do, and fail the producer at once. An empty transactional id is INVALID_REQUEST.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { initProducerId as table } from "../../../protocol/tables/transactions.ts";
import { handler } from "../handler.ts";

/** Serves InitProducerId. */
export const initProducerId = handler(table, 0, 5, ({ transactionalId }, exchange) => {
  if (transactionalId !== null) {
    return exchange.reply(refusal(transactionalId === "" ? "INVALID_REQUEST" : "UNSUPPORTED_VERSION"));
  }
  exchange.ask(exchange.broker, "nextProducerId", undefined, (answer) => {
    if (!answer.ok) return exchange.reply(refusal("COORDINATOR_LOAD_IN_PROGRESS"));
    const { error, producerId } = answer.value;
    exchange.reply(error === "NONE" ? { errorCode: 0, producerId, producerEpoch: 0 } : refusal(error));
  });
});

function refusal(error: ErrorName): ResponseInput<typeof table> {
  return { errorCode: errorCode(error), producerId: -1n, producerEpoch: -1 };
}
