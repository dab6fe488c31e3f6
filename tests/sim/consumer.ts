/**
 * A consumer: reads partitions in order from their leaders, as a client without a group does.
 *
 * It says which leader epoch it knows and of which epoch the last record was that it read (KIP-320), so that a leader which is behind,
 * or one whose log is another, has to say so. What was readable once must never be taken back: a divergence or an offset out of
 * range is told to the run as a problem, not handled.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { batches, crcMatches, readBatchHeader } from "../../protocol/batch.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { records as recordsOf } from "../../protocol/records.ts";
import type { Response } from "../../protocol/schema.ts";
import { fetch, listOffsets } from "../../protocol/tables/produce_fetch.ts";
import { KafkaClient, type PartitionPlace } from "./client.ts";
import type { Pending, Read } from "./history.ts";
import type { Scene } from "./scene.ts";

/** How a consumer behaves. */
export interface ConsumerPlan {
  readonly keys: readonly string[];
  /** Between two fetches from one node. */
  readonly everyMs: number;
  /** Whether it uses fetch sessions (KIP-227). */
  readonly sessions: boolean;
  /** Whether it names topics by id (version 13 and up). */
  readonly byId: boolean;
  /** Where it starts. */
  readonly from: "earliest" | "latest";
  /** Keys whose records may legally vanish. */
  readonly isDurable: (key: string) => boolean;
}

const VERSION_BY_NAME = 12;
const VERSION_BY_ID = 17;
const LIST_VERSION = 7;
const MAX_WAIT_MS = 200;
const REQUEST_TIMEOUT_MS = 1_500;
const LATEST = -1n;
const EARLIEST = -2n;

/** What consumers expect of a partition that they read: Kafka's own ends with anything else. */
const EXPECTED: ReadonlySet<ErrorName> = new Set<ErrorName>([
  "NOT_LEADER_OR_FOLLOWER",
  "REPLICA_NOT_AVAILABLE",
  "KAFKA_STORAGE_ERROR",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
  "OFFSET_OUT_OF_RANGE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
  "UNKNOWN_SERVER_ERROR",
]);

type FetchBody = Response<typeof fetch>;
type PartitionBody = FetchBody["responses"][number]["partitions"][number];

interface Position {
  readonly key: string;
  /** -1 until it is known where to begin. */
  offset: number;
  /** Of the last record read, -1 for none. */
  lastEpoch: number;
  highWatermark: number;
  isAsking: boolean;
  /** It has jumped: what it reads next does not follow what it has read. */
  hasJumped: boolean;
}

/** What a fetch was about. */
interface Asked {
  readonly offset: number;
  readonly leaderEpoch: number;
}

interface Session {
  id: number;
  epoch: number;
  /** What the broker has been told, by key. */
  readonly told: Map<string, string>;
}

const text = new TextDecoder();

/** A consumer. */
export class Consumer {
  readonly #scene: Scene;
  readonly #plan: ConsumerPlan;
  readonly #random: Random;
  readonly #client: KafkaClient;
  readonly #process: number;
  readonly #positions: Map<string, Position>;
  readonly #sessions = new Map<number, Session>();
  readonly #busy = new Set<number>();
  #isOver = false;

