/**
 * Fetches: one at a time from each broker, for all partitions that are read from it and have room.
 *
 *     positions ─▶ request, by session ─▶ answer ─▶ buffers │ leaders asked for anew │ sent to a follower │ position to be reset
 *
 * Invariant: an answer counts for a partition only while that is still the one, and at the place, that it was asked for.
 *
 * @module
 */
import { InvalidBatchError } from "../../protocol/batch.ts";
import { errorName } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { fetch as table } from "../../protocol/tables/produce_fetch.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { call } from "./calls.ts";
import { FetchSession, type FetchWanted, hasIds } from "./fetch_session.ts";
import { type KnownNode, wantMetadata } from "./metadata.ts";
import { resetPosition } from "./positions.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";

type Answer = Response<typeof table>;
type PartitionAnswer = Answer["responses"][number]["partitions"][number];

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
      if (result.ok) return take(consumer, node, answering, wanted, result.body);
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

function take(
  consumer: Consumer,
  node: KnownNode,
  session: FetchSession,
  wanted: readonly FetchWanted[],
  body: Answer,
): void {
  const error = errorName(body.errorCode);
  if (error !== "NONE") {
    session.reset();
    const isSession = error.startsWith("FETCH_SESSION") || error === "INVALID_FETCH_SESSION_EPOCH";
    const attempts = session.attempts++;
    if (isSession && attempts === 0) return; // begun anew at once
    session.retryAtMs = consumer.now() + consumer.backoffMs(attempts);
    return wantMetadata(consumer);
  }
  session.answered(body.sessionId);
  const asked = new Map(wanted.map((one) => [one.of.key, one]));
  const ids = new Map(wanted.map((one) => [one.topicId, one.of.topic]));
  const hints = body.nodeEndpoints.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }));
  for (const { topic, topicId, partitions } of body.responses) {
    const name = topic === "" ? ids.get(topicId) : topic;
    for (const answer of partitions) {
      const one = asked.get(`${name}-${answer.partitionIndex}`);
      if (one !== undefined && isCurrent(consumer, one)) takePartition(consumer, node, one, answer, hints);
    }
  }
}

/** Whether the partition is here still, and has not been moved since. */
function isCurrent({ partitions }: Consumer, { of, version, fetchOffset }: FetchWanted): boolean {
  if (partitions.get(of.key) !== of || of.version !== version || !of.isUsable) return false;
  return (of.buffer.end ?? of.position)?.offset === fetchOffset;
}

function takePartition(
  consumer: Consumer,
  node: KnownNode,
  { of, fetchOffset, lastFetchedEpoch, currentLeaderEpoch }: FetchWanted,
  answer: PartitionAnswer,
  hints: readonly KnownNode[],
): void {
  const { config, metadata } = consumer;
  const error = errorName(answer.errorCode);
  const isLeader = metadata.leaderOf(of.topic, of.partition)?.leader === node.id;
  if (error === "OFFSET_OUT_OF_RANGE" && !isLeader) { // a follower may be behind, or ahead with its start
    of.preferred = undefined;
    const resets = of.resets++;
    if (resets > 0) of.putOff(consumer.now(), consumer.backoffMs(resets - 1)); // the leader has sent us there again
    return;
  }
  if (error === "OFFSET_OUT_OF_RANGE") return outOfRange(consumer, of, fetchOffset);
  if (error !== "NONE") {
    of.preferred = undefined;
    of.putOff(consumer.now(), consumer.backoffMs(of.attempts));
    const { leaderId: leader, leaderEpoch } = answer.currentLeader;
    if (metadata.hint(of.topic, of.partition, { leader, leaderEpoch }, hints)) of.retryAtMs = 0;
    else if (error !== "OFFSET_NOT_AVAILABLE") wantMetadata(consumer);
    if (error === "CORRUPT_MESSAGE" || error === "UNKNOWN_SERVER_ERROR" || error === "TOPIC_AUTHORIZATION_FAILED") {
      consumer.complaint = outcomeOf(error, `${of.key} cannot be read at offset ${fetchOffset}: ${error}.`);
    }
    return;
  }
  if (answer.divergingEpoch.endOffset >= 0) return diverged(consumer, of, answer.divergingEpoch);
  if (answer.preferredReadReplica >= 0) {
    const untilMs = consumer.now() + config.metadataMaxAgeMs;
    of.preferred = { node: answer.preferredReadReplica, untilMs };
    if (!metadata.nodes.has(answer.preferredReadReplica)) { // it has come since we were told, and the leader would say so again at once
      of.putOff(consumer.now(), config.retryBackoffMs);
      wantMetadata(consumer);
    }
  }
  if (answer.preferredReadReplica < 0) of.resets = 0;
  const isCommitted = config.isolationLevel === "read_committed";
  const end = isCommitted ? answer.lastStableOffset : answer.highWatermark;
  if (end >= 0n) of.readableEnd = Number(end);
  if (answer.records === null || answer.records.length === 0) {
    of.attempts = 0; // else it is known only when the records have been opened
    return;
  }
  const from = { offset: fetchOffset, leaderEpoch: lastFetchedEpoch < 0 ? currentLeaderEpoch : lastFetchedEpoch };
  try {
    const aborted = isCommitted ? answer.abortedTransactions ?? [] : [];
    const reached = of.buffer.add(answer.records, aborted, from);
    if (reached.offset === fetchOffset) of.putOff(consumer.now(), consumer.backoffMs(of.attempts));
  } catch (damage) {
    if (!(damage instanceof InvalidBatchError)) throw damage;
    corrupt(consumer, of, damage);
  }
}

/** What was fetched cannot be read: it is fetched again, and the application is told. */
export function corrupt(consumer: Consumer, of: AssignedPartition, damage: Error): void {
  of.buffer.clear();
  of.version++;
  of.putOff(consumer.now(), consumer.backoffMs(of.attempts));
  consumer.complaint = outcomeOf("CORRUPT_MESSAGE", `${of.key}: ${damage.message}`);
}

function outOfRange(consumer: Consumer, of: AssignedPartition, offset: number): void {
  if (!of.buffer.isEmpty) return of.putOff(consumer.now(), consumer.config.retryBackoffMs); // what lies here comes first
  const resets = of.resets++;
  resetPosition(consumer, of, "OFFSET_OUT_OF_RANGE", `${of.key}: offset ${offset} is not, or no longer, there.`);
  if (resets > 0) of.putOff(consumer.now(), consumer.backoffMs(resets - 1)); // nor was the one that we were sent to
}

/** The log was cut where we have read: we go back to where it parts from what was read (KIP-320). */
function diverged(
  consumer: Consumer,
  of: AssignedPartition,
  { epoch, endOffset }: PartitionAnswer["divergingEpoch"],
): void {
  const position = of.position!;
  const offset = Number(endOffset);
  if (offset >= position.offset) { // what was handed out stands; what lies here does not, or only its epoch was not right
    const isOfBuffer = of.buffer.end !== undefined && of.buffer.end.offset > position.offset;
    const leaderEpoch = position.leaderEpoch > epoch ? epoch : isOfBuffer ? position.leaderEpoch : -1;
    return of.moveTo({ offset: position.offset, leaderEpoch });
  }
  if (consumer.config.autoOffsetReset === "none") {
    of.lookFor({ by: "committed" });
    of.need = undefined;
    of.trouble = outcomeOf("OFFSET_OUT_OF_RANGE", `${of.key}: the log was cut at ${offset}, behind what was read.`);
    return;
  }
  of.moveTo({ offset, leaderEpoch: epoch });
}
