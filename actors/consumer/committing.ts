/**
 * Commits: one at a time, in the order in which they were asked for, tried again as long as that can help.
 *
 *     asked for ──▶ waits for those before it ──▶ under way ──▶ answered
 *                        ▲                           │ coordinator lost, or loading
 *                        └───────────────────────────┘
 *
 * Invariants: what is committed without being told to is what was handed out before the last poll, of partitions that are here; it is
 * never less than is known to be committed, unless the application has gone back; and a member that has lost its place
 * commits nothing, because an empty group would take it.
 *
 * @module
 */
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { offsetCommit } from "../../protocol/tables/groups.ts";
import { call } from "./calls.ts";
import { loseCoordinator } from "./coordinator.ts";
import type { OffsetAndMetadata, Outcome } from "./protocol.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Consumer } from "./state.ts";
import { committable, failed, FINE, keyOf, outcomeOf, type Position } from "./values.ts";

/** What is to be committed, and what comes then. */
export interface CommitWanted {
  /**
   * Offsets as given; `handedOut` and `safe` are the positions as they are when it is sent; `owned` those of the given ones that are
   * here and not behind what is committed.
   */
  readonly what: "handedOut" | "safe" | { readonly offsets: readonly OffsetAndMetadata[]; readonly owned: boolean };
  /** Of these partitions only. */
  readonly of?: ReadonlySet<string>;
  readonly then: (outcome: Outcome) => void;
}

interface Commit extends CommitWanted {
  /** Not tried again after this. */
  readonly dueMs: number;
}

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
]);
/** It is no member any more, or not the one that it was. */
const FENCED: ReadonlySet<ErrorName> = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "FENCED_INSTANCE_ID",
  "STALE_MEMBER_EPOCH",
  "FENCED_MEMBER_EPOCH",
]);

/** Asks for a commit. `then` runs in this turn when there is nothing to be committed. */
export function commit(consumer: Consumer, wanted: CommitWanted): void {
  const { commits, config } = consumer;
  if (config.groupId === null || (!commits.isBusy && offsetsOf(consumer, wanted).length === 0)) {
    const { then } = wanted;
    return then(FINE);
  }
  commits.queue.push({ ...wanted, dueMs: consumer.now() + config.requestTimeoutMs });
}

/** Commits by itself if that is due; called at each poll. */
export function autoCommit(consumer: Consumer): void {
  const { config, mode, commits } = consumer;
  if (!config.enableAutoCommit || config.groupId === null || mode === "none") return;
  const nowMs = consumer.now();
  if (nowMs < consumer.nextAutoCommitMs || commits.isBusy) return;
  consumer.nextAutoCommitMs = nowMs + config.autoCommitIntervalMs;
  commit(consumer, { what: "safe", then: () => {} });
}

/** Sends the next commit if it can be sent; returns when to look again. */
export function lookForCommits(consumer: Consumer, nowMs: number): number {
  const { commits, coordinator } = consumer;
  while (!commits.isAsking && commits.isBusy) {
    const next = commits.queue[0]!;
    if (nowMs >= next.dueMs) {
      end(consumer, failed("REQUEST_TIMED_OUT", "The coordinator could not be asked in time."));
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

/** What a commit consists of, now. */
function offsetsOf(consumer: Consumer, { what, of }: CommitWanted): readonly OffsetAndMetadata[] {
  if (typeof what === "object") {
    if (!what.owned) return what.offsets;
    return what.offsets.filter((given) => {
      const partition = consumer.partitions.get(keyOf(given));
      return partition !== undefined && isNews(partition, given);
    });
  }
  const offsets: OffsetAndMetadata[] = [];
  for (const partition of consumer.partitions.values()) {
    const position = what === "safe" ? partition.safe : partition.position;
    if (position === undefined || (of !== undefined && !of.has(partition.key))) continue;
    if (isNews(partition, position)) offsets.push(committable(partition, position));
  }
  return offsets;
}

/** Whether it says more than is committed; or less, and the application means it. */
function isNews({ committed, hasSought }: AssignedPartition, { offset }: Position): boolean {
  return offset > committed || (hasSought && offset !== committed);
}

function send(consumer: Consumer, sent: Commit, offsets: readonly OffsetAndMetadata[]): void {
  const { commits, config, membership, mode } = consumer;
  const node = consumer.coordinator.node!;
  const member = mode === "subscribed" ? membership : undefined;
  const epoch = member?.epoch ?? -1;
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
        return again(consumer);
      }
      const error = take(consumer, offsets, result.body);
      if (error === "NONE") return end(consumer, FINE);
      if (LOST.has(error)) loseCoordinator(consumer, node);
      if (FENCED.has(error) && member !== undefined && member === consumer.membership && member.epoch === epoch) {
        consumer.tell({ type: "fenced", error });
      }
      const isMember = member === undefined || (consumer.membership?.epoch ?? -1) >= 0;
      if (isMember && (LOST.has(error) || LATER.has(error))) return again(consumer);
      end(consumer, outcomeOf(error));
    },
  });
}

/** Notes what is committed, and says what is wrong with the rest. */
function take(
  consumer: Consumer,
  offsets: readonly OffsetAndMetadata[],
  { topics }: Response<typeof offsetCommit>,
): ErrorName {
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
    if (error !== "NONE") worst = error;
    const partition = consumer.partitions.get(key);
    if (error !== "NONE" || partition === undefined) continue;
    partition.committed = offset.offset;
    if (offset.offset <= (partition.position?.offset ?? Infinity)) partition.hasSought = false;
  }
  return worst;
}

function again(consumer: Consumer): void {
  const { commits } = consumer;
  commits.retryAtMs = consumer.now() + consumer.backoffMs(commits.attempts++);
}

function end({ commits }: Consumer, outcome: Outcome): void {
  commits.attempts = 0;
  commits.retryAtMs = 0;
  commits.queue.shift()?.then(outcome);
}

function byTopic(offsets: readonly OffsetAndMetadata[]) {
  const topics = new Map<string, OffsetAndMetadata[]>();
  for (const offset of offsets) {
    const there = topics.get(offset.topic);
    if (there === undefined) topics.set(offset.topic, [offset]);
    else there.push(offset);
  }
  return [...topics].map(([name, partitions]) => ({
    name,
    partitions: partitions.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: metadata,
    })),
  }));
}