  constructor(scene: Scene, name: string, plan: ConsumerPlan, random: Random, process: number = scene.nextProcess()) {
    this.#scene = scene;
    this.#plan = plan;
    this.#random = random;
    this.#process = process;
    this.#client = new KafkaClient(scene.world, name, random.split("client"));
    this.#positions = new Map(plan.keys.map((key) => [
      key,
      { key, offset: -1, lastEpoch: -1, highWatermark: -1, isAsking: false, hasJumped: false },
    ]));
    const nowMs = scene.world.now();
    scene.history.invoke(process, { f: "assign", keys: plan.keys }, nowMs).ok(nowMs);
    this.#beat();
  }

  get process(): number {
    return this.#process;
  }

  get client(): KafkaClient {
    return this.#client;
  }

  /** Where it is in a partition. */
  offset(key: string): number {
    return this.#positions.get(key)?.offset ?? -1;
  }

  /** It is gone, with everything that it was in the middle of. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const nowMs = this.#scene.world.now();
    this.#client.close();
    this.#scene.history.invoke(this.#process, { f: "crash" }, nowMs).ok(nowMs);
  }

  #beat(): void {
    this.#scene.world.env.clock.after(1 + this.#random.below(2 * this.#plan.everyMs), () => {
      if (this.#isOver) return;
      this.#poll();
      this.#beat();
    });
  }

  #poll(): void {
    const byLeader = new Map<number, { readonly position: Position; readonly place: PartitionPlace }[]>();
    for (const position of this.#positions.values()) {
      const place = this.#client.place(position.key);
      if (place === undefined || place.leader < 0) continue;
      if (position.offset < 0) {
        this.#askStart(position, place);
        continue;
      }
      const list = byLeader.get(place.leader) ?? [];
      list.push({ position, place });
      byLeader.set(place.leader, list);
    }
    for (const [leader, wanted] of byLeader) if (!this.#busy.has(leader)) this.#fetch(leader, wanted);
  }

  #askStart(position: Position, place: PartitionPlace): void {
    if (position.isAsking) return;
    position.isAsking = true;
    const partitions = [{
      partitionIndex: place.partition,
      currentLeaderEpoch: place.leaderEpoch,
      timestamp: this.#plan.from === "latest" ? LATEST : EARLIEST,
    }];
    const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: place.topic, partitions }] };
    this.#client.call(place.leader, listOffsets, LIST_VERSION, body, REQUEST_TIMEOUT_MS, (result) => {
      position.isAsking = false;
      if (!result.ok) return this.#client.refresh();
      const { errorCode, offset } = result.body.topics[0]!.partitions[0]!;
      if (errorCode !== 0) return this.#client.refresh();
      position.offset = Number(offset);
      const deleted = this.#scene.trimmed.get(position.key) ?? 0;
      if (this.#plan.from === "earliest" && position.offset > deleted && this.#plan.isDurable(position.key)) {
        this.#scene.problem(`${position.key} begins at ${offset}, and nobody has asked to delete beyond ${deleted}`);
      }
    });
  }

  #fetch(leader: number, wanted: readonly { readonly position: Position; readonly place: PartitionPlace }[]): void {
    const session = this.#session(leader);
    const isFull = !this.#plan.sessions || session.epoch === 0;
    if (isFull) session.told.clear();
    const topics = wanted.filter(({ position, place }) => {
      const telling = `${place.leaderEpoch} ${position.offset} ${position.lastEpoch}`;
      if (session.told.get(position.key) === telling) return false;
      session.told.set(position.key, telling);
      return true;
    }).map(({ position, place }) => ({
      topic: place.topic,
      topicId: place.topicId,
      partitions: [{
        partition: place.partition,
        currentLeaderEpoch: place.leaderEpoch,
        fetchOffset: BigInt(position.offset),
        lastFetchedEpoch: position.lastEpoch,
        partitionMaxBytes: 1 << 18,
      }],
    }));
    const gone = [...session.told.keys()].filter((key) => !wanted.some(({ position }) => position.key === key));
    for (const key of gone) session.told.delete(key);
    const body = {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: 1 << 20,
      sessionId: this.#plan.sessions ? session.id : 0,
      sessionEpoch: this.#plan.sessions ? session.epoch : -1,
      topics,
      forgottenTopicsData: gone.flatMap((key) => {
        const place = this.#client.places.get(key);
        if (place === undefined) return [];
        return [{ topic: place.topic, topicId: place.topicId, partitions: [place.partition] }];
      }),
    };
    const { world, history } = this.#scene;
    this.#busy.add(leader);
    const pending = history.invoke(this.#process, { f: "poll" }, world.now());
    const asked = new Map(wanted.map(({ place, position }): [string, Asked] => [
      position.key,
      { offset: position.offset, leaderEpoch: place.leaderEpoch },
    ]));
    const version = this.#plan.byId ? VERSION_BY_ID : VERSION_BY_NAME;
    this.#client.call(leader, fetch, version, body, MAX_WAIT_MS + REQUEST_TIMEOUT_MS, (result) => {
      this.#busy.delete(leader);
      if (result.ok && result.body.errorCode === 0) return this.#took(leader, result.body, asked, pending);
      pending.fail(world.now());
      this.#sessions.delete(leader);
      this.#scene.count(`fetch ${result.ok ? errorName(result.body.errorCode) : result.why}`);
      this.#client.refresh();
    });
  }

  #session(leader: number): Session {
    let session = this.#sessions.get(leader);
    if (session === undefined) this.#sessions.set(leader, session = { id: 0, epoch: 0, told: new Map() });
    return session;
  }

  #took(leader: number, body: FetchBody, asked: ReadonlyMap<string, Asked>, pending: Pending): void {
    if (this.#plan.sessions) {
      const session = this.#session(leader);
      if (session.epoch === 0) session.id = body.sessionId;
      if (session.id === 0) session.told.clear();
      else session.epoch++;
    }
    const reads: Record<string, Read> = {};
    const rebalanced: string[] = [];
    for (const { topic, topicId, partitions } of body.responses) {
      for (const partition of partitions) {
        const key = this.#keyOf(topic, topicId, partition.partitionIndex);
        const position = key === undefined ? undefined : this.#positions.get(key);
        const question = position && asked.get(position.key);
        // Another leader may have answered the same question meanwhile.
        if (position === undefined || question === undefined || question.offset !== position.offset) continue;
        const read = this.#read(position, partition, question.leaderEpoch);
        if (read.length === 0) continue;
        reads[position.key] = read;
        if (position.hasJumped) rebalanced.push(position.key);
        position.hasJumped = false;
      }
    }
    pending.ok(this.#scene.world.now(), { reads, rebalanced });
  }

  #keyOf(topic: string, topicId: string, partition: number): string | undefined {
    if (!this.#plan.byId) return `${topic}-${partition}`;
    for (const [key, place] of this.#client.places) {
      if (place.topicId === topicId && place.partition === partition) return key;
    }
    return undefined;
  }

  #read(position: Position, partition: PartitionBody, leaderEpoch: number): Read {
    const { key } = position;
    const error = errorName(partition.errorCode);
    if (error !== "NONE") {
      this.#scene.count(`fetch ${error}`);
      if (!EXPECTED.has(error)) {
        this.#scene.problem(`a Fetch of ${key} was answered ${error}, which ends real consumers`);
      }
      this.#client.hint(key, partition.currentLeader.leaderId, partition.currentLeader.leaderEpoch);
      this.#client.refresh();
      for (const session of this.#sessions.values()) session.told.delete(key);
      if (error === "OFFSET_OUT_OF_RANGE") {
        if (!this.#plan.isDurable(key) || position.offset < (this.#scene.trimmed.get(key) ?? 0)) {
          position.offset = position.lastEpoch = -1;
          position.hasJumped = true;
        } else {
          this.#scene.problem(`${key} ends before ${position.offset}, which process ${this.#process} has read up to`);
        }
      }
      return [];
    }
    const { epoch, endOffset } = partition.divergingEpoch;
    if (endOffset >= 0n) {
      if (!this.#plan.isDurable(key)) position.offset = Number(endOffset);
      else {
        this.#scene.problem(
          `${key} has parted from what process ${this.#process} has read up to ${position.offset} ` +
            `(epoch ${position.lastEpoch}): epoch ${epoch} ends at ${endOffset} in leader epoch ${leaderEpoch}`,
        );
      }
      return [];
    }
    position.highWatermark = Math.max(position.highWatermark, Number(partition.highWatermark));
    return this.#decode(position, partition.records ?? new Uint8Array(0));
  }

  #decode(position: Position, bytes: Uint8Array): Read {
    const read: [number, number][] = [];
    for (const { at } of batches(bytes)) {
      if (!crcMatches(bytes, at)) {
        this.#scene.problem(`${position.key} was served with rotten records at ${position.offset}`);
      }
      const { partitionLeaderEpoch, baseOffset, lastOffsetDelta } = readBatchHeader(bytes, at);
      for (const { offset, value, timestamp } of recordsOf(bytes, at)) {
        // A record that deletes a key has no value; whoever wrote it has given it its number as a timestamp.
        const number = value === null ? timestamp : Number.parseInt(text.decode(value), 10);
        if (offset >= position.offset) read.push([offset, number]);
      }
      position.offset = Math.max(position.offset, baseOffset + lastOffsetDelta + 1);
      position.lastEpoch = partitionLeaderEpoch;
    }
    this.#scene.count("records read", read.length);
    return read;
  }
}
