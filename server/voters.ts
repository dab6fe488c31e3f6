/**
 * Which nodes vote for the controller, and where they are: the same list for every node of a cluster.
 *
 * @module
 */
import { OFFSETS_FACTOR, offsetsReplicas } from "../actors/broker/offsets_topic.ts";

/** A node that votes. */
export interface Voter {
  readonly id: number;
  /** Where other nodes reach it. */
  readonly host: string;
  readonly port: number;
}

/** How many may vote: more add no safety that their cost is worth, and an even number none at all. */
const COUNTS = [1, 3, 5];

/** How far above the Kafka port the port for other nodes is when nothing else is said. */
const NODE_PORT_DISTANCE = 10_000;

/** What is wrong with a list of voters, in a sentence; undefined when nothing is. */
export function votersProblem(voters: readonly Voter[]): string | undefined {
  const twice = (key: (voter: Voter) => string | number) =>
    voters.find((voter, index) => voters.findIndex((other) => key(other) === key(voter)) !== index);
  const sameId = twice(({ id }) => id);
  if (sameId !== undefined) return `The voter ${sameId.id} is named twice: name each once.`;
  const samePlace = twice(({ host, port }) => `${host}:${port}`);
  if (samePlace !== undefined) {
    return `Two voters are said to be at ${samePlace.host}:${samePlace.port}: each has an address of its own.`;
  }
  if (COUNTS.includes(voters.length)) return undefined;
  return `There are ${voters.length} voters: 1, 3 or 5 can vote, and every other broker follows them.`;
}

/** How many of `brokers` brokers vote in a cluster that is put together here. */
export function voterCount(brokers: number): number {
  return COUNTS.findLast((count) => count <= brokers) ?? 1;
}

/**
 * What a cluster that is put together here has to be told of its size: `__consumer_offsets` may be asked for before the last broker has
 * registered. Voters are waited for; where fewer vote than it is to have replicas, somebody has to say how many these are.
 */
export function configOfSize(brokers: number, voters: number): Readonly<Record<string, string>> {
  const replicas = offsetsReplicas({ properties: {} }, brokers);
  return voters < replicas ? { [OFFSETS_FACTOR]: `${replicas}` } : {};
}

/** The port for other nodes beside a Kafka port; any free one beside any free one. */
export function nodePortOf(kafkaPort: number): number {
  const port = kafkaPort === 0 ? 0 : kafkaPort + NODE_PORT_DISTANCE;
  if (port <= 65_535) return port;
  throw new Error(
    `There is no port ${NODE_PORT_DISTANCE} above the Kafka port ${kafkaPort}: say where other brokers connect (--node-port).`,
  );
}
