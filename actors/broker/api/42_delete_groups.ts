/**
 * DeleteGroups (key 42), versions 0–3: groups without members, with all that they have committed.
 *
 * A group named twice is deleted, and answered, once. Version 3 carries a message (KIP-1043).
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { deleteGroups as table } from "../../../protocol/tables/groups.ts";
import { type Exchange, gatherEach, handler } from "../handler.ts";
import { askGroup, isUnwritten } from "./group_call.ts";

type Result = ResponseInput<typeof table>["results"][number];

/** Serves DeleteGroups. */
export const deleteGroups = handler(table, 0, 3, ({ groupsNames }, exchange) => {
  const ask = (groupId: string, then: (result: Result) => void) => remove(exchange, groupId, then);
  gatherEach([...new Set(groupsNames)], ask, (results) => exchange.reply({ results }));
});

function remove(exchange: Exchange<typeof table>, groupId: string, then: (result: Result) => void): void {
  const call = { groupId, verb: "remove", message: undefined, isConfirmed: isUnwritten } as const;
  askGroup(exchange, call, (result) => {
    const { error, message } = result.error === "NONE" ? result.value : { error: result.error, message: null };
    const isMissing = error === "GROUP_ID_NOT_FOUND";
    const errorMessage = isMissing ? `Group ${groupId} not found.` : message;
    then({ groupId, errorCode: errorCode(error), errorMessage });
  });
}
