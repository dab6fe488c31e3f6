/**
 * The consumer as a member: turns what its membership wants into requests, timers and partitions, and tells the listener.
 *
 *     revoke ─▶ not used any more ─▶ what is due is committed ─▶ listener ─▶ handled ─▶ gone
 *     lose   ─▶ gone at once ────────────────────────────────▶ listener ─▶ handled
 *     assign ─▶ here, not used yet ──────────────────────────▶ listener ─▶ handled ─▶ used
 *
 * Invariant: one of these at a time, in the order in which the membership said them; the membership hears `handled` after each.
 *
 * @module
 */
import type { Asker } from "../actor.ts";
import { disconnect } from "./calls.ts";
import { afterCommits, commit } from "./committing.ts";
import { loseCoordinator } from "./coordinator.ts";
import type { MembershipAction, MembershipEvent } from "./membership.ts";
import { askCoordinator } from "./membership_calls.ts";
import { wantMetadata } from "./metadata.ts";
import type { Outcome, RebalanceEvent, TopicPartition } from "./protocol.ts";
import { AssignedPartition } from "./assigned_partition.ts";
import type { Consumer } from "./state.ts";
import { keyOf, nameOf, outcomeOf } from "./values.ts";

type Change = {
  readonly type: "revoke" | "lose" | "assign";
  readonly partitions: readonly TopicPartition[];
  /** What comes then; without it the membership hears that it is handled. */
  readonly then?: () => void;
};

/** What is under way, and who listens. */
export class Rebalances {
  /** What the membership is to hear, while it is in the middle of something. */
  readonly events: MembershipEvent[] = [];
  isTelling = false;
  /** What comes after {@linkcode current}. */
  readonly changes: Change[] = [];
  current: Change | undefined;
  /** What the listener is to deal with; undefined before it is told. */
  told: RebalanceEvent | undefined;
  /** Until when it may do so. */
  dueMs = Infinity;
  number = 0;
  hasListener = false;
  listener: { readonly asker: Asker<RebalanceEvent>; readonly after: number } | undefined;
  /** When the membership wants to be woken; Infinity for never. */
  wakeAtMs = Infinity;
}

/** Tells the membership something, if there is one, and does what it wants. */
export function tellMembership(consumer: Consumer, event: MembershipEvent): void {
  const { rebalances } = consumer;
  rebalances.events.push(event);
  if (rebalances.isTelling) return; // it is heard when what goes on here is done
  rebalances.isTelling = true;
  for (let next; (next = rebalances.events.shift()) !== undefined;) {
    const actions = consumer.membership?.handle(next, consumer.now()) ?? [];
    for (const action of actions) perform(consumer, action);
    proceed(consumer);
  }
  rebalances.isTelling = false;
}

/** Becomes a member, with the subscription as it is. */
export function join(consumer: Consumer): void {
  const { config, deps, subscription, out, coordinator } = consumer;
  const { groupId } = config;
  if (groupId === null || subscription === undefined) return;
  if (consumer.membership === undefined) {
    consumer.membership = deps.memberships[config.groupProtocol]({ ...config, groupId }, out.random);
    consumer.rebalances.wakeAtMs = Infinity;
    const { sessionMs } = coordinator;
    if (sessionMs !== undefined) tellMembership(consumer, { type: "session", timeoutMs: sessionMs });
    if (coordinator.node !== undefined) tellMembership(consumer, { type: "coordinator", isKnown: true });
  }
  tellMembership(consumer, { type: "subscribed", ...subscription });
  tellTopics(consumer);
}

/** Tells the membership which topics there are. */
export function tellTopics(consumer: Consumer): void {
  if (consumer.metadata.version === 0) return; // nothing is known yet, which is not the same as nothing being there
  const topics = new Map(
    [...consumer.metadata.topics.values()].map(({ name, id, partitions }) =>
      [name, { id, partitions: partitions.size }] as const
    ),
  );
  tellMembership(consumer, { type: "metadata", topics });
}

/** Wakes the membership if it wants to be, and ends waits for the listener; returns when to look again. */
export function lookForRebalance(consumer: Consumer, nowMs: number): number {
  const { rebalances } = consumer;
  if (nowMs >= rebalances.wakeAtMs) {
    rebalances.wakeAtMs = Infinity;
    if (consumer.poll !== undefined) tellMembership(consumer, { type: "polled" }); // it waits: it lives
    tellMembership(consumer, { type: "time" });
  }
  if (nowMs >= rebalances.dueMs) handled(consumer, rebalances.told?.number ?? -1);
  return Math.min(rebalances.wakeAtMs, rebalances.dueMs);
}

function perform(consumer: Consumer, action: MembershipAction): void {
  const { rebalances } = consumer;
  switch (action.type) {
    case "request":
      return askCoordinator(consumer, action, (failure) => failFor(consumer, failure));
    case "findCoordinator":
      if (action.isSilent && consumer.coordinator.node !== undefined) {
        disconnect(consumer, consumer.coordinator.node, "control");
      }
      return loseCoordinator(consumer);
    case "lookUp":
      consumer.lookedUp = action.topics;
      return wantMetadata(consumer, true);
    case "wake":
      rebalances.wakeAtMs = action.atMs;
      return;
    case "fail":
      return failFor(consumer, outcomeOf(action.error, action.message));
    case "left":
      return forgetMembership(consumer);
    case "revoke": // from now on, though its turn may come later
      for (const named of action.partitions) withdraw(consumer, named);
      return void rebalances.changes.push(action);
    case "lose":
      for (const named of action.partitions) consumer.partitions.delete(keyOf(named));
      return void rebalances.changes.push(action);
    case "assign":
      return void rebalances.changes.push(action);
  }
}

