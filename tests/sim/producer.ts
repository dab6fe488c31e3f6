/**
 * A producer: sends numbered values into partitions, and goes on until it knows what became of each, or gives up.
 *
 *     lane   one partition:  ─▶ waiting ──▶ on the wire, at most five ──▶ acknowledged
 *                                  ▲               │ an error that may pass, a timeout, a lost connection
 *                                  └───────────────┘ when nothing is on the wire any more: all again, in order, as they were
 *
 * The idempotent one keeps its sequence numbers through every retry, to whoever leads by then; when it gives up, it begins
 * anew under another producer id. The plain one has one request on the wire and may write twice.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { initProducerId } from "../../protocol/tables/transactions.ts";
import { produce } from "../../protocol/tables/produce_fetch.ts";
import { KafkaClient } from "./client.ts";
import type { Pending } from "./history.ts";
import type { Scene } from "./scene.ts";

/** What a producer asks of its acknowledgements. */
export type ProducerKind = "idempotent" | "plain" | "acks=1" | "acks=0";

/** How a producer behaves. */
export interface ProducerPlan {
  readonly kind: ProducerKind;
  readonly keys: readonly string[];
  /** A new batch per lane about this often. */
  readonly everyMs: number;
  /** Keys whose acknowledgements promise nothing whatever the producer asks for. */
  readonly isDurable: (key: string) => boolean;
}

const WINDOW = 5;
const PRODUCE_VERSION = 11;
const INIT_VERSION = 4;
/** What the broker is given, and what the client waits. */
const BROKER_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 1_500;
/** When a batch is given up; longer than any fault lasts, most of the time. */
const DELIVERY_TIMEOUT_MS = 25_000;
/** Doubled with each failure in a row. */
const BACKOFF_MS = 30;
const BACKOFF_MAX_MS = 500;

const utf8 = new TextEncoder();

/** The batch has not been written and never will be. */
const REFUSED = new Set<ErrorName>(["NOT_ENOUGH_REPLICAS", "MESSAGE_TOO_LARGE", "INVALID_RECORD"]);
/** Passes: the same again, to whoever is right by then. */
const PASSES = new Set<ErrorName>([
  "NOT_LEADER_OR_FOLLOWER",
  "LEADER_NOT_AVAILABLE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "FENCED_LEADER_EPOCH",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "REQUEST_TIMED_OUT",
  "KAFKA_STORAGE_ERROR",
  "UNKNOWN_SERVER_ERROR",
  "NETWORK_EXCEPTION",
  "REPLICA_NOT_AVAILABLE",
]);

interface Batch {
  readonly number: number;
  readonly values: readonly number[];
  readonly baseSequence: number;
  readonly bytes: Uint8Array;
  readonly pending: Pending;
  readonly begunMs: number;
  isOnWire: boolean;
  attempts: number;
}

interface Lane {
  readonly key: string;
  /** Not acknowledged yet, in order. */
  batches: Batch[];
  onWire: number;
  /** Batches made. */
  made: number;
  sequence: number;
  /** Something went wrong: nothing goes out before all has come back. */
  hasFailed: boolean;
  /** In a row. */
  failures: number;
  /** Nothing goes out before. */
  notBeforeMs: number;
}

/** A producer. */
export class Producer {
  readonly #scene: Scene;
  readonly #plan: ProducerPlan;
  readonly #random: Random;
  readonly #client: KafkaClient;
  readonly #process: number;
  #lanes: Lane[];
  #identity: { readonly producerId: bigint; readonly producerEpoch: number } | undefined;
  #isAsking = false;

  constructor(scene: Scene, name: string, plan: ProducerPlan, random: Random) {
    this.#scene = scene;
    this.#plan = plan;
    this.#random = random;
    this.#process = scene.nextProcess();
    this.#client = new KafkaClient(scene.world, name, random.split("client"));
    this.#lanes = this.#newLanes();
    for (const { key } of this.#lanes) {
      scene.written.add(key);
      this.#beat(key);
    }
  }

  /** Whether everything that it has begun has ended. */
  get isIdle(): boolean {
    return this.#lanes.every(({ batches }) => batches.length === 0);
  }

  get client(): KafkaClient {
    return this.#client;
  }

