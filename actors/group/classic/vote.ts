/**
 * Which of their protocols (assignors, for consumers) the members of a classic group speak.
 *
 * @module
 */
import type { ClassicProtocol } from "./convert.ts";

/** Who votes: each lists its protocols, the best one first. */
export interface Voter {
  readonly protocols: readonly ClassicProtocol[];
}

/** The names that every one of them has. */
export function commonProtocols(voters: Iterable<Voter>): Set<string> {
  let common: Set<string> | undefined;
  for (const { protocols } of voters) {
    const own = new Set(protocols.map(({ name }) => name));
    common = common?.intersection(own) ?? own;
  }
  return common ?? new Set();
}

/**
 * The protocol of the next generation: each votes for its first among those that all have. Among equals the one wins that was
 * voted for first, so that the same members always speak the same. Null when there is none, which nobody is let in to cause.
 */
export function selectProtocol(voters: readonly Voter[]): string | null {
  const common = commonProtocols(voters);
  const votes = new Map<string, number>();
  for (const { protocols } of voters) {
    const vote = protocols.find(({ name }) => common.has(name));
    if (vote) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
  }
  let winner: string | null = null;
  for (const [name, count] of votes) if (winner === null || count > votes.get(winner)!) winner = name;
  return winner;
}
