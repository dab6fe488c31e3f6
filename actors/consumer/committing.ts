/**
 * Commits: one at a time, in the order in which they were asked for, tried again as long as that can help.
 *
 *     asked for ──▶ waits for those before it ──▶ under way ──▶ answered
 *                        ▲                           │ coordinator lost, or loading
 *                        └───────────────────────────┘
 *
 * Invariants: what is committed without being told to is what was handed out before the last poll, of partitions that are here; it is
 * never less than is known to be committed, unless the application has gone back, or what was committed is not in the log any more; a
 * member that has lost its place commits nothing, because an empty group would take it; and nothing is committed of a partition that has
 * gone since, because the group would take that over what the next owner has committed.
 *
 * @module
 */
import { type ErrorName, errorName, ERRORS } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { offsetCommit } from "../../protocol/tables/groups.ts";
import { call } from "./calls.ts";
import {
  byTopic,
  type Commit,
  type CommitWanted,
  goneSince,
  heldOf,
  isNews,
  isOfOther,
  offsetsOf,
} from "./commit_contents.ts";
import { loseCoordinator } from "./coordinator.ts";
import type { Membership } from "./membership.ts";
import { wantMetadata } from "./metadata.ts";
import type { OffsetAndMetadata, Outcome } from "./protocol.ts";
import type { Consumer } from "./state.ts";
import { failed, FINE, keyOf, outcomeOf } from "./values.ts";

/** Commits that wait, and the one that is under way. */
export class Commits {
  readonly queue: Commit[] = [];
  isAsking = false;
  retryAtMs = 0;
  attempts = 0;

  get isBusy(): boolean {
    return this.queue.length > 0;
  }
}

/** First version that carries the id of a static member. */
const INSTANCE_IDS = 7;
/** Another coordinator has to be found. */
const LOST: ReadonlySet<ErrorName> = new Set(["COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR", "REQUEST_TIMED_OUT"]);
/** The same one may take it later. */
const LATER: ReadonlySet<ErrorName> = new Set([
  "COORDINATOR_LOAD_IN_PROGRESS",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "STALE_MEMBER_EPOCH",
  "REBALANCE_IN_PROGRESS",
]);
/** Perhaps there is no such topic any more. */
const NO_TOPIC: ReadonlySet<ErrorName> = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"]);
/** It is no member any more, or not the one that it was. */
const FENCED: ReadonlySet<ErrorName> = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "FENCED_INSTANCE_ID",
  "STALE_MEMBER_EPOCH",
  "FENCED_MEMBER_EPOCH",
  "REBALANCE_IN_PROGRESS",
]);
const NOTHING = { offsets: [], owned: false };

/** Asks for a commit. `then` runs in this turn when there is nothing to be committed. */
export function commit(consumer: Consumer, wanted: CommitWanted): void {
  const { commits, config } = consumer;
  if (config.groupId === null || (!commits.isBusy && offsetsOf(consumer, wanted).length === 0)) {
    const { then } = wanted;
    return then(FINE, []);
  }
  const problem = "The coordinator could not be asked in time.";
  const dueMs = consumer.now() + config.requestTimeoutMs;
  const falls = typeof wanted.what === "object" ? fallsOf(consumer, wanted.what.offsets) : undefined;
  commits.queue.push({ ...wanted, held: heldOf(consumer, wanted), falls, problem, dueMs });
}

function fallsOf({ partitions }: Consumer, offsets: readonly OffsetAndMetadata[]): NonNullable<Commit["falls"]> {
  return new Map(offsets.map(keyOf).map((key) => [key, partitions.get(key)?.mayFallTo]));
}

