/**
 * From appended to durable: writes and flushes, and what they set off.
 *
 *     append ──▶ written ──flush──▶ flushed ──▶ high watermark ──▶ produces answered, fetches released
 *                   │ ▲                │
 *     followers ◀───┘ └── appended meanwhile: the next flush covers all of it (group commit)
 *
 * Invariant: one flush at a time; what a failed write had promised is taken back before anybody hears of it.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import { fail, goOffline, isDiskFull, offlineReason } from "./outage.ts";
import { refusedAppend } from "./refusals.ts";
import { settle } from "./settle.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** The longest that a timer can be set for; what is to happen later than that never does. */
export const TIMER_MAX_MS = 0x7fff_ffff;

/** A producer's batch has been written, or has not. */
export function written(replica: Replica, result: Result<void>, out: ReplicaOutbox): void {
  if (replica.removed || replica.offline !== null) return;
  if (!result.ok) {
    if (isDiskFull(result.error)) return takeBack(replica, result.error, out);
    return fail(replica, "could not append to its log", result.error, out);
  }
  replica.producers.written(replica.log.endOffset);
  settle(replica, out);
  if (!replica.config.flushBeforeAck) flushInTime(replica, out);
}

/** The disk had no room: the batches that the log does not have were never taken. */
function takeBack(replica: Replica, { message }: Error, out: ReplicaOutbox): void {
  const { endOffset } = replica.log;
  replica.endOffset = endOffset;
  replica.producers.rollBack(endOffset);
  for (const waiting of [replica.persisting, replica.committing]) {
    for (const { asker } of waiting.takeAbove(endOffset)) {
      out.reply(asker, refusedAppend(replica, "KAFKA_STORAGE_ERROR", message));
    }
  }
}

/** Makes what was appended durable, unless a flush is on its way: then the next one begins when that one has ended. */
export function flush(replica: Replica, out: ReplicaOutbox): void {
  if (replica.flushing || replica.offline !== null || replica.removed) return;
  replica.flushing = true;
  const { log } = replica;
  out.call("flush", (done: Settle<void>) => log.flush(done), flushed);
}

function flushed(replica: Replica, result: Result<void>, out: ReplicaOutbox): void {
  replica.flushing = false;
  if (replica.removed || replica.offline !== null) return;
  if (!result.ok) return goOffline(replica, offlineReason(replica, "could not flush its log", result.error), out);
  settle(replica, out);
  if (!replica.config.flushBeforeAck) flushInTime(replica, out);
  else if (replica.log.flushedOffset < replica.endOffset) flush(replica, out);
}

/** Without `flush.before.ack`: flushes when `flush.messages` have come together, else `flush.ms` after the first of them. */
export function flushInTime(replica: Replica, out: ReplicaOutbox): void {
  const { flushMessages, flushMs } = replica.config;
  const unflushed = replica.log.endOffset - replica.log.flushedOffset;
  if (unflushed === 0) return;
  if (unflushed >= flushMessages) return flush(replica, out);
  if (replica.flushDue || flushMs > TIMER_MAX_MS) return;
  replica.flushDue = true;
  out.timer("flush", flushMs, "flush", undefined);
}