/** It cannot be a member: every poll says why, and the listener hears what is lost by that. */
function failFor(consumer: Consumer, failure: Outcome): void {
  const { current, changes } = consumer.rebalances;
  // What was lost a moment ago has perhaps not been told.
  const losses = [current, ...changes].flatMap((change) => change?.type === "lose" ? change.partitions : []);
  const lost = new Map([...losses, ...consumer.partitions.values()].map((named) => [keyOf(named), nameOf(named)]));
  consumer.failure = failure;
  forgetMembership(consumer);
  if (lost.size > 0) changes.push({ type: "lose", partitions: [...lost.values()], then: () => {} });
  proceed(consumer);
}

/** It is no member any more: what it had is nobody's business here. */
function forgetMembership(consumer: Consumer): void {
  const { rebalances } = consumer;
  consumer.membership = undefined;
  consumer.lookedUp = [];
  rebalances.changes.length = 0;
  rebalances.events.length = 0;
  rebalances.current = undefined;
  rebalances.told = undefined;
  rebalances.dueMs = Infinity;
  rebalances.wakeAtMs = Infinity;
  consumer.partitions.clear();
  if (consumer.leaving !== undefined) left(consumer);
}

function withdraw({ partitions }: Consumer, named: TopicPartition): void {
  const partition = partitions.get(keyOf(named));
  if (partition === undefined) return;
  partition.isLeaving = true;
  partition.version++; // what is on its way is not for us any more
  partition.buffer.clear();
}

/** Begins with the next change, if none is under way. */
function proceed(consumer: Consumer): void {
  const { rebalances, partitions, config } = consumer;
  if (rebalances.current !== undefined) return;
  const change = rebalances.current = rebalances.changes.shift();
  if (change === undefined) return;
  switch (change.type) {
    case "revoke": {
      if (!change.partitions.some((named) => partitions.has(keyOf(named)))) return done(consumer, change); // given back before
      const then = () => rebalances.current === change && tellListener(consumer, "revoked", change);
      if (!config.enableAutoCommit) return afterCommits(consumer, then); // by the next generation they would be too late
      return commit(consumer, { what: "safe", of: new Set(change.partitions.map(keyOf)), then });
    }
    case "lose": // again: what was assigned before it was lost has perhaps come only now
      for (const named of change.partitions) partitions.delete(keyOf(named));
      return tellListener(consumer, "lost", change);
    case "assign":
      for (const named of change.partitions) {
        const partition = new AssignedPartition(nameOf(named));
        partition.isHeld = true;
        partitions.set(partition.key, partition);
      }
      wantUnknown(consumer);
      return tellListener(consumer, "assigned", change);
  }
}

/** Assigned topics of which nothing is known yet. */
function wantUnknown(consumer: Consumer): void {
  for (const { topic, partition } of consumer.partitions.values()) {
    if (consumer.metadata.leaderOf(topic, partition) === undefined) return wantMetadata(consumer, true);
  }
}

function tellListener(consumer: Consumer, type: RebalanceEvent["type"], { partitions }: Change): void {
  const { rebalances, config } = consumer;
  const event: RebalanceEvent = { number: ++rebalances.number, type, partitions: partitions.map(nameOf) };
  rebalances.told = event;
  if (!rebalances.hasListener) return handled(consumer, event.number);
  rebalances.dueMs = consumer.now() + config.maxPollIntervalMs;
  answerListener(consumer);
}

/** Answers the listener if there is something that it has not heard. */
export function answerListener({ rebalances, out }: Consumer): void {
  const { listener, told } = rebalances;
  if (listener === undefined || told === undefined || told.number <= listener.after) return;
  rebalances.listener = undefined;
  out.reply(listener.asker, told);
}

/** The listener is through with an event, or will not be waited for any longer. */
export function handled(consumer: Consumer, number: number): void {
  const { rebalances, partitions } = consumer;
  const change = rebalances.current;
  if (change === undefined || rebalances.told?.number !== number) return;
  rebalances.told = undefined;
  rebalances.dueMs = Infinity;
  for (const named of change.partitions) {
    if (change.type === "assign") {
      const partition = partitions.get(keyOf(named));
      if (partition !== undefined) partition.isHeld = false;
    } else if (change.type === "revoke") {
      partitions.delete(keyOf(named));
    }
  }
  done(consumer, change);
}

function done(consumer: Consumer, { then }: Change): void {
  consumer.rebalances.current = undefined;
  if (then !== undefined) then();
  else tellMembership(consumer, { type: "handled" });
  proceed(consumer);
}

/** Gives back all partitions, leaves the group (if it is in one), and goes on with `then`. */
export function leave(consumer: Consumer, then: () => void): void {
  if (consumer.leaving !== undefined) return void consumer.leaving.push(then);
  const waiting = consumer.leaving = [then];
  const { membership, partitions, rebalances } = consumer;
  const go = () => {
    if (consumer.leaving !== waiting) return; // it is out already
    if (consumer.membership === undefined || consumer.membership !== membership) return left(consumer);
    consumer.tell({ type: "leave" });
  };
  const all = [...partitions.values()].map(nameOf);
  if (all.length === 0) return afterCommits(consumer, go);
  for (const named of all) withdraw(consumer, named);
  rebalances.changes.push({ type: "revoke", partitions: all, then: go });
  proceed(consumer);
}

function left(consumer: Consumer): void {
  const { leaving } = consumer;
  consumer.partitions.clear();
  consumer.subscription = undefined;
  consumer.mode = "none";
  consumer.leaving = undefined;
  for (const then of leaving ?? []) then();
}
