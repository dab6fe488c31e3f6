/**
 * ConsumerGroupDescribe (key 69), versions 0–1: groups of the new protocol, one row for each id asked for, in order; for one that is
 * named twice, one.
 *
 * A group that is not there, or is of the classic protocol, is GROUP_ID_NOT_FOUND. Version 1 says which protocol a member speaks (KIP-1099).
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { consumerGroupDescribe as table } from "../../../protocol/tables/consumer_groups.ts";
import type { DescribedConsumerGroup } from "../../group/protocol.ts";
import { type Exchange, gatherEach, handler } from "../handler.ts";
import { askGroup, clientOf, withOperations } from "./group_call.ts";

type Then = (group: DescribedConsumerGroup) => void;

/** Serves ConsumerGroupDescribe. */
export const consumerGroupDescribe = handler(table, 0, 1, ({ groupIds, includeAuthorizedOperations }, exchange) => {
  gatherEach(
    [...new Set(groupIds)],
    (groupId, then: Then) => describe(exchange, groupId, then),
    (described) =>
      exchange.reply({ groups: described.map((group) => withOperations(group, includeAuthorizedOperations)) }),
  );
});

function describe(exchange: Exchange<typeof table>, groupId: string, then: Then): void {
  if (groupId === "") return then(refuse(groupId, "INVALID_GROUP_ID", null));
  const message = { version: exchange.version, client: clientOf(exchange), body: undefined };
  askGroup(exchange, { groupId, verb: "describeConsumer", message, isConfirmed: () => true }, (result) => {
    if (result.error === "NONE") return then({ ...result.value, groupId });
    then(refuse(groupId, result.error, result.error === "GROUP_ID_NOT_FOUND" ? `Group ${groupId} not found.` : null));
  });
}

function refuse(groupId: string, error: ErrorName, errorMessage: string | null): DescribedConsumerGroup {
  const nothing = { groupState: "", groupEpoch: 0, assignmentEpoch: 0, assignorName: "", members: [] };
  return { errorCode: errorCode(error), errorMessage, groupId, ...nothing };
}
