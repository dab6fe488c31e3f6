/**
 * What a membership has to say, as requests to the coordinator, and what comes back, as what it hears.
 *
 *     join, sync ──lane "coordinator"──▶ kept waiting for the other members
 *     the rest   ──lane "control"──────▶ answered soon, in order with commits
 *
 * When an answer does not come for a while, others are asked whether that is still the coordinator (see `coordinator.ts`).
 *
 * Invariants: nothing waits behind a join or a sync; the membership hears of every request how it ended, unless it has been forgotten meanwhile.
 *
 * @module
 */
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";
import { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "../../protocol/tables/groups.ts";
import { call } from "./calls.ts";
import { count, loseCoordinator } from "./coordinator.ts";
import type { MembershipRequest, MembershipResponse } from "./membership.ts";
import type { Outcome } from "./protocol.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";

/** First version of LeaveGroup that names several members. */
const MANY_LEAVE = 3;

const TABLES = {
  join: joinGroup,
  sync: syncGroup,
  heartbeat,
  leave: leaveGroup,
  consumerHeartbeat: consumerGroupHeartbeat,
};

/** Sends a request of the membership; `giveUp` is called when the coordinator serves no such thing. */
export function askCoordinator(
  consumer: Consumer,
  { request: { api, body }, timeoutMs }: { readonly request: MembershipRequest; readonly timeoutMs: number },
  giveUp: (failure: Outcome) => void,
): void {
  const { membership, coordinator } = consumer;
  const { node } = coordinator;
  const fail = () => {
    if (consumer.membership === membership) consumer.tell({ type: "failed", api });
  };
  if (node === undefined) return consumer.later(fail);
  const isHeld = api === "join" || api === "sync";
  count(consumer, 1, isHeld);
  call<Api>(consumer, {
    to: node,
    lane: isHeld ? "coordinator" : "control",
    api: TABLES[api],
    body: (version) => inVersion(api, body, version) as RequestInput<Api>,
    timeoutMs,
    then(result) {
      count(consumer, -1, isHeld);
      if (consumer.membership !== membership) return;
      if (result.ok) {
        coordinator.attempts = 0;
        const response = { api, body: result.body as Response<Api> } as unknown as MembershipResponse;
        return consumer.tell({ type: "response", response });
      }
      if (result.why === "unsupported") return giveUp(outcomeOf("UNSUPPORTED_VERSION", result.message));
      loseCoordinator(consumer, node);
      fail();
    },
  });
}

/** Before version 3 a member leaves alone. */
function inVersion(api: MembershipRequest["api"], body: MembershipRequest["body"], version: number): unknown {
  if (api !== "leave" || version >= MANY_LEAVE) return body;
  const { groupId, memberId, members } = body as (MembershipRequest & { readonly api: "leave" })["body"];
  return { groupId, memberId: members[0]?.memberId ?? memberId };
}
