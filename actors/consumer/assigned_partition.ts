/**
 * One partition that a consumer reads: where, and what is in the way.
 *
 *     held ──listener has heard──▶ position looked for ──found──▶ read ──revoked──▶ leaving ──▶ gone
 *                                        ▲    reset, seek           │
 *                                        └──────────────────────────┘
 *
 * Invariant: whenever it is put elsewhere its version grows, so that what was asked for before is known to be of no use.
 *
 * @module
 */
import { PartitionBuffer } from "./buffer.ts";
import type { Outcome, TopicPartition } from "./protocol.ts";
import { keyOf, type Position } from "./values.ts";

/** How a position that is not known is to be found. */
export type Need =
  | { readonly by: "committed" }
  /** Timestamps below zero are Kafka's: -1 for the end, -2 for the beginning. */
  | { readonly by: "timestamp"; readonly timestamp: number };

/** One partition that is read here. */
export class AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** Of the topic in which a broker has found the position; undefined while none has, or when topics have no ids. */
  topicId: string | undefined;
  /** Undefined as long as it is to be found out. */
  position: Position | undefined;
  /** What may be committed without being told to: what was handed out before the last poll. */
  safe: Position | undefined;
  need: Need | undefined = { by: "committed" };
  isAsking = false;
  isPaused = false;
  /** Not to be used yet: the listener has not heard of it. */
  isHeld = false;
  /** Not to be used any more: it is given back. */
  isLeaving = false;
  readonly buffer: PartitionBuffer = new PartitionBuffer();
  /** Grows whenever it is put elsewhere: what was asked for before is not wanted any more. */
  version = 0;
  /** Why it cannot be read until the application says where to go on. */
  trouble: Outcome | undefined;
  /** Not to be asked for before this. */
  retryAtMs = 0;
  attempts = 0;
  /** For each time that reading was set back, up to where offsets of before mean the same still: where the log was cut, or -1 for nowhere. */
  readonly #cuts: number[] = [];
  /** How often it was put elsewhere because its offset was not there, since something was read. */
  resets = 0;
  /** The follower that the leader has sent us to (KIP-392), and until when. */
  preferred: { readonly node: number; readonly untilMs: number } | undefined;
  /** How far it could be read at the last fetch; -1 when that is not known. */
  readableEnd = -1;
  /** The newest offset that is known to be committed; -1 for none. */
  committed = -1;
  /**
   * Where the application has gone, and means it, or where the log went back to: what is committed from there on may be less than is known
   * to be. Each time another object, though it may be the same place.
   */
  mayFallTo: Position | undefined;
  /** It may fall to where reading goes on, which is to be found out. */
  mayFall = false;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
    this.key = keyOf({ topic, partition });
  }

  /** How often reading was set back: what was handed out before that may be of another log. */
  get setbacks(): number {
    return this.#cuts.length;
  }

  /** Up to where an offset means the same in the log that there is now, if so many setbacks were known by then; -1 for nowhere. */
  standsTo(setbacks: number): number {
    return this.#cuts.slice(setbacks).reduce((least, cut) => Math.min(least, cut), Infinity);
  }

  /** Whether its records may be handed out. */
  get isUsable(): boolean {
    return !this.isHeld && !this.isLeaving;
  }

  /** The application goes elsewhere: to an offset, or to what is to be found out. */
  seek(to: Position | Need): void {
    this.mayFallTo = undefined;
    this.mayFall = true;
    if ("by" in to) {
      this.safe = undefined; // perhaps it goes back
      this.mayFall = to.by !== "committed";
      return this.lookFor(to);
    }
    if (this.safe !== undefined && to.offset < this.safe.offset) this.safe = to;
    this.moveTo(to);
  }

  /** Goes on somewhere else: what is buffered or on its way is not wanted any more. */
  moveTo(position: Position): void {
    if (this.mayFall) this.mayFallTo = { ...position };
    this.mayFall = false;
    this.position = position;
    this.need = undefined;
    this.#startOver();
  }

  /**
   * What was read, or is committed, is not there any more, but for what is before `cut`: where it goes on may be less, and is what is
   * committed next.
   */
  goBack(to: Position | Need, cut = -1): void {
    this.#cuts.push(cut);
    this.safe = undefined;
    this.mayFallTo = undefined;
    this.mayFall = true;
    if ("by" in to) this.lookFor(to);
    else this.moveTo(to);
  }

  /** The same is so, and the application has to say where it goes on: until then nothing is committed. */
  stop(trouble: Outcome, cut = -1): void {
    this.#cuts.push(cut);
    this.safe = undefined;
    this.lookFor({ by: "committed" });
    this.need = undefined;
    this.trouble = trouble;
  }

  /** Has to find out where to go on. */
  lookFor(need: Need): void {
    this.position = undefined;
    this.need = need;
    this.#startOver();
  }

  /** It was not to be had: asked for again later. */
  putOff(nowMs: number, delayMs: number): void {
    this.attempts++;
    this.retryAtMs = nowMs + delayMs;
  }

  #startOver(): void {
    this.version++;
    this.topicId = undefined;
    this.isAsking = false;
    this.trouble = undefined;
    this.preferred = undefined;
    this.attempts = 0;
    this.retryAtMs = 0;
    this.buffer.clear();
  }
}
