/**
 * Where partitions are read: found by what the group has committed, by time, by the ends of the log.
 *
 *     assigned ──▶ committed? ──yes──▶ position ◀── seek
 *                      └──no──▶ reset policy ──▶ earliest, latest: asked of the leader │ none: trouble
 *                                    ▲ not there any more, or the topic is another one
 *
 * Invariant: an answer counts only for the partition, and the question, that it was asked for.
 *
 * @module
 */
import { type ErrorName, errorName, ERRORS } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { listOffsets } from "../../protocol/tables/produce_fetch.ts";
import type { Asker } from "../actor.ts";
import { call } from "./calls.ts";
import { askCommitted, type Committed, isTransient, lookForQuestions } from "./committed.ts";
import { type KnownNode, wantMetadata } from "./metadata.ts";
import type { Outcome } from "./protocol.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Consumer } from "./state.ts";
import { failed, FINE, keyOf, outcomeOf } from "./values.ts";

/** Kafka's timestamps for the ends of a log. */
export const LATEST = -1;
export const EARLIEST = -2;

/** Somebody wants to know where a partition is read. */
export interface PositionQuestion {
  readonly key: string;
  readonly asker: Asker<Outcome & { readonly offset: number }>;
  readonly dueMs: number;
}

/** Finds positions that are not known; returns when to look again. */
export function lookForPositions(consumer: Consumer, nowMs: number): number {
  let dueMs = Infinity;
  const committed: AssignedPartition[] = [];
  const byLeader = new Map<number, AssignedPartition[]>();
  for (const partition of consumer.partitions.values()) {
    if (partition.need === undefined || partition.isAsking || partition.isLeaving) continue;
    if (nowMs < partition.retryAtMs) {
      dueMs = Math.min(dueMs, partition.retryAtMs);
      continue;
    }
    if (partition.need.by === "committed") {
      if (consumer.config.groupId === null) reset(consumer, partition);
      else committed.push(partition);
    }
    if (partition.need?.by !== "timestamp") continue;
    const leader = consumer.metadata.leaderOf(partition.topic, partition.partition)?.leader ?? -1;
    if (!consumer.metadata.nodes.has(leader)) wantMetadata(consumer);
    else byLeader.set(leader, [...byLeader.get(leader) ?? [], partition]);
  }
  if (committed.length > 0 && consumer.coordinator.node !== undefined) findCommitted(consumer, committed);
  for (const [leader, partitions] of byLeader) findByTime(consumer, consumer.metadata.nodes.get(leader)!, partitions);
  return Math.min(dueMs, lookForQuestions(consumer, nowMs));
}

/** There is no such offset, or none is committed: the policy says where to go on. */
export function resetPosition(consumer: Consumer, partition: AssignedPartition, error: ErrorName, why: string): void {
  const { autoOffsetReset } = consumer.config;
  if (autoOffsetReset !== "none") {
    return partition.goBack({ by: "timestamp", timestamp: autoOffsetReset === "latest" ? LATEST : EARLIEST });
  }
  partition.stop(failed(error, why));
}

function reset(consumer: Consumer, partition: AssignedPartition): void {
  const why = `${partition.key}: no offset is committed, and autoOffsetReset is none: seek first.`;
  resetPosition(consumer, partition, "OFFSET_OUT_OF_RANGE", why);
}

/** Asks the group for what is committed of these. */
function findCommitted(consumer: Consumer, partitions: readonly AssignedPartition[]): void {
  const asked = partitions.map((partition) => ({ partition, version: partition.version }));
  for (const { partition } of asked) partition.isAsking = true;
  askCommitted(consumer, partitions, (groupError, offsets) => {
    for (const { partition, version } of asked) {
      if (consumer.partitions.get(partition.key) !== partition || partition.version !== version) continue;
      partition.isAsking = false;
      takeCommitted(consumer, partition, groupError, offsets.get(partition.key));
    }
  });
}

function takeCommitted(
  consumer: Consumer,
  partition: AssignedPartition,
  groupError: ErrorName,
  found: Committed | undefined,
): void {
  // Of what is not spoken of nothing is known: that is not the same as nothing being committed.
  const error = groupError === "NONE" ? found?.error ?? "NETWORK_EXCEPTION" : groupError;
  if (error !== "NONE") {
    partition.putOff(consumer.now(), consumer.backoffMs(partition.attempts));
    if (!isTransient(error)) partition.trouble = outcomeOf(error);
    return;
  }
  const { offset, leaderEpoch } = found!;
  partition.committed = offset; // -1: what was is not any more
  if (offset < 0) return reset(consumer, partition);
  partition.moveTo({ offset, leaderEpoch });
}

