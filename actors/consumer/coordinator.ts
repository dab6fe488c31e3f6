/**
 * Who coordinates the consumer's group: looked for when it is needed, and again whenever it turns out to be somebody else.
 *
 *     unknown ──FindCoordinator, of any broker──▶ known ──16, 15, or no answer──▶ unknown
 *                                                   └──keeps somebody waiting: is it still the one?──▶ another one: known
 *
 * Invariants: the membership hears of each change, once; no member waits long for a broker that is not the coordinator any more.
 *
 * @module
 */
import { errorName } from "../../protocol/errors.ts";
import { findCoordinator } from "../../protocol/tables/groups.ts";
import { call, disconnect } from "./calls.ts";
import type { KnownNode } from "./metadata.ts";
import type { NodeAddress } from "./network.ts";
import type { Outcome } from "./protocol.ts";
import { askSessionTimeout } from "./session_timeout.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";

/** Whoever does not answer within this is not waited for; the first who asks may have to wait for a topic to be made. */
const PATIENCE_MS = 10_000;
/** First version that asks for several keys. */
const MANY_KEYS = 4;
/**
 * A join may be kept waiting for minutes, rightly. Whether it is by a coordinator that stands still, and that others have replaced, only they
 * can say: they are asked as often as this, for heartbeats, too.
 */
const CHECK_MS = 5_000;

/** The search, and what it has found. */
export class CoordinatorSearch {
  node: KnownNode | undefined;
  isAsking = false;
  /** Not to be asked for before this. */
  retryAtMs = 0;
  attempts = 0;
  /** Requests of the membership that are not answered, and how many of them are joins and syncs. */
  unanswered = 0;
  held = 0;
  /** When to ask whether it is still the one; Infinity while nothing is kept waiting there. */
  checkAtMs = Infinity;
  /** Why nobody says who it is; what the consumer fails with until somebody does. */
  failure: Outcome | undefined;
  /** After so long without a heartbeat it puts members of the new protocol out; undefined when it has not said. */
  sessionMs: number | undefined;
}

/** Looks for the coordinator if it is needed and not known; returns when to look again. */
export function lookForCoordinator(consumer: Consumer, nowMs: number): number {
  const { coordinator, config } = consumer;
  const isNeeded = config.groupId !== null &&
    (consumer.mode !== "none" || consumer.membership !== undefined || consumer.commits.isBusy ||
      consumer.questions.length > 0);
  if (!isNeeded || coordinator.isAsking) return Infinity;
  const dueMs = coordinator.node === undefined ? coordinator.retryAtMs : coordinator.checkAtMs;
  if (nowMs < dueMs) return dueMs;
  ask(consumer, config.groupId);
  return Infinity;
}

/** One more request of the membership is on its way, or one less; with `isHeld` it is a join or a sync. */
export function count(consumer: Consumer, change: 1 | -1, isHeld: boolean): void {
  const { coordinator } = consumer;
  coordinator.unanswered += change;
  if (isHeld) coordinator.held += change;
  if (coordinator.unanswered === 0 || coordinator.checkAtMs === Infinity) checkLater(consumer);
}

function checkLater(consumer: Consumer): void {
  const { coordinator } = consumer;
  coordinator.checkAtMs = coordinator.unanswered > 0 ? consumer.now() + CHECK_MS : Infinity;
}

/** It is not where it was thought to be. With `node`, only if it is still thought to be that one. */
export function loseCoordinator(consumer: Consumer, node?: KnownNode): void {
  const { coordinator } = consumer;
  const lost = coordinator.node;
  if (lost === undefined || (node !== undefined && lost !== node)) return;
  coordinator.node = undefined;
  disconnect(consumer, lost, "coordinator"); // a join that it keeps waiting would be for nothing
  coordinator.retryAtMs = consumer.now() + consumer.backoffMs(coordinator.attempts++);
  consumer.tell({ type: "coordinator", isKnown: false });
}

function ask(consumer: Consumer, groupId: string): void {
  const { coordinator, metadata, config, out } = consumer;
  const doubted = coordinator.node;
  const others = metadata.candidates().filter((one) => doubted === undefined || !isAt(doubted, one));
  const to = out.random.pick(others.length > 0 ? others : metadata.candidates());
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
        consumer.failure = coordinator.failure = outcomeOf(error, answer?.errorMessage ?? null);
      }
      again(consumer);
    },
  });
}

function found(consumer: Consumer, node: KnownNode): void {
  const { coordinator } = consumer;
  const before = coordinator.node;
  if (consumer.failure === coordinator.failure) consumer.failure = undefined;
  coordinator.failure = undefined;
  checkLater(consumer);
  if (before !== undefined && isAt(before, node)) return;
  if (before !== undefined) disconnect(consumer, before, "control"); // what it has not answered it will not
  loseCoordinator(consumer);
  coordinator.node = node;
  askSessionTimeout(consumer, node);
  consumer.tell({ type: "coordinator", isKnown: true });
}

function again(consumer: Consumer): void {
  const { coordinator } = consumer;
  if (coordinator.node !== undefined) return checkLater(consumer);
  coordinator.retryAtMs = consumer.now() + consumer.backoffMs(coordinator.attempts++);
}

function isAt({ host, port }: NodeAddress, other: NodeAddress): boolean {
  return host === other.host && port === other.port;
}
