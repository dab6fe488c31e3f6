/**
 * JoinGroup (key 11), versions 0–9: enters a group, and waits until all members have.
 *
 * v1 parts the time for a rebalance from that of a session, v4 has new members come back with the id that they are given (KIP-394), v5 knows
 * static members (KIP-345), v7 echoes type and name of the protocol, v8 says why (KIP-800), v9 may spare the leader its work (KIP-814). Only
 * who brings no member id can be the first of a group.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { joinGroup as table } from "../../../protocol/tables/groups.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf, NAME_LENGTH_MAX } from "./group_call.ts";

/** The group keeps the time; only when it is silent does the handler give up, a little later. */
const MARGIN_MS = 10_000;
const PATIENCE_MAX_MS = 3_600_000;

/** Serves JoinGroup. */
export const joinGroup = handler(table, 0, 9, (request, exchange) => {
  const { version } = exchange;
  const { groupId, memberId, sessionTimeoutMs, rebalanceTimeoutMs } = request;
  if (groupId === "") return exchange.reply(refuse(request, version, "INVALID_GROUP_ID"));
  if ((request.groupInstanceId?.length ?? 0) > NAME_LENGTH_MAX) {
    return exchange.reply(refuse(request, version, "INVALID_REQUEST"));
  }
  const message = { version, client: clientOf(exchange), body: request };
  const timeoutMs = Math.min(Math.max(rebalanceTimeoutMs, sessionTimeoutMs, 0) + MARGIN_MS, PATIENCE_MAX_MS);
  askGroup(exchange, { groupId, verb: "join", message, create: memberId === "", timeoutMs }, (result) => {
    if (result.error === "NONE") return exchange.reply(result.value);
    const error = result.error === "GROUP_ID_NOT_FOUND" ? "UNKNOWN_MEMBER_ID" : result.error;
    exchange.reply(refuse(request, version, error));
  });
});

function refuse({ memberId }: Request<typeof table>, version: number, error: ErrorName): ResponseInput<typeof table> {
  const protocolName = version < 7 ? "" : null;
  return { errorCode: errorCode(error), protocolName, leader: "", memberId, members: [] };
}
