/**
 * A partition replica: one copy of one partition, which it leads or follows.
 *
 *     append ─▶ log ─flush─▶ high watermark ─▶ answers        fetch ─▶ log, below the high watermark
 *                │              ▲
 *     followers  └──pull──▶ log ─flush─▶ safe
 *
 * The rules are in its leaf modules, for a leader in `append`, `pull`, `followers`, `isr`, `isr_change`, for a follower in `follower`,
 * `incoming`, `divergence`; `settle` says who can be answered when an end has moved, `outage` what happens when none will any more. The
 * state is in `state`, `leadership`, `following`.
 *
 * Invariant: nothing is acknowledged before it is as safe as `acks` demands, nothing is read that a failure could take
 * back, and a log whose disk has failed is neither read nor written again before it was opened anew.
 *
 * @module
 */
import type { Actor } from "../actor.ts";
import { append } from "./append.ts";
import { clean, CleanerTurn, setClean } from "./cleaning.ts";
import { confirm } from "./confirming.ts";
import { flush } from "./durability.ts";
import { awaitData, expire, fetch } from "./fetch.ts";
import { follow, pullOn } from "./follower.ts";
import { isCutOff, isolation } from "./isolation.ts";
import { maximalIsr } from "./isr.ts";
import { askAgain, checkIsr, expandIsr, forgetProposal } from "./isr_change.ts";
import { lead } from "./leader.ts";
import { deleteRecords, endOffsetForEpoch, listOffsets } from "./offsets.ts";
import {
  comeBack,
  endLeadership,
  goOffline,
  isOperatingError,
  leaveRole,
  offlineReason,
  report,
  turnAway,
  wakeFetches,
} from "./outage.ts";
import {
  REPLICA,
  type ReplicaArgs,
  type ReplicaDescription,
  type ReplicaProtocol,
  type ReplicaRole,
} from "./protocol.ts";
import { pull, safe } from "./pull.ts";
import { settle } from "./settle.ts";
import { type LastWord, Replica, type ReplicaHost, type ReplicaOutbox } from "./state.ts";
import { configure, remove, setTidy, tidy } from "./upkeep.ts";

export type { ReplicaHost } from "./state.ts";

/**
 * Producers wait for room in a full mailbox; followers are on other nodes, cannot be made to wait, and are turned away. So there
 * is more room than producers usually fill.
 */
const MAILBOX_CAPACITY = 8_192;

/**
 * The replica actor of a broker; each is named `<topic>-<partition>`.
 *
 * A failing disk or a damaged log takes a replica offline and no further: it answers KAFKA_STORAGE_ERROR and says why in
 * `describe`, until somebody restarts it. That is not left to its supervisor: after a failed flush the operating system may show
 * bytes that the disk does not have, and opening the log again at once would believe them.
 */
export function replica(host: ReplicaHost): Actor<ReplicaProtocol, Replica, ReplicaArgs> {
  const lastWords = new WeakMap<ReplicaArgs, LastWord>();
  const turn = new CleanerTurn();
  return {
    kind: REPLICA.kind,
    mailboxCapacity: MAILBOX_CAPACITY,

    start(args, out) {
      const lastWord = lastWords.get(args) ?? newLastWord(args);
      lastWords.set(args, lastWord);
      const replica = new Replica(host, args, lastWord, turn);
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

      describe: (replica, _, out) => describe(replica, out.monotonic()),

      confirm,

      describeProducers(replica) {
        const error = replica.outage;
        return error === undefined
          ? { error: "NONE", producers: replica.producers.describe() }
          : { error, producers: [] };
      },

      pull,
      safe,
      isolation,
      pullAgain: (replica, _, out) => pullOn(replica, out),
      checkIsr: (replica, _, out) => checkIsr(replica, out),
      askAgain: (replica, _, out) => askAgain(replica, out),

      assume,
      configure,

      become(replica, { role, config }, out) {
        replica.lastWord.config = config; // before anything is decided by the new role
        assume(replica, role, out);
        configure(replica, config, out);
      },

      tidy: (replica, _, out) => tidy(replica, out),
      clean: (replica, _, out) => clean(replica, out),
      expire: (replica, _, out) => expire(replica, out),

      flush(replica, _, out) {
        replica.flushDue = false;
        flush(replica, out);
      },

      remove: (replica, _, out) => remove(replica, out),
    },

    stopped(replica, why) {
      turn.give(replica);
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
  setTidy(replica, out);
  setClean(replica, out);
  if (replica.config.flushBeforeAck && replica.log.flushedOffset < replica.endOffset) flush(replica, out);
  if (replica.isLeader) lead(replica, out);
  else follow(replica, out);
  comeBack(replica, out);
  settle(replica, out);
}

function newLastWord({ role, config }: ReplicaArgs): LastWord {
  return { role, config, led: undefined, proposed: undefined, toldOffline: false };
}

function assume(replica: Replica, role: ReplicaRole, out: ReplicaOutbox): void {
  const before = replica.role;
  if (!replica.assume(role) || replica.offline !== null || replica.removed) return;
  if (role.leaderEpoch > before.leaderEpoch || role.leader !== before.leader) beginRole(replica, out);
  else if (replica.isLeader) adjustRole(replica, before);
  else if (role.brokerEpoch > before.brokerEpoch) follow(replica, out);
  if (replica.offline !== null) return;
  settle(replica, out);
  expandIsr(replica, out);
}

/** Another leader, or another epoch of the same: whatever was known or promised in the last one ends with it. */
function beginRole(replica: Replica, out: ReplicaOutbox): void {
  const { leadership, isLeader } = replica;
  if (leadership !== null && isLeader) endLeadership(leadership, "FENCED_LEADER_EPOCH", out);
  if (!isLeader) turnAway(replica, "NOT_LEADER_OR_FOLLOWER", null, out);
  leaveRole(replica, out);
  forgetProposal(replica);
  replica.abstention = null;
  wakeFetches(replica, out);
  if (isLeader) lead(replica, out);
  else follow(replica, out);
  comeBack(replica, out);
}

/** The same leader in the same epoch, but perhaps another ISR or other replicas. */
function adjustRole(replica: Replica, before: ReplicaRole): void {
  const { role, leadership } = replica;
  if (role.partitionEpoch > before.partitionEpoch) forgetProposal(replica);
  leadership?.followers.keep(role.replicas);
}

function describe(replica: Replica, nowMs: number): ReplicaDescription {
  const { hasLog, offline, abstention, outage, role, leadership, highWatermark, endOffset } = replica;
  const log = hasLog ? replica.log : { startOffset: -1, flushedOffset: -1, sizeInBytes: 0 };
  const { leader, leaderEpoch, partitionEpoch, isr } = role;
  return {
    error: outage ?? "NONE",
    startOffset: log.startOffset,
    endOffset,
    flushedOffset: log.flushedOffset,
    highWatermark,
    lastStableOffset: replica.lastStableOffset,
    sizeInBytes: log.sizeInBytes,
    leader,
    leaderEpoch,
    partitionEpoch,
    isr,
    maximalIsr: maximalIsr(isr, leadership?.proposal?.isr),
    isCutOff: isCutOff(replica, nowMs),
    offline: offline ?? abstention,
  };
}
