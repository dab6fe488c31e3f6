/**
 * A compacted topic at work: records with a few keys are written again and again, and whoever reads it finds the newest of each.
 *
 *     writer ──key i, value n──▶ k0-0 ──cleaned──▶ readers ──▶ the last value of each key: the last that was acknowledged, or one
 *            ──key i, deleted──▶                              of which nobody knows; none, if the key was deleted after that
 *
 * The topic is none of the run's others: that records vanish is what it is for, so it has a history of its own.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { errorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { produce } from "../../protocol/tables/produce_fetch.ts";
import { createTopics } from "../../protocol/tables/topics.ts";
import { KafkaClient } from "./client.ts";
import { Consumer } from "./consumer.ts";
import { History } from "./history.ts";
import type { NodeView } from "./invariants/views.ts";
import { Scene } from "./scene.ts";

/** The topic's only partition. */
export const KEYED = "k0-0";

const TOPIC = "k0";
/** How many keys are in use at a time: after a while each is deleted for good, and another comes into use. */
const KEYS = 6;
const RETRY_MS = 200;
const PATIENCE_MS = 1_500;
const VERSION = 11;

/** How the topic is made. */
export interface KeyedPlan {
  readonly replicationFactor: number;
  readonly minIsr: number;
  readonly segmentBytes: number;
  readonly everyMs: number;
  /** How long the marker of a deleted key stays at least. */
  readonly deleteRetentionMs: number;
}

/** A record by its number, or what is left of one that deletes a key. */
type Written = { readonly number: number } | { readonly deleted: number };

interface Attempt {
  readonly key: number;
  /** It takes back what was written with its key. */
  readonly isDeletion: boolean;
  isAcknowledged: boolean;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** `key 7` */
function keyOf(key: string): number {
  return Number(key.slice(4));
}

/** The topic, its writer and its readers. */
export class KeyedWork {
  readonly #scene: Scene;
  /** What readers say, and nobody else hears. */
  readonly #side: Scene;
  readonly #plan: KeyedPlan;
  readonly #random: Random;
  readonly #client: KafkaClient;
  /** By value, in order. */
  readonly #attempts = new Map<number, Attempt>();
  /** The newest acknowledged value of each key. */
  readonly #newest = new Map<number, number>();
  #reader: Consumer | undefined;
  #final: Consumer | undefined;
  #told = 0;
  /** Those before it have been deleted. */
  #oldestKey = 0;

  constructor(scene: Scene, plan: KeyedPlan, random: Random) {
    this.#scene = scene;
    this.#side = new Scene(scene.world, new History());
    this.#plan = plan;
    this.#random = random;
    this.#client = new KafkaClient(scene.world, "keyed-writer", random.split("client"));
  }

