/**
 * Fetch: reads batches below the high watermark (or the last stable offset), and waits for more to be there.
 *
 * A follower serves readers too (KIP-392), up to its own high watermark. As in Kafka, what lies between that and the end of its log is not
 * there yet, and what lies above is out of range: then a reader that knows of followers asks the leader. Others are there because they have
 * heard of no newer leader, and would begin anew somewhere else, as the policy says: for them it is not there yet either.
 *
 * Invariant: the ends that a reply names are those that its records were read under. A reply with newer ends would tell a
 * waiting consumer to wait for what is above records that it has not been given.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import type { Log, LogRead } from "../../storage/log.ts";
import type { Asker } from "../actor.ts";
import { LATER } from "../actor.ts";
import { expireQuestions } from "./confirming.ts";
import { findDivergence } from "./divergence.ts";
import { setExpiry } from "./expiry.ts";
import { skipEmpty } from "./gaps.ts";
import { fail } from "./outage.ts";
import type { FetchReply, FetchRequest, ReplicaProtocol } from "./protocol.ts";
import { expirePulls } from "./pull_answers.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

const NOTHING = new Uint8Array(0);

/** Handles `fetch`. */
export function fetch(
  replica: Replica,
  request: FetchRequest,
  out: ReplicaOutbox<FetchReply>,
): FetchReply | typeof LATER {
  const { offset, isolation, nearer } = request;
  const refused = replica.refusal(request.currentLeaderEpoch, "any replica");
  if (refused !== undefined) return refusedFetch(replica, refused);
  const { log } = replica;
  const diverged = findDivergence(log, offset, request.lastFetchedEpoch);
  const isLost = replica.leadership === null && request.knowsFollowers !== true;
  const isAhead = offset >= log.startOffset && (diverged !== null || offset > log.endOffset);
  if (isLost && isAhead) return nothingYet(replica, isolation);
  if (diverged === "out of range") return refusedFetch(replica, "OFFSET_OUT_OF_RANGE");
  if (diverged !== null) return { ...nothingYet(replica, isolation), divergingEpoch: diverged };
  if (offset < log.startOffset || offset > log.endOffset) return refusedFetch(replica, "OFFSET_OUT_OF_RANGE");
  const end = replica.readableEnd(isolation);
  const reply = nothingYet(replica, isolation);
  const preferredReadReplica = preferred(replica, offset, nearer ?? []);
  if (preferredReadReplica >= 0) return { ...reply, preferredReadReplica };
  if (offset >= end) return reply;
  const { maxBytes, minOneBatch } = request;
  const asker = out.asker();
  out.call(
    "read",
    (done: Settle<LogRead>) => done({ ok: true, value: readRecords(log, offset, end, maxBytes, minOneBatch) }),
    (replica, result, out) => answer(replica, asker, reply, result, out),
  );
  return LATER;
}

/** Reads from the first batch on that has records; there are only empty ones if these reach the end. */
function readRecords(log: Log, from: number, end: number, maxBytes: number, minOneBatch: boolean): LogRead {
  for (let offset = from;;) {
    const { bytes } = log.read(offset, end, maxBytes, minOneBatch);
    const skipped = skipEmpty(bytes, offset);
    if (skipped.at < bytes.length) return { bytes: bytes.subarray(skipped.at) };
    if (bytes.length === 0 || skipped.offset >= end) return { bytes };
    offset = skipped.offset;
  }
}

function answer(
  replica: Replica,
  asker: Asker<FetchReply>,
  reply: FetchReply,
  result: Result<LogRead>,
  out: ReplicaOutbox,
): void {
  if (result.ok) return out.reply(asker, { ...reply, records: result.value.bytes });
  fail(replica, "could not read its log", result.error, out);
  out.reply(asker, refusedFetch(replica, replica.outage ?? "KAFKA_STORAGE_ERROR"));
}

/** The first of the followers nearer to the reader that is in sync and has the offset; -1 for none. Only the leader knows. */
function preferred({ role, leadership }: Replica, offset: number, nearer: readonly number[]): number {
  const has = (node: number) => {
    const follower = leadership?.followers.get(node);
    return follower !== undefined && follower.start <= offset && offset <= follower.end;
  };
  return nearer.find((node) => role.isr.includes(node) && has(node)) ?? -1;
}

/** An answer without records. */
function nothingYet(replica: Replica, isolation: FetchRequest["isolation"]): FetchReply {
  const { role, highWatermark, lastStableOffset, log } = replica;
  return {
    error: "NONE",
    highWatermark,
    lastStableOffset,
    logStartOffset: log.startOffset,
    records: NOTHING,
    abortedTransactions: isolation === "read_committed" ? [] : null,
    divergingEpoch: null,
    preferredReadReplica: -1,
    leader: role.leader,
    leaderEpoch: role.leaderEpoch,
  };
}

function refusedFetch({ role }: Replica, error: Exclude<FetchReply["error"], "NONE">): FetchReply {
  return {
    error,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    records: NOTHING,
    abortedTransactions: null,
    divergingEpoch: null,
    preferredReadReplica: -1,
    leader: role.leader,
    leaderEpoch: role.leaderEpoch,
  };
}

/** Handles `awaitData`. */
export function awaitData(
  replica: Replica,
  wait: Parameters<ReplicaProtocol["awaitData"]>[0],
  out: ReplicaOutbox<boolean>,
): boolean | typeof LATER {
  const replaced = replica.fetches.remove(wait.key);
  if (replaced !== undefined) out.reply(replaced, false);
  if (replica.outage !== undefined) return true; // a fetch will say why
  if (replica.readableEnd(wait.isolation) > wait.above) return true;
  replica.fetches.add(wait, out.asker());
  setExpiry(replica, out);
  return LATER;
}

/** Handles `expire`. */
export function expire(replica: Replica, out: ReplicaOutbox): void {
  replica.expiryMs = Infinity;
  for (const asker of replica.fetches.expire(out.monotonic())) out.reply(asker, false);
  expirePulls(replica, out);
  expireQuestions(replica, out.monotonic(), out);
  setExpiry(replica, out);
}
