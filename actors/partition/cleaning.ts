/**
 * When a replica has its log cleaned.
 *
 *     resting ──backoff over──▶ another replica of this broker cleans? ──no──▶ enough to do? ──yes──▶ step, step, step … ──▶ resting
 *                                     └──yes: asks again soon                     └──no──▶ resting
 *
 * A step is short, and what has come meanwhile is handled before the next. Each replica cleans its own log, whether it leads or
 * follows. A leader tells its followers how far all replicas have come: below that tombstones may go. So who is behind hears of every
 * deletion. One that is away is not waited for without end, or tombstones would fill the logs of the others; when it is back, it may have
 * to begin anew, since a leader tells also below which offset it has no tombstones any more: what others have from before may be what
 * these took back.
 *
 * Invariant: one replica of a broker cleans at a time, or those with much to do would stop all others.
 *
 * @module
 */
import type { Settle } from "../../lib/env.ts";
import type { BatchHeader } from "../../protocol/batch.ts";
import type { Cleaning, CleaningReport } from "../../storage/log.ts";
import { flush, TIMER_MAX_MS } from "./durability.ts";
import { fail, isDiskFull, isOperatingError, report } from "./outage.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** What a step reads and writes, about: some milliseconds, during which nobody else is served. */
const STEP_BYTES = 256 * 1024;
/** A cleaning that went wrong is tried again after so many times the back-off. */
const FAILED_BACKOFFS = 10;
/** How long it is waited for another replica's cleaning, at most. */
const WAIT_MAX_MS = 1_000;

/** Whose turn it is to clean, among the replicas of a broker. */
export class CleanerTurn {
  #holder: Replica | undefined;

  /** Takes the turn, unless another has it. */
  take(replica: Replica): boolean {
    this.#holder ??= replica;
    return this.#holder === replica;
  }

  /** Gives it back; does nothing for one that has not got it. */
  give(replica: Replica): void {
    if (this.#holder === replica) this.#holder = undefined;
  }
}

/** Handles `clean`: goes on with the cleaning that is under way, or looks whether one is worth beginning. */
export function clean(replica: Replica, out: ReplicaOutbox): void {
  const { cleaning, turn, config } = replica;
  if (replica.offline !== null || replica.removed) return turn.give(replica);
  if (cleaning !== null) return goOn(cleaning, out);
  if (!config.compact || config.compaction === undefined) return turn.give(replica);
  if (turn.take(replica)) begin(replica, config.compaction, out);
  else rest(config.compaction.backoffMs, out, WAIT_MAX_MS);
}

/** Sees to it that the log is looked at in time, where the topic is compacted; else a cleaning that is under way comes to its end. */
export function setClean({ config, cleaning }: Replica, out: ReplicaOutbox): void {
  if (cleaning !== null) return;
  if (config.compact && config.compaction !== undefined) rest(config.compaction.backoffMs, out);
  else out.cancel("clean");
}

function begin(
  replica: Replica,
  { deleteRetentionMs, minLagMs, maxLagMs, minDirtyRatio, mapBytesMax }: NonNullable<Replica["config"]["compaction"]>,
  out: ReplicaOutbox,
): void {
  const { log, lastStableOffset: untilOffset, producers, config } = replica;
  // Only what is durable is cleaned, and here nobody else sees to it that it is: the next time there is more.
  if (!config.flushBeforeAck && log.flushedOffset < untilOffset) flush(replica, out);
  const monotonicMs = out.monotonic();
  const tombstonesUntil = () => replica.heldByAll(monotonicMs);
  const mustKeep = (header: BatchHeader) => producers.isLast(header, untilOffset);
  const nowMs = out.now();
  const limits = { deleteRetentionMs, minLagMs, maxLagMs, minDirtyRatio, mapBytesMax };
  const request = { ...limits, untilOffset, nowMs, tombstonesUntil, mustKeep };
  out.call(
    "begin to clean",
    (done: Settle<Cleaning | undefined>) => done({ ok: true, value: log.beginCleaning(request) }),
    (replica, result, out) => {
      if (!result.ok) return failed(replica, result.error, out);
      if (result.value === undefined) return over(replica, out);
      replica.cleaning = result.value;
      goOn(result.value, out);
    },
  );
}

function goOn(cleaning: Cleaning, out: ReplicaOutbox): void {
  out.call(
    "clean",
    (done: Settle<CleaningReport | undefined>) => {
      const value = cleaning.step(STEP_BYTES);
      if (value !== undefined) done({ ok: true, value });
      else cleaning.ready(() => done({ ok: true, value }));
    },
    (replica, result, out) => {
      if (replica.cleaning !== cleaning) return; // it has ended with the log, or another has begun
      if (!result.ok) failed(replica, result.error, out);
      else if (result.value === undefined) out.timer("clean", 0, "clean", undefined);
      else over(replica, out);
    },
  );
}

function over(replica: Replica, out: ReplicaOutbox): void {
  replica.cleaning = null;
  replica.turn.give(replica);
  setClean(replica, out);
}

/** Rot is what its readers find too, and room may come: neither is a reason to stop serving. A disk that fails is. */
function failed(replica: Replica, error: Error, out: ReplicaOutbox): void {
  replica.cleaning = null;
  replica.turn.give(replica);
  const { name, config: { compaction } } = replica;
  if (!isOperatingError(error)) throw error;
  if (!isDiskFull(error) && error.name !== "CorruptLogError") {
    return fail(replica, "could not clean its log", error, out);
  }
  report(replica, `${name} could not clean its log, and will try again. ${error.message}`, out);
  if (compaction !== undefined) rest(FAILED_BACKOFFS * compaction.backoffMs, out);
}

function rest(delayMs: number, out: ReplicaOutbox, atMostMs = TIMER_MAX_MS): void {
  out.timer("clean", Math.max(1, Math.min(delayMs, atMostMs, TIMER_MAX_MS)), "clean", undefined);
}