  /** Makes the topic, then writes and reads. */
  begin(): void {
    const { replicationFactor, minIsr, segmentBytes, deleteRetentionMs } = this.#plan;
    const configs = [
      { name: "cleanup.policy", value: "compact" },
      { name: "min.insync.replicas", value: String(minIsr) },
      { name: "segment.bytes", value: String(segmentBytes) },
      { name: "min.cleanable.dirty.ratio", value: "0.1" },
      { name: "delete.retention.ms", value: String(deleteRetentionMs) },
    ];
    const body = {
      topics: [{ name: TOPIC, numPartitions: 1, replicationFactor, assignments: [], configs }],
      timeoutMs: 3_000,
      validateOnly: false,
    };
    this.#client.call(this.#client.anyNode(), createTopics, 7, body, 4_000, (result) => {
      const error = result.ok ? errorName(result.body.topics[0]!.errorCode) : undefined;
      if (error !== "NONE" && error !== "TOPIC_ALREADY_EXISTS") return this.#after(RETRY_MS, () => this.begin());
      this.#reader = this.#newReader("keyed-reader");
      this.#write();
    });
  }

  /** Passes on what went wrong at the readers. */
  look(): void {
    const { problems } = this.#side;
    while (this.#told < problems.length) this.#scene.problem(problems[this.#told++]!);
  }

  /** Begins to read everything from the beginning; true once that has been done. */
  isRead(end: number): boolean {
    if (this.#reader === undefined) return true; // there never was a topic
    this.#final ??= this.#newReader("keyed-last-reader");
    return this.#final.offset(KEYED) >= end && this.#reader.offset(KEYED) >= end;
  }

  /** What is wrong with what was read last, and with what each replica in sync has, a sentence each. */
  judge(nodes: readonly NodeView[]): string[] {
    if (this.#final === undefined) return [];
    const read: Written[] = [];
    for (const { process, reads } of this.#side.history.operations) {
      if (process !== this.#final.process) continue;
      for (const [, number] of reads.get(KEYED) ?? []) read.push({ number: number as number });
    }
    const problems = this.#judgeOne("", read);
    for (const node of nodes) {
      const replica = node.isAlive
        ? node.replicas().find(({ name, isCurrent }) => name === KEYED && isCurrent)
        : undefined;
      if (!replica?.isr.includes(node.id)) continue;
      const entries = replica.entries(replica.startOffset, replica.endOffset) ?? [];
      const written = entries.map(({ key, value }) =>
        value === null ? { deleted: keyOf(key!) } : { number: Number.parseInt(text.decode(value), 10) }
      );
      if (entries.length > 0) problems.push(...this.#judgeOne(` on node ${node.id}`, written));
    }
    return problems;
  }

  #judgeOne(where: string, written: readonly Written[]): string[] {
    const found = new Map<number, number>();
    for (const each of written) {
      if ("deleted" in each) {
        found.delete(each.deleted);
        continue;
      }
      const attempt = this.#attempts.get(each.number);
      if (attempt === undefined) return [`${KEYED}${where} has ${each.number}, which nobody wrote`];
      found.set(attempt.key, each.number);
    }
    const problems: string[] = [];
    for (const [key, newest] of this.#newest) {
      const number = found.get(key);
      const isLate = number !== undefined && !this.#attempts.get(number)!.isAcknowledged;
      if (number === newest || isLate || (number === undefined && this.#mayBeGone(key, newest))) continue;
      const what = this.#attempts.get(newest)!.isDeletion ? "a deletion, " : "";
      problems.push(
        `key ${key} of ${KEYED}${where} has ${number} last, and ${what}${newest} was acknowledged after that`,
      );
    }
    return problems;
  }

  /** Whether its key was deleted by then, or by somebody of whom nobody knows. */
  #mayBeGone(key: number, newest: number): boolean {
    if (this.#attempts.get(newest)!.isDeletion) return true;
    for (const attempt of this.#attempts.values()) {
      if (attempt.key === key && attempt.isDeletion && !attempt.isAcknowledged) return true;
    }
    return false;
  }

  /** Nobody reads any more. */
  end(): void {
    this.#client.close();
    this.#reader?.close();
    this.#final?.close();
  }

  #newReader(name: string): Consumer {
    const plan = { keys: [KEYED], everyMs: 20, sessions: true, byId: false, from: "earliest" } as const;
    return new Consumer(this.#side, name, { ...plan, isDurable: () => true }, this.#random.split(name));
  }

  #after(delayMs: number, task: () => void): void {
    this.#scene.world.env.clock.after(delayMs, () => this.#scene.isEnding || task());
  }

  #write(): void {
    this.#after(1 + this.#random.below(2 * this.#plan.everyMs), () => {
      const place = this.#client.place(KEYED);
      if (place === undefined || place.leader < 0) return this.#write();
      const values = Array.from({ length: 1 + this.#random.below(3) }, () => this.#scene.nextValue());
      const records = values.map((value) => {
        const isLast = this.#random.chance(1, 8);
        const key = isLast ? this.#oldestKey++ : this.#oldestKey + this.#random.below(KEYS);
        const isDeletion = isLast || this.#random.chance(1, 16);
        this.#attempts.set(value, { key, isDeletion, isAcknowledged: false });
        const content = isDeletion ? null : utf8.encode(`${value} ${"x".repeat(60)}`);
        return { key: utf8.encode(`key ${key}`), value: content, timestamp: value };
      });
      const partitionData = [{ index: 0, records: encodeBatch(records) }];
      const body = { acks: -1, timeoutMs: 1_000, topicData: [{ name: TOPIC, partitionData }] };
      this.#client.call(place.leader, produce, VERSION, body, PATIENCE_MS, (result) => {
        const code = result.ok ? result.body.responses[0]!.partitionResponses[0]!.errorCode : -1;
        if (code === 0) this.#acknowledged(values);
        else this.#client.refresh();
        this.#write();
      });
    });
  }

  #acknowledged(values: readonly number[]): void {
    this.#scene.count("keyed batches acknowledged");
    for (const value of values) {
      const attempt = this.#attempts.get(value)!;
      attempt.isAcknowledged = true;
      this.#newest.set(attempt.key, value);
    }
  }
}
