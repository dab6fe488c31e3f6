/**
 * A consumer as programs use it: promises and loops around the consumer actor.
 *
 *     poll ─▶ records wait here ─▶ handed out one by one ─▶ committed when the next is asked for, or by hand
 *
 * Invariants: what has not been handed out is not committed; a partition is given back after the program is through with the record
 * that it has (or has let `maxPollIntervalMs` pass), and none of its records is handed out afterwards.
 *
 * @module
 */
import type {
  ConsumedRecord,
  ConsumerProtocol,
  Outcome,
  SeekTo,
  TopicPartition as Named,
} from "../actors/consumer/protocol.ts";
import type { Answer, Message, Reply, Verb } from "../actors/actor.ts";
import type { ErrorName } from "../protocol/errors.ts";
import { Backlog } from "./backlog.ts";
import { Listening, type ListeningGround } from "./listening.ts";
import {
  type CommittedOffset,
  type ConsumerBatch,
  ConsumerError,
  type ConsumerRecord,
  type SeekTarget,
  type TopicPartition,
} from "./records.ts";

/** How long one question for records lasts before it is put again. */
const POLL_MS = 10_000;
/** How much longer an answer may take than it should. */
const GRACE_MS = 30_000;
const CLOSE_TIMEOUT_MS = 30_000;
const RECORDS_MAX = 500;

/** What a consumer stands on. */
export interface ConsumerGround extends ListeningGround {
  /** Told once when it has ended. */
  readonly ended: () => void;
}

/** What a question for records brings. */
type Polled = Answer<Reply<ConsumerProtocol, "poll">>;

/**
 * A consumer. Close it with {@linkcode Consumer.close}, or let `await using` do so.
 *
 * @example Commit by hand, and before partitions go to somebody else
 * ```ts
 * import { type Consumer, startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster();
 * await using consumer: Consumer = cluster.consumer({
 *   groupId: "billing",
 *   topics: ["orders"],
 *   enableAutoCommit: false,
 *   revoked: () => consumer.commit(),
 * });
 * for (const { offset, value } of await consumer.poll({ timeoutMs: 1 })) console.log(offset, value);
 * await consumer.commit(); // all that was handed out
 * ```
 */
export class Consumer implements AsyncDisposable, AsyncIterable<ConsumerRecord> {
  /** The path of its actor, such as `0/consumer/billing-1`: for killing, pausing and resuming it. */
  readonly ref: string;
  readonly #ground: ConsumerGround;
  readonly #backlog = new Backlog();
  readonly #listening: Listening;
  /** The question for records that is under way: there is one at a time. */
  #asking: Promise<Polled> | undefined;
  #closed: Promise<void> | undefined;

  /** Use `cluster.consumer` or `connect(…).consumer`. */
  constructor(ground: ConsumerGround) {
    this.#ground = ground;
    this.ref = ground.ref;
    this.#listening = new Listening(ground, this.#backlog, (of) => this.#commitHandedOut(of));
  }

