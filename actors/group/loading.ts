/**
 * Reading the partition: from its start to where it ended when the reading began, all of it committed.
 *
 *     confirm ──NONE──▶ describe ──goal──▶ fetch ─┬─▶ fetch … ──goal──▶ read
 *                                           ▲     │ at the high watermark
 *                               NONE        │     ▼
 *                              confirm ◀── awaitData
 *
 * The goal contains what earlier leaders left uncommitted: it may still be undone as long as it is, and it may be somebody's
 * acknowledged commit. Only a leader can read above what its replica knew to be committed at first, by waiting for it.
 *
 * Whatever goes wrong, it begins anew after a while: what could be wrong for good ends this leader epoch, and the broker ends the
 * coordinator with that. The while grows with readings that fail in a row, not with writes: as long as too few replicas are in sync every
 * commit is refused, and what was committed is to be had between them. But from the end of one reading to the beginning of the next it takes
 * at least as long as the one did, so that others get on.
 *
 * Invariant: an answer that belongs to a reading which was given up changes nothing.
 *
 * @module
 */
import type { Answer } from "../actor.ts";
import type { FetchReply } from "../partition/protocol.ts";
import { type Coordinator, type CoordinatorOutbox, type Reading, report } from "./coordinator_state.ts";
import { LastWords } from "./last_words.ts";
import { OFFSETS_TOPIC } from "./protocol.ts";

/** How much is read in one turn: some thousand records, and others have their turns in between. */
const READ_BYTES = 1 << 18;
const RETRY_MS = 100;
const RETRY_MAX_MS = 2_000;
/** How long one wait for the high watermark lasts; then it is put again. */
const AWAIT_MS = 1_000;
/** What a replica says that does not lead in the epoch, or has nobody to confirm it. */
const DEPOSING: ReadonlySet<string> = new Set([
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_TOPIC_OR_PARTITION",
]);

/** What is done when everything has been read. */
type Then = (coordinator: Coordinator, reading: Reading, out: CoordinatorOutbox) => void;

/** Begins to read the log: what it has of some groups, or of all. A reading under way is given up. */
export function read(
  coordinator: Coordinator,
  only: ReadonlySet<string> | undefined,
  then: Then,
  out: CoordinatorOutbox,
): void {
  const reading: Reading = {
    only,
    words: new LastWords(only),
    offset: 0,
    goal: Infinity,
    readsSinceMs: out.monotonic(),
  };
  coordinator.reading = reading;
  out.cancel("load");
  confirm(coordinator, reading, (coordinator, out) => findGoal(coordinator, reading, then, out), out);
}

/** A replica that has heard less than the broker, or that is cut off, is no leader to learn from. */
function confirm(
  coordinator: Coordinator,
  reading: Reading,
  then: (coordinator: Coordinator, out: CoordinatorOutbox) => void,
  out: CoordinatorOutbox,
): void {
  const { replica, leaderEpoch } = coordinator.args;
  out.ask(replica, "confirm", { leaderEpoch }, (coordinator, answer, out) => {
    if (coordinator.reading !== reading) return;
    if (answer.ok) coordinator.isDeposed = coordinator.phase === "loading" && isDeposing(answer.value);
    if (!answer.ok || answer.value !== "NONE") return retry(coordinator, out);
    then(coordinator, out);
  });
}

/** Whether this says that somebody else leads by now, or could. */
export function isDeposing(error: string): boolean {
  return DEPOSING.has(error);
}

function findGoal(coordinator: Coordinator, reading: Reading, then: Then, out: CoordinatorOutbox): void {
  const { replica, leaderEpoch } = coordinator.args;
  out.ask(replica, "describe", undefined, (coordinator, answer, out) => {
    if (coordinator.reading !== reading) return;
    if (!answer.ok || answer.value.error !== "NONE" || answer.value.leaderEpoch !== leaderEpoch) {
      return retry(coordinator, out);
    }
    reading.goal = answer.value.endOffset;
    reading.offset = answer.value.startOffset;
    reading.readsSinceMs = out.monotonic();
    readOn(coordinator, reading, then, out);
  });
}

function readOn(coordinator: Coordinator, reading: Reading, then: Then, out: CoordinatorOutbox): void {
  if (reading.offset >= reading.goal) return finish(coordinator, reading, then, out);
  const { replica, leaderEpoch: currentLeaderEpoch } = coordinator.args;
  const request = {
    offset: reading.offset,
    maxBytes: READ_BYTES,
    minOneBatch: true,
    currentLeaderEpoch,
    lastFetchedEpoch: -1,
    isolation: "read_uncommitted",
  } as const;
  out.ask(replica, "fetch", request, (coordinator, answer, out) => {
    if (coordinator.reading === reading) take(coordinator, reading, answer, then, out);
  });
}

function take(
  coordinator: Coordinator,
  reading: Reading,
  answer: Answer<FetchReply>,
  then: Then,
  out: CoordinatorOutbox,
): void {
  if (!answer.ok || answer.value.error !== "NONE") return retry(coordinator, out);
  const next = reading.words.take(answer.value.records, reading.offset);
  if (next === reading.offset) {
    // To wait for what is said to be there already would end at once, and be begun again at once.
    if (answer.value.highWatermark > reading.offset) return retry(coordinator, out);
    return awaitCommit(coordinator, reading, then, out);
  }
  reading.offset = next;
  readOn(coordinator, reading, then, out);
}

/** All that is committed has been read, and the goal is further on. That costs nobody anything, however long it takes. */
function awaitCommit(coordinator: Coordinator, reading: Reading, then: Then, out: CoordinatorOutbox): void {
  const readMs = out.monotonic() - reading.readsSinceMs;
  const wait = {
    key: out.self,
    above: reading.offset,
    isolation: "read_uncommitted",
    deadlineMs: out.monotonic() + AWAIT_MS,
  } as const;
  out.ask(coordinator.args.replica, "awaitData", wait, (coordinator, answer, out) => {
    if (coordinator.reading !== reading) return;
    // It may have been cut off meanwhile, and then there will be nothing for as long as that lasts.
    if (!answer.ok) return retry(coordinator, out);
    confirm(coordinator, reading, (coordinator, out) => {
      reading.readsSinceMs = out.monotonic() - readMs;
      readOn(coordinator, reading, then, out);
    }, out);
  }, 2 * AWAIT_MS);
}

function finish(coordinator: Coordinator, reading: Reading, then: Then, out: CoordinatorOutbox): void {
  coordinator.reading = undefined;
  coordinator.failures = 0;
  const nowMs = out.monotonic();
  coordinator.restsUntilMs = nowMs + (nowMs - reading.readsSinceMs);
  const { passedOver } = reading.words;
  if (passedOver > 0) {
    const { partition } = coordinator.args;
    const many = passedOver === 1 ? "1 record" : `${passedOver} records`;
    report(coordinator, `${OFFSETS_TOPIC}-${partition}: ${many} could not be understood and were passed over.`, out);
  }
  then(coordinator, reading, out);
}

/** Begins anew a little later, when the last reading that came to its end is as long ago as it took. */
export function retry(coordinator: Coordinator, out: CoordinatorOutbox): void {
  coordinator.reading = undefined;
  const { failures, restsUntilMs } = coordinator;
  coordinator.failures++;
  const fullMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(failures, 16));
  const waitMs = fullMs - out.random.below(Math.floor(fullMs / 2) + 1);
  out.timer("load", Math.max(waitMs, restsUntilMs - out.monotonic()), "tick", "load");
}
