/**
 * What a replica does now and then: retention, segment rolls, forgetting producers; a changed configuration; its own end.
 *
 * @module
 */
import type { Result } from "../../lib/env.ts";
import { setClean } from "./cleaning.ts";
import { flush, flushInTime, TIMER_MAX_MS } from "./durability.ts";
import { setCheck } from "./isr_change.ts";
import { doing, fail, leaveRole, turnAway } from "./outage.ts";
import type { ReplicaConfig } from "./protocol.ts";
import { refusedAppend } from "./refusals.ts";
import { settle } from "./settle.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** Nobody waits longer for a produce; whoever asked for it has gone long before. */
const PRODUCE_WAIT_MAX_MS = 900_000;

/** Handles `tidy`. Nothing at or above the high watermark is ever deleted. */
export function tidy(replica: Replica, out: ReplicaOutbox): void {
  if (replica.offline !== null || replica.removed) return;
  const { log, highWatermark, config } = replica;
  const nowMs = out.now();
  replica.producers.expire(nowMs, config.producerIdExpirationMs);
  const sinceMs = out.monotonic() - PRODUCE_WAIT_MAX_MS;
  for (let old = replica.committing.nextSince(sinceMs); old; old = replica.committing.nextSince(sinceMs)) {
    out.reply(old.asker, refusedAppend(replica, "REQUEST_TIMED_OUT", null));
  }
  out.call(
    "tidy",
    doing(() => {
      log.rollIfDue(nowMs);
      if (config.delete) log.retain(config.retentionMs, config.retentionBytes, highWatermark, nowMs);
    }),
    tidied,
  );
  setTidy(replica, out);
}

function tidied(replica: Replica, result: Result<void>, out: ReplicaOutbox): void {
  if (!result.ok) fail(replica, "could not tidy its log", result.error, out);
}

/** Sets the timer of the next round. */
export function setTidy({ config }: Replica, out: ReplicaOutbox): void {
  out.timer("tidy", Math.min(config.retentionCheckIntervalMs, TIMER_MAX_MS), "tidy", undefined);
}

/** Handles `configure`. */
export function configure(replica: Replica, config: ReplicaConfig, out: ReplicaOutbox): void {
  replica.lastWord.config = config;
  if (replica.offline !== null || replica.removed) return;
  const { log } = replica;
  out.call("configure", doing(() => log.configure(config.log)), (replica, result, out) => {
    if (!result.ok) fail(replica, "could not follow its configuration", result.error, out);
  });
  tidy(replica, out);
  setClean(replica, out);
  if (config.flushBeforeAck) {
    if (log.flushedOffset < replica.endOffset) flush(replica, out);
  } else {
    if (replica.flushDue) out.cancel("flush");
    replica.flushDue = false;
    flushInTime(replica, out);
  }
  if (replica.leadership !== null) setCheck(replica, out);
  settle(replica, out);
}

/** Handles `remove`: whoever waits is told, then the log is deleted, then the replica stops. */
export function remove(replica: Replica, out: ReplicaOutbox): void {
  if (replica.removed) return;
  replica.removed = true;
  turnAway(replica, "UNKNOWN_TOPIC_OR_PARTITION", null, out);
  leaveRole(replica, out);
  const { logs } = replica.host;
  out.call(
    "remove",
    doing(() => {
      replica.close(false);
      logs.delete(replica.name);
    }),
    (_replica, _result, out) => out.stop(), // a folder that could not be deleted is found again at the next start
  );
}