  /** Subscribes to topics, by name or by a pattern that fits whole names; replaces what it was subscribed to. */
  async subscribe(to: readonly string[] | { readonly pattern: string }): Promise<void> {
    fine(await this.#ask("subscribe", "pattern" in to ? to : { topics: to }));
  }

  /** Reads these partitions, without the help of a group. */
  async assign(partitions: readonly TopicPartition[]): Promise<void> {
    fine(await this.#ask("assign", partitions.map(named)));
    const keep = new Set(partitions.map(({ topic, partition }) => `${topic}-${partition}`));
    this.#backlog.keep(({ topic, partition }) => keep.has(`${topic}-${partition}`));
  }

  /** Commits what is due, leaves the group, reads nothing any more. */
  async unsubscribe(): Promise<void> {
    this.#listening.rest();
    const committed = this.#ground.enableAutoCommit ? this.#commitHandedOut() : undefined;
    this.#backlog.clear();
    fine(await this.#ask("unsubscribe", undefined, CLOSE_TIMEOUT_MS + GRACE_MS));
    await committed;
  }

  /**
   * The next records; waits for some for `timeoutMs`. What was handed out before counts as dealt with.
   *
   * @throws {ConsumerError} when it cannot read, is closed, or its rebalance listener has failed
   * @throws {RangeError} when what is asked for makes no sense
   */
  async poll(
    { maxRecords = RECORDS_MAX, timeoutMs = POLL_MS }: { readonly maxRecords?: number; readonly timeoutMs?: number } =
      {},
  ): Promise<readonly ConsumerRecord[]> {
    if (this.#closed !== undefined) throw new ConsumerError("INVALID_REQUEST", `The consumer ${this.ref} is closed.`);
    if (!(maxRecords >= 1)) throw new RangeError(`maxRecords is ${maxRecords}: it must be a number from 1 on.`);
    if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}: it must be a number that is not negative.`);
    await this.#fill(maxRecords, timeoutMs);
    return this.#handOut(this.#backlog.takeAll(maxRecords));
  }

  /** Record after record, until it is closed. Asking for the next one says that the last is dealt with. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void, undefined> {
    try {
      while (this.#closed === undefined) {
        this.#listening.rest();
        if (this.#backlog.isEmpty && !await this.#more()) continue;
        const [record] = this.#handOut(this.#backlog.takeAll(1));
        if (record !== undefined) yield record;
      }
    } finally {
      this.#listening.rest();
    }
  }

  /** What was fetched of one partition, batch after batch, until it is closed. */
  async *batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    try {
      while (this.#closed === undefined) {
        if (!await this.#more()) continue;
        const records = this.#handOut(this.#backlog.takeRun());
        const [first] = records;
        if (first !== undefined) yield { topic: first.topic, partition: first.partition, records };
      }
    } finally {
      this.#listening.rest();
    }
  }

  /** Commits: these offsets (of the next records to be read), or what was handed out so far. */
  async commit(offsets?: readonly CommittedOffset[]): Promise<void> {
    if (offsets === undefined) return fine(await this.#commitHandedOut());
    const all = offsets.map(({ topic, partition, offset, leaderEpoch = -1, metadata = "" }) => (
      { topic, partition, offset: Number(offset), leaderEpoch, metadata }
    ));
    fine(await this.#ask("commit", { offsets: all }, 2 * GRACE_MS));
  }

  /** What the group has committed of these partitions; an offset of -1 for nothing. */
  async committed(partitions: readonly TopicPartition[]): Promise<Required<CommittedOffset>[]> {
    const { offsets, ...outcome } = await this.#ask("committed", partitions.map(named), 2 * GRACE_MS);
    fine(outcome);
    return offsets.map((one) => ({ ...one, offset: BigInt(one.offset) }));
  }

  /** Goes on somewhere else in these partitions: at an offset, at the first record from a time on, or at an end. */
  async seek(partitions: TopicPartition | readonly TopicPartition[], to: SeekTarget): Promise<void> {
    const all = [partitions].flat().map(named);
    const target: SeekTo = typeof to === "bigint" ? { offset: Number(to) } : to;
    fine(await this.#ask("seek", { partitions: all, to: target }));
    this.#backlog.drop(all);
    this.#backlog.forget(all); // it is not where it was: from now on what is handed out after this counts
  }

  /** The offset of the next record that will be handed out. */
  async position(partition: TopicPartition): Promise<bigint> {
    const next = this.#backlog.nextOf(partition);
    if (next !== undefined) return BigInt(next);
    const { offset, ...outcome } = await this.#ask("position", named(partition));
    fine(outcome);
    return BigInt(offset);
  }

  /** Reads nothing of these partitions until {@linkcode Consumer.resume}. */
  async pause(partitions: readonly TopicPartition[]): Promise<void> {
    const all = partitions.map(named);
    // What waits here is fetched again later: it has not been handed out, and no poll may come between that would say it was.
    const giveBack = () =>
      Promise.all(
        this.#backlog.drop(all).map(({ offset, ...partition }) =>
          this.#ask("seek", { partitions: [partition], to: { offset } })
        ),
      );
    const [outcome] = await Promise.all([this.#ask("pause", all), giveBack()]);
    fine(outcome);
    await giveBack(); // what was on its way
  }

  /** Ends a pause. */
  async resume(partitions: readonly TopicPartition[]): Promise<void> {
    fine(await this.#ask("resume", partitions.map(named)));
  }

  /** The partitions that are its own at this moment. */
  async assignment(): Promise<readonly TopicPartition[]> {
    return await this.#ask("assignment", undefined);
  }

  /** By how many records it is behind, partition by partition; -1 where that is not known yet. */
  async lag(): Promise<readonly (TopicPartition & { readonly records: number })[]> {
    const lags = await this.#ask("lag", undefined);
    return lags.map((one) => ({ ...one, records: one.records + (one.records < 0 ? 0 : this.#backlog.countOf(one)) }));
  }

  /**
   * Commits what was handed out (unless it does not commit by itself), leaves the group and ends, within `timeoutMs`. A static member stays
   * in its group until its session is over.
   */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#closed ??= this.#close(timeoutMs);
  }

  /** The same as {@linkcode Consumer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#listening.rest();
    const { system, ref, ended, after, enableAutoCommit } = this.#ground;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const calm = after(timeoutMs, resolve);
    // It goes before the leaving, but is not waited for before that begins: all of it has to be done in time.
    const committed = enableAutoCommit ? this.#commitHandedOut() : undefined;
    this.#backlog.clear();
    await system.ask(ref, "close", { timeoutMs }, timeoutMs + GRACE_MS);
    await committed;
    await Promise.race([this.#listening.over, late]); // the program's listener may never come back
    calm();
    ended();
  }

  /** Waits for records; false when there are none yet. */
  async #more(): Promise<boolean> {
    await this.#fill(RECORDS_MAX, POLL_MS);
    return !this.#backlog.isEmpty;
  }

  async #fill(maxRecords: number, timeoutMs: number): Promise<void> {
    this.#listening.rest();
    this.#listening.complain();
    if (!this.#backlog.isEmpty) return;
    const answer = await this.#within(this.#records(maxRecords, timeoutMs), timeoutMs + GRACE_MS);
    if (this.#closed !== undefined) return;
    const { records: _, ...outcome } = this.#value(answer);
    fine(outcome);
  }

  /**
   * Asks for records, unless that is under way. However long it takes and whoever still waits: records that come are kept for
   * the next who asks, because the actor counts them as handed out.
   */
  #records(maxRecords: number, timeoutMs: number): Promise<Polled> {
    return this.#asking ??= this.#request("poll", { maxRecords, timeoutMs }, Infinity).then((answer) => {
      this.#asking = undefined;
      if (answer.ok) this.#backlog.add(answer.value.records);
      return answer;
    });
  }

  /** The answer, or that none came in time. */
  async #within<T>(answer: Promise<Answer<T>>, timeoutMs: number): Promise<Answer<T>> {
    const { promise: late, resolve } = Promise.withResolvers<Answer<T>>();
    const calm = this.#ground.after(timeoutMs, () => resolve({ ok: false, failure: "timeout" }));
    try {
      return await Promise.race([answer, late]);
    } finally {
      calm();
    }
  }

  #handOut(records: readonly ConsumedRecord[]): readonly ConsumerRecord[] {
    this.#listening.works(records.length > 0);
    return records.map(({ topic, partition, offset, timestamp, timestampType, key, value, headers, leaderEpoch }) => (
      { topic, partition, offset: BigInt(offset), timestamp, timestampType, key, value, headers, leaderEpoch }
    ));
  }

  async #commitHandedOut(of?: readonly TopicPartition[]): Promise<Outcome> {
    const offsets = this.#backlog.handedOut(of);
    if (offsets.length === 0) return { error: "NONE", message: null };
    const answer = await this.#request("commit", { offsets, onlyOwned: true }, 2 * GRACE_MS);
    return answer.ok ? answer.value : { error: "REQUEST_TIMED_OUT", message: "The commit was not answered in time." };
  }

  #request<V extends Verb<ConsumerProtocol>>(
    verb: V,
    message: Message<ConsumerProtocol, V>,
    timeoutMs: number = GRACE_MS,
  ): Promise<Answer<Reply<ConsumerProtocol, V>>> {
    return this.#ground.system.ask(this.#ground.ref, verb, message, timeoutMs);
  }

  async #ask<V extends Verb<ConsumerProtocol>>(
    verb: V,
    message: Message<ConsumerProtocol, V>,
    timeoutMs: number = GRACE_MS,
  ): Promise<Reply<ConsumerProtocol, V>> {
    return this.#value(await this.#request(verb, message, timeoutMs));
  }

  #value<T>(answer: Answer<T>): T {
    if (answer.ok) return answer.value;
    if (answer.failure === "timeout") {
      throw new ConsumerError("REQUEST_TIMED_OUT", "The consumer did not answer in time.");
    }
    throw new ConsumerError("UNKNOWN_SERVER_ERROR", `The consumer ${this.ref} is closed, or has crashed.`);
  }
}

function named({ topic, partition }: TopicPartition): Named {
  return { topic, partition };
}

function fine({ error, message }: { readonly error: ErrorName; readonly message: string | null }): void {
  if (error !== "NONE") throw new ConsumerError(error, message ?? error);
}
