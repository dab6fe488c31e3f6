/**
 * What programs say to a consumer, looked at before it is passed on: types are gone when a program runs, and what comes out of a config file
 * or of JSON never had any.
 *
 * Invariant: what can be right at no time is refused with a `RangeError` that names it; whether it is right now is for the actor to say.
 *
 * @module
 */
import { patternProblem } from "../actors/consumer/classic/pattern.ts";
import type {
  ConsumerConfig,
  OffsetAndMetadata,
  SeekTo,
  TopicPartition as Named,
} from "../actors/consumer/protocol.ts";
import { refuseTopicName } from "../protocol/topic_names.ts";
import type { CommittedOffset, SeekTarget, TopicPartition } from "./records.ts";

const INT32_MAX = 0x7fff_ffff;
const PLACES = `it must be an offset such as 3n, { timestamp: milliseconds }, "beginning", "end" or "committed"`;

/** Topics, or a pattern for them. */
export type SubscribeTo = readonly string[] | { readonly pattern: string };

/** The partition that is meant. @throws {RangeError} */
export function partitionOf(given: TopicPartition): Named {
  if (typeof given !== "object" || given === null) {
    throw new RangeError(`${shown(given)} is no partition: write { topic: "orders", partition: 0 }.`);
  }
  const { topic, partition } = given;
  checkTopic(topic);
  if (!isInt32(partition, 0)) {
    throw new RangeError(`Partition ${shown(partition)} of ${topic} cannot be: it must be a whole number from 0 on.`);
  }
  return { topic, partition };
}

/** The partitions that are meant. @throws {RangeError} */
export function partitionsOf(given: readonly TopicPartition[]): Named[] {
  return listOf(given, "partitions").map(partitionOf);
}

/** One partition or several. @throws {RangeError} */
export function oneOrMore(given: TopicPartition | readonly TopicPartition[]): Named[] {
  return Array.isArray(given) ? partitionsOf(given) : [partitionOf(given as TopicPartition)];
}

/** Where to go, as the actor has it. @throws {RangeError} */
export function placeOf(to: SeekTarget): SeekTo {
  if (typeof to === "bigint") return { offset: offsetOf(to, "The offset") };
  if (to === "beginning" || to === "end" || to === "committed") return to;
  const isTime = typeof to === "object" && to !== null && Number.isFinite(to.timestamp);
  if (!isTime) throw new RangeError(`There is no place ${shown(to)}: ${PLACES}.`);
  return { timestamp: to.timestamp };
}

/** Offsets as the actor has them. @throws {RangeError} */
export function offsetsOf(given: readonly CommittedOffset[]): OffsetAndMetadata[] {
  return listOf(given, "offsets").map((one) => {
    const named = partitionOf(one);
    const { offset, leaderEpoch = -1, metadata = "" } = one;
    const of = `${named.topic}-${named.partition}`;
    if (!isInt32(leaderEpoch, -1)) throw new RangeError(`${of}: ${shown(leaderEpoch)} is no leader epoch.`);
    if (typeof metadata !== "string") throw new RangeError(`${of}: metadata is ${shown(metadata)}: it must be a text.`);
    return { ...named, offset: offsetOf(offset, `${of}: the offset`), leaderEpoch, metadata };
  });
}

/** What to subscribe to, as the actor has it. @throws {RangeError} */
export function subscriptionOf(
  to: SubscribeTo,
  protocol: ConsumerConfig["groupProtocol"],
): { readonly topics: readonly string[] } | { readonly pattern: string } {
  if (Array.isArray(to)) {
    for (const topic of to) checkTopic(topic);
    return { topics: to };
  }
  const pattern: unknown = typeof to === "object" && to !== null && "pattern" in to ? to.pattern : undefined;
  if (pattern === undefined) throw new RangeError(`topics is ${shown(to)}: it must be a list of names.`);
  if (typeof pattern !== "string" || pattern === "") {
    throw new RangeError(`pattern is ${shown(pattern)}: it must be the text of a regular expression in RE2's syntax.`);
  }
  // A coordinator that matches says itself what it understands.
  const problem = protocol === "classic" ? patternProblem(pattern) : undefined;
  if (problem !== undefined) throw new RangeError(problem);
  return { pattern };
}

/** Refuses what is no length of time. @throws {RangeError} */
export function checkTime(name: string, ms: number): void {
  if (typeof ms !== "number" || !(ms >= 0)) {
    throw new RangeError(`${name} is ${shown(ms)}: it must be a number that is not negative.`);
  }
}

/** Refuses what is no object of options, or has some that there are not. @throws {RangeError} */
export function checkOptions(given: object, known: readonly string[]): void {
  if (typeof given !== "object" || given === null) {
    throw new RangeError(`${shown(given)} are no options: write { ${known[0]}: … }.`);
  }
  const odd = Object.keys(given).find((name) => !known.includes(name));
  if (odd === undefined) return;
  const camel = odd.replaceAll(/[._-]+(\w)/g, (_, letter: string) => letter.toUpperCase());
  const meant = known.find((name) => name.toLowerCase() === camel.toLowerCase());
  const hint = meant === undefined ? `these there are: ${known.join(", ")}` : `it is called ${meant}`;
  throw new RangeError(`There is no option "${odd}": ${hint}.`);
}

function offsetOf(offset: unknown, what: string): number {
  if (typeof offset !== "bigint" || offset < 0n || offset > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(`${what} is ${shown(offset)}: it must be a bigint from 0n on, such as 3n.`);
  }
  return Number(offset);
}

function checkTopic(topic: unknown): void {
  const problem = typeof topic === "string" ? refuseTopicName(topic) : `${shown(topic)} is no name of a topic.`;
  if (problem !== null) throw new RangeError(problem);
}

function listOf<T>(given: readonly T[], name: string): readonly T[] {
  if (!Array.isArray(given)) throw new RangeError(`${name} is ${shown(given)}: it must be a list.`);
  return given;
}

function isInt32(value: unknown, min: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= INT32_MAX;
}

/** The value in a message: short, whatever it is. */
function shown(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" || value === undefined || value instanceof RegExp) return String(value);
  try {
    const text = JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}n` : part) ?? typeof value;
    return text.length > 80 ? `${text.slice(0, 80)}…` : text;
  } catch {
    return typeof value; // it contains itself
  }
}
