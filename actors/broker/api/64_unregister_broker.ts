/**
 * UnregisterBroker (key 64), version 0: forgets a broker that is gone for good, so that it is no longer listed (KIP-500).
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import { unregisterBroker as table } from "../../../protocol/tables/cluster.ts";
import { controllerFailure } from "../asking.ts";
import { handler } from "../handler.ts";

/** How long this may take: the request names no time of its own. Kafka's request.timeout.ms. */
const TIMEOUT_MS = 30_000;

/** Serves UnregisterBroker. */
export const unregisterBroker = handler(table, 0, 0, ({ brokerId }, exchange) => {
  exchange.askController("unregisterBroker", { brokerId }, (answer) => {
    const { error, message } = answer.ok ? answer.value : controllerFailure(answer.failure);
    exchange.reply({ errorCode: errorCode(error), errorMessage: message });
  }, TIMEOUT_MS);
});
