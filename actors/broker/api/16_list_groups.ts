/**
 * ListGroups (key 16), versions 0–5: the groups that this broker coordinates.
 *
 * v4 filters by state (KIP-518), v5 by type (KIP-848); filters do not tell upper from lower case. If one of the coordinators here cannot say, the
 * answer says so beside what the others have: COORDINATOR_LOAD_IN_PROGRESS while it is being read, COORDINATOR_NOT_AVAILABLE when it is
 * not sure that it still is one.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { listGroups as table } from "../../../protocol/tables/groups.ts";
import type { ListedGroup } from "../../group/protocol.ts";
import { gather, handler } from "../handler.ts";
import { type GroupAnswer, localCoordinators, summaries } from "./group_call.ts";

type Listed = GroupAnswer<readonly ListedGroup[]>;

/** Serves ListGroups. */
export const listGroups = handler(table, 0, 5, ({ statesFilter, typesFilter }, exchange) => {
  const isWanted = filter(statesFilter, typesFilter);
  const questions = localCoordinators(exchange.view).map((local) => (then: (listed: Listed) => void) =>
    summaries(exchange, local, then)
  );
  gather(questions, (answers) => {
    const error = answers.find((each) => each.error !== "NONE")?.error ?? "NONE";
    const groups = answers.flatMap((each) => each.error === "NONE" ? each.value : []);
    exchange.reply({ errorCode: errorCode(asRetriable(error)), groups: groups.filter(isWanted) });
  });
});

/** A coordinator that is none any more concerns no asker of this broker, but the list would lack its groups: have it asked for again. */
function asRetriable(error: ErrorName): ErrorName {
  return error === "NOT_COORDINATOR" ? "COORDINATOR_NOT_AVAILABLE" : error;
}

function filter(states: readonly string[], types: readonly string[]): (group: ListedGroup) => boolean {
  const wantedStates = new Set(states.map((state) => state.toLowerCase()));
  const wantedTypes = new Set(types.map((type) => type.toLowerCase()));
  return ({ groupState = "", groupType = "" }) =>
    (wantedStates.size === 0 || wantedStates.has(groupState.toLowerCase())) &&
    (wantedTypes.size === 0 || wantedTypes.has(groupType.toLowerCase()));
}
