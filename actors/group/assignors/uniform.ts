/**
 * The `uniform` assignor: as even as can be, and as little moved as can be.
 *
 *     what members had ─▶ what nobody has, to the least loaded ─▶ evened out ─▶ to the racks where it lies
 *
 * Even means: nobody could be relieved of a partition, be it over several others, by a member that has at least two fewer. With one
 * subscription for all, no two members are more than one apart.
 *
 * Invariant: what comes out, put in again with nothing changed, comes out the same.
 *
 * @module
 */
import type { Assignor } from "../assignor.ts";
import { evenOut } from "./balance.ts";
import { Board, NOBODY } from "./board.ts";
import { bringToRacks } from "./racks.ts";

/** As even as can be. */
export const uniformAssignor: Assignor = {
  name: "uniform",

  assign(input) {
    const board = new Board(input);
    board.restore();
    fill(board);
    evenOut(board);
    bringToRacks(board);
    return board.assignments();
  },
};

/** Gives what nobody has to whoever has least; topics with few subscribers first, since the others have more to choose from. */
function fill(board: Board): void {
  const topics = [...board.topics].sort((a, b) => a.subscribers.length - b.subscribers.length);
  for (const { first, count, subscribers } of topics) {
    for (let partition = first; partition < first + count; partition++) {
      if (board.owners[partition] !== NOBODY) continue;
      board.give(partition, leastLoaded(board, partition, subscribers));
    }
  }
}

/** Of several that have as little, the first in one of the partition's racks. */
function leastLoaded(board: Board, partition: number, subscribers: readonly number[]): number {
  let least = subscribers[0]!;
  let isHome = board.isAtHome(partition, least);
  for (const member of subscribers) {
    const more = board.load(member) - board.load(least);
    if (more > 0 || (more === 0 && (isHome || !board.isAtHome(partition, member)))) continue;
    least = member;
    isHome = board.isAtHome(partition, member);
  }
  return least;
}