/** Asks one leader for offsets by time. */
function findByTime(consumer: Consumer, node: KnownNode, partitions: readonly AssignedPartition[]): void {
  const { config, metadata } = consumer;
  const asked = partitions.map((partition) => ({ partition, version: partition.version, need: partition.need }));
  for (const { partition } of asked) partition.isAsking = true;
  const topics = new Map<string, { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }[]>();
  for (const { topic, partition, need } of partitions) {
    const timestamp = BigInt(need?.by === "timestamp" ? need.timestamp : LATEST);
    const currentLeaderEpoch = metadata.leaderOf(topic, partition)?.leaderEpoch ?? -1;
    topics.set(topic, [...topics.get(topic) ?? [], { partitionIndex: partition, currentLeaderEpoch, timestamp }]);
  }
  call(consumer, {
    to: node,
    lane: "control",
    api: listOffsets,
    body: () => ({
      replicaId: -1,
      isolationLevel: config.isolationLevel === "read_committed" ? 1 : 0,
      topics: [...topics].map(([name, partitions]) => ({ name, partitions })),
    }),
    timeoutMs: config.requestTimeoutMs,
    then(result) {
      if (!result.ok) wantMetadata(consumer);
      const answers = new Map(
        (result.ok ? result.body.topics : []).flatMap(({ name, partitions }) =>
          partitions.map((answer) => [keyOf({ topic: name, partition: answer.partitionIndex }), answer] as const)
        ),
      );
      for (const { partition, version } of asked) {
        if (consumer.partitions.get(partition.key) !== partition || partition.version !== version) continue;
        partition.isAsking = false;
        takeByTime(consumer, partition, answers.get(partition.key));
      }
    },
  });
}

type ByTime = Response<typeof listOffsets>["topics"][number]["partitions"][number];

function takeByTime(consumer: Consumer, partition: AssignedPartition, answer: ByTime | undefined): void {
  const { need } = partition;
  const error = answer === undefined ? "NETWORK_EXCEPTION" : errorName(answer.errorCode);
  if (error === "NONE") {
    const { offset, leaderEpoch } = answer!;
    if (offset >= 0n) return partition.moveTo({ offset: Number(offset), leaderEpoch });
    const isTime = need?.by === "timestamp" && need.timestamp >= 0;
    if (isTime) return partition.lookFor({ by: "timestamp", timestamp: LATEST }); // nothing is as new as that: the end it is
  }
  partition.putOff(consumer.now(), consumer.backoffMs(partition.attempts));
  if (error === "NONE" || ERRORS[error].retriable) return wantMetadata(consumer);
  partition.trouble = outcomeOf(error);
}

/** Answers those who wait for a position that is known by now, never will be, or is not in time; returns when to look again. */
export function answerPositions(consumer: Consumer, nowMs: number): number {
  const { wanting, partitions, out } = consumer;
  for (let at = wanting.length - 1; at >= 0; at--) {
    const { key, asker, dueMs } = wanting[at]!;
    const partition = partitions.get(key);
    const problem = partition === undefined
      ? notAssigned(key)
      : partition.trouble ?? consumer.failure ?? (nowMs < dueMs ? undefined : notFound(consumer, partition));
    if (problem === undefined && partition?.position === undefined) continue;
    wanting.splice(at, 1);
    out.reply(asker, { ...problem ?? FINE, offset: partition?.position?.offset ?? -1 });
  }
  return Math.min(...wanting.map(({ dueMs }) => dueMs));
}

function notFound({ metadata, unreached }: Consumer, { key, topic, partition }: AssignedPartition): Outcome {
  const leader = metadata.leaderOf(topic, partition)?.leader;
  const isMissing = metadata.version > 0 && leader === undefined;
  const why = isMissing ? "there is no such partition" : leader === -1 ? "it has no leader" : "nobody has said in time";
  return failed("REQUEST_TIMED_OUT", unreached ?? `Where ${key} is read could not be found out: ${why}.`);
}

/** The answer to whoever means a partition that is not here. */
export function notAssigned(key: string): Outcome {
  return failed("UNKNOWN_TOPIC_OR_PARTITION", `${key} is not assigned to this consumer.`);
}
