/**
 * Fetch (key 1), versions 4–17: reads record batches, waiting for them when there are too few.
 *
 * - The first batch is the one that contains the offset asked for, and comes even when it is larger than the limits (KIP-74).
 * - v7 sessions (KIP-227), v9 leader epochs (KIP-320), v10 zstd, v12 divergence and flexible, v13 topic ids (KIP-516), v16
 *   leader hints (KIP-951).
 * - A client that says in which rack it is (v11) is sent to a follower there, if one is in sync (KIP-392). Followers serve what
 *   they know to be committed.
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
import type { BrokerView } from "../protocol.ts";
import { endpointsOf, findTopic, newestLeader } from "../view.ts";

type Fetch = typeof table;
type TopicResponse = ResponseInput<Fetch>["responses"][number];
type PartitionResponse = TopicResponse["partitions"][number];
type Leader = ReturnType<typeof newestLeader>;

const READ_COMMITTED = 1;
/** First version whose client can be sent to a follower, and therefore may read from one (KIP-392). */
const FOLLOWERS = 11;
/** First version whose client is told who leads instead. */
const HINTS = 16;

/** Serves Fetch. */
export const fetch = handler(table, 4, 17, (request, exchange) => {
  if (replicaOf(request) >= 0) return exchange.reply(refuseReplica(request));
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
    fromFollowers: exchange.version >= FOLLOWERS,
    rackId: request.rackId,
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
      redirected: reply.preferredReadReplica >= 0,
    }, full) ?? true;
    if (!news && !full) continue;
    if (current === undefined || current.topic !== wanted.topic || current.topicId !== wanted.topicId) {
      current = { topic: wanted.topic, topicId: wanted.topicId, partitions: [] };
      topics.push(current);
    }
    const leader = version >= HINTS ? leaderToTell(gathered, view) : undefined;
    if (leader !== undefined) leaders.add(leader.leaderId);
    current.partitions.push(respond(gathered, request.isolationLevel, leader));
  }
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    sessionId,
    responses: topics,
    nodeEndpoints: endpointsOf(view, leaders),
  };
}

/** Which broker a client should have asked that asked the wrong one, if that is known. */
function leaderToTell({ reply, request }: Gathered, view: BrokerView): Leader | undefined {
  if (reply.error !== "NOT_LEADER_OR_FOLLOWER" && reply.error !== "FENCED_LEADER_EPOCH") return undefined;
  const leader = newestLeader(findTopic(view, request.topic, request.topicId)?.partitions[request.partition], reply);
  return leader.leaderId < 0 ? undefined : leader;
}

/** Replicas do not speak with each other over this port: whoever fetches in the name of one must not (CVE-2018-1288). */
function refuseReplica({ topics }: Request<Fetch>): ResponseInput<Fetch> {
  const nothing = { highWatermark: -1n, lastStableOffset: -1n, logStartOffset: -1n, abortedTransactions: null };
  const refused = { errorCode: errorCode("TOPIC_AUTHORIZATION_FAILED"), ...nothing, records: new Uint8Array(0) };
  const responses = topics.map(({ topic, topicId, partitions }) => (
    { topic, topicId, partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, ...refused })) }
  ));
  return { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses };
}

/** The replica in whose name the request comes: -1 for consumers, below that for tools that only look. */
function replicaOf({ replicaId, replicaState }: Request<Fetch>): number {
  return Math.max(replicaId, replicaState.replicaId);
}

function respond(gathered: Gathered, isolationLevel: number, leader: Leader | undefined): PartitionResponse {
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
    preferredReadReplica: reply.preferredReadReplica,
    records: gathered.records,
    ...(reply.divergingEpoch === null ? {} : {
      divergingEpoch: { epoch: reply.divergingEpoch.epoch, endOffset: BigInt(reply.divergingEpoch.endOffset) },
    }),
    ...(leader === undefined ? {} : { currentLeader: leader }),
  };
}
