/**
 * LeaveGroup (key 13), versions 0–5: members go.
 *
 * Up to version 2 one member, whose error is the answer's own; from 3 on several, each with an error (KIP-345), an instance id alone names a
 * static member. v5 says why (KIP-800). Nobody can be a member of a group that is not there.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { leaveGroup as table } from "../../../protocol/tables/groups.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf } from "./group_call.ts";

/** Serves LeaveGroup. */
export const leaveGroup = handler(table, 0, 5, (request, exchange) => {
  const { version } = exchange;
  const { groupId, memberId } = request;
  const refuse = (error: ErrorName) => exchange.reply({ errorCode: errorCode(error), members: [] });
  if (groupId === "") return refuse("INVALID_GROUP_ID");

  const members = version < 3 ? [{ memberId, groupInstanceId: null, reason: null }] : request.members;
  const message = { version, client: clientOf(exchange), body: { ...request, members } };
  askGroup(exchange, { groupId, verb: "leave", message }, (result) => {
    if (result.error === "NONE") return exchange.reply(version < 3 ? ofOne(result.value) : result.value);
    if (result.error !== "GROUP_ID_NOT_FOUND") return refuse(result.error);
    const unknown = errorCode("UNKNOWN_MEMBER_ID");
    if (version < 3) return refuse("UNKNOWN_MEMBER_ID");
    exchange.reply({
      errorCode: 0,
      members: members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, errorCode: unknown })),
    });
  });
});

/** The error of the only member is the answer's own. */
function ofOne({ errorCode, members }: ResponseInput<typeof table>): ResponseInput<typeof table> {
  return { errorCode: errorCode === 0 ? members?.[0]?.errorCode ?? 0 : errorCode, members: [] };
}
