/**
 * What the group has committed: asked of its coordinator, to know where to begin, or because somebody wants to know.
 *
 * Invariant: what is not spoken of is not known, which is not the same as nothing being committed.
 *
 * @module
 */
import { type ErrorName, errorName, ERRORS } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { offsetFetch } from "../../protocol/tables/groups.ts";
import type { Asker } from "../actor.ts";
import { call } from "./calls.ts";
import { loseCoordinator } from "./coordinator.ts";
import type { OffsetAndMetadata, Outcome, TopicPartition } from "./protocol.ts";
import type { Consumer } from "./state.ts";
import { committable, failed, keyOf, outcomeOf } from "./values.ts";

/** First version that asks for several groups; first that names the member; first that can demand stable offsets. */
const MANY_GROUPS = 8;
const MEMBERS = 9;
const STABLE = 7;

/** Somebody wants to know what is committed. */
export interface CommittedQuestion {
  readonly partitions: readonly TopicPartition[];
  readonly asker: Asker<Outcome & { readonly offsets: readonly OffsetAndMetadata[] }>;
  readonly dueMs: number;
  isAsking: boolean;
  retryAtMs: number;
  attempts: number;
}

/** What is committed of one partition, or why that cannot be told. */
export interface Committed extends OffsetAndMetadata {
  readonly error: ErrorName;
}

/** Whether asking again may help. */
export function isTransient(error: ErrorName): boolean {
  return ERRORS[error].retriable || error === "STALE_MEMBER_EPOCH" || error === "UNKNOWN_MEMBER_ID";
}

/** One question to the coordinator; `then` gets the group's error, or all offsets with errors of their own. */
export function askCommitted(
  consumer: Consumer,
  partitions: readonly TopicPartition[],
  then: (error: ErrorName, offsets: ReadonlyMap<string, Committed>) => void,
): void {
  const { config, membership, mode } = consumer;
  const node = consumer.coordinator.node!;
  const groupId = config.groupId!;
  const isModern = config.groupProtocol === "consumer" && mode === "subscribed" && membership !== undefined;
  const member = isModern && membership.epoch >= 0
    ? { memberId: membership.memberId, memberEpoch: membership.epoch }
    : {};
  const topics = byTopic(partitions);
  call(consumer, {
    to: node,
    lane: "control",
    api: offsetFetch,
    body: (version) => ({
      ...(version >= MANY_GROUPS
        ? { groups: [{ groupId, topics, ...(version >= MEMBERS ? member : {}) }] }
        : { groupId, topics }),
      ...(version >= STABLE ? { requireStable: true } : {}),
    }),
    timeoutMs: config.requestTimeoutMs,
    then(result) {
      if (!result.ok) {
        if (result.why === "unsupported") return then("UNSUPPORTED_VERSION", new Map());
        loseCoordinator(consumer, node);
        return then("COORDINATOR_NOT_AVAILABLE", new Map());
      }
      const { error, offsets } = readCommitted(result.version, result.body);
      if (error === "NOT_COORDINATOR" || error === "COORDINATOR_NOT_AVAILABLE") loseCoordinator(consumer, node);
      if ((error === "STALE_MEMBER_EPOCH" || error === "UNKNOWN_MEMBER_ID") && membership === consumer.membership) {
        consumer.tell({ type: "fenced", error });
      }
      then(error, offsets);
    },
  });
}

function byTopic(partitions: readonly TopicPartition[]) {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) topics.set(topic, [...topics.get(topic) ?? [], partition]);
  return [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
}

function readCommitted(
  version: number,
  body: Response<typeof offsetFetch>,
): { readonly error: ErrorName; readonly offsets: ReadonlyMap<string, Committed> } {
  const group = version >= MANY_GROUPS ? body.groups[0] : body;
  const error = group === undefined ? "UNKNOWN_SERVER_ERROR" : errorName(group.errorCode);
  const offsets = new Map<string, Committed>();
  for (const { name, partitions } of group?.topics ?? []) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode } of partitions) {
      const of = { topic: name, partition: partitionIndex };
      const offset = { offset: Number(committedOffset), leaderEpoch: committedLeaderEpoch };
      offsets.set(keyOf(of), { ...committable(of, offset), metadata: metadata ?? "", error: errorName(errorCode) });
    }
  }
  return { error, offsets };
}

/** Asks what is committed for those who want to know it; returns when to look again. */
export function lookForQuestions(consumer: Consumer, nowMs: number): number {
  let dueMs = Infinity;
  for (const question of [...consumer.questions]) {
    if (nowMs >= question.dueMs) {
      const why = consumer.unreached ?? "The coordinator could not be asked in time.";
      answer(consumer, question, failed("REQUEST_TIMED_OUT", why), []);
      continue;
    }
    dueMs = Math.min(dueMs, question.dueMs);
    if (question.isAsking || consumer.coordinator.node === undefined) continue;
    if (nowMs < question.retryAtMs) {
      dueMs = Math.min(dueMs, question.retryAtMs);
      continue;
    }
    question.isAsking = true;
    askCommitted(consumer, question.partitions, (groupError, offsets) => {
      question.isAsking = false;
      question.retryAtMs = consumer.now() + consumer.backoffMs(question.attempts++);
      const all = [...offsets.values()];
      const error = groupError === "NONE" ? all.find(({ error }) => error !== "NONE")?.error ?? "NONE" : groupError;
      if (isTransient(error)) return;
      answer(consumer, question, outcomeOf(error), error === "NONE" ? all.map(({ error: _, ...one }) => one) : []);
    });
  }
  return dueMs;
}

function answer(
  { questions, out }: Consumer,
  question: CommittedQuestion,
  outcome: Outcome,
  offsets: readonly OffsetAndMetadata[],
): void {
  const at = questions.indexOf(question);
  if (at < 0) return;
  questions.splice(at, 1);
  out.reply(question.asker, { ...outcome, offsets });
}
