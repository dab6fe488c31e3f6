/**
 * What one fetch brings together: batches from many partitions within its limits, waited for when there are too few.
 *
 *     read the partitions in the order of the request ──enough, an error, or no time left──▶ done
 *          ▲                   └──too few──▶ wait at each of them ──some have more──┐
 *          └──────────────── read those on from where they were left ◀──────────────┘
 *
 * Invariants: one partition is read at a time, so that a limit cuts off the last and is never passed by several at once; what
 * was read is not read again, so that waiting for many bytes costs no more than reading them once; and a partition that has given nothing
 * though it has more is not read each time that it gets some more.
 *
 * @module
 */
import { concatenate } from "../../lib/bytes.ts";
import { lastOffsetOf, sizeInBytesOf } from "../../protocol/batch.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { Api } from "../../protocol/schema.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { Answer, AskFailure } from "../actor.ts";
import type { FetchReply, FetchRequest } from "../partition/protocol.ts";
import type { FetchPartition } from "./fetch_sessions.ts";
import { type Exchange, gatherEach } from "./handler.ts";
import { toOffset } from "./offsets.ts";
import type { BrokerView } from "./protocol.ts";
import { findTopic, heldPartition, ledPartition, type LocatedPartition, nearerReplicas } from "./view.ts";

/** No fetch waits longer, whatever it asks for: what waits takes memory, here and at the replicas. */
const WAIT_MAX_MS = 60_000;
const MARGIN_MS = 5_000;
/** Reads in a row that bring nothing of what is there: the end may lie within a batch, and the next one finds it whole. */
const FRUITLESS_MAX = 1;
const EMPTY = new Uint8Array(0);

/** What gathering needs of the exchange that it is for. */
type Asking = Pick<Exchange<Api>, "ask" | "connection" | "monotonic" | "reserve" | "giveBack" | "view">;

/** The limits of one fetch. */
export interface FetchLimits {
  /** How long to wait for `minBytes`; at most a minute counts. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: FetchRequest["isolation"];
  /** Followers serve it as well as leaders (KIP-392). */
  readonly fromFollowers: boolean;
  /** Where the reader is, "" when it does not say: it is sent to a follower there. */
  readonly rackId: string;
}

/** What one partition has brought. */
export class Gathered {
  reply: FetchReply;
  bytes = 0;
  /** Where to read on. */
  offset: number;
  /** It has more, but a limit of this fetch is in the way. */
  cut = false;
  waits = false;
  /** Reads in a row that have brought nothing of what is said to be there. */
  fruitless = 0;
  /** Followers that are nearer to the reader; asked for once, with the first read. */
  nearer: readonly number[];
  readonly led: LocatedPartition;
  #chunks: Uint8Array[] = [];

  constructor(readonly request: FetchPartition, limits: FetchLimits, view: BrokerView) {
    this.led = locate(request, limits, view);
    const { error, partition } = this.led;
    this.nearer = partition === undefined ? [] : nearerReplicas(view, partition, limits.rackId);
    this.reply = failed(error, partition);
    this.offset = toOffset(request.fetchOffset);
  }

  /** All batches as one. */
  get records(): Uint8Array {
    return concatenate(this.#chunks);
  }

  /**
   * An error, or another place to read at, that the client should hear of at once. Kafka lets those who ask for what is not
   * there wait with the others.
   */
  get isUrgent(): boolean {
    return this.led.error !== "UNKNOWN_TOPIC_OR_PARTITION" && this.led.error !== "UNKNOWN_TOPIC_ID" &&
      (this.reply.error !== "NONE" || this.reply.divergingEpoch !== null || this.reply.preferredReadReplica >= 0);
  }

  /** Takes what a read has brought that could have brought more up to `readableEnd`, had there been room. */
  take(reply: FetchReply, readableEnd: number): void {
    this.reply = reply;
    if (reply.error !== "NONE") {
      this.#chunks = [];
      this.bytes = 0;
      return;
    }
    if (reply.records.length > 0) {
      this.#chunks.push(reply.records);
      this.bytes += reply.records.length;
      this.offset = endOf(reply.records);
    }
    this.cut = this.offset < readableEnd;
    this.fruitless = this.cut && reply.records.length === 0 ? this.fruitless + 1 : 0;
  }
}

/** One fetch on its way to its reply. */
export class Gathering {
  readonly partitions: readonly Gathered[];
  readonly #exchange: Asking;
  readonly #limits: FetchLimits;
  readonly #minBytes: number;
  readonly #deadlineMs: number;
  #done: () => void;
  /** Partitions to be read, in this order. */
  #due: Gathered[];
  #reading = false;
  #waiting = 0;
  #bytes = 0;
  /** There is more, but no room for it. */
  #full = false;
  #urgent = false;
  #isDone = false;

