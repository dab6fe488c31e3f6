/**
 * Fetch (key 1), versions 4–17: reads record batches, waiting for them when there are too few.
 *
 *     read every partition in turn ──enough, an error, or no time left──▶ reply
 *          ▲                   └──too few──▶ wait at the partitions ──one has more──┐
 *          └──────────────────────────── read that one again ◀─────────────────────┘
 *
 * - The first batch is the one that contains the offset asked for, and comes even when it is larger than the limits (KIP-74).
 * - v7 sessions (KIP-227), v9 leader epochs (KIP-320), v10 zstd, v12 divergence and flexible, v13 topic ids (KIP-516).
 * - Partitions are read in the order of the request, so that a byte limit cuts off the last, not a random one.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { fetch as table } from "../../../protocol/tables/produce_fetch.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import { toOffset } from "../offsets.ts";
import type { Answer } from "../../actor.ts";
import type { FetchReply } from "../../partition/protocol.ts";
import { type FetchPartition, type FetchPlan, FetchSessions } from "../fetch_sessions.ts";
import type { Exchange } from "../handler.ts";
import { handler } from "../handler.ts";
import { findTopic, type LedPartition, ledPartition } from "../view.ts";
import { brokerInt } from "../broker_configs.ts";

type Fetch = typeof table;
type TopicResponse = ResponseInput<Fetch>["responses"][number];
type PartitionResponse = TopicResponse["partitions"][number];

const EMPTY = new Uint8Array(0);
const NOTHING: Omit<FetchReply, "error"> = {
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  records: EMPTY,
  abortedTransactions: null,
  divergingEpoch: null,
  leader: -1,
  leaderEpoch: -1,
};

/** Serves Fetch. */
export const fetch = handler(table, 4, 17, (request, exchange) => {
  const wanted = request.topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition): FetchPartition => ({ ...partition, topic, topicId }))
  );
  const forgotten = request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic, topicId, partition }))
  );
  const plan = exchange.sessions.plan(request, wanted, forgotten, () => exchange.random());
  if ("error" in plan) {
    return exchange.reply({ errorCode: errorCode(plan.error), sessionId: 0, responses: [], throttleTimeMs: 0 });
  }
  new Fetching(request, plan, exchange).begin();
});

/** One fetch on its way to its reply. */
class Fetching {
  readonly #request: Request<Fetch>;
  readonly #plan: FetchPlan;
  readonly #exchange: Exchange<Fetch>;
  readonly #led: LedPartition[];
  readonly #replies: FetchReply[];
  readonly #deadlineMs: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #answered = false;

  constructor(request: Request<Fetch>, plan: FetchPlan, exchange: Exchange<Fetch>) {
    this.#request = request;
    this.#plan = plan;
    this.#exchange = exchange;
    this.#led = plan.partitions.map((partition) => locate(partition, exchange));
    this.#replies = new Array(plan.partitions.length);
    this.#deadlineMs = exchange.monotonic() + Math.max(0, request.maxWaitMs);
    this.#maxBytes = Math.min(request.maxBytes, brokerInt(exchange.view, "fetch.max.bytes"));
  }

  begin(): void {
    this.#readFrom(0);
  }

