/**
 * Where replicas go: spread over racks first, over brokers second, beginning at a random broker.
 *
 * Each partition's leader is the broker that has been given the fewest leaders; each further replica goes to a rack that has
 * none of this partition yet, there to the broker with the fewest replicas. So RF replicas are on RF racks if there are as
 * many, no broker leads two partitions more than another, and losing a machine with several brokers on it (they share a
 * rack) costs one replica.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Random } from "../../lib/prng.ts";

/** A broker that can take replicas. */
export interface Site {
  readonly id: number;
  /** Brokers without a rack count as standing alone. */
  readonly rack: string | null;
}

interface Candidate {
  readonly id: number;
  readonly rack: string;
  leaders: number;
  replicas: number;
}

/**
 * The replicas of some new partitions, preferred leader first.
 *
 * @param replicationFactor from 1 to the number of sites
 */
export function place(
  sites: readonly Site[],
  partitions: number,
  replicationFactor: number,
  random: Random,
): number[][] {
  assert(replicationFactor >= 1 && replicationFactor <= sites.length, "There are not as many brokers as replicas.");
  const ring: Candidate[] = [...sites].sort((a, b) => a.id - b.id).map(({ id, rack }) => ({
    id,
    rack: rack === null ? `broker ${id}` : `rack ${rack}`,
    leaders: 0,
    replicas: 0,
  }));
  let at = random.below(ring.length);
  return Array.from({ length: partitions }, () => {
    const leader = best(ring, at, (candidate) => candidate.leaders);
    at = (ring.indexOf(leader) + 1) % ring.length; // also where the followers begin, so that they vary with the leader
    leader.leaders++;
    const chosen = [leader];
    while (chosen.length < replicationFactor) chosen.push(follower(ring, at, chosen));
    for (const candidate of chosen) candidate.replicas++;
    return chosen.map(({ id }) => id);
  });
}

function follower(ring: readonly Candidate[], at: number, chosen: readonly Candidate[]): Candidate {
  const inRack = (rack: string) => chosen.filter((candidate) => candidate.rack === rack).length;
  return best(ring, at, (candidate) => {
    if (chosen.includes(candidate)) return Infinity;
    return inRack(candidate.rack) * 2 ** 32 + candidate.replicas; // racks weigh more than any number of replicas
  });
}

/** The candidate with the lowest cost; of several, the first from `at` on around the ring. */
function best(ring: readonly Candidate[], at: number, costOf: (candidate: Candidate) => number): Candidate {
  let winner = ring[at]!;
  let lowest = costOf(winner);
  for (let step = 1; step < ring.length; step++) {
    const candidate = ring[(at + step) % ring.length]!;
    const cost = costOf(candidate);
    if (cost < lowest) [winner, lowest] = [candidate, cost];
  }
  return winner;
}
