/**
 * Fetch (key 1), versions 4–17: reads record batches, waiting for them when there are too few.
 *
 * - The first batch is the one that contains the offset asked for, and comes even when it is larger than the limits (KIP-74).
 * - v7 sessions (KIP-227), v9 leader epochs (KIP-320), v10 zstd, v12 divergence and flexible, v13 topic ids (KIP-516), v16
 *   leader hints (KIP-951).
 * - Partitions are read in the order of the request, so that a byte limit cuts off the last, not a random one.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { fetch as table } from "../../../protocol/tables/produce_fetch.ts";
import { brokerInt } from "../broker_configs.ts";
import { type FetchPartition, type FetchPlan, FetchSessions } from "../fetch_sessions.ts";
import { type Gathered, Gathering } from "../gathering.ts";
import type { Exchange } from "../handler.ts";
import { handler } from "../handler.ts";
import { endpointsOf } from "../view.ts";

type Fetch = typeof table;
type TopicResponse = ResponseInput<Fetch>["responses"][number];
type PartitionResponse = TopicResponse["partitions"][number];

const READ_COMMITTED = 1;
/** First version whose client is told who leads instead. */
const HINTS = 16;

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
  const { maxWaitMs, minBytes, isolationLevel } = request;
  const limits = {
    maxWaitMs,
    minBytes,
    maxBytes: Math.min(request.maxBytes, brokerInt(exchange.view, "fetch.max.bytes")),
    isolation: isolationLevel === READ_COMMITTED ? "read_committed" : "read_uncommitted",
  } as const;
  const gathering = new Gathering(plan.partitions, limits, exchange, () => {
    exchange.reply(assemble(request, plan, gathering.partitions, exchange));
  });
  exchange.whenAbandoned(() => gathering.abandon());
  gathering.begin();
});

/** Puts the partitions under their topics; those of a session only where there is something to tell. */
function assemble(
  request: Request<Fetch>,
  { session, sessionId }: FetchPlan,
  partitions: readonly Gathered[],
  { version, view }: Exchange<Fetch>,
): ResponseInput<Fetch> {
  const full = FetchSessions.isFull(request);
  const topics: TopicResponse[] = [];
  const leaders = new Set<number>();
  let current: { topic: string; topicId: string; partitions: PartitionResponse[] } | undefined;
  for (const gathered of partitions) {
    const { request: wanted, reply, bytes } = gathered;
    const news = session?.tell(wanted, {
      error: reply.error !== "NONE",
      records: bytes,
      highWatermark: reply.highWatermark,
      logStartOffset: reply.logStartOffset,
      diverging: reply.divergingEpoch !== null,
    }, full) ?? true;
    if (!news && !full) continue;
    if (current === undefined || current.topic !== wanted.topic || current.topicId !== wanted.topicId) {
      current = { topic: wanted.topic, topicId: wanted.topicId, partitions: [] };
      topics.push(current);
    }
    const hinted = version >= HINTS && isHinted(gathered);
    if (hinted) leaders.add(reply.leader);
    current.partitions.push(respond(gathered, request.isolationLevel, hinted));
  }
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    sessionId,
    responses: topics,
    nodeEndpoints: endpointsOf(view, leaders),
  };
}

/** Whether the client asked the wrong broker, and the right one is known. */
function isHinted({ reply }: Gathered): boolean {
  return (reply.error === "NOT_LEADER_OR_FOLLOWER" || reply.error === "FENCED_LEADER_EPOCH") && reply.leader >= 0;
}

function respond(gathered: Gathered, isolationLevel: number, hinted: boolean): PartitionResponse {
  const { request, reply } = gathered;
  return {
    partitionIndex: request.partition,
    errorCode: errorCode(reply.error),
    highWatermark: BigInt(reply.highWatermark),
    lastStableOffset: BigInt(reply.lastStableOffset),
    logStartOffset: BigInt(reply.logStartOffset),
    abortedTransactions: isolationLevel === READ_COMMITTED
      ? (reply.abortedTransactions ?? []).map(({ producerId, firstOffset }) => ({
        producerId,
        firstOffset: BigInt(firstOffset),
      }))
      : null,
    preferredReadReplica: -1,
    records: gathered.records,
    ...(reply.divergingEpoch === null ? {} : {
      divergingEpoch: { epoch: reply.divergingEpoch.epoch, endOffset: BigInt(reply.divergingEpoch.endOffset) },
    }),
    ...(hinted ? { currentLeader: { leaderId: reply.leader, leaderEpoch: reply.leaderEpoch } } : {}),
  };
}
