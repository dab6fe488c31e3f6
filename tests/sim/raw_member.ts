/**
 * What members of both protocols have in common that speak raw requests: how they are told to behave, and what rogues do.
 *
 * A rogue says what it must not: of generations that are over, in the name of others, too late, or not at all. What must be refused and is not
 * is a problem, told by it or by the {@linkcode GroupBook}.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { type Committer, GroupClient, OUTSIDER } from "./group_client.ts";
import type { PartitionUser } from "./group_usage.ts";
import { keysOf, type Scene, type TopicPlan } from "./scene.ts";

/** How a member behaves. */
export interface MemberPlan {
  readonly groupId: string;
  readonly protocol: "classic" | "consumer";
  readonly topics: readonly TopicPlan[];
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Whether it commits offsets as it goes: not where others read from them. */
  readonly commits: boolean;
  readonly isRogue: boolean;
}

/** A member. */
export abstract class RawMember {
  readonly group: GroupClient;
  protected readonly scene: Scene;
  protected readonly plan: MemberPlan;
  protected readonly random: Random;
  protected readonly keys: readonly string[];
  protected readonly user: PartitionUser;
  protected owned: readonly string[] = [];
  /** It says nothing just now. */
  protected isSilent = false;
  #isOver = false;

  constructor(scene: Scene, name: string, plan: MemberPlan, random: Random) {
    this.scene = scene;
    this.plan = plan;
    this.random = random;
    this.keys = plan.topics.flatMap(keysOf);
    this.group = new GroupClient(scene, name, plan.groupId, random.split("group"));
    const patienceMs = Math.min(plan.sessionTimeoutMs, plan.rebalanceTimeoutMs);
    this.user = { name, groupId: plan.groupId, instanceId: plan.instanceId, patienceMs };
  }

  /** Whether it takes part, and may commit. */
  abstract get isMember(): boolean;
  /** Whether it has come to an end. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Partitions that it uses. */
  get uses(): readonly string[] {
    return this.owned;
  }

  /** Who it is, to its coordinator. */
  protected abstract get me(): Committer;

  /** It is gone without a word. */
  vanish(): void {
    this.#isOver = true;
    this.scene.usage.drop(this.user);
    this.group.close();
  }

  /** It says that it goes; and then it is gone. */
  abstract leave(): void;

  /** Something that a rogue does, if it can now. */
  protected abstract readonly mischief: Readonly<Record<string, () => void>>;

  /** Begins to do what members do now and then. */
  protected begin(): void {
    this.#work();
    if (this.plan.isRogue) this.#misbehave();
  }

  /** From now on it uses these. */
  protected use(keys: readonly string[], epoch: number): void {
    this.owned = keys;
    this.scene.usage.use(this.user, keys, epoch, this.group.now());
    if (keys.length > 0) this.group.fetch(this.me, keys);
  }

  /** It was told that all is well. */
  protected heard(askedMs: number): void {
    if (this.scene.book.isActing(this.plan.groupId, this.group.node)) this.scene.usage.heard(this.user, askedMs);
  }

  /** Nothing is heard of it for a time; then it goes on as if nothing had happened. */
  protected beSilent(forMs: number): void {
    this.isSilent = true;
    this.group.after(forMs, () => {
      this.isSilent = false;
      if (this.isMember) this.group.commit(this.me, this.owned);
    });
  }

  /** In the name of nobody, or of somebody who is none. */
  protected commitAs(by: Partial<Committer>): void {
    this.group.commit({ ...this.me, ...by }, this.keys.slice(0, 1 + this.random.below(this.keys.length)));
  }

  /** What both kinds of rogues do. */
  protected get commonMischief(): Readonly<Record<string, () => void>> {
    return {
      stranger: () => this.commitAs({ memberId: "nobody", instanceId: null }),
      outsider: () => this.commitAs(OUTSIDER),
      silence: () => this.beSilent(this.plan.sessionTimeoutMs * (0.8 + this.random.below(10) / 10)),
      vanish: () => this.vanish(),
      leave: () => this.leave(),
    };
  }

  #work(): void {
    this.group.after(1 + this.random.below(1_500), () => {
      if (this.isMember && !this.isSilent) {
        if (this.plan.commits) this.group.commit(this.me, this.owned);
        if (this.random.chance(1, 4)) this.group.fetch(this.me, this.keys);
      }
      this.#work();
    });
  }

  #misbehave(): void {
    this.group.after(1 + this.random.below(4_000), () => {
      if (this.scene.isEnding) return;
      const name = this.random.pick(Object.keys(this.mischief));
      if (this.isMember && !this.isSilent) {
        this.scene.count(`rogue: ${name}`);
        this.mischief[name]!();
      }
      if (!this.#isOver) this.#misbehave();
    });
  }
}
