/**
 * Fetch: reads batches below the high watermark (or the last stable offset), and waits for more to be there.
 *
 * Invariant: the ends that a reply names are those that its records were read under. A reply with newer ends would tell a
 * waiting consumer to wait for what is above records that it has not been given.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import type { LogRead } from "../../storage/log.ts";
import type { Asker } from "../actor.ts";
import { LATER } from "../actor.ts";
import { fail } from "./durability.ts";
import type { FetchReply, FetchRequest, ReplicaProtocol } from "./protocol.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

const NOTHING = new Uint8Array(0);

/** Handles `fetch`. */
export function fetch(
  replica: Replica,
  request: FetchRequest,
  out: ReplicaOutbox<FetchReply>,
): FetchReply | typeof LATER {
  const refused = replica.refusal(request.currentLeaderEpoch);
  if (refused !== undefined) return refusedFetch(replica, refused);
  const { log } = replica;
  const { offset, isolation } = request;
  const diverged = divergence(replica, request);
  if (diverged === "out of range") return refusedFetch(replica, "OFFSET_OUT_OF_RANGE");
  if (diverged !== null) return { ...nothingYet(replica, isolation), divergingEpoch: diverged };
  if (offset < log.startOffset || offset > log.endOffset) return refusedFetch(replica, "OFFSET_OUT_OF_RANGE");
  const end = replica.readableEnd(isolation);
  const reply = nothingYet(replica, isolation);
  if (offset >= end) return reply;
  const { maxBytes, minOneBatch } = request;
  const asker = out.asker();
  out.call(
    "read",
    (done: Settle<LogRead>) => done({ ok: true, value: log.read(offset, end, maxBytes, minOneBatch) }),
    (replica, result, out) => answer(replica, asker, reply, result, out),
  );
  return LATER;
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

/** Where the fetcher's log and this one part, by the epoch of the last record that it has (KIP-595). */
function divergence(
  { log }: Replica,
  { offset, lastFetchedEpoch }: FetchRequest,
): FetchReply["divergingEpoch"] | "out of range" {
  if (lastFetchedEpoch < 0) return null;
  const known = log.endOffsetForEpoch(lastFetchedEpoch);
  if (known === undefined || offset < log.startOffset) return "out of range";
  return known.epoch < lastFetchedEpoch || known.endOffset < offset ? known : null;
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
  if (replica.refusal(-1) !== undefined) return true; // a fetch will say why
  if (replica.readableEnd(wait.isolation) > wait.above) return true;
  replica.fetches.add(wait, out.asker());
  setExpiry(replica, out);
  return LATER;
}

/** Handles `expire`. */
export function expire(replica: Replica, out: ReplicaOutbox): void {
  replica.expiryMs = Infinity;
  for (const asker of replica.fetches.expire(out.monotonic())) out.reply(asker, false);
  setExpiry(replica, out);
}

/** One timer for all that wait: a fetch that is released early leaves it to ring for nothing, which costs less than moving it. */
function setExpiry(replica: Replica, out: ReplicaOutbox): void {
  const dueMs = replica.fetches.nextDeadlineMs;
  if (dueMs >= replica.expiryMs) return;
  replica.expiryMs = dueMs;
  out.timer("expire", Math.max(0, dueMs - out.monotonic()), "expire", undefined);
}
