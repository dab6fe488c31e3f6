/**
 * What a consumer's configs are unless somebody says otherwise: Kafka's defaults, and ours where Kafka has no such config.
 *
 * @module
 */
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

/** A sentence that says what is wrong with a config, or undefined. */
export function configProblem(config: ConsumerConfig): string | undefined {
  for (const [name, words] of Object.entries(WORDS)) {
    const word = config[name as keyof typeof WORDS];
    if (!words.some((one) => one === word)) return `${name} is ${word}: it must be one of ${words.join(", ")}.`;
  }
  const positive: (keyof ConsumerConfig)[] = [
    "sessionTimeoutMs",
    "heartbeatIntervalMs",
    "maxPollIntervalMs",
    "autoCommitIntervalMs",
    "fetchMaxBytes",
    "maxPartitionFetchBytes",
    "bufferBytes",
    "metadataMaxAgeMs",
    "requestTimeoutMs",
    "retryBackoffMs",
    "retryBackoffMaxMs",
  ];
  for (const name of positive) {
    const value = config[name];
    if (typeof value !== "number" || !(value >= 1)) return `${name} is ${value}: it must be a number from 1 on.`;
  }
  if (!(config.fetchMinBytes >= 0 && config.fetchMaxWaitMs >= 0)) {
    return "fetchMinBytes and fetchMaxWaitMs must be numbers that are not negative.";
  }
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