  /** Reads partition `index` and those after it, then replies or waits. */
  #readFrom(index: number): void {
    for (let at = index; at < this.#led.length; at++) {
      const led = this.#led[at]!;
      if (led.error !== "NONE") {
        this.#replies[at] = { error: led.error, ...NOTHING };
        continue;
      }
      return this.#read(at, () => this.#readFrom(at + 1));
    }
    this.#replyOrWait();
  }

  #read(index: number, then: () => void): void {
    const led = this.#led[index]!;
    if (led.error !== "NONE") return then();
    const { fetchOffset, partitionMaxBytes, currentLeaderEpoch, lastFetchedEpoch } = this.#plan.partitions[index]!;
    const budget = Math.max(0, this.#maxBytes - this.#bytes);
    const message = {
      offset: toOffset(fetchOffset),
      maxBytes: Math.max(0, Math.min(partitionMaxBytes, budget)),
      minOneBatch: this.#bytes === 0,
      currentLeaderEpoch,
      lastFetchedEpoch,
      isolation: this.#isolation(),
    };
    this.#exchange.ask(led.replica, "fetch", message, (answer) => {
      const reply = replyOf(answer);
      this.#bytes += reply.records.length - (this.#replies[index]?.records.length ?? 0);
      this.#replies[index] = reply;
      then();
    });
  }

  #isolation(): "read_committed" | "read_uncommitted" {
    return this.#request.isolationLevel === 1 ? "read_committed" : "read_uncommitted";
  }

  #replyOrWait(): void {
    const failed = this.#replies.some((reply) => reply.error !== "NONE" || reply.divergingEpoch !== null);
    const enough = this.#bytes >= this.#request.minBytes;
    if (failed || enough || this.#replies.length === 0 || this.#exchange.monotonic() >= this.#deadlineMs) {
      return this.#reply();
    }
    this.#replies.forEach((_, index) => this.#wait(index));
  }

  /** Waits for more in one partition; the first to have more is read again, the first to be out of time ends the fetch. */
  #wait(index: number): void {
    const led = this.#led[index]!;
    const reply = this.#replies[index]!;
    if (led.error !== "NONE") return;
    const isolation = this.#isolation();
    const above = isolation === "read_committed" ? reply.lastStableOffset : reply.highWatermark;
    const wait = { key: this.#exchange.connection, above, isolation, deadlineMs: this.#deadlineMs };
    const patienceMs = this.#deadlineMs - this.#exchange.monotonic() + 5_000;
    this.#exchange.ask(led.replica, "awaitData", wait, (answer) => {
      if (this.#answered) return;
      if (!answer.ok) {
        this.#replies[index] = replyOf(answer);
        this.#reply();
      } else if (!answer.value) {
        if (this.#exchange.monotonic() >= this.#deadlineMs) this.#reply();
      } else this.#read(index, () => this.#answered || this.#replyOrWaitAt(index));
    }, patienceMs);
  }

  #replyOrWaitAt(index: number): void {
    const reply = this.#replies[index]!;
    const done = reply.error !== "NONE" || reply.divergingEpoch !== null || this.#bytes >= this.#request.minBytes ||
      this.#exchange.monotonic() >= this.#deadlineMs;
    if (done) this.#reply();
    else this.#wait(index);
  }

  #reply(): void {
    this.#answered = true;
    const { session, sessionId, partitions } = this.#plan;
    const full = FetchSessions.isFull(this.#request);
    const topics: TopicResponse[] = [];
    let current: { topic: string; topicId: string; partitions: PartitionResponse[] } | undefined;
    partitions.forEach((request, index) => {
      const reply = this.#replies[index]!;
      const news = session?.tell(request, {
        error: reply.error !== "NONE",
        records: reply.records.length,
        highWatermark: reply.highWatermark,
        logStartOffset: reply.logStartOffset,
        diverging: reply.divergingEpoch !== null,
      }, full) ?? true;
      if (!news && !full) return;
      if (current === undefined || current.topic !== request.topic || current.topicId !== request.topicId) {
        current = { topic: request.topic, topicId: request.topicId, partitions: [] };
        topics.push(current);
      }
      current.partitions.push(this.#response(request.partition, reply));
    });
    const hinted = this.#replies.some((reply) => reply.error === "NOT_LEADER_OR_FOLLOWER");
    this.#exchange.reply({
      throttleTimeMs: 0,
      errorCode: 0,
      sessionId,
      responses: topics,
      nodeEndpoints: hinted
        ? [...this.#exchange.view.image.brokers.values()].map(({ id, endpoint, rack }) => ({
          nodeId: id,
          ...endpoint,
          rack,
        }))
        : [],
    });
  }

  #response(partitionIndex: number, reply: FetchReply): PartitionResponse {
    const led = reply.error === "NOT_LEADER_OR_FOLLOWER" || reply.error === "FENCED_LEADER_EPOCH";
    return {
      partitionIndex,
      errorCode: errorCode(reply.error),
      highWatermark: BigInt(reply.highWatermark),
      lastStableOffset: BigInt(reply.lastStableOffset),
      logStartOffset: BigInt(reply.logStartOffset),
      abortedTransactions: this.#request.isolationLevel === 1
        ? (reply.abortedTransactions ?? []).map(({ producerId, firstOffset }) => ({
          producerId,
          firstOffset: BigInt(firstOffset),
        }))
        : null,
      preferredReadReplica: -1,
      records: reply.records,
      ...(reply.divergingEpoch === null ? {} : {
        divergingEpoch: { epoch: reply.divergingEpoch.epoch, endOffset: BigInt(reply.divergingEpoch.endOffset) },
      }),
      ...(led && this.#exchange.version >= 12
        ? { currentLeader: { leaderId: reply.leader, leaderEpoch: reply.leaderEpoch } }
        : {}),
    };
  }
}

function locate(partition: FetchPartition, exchange: Exchange<Fetch>): LedPartition {
  const topic = findTopic(exchange.view, partition.topic, partition.topicId);
  if (topic === undefined && partition.topicId !== ZERO_UUID) {
    return { error: "UNKNOWN_TOPIC_ID", partition: undefined };
  }
  return ledPartition(exchange.view, topic, partition.partition);
}

function replyOf(answer: Answer<FetchReply>): FetchReply {
  if (answer.ok) return answer.value;
  const error: ErrorName = answer.failure === "unreachable" ? "NOT_LEADER_OR_FOLLOWER" : "KAFKA_STORAGE_ERROR";
  return { error, ...NOTHING };
}
