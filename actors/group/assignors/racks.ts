/**
 * Brings partitions to members in the racks where their replicas are, as far as nobody gets more or fewer for it.
 *
 *     a (rack 1): p      b (rack 2): q        p lies in rack 2, q in rack 1      ─▶      a: q      b: p
 *
 * A partition goes to a member of its rack that has one fewer, or changes places with one that does no better there. Every such move
 * leaves fewer partitions in a rack that is not theirs, so they come to an end; and when there is none left, nothing is moved.
 *
 * @module
 */
import type { Board } from "./board.ts";

/** Changes owners until none of these moves is left. */
export function bringToRacks(board: Board): void {
  if (board.members.every(({ rackId }) => rackId === null)) return;
  for (let moved = true; moved;) {
    moved = false;
    for (let partition = 0; partition < board.count; partition++) {
      if (!board.isAtHome(partition, board.owners[partition]!) && bringHome(board, partition)) moved = true;
    }
  }
}

/** Finds a place for a partition in one of its racks. */
function bringHome(board: Board, partition: number): boolean {
  const owner = board.owners[partition]!;
  const hosts = board.topics[board.topicOf[partition]!]!.subscribers.filter((member) =>
    board.isAtHome(partition, member)
  );
  const lighter = hosts.find((member) => board.load(member) < board.load(owner));
  if (lighter !== undefined) {
    board.give(partition, lighter);
    return true;
  }
  for (const host of hosts) {
    for (const other of board.held[host]!) {
      const isNoWorse = board.isAtHome(other, owner) || !board.isAtHome(other, host);
      if (!isNoWorse || !board.mayHave(owner, other)) continue;
      board.give(partition, host);
      board.give(other, owner);
      return true;
    }
  }
  return false;
}
