/**
 * From appended to acknowledged: writes, flushes, and the answers that wait for them.
 *
 *     append ──▶ written ──flush──▶ flushed ──▶ high watermark ──▶ produces answered, fetches released
 *                   ▲                  │
 *                   └── appended meanwhile: the next flush covers all of it (group commit)
 *
 * Invariant: one flush at a time; an answer leaves only when the end that it waits for has passed it.
 *
 * A disk that fails takes the replica offline: after a failed flush nobody knows which bytes the disk has, so neither trying
 * again nor reading on would be honest. Restarting the replica opens the log anew and recovers what is really there. A disk
 * that has no room for a batch refuses that batch only, since the log is then as it was before.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { AppendReply } from "./protocol.ts";
import type { WaitingProduces } from "./purgatory.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** The longest that a timer can be set for; what is to happen later than that never does. */
export const TIMER_MAX_MS = 0x7fff_ffff;

const DONE: Result<void> = { ok: true, value: undefined };

/** Something for the disk to do that brings back nothing: see {@linkcode ReplicaOutbox.call}. */
export function doing(work: () => void): (done: Settle<void>) => void {
  return (done) => {
    work();
    done(DONE);
  };
}

/** The refusal of an append. */
export function refusedAppend(
  { role }: Replica,
  error: Exclude<ErrorName, "NONE">,
  message: string | null,
  recordErrors: AppendReply["recordErrors"] = [],
): AppendReply {
  const { leader, leaderEpoch } = role;
  return { error, message, recordErrors, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, leader, leaderEpoch };
}

/** A batch has been written, or has not. */
export function written(replica: Replica, result: Result<void>, out: ReplicaOutbox): void {
  if (replica.removed || replica.offline !== null) return;
  if (!result.ok) {
    if (isDiskFull(result.error)) return takeBack(replica, result.error, out);
    return fail(replica, "could not append to its log", result.error, out);
  }
  replica.producers.written(replica.log.endOffset);
  if (replica.config.flushBeforeAck) return;
  settle(replica, out);
  flushInTime(replica, out);
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

/** Answers everyone for whom the ends have moved far enough. */
export function settle(replica: Replica, out: ReplicaOutbox): void {
  replica.advanceHighWatermark();
  answer(replica.persisting, replica.ownEnd, out);
  answer(replica.committing, replica.highWatermark, out);
  for (const asker of replica.fetches.release((isolation) => replica.readableEnd(isolation))) out.reply(asker, true);
}

function answer(waiting: WaitingProduces, end: number, out: ReplicaOutbox): void {
  for (let next = waiting.next(end); next !== undefined; next = waiting.next(end)) out.reply(next.asker, next.reply);
}

/** Refuses every produce that waits, and wakes every fetch, so that it learns why. */
export function turnAway(
  replica: Replica,
  error: Exclude<ErrorName, "NONE">,
  message: string | null,
  out: ReplicaOutbox,
): void {
  for (const waiting of [replica.persisting, replica.committing]) {
    for (let next = waiting.next(Infinity); next !== undefined; next = waiting.next(Infinity)) {
      out.reply(next.asker, refusedAppend(replica, error, message));
    }
  }
  wakeFetches(replica, out);
}

/** Tells every waiting fetch that something has changed. */
export function wakeFetches(replica: Replica, out: ReplicaOutbox): void {
  for (const asker of replica.fetches.clear()) out.reply(asker, true);
}

/**
 * The disk has failed: the replica goes offline, and says so. A disk that is merely full has refused what was asked and
 * nothing else: records stay readable, and retention can make room. Any other error is a bug, which crashes the replica.
 *
 * @param what "could not …"
 */
export function fail(replica: Replica, what: string, error: Error, out: ReplicaOutbox): void {
  if (!isOperatingError(error)) throw error;
  if (isDiskFull(error)) return;
  if (!replica.removed && replica.offline === null) goOffline(replica, offlineReason(replica, what, error), out);
}

/** Serves nothing any more, until restarted. */
export function goOffline(replica: Replica, reason: string, out: ReplicaOutbox): void {
  replica.offline = reason;
  report(replica, reason, out);
  turnAway(replica, "KAFKA_STORAGE_ERROR", reason, out);
  out.cancel("tidy");
  out.cancel("flush");
  out.cancel("expire");
}

/** Tells the operator. */
export function report(replica: Replica, sentence: string, out: ReplicaOutbox): void {
  out.call("report", doing(() => replica.host.report?.(sentence)));
}

/** Why a replica is offline, as a sentence. */
export function offlineReason({ name }: Replica, what: string, error: Error): string {
  return `${name} ${what} and is offline until it is restarted: ${error.message}`;
}

/** Known by name, since the classes live on the other side of the log. */
const OPERATING_ERRORS = new Set(["DiskError", "CorruptLogError", "WrongFolderError"]);

/** Whether the disk, or what is on it, is to blame, and not the code. */
export function isOperatingError(error: unknown): error is Error {
  return error instanceof Error && OPERATING_ERRORS.has(error.name);
}

function isDiskFull(error: Error): boolean {
  return error.name === "DiskError" && "code" in error && error.code === "ENOSPC";
}
