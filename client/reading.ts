/**
 * From the actor's polls to the program's hands: what is asked for, handed out, and may be committed because it was.
 *
 *     poll, loop, batches ──▶ backlog ──▶ handed out ──the next is asked for──▶ dealt with ──▶ committed
 *                               ▲ empty: the actor is asked, once at a time; else it is told from time to time that the program lives
 *
 * Invariants: the actor counts what it has answered with as handed out, so none of it is dropped, however late it comes, unless it is
 * somebody else's; nothing is handed out before a failure of the rebalance listener has been said: it may be the one that was to say where
 * reading begins; and nothing after a standstill before the actor has said what is its own still.
 *
 * @module
 */
import type { Answer, Reply } from "../actors/actor.ts";
import type { ConsumedRecord, ConsumerProtocol, OffsetAndMetadata, Outcome } from "../actors/consumer/protocol.ts";
import { checkOptions, checkTime } from "./arguments.ts";
import type { Backlog } from "./backlog.ts";
import type { Listening } from "./listening.ts";
import { fine, GRACE_MS, type Questions } from "./questions.ts";
import type { ConsumerBatch, ConsumerRecord, TopicPartition } from "./records.ts";

/** How long one question for records lasts before it is put again. */
const POLL_MS = 10_000;
const RECORDS_MAX = 500;
const FINE: Outcome = { error: "NONE", message: null };

type Polled = Answer<Reply<ConsumerProtocol, "poll">>;

/** How much to bring, and how long to wait for it. */
export interface PollOptions {
  /** The most records that it brings. Default 500, as `max.poll.records`. */
  readonly maxRecords?: number;
  /** How long it waits for the first of them, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
}

/** What time it is, and how long may pass before it is to be asked whether all is as it was. */
export interface ReadingGround {
  /** Milliseconds that never step. */
  readonly now: () => number;
  readonly heartbeatIntervalMs: number;
  readonly maxPollIntervalMs: number;
}

/** Reads for one program. */
export class Reading {
  readonly #ground: ReadingGround;
  readonly #questions: Questions;
  readonly #backlog: Backlog;
  readonly #listening: Listening;
  /** The question for records that is under way: there is one at a time. */
  #asking: Promise<Polled> | undefined;
  /** When the actor was heard last. */
  #heardMs = -Infinity;
  /** What the program has at hand it has from a loop. */
  #isLoop = false;

  constructor(ground: ReadingGround, questions: Questions, backlog: Backlog, listening: Listening) {
    this.#ground = ground;
    this.#questions = questions;
    this.#backlog = backlog;
    this.#listening = listening;
  }

  async poll(options: PollOptions): Promise<readonly ConsumerRecord[]> {
    this.#questions.check("closing");
    checkOptions(options, ["maxRecords", "timeoutMs"]);
    const { maxRecords = RECORDS_MAX, timeoutMs = POLL_MS } = options;
    if (!(maxRecords >= 1)) throw new RangeError(`maxRecords is ${maxRecords}: it must be a number from 1 on.`);
    checkTime("timeoutMs", timeoutMs);
    await this.#fill(maxRecords, timeoutMs);
    this.#isLoop = false;
    return this.#handOut(this.#backlog.takeAll(maxRecords));
  }

