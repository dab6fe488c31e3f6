/**
 * When a replica cannot go on: its disk has failed, its log is damaged, or another leads; and who has to be told.
 *
 * A disk that fails takes the replica offline: after a failed flush nobody knows which bytes the disk has, so neither trying
 * again nor reading on would be honest. Restarting the replica opens the log anew and recovers what is really there. A disk
 * that has no room for a batch refuses that batch only, since the log is then as it was before.
 *
 * Invariant: nobody is left waiting at a replica that can no longer answer him.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { refOf } from "../address.ts";
import { BROKER, type BrokerProtocol } from "../broker/protocol.ts";
import type { Leadership } from "./leadership.ts";
import { refusedAppend, refusedPull } from "./refusals.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

const DONE: Result<void> = { ok: true, value: undefined };

/** Something for the disk to do that brings back nothing: see {@linkcode ReplicaOutbox.call}. */
export function doing(work: () => void): (done: Settle<void>) => void {
  return (done) => {
    work();
    done(DONE);
  };
}

/** Refuses everybody who waits for this replica as the leader, and wakes every fetch, so that it learns why. */
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
  if (replica.leadership !== null) endLeadership(replica.leadership, error, out);
  wakeFetches(replica, out);
}

/** Refuses the followers that wait, and those who wait for them or to know whether it leads. */
export function endLeadership(leadership: Leadership, error: Exclude<ErrorName, "NONE">, out: ReplicaOutbox): void {
  for (const { asker } of leadership.pulls.values()) out.reply(asker, refusedPull(error));
  leadership.pulls.clear();
  for (const { asker } of leadership.deletions.splice(0)) out.reply(asker, { error, lowWatermark: -1 });
  for (const { asker } of leadership.questions.splice(0)) out.reply(asker, error);
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
  giveUp(replica, reason, out);
  for (const timer of ["tidy", "clean", "flush", "expire"]) out.cancel(timer);
  replica.cleaning = null; // it ends with the log
  replica.turn.give(replica);
}

/** Does not lead, whatever its role says, until it has another. */
export function abstain(replica: Replica, reason: string, out: ReplicaOutbox): void {
  replica.abstention = reason;
  giveUp(replica, reason, out);
}

function giveUp(replica: Replica, reason: string, out: ReplicaOutbox): void {
  report(replica, reason, out);
  replica.lastWord.toldOffline = true;
  tellBroker(replica, true, out);
  turnAway(replica, "KAFKA_STORAGE_ERROR", reason, out);
  leaveRole(replica, out);
}

/** It serves: if its broker thinks otherwise, it is told. */
export function comeBack(replica: Replica, out: ReplicaOutbox): void {
  const { lastWord, outage } = replica;
  if (!lastWord.toldOffline || outage !== undefined) return;
  tellBroker(replica, false, out);
  out.call("told", doing(() => lastWord.toldOffline = false)); // a turn that fails has told nothing
}

/** Through its broker the controller learns whether this replica may be in sync, and may lead. */
function tellBroker({ host, args }: Replica, offline: boolean, out: ReplicaOutbox): void {
  const { topic, topicId, partition } = args;
  const broker = refOf<BrokerProtocol>(host.brokerId, BROKER.kind, "broker");
  out.send(broker, "replicaChanged", { topic, topicId, partition, offline });
}

/** What it knew as a leader or as a follower is of the past. */
export function leaveRole(replica: Replica, out: ReplicaOutbox): void {
  replica.leadership = null;
  replica.following = null;
  for (const timer of ["pull", "isr", "isr again", "joining"]) out.cancel(timer);
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

/** Whether the disk has no room, and is otherwise sound. */
export function isDiskFull(error: Error): boolean {
  return error.name === "DiskError" && "code" in error && error.code === "ENOSPC";
}
