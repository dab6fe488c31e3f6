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
import type { Board, Holding } from "./board.ts";

/** A member on a way, and by which topic of which member it was reached. */
interface Step {
  readonly member: number;
  readonly topic: number;
  readonly from: Step | undefined;
}

/** Moves partitions until nobody can be relieved. */
export function evenOut(board: Board): void {
  const done = new Uint8Array(board.members.length);
  const sizes = new Sizes(board);
  for (let member = heaviest(board, done); member !== undefined; member = heaviest(board, done)) {
    const way = findWay(board, sizes, member, done);
    for (let step = way; step?.from !== undefined; step = step.from) {
      const { member: to, topic, from: { member: from } } = step;
      board.give(pickOf(board, from, topic, to), to);
      sizes.changed(from, topic, -1);
      sizes.changed(to, topic, 1);
    }
  }
}

function heaviest(board: Board, done: Readonly<Uint8Array>): number | undefined {
  let found: number | undefined;
  for (let member = 0; member < done.length; member++) {
    if (done[member] === 0 && (found === undefined || board.load(member) > board.load(found))) found = member;
  }
  return found;
}

/** The end of a shortest way to a member with at least two fewer; without one, all that were reached are done. */
function findWay(board: Board, sizes: Sizes, start: number, done: Uint8Array): Step | undefined {
  const enough = board.load(start) - 2;
  const reached = new Set([start]);
  const seen = new Set<number>();
  const queue: Step[] = [{ member: start, topic: -1, from: undefined }];
  for (const from of queue) {
    for (const topic of sizes.topicsOf(from.member)) {
      if (seen.has(topic)) continue;
      seen.add(topic);
      const { subscribers } = board.topics[topic]!;
      let best: number | undefined;
      for (const member of subscribers) {
        if (done[member] !== 0 || best !== undefined && board.load(member) >= board.load(best)) continue;
        if (!reached.has(member)) best = member;
      }
      if (best !== undefined && board.load(best) <= enough) return { member: best, topic, from };
      for (const member of subscribers) {
        if (done[member] !== 0 || reached.has(member)) continue;
        reached.add(member);
        queue.push({ member, topic, from });
      }
    }
  }
  for (const member of reached) done[member] = 1;
  return undefined;
}

/** The partition of a topic that goes: one that its next owner had, else one that this owner did not have, else the last. */
function pickOf(board: Board, from: number, topic: number, to: number): number {
  const { kept, fresh } = board.held[from]!.get(topic)!;
  return fresh.find((partition) => board.former[partition] === to) ?? fresh.at(-1) ?? kept.at(-1)!;
}

/** Which topics members have most of. Members are looked at when they are first asked for: most never are. */
class Sizes {
  readonly #board: Board;
  /** By member, and by how many partitions of them it has, the topics that others are subscribed to as well. */
  readonly #levels: (Set<number>[] | undefined)[] = [];

  constructor(board: Board) {
    this.#board = board;
  }

  /** Its topics, those with most partitions first. */
  *topicsOf(member: number): Iterable<number> {
    const levels = this.#levels[member] ??= this.#levelsOf(member);
    while (levels.at(-1)?.size === 0) levels.pop();
    for (let size = levels.length - 1; size > 0; size--) yield* levels[size]!;
  }

  /** A member has one more or fewer of a topic, by now. */
  changed(member: number, topic: number, by: 1 | -1): void {
    const levels = this.#levels[member];
    if (levels === undefined) return;
    const size = sizeOf(this.#board.held[member]!.get(topic));
    levels[size - by]?.delete(topic);
    while (levels.length <= size) levels.push(new Set());
    levels[size]!.add(topic);
  }

  #levelsOf(member: number): Set<number>[] {
    const levels: Set<number>[] = [];
    for (const [topic, holding] of this.#board.held[member]!) {
      if (this.#board.topics[topic]!.subscribers.length < 2) continue;
      const size = sizeOf(holding);
      while (levels.length <= size) levels.push(new Set());
      levels[size]!.add(topic);
    }
    return levels;
  }
}

function sizeOf(holding: Holding | undefined): number {
  return holding === undefined ? 0 : holding.kept.length + holding.fresh.length;
}
