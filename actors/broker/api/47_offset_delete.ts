/**
 * OffsetDelete (key 47), version 0: forgets committed offsets of topics that no member is subscribed to (KIP-496).
 *
 * Partitions that do not exist are UNKNOWN_TOPIC_OR_PARTITION and never reach the group.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { offsetDelete as table } from "../../../protocol/tables/groups.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf, isUnwritten } from "./group_call.ts";
import { knownPartitions, withUnknown } from "./group_topics.ts";

/** Serves OffsetDelete. */
export const offsetDelete = handler(table, 0, 0, (request, exchange) => {
  const { groupId } = request;
  const refuse = (error: ErrorName) => exchange.reply({ errorCode: errorCode(error), topics: [] });
  if (groupId === "") return refuse("INVALID_GROUP_ID");
  const topics = knownPartitions(exchange.view, request.topics);
  const message = { version: exchange.version, client: clientOf(exchange), body: { ...request, topics } };
  askGroup(exchange, { groupId, verb: "deleteOffsets", message, isConfirmed: isUnwritten }, (result) => {
    if (result.error !== "NONE") return refuse(result.error);
    if (result.value.errorCode !== 0) return exchange.reply(result.value);
    exchange.reply({ errorCode: 0, topics: withUnknown(request.topics, result.value.topics) });
  });
});
