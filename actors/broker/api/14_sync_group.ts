/**
 * SyncGroup (key 14), versions 0–5: the leader hands out the assignments, the others wait for theirs.
 *
 * While the group is being read, REBALANCE_IN_PROGRESS has the member join again: clients know no other way back from here, and what this
 * rebalance had come to is lost with the old coordinator. v3 knows static members (KIP-345), v5 must name the protocol and its type (KIP-559).
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { syncGroup as table } from "../../../protocol/tables/groups.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf } from "./group_call.ts";

/** No rebalance takes longer; how long this one may, the group knows. */
const PATIENCE_MS = 3_600_000;
const LOADING = errorCode("COORDINATOR_LOAD_IN_PROGRESS");

/** Serves SyncGroup. */
export const syncGroup = handler(table, 0, 5, (request, exchange) => {
  const refuse = (error: ErrorName) => exchange.reply({ errorCode: errorCode(error), assignment: new Uint8Array() });
  const { groupId, protocolType, protocolName } = request;
  if (exchange.version >= 5 && (protocolType === null || protocolName === null)) {
    return refuse("INCONSISTENT_GROUP_PROTOCOL");
  }
  if (groupId === "") return refuse("INVALID_GROUP_ID");
  const message = { version: exchange.version, client: clientOf(exchange), body: request };
  askGroup(exchange, { groupId, verb: "sync", message, timeoutMs: PATIENCE_MS }, (result) => {
    if (result.error === "GROUP_ID_NOT_FOUND") return refuse("UNKNOWN_MEMBER_ID");
    if (result.error === "COORDINATOR_LOAD_IN_PROGRESS") return refuse("REBALANCE_IN_PROGRESS");
    if (result.error !== "NONE") return refuse(result.error);
    if (result.value.errorCode === LOADING) return refuse("REBALANCE_IN_PROGRESS");
    exchange.reply(result.value);
  });
});
