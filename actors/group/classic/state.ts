/**
 * What a classic group knows: its phase, its generation, its members, and who of them waits for an answer.
 *
 *     Empty ──join──▶ PreparingRebalance ──all joined, or time over──▶ CompletingRebalance ──leader's sync──▶ Stable
 *       ▲                 ▲    └ nobody left ─▶ Empty                            │ sync time over                │
 *       └─────────────────┴──────────────── join, leave, expiry ◀───────────────┴───────────────────────────────┘
 *
 * Only four things of it are durable, as one record each: what the leader's sync decided, that the group has become empty, that a
 * static member has another id, and what it has become from a group of the new protocol. A generation that nobody synced is forgotten by a failover, and its number may be used again.
 *
 * Invariant: `leader` is a member, or null when there are none; `instances` names exactly the static members; while the group is Empty it has
 * no members, in every other phase it had some when the phase began.
 *
 * @module
 */
import type { ErrorName } from "../../../protocol/errors.ts";
import { CONSUMER_PROTOCOL_TYPE, decodeSubscription } from "../../../protocol/consumer_protocol.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import type { joinGroup, syncGroup } from "../../../protocol/tables/groups.ts";
import type { Asker } from "../../actor.ts";
import type { GroupRecord } from "../records.ts";
import type { ClassicMembers, Group, GroupOutbox } from "../state.ts";
import type { ClassicProtocol, ClassicSnapshotMember } from "./convert.ts";
import { touch } from "./sessions.ts";

export type JoinReply = ResponseInput<typeof joinGroup>;
export type SyncReply = ResponseInput<typeof syncGroup>;

/** What the log has of a group. */
export type GroupMetadata = NonNullable<Extract<GroupRecord, { type: "classicGroup" }>["value"]>;

export type Phase = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** Somebody whose request is answered later, in the version in which it was asked. */
export interface Waiting<R> {
  readonly asker: Asker<R>;
  readonly version: number;
}

/** A member. */
export interface Member extends ClassicSnapshotMember {
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly ClassicProtocol[];
  assignment: Uint8Array;
  joining: Waiting<JoinReply> | undefined;
  syncing: Waiting<SyncReply> | undefined;
  /** It has not been in a generation yet, so it does not know its id, and cannot send heartbeats. */
  isNew: boolean;
  /** What its timer was last set for: an older one that comes has been overtaken. */
  token: number;
}

/** The bytes of an assignment to nothing: what a member has whom the leader left out. */
export const NOTHING: Uint8Array = new Uint8Array(0);

/** The classic part of a group. Its transitions are in the files beside this one. */
export class ClassicGroup implements ClassicMembers {
  phase: Phase = "Empty";
  generation = 0;
  /** As in a snapshot: what a group of the new protocol has used, no generation is called. */
  usedUpTo = 0;
  protocolType = "";
  protocol: string | null = null;
  leader: string | null = null;
  /** In the order in which they came. */
  readonly members: Map<string, Member> = new Map();
  /** Member ids by instance id. */
  readonly instances: Map<string, string> = new Map();
  /** Ids that were given out to be used in a second join (KIP-394), and the tokens of their timers. */
  readonly pending: Map<string, number> = new Map();
  /** Members that were told of this generation, and have not asked for their assignment yet. */
  readonly unsynced: Set<string> = new Set();
  /** Static members that this generation has begun without: their sessions say how long they may be away. */
  readonly away: Set<string> = new Set();
  /** The joining phase of a group that was empty: it waits for more members, though all that it knows have joined. */
  initial: { remainingMs: number; delayMs: number; isNewcomer: boolean } | undefined;
  emptySince: number | undefined;
  /** As in {@linkcode Group}; a group that nobody coordinated before this has none. */
  graceUntilMs = -Infinity;
  /** Counts what timers of members were set for. */
  tokens = 0;

