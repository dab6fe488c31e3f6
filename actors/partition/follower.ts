/**
 * A follower: keeps one pull under way to its leader, and makes its log the same.
 *
 *     pull ──records──▶ judged ──▶ appended ──▶ pull on, at once; the flush runs meanwhile, and the leader hears when it has ended
 *       ▲ ──diverging──▶ cut where the logs part (KIP-595) ───────────┐
 *       │       └──cleaned, perhaps, by what has to go──▶ begin anew ─┤
 *       │ ──out of range──▶ begin where the leader begins ────────────┤
 *       │ ──deletions missed──▶ begin anew ───────────────────────────┤
 *       └───────────── back-off ◀──error, silence ────────────────────┘
 *
 * Invariant: the log changes only by the newest answer of the leader of this epoch, and is cut only where that answer shows it to
 * part from the leader's; never at the high watermark alone (KIP-101), and in the ISR never below it. What compaction has deleted is
 * never here for good, and nothing is missing here because of records that the leader does not have: who cannot tell gives up what he has.
 *
 * @module
 */
import type { Result } from "../../lib/env.ts";
import type { Answer } from "../actor.ts";
import { cutOffset, type EpochEnd } from "./divergence.ts";
import { flush, flushInTime } from "./durability.ts";
import { Following } from "./following.ts";
import { judgeIncoming } from "./incoming.ts";
import { doing, fail, goOffline, report } from "./outage.ts";
import type { PullReply } from "./protocol.ts";
import { settle } from "./settle.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** How long past the leader's patience an answer is waited for. */
const ANSWER_GRACE_MS = 1_000;
/** The first back-off; each further one is twice as long, up to replica.fetch.backoff.ms. */
const BACKOFF_MIN_MS = 10;

/** Begins to follow the leader of its role, if there is one. */
export function follow(replica: Replica, out: ReplicaOutbox): void {
  const { role, log } = replica;
  replica.following = role.leader < 0 ? null : new Following(role, replica.name);
  replica.endOffset = log.endOffset;
  // An epoch that it was to lead, and wrote nothing in, is none of its history.
  out.call("forget empty epochs", doing(() => log.truncateTo(log.endOffset)), (replica, result, out) => {
    if (!result.ok) fail(replica, "could not forget an epoch", result.error, out);
  });
  pullOn(replica, out);
}

/** Handles `pullAgain`, and asks for what comes next. */
export function pullOn(replica: Replica, out: ReplicaOutbox): void {
  const { following, log, role, config, host, ownEnd } = replica;
  if (following === null || following.pulling) return;
  following.pulling = true;
  following.toldSafe = ownEnd;
  const sequence = ++following.sequence;
  const { startOffset, endOffset } = log;
  const waitMs = Math.max(1, config.replicaFetchWaitMaxMs);
  out.ask(following.leader, "pull", {
    brokerId: host.brokerId,
    brokerEpoch: role.brokerEpoch,
    leaderEpoch: role.leaderEpoch,
    offset: endOffset,
    safeOffset: ownEnd,
    lastFetchedEpoch: endOffset > startOffset ? log.epochAt(endOffset - 1) : -1,
    startOffset,
    highWatermark: following.leaderHighWatermark,
    leaderMs: following.leaderMs,
    maxBytes: config.replicaFetchMaxBytes,
    waitMs,
  }, (replica, answer, out) => {
    if (isNewest(replica, following, sequence)) pulled(replica, following, answer, out);
  }, waitMs + ANSWER_GRACE_MS);
}

/** Only the newest question of this role may be answered: what another one brings was true of a log that may have changed since. */
function isNewest(replica: Replica, following: Following, sequence: number): boolean {
  return replica.following === following && following.sequence === sequence;
}

