/**
 * Heartbeat (key 12), versions 0–4: a member is alive, and hears of rebalances.
 *
 * While the group is being read, everybody is told that all is well, as in Kafka: a client that knows this error nowhere else but in answers to
 * other requests would take it for the end. v3 knows static members (KIP-345).
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { heartbeat as table } from "../../../protocol/tables/groups.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf } from "./group_call.ts";

const LOADING = errorCode("COORDINATOR_LOAD_IN_PROGRESS");

/** Serves Heartbeat. */
export const heartbeat = handler(table, 0, 4, (request, exchange) => {
  const refuse = (error: ErrorName) => exchange.reply({ errorCode: errorCode(error) });
  const { groupId } = request;
  if (groupId === "") return refuse("INVALID_GROUP_ID");
  const message = { version: exchange.version, client: clientOf(exchange), body: request };
  askGroup(exchange, { groupId, verb: "heartbeat", message }, (result) => {
    if (result.error === "GROUP_ID_NOT_FOUND") return refuse("UNKNOWN_MEMBER_ID");
    if (result.error === "COORDINATOR_LOAD_IN_PROGRESS") return refuse("NONE");
    if (result.error !== "NONE") return refuse(result.error);
    exchange.reply(result.value.errorCode === LOADING ? { errorCode: 0 } : result.value);
  });
});