  /** How many members have a protocol, by its name. */
  readonly #speakers = new Map<string, number>();
  /** The topics that members are subscribed to, "any" if it cannot be told; undefined: to be looked up in what they say. */
  #subscribed: ReadonlySet<string> | "any" | undefined;
  readonly #groupId: string;
  #durable: GroupMetadata | null = null;
  #isLive: boolean;

  /** @param isLive it takes part: records only note what is durable. Else it is built from its records, until {@linkcode begin} */
  constructor(groupId: string, isLive: boolean) {
    this.#groupId = groupId;
    this.#isLive = isLive;
  }

  get state(): Phase {
    return this.phase;
  }

  get hasMembers(): boolean {
    return this.members.size > 0;
  }

  get isEmpty(): boolean {
    return this.#durable === null && this.members.size === 0 && this.pending.size === 0;
  }

  get nextGeneration(): number {
    return Math.max(this.generation, this.usedUpTo) + 1;
  }

  /** Whether the log has something of it. */
  get isDurable(): boolean {
    return this.#durable !== null;
  }

  /** The log has members, and nobody who leads them: they have come from the new protocol, and have not all joined since. */
  get isLeaderless(): boolean {
    return this.#durable !== null && this.#durable.members.length > 0 && this.#durable.leader === null;
  }

