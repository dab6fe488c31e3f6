/**
 * What a member of the new protocol says in a heartbeat: everything, or what the coordinator does not know yet; and what a refusal means.
 *
 * Invariant: what is left out is what the coordinator has been told, and has answered.
 *
 * @module
 */
import { type ErrorName, ERRORS } from "../../protocol/errors.ts";
import { rebalanceTimeoutMs } from "./config.ts";
import type { MembershipEvent, MembershipRequest } from "./membership.ts";
import type { Rows } from "./modern_holdings.ts";
import type { ConsumerConfig } from "./protocol.ts";

export type Config = ConsumerConfig & { readonly groupId: string };
export type Body = (MembershipRequest & { readonly api: "consumerHeartbeat" })["body"];
export type Subscription = Extract<MembershipEvent, { readonly type: "subscribed" }>;

/** What the coordinator knows for certain. */
export interface Said {
  readonly subscription: Subscription;
  /** The rows that were reported, as text; "" to report them in any case. */
  readonly owned: string;
}

/** What there is to say. */
export interface Sayable {
  readonly epoch: number;
  readonly subscription: Subscription;
  readonly owned: Rows;
  /** The member had an expression once: that it has none any more has to be said. */
  readonly takesPatternBack: boolean;
}

/** The coordinator has forgotten the member, or taken it for another one. */
const FORGOTTEN: ReadonlySet<ErrorName> = new Set(["FENCED_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID", "GROUP_ID_NOT_FOUND"]);
/** A join that came through though its answer did not, or the last incarnation of the instance: its session has to be over first. */
const IN_THE_WAY: ReadonlySet<ErrorName> = new Set([
  "FENCED_MEMBER_EPOCH",
  "UNKNOWN_MEMBER_ID",
  "UNRELEASED_INSTANCE_ID",
]);
/** Somebody else is to be asked. */
const MOVED: ReadonlySet<ErrorName> = new Set(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);

/** What comes of a heartbeat that was refused with this error. */
export function verdictOn(error: ErrorName, { memberEpoch }: Body): "forgotten" | "moved" | "later" | "final" {
  if (FORGOTTEN.has(error) && memberEpoch > 0) return "forgotten";
  if (MOVED.has(error)) return "moved";
  return IN_THE_WAY.has(error) || ERRORS[error].retriable ? "later" : "final";
}

/** A heartbeat; with nothing said before, a full one. */
export function heartbeatOf(config: Config, memberId: string, sayable: Sayable, said: Said | undefined): Body {
  const { epoch, subscription, owned, takesPatternBack } = sayable;
  const saysAll = said === undefined;
  const saysTopics = saysAll || said.subscription !== subscription;
  return {
    ...nothing(config, memberId, epoch),
    rackId: saysAll ? config.clientRack : null,
    rebalanceTimeoutMs: saysAll ? rebalanceTimeoutMs(config) : -1,
    subscribedTopicNames: saysTopics ? subscription.topics : null,
    // No characters at all take it back; who never had one says nothing, so that older coordinators understand.
    subscribedTopicRegex: saysTopics ? subscription.pattern ?? (takesPatternBack ? "" : null) : null,
    serverAssignor: saysAll ? config.groupRemoteAssignor : null,
    topicPartitions: saysAll || said.owned !== JSON.stringify(owned) ? owned : null,
  };
}

/** The last one. A static member is expected back: nobody else gets what it has, as long as its session lasts. */
export function goodbyeOf(config: Config, memberId: string): Body {
  return nothing(config, memberId, config.groupInstanceId === null ? -1 : -2);
}

function nothing({ groupId, groupInstanceId }: Config, memberId: string, memberEpoch: number): Body {
  return {
    groupId,
    memberId,
    memberEpoch,
    instanceId: groupInstanceId,
    rackId: null,
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: null,
  };
}