function pulled(replica: Replica, following: Following, answer: Answer<PullReply>, out: ReplicaOutbox): void {
  following.pulling = false;
  if (!answer.ok) return backOff(replica, following, out);
  const reply = answer.value;
  if (reply.error === "OFFSET_OUT_OF_RANGE") return outOfRange(replica, following, reply.startOffset, out);
  if (reply.error !== "NONE") return backOff(replica, following, out);
  following.leaderMs = Math.max(following.leaderMs, reply.leaderMs);
  if (reply.divergingEpoch !== null) return cut(replica, following, reply.divergingEpoch, reply.startOffset, out);
  if (hasMissedDeletions(replica, following, reply)) {
    const what = `deletions up to offset ${reply.tombstonesGoneTo} of which its leader, node ${replica.role.leader}`;
    const why = `it ends at ${replica.log.endOffset}, and may have missed ${what}, has forgotten`;
    return beginAnew(replica, following, reply.startOffset, why, out);
  }
  following.confirmed = true;
  following.leaderHighWatermark = Math.max(following.leaderHighWatermark, reply.highWatermark);
  following.heldByAll = reply.heldByAll;
  take(replica, following, reply, out);
}

/**
 * Whether this log may have records that were deleted by tombstones which the leader has no more, and behind which it ends. Not so
 * if it has been filled from nothing since, by this leader or by one from which no fewer were gone: what those took back was gone there, too.
 */
function hasMissedDeletions({ log }: Replica, following: Following, { tombstonesGoneTo }: PullReply): boolean {
  const isWithout = log.startOffset === log.endOffset || log.tombstonesGoneTo >= tombstonesGoneTo;
  if (isWithout) following.filledWithout = tombstonesGoneTo;
  return tombstonesGoneTo > Math.max(log.endOffset, following.filledWithout);
}

/**
 * Drops the log, to be filled with what the leader has. One that is in sync has heard of every deletion, and has nothing that the leader has
 * not: if it thinks that it is, it will soon know better.
 */
function beginAnew(replica: Replica, following: Following, leaderStart: number, why: string, out: ReplicaOutbox): void {
  if (replica.isInIsr) return backOff(replica, following, out);
  report(replica, `${replica.name} begins anew: ${why}.`, out);
  out.call("begin anew", doing(() => replica.log.restartAt(leaderStart)), (replica, result, out) => {
    if (hasChanged(replica, following, "could not begin its log anew", result, out)) pullOn(replica, out);
  });
}

/** Appends what came, and begins where the leader does. */
function take(replica: Replica, following: Following, reply: PullReply, out: ReplicaOutbox): void {
  const { log, config, producers, role } = replica;
  const { startOffset, endOffset, latestEpoch } = log;
  const place = {
    startOffset,
    endOffset,
    latestEpoch,
    leaderEpoch: role.leaderEpoch,
    runBytesMax: config.log.segmentBytes,
  };
  const { runs, restartAt, problem } = judgeIncoming(reply.records, place);
  const sentence = problem && `${replica.name} refused what its leader, node ${role.leader}, sent: ${problem}`;
  if (runs.length === 0 && reply.startOffset <= startOffset) return taken(replica, following, sentence, out);
  const nowMs = out.now();
  const work = () => {
    if (restartAt !== undefined) log.restartAt(restartAt);
    log.fillWithout(following.filledWithout);
    for (const { bytes, headers } of runs) {
      log.append(bytes, nowMs);
      for (const header of headers) producers.recovered(header);
    }
    log.advanceStart(Math.min(reply.startOffset, log.endOffset));
  };
  out.call("follow", doing(work), (replica, result, out) => {
    if (hasChanged(replica, following, "could not follow its leader", result, out)) {
      taken(replica, following, sentence, out);
    }
  });
}

function taken(replica: Replica, following: Following, problem: string | undefined, out: ReplicaOutbox): void {
  const { config, log } = replica;
  settle(replica, out);
  if (!config.flushBeforeAck) flushInTime(replica, out);
  else if (log.flushedOffset < log.endOffset) flush(replica, out);
  if (problem !== undefined) return backOff(replica, following, out, problem);
  following.failures = 0;
  pullOn(replica, out);
}

