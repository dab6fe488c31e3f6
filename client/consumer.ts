/**
 * A consumer as programs use it: promises and loops around the consumer actor.
 *
 *     poll ─▶ records wait here ─▶ handed out one by one ─▶ dealt with when the next is asked for ─▶ committed
 *                                          └──────────────────── committed by hand ────────────────────┘
 *
 * Invariants: what has not been handed out is not committed, and what a loop has at hand not by itself; a partition is given back after the
 * program is through with the record that it has (or has let `maxPollIntervalMs` pass), and none of its records is handed out afterwards.
 *
 * @module
 */
import type { ConsumerConfig } from "../actors/consumer/protocol.ts";
import {
  checkTime,
  offsetsOf,
  oneOrMore,
  partitionOf,
  partitionsOf,
  placeOf,
  type SubscribeTo,
  subscriptionOf,
} from "./arguments.ts";
import { Backlog } from "./backlog.ts";
import { Listening, type ListeningGround } from "./listening.ts";
import { fine, GRACE_MS, Questions, type QuestionsGround } from "./questions.ts";
import { type PollOptions, Reading, type ReadingGround } from "./reading.ts";
import type { CommittedOffset, ConsumerBatch, ConsumerRecord, SeekTarget, TopicPartition } from "./records.ts";

const CLOSE_TIMEOUT_MS = 30_000;
/** How much longer than it should a close may take before the actor is taken for one that stands still. */
const CLOSE_GRACE_MS = 1_000;

/** What a consumer stands on. */
export interface ConsumerGround extends ListeningGround, QuestionsGround, ReadingGround {
  readonly groupProtocol: ConsumerConfig["groupProtocol"];
  /** Told once when it has ended. */
  readonly ended: () => void;
}

/**
 * A consumer: reads topics as a member of a group, or partitions without one. Close it with {@linkcode Consumer.close}, or let `await using` do
 * so: until then it holds connections, and keeps the program from ending.
 *
 * Two kinds of errors come from its methods, all as rejections. A `RangeError` says that an argument can never be right: a negative offset, a
 * time that is no number, an option that there is not. A {@linkcode ConsumerError} has a `code`, the name that Kafka's documentation has
 * for it: what a broker has refused, or `REQUEST_TIMED_OUT` (nobody has answered in time: it may or may not have happened),
 * `INVALID_REQUEST` (not now: it is closed, or reads in the other way), `UNKNOWN_SERVER_ERROR` (its actor was killed or has crashed, or
 * the rebalance listener has thrown).
 *
 * @example Record by record: what was dealt with is committed by itself
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster();
 * const consumer = cluster.consumer({ groupId: "billing", topics: ["orders"], autoOffsetReset: "earliest" });
 * setTimeout(() => consumer.close(), 10); // which ends the loop
 * for await (const { topic, partition, offset, value } of consumer) {
 *   console.log(`${topic}-${partition}@${offset}`, value && new TextDecoder().decode(value));
 * }
 * ```
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
 *
 * @example Partitions of one's own choice, from a time on
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster();
 * const partitions = [{ topic: "orders", partition: 0 }];
 * await using consumer = cluster.consumer({ partitions });
 * await consumer.seek(partitions, { timestamp: Date.now() - 3_600_000 });
 * const lastHour = await consumer.poll({ timeoutMs: 1 });
 * console.assert(lastHour.length === 0);
 * ```
 */
export class Consumer implements AsyncDisposable, AsyncIterable<ConsumerRecord> {
  /** The path of its actor, such as `0/consumer/billing-1`: for killing, pausing and resuming it. */
  readonly ref: string;
  readonly #ground: ConsumerGround;
  readonly #backlog = new Backlog();
  readonly #questions: Questions;
  readonly #listening: Listening;
  readonly #reading: Reading;
  #closed: Promise<void> | undefined;

