/**
 * A member of a group of the new protocol (KIP-848), heartbeat by heartbeat.
 *
 *     epoch 0, everything said ──▶ epoch e ──heartbeat … ──▶ another assignment: give up, take, and say what it has ──▶ …
 *           ▲                                                                              │
 *           └────────────────── FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID ────────────────────┘
 *
 * An answer that did not come is asked for again with the very same words.
 *
 * @module
 */
import { type ErrorName } from "../../protocol/errors.ts";
import type { RequestInput, Response } from "../../protocol/schema.ts";
import { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import { randomUuid } from "../../lib/uuid.ts";
import type { Random } from "../../lib/prng.ts";
import { byTopic, type Committer } from "./group_client.ts";
import { type MemberPlan, RawMember } from "./raw_member.ts";
import type { Scene } from "./scene.ts";

type Body = RequestInput<typeof consumerGroupHeartbeat>;
type Answer = Response<typeof consumerGroupHeartbeat>;

const VERSION = 1;
const BACKOFF_MS = 200;
const LEFT = -1;
const LEFT_FOR_NOW = -2;

/** A member of the new protocol. */
export class ModernMember extends RawMember {
  readonly #memberId: string;
  #epoch = 0;
  /** Epochs that it was in before, oldest first. */
  #former: number[] = [];
  /** It has told its coordinator what it has. */
  #hasTold = false;
  /** The next heartbeat says everything, so that everything is said in answer. */
  #saysAll = false;
  /** It gives nothing up, whatever it is told. */
  #isStubborn = false;
  /** It was told to give something up, and has not. */
  #mustGive = false;
  /** Counts its joins: what belongs to an earlier one is over. */
  #life = 0;

  constructor(scene: Scene, name: string, plan: MemberPlan, random: Random) {
    super(scene, name, plan, random);
    this.#memberId = randomUuid(random.split("id").bytes(16));
    this.#join();
    this.begin();
  }

  get isMember(): boolean {
    return !this.isOver && this.#epoch > 0;
  }

  protected override get me(): Committer {
    return { memberId: this.#memberId, epoch: this.#epoch, instanceId: this.plan.instanceId, isModern: true };
  }

  override leave(): void {
    const { instanceId } = this.plan;
    this.scene.usage.drop(this.user);
    this.#life++;
    const epoch = instanceId !== null && this.random.chance(1, 2) ? LEFT_FOR_NOW : LEFT;
    this.#epoch = 0;
    this.#send({ memberEpoch: epoch }, () => this.vanish(), 1_500);
  }

  protected override readonly mischief: Readonly<Record<string, () => void>> = {
    ...this.commonMischief,
    "old epoch": () => this.#sayOld({}),
    "old epoch, all owned": () => this.#sayOld({ topicPartitions: this.#named(this.keys) }),
    "old commit": () => this.commitAs({ epoch: this.#former.at(-1) ?? 0 }),
    "join again": () => this.#joinTwice(),
    stubborn: () => this.#beStubborn(),
  };

  /** All that can be said, as at the beginning. */
  #everything(): Partial<Body> {
    const { instanceId, rebalanceTimeoutMs, topics } = this.plan;
    return {
      instanceId,
      rebalanceTimeoutMs,
      subscribedTopicNames: topics.map(({ name }) => name),
      topicPartitions: [],
    };
  }

  #join(): void {
    if (this.isOver) return;
    const life = ++this.#life;
    this.#epoch = 0;
    this.#former = [];
    this.#mustGive = false;
    this.use([], -1);
    const { client } = this.group;
    if (this.keys.some((key) => client.place(key) === undefined)) { // topics come by id
      return this.group.after(BACKOFF_MS, () => this.#join());
    }
    this.#ask(life, { memberEpoch: 0, ...this.#everything() });
  }

  /** Asks until there is an answer; the words stay the same. */
  #ask(life: number, body: Partial<Body>): void {
    const askedMs = this.group.now();
    this.#send(body, (answer) => {
      if (life !== this.#life || this.isOver) return;
      const error = answer === undefined ? undefined : this.group.count("member heartbeat", answer.errorCode);
      if (error === "NONE") return this.#took(life, answer!, askedMs);
      if (error === "FENCED_INSTANCE_ID") return this.vanish();
      const isOut = error === "FENCED_MEMBER_EPOCH" || error === "UNKNOWN_MEMBER_ID" || error === "GROUP_ID_NOT_FOUND";
      if (isOut) this.use([], -1);
      this.group.after(BACKOFF_MS + this.random.below(BACKOFF_MS), () => {
        if (life !== this.#life) return;
        if (isOut) this.#join();
        else this.#ask(life, body);
      });
    });
  }

  #send(body: Partial<Body>, then: (answer: Answer | undefined) => void, patienceMs = 4_000): void {
    const { groupId, instanceId } = this.plan;
    const whole = { groupId, memberId: this.#memberId, instanceId, memberEpoch: this.#epoch, ...body };
    this.group.ask(consumerGroupHeartbeat, VERSION, whole, then, patienceMs);
  }

  #took(life: number, { memberEpoch, assignment }: Answer, askedMs: number): void {
    if (memberEpoch !== this.#epoch) this.#former.push(this.#epoch);
    if (memberEpoch < this.#epoch) {
      this.group.problem(`${this.group.name} was taken back from epoch ${this.#epoch} to ${memberEpoch}.`);
    }
    this.#epoch = memberEpoch;
    const { places } = this.group.client;
    const hadToGive = this.#mustGive;
    let isNew = false;
    if (assignment !== null) {
      const wanted = assignment.topicPartitions.flatMap(({ topicId, partitions }) => {
        const topic = [...places.values()].find((place) => place.topicId === topicId)?.topic;
        return topic === undefined ? [] : partitions.map((partition) => `${topic}-${partition}`);
      });
      const kept = this.#isStubborn ? [...new Set([...this.owned, ...wanted])] : wanted;
      isNew = kept.length !== this.owned.length || kept.some((key) => !this.owned.includes(key));
      if (isNew) this.use(kept, memberEpoch);
      if (isNew) this.#hasTold = false;
      this.#mustGive = this.owned.some((key) => !wanted.includes(key));
    }
    // Who does not give up what it was told to will be put out, however well it is answered, until it has said that it has.
    if (!hadToGive && !this.#mustGive) this.heard(askedMs);
    const delayMs = isNew ? 1 : this.plan.heartbeatMs;
    this.group.after(delayMs, () => this.#beat(life));
  }

  #beat(life: number): void {
    if (life !== this.#life || this.isOver) return;
    if (this.isSilent) return this.group.after(this.plan.heartbeatMs, () => this.#beat(life));
    const isFull = this.#saysAll || this.random.chance(1, 10);
    this.#saysAll = false;
    const topicPartitions = this.#hasTold && !isFull ? null : this.#named(this.owned);
    this.#hasTold = true;
    this.#ask(
      life,
      isFull ? { ...this.#everything(), memberEpoch: this.#epoch, topicPartitions } : {
        memberEpoch: this.#epoch,
        topicPartitions,
      },
    );
  }

  #named(keys: readonly string[]): { readonly topicId: string; readonly partitions: number[] }[] {
    const { places } = this.group.client;
    return byTopic(keys).flatMap(([topic, partitions]) => {
      const topicId = places.get(`${topic}-${partitions[0]}`)?.topicId;
      return topicId === undefined ? [] : [{ topicId, partitions }];
    });
  }

  /** Somebody speaks of an epoch that is over for good. */
  #sayOld(more: Partial<Body>): void {
    const [life, old, epoch] = [this.#life, this.#former.at(-3), this.#epoch];
    if (old === undefined || old === 0) return;
    this.#send({ memberEpoch: old, ...more }, (answer) => {
      this.#mustBeFenced(life, answer, `in epoch ${epoch}, and was answered in ${old}`);
    });
  }

  /**
   * A join that comes late, on a connection that was given up, must not make anybody believe that the member owns nothing. It may be answered:
   * who was fenced joins with the same words. What is seen is who uses what from then on.
   */
  #joinTwice(): void {
    if (this.#former.length < 3) return;
    this.#send(
      { memberEpoch: 0, ...this.#everything() },
      (answer) => answer && this.group.count("old join", answer.errorCode),
    );
  }

  #mustBeFenced(life: number, answer: Answer | undefined, what: string): void {
    if (answer === undefined || life !== this.#life) return;
    const error: ErrorName = this.group.count("old heartbeat", answer.errorCode);
    if (error !== "NONE" || this.scene.book.isLossy(this.plan.groupId)) return;
    this.group.problem(`${this.group.name} is ${what}.`);
  }

  #beStubborn(): void {
    this.#isStubborn = true;
    this.group.after(this.plan.rebalanceTimeoutMs * (0.5 + this.random.below(20) / 10), () => {
      this.#isStubborn = false;
      this.#saysAll = true;
    });
  }
}
