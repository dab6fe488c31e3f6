/**
 * Sharing out as evenly as subscriptions allow, while as much as possible stays where it is.
 *
 *     claims (newest generation) ──▶ what nobody has goes to who has least ──▶ from who has most towards who has least, until it is even
 *
 * With different subscriptions a partition may have to move from A to B so that one of B's can move to C: `pathDown` finds the shortest
 * such chain. Even means that no chain leads from a member to another that has at least two less.
 *
 * Invariant: each partition of a topic that somebody is subscribed to is with exactly one member, which is subscribed to it. The same input
 * gives the same output, whatever the order of the members.
 *
 * @module
 */
import type { TopicPartition } from "../protocol.ts";
import {
  type AssignedMember,
  type Assignments,
  comparePartitions,
  inOrder,
  keyOf,
  subscribersByTopic,
} from "./members.ts";

/** What a member had, and as of which generation. */
export interface Claim {
  readonly owned: readonly TopicPartition[];
  readonly generation: number;
}

/** A member while it is dealt with. */
interface Seat extends AssignedMember {
  /** By topic, what it has now. */
  readonly has: Map<string, Set<number>>;
  /** By topic, what it had and may keep. */
  readonly kept: Map<string, Set<number>>;
  /** By topic, what it gives away next, the last one first; nothing when that is to be found out. */
  readonly next: Map<string, number[]>;
  load: number;
}

/** A step of a chain: a partition of this topic goes from the one to the other. */
interface Step {
  readonly from: Seat;
  readonly topic: string;
  readonly to: Seat;
}

/** What each member is to have. */
export function assignStickily(
  members: readonly AssignedMember[],
  partitions: ReadonlyMap<string, number>,
  claimOf: (member: AssignedMember) => Claim,
): Assignments {
  const seats = inOrder(members).map((member): Seat => ({
    ...member,
    has: new Map(),
    kept: new Map(),
    next: new Map(),
    load: 0,
  }));
  const subscribers = subscribersByTopic(seats, partitions);
  const owners = settleClaims(seats, partitions, claimOf);
  fill(subscribers, partitions, owners);
  balance(seats, subscribers);
  return new Map(seats.map((seat) => [seat.memberId, listOf(seat)]));
}

/** Leaves everybody what it claims, if it still may have it. Of several claims the newest counts; of equally new ones none does. */
function settleClaims(
  seats: readonly Seat[],
  partitions: ReadonlyMap<string, number>,
  claimOf: (member: AssignedMember) => Claim,
): Map<string, Seat> {
  const best = new Map<string, { seat: Seat | undefined; generation: number; at: TopicPartition }>();
  for (const seat of seats) {
    const { owned, generation } = claimOf(seat);
    const wanted = new Set(seat.topics);
    for (const at of owned) {
      const exists = at.partition >= 0 && at.partition < (partitions.get(at.topic) ?? 0);
      if (!exists || !wanted.has(at.topic)) continue;
      const other = best.get(keyOf(at));
      if (!other || generation > other.generation) best.set(keyOf(at), { seat, generation, at });
      else if (generation === other.generation && other.seat !== seat) other.seat = undefined;
    }
  }
  const owners = new Map<string, Seat>();
  for (const [key, { seat, at }] of best) {
    if (!seat) continue;
    owners.set(key, seat);
    note(seat.kept, at.topic, at.partition);
    give(seat, at.topic, at.partition);
  }
  return owners;
}

/** Gives what nobody has to those who have least; topics that few want first, for there is less choice. */
function fill(
  subscribers: ReadonlyMap<string, readonly Seat[]>,
  partitions: ReadonlyMap<string, number>,
  owners: ReadonlyMap<string, Seat>,
): void {
  const topics = [...subscribers].sort(([, a], [, b]) => a.length - b.length);
  for (const [topic, seats] of topics) {
    for (let partition = 0; partition < partitions.get(topic)!; partition++) {
      if (owners.has(keyOf({ topic, partition }))) continue;
      let least = seats[0]!;
      for (const seat of seats) if (seat.load < least.load) least = seat;
      give(least, topic, partition);
    }
  }
}

/** Moves one partition at a time, or one along each step of a chain, until nothing gets more even by that. */
function balance(seats: readonly Seat[], subscribers: ReadonlyMap<string, readonly Seat[]>): void {
  for (let hasMoved = true; hasMoved;) {
    hasMoved = false;
    const least = Math.min(...seats.map(({ load }) => load));
    for (const seat of [...seats].sort((a, b) => b.load - a.load)) {
      if (seat.load < least + 2) break;
      const path = pathDown(seat, subscribers);
      if (!path) continue;
      for (const step of path) move(step);
      hasMoved = true;
      break;
    }
  }
}

/** The shortest chain from a member to one that has at least two less; among equally short ones to who has least. */
function pathDown(start: Seat, subscribers: ReadonlyMap<string, readonly Seat[]>): Step[] | undefined {
  const cameBy = new Map<Seat, Step | undefined>([[start, undefined]]);
  const topicsSeen = new Set<string>();
  for (let layer: Seat[] = [start]; layer.length > 0;) {
    const next: Seat[] = [];
    for (const from of layer) {
      for (const [topic, has] of from.has) {
        if (has.size === 0 || topicsSeen.has(topic)) continue;
        topicsSeen.add(topic);
        for (const to of subscribers.get(topic)!) {
          if (cameBy.has(to)) continue;
          cameBy.set(to, { from, topic, to });
          next.push(to);
        }
      }
    }
    let end: Seat | undefined;
    for (const seat of next) if (seat.load <= start.load - 2 && seat.load < (end?.load ?? Infinity)) end = seat;
    if (end) return chainTo(end, cameBy);
    layer = next;
  }
  return undefined;
}

function chainTo(end: Seat, cameBy: ReadonlyMap<Seat, Step | undefined>): Step[] {
  const steps: Step[] = [];
  for (let step = cameBy.get(end); step; step = cameBy.get(step.from)) steps.push(step);
  return steps;
}

/** Moves the partition that matters least: one that goes home, else one that has just come, else the last. */
function move({ from, topic, to }: Step): void {
  const has = from.has.get(topic)!;
  let partition = -1;
  for (const one of to.kept.get(topic) ?? []) if (one > partition && has.has(one)) partition = one;
  if (partition < 0) partition = leastOf(from, topic, has);
  has.delete(partition);
  from.load--;
  give(to, topic, partition);
}

/** Whoever gives away one gives away many: what is next is found out once, until it gets something. */
function leastOf({ kept, next }: Seat, topic: string, has: ReadonlySet<number>): number {
  let order = next.get(topic);
  if (!order) {
    const old = kept.get(topic);
    const isNew = (one: number) => old?.has(one) ? 0 : 1;
    next.set(topic, order = [...has].sort((a, b) => isNew(a) - isNew(b) || a - b));
  }
  for (;;) {
    const last = order.pop()!;
    if (has.has(last)) return last; // else it has gone home
  }
}

function give(seat: Seat, topic: string, partition: number): void {
  note(seat.has, topic, partition);
  seat.next.delete(topic);
  seat.load++;
}

function note(byTopic: Map<string, Set<number>>, topic: string, partition: number): void {
  const there = byTopic.get(topic);
  if (there) there.add(partition);
  else byTopic.set(topic, new Set([partition]));
}

function listOf({ has }: Seat): TopicPartition[] {
  const list: TopicPartition[] = [];
  for (const [topic, partitions] of has) for (const partition of partitions) list.push({ topic, partition });
  return list.sort(comparePartitions);
}
