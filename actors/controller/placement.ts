/**
 * Where replicas go: spread over racks first, over brokers second, beginning at a random one of those that have the least.
 *
 * Each partition's leader is the broker that has been given the fewest leaders, in the whole cluster; each further replica goes to a rack
 * that has none of this partition yet, there to the broker with the fewest replicas. So RF replicas are on RF racks if there
 * are as many, no broker of a new cluster leads two partitions more than another, and losing a machine with several brokers on it (they share
 * a rack) costs one replica. Brokers that are fenced take what is left over, and lead nothing.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Random } from "../../lib/prng.ts";
import type { Load } from "./replica_index.ts";

/** A broker that can take replicas. */
export interface Site {
  readonly id: number;
  /** Brokers without a rack count as standing alone. */
  readonly rack: string | null;
  /** Whether it can lead; one that cannot is taken last. */
  readonly active: boolean;
  /** What it has already. */
  readonly load: Load;
}

interface Candidate {
  readonly id: number;
  readonly rack: string;
  readonly active: boolean;
  leaders: number;
  replicas: number;
}

/** Larger than any number of replicas. */
const OUTWEIGHS = 2 ** 32;

/** Places partitions; what it has placed counts for what comes after. */
export class Placement {
  readonly #ring: readonly Candidate[];
  readonly #leaders: readonly Candidate[];
  #at: number;

  constructor(sites: readonly Site[], random: Random) {
    this.#ring = [...sites].sort((a, b) => a.id - b.id).map(({ id, rack, active, load }) => ({
      id,
      rack: rack === null ? `broker ${id}` : `rack ${rack}`,
      active,
      leaders: load.leaders,
      replicas: load.replicas,
    }));
    this.#leaders = this.#ring.filter(({ active }) => active);
    this.#at = random.below(Math.max(1, this.#ring.length));
  }

  /** How many brokers there are; none of them can lead unless {@linkcode led}. */
  get size(): number {
    return this.#ring.length;
  }

  get led(): boolean {
    return this.#leaders.length > 0;
  }

  /**
   * The replicas of some new partitions, preferred leader first.
   *
   * @param replicationFactor from 1 to {@linkcode size}
   */
  place(partitions: number, replicationFactor: number): number[][] {
    const possible = this.led && replicationFactor >= 1 && replicationFactor <= this.size;
    assert(possible, "There are not as many brokers as replicas.");
    return Array.from({ length: partitions }, () => {
      const leader = this.#best(({ active, leaders }) => active ? leaders : Infinity);
      this.#at = (this.#ring.indexOf(leader) + 1) % this.size; // also where followers begin, so that they vary with the leader
      leader.leaders++;
      const chosen = [leader];
      while (chosen.length < replicationFactor) chosen.push(this.#follower(chosen));
      for (const candidate of chosen) candidate.replicas++;
      return chosen.map(({ id }) => id);
    });
  }

  #follower(chosen: readonly Candidate[]): Candidate {
    const inRack = (rack: string) => chosen.filter((candidate) => candidate.rack === rack).length;
    return this.#best((candidate) => {
      if (chosen.includes(candidate)) return Infinity;
      const { rack, replicas, active } = candidate;
      return (inRack(rack) + (active ? 0 : this.size)) * OUTWEIGHS + replicas;
    });
  }

  /** The candidate with the lowest cost; of several, the first from where the last leader was on around the ring. */
  #best(costOf: (candidate: Candidate) => number): Candidate {
    let winner = this.#ring[this.#at]!;
    let lowest = costOf(winner);
    for (let step = 1; step < this.size; step++) {
      const candidate = this.#ring[(this.#at + step) % this.size]!;
      const cost = costOf(candidate);
      if (cost < lowest) [winner, lowest] = [candidate, cost];
    }
    return winner;
  }
}
