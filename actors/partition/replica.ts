/**
 * A partition replica: one copy of one partition, which it leads or follows.
 *
 *     append ─▶ log ─flush─▶ high watermark ─▶ answers        fetch ─▶ log, below the high watermark
 *
 * The rules are in its leaf modules: `append`, `fetch`, `offsets`, `upkeep`, `durability` (what may be acknowledged), `producers`
 * (what was sent before), `isr`, `purgatory`; the state and its transitions are in `state`.
 *
 * Invariant: nothing is acknowledged before it is as safe as `acks` demands, nothing is read that a failure could take
 * back, and a log whose disk has failed is neither read nor written again before it was opened anew.
 *
 * @module
 */
import type { Actor } from "../actor.ts";
import { append } from "./append.ts";
import {
  doing,
  fail,
  flush,
  goOffline,
  isOperatingError,
  offlineReason,
  report,
  settle,
  turnAway,
  wakeFetches,
} from "./durability.ts";
import { awaitData, expire, fetch } from "./fetch.ts";
import { deleteRecords, endOffsetForEpoch, listOffsets } from "./offsets.ts";
import { REPLICA, type ReplicaArgs, type ReplicaDescription, type ReplicaProtocol } from "./protocol.ts";
import { type LastWord, Replica, type ReplicaHost, type ReplicaOutbox } from "./state.ts";
import { configure, remove, setTidy, tidy } from "./upkeep.ts";

export type { ReplicaHost } from "./state.ts";

/**
 * The replica actor of a broker; each is named `<topic>-<partition>`.
 *
 * A failing disk or a damaged log takes a replica offline and no further: it answers KAFKA_STORAGE_ERROR and says why in
 * `describe`, until somebody restarts it. That is not left to its supervisor: after a failed flush the operating system may show
 * bytes that the disk does not have, and opening the log again at once would believe them.
 */
export function replica(host: ReplicaHost): Actor<ReplicaProtocol, Replica, ReplicaArgs> {
  const lastWords = new WeakMap<ReplicaArgs, LastWord>();
  return {
    kind: REPLICA.kind,

    start(args, out) {
      const lastWord = lastWords.get(args) ?? { role: args.role, config: args.config };
      lastWords.set(args, lastWord);
      const replica = new Replica(host, args, lastWord);
      open(replica, out);
      return replica;
    },

    on: {
      append,
      fetch,
      awaitData,
      listOffsets,
      endOffsetForEpoch,
      deleteRecords,

      describe: (replica) => describe(replica),

      describeProducers(replica) {
        const error = replica.outage;
        return error === undefined
          ? { error: "NONE", producers: replica.producers.describe() }
          : { error, producers: [] };
      },

      assume(replica, role, out) {
        const { leaderEpoch } = replica.role;
        const led = replica.isLeader;
        if (!replica.assume(role) || replica.offline !== null || replica.removed) return;
        if (led && !replica.isLeader) turnAway(replica, "NOT_LEADER_OR_FOLLOWER", null, out);
        if (replica.isLeader && (!led || role.leaderEpoch > leaderEpoch)) lead(replica, out);
        if (role.leaderEpoch > leaderEpoch) wakeFetches(replica, out);
        settle(replica, out);
      },

      configure,
      tidy: (replica, _, out) => tidy(replica, out),
      expire: (replica, _, out) => expire(replica, out),

      flush(replica, _, out) {
        replica.flushDue = false;
        flush(replica, out);
      },

      remove: (replica, _, out) => remove(replica, out),
    },

    stopped(replica, why) {
      if (replica.hasLog) replica.close(why === "stopped" && replica.offline === null);
    },
  };
}

/** Opens the log; a disk that refuses, or damage that no crash explains, leaves the replica offline. */
function open(replica: Replica, out: ReplicaOutbox): void {
  try {
    replica.open();
  } catch (error) {
    if (!isOperatingError(error)) throw error;
    return goOffline(replica, offlineReason(replica, "could not open its log", error), out);
  }
  const { cutBytes, cutReason } = replica.log.recovery;
  if (cutBytes > 0) report(replica, `${replica.name} cut ${cutBytes} bytes off its end at recovery. ${cutReason}`, out);
  if (replica.isLeader) lead(replica, out);
  if (replica.offline !== null) return;
  setTidy(replica, out);
  if (replica.config.flushBeforeAck && replica.log.flushedOffset < replica.endOffset) flush(replica, out);
  replica.advanceHighWatermark();
}

/** A leader's epoch begins where its log ends; one that it has led before (it was restarted) goes on. */
function lead(replica: Replica, out: ReplicaOutbox): void {
  const { log, role, endOffset } = replica;
  const { leaderEpoch } = role;
  if (leaderEpoch < log.latestEpoch) {
    const why = `Its log has records of leader epoch ${log.latestEpoch}, but it is told to lead epoch ${leaderEpoch}.`;
    return goOffline(replica, `${replica.name} must not lead: ${why}`, out);
  }
  replica.leaderEpochStart = endOffset;
  if (log.endOffsetForEpoch(leaderEpoch)?.epoch === leaderEpoch) return;
  out.call("assign epoch", doing(() => log.assignEpoch(leaderEpoch, endOffset)), (replica, result, out) => {
    if (!result.ok) fail(replica, "could not note its leader epoch", result.error, out);
  });
}

function describe(replica: Replica): ReplicaDescription {
  const { hasLog, offline, outage, role, highWatermark, endOffset } = replica;
  const log = hasLog ? replica.log : { startOffset: -1, flushedOffset: -1, sizeInBytes: 0 };
  return {
    error: outage ?? "NONE",
    startOffset: log.startOffset,
    endOffset,
    flushedOffset: log.flushedOffset,
    highWatermark,
    lastStableOffset: replica.lastStableOffset,
    sizeInBytes: log.sizeInBytes,
    leaderEpoch: role.leaderEpoch,
    offline,
  };
}
