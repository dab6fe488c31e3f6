/**
 * What a consumer is opened with: Kafka's consumer configs in camel case, what to read, who listens; and what is wrong with it.
 *
 * Invariant: whatever is wrong with it in itself is said before anything is started; the brokers may refuse more.
 *
 * @module
 */
import { configProblem, CONSUMER_DEFAULTS } from "../actors/consumer/config.ts";
import type { ConsumerConfig } from "../actors/consumer/protocol.ts";
import { checkOptions, partitionsOf, subscriptionOf } from "./arguments.ts";
import type { RebalanceListener, TopicPartition } from "./records.ts";

/** How a consumer is to read: Kafka's consumer configs in camel case, and what to begin with. Everything has a default. */
export interface ConsumerOptions extends Partial<ConsumerConfig>, RebalanceListener {
  /** Topics to subscribe to, with a `groupId`; this or `pattern` or `partitions`, or nothing for now. One that does not exist is waited for. */
  readonly topics?: readonly string[];
  /** Subscribes to all topics whose whole name fits this regular expression, in the syntax of RE2; also to those that come later. */
  readonly pattern?: string;
  /** Partitions to read without the help of a group; with a `groupId`, from where that has committed. */
  readonly partitions?: readonly TopicPartition[];
  /** The name of its actor. Default: made of the group's id and a number. */
  readonly name?: string;
}

const LISTENERS = ["assigned", "revoked", "lost"] as const;
const NAMES: readonly string[] = [
  "topics",
  "pattern",
  "partitions",
  "name",
  ...LISTENERS,
  ...Object.keys(CONSUMER_DEFAULTS),
];

/**
 * The configs of a consumer with these options.
 *
 * @param defaults what counts instead of Kafka's defaults
 * @throws {RangeError} when there is no such option, one can never be right, or they do not go together
 */
export function configOf(options: ConsumerOptions, defaults: Partial<ConsumerConfig> = {}): ConsumerConfig {
  checkOptions(options, NAMES);
  const { topics, pattern, partitions } = options;
  const given = Object.entries(options).filter(([name, value]) => name in CONSUMER_DEFAULTS && value !== undefined);
  const config: ConsumerConfig = { ...CONSUMER_DEFAULTS, ...defaults, ...Object.fromEntries(given) };
  const problem = problemOfReading(config, options) ?? configProblem(config) ?? problemOfRest(options);
  if (problem !== undefined) throw new RangeError(problem);
  if (topics !== undefined) subscriptionOf(topics, config.groupProtocol);
  if (pattern !== undefined) subscriptionOf({ pattern }, config.groupProtocol);
  if (partitions !== undefined) partitionsOf(partitions);
  return config;
}

function problemOfReading(
  config: ConsumerConfig,
  { topics, pattern, partitions }: ConsumerOptions,
): string | undefined {
  const ways = [topics, pattern, partitions].filter((way) => way !== undefined).length;
  if (ways > 1) return "Only one of topics, pattern and partitions can be read.";
  if ((topics ?? pattern) !== undefined && config.groupId === null) {
    return "To subscribe to topics takes a groupId: name one, or name partitions.";
  }
  if (topics?.length === 0) return "topics is empty: leave it out to subscribe later.";
  return undefined;
}

function problemOfRest(options: ConsumerOptions): string | undefined {
  const { name } = options;
  if (name !== undefined && (typeof name !== "string" || name === "")) return "name must be a text, not empty.";
  const odd = LISTENERS.find((one) => options[one] !== undefined && typeof options[one] !== "function");
  return odd === undefined ? undefined : `${odd} must be a function: it is called with partitions.`;
}