/** The logs have parted: what this one has alone goes. */
function cut(
  replica: Replica,
  following: Following,
  diverging: EpochEnd,
  leaderStart: number,
  out: ReplicaOutbox,
): void {
  const { log, highWatermark, role } = replica;
  const offset = cutOffset(log, diverging);
  if (offset >= log.endOffset) {
    const { epoch, endOffset } = diverging;
    const why = `epoch ${epoch}, which ends at ${endOffset}, does not part it from a log that ends at ${log.endOffset}`;
    return backOff(replica, following, out, `${replica.name} does not understand its leader: ${why}.`);
  }
  const goesOffline = replica.isInIsr && offset < highWatermark;
  if (goesOffline || !hasCleanedBy(replica, offset)) {
    return goBack(replica, following, offset, () => log.truncateTo(offset), out);
  }
  const what = `offset ${offset} on, which its leader, node ${role.leader}, does not have`;
  beginAnew(replica, following, leaderStart, `it may have been cleaned by committed records from ${what}`, out);
}

/**
 * Whether records may be missing below `offset` because there are newer ones of their keys from there on, whatever the policy is now. Only what
 * is committed is cleaned: when it has to go, an election was unclean.
 */
function hasCleanedBy({ log, config, highWatermark }: Replica, offset: number): boolean {
  return (config.compact || log.wasCleaned) && offset < Math.max(highWatermark, log.rewrittenTo);
}

/** The leader does not have what comes after this log: it begins later, or ends before. */
function outOfRange(replica: Replica, following: Following, leaderStart: number, out: ReplicaOutbox): void {
  const { log } = replica;
  if (leaderStart >= 0 && (log.endOffset < leaderStart || log.startOffset === log.endOffset)) {
    return goBack(replica, following, leaderStart, () => log.restartAt(leaderStart), out);
  }
  const what = `its leader begins at ${leaderStart} and cannot go on from ${log.endOffset}`;
  backOff(replica, following, out, `${replica.name} cannot follow: ${what}.`);
}

/**
 * Changes the log so that it may end at `offset`. Below the high watermark that loses committed records: after an unclean
 * election it has to be, but then this replica is not in sync; if it is, somebody is wrong, and it stops before it does harm.
 */
function goBack(replica: Replica, following: Following, offset: number, change: () => void, out: ReplicaOutbox): void {
  const { highWatermark, role, name } = replica;
  if (offset < highWatermark) {
    const what = `Its leader, node ${role.leader}, does not have the committed records from offset ${offset} to ${
      highWatermark - 1
    }`;
    if (replica.isInIsr) return goOffline(replica, `${name} is in sync and stops following. ${what}.`, out);
    report(replica, `${name} cuts them off too. ${what}, as after an unclean election.`, out);
  }
  out.call("go back", doing(change), (replica, result, out) => {
    if (hasChanged(replica, following, "could not cut its log", result, out)) pullOn(replica, out);
  });
}

/** The log was to change: what holds now, and whether to go on. */
function hasChanged(
  replica: Replica,
  following: Following,
  what: string,
  result: Result<void>,
  out: ReplicaOutbox,
): boolean {
  if (replica.removed || replica.offline !== null) return false;
  if (!result.ok) fail(replica, what, result.error, out);
  if (replica.offline !== null) return false;
  replica.resetEnds();
  if (replica.following !== following) return false;
  if (!result.ok) backOff(replica, following, out, `${replica.name} ${what}: ${result.error.message}`);
  return result.ok;
}

/** Tries again after a while, longer each time. What is wrong is reported once. */
function backOff(replica: Replica, following: Following, out: ReplicaOutbox, problem = ""): void {
  if (problem !== "" && problem !== following.problem) report(replica, problem, out);
  following.problem = problem;
  const maxMs = Math.max(BACKOFF_MIN_MS, replica.config.replicaFetchBackoffMs);
  const delayMs = Math.min(maxMs, BACKOFF_MIN_MS * 2 ** Math.min(following.failures++, 20));
  out.timer("pull", delayMs, "pullAgain", undefined);
}
