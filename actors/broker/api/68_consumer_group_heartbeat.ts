/**
 * ConsumerGroupHeartbeat (key 68), versions 0–1: all that a member of the new protocol says and hears (KIP-848).
 *
 * Epoch 0 joins, and makes the group if there is none; -1 leaves, -2 leaves for a while. In version 1 the client makes its own member id
 * (KIP-1082) and may subscribe by a regular expression.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { consumerGroupHeartbeat as table } from "../../../protocol/tables/consumer_groups.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf } from "./group_call.ts";

/** Serves ConsumerGroupHeartbeat. */
export const consumerGroupHeartbeat = handler(table, 0, 1, (request, exchange) => {
  const refuse = (error: ErrorName, errorMessage: string | null = null) =>
    exchange.reply({ errorCode: errorCode(error), errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 });
  const { groupId, memberEpoch } = request;
  if (groupId === "") return refuse("INVALID_REQUEST", "GroupId can't be empty.");
  const message = { version: exchange.version, client: clientOf(exchange), body: request };
  askGroup(exchange, { groupId, verb: "consumerHeartbeat", message, create: memberEpoch === 0 }, (result) => {
    if (result.error === "NONE") return exchange.reply(result.value);
    refuse(result.error, result.error === "GROUP_ID_NOT_FOUND" ? `Group ${groupId} not found.` : null);
  });
});
