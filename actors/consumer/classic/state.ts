/**
 * What a member of a classic group knows, and the few things that every part of it does.
 *
 * @module
 */
import type { Random } from "../../../lib/prng.ts";
import type { ErrorName } from "../../../protocol/errors.ts";
import { CLASSIC_ASSIGNORS } from "../assignors/assignors.ts";
import { comparePartitions, keyOf } from "../assignors/members.ts";
import type { ClassicAssignor, MembershipAction, MembershipRequest, MembershipResponse } from "../membership.ts";
import type { ConsumerConfig, TopicPartition } from "../protocol.ts";
import { topicMatcher } from "./pattern.ts";

export type Body<A extends MembershipResponse["api"]> = Extract<MembershipResponse, { api: A }>["body"];

/** Where it stands: the picture is in `classic_membership.ts`. */
export type Phase = "apart" | "joining" | "electing" | "syncing" | "settled" | "away" | "leaving" | "ended";

export type Change = Extract<MembershipAction, { type: "revoke" | "assign" }>;

/** The state of a member. */
export class Member {
  readonly config: ConsumerConfig & { readonly groupId: string };
  readonly assignors: readonly ClassicAssignor[];
  /** All its assignors are: then it keeps what it has while it joins. */
  readonly isCooperative: boolean;
  readonly #random: Random;

  phase: Phase = "apart";
  memberId = "";
  generation = -1;
  owned: readonly TopicPartition[] = [];
  nowMs = 0;
  /** What is to be done, of this event. */
  actions: MembershipAction[] = [];
  /** What was told and is not handled yet. */
  outstanding = 0;
  /** What is to be told when that is handled. */
  readonly changes: Change[] = [];
  /** What is settled does not hold any more. */
  mustJoin = true;
  isCoordinatorKnown = false;

  subscription: { readonly topics: readonly string[]; readonly pattern: string | null } | undefined;
  /** Partition counts, as of the newest metadata; undefined before there are any. */
  partitions: ReadonlyMap<string, number> | undefined;
  #topics: readonly string[] | undefined;
  /** What it was subscribed to when it joined. */
  joinedTopics: readonly string[] = [];
  /** What it was last given, and in which generation: sticky assignors tell the leader. */
  last: { readonly partitions: readonly TopicPartition[]; readonly generation: number } = {
    partitions: [],
    generation: -1,
  };
  /** The generation that this member leads and has not assigned yet. */
  election: Body<"join"> | undefined;
  electUntilMs = 0;
  /** As leader: the topics of the group, with the partition counts that were shared out. */
  watched: ReadonlyMap<string, number | undefined> = new Map();
  /** Topics of others that it has asked to be looked up. */
  lookedUp: readonly string[] = [];

  /** A join or a sync is under way, though what comes of it may not be wanted any more. */
  isAsking = false;
  /** When it was sent. */
  askingSinceMs = 0;
  /** The sync that is under way, unless it is one that was sent again because the answer was long on its way. */
  syncing: MembershipRequest | undefined;
  /** The generation of a heartbeat that is under way. */
  beating: number | undefined;
  heartbeatAtMs = 0;
  askedMs = 0;
  /** The session began then at the earliest: the newest of what was answered was sent then. */
  heardMs = 0;
  polledMs = 0;
  retryAtMs = 0;
  #attempts = 0;
  hasSaidGoodbye = false;

  constructor(config: ConsumerConfig & { readonly groupId: string }, random: Random) {
    this.config = config;
    this.assignors = config.partitionAssignors.flatMap((name) => CLASSIC_ASSIGNORS.get(name) ?? []);
    this.isCooperative = this.assignors.length > 0 && this.assignors.every(({ isCooperative }) => isCooperative);
    this.#random = random;
  }

  /** Takes over what it is subscribed to, or what topics there are. */
  learn(news: Partial<Pick<Member, "subscription" | "partitions">>): void {
    Object.assign(this, news);
    this.#topics = this.#findTopics();
  }

  /** The topics that it wants, sorted; undefined when a pattern cannot be tried yet. */
  get topics(): readonly string[] | undefined {
    return this.#topics;
  }

  #findTopics(): readonly string[] | undefined {
    if (this.subscription === undefined) return undefined;
    const { topics, pattern } = this.subscription;
    if (pattern === null) return [...new Set(topics)].sort();
    if (this.partitions === undefined) return undefined;
    const matches = topicMatcher(pattern);
    return [...new Set([...topics, ...[...this.partitions.keys()].filter(matches)])].sort();
  }

  /** A request was answered well that was sent then: the session began no earlier. */
  heard(askedMs: number): void {
    this.heardMs = Math.max(this.heardMs, askedMs);
  }

  request(request: MembershipRequest, timeoutMs: number): void {
    this.actions.push({ type: "request", request, timeoutMs });
  }

  /** Tells of a change, which from now on is waited for. */
  tell(change: Change): void {
    const keys = new Set(change.partitions.map(keyOf));
    const rest = this.owned.filter((at) => !keys.has(keyOf(at)));
    this.owned = change.type === "revoke" ? rest : [...rest, ...change.partitions].sort(comparePartitions);
    this.outstanding++;
    this.actions.push(change);
  }

  /**
   * It is not in the generation any more, or may not be: what it has may be somebody else's. What was to be told after something that is not
   * handled yet has not happened.
   */
  lose(): void {
    this.changes.length = 0;
    this.generation = -1;
    this.election = undefined;
    this.mustJoin = true;
    this.phase = "apart";
    if (this.owned.length === 0) return;
    this.outstanding++;
    this.actions.push({ type: "lose", partitions: this.owned });
    this.owned = [];
  }

  fail(error: ErrorName, message: string): void {
    this.lose();
    this.phase = "ended";
    this.actions.push({ type: "fail", error, message });
  }

  /** It is to join again at once. */
  rejoin(): void {
    this.phase = "apart";
    this.mustJoin = true;
    this.retryAtMs = this.nowMs;
  }

  /** It is to join again: at once, but not time and again. */
  rejoinSoon(): void {
    if (this.#attempts > 0) return this.rejoinLater();
    this.#attempts++;
    this.rejoin();
  }

  /** It is to join again, after a while that grows. */
  rejoinLater(): void {
    const { retryBackoffMs, retryBackoffMaxMs } = this.config;
    const backoffMs = Math.min(retryBackoffMs * 2 ** this.#attempts++, retryBackoffMaxMs);
    this.rejoin();
    this.retryAtMs += Math.ceil(backoffMs * (80 + this.#random.below(41)) / 100);
  }

  /** The coordinator answered as it should: the next trouble is the first again. */
  isWell(): void {
    this.#attempts = 0;
  }

  /** It is elsewhere, or going; or it does not answer. */
  loseCoordinator(isSilent = false): void {
    this.isCoordinatorKnown = false;
    this.actions.push({ type: "findCoordinator", ...(isSilent ? { isSilent } : {}) });
  }
}