  /** Use `cluster.consumer` or `connect(…).consumer`. */
  constructor(ground: ConsumerGround) {
    this.#ground = ground;
    this.ref = ground.ref;
    this.#questions = new Questions(ground);
    this.#listening = new Listening(ground, this.#backlog, (of) => this.#reading.commitDealtWith(of));
    this.#reading = new Reading(ground, this.#questions, this.#backlog, this.#listening);
  }

  /**
   * Subscribes to topics: by name, or all whose whole name fits a regular expression (RE2's syntax), also those that come later. Replaces what
   * it was subscribed to; an empty list unsubscribes. A topic that does not exist is no error: it is read as soon as it is there.
   *
   * @throws {RangeError} when that is no name or no pattern
   * @throws {ConsumerError} INVALID_GROUP_ID without a `groupId`; INVALID_REQUEST while partitions are assigned by hand, or when it is closed
   */
  async subscribe(to: SubscribeTo): Promise<void> {
    if (Array.isArray(to) && to.length === 0) return await this.unsubscribe();
    fine(await this.#questions.ask("subscribe", subscriptionOf(to, this.#ground.groupProtocol)));
  }

  /**
   * Reads exactly these partitions, without the help of a group; with a `groupId`, from where that has committed. Replaces those that it had: an
   * empty list reads nothing. One that does not exist is no error: it is read as soon as it is there.
   *
   * @throws {RangeError} when those are no partitions
   * @throws {ConsumerError} INVALID_REQUEST while topics are subscribed to, or when it is closed
   */
  async assign(partitions: readonly TopicPartition[]): Promise<void> {
    const all = partitionsOf(partitions);
    fine(await this.#questions.ask("assign", all));
    const keep = new Set(all.map(({ topic, partition }) => `${topic}-${partition}`));
    const isKept = ({ topic, partition }: TopicPartition) => keep.has(`${topic}-${partition}`);
    this.#backlog.keep(isKept);
    this.#backlog.forget(this.#backlog.handedOut().filter((one) => !isKept(one)));
  }

  /**
   * Commits what is due (with `enableAutoCommit`), as {@linkcode Consumer.close} does, leaves the group, reads nothing any more. Not to be waited
   * for in a rebalance listener: it waits for that.
   *
   * @throws {ConsumerError} when that does not come about within a minute, or it is closed
   */
  async unsubscribe(): Promise<void> {
    this.#questions.check();
    this.#reading.ends();
    const committed = this.#ground.enableAutoCommit ? this.#reading.commitDealtWith() : undefined;
    this.#backlog.clear();
    fine(await this.#questions.ask("unsubscribe", undefined, CLOSE_TIMEOUT_MS + GRACE_MS));
    await committed;
  }

  /**
   * The next records, at most `maxRecords`, as soon as there are some; none when `timeoutMs` have passed. What was handed out before counts as
   * dealt with. While it has come to no topic, to no leader, or to no partition of its own it waits, without an error; so it does
   * while brokers are away. Whoever does not poll for `maxPollIntervalMs` leaves its group until the next poll.
   *
   * @throws {ConsumerError} NETWORK_EXCEPTION when no broker has ever answered, and all were tried for 5 s, or `requestTimeoutMs` if that is less (polling
   * again tries on); what a
   * broker has refused, or what is damaged (CORRUPT_MESSAGE); UNKNOWN_SERVER_ERROR when the rebalance listener has failed, before anything is
   * handed out; INVALID_REQUEST when it is closed
   * @throws {RangeError} when what is asked for makes no sense
   */
  async poll(options: PollOptions = {}): Promise<readonly ConsumerRecord[]> {
    return await this.#reading.poll(options);
  }

  /**
   * Record after record, until it is closed. Asking for the next one says that the last is dealt with, and that the program lives, as a poll
   * does. Leaving the loop does not close it: the next loop, or poll, goes on behind the last record, and says that it is dealt with. Without
   * one it is not committed by itself, for it may have failed: whoever leaves a loop with a record that is dealt with, and closes, says so with
   * {@linkcode Consumer.commit}, or that record comes again.
   *
   * @throws {ConsumerError} as {@linkcode Consumer.poll}, asked each ten seconds; a new loop may go on after it
   */
  [Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void, undefined> {
    return this.#reading.records();
  }

  /**
   * What was fetched of one partition, batch after batch of up to 500 records, until it is closed. Asking for the next one says that all of the
   * last are dealt with; a loop that is left with one may repeat all of it.
   *
   * @throws {ConsumerError} as {@linkcode Consumer.poll}
   *
   * @example
   * ```ts
   * import { startCluster } from "@samsa/samsa";
   *
   * await using cluster = await startCluster();
   * const consumer = cluster.consumer({ groupId: "billing", topics: ["orders"] });
   * setTimeout(() => consumer.close(), 10);
   * for await (const { partition, records } of consumer.batches()) console.log(partition, records.length);
   * ```
   */
  batches(): AsyncGenerator<ConsumerBatch, void, undefined> {
    return this.#reading.batches();
  }

  /**
   * Commits these offsets, or the ends of what was handed out so far (the record at hand included), and resolves when the group has them.
   *
   * @param offsets of the next records to be read: that of the last one dealt with, plus one
   * @throws {ConsumerError} INVALID_GROUP_ID without a `groupId`; ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH … when the
   * partitions may be somebody else's by now, who reads on from what was committed before (of those that went since the last commit it says so
   * once, and commits the others); UNKNOWN_TOPIC_OR_PARTITION without `offsets` when the topic that was read is not there any more, or is another one that is not read yet;
   * REQUEST_TIMED_OUT when it was not taken within `requestTimeoutMs`, which is also how a partition that does not exist ends
   * @throws {RangeError} when an offset can never be
   */
  async commit(offsets?: readonly CommittedOffset[]): Promise<void> {
    this.#questions.check();
    if (offsets === undefined) return fine(await this.#reading.commitHandedOut());
    const all = offsetsOf(offsets);
    fine(await this.#questions.ask("commit", { offsets: all }, this.#questions.brokersMs));
    this.#backlog.committed(all);
  }

  /**
   * What the group has committed of these partitions; an offset of -1 for nothing.
   *
   * @throws {ConsumerError} INVALID_GROUP_ID without a `groupId`; REQUEST_TIMED_OUT when nobody could be asked within `requestTimeoutMs`
   * @throws {RangeError} when those are no partitions
   */
  async committed(partitions: readonly TopicPartition[]): Promise<Required<CommittedOffset>[]> {
    const all = partitionsOf(partitions);
    const { offsets, ...outcome } = await this.#questions.ask("committed", all, this.#questions.brokersMs);
    fine(outcome);
    return offsets.map((one) => ({ ...one, offset: BigInt(one.offset) }));
  }

  /**
   * Goes on somewhere else in these partitions, which must be its own: nothing of before is handed out any more. An offset that is not there is
   * dealt with as `autoOffsetReset` says; a time after the last record means the end.
   *
   * @throws {ConsumerError} UNKNOWN_TOPIC_OR_PARTITION when one is not its own
   * @throws {RangeError} when that is no place
   */
  async seek(partitions: TopicPartition | readonly TopicPartition[], to: SeekTarget): Promise<void> {
    const all = oneOrMore(partitions);
    fine(await this.#questions.ask("seek", { partitions: all, to: placeOf(to) }));
    this.#backlog.drop(all);
    this.#backlog.forget(all); // it is not where it was: from now on what is handed out after this counts
  }

  /**
   * The offset of the next record that will be handed out; waits until that is found out.
   *
   * @throws {ConsumerError} UNKNOWN_TOPIC_OR_PARTITION when it is not its own; OFFSET_OUT_OF_RANGE when nothing is committed and
   * `autoOffsetReset` is `none`; REQUEST_TIMED_OUT when it could not be found out within `requestTimeoutMs`
   * @throws {RangeError} when that is no partition
   */
  async position(partition: TopicPartition): Promise<bigint> {
    const named = partitionOf(partition);
    const next = this.#backlog.nextOf(named);
    if (next !== undefined) return BigInt(next.offset);
    const { offset, ...outcome } = await this.#questions.ask("position", named, this.#questions.brokersMs);
    fine(outcome);
    return BigInt(offset);
  }

  /**
   * Reads nothing of these partitions until {@linkcode Consumer.resume}, while it goes on being their owner. They are forgotten to be paused
   * when they go to another member.
   *
   * @throws {ConsumerError} UNKNOWN_TOPIC_OR_PARTITION when one is not its own
   * @throws {RangeError} when those are no partitions
   */
  async pause(partitions: readonly TopicPartition[]): Promise<void> {
    const all = partitionsOf(partitions);
    // What waits here is fetched again later: it has not been handed out, and no poll may come between that would say it was.
    const giveBack = () =>
      Promise.all(
        this.#backlog.drop(all).map(({ topic, partition, offset, setbacks }) =>
          this.#questions.ask("seek", { partitions: [{ topic, partition }], to: { offset, setbacks } })
        ),
      );
    const [outcome] = await Promise.all([this.#questions.ask("pause", all), giveBack()]);
    fine(outcome);
    await giveBack(); // what was on its way
  }

  /**
   * Ends a pause.
   *
   * @throws {ConsumerError} UNKNOWN_TOPIC_OR_PARTITION when one is not its own
   * @throws {RangeError} when those are no partitions
   */
  async resume(partitions: readonly TopicPartition[]): Promise<void> {
    fine(await this.#questions.ask("resume", partitionsOf(partitions)));
  }

  /**
   * The partitions that are its own at this moment.
   *
   * @throws {ConsumerError} when it is closed, or has crashed
   */
  async assignment(): Promise<readonly TopicPartition[]> {
    return await this.#questions.ask("assignment", undefined);
  }

  /**
   * By how many records it is behind, partition by partition, as of the last fetches; -1 where that is not known yet.
   *
   * @throws {ConsumerError} when it is closed, or has crashed
   */
  async lag(): Promise<readonly (TopicPartition & { readonly records: number })[]> {
    const lags = await this.#questions.ask("lag", undefined);
    return lags.map((one) => ({ ...one, records: one.records + (one.records < 0 ? 0 : this.#backlog.countOf(one)) }));
  }

  /**
   * Commits what was handed out (with `enableAutoCommit`), but for what a loop was left with, leaves the group and ends, within `timeoutMs`
   * (30 000 by default): what is not done by then is not done, whatever the reason, and the group finds out when its session is over. A static
   * member (KIP-345) stays in its group until then. Closing again waits for the same. Not to be waited for in a rebalance listener: it waits
   * for that.
   *
   * @throws {RangeError} when `timeoutMs` is no time
   */
  async close({ timeoutMs = CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkTime("timeoutMs", timeoutMs);
    await (this.#closed ??= this.#close(timeoutMs));
  }

  /** The same as {@linkcode Consumer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#questions.isClosing = true;
    this.#reading.ends();
    const { system, ref, ended, after, enableAutoCommit } = this.#ground;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const calm = after(timeoutMs, resolve);
    // It goes before the leaving, but is not waited for before that begins: all of it has to be done in time.
    const committed = enableAutoCommit ? this.#reading.commitDealtWith() : undefined;
    this.#backlog.clear();
    const answering = this.#questions.request("close", { timeoutMs }, Infinity);
    const answer = await this.#questions.within(answering, timeoutMs + CLOSE_GRACE_MS);
    if (!answer.ok && answer.failure === "timeout") system.kill(ref, "it stands still, and was to close");
    await committed;
    await Promise.race([this.#listening.over, late]); // the program's listener may never come back
    calm();
    this.#questions.isClosed = true;
    ended();
  }
}
