/**
 * What comes of a fetch, partition by partition.
 *
 *     answer ─▶ buffers │ leaders asked for anew │ sent to a follower │ position to be reset │ cut back to where the log parts from it
 *
 * Invariant: an answer counts for a partition only while that is still the one, and at the place, that it was asked for.
 *
 * @module
 */
import { ZERO_UUID } from "../../lib/uuid.ts";
import { InvalidBatchError } from "../../protocol/batch.ts";
import { errorName } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import type { fetch } from "../../protocol/tables/produce_fetch.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { FetchSession, FetchWanted } from "./fetch_session.ts";
import { type KnownNode, wantMetadata } from "./metadata.ts";
import { resetPosition } from "./positions.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";

type Answer = Response<typeof fetch>;
type PartitionAnswer = Answer["responses"][number]["partitions"][number];

/** Takes what a broker has answered. */
export function takeAnswer(
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
  { of, topicId, fetchOffset, lastFetchedEpoch, currentLeaderEpoch }: FetchWanted,
  answer: PartitionAnswer,
  hints: readonly KnownNode[],
): void {
  const { config, metadata } = consumer;
  const error = errorName(answer.errorCode);
  const isLeader = metadata.leaderOf(of.topic, of.partition)?.leader === node.id;
  const isOther = of.topicId !== undefined && topicId !== ZERO_UUID && topicId !== of.topicId;
  const isElsewhere = error === "OFFSET_OUT_OF_RANGE" ||
    (error === "NONE" && (isOther || answer.divergingEpoch.endOffset >= 0));
  const isSure = isLeader && (!isOther || metadata.topics.get(of.topic)?.id === topicId);
  if (isElsewhere && !isSure) { // a follower may be behind, or ahead with its start: the leader knows what is cut
    of.preferred = undefined;
    const resets = of.resets++;
    if (resets > 0) of.putOff(consumer.now(), consumer.backoffMs(resets - 1)); // the leader has sent us there again
    return;
  }
  if (isElsewhere && isOther) { // metadata alone would not do: a broker that is cut off tells of the topic of before
    const why = `${of.key}: the topic has been made anew, and autoOffsetReset is none: seek first.`;
    return resetPosition(consumer, of, "OFFSET_OUT_OF_RANGE", why);
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
  of.topicId = topicId === ZERO_UUID ? undefined : topicId;
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
    return of.stop(
      outcomeOf("OFFSET_OUT_OF_RANGE", `${of.key}: the log was cut at ${offset}, behind what was read.`),
      offset,
    );
  }
  of.goBack({ offset, leaderEpoch: epoch }, offset);
}
