/**
 * Who coordinates the consumer's group: looked for when it is needed, and again whenever it turns out to be somebody else.
 *
 *     unknown ──FindCoordinator, of any broker──▶ known ──16, 15, or no answer──▶ unknown
 *
 * Invariant: the membership hears of each change, once.
 *
 * @module
 */
import { errorName } from "../../protocol/errors.ts";
import { findCoordinator } from "../../protocol/tables/groups.ts";
import { call } from "./calls.ts";
import type { KnownNode } from "./metadata.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";

/** Whoever does not answer within this is not waited for; the first who asks may have to wait for a topic to be made. */
const PATIENCE_MS = 10_000;
/** First version that asks for several keys. */
const MANY_KEYS = 4;

/** The search, and what it has found. */
export class CoordinatorSearch {
  node: KnownNode | undefined;
  isAsking = false;
  /** Not to be asked for before this. */
  retryAtMs = 0;
  attempts = 0;
}

/** Looks for the coordinator if it is needed and not known; returns when to look again. */
export function lookForCoordinator(consumer: Consumer, nowMs: number): number {
  const { coordinator, config } = consumer;
  const isNeeded = config.groupId !== null &&
    (consumer.mode !== "none" || consumer.membership !== undefined || consumer.commits.isBusy ||
      consumer.questions.length > 0);
  if (!isNeeded || coordinator.node !== undefined || coordinator.isAsking) return Infinity;
  if (nowMs < coordinator.retryAtMs) return coordinator.retryAtMs;
  ask(consumer, config.groupId);
  return Infinity;
}

/** It is not where it was thought to be. With `node`, only if it is still thought to be that one. */
export function loseCoordinator(consumer: Consumer, node?: KnownNode): void {
  const { coordinator } = consumer;
  if (coordinator.node === undefined || (node !== undefined && coordinator.node !== node)) return;
  coordinator.node = undefined;
  coordinator.retryAtMs = consumer.now() + consumer.backoffMs(coordinator.attempts++);
  consumer.tell({ type: "coordinator", isKnown: false });
}

function ask(consumer: Consumer, groupId: string): void {
  const { coordinator, metadata, config, out } = consumer;
  const to = out.random.pick(metadata.candidates());
  coordinator.isAsking = true;
  call(consumer, {
    to,
    lane: "control",
    api: findCoordinator,
    body: (version) => version >= MANY_KEYS ? { coordinatorKeys: [groupId] } : { key: groupId },
    timeoutMs: Math.min(PATIENCE_MS, config.requestTimeoutMs),
    then(result) {
      coordinator.isAsking = false;
      if (!result.ok) {
        metadata.silent(to);
        return again(consumer);
      }
      metadata.heard(to);
      const { version, body } = result;
      const answer = version >= MANY_KEYS ? body.coordinators.find(({ key }) => key === groupId) : body;
      const error = answer === undefined ? "COORDINATOR_NOT_AVAILABLE" : errorName(answer.errorCode);
      if (error === "NONE") return found(consumer, { id: answer!.nodeId, host: answer!.host, port: answer!.port });
      if (error === "GROUP_AUTHORIZATION_FAILED" || error === "INVALID_GROUP_ID") {
        consumer.failure = outcomeOf(error, answer?.errorMessage ?? null);
      }
      again(consumer);
    },
  });
}

function found(consumer: Consumer, node: KnownNode): void {
  const { coordinator } = consumer;
  coordinator.node = node;
  consumer.tell({ type: "coordinator", isKnown: true });
}

function again(consumer: Consumer): void {
  const { coordinator } = consumer;
  coordinator.retryAtMs = consumer.now() + consumer.backoffMs(coordinator.attempts++);
}
