/**
 * The `range` assignor: each topic by itself, in runs of neighbouring partitions.
 *
 *     7 partitions, 3 members     0 1 2 │ 3 4 │ 5 6
 *
 * Topics with as many partitions and the same subscribers are shared out alike, so that who joins two of them by key finds both halves
 * with one member. That leaves no room for racks, nor for what members had before: a member that comes or goes moves the runs.
 *
 * @module
 */
import type { Assignor } from "../assignor.ts";
import { Board } from "./board.ts";

/** Each topic by itself. */
export const rangeAssignor: Assignor = {
  name: "range",

  assign(input) {
    const board = new Board(input);
    for (const { first, count, subscribers } of board.topics) {
      const least = Math.floor(count / subscribers.length);
      const longer = count % subscribers.length;
      let next = first;
      subscribers.forEach((member, index) => {
        const end = next + least + (index < longer ? 1 : 0);
        while (next < end) board.give(next++, member);
      });
    }
    return board.assignments();
  },
};
