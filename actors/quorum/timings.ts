/**
 * How long a quorum waits for what.
 *
 * The defaults are half of Apache Kafka's or less: a machine that goes silent is missed sooner, and pre-vote keeps those from doing
 * harm that are wrong about it.
 *
 * @module
 */

/** In ms. */
export interface QuorumTimings {
  /** controller.quorum.fetch.timeout.ms: a follower that has heard nothing from the leader for so long stands. */
  readonly fetchTimeoutMs: number;
  /** controller.quorum.election.timeout.ms: a candidate waits so long for votes. */
  readonly electionTimeoutMs: number;
  /** controller.quorum.retry.backoff.ms: after an answer that is of no use. */
  readonly retryBackoffMs: number;
  /** How far those stand apart that have lost the leader at the same time: some round trips between neighbours. */
  readonly apartMs: number;
}

const DEFAULTS: QuorumTimings = { fetchTimeoutMs: 1_000, electionTimeoutMs: 500, retryBackoffMs: 20, apartMs: 15 };

/** The timings that the configs ask for. */
export function timingsOf(properties: Readonly<Record<string, string>> = {}): QuorumTimings {
  const read = (name: string, otherwise: number) => {
    const value = Number(properties[name] ?? otherwise);
    return Number.isSafeInteger(value) && value > 0 ? value : otherwise;
  };
  return {
    fetchTimeoutMs: read("controller.quorum.fetch.timeout.ms", DEFAULTS.fetchTimeoutMs),
    electionTimeoutMs: read("controller.quorum.election.timeout.ms", DEFAULTS.electionTimeoutMs),
    retryBackoffMs: read("controller.quorum.retry.backoff.ms", DEFAULTS.retryBackoffMs),
    apartMs: DEFAULTS.apartMs,
  };
}

/** The leader keeps a fetch so long: often enough that silence means something. */
export function fetchWaitMs({ fetchTimeoutMs }: QuorumTimings): number {
  return Math.ceil(fetchTimeoutMs / 4);
}

/** A fetch is given up after so long, and put again: once or twice before the leader is. */
export function fetchDeadlineMs({ fetchTimeoutMs }: QuorumTimings): number {
  return Math.ceil(fetchTimeoutMs / 2.5);
}

/** A leader that a majority has not fetched from for so long resigns: later than its followers have given it up. */
export function checkQuorumMs({ fetchTimeoutMs }: QuorumTimings): number {
  return Math.ceil(fetchTimeoutMs * 1.5);
}

/** Who has not answered within this is asked once more. */
export function askAgainMs({ electionTimeoutMs }: QuorumTimings): number {
  return Math.ceil(electionTimeoutMs / 5);
}
