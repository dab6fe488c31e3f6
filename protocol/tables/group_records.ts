/**
 * The records of `__consumer_offsets`, as Apache Kafka writes them: so its tools can read our groups, and we its.
 *
 * A key begins with an int16 that says which kind of record it is, a value with an int16 that is its version; neither is
 * part of the tables. A record without a value (a tombstone) takes back what its key says. Kafka's keys have the kind as their
 * version; here every key has one version, and {@linkcode GROUP_RECORD_KINDS} the kinds.
 *
 * Versions written: 3 of `OffsetCommitValue` (1 with an expiry of its own) and 3 of `GroupMetadataValue`, the last ones that every
 * Kafka since 2.1 reads; 0 of all others. Every version is read.
 *
 * @module
 */
import { message, row, struct } from "../schema.ts";

/** The first int16 of a key. 0 is written by nobody any more, and read like 1. */
export const GROUP_RECORD_KINDS = {
  legacyOffsetCommit: 0,
  offsetCommit: 1,
  groupMetadata: 2,
  consumerGroupMetadata: 3,
  /** Of Kafka 4.0 only; later ones (and we) write tombstones for it and nothing else. */
  consumerGroupPartitionMetadata: 4,
  consumerGroupMemberMetadata: 5,
  consumerGroupTargetAssignmentMetadata: 6,
  consumerGroupTargetAssignmentMember: 7,
  consumerGroupCurrentMemberAssignment: 8,
  /** 9 to 15 are those of share groups, 17 and up of streams groups: passed over, and kept. */
  consumerGroupRegularExpression: 16,
} as const;

/** Kinds 0 and 1. */
export const offsetCommitKey = message("OffsetCommitKey", "0", "none", {
  group: "string",
  topic: "string",
  partition: "int32",
});

/** What a group has committed for one partition. */
export const offsetCommitValue = message("OffsetCommitValue", "0-4", "4+", {
  offset: "int64",
  leaderEpoch: "int32 3+ ignorable =-1",
  metadata: "string",
  commitTimestamp: "int64",
  expireTimestamp: "int64 1 ignorable =-1",
});

/** Kinds 2, 3, 4 and 6: a group. */
export const groupKey = message("GroupMetadataKey", "0", "none", {
  group: "string",
});

/** A generation of a classic group. */
export const groupMetadataValue = message("GroupMetadataValue", "0-4", "4+", {
  protocolType: "string",
  generation: "int32",
  protocol: "string?",
  leader: "string?",
  currentStateTimestamp: "int64 2+ ignorable =-1",
  members: [{
    memberId: "string",
    groupInstanceId: "string? 3+ ignorable =null",
    clientId: "string",
    clientHost: "string",
    rebalanceTimeout: "int32 1+ ignorable",
    sessionTimeout: "int32",
    subscription: "bytes",
    assignment: "bytes",
  }],
});

/** Kinds 5, 7 and 8: a member of a group. */
export const groupMemberKey = message("ConsumerGroupMemberMetadataKey", "0", "none", {
  groupId: "string",
  memberId: "string",
});

/** Kind 16. */
export const regularExpressionKey = message("ConsumerGroupRegularExpressionKey", "0", "none", {
  groupId: "string",
  regularExpression: "string",
});

/** The epoch of a group of the new protocol; the hash is over the topics that it is subscribed to (KIP-1101). */
export const consumerGroupMetadataValue = message("ConsumerGroupMetadataValue", "0", "0+", {
  epoch: "int32",
  metadataHash: "int64 tag0 =0",
  creationTimeMs: "int64 tag1 =-1",
});

/** What a member has said of itself. One that speaks the classic protocol has its protocols in the tagged column. */
export const consumerGroupMemberMetadataValue = message("ConsumerGroupMemberMetadataValue", "0", "0+", {
  instanceId: "string?",
  rackId: "string?",
  clientId: "string",
  clientHost: "string",
  subscribedTopicNames: "string[]",
  subscribedTopicRegex: "string?",
  rebalanceTimeoutMs: "int32 =-1",
  serverAssignor: "string?",
  classicMemberMetadata: struct("? tag0 =null", {
    sessionTimeoutMs: "int32",
    supportedProtocols: [{
      name: "string",
      metadata: "bytes",
    }],
  }),
});

/** As of which group epoch the target assignment was worked out. */
export const targetAssignmentMetadataValue = message("ConsumerGroupTargetAssignmentMetadataValue", "0", "0+", {
  assignmentEpoch: "int32",
  assignmentTimestamp: "int64 tag0 ignorable =0",
});

/** What a member is to have. */
export const targetAssignmentMemberValue = message("ConsumerGroupTargetAssignmentMemberValue", "0", "0+", {
  topicPartitions: [{
    topicId: "uuid",
    partitions: "int32[]",
  }],
});

const topicPartitions = row({
  topicId: "uuid",
  partitions: "int32[]",
  assignmentEpochs: "int32[]? tag0 =null",
});

/** What a member has, and what it has to give up first. State: 0 stable, 1 has partitions to revoke, 2 waits for others. */
export const currentMemberAssignmentValue = message("ConsumerGroupCurrentMemberAssignmentValue", "0", "0+", {
  memberEpoch: "int32",
  previousMemberEpoch: "int32",
  state: "int8",
  assignedPartitions: [topicPartitions],
  partitionsPendingRevocation: [topicPartitions],
});

/** The topics that a regular expression of a member was found to mean. */
export const regularExpressionValue = message("ConsumerGroupRegularExpressionValue", "0", "0+", {
  topics: "string[]",
  version: "int64",
  timestamp: "int64",
});
