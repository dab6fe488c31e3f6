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
import { GroupConsumer } from "./group_consumer.ts";
import { type GroupPlan, TOPICS_PATTERN } from "./group_plans.ts";
import { groupPartition } from "../../actors/group/protocol.ts";
import type { Groups } from "./invariants/groups.ts";
import { ModernMember } from "./modern_member.ts";
import type { MemberPlan, RawMember } from "./raw_member.ts";
import { keysOf, type Scene } from "./scene.ts";

const OUTSIDER_EVERY_MS = 800;
/** Who commits looks for another coordinator before who only reads does: a machine that goes on after a standstill finds its questions. */
const OUTSIDER_PATIENCE_MS = [1_500, 6_000];
const READER_PATIENCE_MS = 20_000;
/** Several who seldom ask: of those who wait at a machine that stands still, some have asked nothing before another took over. */
const READERS = 3;
const READER_EVERY_MS = 1_200;
const ADMIN_EVERY_MS = 2_500;

interface Slot {
  readonly plan: GroupPlan;
  readonly index: number;
  life: number;
  member: RawMember | GroupConsumer | undefined;
}

/** All groups of a run. */
export class GroupWork {
  readonly #scene: Scene;
  readonly #random: Random;
  readonly #plans: readonly GroupPlan[];
  readonly #groups: Groups;
  readonly #slots: Slot[] = [];
  readonly #outsiders: GroupClient[] = [];
  readonly #readers: GroupClient[] = [];

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
      const random = this.#random.split(`outsider ${plan.groupId}`);
      const patienceMs = plan.kind === "simple" ? random.split("patience").pick(OUTSIDER_PATIENCE_MS) : undefined;
      const outsider = new GroupClient(this.#scene, `outsider of ${plan.groupId}`, plan.groupId, random, patienceMs);
      this.#outsiders.push(outsider);
      if (plan.kind !== "simple") continue;
      this.#commitFromOutside(outsider, plan);
      // Others only read: they may go on for long to ask who was the coordinator once.
      for (let index = 0; index < READERS; index++) {
        const name = `reader ${index} of ${plan.groupId}`;
        const reader = new GroupClient(this.#scene, name, plan.groupId, this.#random.split(name), READER_PATIENCE_MS);
        this.#readers.push(reader);
        this.#fetchFromOutside(reader, plan);
      }
    }
    if (withAdmin && this.#outsiders.length > 0) this.#administer(this.#random.split("admin"));
  }

  /** Looks at who uses what: after each step of the clock. */
  look(): void {
    for (const { member } of this.#slots) if (member instanceof GroupConsumer) member.look();
  }

  /** The storm is over: where nobody is there, somebody comes, so that everything is read. */
  finish(): void {
    for (const plan of this.#plans) {
      const slots = this.#slots.filter((slot) => slot.plan === plan);
      if (plan.kind === "consumers" && slots.every(({ member }) => member?.isOver !== false)) this.#live(slots[0]!);
    }
  }

  /** What is not at rest yet, a sentence each. `end` is where a log ends. */
  unrest(end: (key: string) => number): string[] {
    const problems: string[] = [];
    for (const plan of this.#plans) {
      if (plan.kind === "simple") continue;
      const { groupId } = plan;
      const slots = this.#slots.filter((slot) => slot.plan === plan);
      const members = slots.flatMap(({ member }) => member?.isOver === false ? [member] : []);
      const fold = this.#groups.logOf(groupId, groupPartition)?.fold(groupId);
      const count = fold?.group == null ? fold?.classic?.members.length ?? 0 : fold.members.size;
      if (count !== members.length) problems.push(`${groupId} has ${count} members of ${members.length} who are there`);
      const owned = members.flatMap((member) => [...member.uses]).sort();
      const keys = plan.topics.flatMap(keysOf);
      const wanted = members.length === 0 ? [] : [...keys].sort();
      if (owned.join() !== wanted.join()) problems.push(`the members of ${groupId} have ${owned}, of ${wanted}`);
      if (plan.kind !== "consumers" || members.length === 0) continue;
      for (const key of keys) {
        const at = this.#scene.deliveries.position(groupId, key);
        if (at < end(key)) problems.push(`${groupId} has committed ${at} of ${end(key)} in ${key}`);
      }
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
    for (const outsider of [...this.#outsiders, ...this.#readers]) outsider.close();
  }

  #after(delayMs: number, task: () => void): void {
    this.#scene.world.env.clock.after(delayMs, () => this.#scene.isEnding || task());
  }

  #live(slot: Slot): void {
    const { plan, index } = slot;
    const life = slot.life++;
    const random = this.#random.split(`${plan.groupId} ${index} ${life}`);
    const name = `${plan.groupId}/${index}/${life}`;
    slot.member = plan.kind === "consumers"
      ? this.#consumer(slot, name, life, random)
      : this.#raw(slot, name, life, random);
    this.#watch(slot, random);
    this.#after(4_000 + random.below(20_000), () => {
      if (slot.life !== life + 1 || slot.member!.isOver) return;
      if (random.chance(1, 2)) slot.member!.leave();
      else slot.member!.vanish();
    });
  }

  #raw({ plan, index }: Slot, name: string, life: number, random: Random): RawMember {
    const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs, heartbeatMs } = plan;
    const member: MemberPlan = {
      groupId,
      protocol: plan.protocols[(index + life) % plan.protocols.length]!,
      topics,
      instanceId: instanceOf(plan, index),
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      heartbeatMs,
      commits: true,
      isRogue: index < plan.rogues,
    };
    this.#scene.count(`members ${member.protocol}`);
    return new (member.protocol === "classic" ? ClassicMember : ModernMember)(this.#scene, name, member, random);
  }

