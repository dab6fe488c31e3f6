/**
 * Questions about offsets: by time, by leader epoch; and moving the first one up (DeleteRecords).
 *
 * Invariant: no answer names an offset that its asker may not read.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import type { TimestampOffset } from "../../storage/log.ts";
import type { Asker } from "../actor.ts";
import { LATER } from "../actor.ts";
import { doing, fail } from "./outage.ts";
import {
  EARLIEST_LOCAL_TIMESTAMP,
  EARLIEST_PENDING_UPLOAD_TIMESTAMP,
  EARLIEST_TIMESTAMP,
  LATEST_TIERED_TIMESTAMP,
  LATEST_TIMESTAMP,
  MAX_TIMESTAMP,
  type OffsetReply,
  type ReplicaProtocol,
} from "./protocol.ts";
import { releasePulls } from "./pull_answers.ts";
import { settle } from "./settle.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

type ListOffsets = Parameters<ReplicaProtocol["listOffsets"]>[0];
type EpochEnd = ReturnType<ReplicaProtocol["endOffsetForEpoch"]>;
type Deleted = ReturnType<ReplicaProtocol["deleteRecords"]>;

/** Handles `listOffsets`. */
export function listOffsets(
  replica: Replica,
  request: ListOffsets,
  out: ReplicaOutbox<OffsetReply>,
): OffsetReply | typeof LATER {
  const refused = replica.refusal(request.currentLeaderEpoch);
  if (refused !== undefined) return nowhere(refused);
  const { log, role } = replica;
  const { timestamp, isolation } = request;
  const end = replica.readableEnd(isolation);
  switch (timestamp) {
    case LATEST_TIMESTAMP:
      return isBehind(replica) ? nowhere("OFFSET_NOT_AVAILABLE") : at(end, role.leaderEpoch);
    case EARLIEST_TIMESTAMP:
    case EARLIEST_LOCAL_TIMESTAMP:
      return at(log.startOffset, log.epochAt(log.startOffset));
    case LATEST_TIERED_TIMESTAMP:
    case EARLIEST_PENDING_UPLOAD_TIMESTAMP:
      return nowhere("NONE"); // nothing is tiered
  }
  const asker = out.asker();
  out.call(
    "lookup",
    (done: Settle<TimestampOffset | undefined>) => {
      const value = timestamp === MAX_TIMESTAMP
        ? log.offsetOfMaxTimestamp(end)
        : log.offsetForTimestamp(timestamp, end);
      done({ ok: true, value });
    },
    (replica, result, out) => found(replica, asker, result, out),
  );
  return LATER;
}

function found(
  replica: Replica,
  asker: Asker<OffsetReply>,
  result: Result<TimestampOffset | undefined>,
  out: ReplicaOutbox,
): void {
  if (!result.ok) {
    fail(replica, "could not read its log", result.error, out);
    return out.reply(asker, nowhere("KAFKA_STORAGE_ERROR"));
  }
  if (result.value !== undefined) return out.reply(asker, { error: "NONE", ...result.value });
  out.reply(asker, nowhere(isBehind(replica) ? "OFFSET_NOT_AVAILABLE" : "NONE"));
}

/**
 * Whether the high watermark is below where this leader's epoch began. Then records may have been readable under the last
 * leader that are not yet under this one, and a "latest" offset could go backwards (KIP-207).
 */
function isBehind({ highWatermark, leaderEpochStart }: Replica): boolean {
  return highWatermark < leaderEpochStart;
}

function at(offset: number, leaderEpoch: number): OffsetReply {
  return { error: "NONE", offset, timestamp: -1, leaderEpoch };
}

function nowhere(error: OffsetReply["error"]): OffsetReply {
  return { error, offset: -1, timestamp: -1, leaderEpoch: -1 };
}

/** Handles `endOffsetForEpoch`. */
export function endOffsetForEpoch(
  replica: Replica,
  { epoch, currentLeaderEpoch }: Parameters<ReplicaProtocol["endOffsetForEpoch"]>[0],
): EpochEnd {
  const error = replica.refusal(currentLeaderEpoch);
  if (error !== undefined) return { error, epoch: -1, endOffset: -1 };
  const known = replica.log.endOffsetForEpoch(epoch);
  return known === undefined ? { error: "NONE", epoch: -1, endOffset: -1 } : { error: "NONE", ...known };
}

/**
 * Handles `deleteRecords`. As in Kafka the reply waits until the replicas in sync have deleted them too: then no failure
 * brings them back.
 */
export function deleteRecords(
  replica: Replica,
  { beforeOffset }: { readonly beforeOffset: number },
  out: ReplicaOutbox<Deleted>,
): Deleted | typeof LATER {
  const refused = replica.refusal(-1);
  if (refused !== undefined) return { error: refused, lowWatermark: -1 };
  const { log, highWatermark, config } = replica;
  if (!config.delete) return { error: "POLICY_VIOLATION", lowWatermark: -1 };
  const start = beforeOffset === -1 ? highWatermark : beforeOffset;
  if (start < 0 || start > highWatermark) return { error: "OFFSET_OUT_OF_RANGE", lowWatermark: -1 };
  const asker = out.asker();
  out.call("advance start", doing(() => log.advanceStart(start)), (replica, result, out) => {
    if (!result.ok) {
      fail(replica, "could not delete records of its log", result.error, out);
      return out.reply(asker, { error: "KAFKA_STORAGE_ERROR", lowWatermark: -1 });
    }
    const { leadership } = replica;
    if (leadership === null) return out.reply(asker, { error: replica.refusal(-1) ?? "NONE", lowWatermark: -1 });
    leadership.deletions.push({ offset: start, asker });
    settle(replica, out);
    releasePulls(replica, out); // so that the followers hear of it
  });
  return LATER;
}