  /** In words, what it still waits for. */
  toString(): string {
    const open = this.#lanes.filter(({ batches }) => batches.length > 0);
    return open.map(({ key, batches }) => `${this.#plan.kind} ${this.#process} has ${batches.length} in ${key}`).join(
      ", ",
    );
  }

  #newLanes(): Lane[] {
    return this.#plan.keys.map((key) => ({
      key,
      batches: [],
      onWire: 0,
      made: 0,
      sequence: 0,
      hasFailed: false,
      failures: 0,
      notBeforeMs: 0,
    }));
  }

  #beat(key: string): void {
    const { world } = this.#scene;
    world.env.clock.after(1 + this.#random.below(2 * this.#plan.everyMs), () => {
      const lane = this.#lanes.find((each) => each.key === key)!;
      if (!this.#scene.isEnding) {
        // Counted from the oldest that is open: the broker remembers the last five, whether they were acknowledged or not.
        const limit = this.#plan.kind === "idempotent" ? WINDOW : 1;
        if (lane.batches.length === 0 || lane.made - lane.batches[0]!.number < limit) this.#make(lane);
      }
      this.#pump(lane);
      if (!this.#scene.isEnding || lane.batches.length > 0) this.#beat(key);
    });
  }

  #make(lane: Lane): void {
    const { kind } = this.#plan;
    if (kind === "idempotent" && this.#identity === undefined) return this.#askIdentity();
    const { key } = lane;
    const nowMs = this.#scene.world.now();
    const count = 1 + this.#random.below(this.#random.chance(1, 8) ? 8 : 2);
    const values = Array.from({ length: count }, () => this.#scene.nextValue());
    const filler = this.#random.chance(1, 40) ? "x".repeat(this.#random.below(6_000)) : "";
    const records = values.map((value, at) => ({
      value: utf8.encode(at === 0 ? `${value} ${filler}` : `${value}`),
      timestamp: Math.floor(this.#scene.world.env.clock.now()),
    }));
    const baseSequence = lane.sequence;
    lane.sequence += count;
    const isDurable = (kind === "idempotent" || kind === "plain") && this.#plan.isDurable(key);
    const pending = this.#scene.history.invoke(this.#process, {
      f: "send",
      sends: values.map((value) => ({ key, value })),
      promise: isDurable ? "durable" : "none",
      idempotent: kind === "idempotent",
    }, nowMs);
    const bytes = encodeBatch(records, kind === "idempotent" ? { ...this.#identity!, baseSequence } : {});
    lane.batches.push({
      number: lane.made++,
      values,
      baseSequence,
      bytes,
      pending,
      begunMs: nowMs,
      isOnWire: false,
      attempts: 0,
    });
  }

  #askIdentity(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const body = { transactionalId: null, transactionTimeoutMs: 60_000 };
    const node = this.#client.anyNode();
    this.#client.call(node, initProducerId, INIT_VERSION, body, REQUEST_TIMEOUT_MS, (result) => {
      this.#isAsking = false;
      if (!result.ok || result.body.errorCode !== 0) return;
      const { producerId, producerEpoch } = result.body;
      this.#identity = { producerId, producerEpoch };
      this.#scene.count("producer ids");
      if (this.#scene.producerIds.has(producerId)) {
        this.#scene.problem(`the producer id ${producerId} was given out twice.`);
      }
      this.#scene.producerIds.add(producerId);
      this.#scene.adminBook.producerId(producerId);
    });
  }

  #pump(lane: Lane): void {
    const nowMs = this.#scene.world.now();
    if (lane.batches.some(({ begunMs }) => begunMs + DELIVERY_TIMEOUT_MS < nowMs)) return this.#giveUp(lane);
    if ((lane.hasFailed && lane.onWire > 0) || nowMs < lane.notBeforeMs) return;
    lane.hasFailed = false;
    const place = this.#client.place(lane.key);
    if (place === undefined || place.leader < 0) return;
    for (const batch of lane.batches) {
      if (!batch.isOnWire) this.#send(lane, batch, place.leader, place.topic, place.partition);
    }
  }

  #send(lane: Lane, batch: Batch, leader: number, name: string, index: number): void {
    const acks = this.#plan.kind === "acks=0" ? 0 : this.#plan.kind === "acks=1" ? 1 : -1;
    const topicData = [{ name, partitionData: [{ index, records: batch.bytes }] }];
    const body = { transactionalId: null, acks, timeoutMs: BROKER_TIMEOUT_MS, topicData };
    this.#scene.count("produce requests");
    if (acks === 0) {
      this.#client.tell(leader, produce, PRODUCE_VERSION, body);
      lane.batches = lane.batches.filter((each) => each !== batch);
      return batch.pending.info(this.#scene.world.now());
    }
    batch.isOnWire = true;
    batch.attempts++;
    lane.onWire++;
    this.#client.call(leader, produce, PRODUCE_VERSION, body, REQUEST_TIMEOUT_MS, (result) => {
      lane.onWire--;
      batch.isOnWire = false;
      if (!lane.batches.includes(batch)) return; // given up meanwhile
      if (!result.ok) {
        this.#scene.count(`produce ${result.why}`);
        this.#client.refresh();
        return this.#failed(lane);
      }
      const answer = result.body.responses[0]!.partitionResponses[0]!;
      const { leaderId, leaderEpoch } = answer.currentLeader;
      this.#client.hint(lane.key, leaderId, leaderEpoch);
      this.#answered(lane, batch, errorName(answer.errorCode), Number(answer.baseOffset));
    });
  }

  #answered(lane: Lane, batch: Batch, error: ErrorName, baseOffset: number): void {
    if (error !== "NONE") this.#scene.count(`produce ${error}`);
    const nowMs = this.#scene.world.now();
    if (error === "NONE" || error === "DUPLICATE_SEQUENCE_NUMBER") {
      lane.batches = lane.batches.filter((each) => each !== batch);
      // Where the leader put it says nothing if it may be gone by now.
      const isKnown = baseOffset >= 0 && this.#plan.kind !== "acks=1";
      const offsets = batch.values.map((_, at) => isKnown ? baseOffset + at : null);
      this.#scene.count("batches acknowledged");
      const { ends } = this.#scene;
      ends.set(lane.key, Math.max(ends.get(lane.key) ?? 0, baseOffset + batch.values.length));
      lane.failures = 0;
      return batch.pending.ok(nowMs, { offsets });
    }
    if (error === "OUT_OF_ORDER_SEQUENCE_NUMBER" && this.#plan.kind === "idempotent") {
      const isFirst = lane.batches[0] === batch;
      // Who knows nothing of a producer begins with whatever comes first, which after a change of leaders may be a later batch.
      if (isFirst && batch.baseSequence > 0 && this.#plan.isDurable(lane.key)) {
        this.#scene.problem(
          `${lane.key} does not know the predecessor of sequence ${batch.baseSequence} of producer ` +
            `${this.#identity?.producerId}, which was acknowledged (values ${batch.values.join(", ")})`,
        );
      }
      return isFirst ? this.#giveUp(lane) : this.#failed(lane);
    }
    if (!PASSES.has(error)) this.#scene.problem(`${lane.key} answers ${error} to process ${this.#process}`);
    if (this.#plan.kind !== "idempotent" && REFUSED.has(error) && this.#random.chance(1, 2)) {
      lane.batches = lane.batches.filter((each) => each !== batch);
      // An earlier attempt may have been written.
      return batch.attempts === 1 ? batch.pending.fail(nowMs) : batch.pending.info(nowMs);
    }
    this.#client.refresh();
    this.#failed(lane);
  }

  #failed(lane: Lane): void {
    lane.hasFailed = true;
    if (lane.onWire > 0) return;
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(10, lane.failures++));
    const delayMs = backoffMs + this.#random.below(backoffMs);
    lane.notBeforeMs = this.#scene.world.now() + delayMs;
    this.#scene.world.env.clock.after(delayMs + 0.001, () => this.#lanes.includes(lane) && this.#pump(lane));
  }

  /** Nobody will know what became of what is under way; an idempotent one needs another identity. */
  #giveUp(lane: Lane): void {
    this.#scene.count("batches given up", lane.batches.length);
    const nowMs = this.#scene.world.now();
    const lanes = this.#plan.kind === "idempotent" ? this.#lanes : [lane];
    for (const each of lanes) {
      for (const { pending } of each.batches) pending.info(nowMs);
      each.batches = [];
    }
    if (this.#plan.kind !== "idempotent") return;
    this.#identity = undefined;
    this.#lanes = this.#newLanes();
    this.#scene.history.invoke(this.#process, { f: "crash" }, nowMs).ok(nowMs);
  }
}
