/**
 * Producer ids and transactions (KIP-98, KIP-890), and the looking glass on them (KIP-664).
 *
 * @module
 */

import { api, row } from "../schema.ts";

/** InitProducerId (key 22): an id and an epoch for an idempotent or transactional producer. */
export const initProducerId = api(22, "InitProducerId", "0-5", "2+", {
  transactionalId: "string?",
  transactionTimeoutMs: "int32",
  producerId: "int64 3+ =-1",
  producerEpoch: "int16 3+ =-1",
}, {
  throttleTimeMs: "int32 ignorable =0",
  errorCode: "int16",
  producerId: "int64 =-1",
  producerEpoch: "int16",
});

const topicPartitions = row({
  name: "string",
  partitions: "int32[]",
});

const topicResult = row({
  name: "string",
  resultsByPartition: [{
    partitionIndex: "int32",
    partitionErrorCode: "int16",
  }],
});

/** AddPartitionsToTxn (key 24). Clients speak versions 0-3; 4 and 5 are for brokers, several transactions at once. */
export const addPartitionsToTxn = api(24, "AddPartitionsToTxn", "0-5", "3+", {
  transactions: ["4+", {
    transactionalId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    verifyOnly: "bool =false",
    topics: [topicPartitions],
  }],
  v3AndBelowTransactionalId: "string 0-3",
  v3AndBelowProducerId: "int64 0-3",
  v3AndBelowProducerEpoch: "int16 0-3",
  v3AndBelowTopics: ["0-3", topicPartitions],
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16 4+ ignorable",
  resultsByTransaction: ["4+", {
    transactionalId: "string",
    topicResults: [topicResult],
  }],
  resultsByTopicV3AndBelow: ["0-3", topicResult],
});

/** AddOffsetsToTxn (key 25): the transaction will commit offsets of a group. */
export const addOffsetsToTxn = api(25, "AddOffsetsToTxn", "0-4", "3+", {
  transactionalId: "string",
  producerId: "int64",
  producerEpoch: "int16",
  groupId: "string",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
});

/** EndTxn (key 26): commits or aborts. Version 5 answers with the next epoch (KIP-890). */
export const endTxn = api(26, "EndTxn", "0-5", "3+", {
  transactionalId: "string",
  producerId: "int64",
  producerEpoch: "int16",
  committed: "bool",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  producerId: "int64 5+ ignorable =-1",
  producerEpoch: "int16 5+ ignorable =-1",
});

/** WriteTxnMarkers (key 27): the coordinator tells the leaders how transactions ended. */
export const writeTxnMarkers = api(27, "WriteTxnMarkers", "1-2", "1+", {
  markers: [{
    producerId: "int64",
    producerEpoch: "int16",
    transactionResult: "bool",
    topics: [{
      name: "string",
      partitionIndexes: "int32[]",
    }],
    coordinatorEpoch: "int32",
    transactionVersion: "int8 2+ ignorable =0",
  }],
}, {
  markers: [{
    producerId: "int64",
    topics: [{
      name: "string",
      partitions: [{
        partitionIndex: "int32",
        errorCode: "int16",
      }],
    }],
  }],
});

/** TxnOffsetCommit (key 28): offsets that count once the transaction commits. Version 6 names topics by id. */
export const txnOffsetCommit = api(28, "TxnOffsetCommit", "0-6", "3+", {
  transactionalId: "string",
  groupId: "string",
  producerId: "int64",
  producerEpoch: "int16",
  generationIdOrMemberEpoch: "int32 3+ =-1",
  memberId: "string 3+",
  groupInstanceId: "string? 3+ =null",
  topics: [{
    name: "string 0-5 ignorable",
    topicId: "uuid 6+ ignorable",
    partitions: [{
      partitionIndex: "int32",
      committedOffset: "int64",
      committedLeaderEpoch: "int32 2+ ignorable =-1",
      committedMetadata: "string?",
    }],
  }],
}, {
  throttleTimeMs: "int32 =0",
  topics: [{
    name: "string 0-5 ignorable",
    topicId: "uuid 6+ ignorable",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
    }],
  }],
});

/** DescribeTransactions (key 65). */
export const describeTransactions = api(65, "DescribeTransactions", "0", "0+", {
  transactionalIds: "string[]",
}, {
  throttleTimeMs: "int32 =0",
  transactionStates: [{
    errorCode: "int16",
    transactionalId: "string",
    transactionState: "string",
    transactionTimeoutMs: "int32",
    transactionStartTimeMs: "int64",
    producerId: "int64",
    producerEpoch: "int16",
    topics: [{
      topic: "string",
      partitions: "int32[]",
    }],
  }],
});

/** ListTransactions (key 66), filtered by state, producer, age in milliseconds and pattern. */
export const listTransactions = api(66, "ListTransactions", "0-2", "0+", {
  stateFilters: "string[]",
  producerIdFilters: "int64[]",
  durationFilter: "int64 1+ =-1",
  transactionalIdPattern: "string? 2+ =null",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  unknownStateFilters: "string[]",
  transactionStates: [{
    transactionalId: "string",
    producerId: "int64",
    transactionState: "string",
  }],
});
