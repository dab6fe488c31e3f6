/**
 * What a simulated run knows of the topics that it has made, and the writers that write to them.
 *
 * @module
 */
import type { Answer } from "../../actors/actor.ts";
import type { AppendReply } from "../../actors/partition/protocol.ts";
import type { Random } from "../../lib/prng.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { Ledger, type SentBatch } from "../helpers/ledger.ts";

const utf8 = new TextEncoder();
/** As many batches as a broker remembers of an idempotent producer. */
const WINDOW = 5;

/** A value that was acknowledged, and those that may have taken its place since. */
export class Uncertain<T> {
  #values: readonly T[];

  constructor(value: T) {
    this.#values = [value];
  }

  /** What is sure, or was the last time that anything was. */
  get value(): T {
    return this.#values[0]!;
  }

  /** Somebody has been asked to change it. */
  asked(value: T): void {
    this.#values = [...this.#values, value];
  }

  /** It is known for sure. */
  known(value: T): void {
    this.#values = [value];
  }

  allows(value: T): boolean {
    return this.#values.includes(value);
  }

  toString(): string {
    return this.#values.join(" or ");
  }
}

/** A topic name and what it stands for at present. */
export class Topic {
  /** Whether there is one; in between, nobody knows. */
  state: "gone" | "creating" | "there" | "deleting" = "gone";
  topicId = "";
  places: Place[] = [];
  /** How many partitions there are. */
  partitions: Uncertain<number> = new Uncertain(0);
  segmentBytes: Uncertain<string> = new Uncertain("");
  /** A change of it is on its way. */
  busy = false;

  constructor(readonly name: string) {}

  /** It is there, with so many partitions; those that are new get a ledger. */
  found(topicId: string, partitions: number): void {
    if (topicId !== this.topicId) this.places = [];
    this.state = "there";
    this.topicId = topicId;
    this.partitions.known(partitions);
    for (let partition = this.places.length; partition < partitions; partition++) {
      this.places.push(new Place(this.name, partition, topicId));
    }
  }

  /** It is not there. */
  gone(): void {
    this.state = "gone";
    this.topicId = "";
    this.places = [];
  }

  /** Answers to writers are still to come. */
  get isBusyWriting(): boolean {
    return this.places.some(({ writers }) => writers.some(({ inFlight }) => inFlight > 0));
  }
}

/** One partition of one topic. */
export class Place {
  readonly name: string;
  readonly ledger: Ledger;
  readonly writers: PlaceWriter[] = [];
  /** The newest leader epoch that anybody was told. */
  leaderEpoch = -1;
  /** The highest end that anybody was told. */
  highWatermark = 0;
  /** Somebody asked for everything below to be deleted. */
  deleteAsked = 0;

  constructor(readonly topic: string, readonly partition: number, topicId: string) {
    this.name = `${topic}-${partition}`;
    this.ledger = new Ledger(`${this.name} (${topicId})`);
  }
}

/** Somebody who writes to one partition, several batches at a time. */
export class PlaceWriter {
  readonly #place: Place;
  #name: string;
  #producer: { readonly producerId: bigint; readonly producerEpoch: number } | null;
  #again: SentBatch[] = [];
  #failed = false;
  inFlight = 0;

  constructor(place: Place, producerId: bigint | null) {
    this.#place = place;
    this.#producer = producerId === null ? null : { producerId, producerEpoch: 0 };
    this.#name = producerId === null ? "plain" : `producer ${producerId}/0`;
  }

  /** Whether everything that it will send again is acknowledged. */
  get isDone(): boolean {
    return this.#producer === null || this.#place.ledger.open(this.#name).length === 0;
  }

  /** Whoever was to answer is gone: an idempotent writer sends again whatever has no answer. */
  reset(): void {
    this.inFlight = 0;
    this.#failed = false;
    this.#again = this.#producer === null ? [] : this.#place.ledger.open(this.#name);
  }

  /** The next batch, if one may be sent now. */
  next(random: Random, mayBeNew: boolean, nowMs: number): { batch: SentBatch; bytes: Uint8Array } | undefined {
    if (this.inFlight >= WINDOW || this.#failed) return undefined;
    const batch = this.#again.shift() ?? (mayBeNew ? this.#make(random) : undefined);
    if (batch === undefined) return undefined;
    this.inFlight++;
    const records = batch.values.map((value) => ({ value: utf8.encode(value), timestamp: nowMs }));
    const sequence = this.#producer === null ? {} : { ...this.#producer, baseSequence: batch.sequence };
    return { batch, bytes: encodeBatch(records, sequence) };
  }

  /** Takes an answer; returns what is wrong with it, if nothing excuses it. */
  answered(batch: SentBatch, answer: Answer<AppendReply>, isFirst: boolean): string | undefined {
    this.inFlight--;
    const error = answer.ok ? answer.value.error : answer.failure;
    if (answer.ok && answer.value.error === "NONE") {
      try {
        this.#place.ledger.acknowledge(batch, answer.value.baseOffset);
      } catch (contradiction) {
        return (contradiction as Error).message;
      }
    } else this.#failed = true;
    // In order again: nothing goes out before all that was on its way has come back.
    if (this.#failed && this.inFlight === 0) this.reset();
    if (error === "NONE") return undefined;
    const followsFailure = error === "OUT_OF_ORDER_SEQUENCE_NUMBER" && this.#producer !== null && !isFirst;
    return followsFailure ? undefined : `${this.#place.ledger.name}: ${this.#name} got ${error} for ${batch.sequence}`;
  }

  #make(random: Random): SentBatch {
    const { ledger } = this.#place;
    const idle = this.inFlight === 0 && this.isDone;
    if (this.#producer !== null && idle && random.chance(1, 20)) { // as clients do that want to begin anew (KIP-360)
      const { producerId, producerEpoch } = this.#producer;
      this.#producer = { producerId, producerEpoch: producerEpoch + 1 };
      this.#name = `producer ${producerId}/${producerEpoch + 1}`;
    }
    const fillers = Array.from({ length: 1 + random.below(4) }, () => "x".repeat(random.below(80)));
    return ledger.send(this.#name, this.#producer !== null, fillers);
  }
}
