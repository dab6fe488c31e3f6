/**
 * A consumer as a member of a classic group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
 *
 *     apart ──join──▶ joining ──▶ (electing: the leader waits for metadata) ──▶ syncing ──▶ settled
 *       ▲  ▲                                                                        │       │ │ not polled
 *       │  └──────────── refused, no answer, another rebalance ◀───────────────────┘       │ ▼
 *       └───────────────────── fenced, session over ◀───────────────────────────────────────┘ away ──poll──▶ apart
 *
 * Eager members give everything back before they join. Cooperative ones (all assignors are) keep what they have; the assignment says what to
 * give back, and when they have, they join again. An assignment that came half a session after it was asked for, or later, is asked for again
 * before it is used. In `settled` a member joins when it hears of a rebalance, when its subscription is another, and, as leader, when
 * the topics of the group are.
 *
 * Invariants: one join or sync is under way at a time; it joins only when all that it was to give up or
 * take has been handled; after UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, or a session without an answered heartbeat, partitions are lost, not revoked.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { elect, isOutdated, join, joinCame, joinFailed, metadataCame, syncCame } from "./classic/joining.ts";
import { patternProblem } from "./classic/pattern.ts";
import { beat, fenced, heartbeatCame, judgeTime, leave, leaveCame, sayGoodbye, wake } from "./classic/sessions.ts";
import { Member } from "./classic/state.ts";
import type {
  MakeMembership,
  Membership,
  MembershipAction,
  MembershipEvent,
  MembershipRequest,
  MembershipResponse,
} from "./membership.ts";
import type { ConsumerConfig, TopicPartition } from "./protocol.ts";

/** Makes a member of a classic group. */
export const classicMembership: MakeMembership = (config, random) => new ClassicMembership(config, random);

class ClassicMembership implements Membership {
  readonly #member: Member;

  constructor(config: ConsumerConfig & { readonly groupId: string }, random: Random) {
    this.#member = new Member(config, random);
  }

  get epoch(): number {
    return this.#member.generation;
  }

  get memberId(): string {
    return this.#member.memberId;
  }

  get owned(): readonly TopicPartition[] {
    return this.#member.owned;
  }

  handle(event: MembershipEvent, nowMs: number): readonly MembershipAction[] {
    const member = this.#member;
    if (member.phase === "ended") return [];
    member.nowMs = nowMs;
    member.actions = [];
    take(member, event);
    proceed(member);
    return member.actions;
  }
}

function take(member: Member, event: MembershipEvent): void {
  switch (event.type) {
    case "time":
    case "session": // a classic member says in its joins how long its own is
      return;
    case "subscribed":
      return subscribed(member, event);
    case "metadata":
      return metadataCame(member, new Map([...event.topics].map(([name, { partitions }]) => [name, partitions])));
    case "coordinator":
      member.isCoordinatorKnown = event.isKnown;
      return;
    case "response":
      return responseCame(member, event.response);
    case "failed":
      return requestFailed(member, event.api);
    case "handled":
      member.outstanding = Math.max(0, member.outstanding - 1);
      return;
    case "polled":
      member.polledMs = member.nowMs;
      if (member.phase === "away") member.phase = "apart";
      return;
    case "fenced":
      return fenced(member, event.error);
    case "leave":
      return leave(member);
  }
}

function subscribed(member: Member, to: { readonly topics: readonly string[]; readonly pattern: string | null }): void {
  if (member.assignors.length !== member.config.partitionAssignors.length || member.assignors.length === 0) {
    return member.fail(
      "INCONSISTENT_GROUP_PROTOCOL",
      `No such assignors: ${member.config.partitionAssignors.join(", ")}.`,
    );
  }
  const problem = to.pattern === null ? undefined : patternProblem(to.pattern);
  if (problem !== undefined) return member.fail("INVALID_REGULAR_EXPRESSION", problem);
  if (member.subscription === undefined) member.polledMs = member.nowMs;
  member.learn({ subscription: { topics: to.topics, pattern: to.pattern } });
}

function responseCame(member: Member, response: MembershipResponse): void {
  switch (response.api) {
    case "join":
      return joinCame(member, response.body);
    case "sync":
      return syncCame(member, response.body);
    case "heartbeat":
      return heartbeatCame(member, response.body);
    case "leave":
      return leaveCame(member);
    case "consumerHeartbeat":
      return;
  }
}

function requestFailed(member: Member, api: MembershipRequest["api"]): void {
  if (api === "heartbeat") member.beating = undefined;
  else if (api === "leave") leaveCame(member);
  else joinFailed(member);
}

/** Does what is due now, one thing after the other, and says when to come back. */
function proceed(member: Member): void {
  if (member.phase === "ended") return;
  judgeTime(member);
  if (member.phase === "electing") elect(member);
  if (member.phase === "settled" && !member.mustJoin && isOutdated(member)) member.mustJoin = true;
  if (member.outstanding === 0) {
    const change = member.changes.shift();
    if (change) member.tell(change);
    else if (member.phase === "leaving") sayGoodbye(member);
    else if (member.mustJoin && (member.phase === "apart" || member.phase === "settled")) join(member);
  }
  beat(member);
  wake(member);
}
