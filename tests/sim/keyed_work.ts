/**
 * A compacted topic at work: records with a few keys are written again and again, and whoever reads it finds the newest of each.
 *
 *     writer ──key i, value n──▶ k0-0 ──cleaned──▶ readers ──▶ the last value of each key: the last that was acknowledged, or one
 *                                                              of which nobody knows
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
import { Scene } from "./scene.ts";

/** The topic's only partition. */
export const KEYED = "k0-0";

const TOPIC = "k0";
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
}

interface Attempt {
  readonly key: number;
  isAcknowledged: boolean;
}

const utf8 = new TextEncoder();

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

  constructor(scene: Scene, plan: KeyedPlan, random: Random) {
    this.#scene = scene;
    this.#side = new Scene(scene.world, new History());
    this.#plan = plan;
    this.#random = random;
    this.#client = new KafkaClient(scene.world, "keyed-writer", random.split("client"));
  }

  /** Makes the topic, then writes and reads. */
  begin(): void {
    const { replicationFactor, minIsr, segmentBytes } = this.#plan;
    const configs = [
      { name: "cleanup.policy", value: "compact" },
      { name: "min.insync.replicas", value: String(minIsr) },
      { name: "segment.bytes", value: String(segmentBytes) },
      { name: "min.cleanable.dirty.ratio", value: "0.1" },
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

  /** What is wrong with what was read last, a sentence each. */
  judge(): string[] {
    if (this.#final === undefined) return [];
    const found = new Map<number, number>();
    for (const { process, reads } of this.#side.history.operations) {
      if (process !== this.#final.process) continue;
      for (const [, value] of reads.get(KEYED) ?? []) {
        const attempt = this.#attempts.get(value as number);
        if (attempt === undefined) return [`${KEYED} has ${value}, which nobody wrote`];
        found.set(attempt.key, value as number);
      }
    }
    const problems: string[] = [];
    for (const [key, newest] of this.#newest) {
      const value = found.get(key);
      const isLate = value !== undefined && !this.#attempts.get(value)!.isAcknowledged;
      if (value !== newest && !isLate) {
        problems.push(`key ${key} of ${KEYED} has ${value} last, and ${newest} was acknowledged after that`);
      }
    }
    return problems;
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
        const key = this.#random.below(KEYS);
        this.#attempts.set(value, { key, isAcknowledged: false });
        return { key: utf8.encode(`key ${key}`), value: utf8.encode(`${value} ${"x".repeat(60)}`), timestamp: 1 };
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
