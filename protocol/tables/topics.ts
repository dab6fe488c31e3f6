/**
 * Topics made, grown, deleted, moved: what an administrator asks the controller for.
 *
 * @module
 */

import { api } from "../schema.ts";

/** CreateTopics (key 19). From version 4 on, -1 partitions or replicas mean the broker's default (KIP-464). */
export const createTopics = api(19, "CreateTopics", "2-7", "5+", {
  topics: [{
    name: "string",
    numPartitions: "int32",
    replicationFactor: "int16",
    assignments: ["0+", {
      partitionIndex: "int32",
      brokerIds: "int32[]",
    }],
    configs: ["0+", {
      name: "string",
      value: "string?",
    }],
  }],
  timeoutMs: "int32 =60000",
  validateOnly: "bool =false",
}, {
  throttleTimeMs: "int32 2+ ignorable",
  topics: [{
    name: "string",
    topicId: "uuid 7+ ignorable",
    errorCode: "int16",
    errorMessage: "string? 1+ ignorable =null",
    topicConfigErrorCode: "int16 5+ tag0 ignorable",
    numPartitions: "int32 5+ ignorable =-1",
    replicationFactor: "int16 5+ ignorable =-1",
    configs: ["? 5+ ignorable", {
      name: "string",
      value: "string?",
      readOnly: "bool",
      configSource: "int8 5+ ignorable =-1",
      isSensitive: "bool",
    }],
  }],
});

/** DeleteTopics (key 20). Version 6 names topics by name or by id. */
export const deleteTopics = api(20, "DeleteTopics", "1-6", "4+", {
  topics: ["6+", {
    name: "string? =null",
    topicId: "uuid 6+",
  }],
  topicNames: "string[] 0-5 ignorable",
  timeoutMs: "int32",
}, {
  throttleTimeMs: "int32 1+ ignorable",
  responses: [{
    name: "string?6+",
    topicId: "uuid 6+ ignorable",
    errorCode: "int16",
    errorMessage: "string? 5+ ignorable =null",
  }],
});

/** CreatePartitions (key 37): gives topics more partitions. */
export const createPartitions = api(37, "CreatePartitions", "0-3", "2+", {
  topics: [{
    name: "string",
    count: "int32",
    assignments: ["?", {
      brokerIds: "int32[]",
    }],
  }],
  timeoutMs: "int32",
  validateOnly: "bool",
}, {
  throttleTimeMs: "int32 =0",
  results: [{
    name: "string",
    errorCode: "int16",
    errorMessage: "string? =null",
  }],
});

/** ElectLeaders (key 43): makes preferred (0) or any (1) replicas lead (KIP-460). Null means every partition. */
export const electLeaders = api(43, "ElectLeaders", "0-2", "2+", {
  electionType: "int8 1+",
  topicPartitions: ["?", {
    topic: "string",
    partitions: "int32[]",
  }],
  timeoutMs: "int32 =60000",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16 1+",
  replicaElectionResults: [{
    topic: "string",
    partitionResult: [{
      partitionId: "int32",
      errorCode: "int16",
      errorMessage: "string? =null",
    }],
  }],
});

/** AlterPartitionReassignments (key 45): moves replicas, or with null replicas cancels the move (KIP-455). */
export const alterPartitionReassignments = api(45, "AlterPartitionReassignments", "0-1", "0+", {
  timeoutMs: "int32 =60000",
  allowReplicationFactorChange: "bool 1+ =true",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      replicas: "int32[]? =null",
    }],
  }],
}, {
  throttleTimeMs: "int32 =0",
  allowReplicationFactorChange: "bool 1+ ignorable =true",
  errorCode: "int16",
  errorMessage: "string? =null",
  responses: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
      errorMessage: "string? =null",
    }],
  }],
});

/** ListPartitionReassignments (key 46): the moves that have not ended. Null topics mean all of them. */
export const listPartitionReassignments = api(46, "ListPartitionReassignments", "0", "0+", {
  timeoutMs: "int32 =60000",
  topics: ["? =null", {
    name: "string",
    partitionIndexes: "int32[]",
  }],
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      replicas: "int32[]",
      addingReplicas: "int32[]",
      removingReplicas: "int32[]",
    }],
  }],
});
