/**
 * Append: one batch from a producer on its way into the log.
 *
 *     leader? ─▶ enough in sync? ─▶ well formed? ─▶ its producer's next? ─▶ stamped ─▶ written ─▶ (flushed) ─▶ answered
 *                                                        └─ sent before ─▶ answered when the first one is
 *
 * Invariant: what this turn changes (end offset, producers) and what it asks of the disk happen both or not at all; after a
 * write that fails the replica takes it back or goes offline, so that neither is ever seen alone.
 *
 * @module
 */
import { stampOffset } from "../../protocol/batch.ts";
import { type ProducedRecords, validate, type ValidatedBatch } from "../../protocol/validate.ts";
import { LATER } from "../actor.ts";
import { flush, written } from "./durability.ts";
import { isCutOff } from "./isolation.ts";
import { doing } from "./outage.ts";
import type { AppendReply, AppendRequest, ReplicaConfig } from "./protocol.ts";
import { refusedAppend } from "./refusals.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

type Reply = AppendReply | typeof LATER;

/** Handles `append`. */
export function append(replica: Replica, request: AppendRequest, out: ReplicaOutbox<AppendReply>): Reply {
  const refused = refusal(replica, request, out.monotonic());
  if (refused !== undefined) return refused;
  const { config, producers } = replica;
  const nowMs = out.now();
  const judged = validate(demands(config, request, nowMs));
  if (judged.error !== "NONE") return refusedAppend(replica, judged.error, judged.message, judged.recordErrors);
  const unfit = unfitness(replica, judged);
  if (unfit !== undefined) return unfit;
  const verdict = producers.judge(judged);
  if (verdict.type === "refused") return refusedAppend(replica, verdict.error, verdict.message);
  const isLogAppendTime = config.timestampType === "LogAppendTime";
  if (verdict.type === "duplicate") {
    const { firstOffset, lastOffset, timestamp } = verdict.of;
    return whenSafe(
      replica,
      request.acks,
      lastOffset + 1,
      accepted(replica, firstOffset, isLogAppendTime ? timestamp : -1),
      out,
    );
  }
  const baseOffset = replica.endOffset;
  write(replica, judged, nowMs, out);
  return whenSafe(
    replica,
    request.acks,
    replica.endOffset,
    accepted(replica, baseOffset, isLogAppendTime ? nowMs : -1),
    out,
  );
}

/** What can be refused without a look at the records. */
function refusal(replica: Replica, { acks, fence }: AppendRequest, nowMs: number): AppendReply | undefined {
  const error = replica.refusal(fence?.leaderEpoch ?? -1);
  if (error !== undefined) {
    return refusedAppend(
      replica,
      error,
      error === "KAFKA_STORAGE_ERROR" ? replica.offline ?? replica.abstention : null,
    );
  }
  if (acks !== 0 && acks !== 1 && acks !== -1) {
    return refusedAppend(replica, "INVALID_REQUIRED_ACKS", `acks is ${acks}; it must be 0, 1 or -1 (all).`);
  }
  if (isCutOff(replica, nowMs)) return refusedAppend(replica, "NOT_LEADER_OR_FOLLOWER", null);
  if (fence !== undefined && fence.baseOffset !== replica.endOffset) {
    return refusedAppend(replica, "OFFSET_OUT_OF_RANGE", null);
  }
  if (acks !== -1 || !replica.isUnderMinIsr) return undefined;
  const { role, config } = replica;
  return refusedAppend(
    replica,
    "NOT_ENOUGH_REPLICAS",
    `${role.isr.length} of ${role.replicas.length} replicas are in sync, but min.insync.replicas is ${config.minInsyncReplicas}.`,
  );
}

function demands(config: ReplicaConfig, { records, zstdAllowed, fence }: AppendRequest, now: number): ProducedRecords {
  const { compressionType } = config;
  const level = compressionType === "gzip"
    ? config.gzipLevel
    : compressionType === "lz4"
    ? config.lz4Level
    : compressionType === "zstd"
    ? config.zstdLevel
    : undefined;
  return {
    records,
    now,
    maxMessageBytes: config.maxMessageBytes,
    compacted: config.compact,
    timestampType: config.timestampType,
    // Who writes alone is this broker itself: its clock is ours, and may have been set back since.
    beforeMaxMs: fence === undefined ? config.timestampBeforeMaxMs : Infinity,
    afterMaxMs: fence === undefined ? config.timestampAfterMaxMs : Infinity,
    zstdAllowed,
    compressionType,
    ...(level === undefined ? {} : { compressionLevel: level }),
    maxDecompressedBytes: config.maxDecompressedBytes,
  };
}

/** Batches that are well formed, but not for this log. */
function unfitness(replica: Replica, { batch, isTransactional }: ValidatedBatch): AppendReply | undefined {
  const { segmentBytes } = replica.config.log;
  if (batch.length > segmentBytes) {
    const why = `The batch has ${batch.length} bytes, but a segment of the log takes ${segmentBytes} (segment.bytes).`;
    return refusedAppend(replica, "RECORD_LIST_TOO_LARGE", why);
  }
  if (!isTransactional) return undefined;
  const why = "Transactions are not served: no transaction can be open that this batch belongs to.";
  return refusedAppend(replica, "INVALID_TXN_STATE", why);
}

function write(replica: Replica, judged: ValidatedBatch, nowMs: number, out: ReplicaOutbox): void {
  const { log, producers, endOffset: baseOffset } = replica;
  const { batch, recordCount } = judged;
  stampOffset(batch, 0, baseOffset, replica.role.leaderEpoch);
  producers.append(judged, baseOffset, baseOffset + recordCount - 1);
  replica.endOffset = baseOffset + recordCount;
  const work = () => {
    log.fillWithout(0); // noted when it began to lead, unless the disk was full then
    log.append(batch, nowMs);
  };
  out.call("append", doing(work), written);
  if (replica.config.flushBeforeAck) flush(replica, out);
}

function accepted({ log, role }: Replica, baseOffset: number, logAppendTimeMs: number): AppendReply {
  const { leader, leaderEpoch } = role;
  const { startOffset: logStartOffset } = log;
  return {
    error: "NONE",
    message: null,
    recordErrors: [],
    baseOffset,
    logAppendTimeMs,
    logStartOffset,
    leader,
    leaderEpoch,
  };
}

/** Answers once everything below an offset is as safe as `acks` demands. */
function whenSafe(
  replica: Replica,
  acks: AppendRequest["acks"],
  below: number,
  reply: AppendReply,
  out: ReplicaOutbox<AppendReply>,
): Reply {
  if (acks === 0 || below <= (acks === -1 ? replica.highWatermark : replica.ownEnd)) return reply;
  const waiting = acks === -1 ? replica.committing : replica.persisting;
  waiting.add({ below, sinceMs: out.monotonic(), asker: out.asker(), reply });
  return LATER;
}