/** Commits those that are the consumer's own and are news, and says so when some were its own and are not any more. */
export function commitOwned(
  consumer: Consumer,
  offsets: readonly OffsetAndMetadata[],
  then: (outcome: Outcome) => void,
): void {
  const what = { offsets, owned: true };
  const isMember = consumer.mode === "subscribed";
  const held = heldOf(consumer, { what });
  const isGone = (one: OffsetAndMetadata) => {
    const before = held.get(keyOf(one));
    return isMember && (before === undefined || consumer.partitions.get(before.key) !== before);
  };
  const isOther = (one: OffsetAndMetadata) => {
    const partition = consumer.partitions.get(keyOf(one));
    return partition !== undefined && isNews(partition, one) && isOfOther(consumer, partition);
  };
  commit(consumer, {
    what,
    then(outcome, taken) {
      if (outcome.error !== "NONE") return then(outcome);
      const left = offsets.filter((one) => !taken.includes(one));
      const gone = left.find(isGone);
      const other = left.find(isOther);
      if (other !== undefined) wantMetadata(consumer); // perhaps that was not so any more
      then(gone !== undefined ? goneBefore(gone) : other !== undefined ? ofOther(other) : outcome);
    },
  });
}

function ofOther({ topic, partition }: OffsetAndMetadata): Outcome {
  const why = `The topic that ${topic}-${partition} was read of is not there any more, or is another one.`;
  return failed("UNKNOWN_TOPIC_OR_PARTITION", why);
}

function goneBefore({ topic, partition }: OffsetAndMetadata): Outcome {
  const why = `${topic}-${partition} has been given back, or lost, before it could be committed.`;
  return failed("ILLEGAL_GENERATION", why);
}

/** Goes on with `then` when all that was asked for so far is committed, or cannot be. */
export function afterCommits(consumer: Consumer, then: () => void): void {
  commit(consumer, { what: NOTHING, then });
}

/** Partitions that were assigned by hand are about to go: commits what is safe of them as it is now. */
export function commitBeforeGoing(consumer: Consumer, of: ReadonlySet<string>): void {
  const offsets = offsetsOf(consumer, { what: "safe", of });
  commit(consumer, { what: { offsets, owned: false }, then: () => {} });
}

/** Commits by itself if that is due; called at each sign of life. */
export function autoCommit(consumer: Consumer, what: CommitWanted["what"] = "safe"): void {
  const { config, mode, commits } = consumer;
  if (!config.enableAutoCommit || config.groupId === null || mode === "none") return;
  const nowMs = consumer.now();
  if (nowMs < consumer.nextAutoCommitMs || commits.isBusy) return;
  consumer.nextAutoCommitMs = nowMs + config.autoCommitIntervalMs;
  commit(consumer, { what, then: () => {} });
}

/** Sends the next commit if it can be sent; returns when to look again. */
export function lookForCommits(consumer: Consumer, nowMs: number): number {
  const { commits, coordinator } = consumer;
  while (!commits.isAsking && commits.isBusy) {
    const next = commits.queue[0]!;
    if (nowMs >= next.dueMs) {
      end(consumer, failed("REQUEST_TIMED_OUT", consumer.unreached ?? next.problem));
      continue;
    }
    const gone = goneSince(consumer, next);
    if (gone !== undefined) {
      end(consumer, goneBefore(gone));
      continue;
    }
    const offsets = offsetsOf(consumer, next);
    if (offsets.length === 0) {
      end(consumer, FINE);
      continue;
    }
    if (consumer.mode === "subscribed" && (consumer.membership?.epoch ?? -1) < 0) {
      end(consumer, failed("UNKNOWN_MEMBER_ID", "The consumer is no member of its group at this moment."));
      continue;
    }
    if (coordinator.node === undefined) return next.dueMs;
    if (nowMs < commits.retryAtMs) return Math.min(commits.retryAtMs, next.dueMs);
    send(consumer, next, offsets);
  }
  return Infinity;
}

