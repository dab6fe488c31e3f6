/**
 * DescribeGroups (key 15), versions 0–6: groups of the classic protocol, one row for each id asked for, in order; for one that is named
 * twice, one.
 *
 * A group that is not there (or is of the new protocol) is "Dead" without an error up to version 5; from 6 on it is GROUP_ID_NOT_FOUND with a
 * message (KIP-1043). v3 may ask for authorized operations, v4 shows instance ids.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import { describeGroups as table } from "../../../protocol/tables/groups.ts";
import type { DescribedGroup } from "../../group/protocol.ts";
import { type Exchange, gatherEach, handler } from "../handler.ts";
import { askGroup, clientOf, withOperations } from "./group_call.ts";

/** Serves DescribeGroups. */
export const describeGroups = handler(table, 0, 6, ({ groups, includeAuthorizedOperations }, exchange) => {
  gatherEach(
    [...new Set(groups)],
    (groupId, then: (group: DescribedGroup) => void) => describe(exchange, groupId, then),
    (described) =>
      exchange.reply({ groups: described.map((group) => withOperations(group, includeAuthorizedOperations)) }),
  );
});

function describe(exchange: Exchange<typeof table>, groupId: string, then: (group: DescribedGroup) => void): void {
  const { version } = exchange;
  const message = { version, client: clientOf(exchange), body: undefined };
  askGroup(exchange, { groupId, verb: "describe", message, isConfirmed: () => true }, (result) => {
    if (result.error === "NONE") return then({ ...result.value, groupId });
    const empty = { groupId, protocolType: "", protocolData: "", members: [] };
    if (result.error !== "GROUP_ID_NOT_FOUND") {
      return then({ ...empty, errorCode: errorCode(result.error), groupState: "" });
    }
    if (version < 6) return then({ ...empty, errorCode: 0, groupState: "Dead" });
    const errorMessage = `Group ${groupId} not found.`;
    then({ ...empty, errorCode: errorCode(result.error), errorMessage, groupState: "Dead" });
  });
}
