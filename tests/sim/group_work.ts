/**
 * The groups of a run at work: members come, go, are replaced, and in the end everything must come to rest.
 *
 *     slot: ──life──▶ leaves, or vanishes ──pause──▶ life … ──the storm is over──▶ who is there stays: all is shared out, once each
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { deleteGroups, describeGroups, listGroups, offsetDelete } from "../../protocol/tables/groups.ts";
import { consumerGroupDescribe } from "../../protocol/tables/consumer_groups.ts";
import { ClassicMember } from "./classic_member.ts";
import { byTopic, GroupClient, OUTSIDER } from "./group_client.ts";
import type { GroupPlan } from "./group_plans.ts";
import { groupPartition } from "../../actors/group/protocol.ts";
import type { Groups } from "./invariants/groups.ts";
import { ModernMember } from "./modern_member.ts";
import type { MemberPlan, RawMember } from "./raw_member.ts";
import { keysOf, type Scene } from "./scene.ts";

const OUTSIDER_EVERY_MS = 800;
const ADMIN_EVERY_MS = 2_500;

interface Slot {
  readonly plan: GroupPlan;
  readonly index: number;
  life: number;
  member: RawMember | undefined;
}

/** All groups of a run. */
export class GroupWork {
  readonly #scene: Scene;
  readonly #random: Random;
  readonly #plans: readonly GroupPlan[];
  readonly #groups: Groups;
  readonly #slots: Slot[] = [];
  readonly #outsiders: GroupClient[] = [];

  constructor(scene: Scene, plans: readonly GroupPlan[], groups: Groups, random: Random) {
    this.#scene = scene;
    this.#plans = plans;
    this.#groups = groups;
    this.#random = random;
  }

  /** Everybody begins. */
  begin({ withAdmin }: { readonly withAdmin: boolean }): void {
    for (const plan of this.#plans) {
      for (let index = 0; index < plan.members; index++) {
        const slot: Slot = { plan, index, life: 0, member: undefined };
        this.#slots.push(slot);
        this.#after(this.#random.below(2_000), () => this.#live(slot));
      }
      const outsider = new GroupClient(
        this.#scene,
        `outsider of ${plan.groupId}`,
        plan.groupId,
        this.#random.split(`outsider ${plan.groupId}`),
      );
      this.#outsiders.push(outsider);
      if (plan.kind === "simple") this.#commitFromOutside(outsider, plan);
    }
    if (withAdmin && this.#outsiders.length > 0) this.#administer(this.#random.split("admin"));
  }

  /** What is not at rest yet, a sentence each. */
  unrest(): string[] {
    const problems: string[] = [];
    for (const plan of this.#plans) {
      if (plan.kind !== "raw") continue;
      const members = this.#slots.filter((slot) => slot.plan === plan).flatMap(({ member }) =>
        member?.isOver === false ? [member] : []
      );
      const fold = this.#groups.logOf(plan.groupId, groupPartition)?.fold(plan.groupId);
      const count = fold === undefined
        ? 0
        : fold.group === null
        ? fold.classic?.members.length ?? 0
        : fold.members.size;
      if (count !== members.length) {
        problems.push(`${plan.groupId} has ${count} members of ${members.length} who are there`);
      }
      const owned = members.flatMap((member) => [...member.uses]).sort();
      const keys = members.length === 0 ? [] : plan.topics.flatMap(keysOf).sort();
      if (owned.join() !== keys.join()) problems.push(`the members of ${plan.groupId} have ${owned}, of ${keys}`);
    }
    return problems;
  }