  #consumer({ plan, index }: Slot, name: string, life: number, random: Random): GroupConsumer {
    const protocol = plan.protocols[(index + life) % plan.protocols.length]!;
    const member = new GroupConsumer(this.#scene, name, {
      groupId: plan.groupId,
      topics: plan.topics.map((topic) => topic.name),
      pattern: plan.byPattern ? TOPICS_PATTERN : null,
      commitsByHand: plan.commitsByHand,
      groupInstanceId: instanceOf(plan, index),
      groupProtocol: protocol,
      partitionAssignors: plan.assignors,
      sessionTimeoutMs: plan.sessionTimeoutMs,
      heartbeatIntervalMs: plan.heartbeatMs,
      maxPollIntervalMs: plan.rebalanceTimeoutMs,
      autoOffsetReset: "earliest",
      delivery: plan.isAtMostOnce ? "at-most-once" : "at-least-once",
      enableAutoCommit: !plan.commitsByHand,
      autoCommitIntervalMs: random.pick([200, 1_000]),
      fetchMaxWaitMs: 200,
      metadataMaxAgeMs: 3_000,
      requestTimeoutMs: 2_500,
      retryBackoffMs: 50,
      retryBackoffMaxMs: 500,
      allowAutoCreateTopics: false,
    }, random);
    this.#scene.count(`consumers ${protocol}`);
    this.#haltNowAndThen(member, random.split("halts"));
    return member;
  }

  #haltNowAndThen(member: GroupConsumer, random: Random): void {
    this.#after(3_000 + random.below(20_000), () => {
      if (member.isOver) return;
      this.#scene.count("consumers stood still");
      member.pause(random.pick([500, 2_000, 8_000]));
      this.#haltNowAndThen(member, random);
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

  #fetchFromOutside(reader: GroupClient, plan: GroupPlan): void {
    this.#after(1 + this.#random.below(2 * READER_EVERY_MS), () => {
      reader.fetch(OUTSIDER, plan.topics.flatMap(keysOf));
      this.#fetchFromOutside(reader, plan);
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
        return outsider.ask(deleteGroups, 2, { groupsNames: groups }, (answer) => {
          if (answer !== undefined) outsider.count("delete group", answer.results[0]!.errorCode);
        });
      case 1: {
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

function instanceOf({ isStatic }: GroupPlan, index: number): string | null {
  return isStatic && index % 2 === 0 ? `instance-${index}` : null;
}
