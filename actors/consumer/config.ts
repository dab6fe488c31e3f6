/**
 * What a consumer's configs are unless somebody says otherwise, Kafka's defaults and ours where Kafka has no such config; and what they may be.
 *
 * @module
 */
import { refuseTopicName } from "../../protocol/topic_names.ts";
import { CLASSIC_ASSIGNORS } from "./assignors/assignors.ts";
import type { ConsumerConfig } from "./protocol.ts";

/** The defaults. */
export const CONSUMER_DEFAULTS: ConsumerConfig = {
  clientId: "samsa",
  groupId: null,
  groupInstanceId: null,
  groupProtocol: "classic",
  partitionAssignors: ["range", "cooperative-sticky"],
  groupRemoteAssignor: null,
  clientRack: null,
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 3_000,
  maxPollIntervalMs: 300_000,
  autoOffsetReset: "latest",
  isolationLevel: "read_uncommitted",
  delivery: "at-least-once",
  enableAutoCommit: true,
  autoCommitIntervalMs: 5_000,
  fetchMinBytes: 1,
  fetchMaxWaitMs: 500,
  fetchMaxBytes: 50 << 20,
  maxPartitionFetchBytes: 1 << 20,
  bufferBytes: 64 << 20,
  metadataMaxAgeMs: 300_000,
  requestTimeoutMs: 30_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1_000,
  allowAutoCreateTopics: true,
};

/** What the configs that are words may be. */
const WORDS = {
  groupProtocol: ["classic", "consumer"],
  autoOffsetReset: ["latest", "earliest", "none"],
  isolationLevel: ["read_uncommitted", "read_committed"],
  delivery: ["at-least-once", "at-most-once"],
} as const satisfies { [C in keyof ConsumerConfig]?: readonly ConsumerConfig[C][] };

/** Configs that are yes or no. */
const SWITCHES: readonly (keyof ConsumerConfig)[] = ["enableAutoCommit", "allowAutoCreateTopics"];

/** The least that the configs that are numbers may be. Requests carry most of them as int32. */
const NUMBERS: Readonly<Partial<Record<keyof ConsumerConfig, number>>> = {
  sessionTimeoutMs: 1,
  heartbeatIntervalMs: 1,
  maxPollIntervalMs: 1,
  autoCommitIntervalMs: 1,
  fetchMinBytes: 0,
  fetchMaxWaitMs: 0,
  fetchMaxBytes: 1,
  maxPartitionFetchBytes: 1,
  bufferBytes: 1,
  metadataMaxAgeMs: 1,
  requestTimeoutMs: 1,
  retryBackoffMs: 1,
  retryBackoffMaxMs: 1,
};
const NUMBER_MAX = 0x7fff_ffff;

/** Configs that are texts: null where nothing is meant, but never empty. */
const TEXTS: readonly (keyof ConsumerConfig)[] = ["groupId", "groupInstanceId", "groupRemoteAssignor", "clientRack"];
const encoder = new TextEncoder();
/** What requests, and the records of `__consumer_offsets`, can hold. */
const TEXT_BYTES_MAX = 0x7fff;

/**
 * How long a rebalance is to wait for a member: for as long as the application may take, but for two sessions at least. A program that stood
 * still goes by its session alone when it goes on, whose beginning it knows to a session: what it uses must not have been given away before.
 */
export function rebalanceTimeoutMs({ maxPollIntervalMs, sessionTimeoutMs }: ConsumerConfig): number {
  return Math.min(NUMBER_MAX, Math.max(maxPollIntervalMs, 2 * sessionTimeoutMs));
}

/** A sentence that says what is wrong with a config, or undefined. */
export function configProblem(config: ConsumerConfig): string | undefined {
  return problemOfWords(config) ?? problemOfNumbers(config) ?? problemOfTexts(config) ?? problemTogether(config);
}

function problemOfWords(config: ConsumerConfig): string | undefined {
  for (const [name, words] of Object.entries(WORDS)) {
    const word = config[name as keyof typeof WORDS];
    if (!words.some((one) => one === word)) return `${name} is ${word}: it must be one of ${words.join(", ")}.`;
  }
  for (const name of SWITCHES) {
    if (typeof config[name] !== "boolean") return `${name} is ${shown(config[name])}: it must be true or false.`;
  }
  const { partitionAssignors } = config;
  const isList = Array.isArray(partitionAssignors) && partitionAssignors.length > 0;
  if (isList && partitionAssignors.every((name) => CLASSIC_ASSIGNORS.has(name))) return undefined;
  return `partitionAssignors is ${shown(partitionAssignors)}: it must be a list of ${
    [...CLASSIC_ASSIGNORS.keys()].join(", ")
  }, of one at least.`;
}

function problemOfNumbers(config: ConsumerConfig): string | undefined {
  for (const [name, min] of Object.entries(NUMBERS)) {
    const value = config[name as keyof ConsumerConfig];
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= NUMBER_MAX) continue;
    return `${name} is ${shown(value)}: it must be a whole number from ${min} to ${NUMBER_MAX}.`;
  }
  return undefined;
}

function problemOfTexts(config: ConsumerConfig): string | undefined {
  if (typeof config.clientId !== "string") return `clientId is ${shown(config.clientId)}: it must be a text.`;
  const tooLong = problemOfLength("clientId", config.clientId);
  if (tooLong !== undefined) return tooLong;
  for (const name of TEXTS) {
    const value = config[name];
    if (value === null) continue;
    if (typeof value !== "string" || value === "") return `${name} is ${shown(value)}: it must be a text, not empty.`;
    const problem = problemOfLength(name, value);
    if (problem !== undefined) return problem;
  }
  // Kafka's rule for both is the same.
  const refused = config.groupInstanceId === null ? null : refuseTopicName(config.groupInstanceId);
  return refused === null ? undefined : `groupInstanceId has to be as a topic's name is. ${refused}`;
}

function problemOfLength(name: string, value: string): string | undefined {
  const bytes = encoder.encode(value).length;
  if (bytes <= TEXT_BYTES_MAX) return undefined;
  return `${name} is ${bytes} bytes long: it must not be longer than ${TEXT_BYTES_MAX}.`;
}

function problemTogether(config: ConsumerConfig): string | undefined {
  const { groupProtocol, heartbeatIntervalMs, sessionTimeoutMs } = config;
  if (config.groupId !== null && groupProtocol === "classic" && heartbeatIntervalMs >= sessionTimeoutMs) {
    return `heartbeatIntervalMs is ${heartbeatIntervalMs}: it must be less than sessionTimeoutMs, which is ${sessionTimeoutMs}.`;
  }
  if (config.groupInstanceId !== null && config.groupId === null) return "groupInstanceId needs a groupId.";
  if (config.delivery === "at-most-once" && config.groupId === null) {
    return "At most once needs a groupId: what is handed out is committed before.";
  }
  return undefined;
}

function shown(value: unknown): string {
  return typeof value === "number" || value === undefined ? String(value) : JSON.stringify(value);
}