  /** Asks everybody once more what is committed. */
  ask(): void {
    for (const [index, outsider] of this.#outsiders.entries()) {
      outsider.fetch(OUTSIDER, this.#plans[index]!.topics.flatMap(keysOf));
    }
  }

  /** Nobody does anything any more. */
  end(): void {
    for (const { member } of this.#slots) if (member?.isOver === false) member.vanish();
    for (const outsider of this.#outsiders) outsider.close();
  }

  #after(delayMs: number, task: () => void): void {
    this.#scene.world.env.clock.after(delayMs, () => this.#scene.isEnding || task());
  }

  #live(slot: Slot): void {
    const { plan, index } = slot;
    const life = slot.life++;
    const random = this.#random.split(`${plan.groupId} ${index} ${life}`);
    const member: MemberPlan = {
      groupId: plan.groupId,
      protocol: plan.protocols[(index + life) % plan.protocols.length]!,
      topics: plan.topics,
      instanceId: plan.isStatic && index % 2 === 0 ? `instance-${index}` : null,
      sessionTimeoutMs: plan.sessionTimeoutMs,
      rebalanceTimeoutMs: plan.rebalanceTimeoutMs,
      heartbeatMs: plan.heartbeatMs,
      commits: true,
      isRogue: index < plan.rogues,
    };
    const name = `${plan.groupId}/${index}/${life}`;
    const Kind = member.protocol === "classic" ? ClassicMember : ModernMember;
    slot.member = new Kind(this.#scene, name, member, random);
    this.#scene.count(`members ${member.protocol}`);
    this.#watch(slot, random);
    this.#after(4_000 + random.below(20_000), () => {
      if (slot.life !== life + 1 || slot.member!.isOver) return;
      if (random.chance(1, 2)) slot.member!.leave();
      else slot.member!.vanish();
    });
  }

  /** Somebody who is gone is followed by another, after a while. */
  #watch(slot: Slot, random: Random): void {
    this.#after(500, () => {
      if (!slot.member!.isOver) return this.#watch(slot, random);
      this.#after(random.below(4_000), () => this.#live(slot));
    });
  }

  #commitFromOutside(outsider: GroupClient, plan: GroupPlan): void {
    const keys = plan.topics.flatMap(keysOf);
    this.#after(1 + this.#random.below(2 * OUTSIDER_EVERY_MS), () => {
      if (this.#random.chance(1, 3)) outsider.fetch(OUTSIDER, keys);
      else outsider.commit(OUTSIDER, keys.filter(() => this.#random.chance(1, 2)));
      this.#commitFromOutside(outsider, plan);
    });
  }

  #administer(random: Random): void {
    this.#after(1 + random.below(2 * ADMIN_EVERY_MS), () => {
      const outsider = random.pick(this.#outsiders);
      const plan = this.#plans[this.#outsiders.indexOf(outsider)]!;
      this.#change(outsider, plan, random);
      this.#administer(random);
    });
  }

  #change(outsider: GroupClient, { groupId, topics }: GroupPlan, random: Random): void {
    const groups = [groupId];
    switch (random.below(5)) {
      case 0:
        this.#scene.book.deleting(groupId);
        return outsider.ask(deleteGroups, 2, { groupsNames: groups }, (answer) => {
          if (answer !== undefined) outsider.count("delete group", answer.results[0]!.errorCode);
        });
      case 1: {
        this.#scene.book.deleting(groupId);
        const asked = byTopic([random.pick(topics.flatMap(keysOf))]).map(([name, partitions]) => ({
          name,
          partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
        }));
        return outsider.ask(offsetDelete, 0, { groupId, topics: asked }, (answer) => {
          if (answer !== undefined) outsider.count("delete offsets", answer.errorCode);
        });
      }
      case 2:
        return outsider.ask(listGroups, 5, { statesFilter: [], typesFilter: [] }, (answer) => {
          if (answer !== undefined) outsider.count("list groups", answer.errorCode);
        });
      case 3:
        return outsider.ask(describeGroups, 6, { groups, includeAuthorizedOperations: false }, (answer) => {
          if (answer !== undefined) outsider.count("describe group", answer.groups[0]!.errorCode);
        });
      default:
        return outsider.ask(
          consumerGroupDescribe,
          1,
          { groupIds: groups, includeAuthorizedOperations: false },
          (answer) => {
            if (answer !== undefined) outsider.count("describe consumer group", answer.groups[0]!.errorCode);
          },
        );
    }
  }
}