  /** @param done called once, when the fetch has what it wants or will not get it */
  constructor(wanted: readonly FetchPartition[], limits: FetchLimits, exchange: Asking, done: () => void) {
    this.partitions = wanted.map((request) => new Gathered(request, limits, exchange.view));
    this.#exchange = exchange;
    this.#limits = limits;
    this.#minBytes = Math.min(limits.minBytes, limits.maxBytes);
    this.#deadlineMs = exchange.monotonic() + Math.min(Math.max(0, limits.maxWaitMs), WAIT_MAX_MS);
    this.#done = done;
    this.#due = this.partitions.filter(({ led }) => led.error === "NONE");
  }

  /** Begins. */
  begin(): void {
    this.#next();
  }

  /** Nobody wants it any more: the replicas need not keep its place. */
  abandon(): void {
    this.#isDone = true;
    this.#done = () => {};
    for (const { led, waits } of this.partitions) {
      if (!waits || led.error !== "NONE") continue;
      const over = {
        key: this.#exchange.connection,
        above: Infinity,
        isolation: this.#limits.isolation,
        deadlineMs: 0,
      };
      this.#exchange.ask(led.replica, "awaitData", over, () => {}, MARGIN_MS);
    }
  }

  #next(): void {
    const due = this.#due;
    this.#due = [];
    this.#readFrom(due, 0);
  }

  /** Reads partition `at` of those due and the ones after it, then finishes or waits. */
  #readFrom(due: readonly Gathered[], at: number): void {
    if (at < due.length) return this.#read(due[at]!, () => this.#readFrom(due, at + 1));
    if (this.#isEnough()) return this.#finish();
    for (const gathered of due) if (!gathered.cut) this.#wait(gathered);
    if (this.#due.length > 0) this.#next(); // these had more meanwhile
    else if (this.#waiting === 0) this.#finish();
  }

  #read(gathered: Gathered, then: () => void): void {
    const { led, request, offset } = gathered;
    if (led.error !== "NONE") return then();
    const own = Math.max(0, request.partitionMaxBytes - gathered.bytes);
    const granted = this.#exchange.reserve(Math.max(0, Math.min(own, this.#limits.maxBytes - this.#bytes)));
    const message = {
      offset,
      maxBytes: granted,
      minOneBatch: this.#bytes === 0,
      currentLeaderEpoch: request.currentLeaderEpoch,
      lastFetchedEpoch: gathered.bytes === 0 ? request.lastFetchedEpoch : -1,
      isolation: this.#limits.isolation,
      ...(gathered.nearer.length > 0 ? { nearer: gathered.nearer } : {}),
      ...(this.#limits.rackId === "" ? {} : { knowsFollowers: true }),
    };
    gathered.nearer = [];
    this.#reading = true;
    this.#exchange.ask(led.replica, "fetch", message, (answer) => {
      this.#reading = false;
      this.#take(gathered, replyOf(answer), granted);
      if (message.minOneBatch && this.#bytes === 0) gathered.cut = false; // there is nothing, or it would have come
      if (gathered.cut && granted < own) this.#full = true;
      then();
    });
  }

  #take(gathered: Gathered, reply: FetchReply, granted: number): void {
    const before = gathered.bytes;
    gathered.take(reply, this.#readableEnd(reply));
    const taken = gathered.bytes - before;
    this.#bytes += taken;
    if (gathered.isUrgent) this.#urgent = true;
    if (granted > taken) this.#exchange.giveBack(granted - taken);
    else if (granted < taken) this.#exchange.reserve(taken - granted); // the one batch that always comes
  }

  #readableEnd(reply: FetchReply): number {
    return this.#limits.isolation === "read_committed" ? reply.lastStableOffset : reply.highWatermark;
  }