  /** Record after record. */
  async *records(): AsyncGenerator<ConsumerRecord, void, undefined> {
    try {
      while (!this.#questions.isClosing) {
        this.#rest();
        if (this.#isUnsure) await this.#beSure();
        if (this.#backlog.isEmpty && !await this.#more()) continue;
        this.#isLoop = true;
        const [record] = this.#handOut(this.#backlog.takeAll(1));
        if (record !== undefined) yield record;
      }
    } finally {
      this.#listening.rest();
    }
  }

  /** Run after run. */
  async *batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    try {
      while (!this.#questions.isClosing) {
        if (!await this.#more()) continue;
        this.#isLoop = true;
        const records = this.#handOut(this.#backlog.takeRun());
        const [first] = records;
        if (first !== undefined) yield { topic: first.topic, partition: first.partition, records };
      }
    } finally {
      this.#listening.rest();
    }
  }

  /**
   * The program ends, and cannot say any more what it is through with: with what a poll has brought, but not with what it has from a loop, which
   * may have been left because that could not be dealt with.
   */
  ends(): void {
    if (!this.#isLoop) this.#backlog.through();
    this.#listening.rest();
  }

  /** Commits by itself what the program is through with: of all partitions, or of these. */
  commitDealtWith(of?: readonly TopicPartition[]): Promise<Outcome> {
    return this.#commit(this.#backlog.dealtWith(of));
  }

  /** Commits because the program says so: all that was handed out; or says that some of it went to somebody else before. */
  async commitHandedOut(): Promise<Outcome> {
    const outcome = await this.#commit(this.#backlog.handedOut());
    if (outcome.error === "REQUEST_TIMED_OUT") return outcome; // and may be asked for again
    const missed = this.#backlog.takeMissed();
    if (outcome.error !== "NONE" || missed.length === 0) return outcome;
    const names = missed.map(({ topic, partition }) => `${topic}-${partition}`).join(", ");
    const message = `Of ${names}, given back or lost meanwhile, not all that was handed out is known to be committed.`;
    return { error: "ILLEGAL_GENERATION", message };
  }

  async #commit(offsets: readonly OffsetAndMetadata[]): Promise<Outcome> {
    if (offsets.length === 0) return FINE;
    const { brokersMs } = this.#questions;
    const answer = await this.#questions.request("commit", { offsets, onlyOwned: true }, brokersMs);
    if (answer.ok) {
      if (answer.value.error === "NONE") this.#backlog.committed(offsets);
      return answer.value;
    }
    if (answer.failure === "timeout") {
      return { error: "REQUEST_TIMED_OUT", message: "The commit was not answered in time: it may have happened." };
    }
    const message = "The consumer has ended before it could say whether this was committed.";
    return { error: "UNKNOWN_SERVER_ERROR", message };
  }

  /** Waits for records; false when there are none yet. */
  async #more(): Promise<boolean> {
    await this.#fill(RECORDS_MAX, POLL_MS);
    return !this.#backlog.isEmpty;
  }

  /** The program asks for more: it is through with what it had. */
  #rest(): void {
    this.#backlog.through();
    this.#listening.rest();
  }

  async #fill(maxRecords: number, timeoutMs: number): Promise<void> {
    this.#rest();
    this.#listening.complain();
    if (this.#isUnsure) await this.#beSure();
    if (!this.#backlog.isEmpty) return;
    const answer = await this.#questions.within(this.#ask(maxRecords, timeoutMs), timeoutMs + GRACE_MS);
    if (this.#questions.isClosing) return;
    this.#listening.complain();
    const { records: _, ...outcome } = this.#questions.value(answer);
    fine(outcome);
  }

  /**
   * Whether what waits here may be somebody else's: after a standstill of this process, or of the actor alone, nobody has come to look at
   * the time, and a loop would come first. Nor does the actor know of a loop that goes on for as long as there are records here.
   */
  get #isUnsure(): boolean {
    const { now, heartbeatIntervalMs, maxPollIntervalMs } = this.#ground;
    return !this.#backlog.isEmpty && now() >= this.#heardMs + Math.min(heartbeatIntervalMs, maxPollIntervalMs / 3);
  }

  async #beSure(): Promise<void> {
    const own = await this.#questions.ask("alive", this.#backlog.dealtWith());
    this.#heardMs = this.#ground.now();
    const keys = new Set(own.map(({ topic, partition }) => `${topic}-${partition}`));
    this.#backlog.keep(({ topic, partition }) => keys.has(`${topic}-${partition}`));
  }

  /**
   * Asks for records, unless that is under way. However long it takes and whoever still waits: records that come are kept for
   * the next who asks.
   */
  #ask(maxRecords: number, timeoutMs: number): Promise<Polled> {
    return this.#asking ??= this.#questions.request("poll", { maxRecords, timeoutMs }, Infinity).then((answer) => {
      this.#asking = undefined;
      this.#heardMs = this.#ground.now();
      if (answer.ok) this.#backlog.add(answer.value.records);
      return answer;
    });
  }

  #handOut(records: readonly ConsumedRecord[]): readonly ConsumerRecord[] {
    this.#listening.works(records.length > 0);
    return records.map(({ topic, partition, offset, timestamp, timestampType, key, value, headers, leaderEpoch }) => (
      { topic, partition, offset: BigInt(offset), timestamp, timestampType, key, value, headers, leaderEpoch }
    ));
  }
}
