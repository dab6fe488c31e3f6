/**
 * Brings partitions to members in the racks where their replicas are, as far as nobody gets more or fewer for it.
 *
 *     a (rack 1): p      b (rack 2): q        p lies in rack 2, q in rack 1      ─▶      a: q      b: p
 *
 * A partition goes to a member of its rack that has one fewer, or changes places with one that does no better there. Every such move
 * leaves fewer partitions in a rack that is not theirs, so they come to an end; and when there is none left, nothing is moved.
 *
 * It is done in rounds. What a member could part with is listed once in a round for all owners that are alike, and a partition that was tried
 * is taken off that list: where no exchange is possible, the lists are soon empty, and no partition is tried for every other. What a member
 * gets in a round is listed in the next.
 *
 * @module
 */
import type { Board } from "./board.ts";

/** Changes owners until none of these moves is left. */
export function bringToRacks(board: Board): void {
  if (board.members.every(({ rackId }) => rackId === null)) return;
  const places = new Places(board);
  for (let moved = true; moved;) {
    moved = false;
    places.begin();
    for (let partition = 0; partition < board.count; partition++) {
      if (!board.isAtHome(partition, board.owners[partition]!) && bringHome(board, partition, places)) moved = true;
    }
  }
}

/** Finds a place for a partition in one of its racks. */
function bringHome(board: Board, partition: number, places: Places): boolean {
  const owner = board.owners[partition]!;
  const hosts = places.hostsOf(partition);
  const lighter = hosts.find((member) => board.load(member) < board.load(owner));
  if (lighter !== undefined) {
    board.give(partition, lighter);
    return true;
  }
  for (const host of hosts) {
    const other = places.take(host, owner);
    if (other === undefined) continue;
    board.give(partition, host);
    board.give(other, owner);
    return true;
  }
  return false;
}

/** Who could have a partition, and what for. */
class Places {
  readonly #board: Board;
  /** By member, the number of its kind: those of a kind have the same subscription and rack. */
  readonly #kinds: Int32Array;
  /** By topic, and racks of a partition: members. */
  readonly #hosts = new Map<string, readonly number[]>();
  /** By member, and kind of owner: what it could give to such a one, the next one last. */
  readonly #spare = new Map<number, number[]>();

  constructor(board: Board) {
    this.#board = board;
    const numbers = new Map<ReadonlySet<string>, Map<string | null, number>>();
    let count = 0;
    this.#kinds = Int32Array.from(board.members, ({ topicIds, rackId }) => {
      let byRack = numbers.get(topicIds);
      if (byRack === undefined) numbers.set(topicIds, byRack = new Map());
      if (!byRack.has(rackId)) byRack.set(rackId, count++);
      return byRack.get(rackId)!;
    });
  }

  /** Another round: what members have is looked up anew. */
  begin(): void {
    this.#spare.clear();
  }

  /** Who may have a partition and is in one of its racks. */
  hostsOf(partition: number): readonly number[] {
    const topic = this.#board.topicOf[partition]!;
    const { first, racks, subscribers } = this.#board.topics[topic]!;
    const key = JSON.stringify([topic, racks[partition - first]]);
    let hosts = this.#hosts.get(key);
    if (hosts === undefined) {
      hosts = subscribers.filter((member) => this.#board.isAtHome(partition, member));
      this.#hosts.set(key, hosts);
    }
    return hosts;
  }

  /** A partition of a host that does no worse with this owner. It is not offered again in this round. */
  take(host: number, owner: number): number | undefined {
    const key = host * this.#kinds.length + this.#kinds[owner]!;
    let spare = this.#spare.get(key);
    if (spare === undefined) this.#spare.set(key, spare = this.#spareOf(host, owner));
    let partition = spare.pop();
    while (partition !== undefined && this.#board.owners[partition] !== host) partition = spare.pop();
    return partition;
  }

  #spareOf(host: number, owner: number): number[] {
    const board = this.#board;
    const spare: number[] = [];
    const { topicIds } = board.members[owner]!;
    for (const [topic, { kept, fresh }] of board.held[host]!) {
      if (!topicIds.has(board.topics[topic]!.topicId)) continue;
      for (const partition of [...kept, ...fresh]) {
        if (board.isAtHome(partition, owner) || !board.isAtHome(partition, host)) spare.push(partition);
      }
    }
    return spare;
  }
}
