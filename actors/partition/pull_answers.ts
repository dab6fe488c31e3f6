/**
 * What a leader tells its followers: the records after their logs, as soon as it has written them, and how far all is committed.
 *
 *     appended ──▶ whoever waits gets the records at once, before they are flushed here
 *     high watermark moved ──▶ it goes with the next records, or alone a moment later
 *     nothing for `waitMs` ──▶ an empty answer
 *
 * Invariant: every pull that waits is answered once, with ends that were true when its records were read.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import { setExpiry } from "./expiry.ts";
import type { Leadership, ParkedPull } from "./leadership.ts";
import { beginAt } from "./gaps.ts";
import { fail } from "./outage.ts";
import type { PullReply } from "./protocol.ts";
import { refusedPull } from "./refusals.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/**
 * How long news of the high watermark alone waits for records to go with. Followers need it for their readers only, and an answer for
 * each move of it would double their questions.
 */
const HIGH_WATERMARK_DELAY_MS = 10;

const NOTHING = new Uint8Array(0);

/** What was read, and below which offset tombstones were gone from the log that it was read from. */
interface Found {
  readonly bytes: Uint8Array;
  readonly tombstonesGoneTo: number;
}

/** Answers the pulls that there are records for, all that stand at one place with one read. */
export function answerPulls(replica: Replica, out: ReplicaOutbox): void {
  const { leadership } = replica;
  if (leadership === null || leadership.pulls.size === 0) return;
  const { log, highWatermark } = replica;
  const nowMs = out.monotonic();
  const ready: ParkedPull[] = [];
  for (const parked of leadership.pulls.values()) {
    if (parked.request.offset < log.endOffset) ready.push(parked);
    else if (parked.request.highWatermark < highWatermark) {
      parked.deadlineMs = Math.min(parked.deadlineMs, nowMs + HIGH_WATERMARK_DELAY_MS);
    }
  }
  setExpiry(replica, out);
  for (const { request, leaderEnd } of ready) {
    leadership.takePull(request.brokerId);
    leadership.followers.waited(request.brokerId, leaderEnd, nowMs);
  }
  while (ready.length > 0) {
    const { offset, maxBytes } = ready[0]!.request;
    const together = ready.filter(({ request }) => request.offset === offset && request.maxBytes === maxBytes);
    for (const each of together) ready.splice(ready.indexOf(each), 1);
    read(replica, leadership, together, out);
  }
}

/** Answers all pulls that wait, records or not. */
export function releasePulls(replica: Replica, out: ReplicaOutbox): void {
  const { leadership } = replica;
  if (leadership === null) return;
  answerPulls(replica, out);
  for (const brokerId of [...leadership.pulls.keys()]) answerEmpty(replica, leadership, brokerId, out);
}

/** Answers the pulls that have waited long enough. */
export function expirePulls(replica: Replica, out: ReplicaOutbox): void {
  const { leadership } = replica;
  if (leadership === null) return;
  const nowMs = out.monotonic();
  for (const [brokerId, { deadlineMs }] of [...leadership.pulls]) {
    if (deadlineMs <= nowMs) answerEmpty(replica, leadership, brokerId, out);
  }
}

/** An answer without records. */
export function nothingToPull(replica: Replica, leaderMs: number): PullReply {
  // Whatever the policy is now: an earlier one may have cleaned here, and the next one will show what is left.
  const { log: { startOffset, tombstonesGoneTo }, highWatermark } = replica;
  const ends = { highWatermark, startOffset, heldByAll: replica.heldByAll(leaderMs), tombstonesGoneTo };
  return { error: "NONE", records: NOTHING, divergingEpoch: null, leaderMs, ...ends };
}

function answerEmpty(replica: Replica, leadership: Leadership, brokerId: number, out: ReplicaOutbox): void {
  const parked = leadership.takePull(brokerId);
  if (parked === undefined) return;
  const nowMs = out.monotonic();
  leadership.followers.waited(brokerId, parked.leaderEnd, nowMs);
  out.reply(parked.asker, nothingToPull(replica, nowMs));
}

function read(replica: Replica, leadership: Leadership, pulls: readonly ParkedPull[], out: ReplicaOutbox): void {
  const { log } = replica;
  const { offset, maxBytes } = pulls[0]!.request;
  const reply = nothingToPull(replica, out.monotonic());
  const end = log.endOffset;
  out.call(
    "read",
    (done: Settle<Found>) => {
      const { bytes } = log.read(offset, end, maxBytes, true);
      done({ ok: true, value: { bytes, tombstonesGoneTo: log.tombstonesGoneTo } });
    },
    (replica, result, out) => give(replica, leadership, pulls, end, reply, result, out),
  );
}

function give(
  replica: Replica,
  leadership: Leadership,
  pulls: readonly ParkedPull[],
  end: number,
  reply: PullReply,
  result: Result<Found>,
  out: ReplicaOutbox,
): void {
  if (!result.ok) {
    fail(replica, "could not read its log", result.error, out);
    for (const { asker } of pulls) out.reply(asker, refusedPull(replica.outage ?? "KAFKA_STORAGE_ERROR"));
    return;
  }
  const { led } = replica.lastWord;
  if (led !== undefined && replica.leadership === leadership) led.given = Math.max(led.given, end);
  const { tombstonesGoneTo } = result.value;
  const records = beginAt(result.value.bytes, pulls[0]!.request.offset);
  for (const { asker } of pulls) out.reply(asker, { ...reply, records, tombstonesGoneTo });
}
