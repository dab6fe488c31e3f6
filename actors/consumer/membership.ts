/**
 * How a consumer is a member of its group: a pure machine, one for each protocol, without clock, socket or outbox.
 *
 *     events (time, responses, subscriptions) ──▶ machine ──▶ actions (requests, partitions to give up or take, when to wake)
 *
 * Invariants of both: at most one request of a kind is under way, and the answer to an older one is none; partitions are used only
 * between `assign` and `revoke` (or `lose`); the next epoch is not acknowledged before what was to be given up has been.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { Request, Response } from "../../protocol/schema.ts";
import type { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import type { heartbeat, joinGroup, leaveGroup, syncGroup } from "../../protocol/tables/groups.ts";
import type { Random } from "../../lib/prng.ts";
import type { ConsumerConfig, TopicPartition } from "./protocol.ts";

/** A request to the coordinator, by its table's name, in the newest version that the coordinator serves and we know. */
export type MembershipRequest =
  | { readonly api: "join"; readonly body: Request<typeof joinGroup> }
  | { readonly api: "sync"; readonly body: Request<typeof syncGroup> }
  | { readonly api: "heartbeat"; readonly body: Request<typeof heartbeat> }
  | { readonly api: "leave"; readonly body: Request<typeof leaveGroup> }
  | { readonly api: "consumerHeartbeat"; readonly body: Request<typeof consumerGroupHeartbeat> };

/** What came back. */
export type MembershipResponse =
  | { readonly api: "join"; readonly body: Response<typeof joinGroup> }
  | { readonly api: "sync"; readonly body: Response<typeof syncGroup> }
  | { readonly api: "heartbeat"; readonly body: Response<typeof heartbeat> }
  | { readonly api: "leave"; readonly body: Response<typeof leaveGroup> }
  | { readonly api: "consumerHeartbeat"; readonly body: Response<typeof consumerGroupHeartbeat> };

/** What a member is told. */
export type MembershipEvent =
  | { readonly type: "time" }
  | { readonly type: "subscribed"; readonly topics: readonly string[]; readonly pattern: string | null }
  /** Partition counts, and ids, of the topics that it may need, as of the newest metadata. */
  | {
    readonly type: "metadata";
    readonly topics: ReadonlyMap<string, { readonly id: string; readonly partitions: number }>;
  }
  /** The coordinator is known (again); or it is not. */
  | { readonly type: "coordinator"; readonly isKnown: boolean }
  /** New protocol: after so long without a heartbeat the coordinator puts a member out. */
  | { readonly type: "session"; readonly timeoutMs: number }
  | { readonly type: "response"; readonly response: MembershipResponse }
  | { readonly type: "failed"; readonly api: MembershipRequest["api"] }
  /** The listener is through with what was revoked, lost or assigned, and what had to be committed before is. */
  | { readonly type: "handled" }
  /** The application has asked for records: the member lives (max.poll.interval.ms counts from here). */
  | { readonly type: "polled" }
  /** A commit was answered with this: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, STALE_MEMBER_EPOCH … */
  | { readonly type: "fenced"; readonly error: ErrorName }
  | { readonly type: "leave" };

/** What is to be done, in this order. */
export type MembershipAction =
  /**
   * To be sent now. A heartbeat or a leave must not stand behind a join or a sync that waits for others (another lane): a member that keeps its
   * partitions while it joins has to know whether it is still one.
   */
  | { readonly type: "request"; readonly request: MembershipRequest; readonly timeoutMs: number }
  /** It says that it is not the one; or, when silent, nothing: then nothing of what it was asked will be answered in time. */
  | { readonly type: "findCoordinator"; readonly isSilent?: true }
  /** Stop using these; commit what is due of them; tell the listener; then `handled`. */
  | { readonly type: "revoke"; readonly partitions: readonly TopicPartition[] }
  /** They may be somebody else's already: stop using them, commit nothing, tell the listener; then `handled`. */
  | { readonly type: "lose"; readonly partitions: readonly TopicPartition[] }
  /** These are new; positions come from the group's committed offsets. Tell the listener; then `handled`. */
  | { readonly type: "assign"; readonly partitions: readonly TopicPartition[] }
  /**
   * These topics must be known, too (a leader of a classic group needs those of all its members). Replaces what was said before; look
   * them up now, and say `metadata` when that is done, whether there are such topics or not.
   */
  | { readonly type: "lookUp"; readonly topics: readonly string[] }
  /** Come back with `time` then (monotonic), if nothing happens before. Replaces an earlier one. */
  | { readonly type: "wake"; readonly atMs: number }
  /** It cannot be a member any more, and says why. */
  | { readonly type: "fail"; readonly error: ErrorName; readonly message: string }
  | { readonly type: "left" };

/** A member, in either protocol. */
export interface Membership {
  /** What commits and offset fetches name: generation or member epoch, -1 while it is none. */
  readonly epoch: number;
  readonly memberId: string;
  readonly owned: readonly TopicPartition[];
  handle(event: MembershipEvent, nowMs: number): readonly MembershipAction[];
}

/**
 * How a member is made: `classicMembership` and `modernMembership` are such functions. Nothing is done before it hears of a subscription.
 *
 * Several of `revoke`, `lose` and `assign` in one answer are dealt with one after the other, with a `handled` for each.
 */
export type MakeMembership = (config: ConsumerConfig & { readonly groupId: string }, random: Random) => Membership;

/** A client-side assignor of the classic protocol: `range`, `roundrobin`, `sticky`, `cooperative-sticky`, byte for byte as Kafka's. */
export interface ClassicAssignor {
  readonly name: string;
  /** Cooperative assignors give up only what moves, in a rebalance of its own (KIP-429). */
  readonly isCooperative: boolean;
  /** The user data of this member's subscription. */
  userData(owned: readonly TopicPartition[], generation: number): Uint8Array | null;
  /** By the leader of the group: what each member is to have. */
  assign(
    members: readonly {
      readonly memberId: string;
      readonly instanceId: string | null;
      readonly rackId: string | null;
      readonly topics: readonly string[];
      readonly owned: readonly TopicPartition[];
      readonly generation: number;
      readonly userData: Uint8Array | null;
    }[],
    partitions: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, readonly TopicPartition[]>;
}
