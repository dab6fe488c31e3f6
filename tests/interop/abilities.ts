/**
 * What each client can do, so that no case asks for what a client never offered. What is left out here is a limit of the
 * client, not of the broker; the reason stands beside it.
 *
 * @module
 */

/** The abilities of one client. */
export interface Abilities {
  /** Commands that its agent does not have. */
  readonly without: readonly string[];
  /** It can write a header whose value is null. */
  readonly nullHeaders: boolean;
  /** It tells an empty key from no key when it writes. */
  readonly emptyKeys: boolean;
  /** It lets its user choose a record's timestamp. */
  readonly timestamps: boolean;
  /** It can be told not to have a topic created by its Metadata request when it produces. */
  readonly refusesAutoCreate: boolean;
  /** The group protocols in which its members can be static (KIP-345), and come back to what they had. */
  readonly staticMembers: readonly ("classic" | "consumer")[];
  /** It speaks the new group protocol (KIP-848). */
  readonly newGroups: boolean;
  /** What it has committed it does not hand out again, and what was taken from it it does not commit. */
  readonly exactMembers: boolean;
  /** What it says about a missing topic when that is not Kafka's error. */
  readonly missingTopic?: RegExp;
}

const EVERYTHING: Abilities = {
  without: ["replaceConfigs"],
  nullHeaders: true,
  emptyKeys: true,
  timestamps: true,
  refusesAutoCreate: false,
  staticMembers: ["classic", "consumer"],
  newGroups: true,
  exactMembers: true,
};

/** Abilities by the client's name. */
export const ABILITIES: Record<string, Abilities> = {
  kcat: {
    ...EVERYTHING,
    // A command for records and metadata; it administers nothing. It cannot be asked what it has acknowledged.
    without: [
      "replaceConfigs",
      "stream",
      "transaction",
      "member",
      "createTopic",
      "describeConfigs",
      "alterConfigs",
      "createPartitions",
      "deleteRecords",
      "deleteTopic",
      "logDirs",
      "describeProducers",
    ],
    // -Z makes empty keys null as well, and without it an empty key is what a line without one gives.
    emptyKeys: false,
    timestamps: false,
  },
  kafkajs: {
    ...EVERYTHING,
    // It knows AlterConfigs, but neither its incremental form, nor DescribeLogDirs, nor DescribeProducers.
    without: ["alterConfigs", "logDirs", "describeProducers"],
    // Its encoder takes the length of each value.
    nullHeaders: false,
    refusesAutoCreate: true,
    staticMembers: [],
    newGroups: false,
  },
  platformatic: {
    ...EVERYTHING,
    without: ["replaceConfigs", "describeProducers"],
    nullHeaders: false,
    refusesAutoCreate: true,
    // One that comes back reads again what is committed; in the new protocol it leaves for good.
    staticMembers: [],
    // When a leader changes it may fetch from one place twice, and hands out both answers. What was under way when it had to join again it
    // commits afterwards, when others may have asked already where to begin.
    exactMembers: false,
    // Error 3 is final in its own words.
    missingTopic: /Unknown topic/,
  },
  // It wants bytes as header values, and its producer does not hand `allow_auto_create_topics` on.
  "kafka-python": { ...EVERYTHING, nullHeaders: false, newGroups: false },
  // librdkafka's admin has neither.
  confluent: { ...EVERYTHING, without: ["replaceConfigs", "logDirs", "describeProducers"] },
  // In the new protocol its place is given away when it goes, though it says that it will be back.
  "franz-go": { ...EVERYTHING, refusesAutoCreate: true, staticMembers: ["classic"] },
  java: EVERYTHING,
  samsa: {
    ...EVERYTHING,
    // It reads, and writes and administers nothing.
    without: [
      "replaceConfigs",
      "produce",
      "stream",
      "transaction",
      "createTopic",
      "listTopics",
      "describeTopic",
      "describeConfigs",
      "alterConfigs",
      "createPartitions",
      "deleteRecords",
      "deleteTopic",
      "describeCluster",
      "listOffsets",
      "logDirs",
      "describeProducers",
      "listGroups",
      "describeGroup",
      "committed",
      "deleteGroup",
    ],
  },
};
