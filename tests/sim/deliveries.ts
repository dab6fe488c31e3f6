/**
 * What each group of consumers has been given, record by record, and whether it went on only where it was through.
 *
 * - At least once: before an offset is committed, every record below it was handed out to somebody of the group.
 * - At most once: nothing is handed out twice, unless the group's offset was taken back meanwhile. Whoever deletes it, or steps a clock over
 *   its retention, has everything read from the beginning again.
 * - What is committed does not fall, but where records may legally vanish.
 *
 * @module
 */
import { OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import type { ConsumedRecord } from "../../actors/consumer/protocol.ts";
import type { OffsetRecord } from "./invariants/group_log.ts";

/** How a group wants its records. */
export interface DeliveryPlan {
  readonly groupId: string;
  readonly isAtMostOnce: boolean;
}

/** What deliveries are judged by. */
export interface DeliveryRules {
  /** Whether what this key has acknowledged must be there for ever. */
  readonly isDurable: (key: string) => boolean;
  /** Somebody has asked for everything below to be deleted. */
  readonly trimmed: ReadonlyMap<string, number>;
  readonly isLossy: (groupId: string) => boolean;
  readonly tell: (sentence: string) => void;
}

/** What was given. */
export class Deliveries {
  readonly #plans: ReadonlyMap<string, DeliveryPlan>;
  readonly #rules: DeliveryRules;
  /** How often each offset was given, by group and partition. */
  readonly #given = new Map<string, Map<number, number>>();
  /** How often the group's offset was taken back, by group and partition. */
  readonly #takenBack = new Map<string, number>();
  readonly #committed = new Map<string, number>();

  constructor(plans: readonly DeliveryPlan[], rules: DeliveryRules) {
    this.#plans = new Map(plans.map((plan) => [plan.groupId, plan]));
    this.#rules = rules;
  }

  /** A member of the group was given these. */
  gave(groupId: string, member: string, records: readonly ConsumedRecord[]): void {
    const isAtMostOnce = this.#plans.get(groupId)?.isAtMostOnce === true;
    for (const { topic, partition, offset } of records) {
      const key = `${topic}-${partition}`;
      const given = this.#givenOf(groupId, key);
      const times = given.get(offset) ?? 0;
      given.set(offset, times + 1);
      if (!isAtMostOnce || !this.#rules.isDurable(key) || this.#rules.isLossy(groupId)) continue;
      if (times > (this.#takenBack.get(`${groupId}/${key}`) ?? 0)) {
        this.#rules.tell(`${member} was given ${key}@${offset}, which ${groupId} had been given before.`);
      }
    }
  }

  /** The group has committed, or an offset was taken back. */
  committed({ group, topic, partition, value }: OffsetRecord): void {
    const plan = this.#plans.get(group);
    if (plan === undefined || topic === OFFSETS_TOPIC) return;
    const key = `${topic}-${partition}`;
    const before = this.#committed.get(`${group}/${key}`) ?? 0;
    const offset = value === null ? 0 : Number(value.offset);
    this.#committed.set(`${group}/${key}`, offset);
    if (value === null) this.#takenBack.set(`${group}/${key}`, (this.#takenBack.get(`${group}/${key}`) ?? 0) + 1);
    if (value === null || !this.#rules.isDurable(key) || this.#rules.isLossy(group)) return;
    if (offset < before) this.#rules.tell(`${group} has gone back in ${key} from ${before} to ${offset}.`);
    if (plan.isAtMostOnce) return;
    const given = this.#givenOf(group, key);
    for (let at = Math.max(before, this.#rules.trimmed.get(key) ?? 0); at < offset; at++) {
      if (given.has(at)) continue;
      this.#rules.tell(`${group} has committed ${offset} of ${key}, and nobody was given ${at}.`);
      return;
    }
  }

  /** How far the group has committed. */
  position(groupId: string, key: string): number {
    return this.#committed.get(`${groupId}/${key}`) ?? 0;
  }

  #givenOf(groupId: string, key: string): Map<number, number> {
    const place = `${groupId}/${key}`;
    let given = this.#given.get(place);
    if (given === undefined) this.#given.set(place, given = new Map());
    return given;
  }
}
