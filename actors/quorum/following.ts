/**
 * The side of those who fetch: followers, observers, and voters that have forgotten whether they voted.
 *
 * ```text
 *   fetch(end) ──▶ records: append, sync, fetch(end') ──▶ …        one question at a time; only the answer to the newest counts
 *              ──▶ logs part: cut, fetch again
 *              ──▶ log does not reach back: snapshot, piece by piece, then fetch from its end
 * ```
 *
 * Invariants: what is said to be there is durable; nothing below the high watermark is ever cut.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import { concatenate } from "../../lib/bytes.ts";
import type { Answer } from "../actor.ts";
import { commitTo, install } from "./commit.ts";
import { mayVoteNow } from "./enquiry.ts";
import { flush } from "./flushing.ts";
import { cutFor, endOf, fitsOnDisk, isSequel } from "./log.ts";
import type { QuorumFetchReply, SnapshotFetchReply } from "./protocol.ts";
import { hear, heardFromLeader, loseLeader, quorumOf } from "./roles.ts";
import { isSound } from "./snapshots.ts";
import type { Download, Out, Quorum } from "./state.ts";
import { fetchDeadlineMs, fetchWaitMs } from "./timings.ts";

const FETCH_BYTES = 1 << 20;
const FULL_DISK_MS = 500;
const SEEK_MAX_MS = 250;
/** An election takes about so long, in questions. */
const SOUGHT_SOON = 8;

/** Asks for more, if this node is one that fetches and no question is under way. */
export function fetch(quorum: Quorum, out: Out): void {
  const { role, log, fetching, timings, membership } = quorum;
  if (fetching !== 0 || (role.type !== "follower" && (role.type !== "unattached" || membership === "voting"))) return;
  if (log.flushedOffset < log.endOffset) return flush(quorum, out); // and then again
  const target = role.type === "follower" ? role.leaderId : nextVoter(quorum);
  if (target === undefined) return;
  const seq = quorum.fetching = ++quorum.fetches;
  out.cancel("fetch");
  if (quorum.download !== undefined) return fetchPiece(quorum, seq, target, quorum.download, out);
  const request = {
    replicaId: quorum.nodeId,
    epoch: quorum.epoch,
    ...endOf(quorum),
    votes: membership === "voting" || membership === "catchingUp",
    highWatermark: quorum.highWatermark,
    maxBytes: FETCH_BYTES,
    // Who has to catch up is told at once that there is no more.
    waitMs: membership === "catchingUp" ? 0 : fetchWaitMs(timings),
  };
  const then: Then<QuorumFetchReply> = (quorum, answer, out) =>
    takeAnswer(quorum, seq, target, answer, out, takeRecords);
  out.ask(quorumOf(target), "fetch", request, then, fetchDeadlineMs(timings));
}

function fetchPiece(quorum: Quorum, seq: number, target: number, { id, position }: Download, out: Out): void {
  const { nodeId: replicaId, epoch, timings } = quorum;
  const request = { replicaId, epoch, snapshot: id, position, maxBytes: FETCH_BYTES };
  const then: Then<SnapshotFetchReply> = (quorum, answer, out) =>
    takeAnswer(quorum, seq, target, answer, out, takePiece);
  out.ask(quorumOf(target), "fetchSnapshot", request, then, fetchDeadlineMs(timings));
}

type Then<R> = (quorum: Quorum, answer: Answer<R>, out: Out) => void;

/** The voters in turn: any of them can say who leads. */
function nextVoter(quorum: Quorum): number | undefined {
  return quorum.others.length === 0 ? undefined : quorum.others[quorum.sought++ % quorum.others.length];
}

/** Who looks for a leader that there is not looks ever less often. */
function fetchLater(quorum: Quorum, out: Out, delayMs: number = quorum.timings.retryBackoffMs): void {
  const { leaderId, sought } = quorum;
  const seekMs = leaderId === -1 ? Math.min(SEEK_MAX_MS, delayMs * 2 ** Math.max(0, sought - SOUGHT_SOON)) : delayMs;
  out.timer("fetch", seekMs, "tick", "fetch");
}

type Said = { readonly error: string; readonly epoch: number; readonly leaderId: number };

/** What all answers have in common: they may be late, in vain, or from a node that does not lead. */
function takeAnswer<R extends Said>(
  quorum: Quorum,
  seq: number,
  target: number,
  answer: Answer<R>,
  out: Out,
  take: (quorum: Quorum, reply: R, out: Out) => void,
): void {
  if (seq !== quorum.fetching) return;
  quorum.fetching = 0;
  if (!answer.ok) return fetchLater(quorum, out, answer.failure === "timeout" ? 0 : undefined);
  const { error, epoch, leaderId } = answer.value;
  const asked = quorum.epoch;
  hear(quorum, out, epoch, error === "NONE" ? target : leaderId, target);
  if (quorum.epoch !== asked) return; // whoever is followed now is fetched from anew
  const isFromLeader = epoch === asked && error === "NONE";
  if (isFromLeader) {
    heardFromLeader(quorum, out);
    return take(quorum, answer.value, out);
  }
  quorum.download = undefined;
  const { role } = quorum;
  const denies = error === "NOT_LEADER_OR_FOLLOWER" && epoch === asked;
  if (denies && role.type === "follower" && role.leaderId === target) return loseLeader(quorum, out);
  fetchLater(quorum, out);
}

function takeRecords(quorum: Quorum, reply: QuorumFetchReply, out: Out): void {
  const { log } = quorum;
  if (reply.snapshot !== null) {
    quorum.download = { id: reply.snapshot, parts: [], position: 0 };
  } else if (reply.divergingEpoch !== null) {
    const cut = cutFor(quorum, reply.divergingEpoch);
    assert(cut >= quorum.highWatermark, `${cut} to ${quorum.highWatermark} is committed and cannot be cut`);
    assert(cut < log.endOffset, `a log that ends at ${log.endOffset} cannot part from its leader's at ${cut}`);
    log.truncateTo(cut);
  } else if (reply.records.length > 0 && !isSequel(reply.records, log.endOffset, quorum.epoch)) {
    return fetchLater(quorum, out);
  } else {
    if (reply.records.length === 0) mayVoteNow(quorum, out);
    else if (!fitsOnDisk(() => log.append(reply.records, out.now()))) return fetchLater(quorum, out, FULL_DISK_MS);
    commitTo(quorum, out, Math.min(reply.highWatermark, log.endOffset)); // only now is it known that the logs are the same
  }
  fetch(quorum, out);
}

function takePiece(quorum: Quorum, { bytes, totalBytes }: SnapshotFetchReply, out: Out): void {
  const { id, parts, position } = quorum.download!;
  parts.push(bytes);
  quorum.download!.position += bytes.length;
  if (bytes.length === 0 || position + bytes.length >= totalBytes) {
    quorum.download = undefined;
    const whole = concatenate(parts);
    if (!isSound(whole)) return fetchLater(quorum, out);
    install(quorum, out, id, whole);
  }
  fetch(quorum, out);
}
