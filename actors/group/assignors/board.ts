/**
 * Members and partitions as numbers, and who has what: what assignors work on.
 *
 *     partitions   0 1 2 │ 3 4 │ 5 6 7 8 │ …     topics by id, one behind the other
 *     members      static ones by instance, then the others by id
 *
 * Invariant: `owners` and `held` say the same, and nobody holds a partition of a topic that it is not subscribed to.
 *
 * @module
 */
import { assert } from "../../../lib/assert.ts";
import type { Assignment, AssignorInput, AssignorMember } from "../assignor.ts";

/** A topic that somebody is subscribed to. */
export interface BoardTopic {
  readonly topicId: string;
  /** Number of its partition 0. */
  readonly first: number;
  readonly count: number;
  /** Members, by number, ascending. */
  readonly subscribers: readonly number[];
  /** By partition, see `TopologyTopic`. */
  readonly racks: readonly (readonly string[])[];
}

/** Partitions of one topic that one member has, ascending: apart from each other what it had before and what is new to it. */
export interface Holding {
  readonly kept: number[];
  readonly fresh: number[];
}

/** Owner of a partition that nobody has. */
export const NOBODY = -1;

/** Who has what. */
export class Board {
  readonly members: readonly AssignorMember[];
  /** By topic id. */
  readonly topics: readonly BoardTopic[];
  /** How many partitions there are. */
  readonly count: number;
  /** By partition, the number of its topic. */
  readonly topicOf: Int32Array;
  /** By partition, the number of its member, or {@linkcode NOBODY}. */
  readonly owners: Int32Array;
  /** By partition, the member that had it before, or {@linkcode NOBODY}. */
  readonly former: Int32Array;
  /** By member, what it has of each topic, by number; nothing empty. */
  readonly held: readonly Map<number, Holding>[];
  /** By member, how many partitions it has. */
  readonly #loads: Int32Array;

  constructor({ members, topology }: AssignorInput) {
    this.members = inOrder(members);
    const subscribers = new Map<string, number[]>();
    this.members.forEach(({ topicIds }, member) => {
      for (const topicId of topicIds) {
        const others = subscribers.get(topicId);
        if (others === undefined) subscribers.set(topicId, [member]);
        else others.push(member);
      }
    });
    const topics: BoardTopic[] = [];
    let first = 0;
    for (const topicId of [...subscribers.keys()].sort(byText)) {
      const topic = topology.topics.get(topology.names.get(topicId) ?? "");
      if (topic === undefined) continue;
      const { partitions: count, racks } = topic;
      topics.push({ topicId, first, count, racks, subscribers: subscribers.get(topicId)! });
      first += count;
    }
    this.topics = topics;
    this.count = first;
    this.topicOf = new Int32Array(first);
    topics.forEach(({ first, count }, topic) => this.topicOf.fill(topic, first, first + count));
    this.owners = new Int32Array(first).fill(NOBODY);
    this.former = new Int32Array(first).fill(NOBODY);
    this.held = this.members.map(() => new Map());
    this.#loads = new Int32Array(this.members.length);
  }

  /** How many partitions a member has. */
  load(member: number): number {
    return this.#loads[member]!;
  }

  /** Whether a member may have a partition. */
  mayHave(member: number, partition: number): boolean {
    return this.members[member]!.topicIds.has(this.topics[this.topicOf[partition]!]!.topicId);
  }

  /** Whether a partition has a replica in a member's rack. */
  isAtHome(partition: number, member: number): boolean {
    const { rackId } = this.members[member]!;
    if (rackId === null) return false;
    const { racks, first } = this.topics[this.topicOf[partition]!]!;
    return racks[partition - first]?.includes(rackId) ?? false;
  }

  /** Gives a partition to a member; whoever had it has it no longer. */
  give(partition: number, member: number): void {
    assert(this.mayHave(member, partition), `${this.members[member]!.memberId} is not subscribed to that topic`);
    const topic = this.topicOf[partition]!;
    const before = this.owners[partition]!;
    if (before !== NOBODY) {
      this.#loads[before]!--;
      const holding = this.held[before]!.get(topic)!;
      const list = this.#listOf(holding, partition, before);
      list.splice(placeOf(list, partition), 1);
      if (holding.kept.length + holding.fresh.length === 0) this.held[before]!.delete(topic);
    }
    let holding = this.held[member]!.get(topic);
    if (holding === undefined) this.held[member]!.set(topic, holding = { kept: [], fresh: [] });
    const list = this.#listOf(holding, partition, member);
    list.splice(placeOf(list, partition), 0, partition);
    this.#loads[member]!++;
    this.owners[partition] = member;
  }

  #listOf({ kept, fresh }: Holding, partition: number, member: number): number[] {
    return this.former[partition] === member ? kept : fresh;
  }

  /** Leaves everybody what it had, where it is still there and still its to have; the first of two who claim the same keeps it. */
  restore(): void {
    this.members.forEach(({ assigned, topicIds }, member) => {
      for (const { topicId, first, count } of this.topics) {
        if (!topicIds.has(topicId)) continue;
        for (const index of assigned.get(topicId) ?? []) {
          // What classic members bring along is what a client of theirs has made of it.
          if (index < 0 || index >= count || this.owners[first + index] !== NOBODY) continue;
          this.former[first + index] = member;
          this.give(first + index, member);
        }
      }
    });
  }

  /** What everybody has, as assignors answer it. */
  assignments(): ReadonlyMap<string, Assignment> {
    const result = this.members.map(() => new Map<string, number[]>());
    for (const { topicId, first, count } of this.topics) {
      for (let index = 0; index < count; index++) {
        const mine = result[this.owners[first + index]!];
        const list = mine?.get(topicId);
        if (list === undefined) mine?.set(topicId, [index]);
        else list.push(index);
      }
    }
    return new Map(this.members.map(({ memberId }, member) => [memberId, result[member]!]));
  }
}

/** Where a number is in a list, or would be. */
function placeOf(list: readonly number[], value: number): number {
  let low = 0;
  // Mostly lists grow, and shrink, at their ends.
  let high = list.length;
  if (high > 0 && list[high - 1]! < value) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Static members by their instance, so that the next incarnation of one stands where it stood; then the others. */
function inOrder(members: AssignorInput["members"]): AssignorMember[] {
  return [...members.values()].sort((a, b) => {
    if ((a.instanceId === null) !== (b.instanceId === null)) return a.instanceId === null ? 1 : -1;
    return byText(a.instanceId ?? "", b.instanceId ?? "") || byText(a.memberId, b.memberId);
  });
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
