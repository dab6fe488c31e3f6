/**
 * Fetches: one at a time from each broker, for all partitions that are read from it and have room.
 *
 *     positions ─▶ by leader, or follower ─▶ request, by session ─▶ answer (see `fetch_answers.ts`)
 *
 * Invariants: one fetch is under way at each broker; what lies here and is not handed out does not grow beyond what was allowed.
 *
 * @module
 */
import { fetch as table } from "../../protocol/tables/produce_fetch.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { call } from "./calls.ts";
import { takeAnswer } from "./fetch_answers.ts";
import { FetchSession, type FetchWanted, hasIds } from "./fetch_session.ts";
import { type KnownNode, wantMetadata } from "./metadata.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";

/** From here on topics have ids instead of names. */
const NAMES_MAX = 12;
const READ_COMMITTED = 1;
/** How much longer than it may wait a broker can take for an answer, before others are asked whether it leads still. */
const LATE_MS = 2_000;
/** How long a broker may wait for records while others of its partitions lie here and will soon be asked for again. */
const SHORT_WAIT_MS = 20;

/** How one broker is to be asked. */
interface Terms {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/** Asks for records wherever there is room for them; returns when to look again. */
export function lookForFetches(consumer: Consumer, nowMs: number): number {
  const { config, fetches, metadata } = consumer;
  let dueMs = Infinity;
  let roomBytes = config.bufferBytes;
  // What is paused may lie for ever: if it took room, the others would never be read.
  for (const { buffer, isPaused } of consumer.partitions.values()) if (!isPaused) roomBytes -= buffer.sizeBytes;
  const byNode = new Map<number, FetchWanted[]>();
  const full = new Set<number>();
  for (const partition of consumer.partitions.values()) {
    if (!isReadable(partition)) continue;
    if (nowMs < partition.retryAtMs) {
      dueMs = Math.min(dueMs, partition.retryAtMs);
      continue;
    }
    const place = placeOf(consumer, partition, nowMs);
    if (place === undefined) {
      wantMetadata(consumer);
      continue;
    }
    const hasRoom = roomBytes > 0 &&
      (partition.buffer.isEmpty || partition.buffer.sizeBytes < config.maxPartitionFetchBytes);
    if (!hasRoom) full.add(place.node);
    else if (byNode.has(place.node)) byNode.get(place.node)!.push(place.wanted);
    else byNode.set(place.node, [place.wanted]);
  }
  // All of them may answer at once. A batch that is larger than that comes nevertheless.
  const shareBytes = Math.max(config.maxPartitionFetchBytes, Math.floor(roomBytes / Math.max(1, byNode.size)));
  const maxBytes = Math.min(config.fetchMaxBytes, shareBytes);
  for (const [id, wanted] of byNode) {
    const node = metadata.nodes.get(id);
    const maxWaitMs = full.has(id) ? Math.min(SHORT_WAIT_MS, config.fetchMaxWaitMs) : config.fetchMaxWaitMs;
    if (node === undefined) wantMetadata(consumer);
    else dueMs = Math.min(dueMs, fetchFrom(consumer, node, wanted, { maxWaitMs, maxBytes }, nowMs));
  }
  for (const [id, { isAsking }] of fetches) if (!isAsking && !metadata.nodes.has(id)) fetches.delete(id);
  return Math.min(dueMs, lookForLate(consumer, nowMs));
}

/** A broker that does not answer may stand still, and others may lead what it led: they are asked, while it is waited for. */
function lookForLate(consumer: Consumer, nowMs: number): number {
  const { fetches, metadata } = consumer;
  let dueMs = Infinity;
  for (const [id, session] of fetches) {
    if (nowMs < session.lateAtMs) {
      dueMs = Math.min(dueMs, session.lateAtMs);
      continue;
    }
    session.lateAtMs = Infinity;
    const node = metadata.nodes.get(id);
    if (node !== undefined) metadata.silent(node);
    wantMetadata(consumer);
  }
  return dueMs;
}

function isReadable(partition: AssignedPartition): boolean {
  return partition.isUsable && !partition.isPaused && partition.position !== undefined &&
    partition.trouble === undefined;
}

/** Where a partition is read, and what is to be said there. */
function placeOf(
  { metadata, config }: Consumer,
  of: AssignedPartition,
  nowMs: number,
): { readonly node: number; readonly wanted: FetchWanted } | undefined {
  const known = metadata.leaderOf(of.topic, of.partition);
  if (known === undefined || known.leader < 0) return undefined;
  if (of.preferred !== undefined && (of.preferred.untilMs <= nowMs || !metadata.nodes.has(of.preferred.node))) {
    of.preferred = undefined;
  }
  const { offset, leaderEpoch } = of.buffer.end ?? of.position!;
  const wanted: FetchWanted = {
    of,
    version: of.version,
    topicId: metadata.topics.get(of.topic)?.id ?? ZERO_UUID,
    fetchOffset: offset,
    currentLeaderEpoch: known.leaderEpoch,
    lastFetchedEpoch: leaderEpoch,
  };
  return { node: config.clientRack === null ? known.leader : of.preferred?.node ?? known.leader, wanted };
}

/** One fetch from one broker, unless one is under way; returns when to look again. */
function fetchFrom(
  consumer: Consumer,
  node: KnownNode,
  wanted: readonly FetchWanted[],
  { maxWaitMs, maxBytes }: Terms,
  nowMs: number,
): number {
  const { fetches, config, metadata } = consumer;
  let session = fetches.get(node.id);
  if (session === undefined) fetches.set(node.id, session = new FetchSession());
  if (session.isAsking) return Infinity;
  if (nowMs < session.retryAtMs) return session.retryAtMs;
  const { sessionId, sessionEpoch, named, forgotten } = session.plan(wanted);
  session.isAsking = true;
  const answering = session;
  session.lateAtMs = nowMs + maxWaitMs + LATE_MS;
  call(consumer, {
    to: node,
    lane: "fetch",
    api: table,
    maxVersion: hasIds(wanted) && hasIds(forgotten) ? Infinity : NAMES_MAX,
    body: (version) => ({
      maxWaitMs,
      minBytes: config.fetchMinBytes,
      maxBytes,
      isolationLevel: config.isolationLevel === "read_committed" ? READ_COMMITTED : 0,
      sessionId,
      sessionEpoch,
      topics: byTopic(named).map(({ topic, topicId, of }) => ({
        topic,
        topicId,
        partitions: of.map((one) => ({
          partition: one.of.partition,
          currentLeaderEpoch: one.currentLeaderEpoch,
          fetchOffset: BigInt(one.fetchOffset),
          ...(version >= NAMES_MAX ? { lastFetchedEpoch: one.lastFetchedEpoch } : {}),
          partitionMaxBytes: config.maxPartitionFetchBytes,
        })),
      })),
      forgottenTopicsData: byTopic(forgotten).map(({ topic, topicId, of }) => (
        { topic, topicId, partitions: of.map((one) => one.of.partition) }
      )),
      rackId: config.clientRack ?? "",
    }),
    timeoutMs: config.requestTimeoutMs + maxWaitMs,
    then(result) {
      answering.isAsking = false;
      answering.lateAtMs = Infinity;
      if (result.ok) metadata.heard(node);
      if (result.ok) return takeAnswer(consumer, node, answering, wanted, result.body);
      answering.reset();
      answering.retryAtMs = consumer.now() + consumer.backoffMs(answering.attempts++);
      if (result.why === "unsupported") consumer.complaint = outcomeOf("UNSUPPORTED_VERSION", result.message);
      for (const { of } of wanted) if (of.preferred?.node === node.id) of.preferred = undefined;
      wantMetadata(consumer);
    },
  });
  return Infinity;
}

function byTopic(wanted: readonly FetchWanted[]) {
  const topics = new Map<string, { topic: string; topicId: string; of: FetchWanted[] }>();
  for (const one of wanted) {
    const there = topics.get(one.of.topic);
    if (there !== undefined) there.of.push(one);
    else topics.set(one.of.topic, { topic: one.of.topic, topicId: one.topicId, of: [one] });
  }
  return [...topics.values()];
}