  get emptySinceMs(): number | undefined {
    return this.hasMembers ? undefined : this.emptySince;
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  /** All its members have joined, and nobody is about to. */
  get isComplete(): boolean {
    if (this.pending.size > 0) return false;
    for (const { joining } of this.members.values()) if (!joining) return false;
    return true;
  }

  /** The group was loaded: from now on its handlers change it, and records only say what of that is durable. */
  begin(): void {
    this.#isLive = true;
  }

  apply(record: GroupRecord): void {
    if (record.type !== "classicGroup") return;
    this.#durable = record.value;
    if (!this.#isLive) this.#load(record.value);
  }

  records(): readonly GroupRecord[] {
    return this.#durable === null ? [] : [{ type: "classicGroup", group: this.#groupId, value: this.#durable }];
  }

  judgeCommit(
    { memberId, instanceId, epoch }: {
      readonly memberId: string;
      readonly instanceId: string | null;
      readonly epoch: number;
    },
  ): ErrorName {
    if (epoch < 0 && this.phase === "Empty") return "NONE";
    if (epoch < 0 && memberId === "" && instanceId === null) return "UNKNOWN_MEMBER_ID";
    const error = this.judgeMember(memberId, instanceId);
    if (error !== "NONE") return error;
    if (epoch !== this.generation) return "ILLEGAL_GENERATION";
    // It knows the generation, so it has joined it; but what it commits may be somebody else's in it.
    return this.phase === "CompletingRebalance" ? "REBALANCE_IN_PROGRESS" : "NONE";
  }

  /** Classic members name neither themselves nor their generation when they fetch offsets: Kafka does not look at it, if they do. */
  judgeFetch(_: { readonly memberId: string | null; readonly epoch: number }): ErrorName {
    return "NONE";
  }

  heard(memberId: string, out: GroupOutbox): void {
    const member = this.members.get(memberId);
    if (member && (this.phase === "Stable" || this.phase === "PreparingRebalance")) touch(this, member, out);
  }

  /** Whether a member may be subscribed to it: also if it cannot be told. */
  isSubscribedTo(topic: string): boolean {
    if (!this.hasMembers) return false;
    if (this.protocolType !== CONSUMER_PROTOCOL_TYPE) return true;
    this.#subscribed ??= subscribed(this.members.values());
    return this.#subscribed === "any" || this.#subscribed.has(topic);
  }

  /** Who is meant: an instance is held by its newest member id, and every older one is fenced. */
  judgeMember(memberId: string, instanceId: string | null): "NONE" | "UNKNOWN_MEMBER_ID" | "FENCED_INSTANCE_ID" {
    if (instanceId !== null) {
      const holder = this.instances.get(instanceId);
      if (holder === undefined) return "UNKNOWN_MEMBER_ID";
      if (holder !== memberId) return "FENCED_INSTANCE_ID";
    }
    return this.members.has(memberId) ? "NONE" : "UNKNOWN_MEMBER_ID";
  }

  /** What it says of itself in the protocol that is spoken. */
  metadataOf({ protocols }: Pick<Member, "protocols">): Uint8Array {
    return protocols.find(({ name }) => name === this.protocol)?.metadata ?? NOTHING;
  }

  /** Whether all members have this protocol. */
  isSpokenByAll(protocol: string): boolean {
    return (this.#speakers.get(protocol) ?? 0) === this.members.size;
  }

  /** What the member offers from now on. */
  setProtocols(member: Member, protocols: readonly ClassicProtocol[]): void {
    this.#count(member, -1);
    member.protocols = protocols;
    this.#count(member, 1);
  }

  add(member: Member): void {
    if (this.members.size === 0 && this.leader === null) this.leader = member.memberId;
    this.members.set(member.memberId, member);
    this.#count(member, 1);
    if (member.instanceId !== null) this.instances.set(member.instanceId, member.memberId);
    this.pending.delete(member.memberId);
  }

  /** Takes it out, without a word to it: see `leaving.ts`. */
  remove(member: Member): void {
    const { memberId, instanceId } = member;
    this.members.delete(memberId);
    this.#count(member, -1);
    this.unsynced.delete(memberId);
    this.away.delete(memberId);
    if (instanceId !== null && this.instances.get(instanceId) === memberId) this.instances.delete(instanceId);
    if (this.leader === memberId) this.leader = this.members.keys().next().value ?? null;
  }

  /** What a member says counts from now on, or does not any more. */
  #count({ protocols }: Member, by: 1 | -1): void {
    this.#subscribed = undefined;
    for (const name of new Set(protocols.map(({ name }) => name))) {
      this.#speakers.set(name, (this.#speakers.get(name) ?? 0) + by);
    }
  }

  #load(value: GroupMetadata | null): void {
    this.members.clear();
    this.instances.clear();
    this.#speakers.clear();
    this.protocolType = value?.protocolType ?? "";
    this.generation = value?.generation ?? 0;
    this.protocol = value?.protocol ?? null;
    this.leader = value?.leader ?? null;
    for (const member of value?.members ?? []) this.add(loaded(member, this.protocol));
    if (this.leader !== null && !this.members.has(this.leader)) {
      this.leader = this.members.keys().next().value ?? null;
    }
    this.phase = this.hasMembers ? "Stable" : "Empty";
    const since = Number(value?.currentStateTimestamp ?? -1n);
    this.emptySince = this.hasMembers || since < 0 ? undefined : since;
  }
}

/** The classic part of a group, as this folder knows it. */
export function classicOf(group: Group): ClassicGroup | undefined {
  return group.classic as ClassicGroup | undefined;
}

/** What members say, in all their protocols, that they are subscribed to. */
function subscribed(members: Iterable<Member>): ReadonlySet<string> | "any" {
  const all = new Set<string>();
  for (const { protocols } of members) {
    for (const { metadata } of protocols) {
      const topics = decodeSubscription(metadata)?.topics;
      if (topics === undefined) return "any";
      for (const topic of topics) all.add(topic);
    }
  }
  return all;
}

/** A member as the log has it: of its protocols it knows only the one that was spoken. */
function loaded(member: GroupMetadata["members"][number], protocol: string | null): Member {
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    sessionTimeoutMs: member.sessionTimeout,
    rebalanceTimeoutMs: member.rebalanceTimeout > 0 ? member.rebalanceTimeout : member.sessionTimeout,
    protocols: protocol === null ? [] : [{ name: protocol, metadata: member.subscription }],
    assignment: member.assignment,
    joining: undefined,
    syncing: undefined,
    isNew: false,
    token: 0,
  };
}