  #isEnough(): boolean {
    return this.#urgent || this.#full || this.#bytes >= this.#minBytes ||
      this.#exchange.monotonic() >= this.#deadlineMs;
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#makeSure(() => this.#done());
  }

  /**
   * Who hears that the log ends before where he reads begins anew somewhere else, and some commit that at once. So a leader says it
   * only when it is sure that it still leads: one that stood still while another went on would not have what the reader has read.
   * That may take a second, so all are asked side by side, when there is nothing more to be read.
   */
  #makeSure(then: () => void): void {
    if (!this.#urgent) return then();
    const ask = (gathered: Gathered, then: (_: void) => void) => {
      const { led, reply, reply: { leader, leaderEpoch } } = gathered;
      const isSetBack = reply.error === "OFFSET_OUT_OF_RANGE" || reply.divergingEpoch !== null;
      if (led.error !== "NONE" || !isSetBack || leader !== this.#exchange.view.brokerId) return then();
      this.#exchange.ask(led.replica, "confirm", { leaderEpoch }, (answer) => {
        const isSure = answer.ok && answer.value === "NONE";
        if (!isSure) gathered.take({ ...failed("NOT_LEADER_OR_FOLLOWER", undefined), leader, leaderEpoch }, 0);
        then();
      }, MARGIN_MS);
    };
    gatherEach(this.partitions, ask, then);
  }

  /** Waits for more in one partition, or for the end of the time; the first to be out of time ends the fetch. */
  #wait(gathered: Gathered): void {
    const { led, reply } = gathered;
    if (led.error !== "NONE") return;
    const { isolation } = this.#limits;
    const deadlineMs = this.#deadlineMs;
    const above = gathered.fruitless > FRUITLESS_MAX ? Infinity : this.#readableEnd(reply);
    const wait = { key: this.#exchange.connection, above, isolation, deadlineMs };
    gathered.waits = true;
    this.#waiting++;
    const patienceMs = deadlineMs - this.#exchange.monotonic() + MARGIN_MS;
    this.#exchange.ask(led.replica, "awaitData", wait, (answer) => this.#woken(gathered, answer), patienceMs);
  }

  #woken(gathered: Gathered, answer: Answer<boolean>): void {
    if (this.#isDone) return; // the replica kept its place after another one had enough
    gathered.waits = false;
    this.#waiting--;
    // A process that has stood still finds that all time is over, the replica's too: then there is nothing new, and nothing is wrong.
    if (!answer.ok && answer.failure !== "timeout") this.#take(gathered, silent(answer.failure), 0);
    else if (answer.ok && answer.value) this.#due.push(gathered);
    if (this.#reading) return;
    if (this.#due.length > 0) this.#next();
    else if (this.#isEnough() || this.#waiting === 0) this.#finish();
  }
}

function locate(wanted: FetchPartition, { fromFollowers }: FetchLimits, view: BrokerView): LocatedPartition {
  const topic = findTopic(view, wanted.topic, wanted.topicId);
  if (topic === undefined && wanted.topicId !== ZERO_UUID) return { error: "UNKNOWN_TOPIC_ID", partition: undefined };
  return (fromFollowers ? heldPartition : ledPartition)(view, topic, wanted.partition);
}

function replyOf(answer: Answer<FetchReply>): FetchReply {
  return answer.ok ? answer.value : silent(answer.failure);
}

/** A replica gave no answer. That time ran out, no consumer expects to hear here: Kafka's own would end. */
function silent(failure: AskFailure): FetchReply {
  return failed(failure === "crashed" ? "KAFKA_STORAGE_ERROR" : "NOT_LEADER_OR_FOLLOWER", undefined);
}

/** A reply that brings nothing, with the leader where it is known. */
function failed(error: ErrorName, partition: LocatedPartition["partition"]): FetchReply {
  return {
    error,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    records: EMPTY,
    abortedTransactions: null,
    divergingEpoch: null,
    preferredReadReplica: -1,
    leader: partition?.leader ?? -1,
    leaderEpoch: partition?.leaderEpoch ?? -1,
  };
}

/** The offset after the last of some batches. */
function endOf(records: Uint8Array): number {
  let last = 0;
  for (let at = 0; at < records.length; at += sizeInBytesOf(records, at)) last = at;
  return lastOffsetOf(records, last) + 1;
}
