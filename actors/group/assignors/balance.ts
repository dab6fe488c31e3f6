/**
 * Evens out who has how much, in as few moves as it can see.
 *
 *     a: 5 ──partition of t──▶ b: 4 ──partition of u──▶ c: 3        (a and c share no topic; b stays as it is)
 *
 * From the most loaded member the shortest such way to a member that has at least two fewer is looked for. When there is none, neither
 * that member nor anybody it can give to will ever have one: all of them are done. Members are taken by falling load, so there are no
 * more searches than moves and members.
 *
 * @module
 */
import type { Board } from "./board.ts";

/** A member on a way, and by which topic of which member it was reached. */
interface Step {
  readonly member: number;
  readonly topic: number;
  readonly from: Step | undefined;
}

/** Moves partitions until nobody can be relieved. */
export function evenOut(board: Board): void {
  const done = new Set<number>();
  for (let member = heaviest(board, done); member !== undefined; member = heaviest(board, done)) {
    const way = findWay(board, member, done);
    for (let step = way; step?.from !== undefined; step = step.from) {
      board.give(pickOf(board, step.from.member, step.topic, step.member), step.member);
    }
  }
}

function heaviest(board: Board, done: ReadonlySet<number>): number | undefined {
  let found: number | undefined;
  for (let member = 0; member < board.members.length; member++) {
    if (!done.has(member) && (found === undefined || board.load(member) > board.load(found))) found = member;
  }
  return found;
}

/** The end of a shortest way to a member with at least two fewer; without one, all that were reached are done. */
function findWay(board: Board, start: number, done: Set<number>): Step | undefined {
  const enough = board.load(start) - 2;
  const reached = new Set([start]);
  const seen = new Set<number>();
  const queue: Step[] = [{ member: start, topic: -1, from: undefined }];
  for (const from of queue) {
    for (const topic of topicsBySize(board, from.member)) {
      if (seen.has(topic)) continue;
      seen.add(topic);
      let best: number | undefined;
      for (const member of board.topics[topic]!.subscribers) {
        if (reached.has(member) || done.has(member)) continue;
        if (best === undefined || board.load(member) < board.load(best)) best = member;
        reached.add(member);
        queue.push({ member, topic, from });
      }
      if (best !== undefined && board.load(best) <= enough) return { member: best, topic, from };
    }
  }
  for (const member of reached) done.add(member);
  return undefined;
}

/** The topics that a member has partitions of, those with most of them first. */
function topicsBySize(board: Board, member: number): number[] {
  const counts = new Map<number, number>();
  for (const partition of board.held[member]!) {
    const topic = board.topicOf[partition]!;
    counts.set(topic, (counts.get(topic) ?? 0) + 1);
  }
  return [...counts].sort(([a, countA], [b, countB]) => countB - countA || a - b).map(([topic]) => topic);
}

/** The partition of a topic that goes: one that its next owner had, else one that this owner did not have, else the last. */
function pickOf(board: Board, from: number, topic: number, to: number): number {
  const { first, topicId } = board.topics[topic]!;
  const had = (member: number, partition: number) =>
    board.members[member]!.assigned.get(topicId)?.includes(partition - first) ?? false;
  let last = -1;
  let fresh = -1;
  for (const partition of board.held[from]!) {
    if (board.topicOf[partition] !== topic) continue;
    if (had(to, partition)) return partition;
    if (partition > last) last = partition;
    if (partition > fresh && !had(from, partition)) fresh = partition;
  }
  return fresh >= 0 ? fresh : last;
}