function send(consumer: Consumer, sent: Commit, offsets: readonly OffsetAndMetadata[]): void {
  const { commits, config, membership, mode } = consumer;
  const node = consumer.coordinator.node!;
  const member = mode === "subscribed" ? membership : undefined;
  const epoch = member?.epoch ?? -1;
  const falls = sent.falls ?? fallsOf(consumer, offsets);
  commits.isAsking = true;
  call(consumer, {
    to: node,
    lane: "control",
    api: offsetCommit,
    body: (version) => ({
      groupId: config.groupId!,
      generationIdOrMemberEpoch: epoch,
      memberId: member?.memberId ?? "",
      groupInstanceId: version >= INSTANCE_IDS && member !== undefined ? config.groupInstanceId : null,
      topics: byTopic(offsets),
    }),
    timeoutMs: config.requestTimeoutMs,
    then(result) {
      commits.isAsking = false;
      if (commits.queue[0] !== sent) return; // the consumer has closed meanwhile
      if (!result.ok) {
        if (result.why === "unsupported") return end(consumer, failed("UNSUPPORTED_VERSION", result.message));
        loseCoordinator(consumer, node);
        return again(consumer, sent, result.message);
      }
      const { error, refused } = take(consumer, offsets, falls, result.body);
      if (!LOST.has(error)) consumer.coordinator.attempts = 0;
      if (error === "NONE") return end(consumer, FINE, offsets);
      if (LOST.has(error)) loseCoordinator(consumer, node);
      if (FENCED.has(error) && member !== undefined && member === consumer.membership && member.epoch === epoch) {
        consumer.tell({ type: "fenced", error });
      }
      if (mayHelp(consumer, error, refused, member, epoch)) return again(consumer, sent, ERRORS[error].sentence);
      end(consumer, outcomeOf(error));
    },
  });
}

/** Whether it may be taken when it is tried again. */
function mayHelp(
  consumer: Consumer,
  error: ErrorName,
  refused: readonly OffsetAndMetadata[],
  member: Membership | undefined,
  epoch: number,
): boolean {
  const newEpoch = consumer.membership?.epoch ?? -1;
  if (member !== undefined && (member !== consumer.membership || newEpoch < 0)) return false;
  if (NO_TOPIC.has(error)) {
    wantMetadata(consumer);
    return refused.every(({ topic }) => consumer.metadata.topics.has(topic));
  }
  // It was of the generation before, in which the member was: it keeps what it has, and is in the next one, or is about to be.
  if (error === "ILLEGAL_GENERATION") {
    return member !== undefined && (newEpoch !== epoch || consumer.coordinator.held > 0);
  }
  return LOST.has(error) || LATER.has(error);
}

/**
 * Notes what is committed, and says what is wrong with the rest: the worst of it, and of which. `falls` is where each might fall to when it
 * was sent.
 */
function take(
  consumer: Consumer,
  offsets: readonly OffsetAndMetadata[],
  falls: NonNullable<Commit["falls"]>,
  { topics }: Response<typeof offsetCommit>,
): { readonly error: ErrorName; readonly refused: readonly OffsetAndMetadata[] } {
  const refused: OffsetAndMetadata[] = [];
  const codes = new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) =>
        [keyOf({ topic: name, partition: partitionIndex }), errorCode] as const
      )
    ),
  );
  let worst: ErrorName = "NONE";
  for (const offset of offsets) {
    const key = keyOf(offset);
    const code = codes.get(key);
    const error = code === undefined ? "UNKNOWN_SERVER_ERROR" : errorName(code);
    if (error !== "NONE") {
      worst = error;
      refused.push(offset);
    }
    const partition = consumer.partitions.get(key);
    if (error !== "NONE" || partition === undefined) continue;
    partition.committed = offset.offset;
    // What was asked for before it went back, or is of before, does not end its right to commit less.
    const isOfNow = falls.get(key) === partition.mayFallTo && offset.offset <= (partition.position?.offset ?? Infinity);
    if (isOfNow) partition.mayFallTo = undefined;
  }
  return { error: worst, refused };
}

function again(consumer: Consumer, commit: Commit, problem: string): void {
  const { commits } = consumer;
  commit.problem = `The commit was not taken in time: ${problem}`;
  commits.retryAtMs = consumer.now() + consumer.backoffMs(commits.attempts++);
}

function end({ commits }: Consumer, outcome: Outcome, taken: readonly OffsetAndMetadata[] = []): void {
  commits.attempts = 0;
  commits.retryAtMs = 0;
  commits.queue.shift()?.then(outcome, taken);
}
