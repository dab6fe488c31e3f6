/**
 * What a client asks first: ApiVersions and Metadata; and their successors for administrators.
 *
 * @module
 */

import { api, row, struct } from "../schema.ts";

/**
 * ApiVersions (key 18): which APIs and versions the broker serves (KIP-35, KIP-511, KIP-584). A request of an unknown
 * version is answered in version 0, with UNSUPPORTED_VERSION and the versions of this API alone.
 */
export const apiVersions = api(18, "ApiVersions", "0-5", "3+", {
  clientSoftwareName: "string 3+ ignorable",
  clientSoftwareVersion: "string 3+ ignorable",
  clusterId: "string? 5+ ignorable =null",
  nodeId: "int32 5+ ignorable =-1",
}, {
  errorCode: "int16",
  apiKeys: [{
    apiKey: "int16",
    minVersion: "int16",
    maxVersion: "int16",
  }],
  throttleTimeMs: "int32 1+ ignorable",
  supportedFeatures: ["3+ tag0 ignorable", {
    name: "string",
    minVersion: "int16",
    maxVersion: "int16",
  }],
  finalizedFeaturesEpoch: "int64 3+ tag1 ignorable =-1",
  finalizedFeatures: ["3+ tag2 ignorable", {
    name: "string",
    maxVersionLevel: "int16",
    minVersionLevel: "int16",
  }],
  zkMigrationReady: "bool 3+ tag3 ignorable =false",
});

/** Metadata (key 3): brokers, topics and their leaders. Null topics mean all of them; in version 0 an empty list does. */
export const metadata = api(3, "Metadata", "0-13", "9+", {
  topics: ["?1+", {
    topicId: "uuid 10+ ignorable",
    name: "string?10+",
  }],
  allowAutoTopicCreation: "bool 4+ =true",
  includeClusterAuthorizedOperations: "bool 8-10",
  includeTopicAuthorizedOperations: "bool 8+",
}, {
  throttleTimeMs: "int32 3+ ignorable",
  brokers: [{
    nodeId: "int32",
    host: "string",
    port: "int32",
    rack: "string? 1+ ignorable =null",
  }],
  clusterId: "string? 2+ ignorable =null",
  controllerId: "int32 1+ ignorable =-1",
  topics: [{
    errorCode: "int16",
    name: "string?12+",
    topicId: "uuid 10+ ignorable",
    isInternal: "bool 1+ ignorable =false",
    partitions: [{
      errorCode: "int16",
      partitionIndex: "int32",
      leaderId: "int32",
      leaderEpoch: "int32 7+ ignorable =-1",
      replicaNodes: "int32[]",
      isrNodes: "int32[]",
      offlineReplicas: "int32[] 5+ ignorable",
    }],
    topicAuthorizedOperations: "int32 8+ =-2147483648",
  }],
  clusterAuthorizedOperations: "int32 8-10 =-2147483648",
  errorCode: "int16 13+ ignorable",
});

/** A place in a long listing, from which the next page goes on. */
const cursor = row({
  topicName: "string",
  partitionIndex: "int32",
});

/** DescribeTopicPartitions (key 75): topics page by page, with eligible leader replicas (KIP-966). */
export const describeTopicPartitions = api(75, "DescribeTopicPartitions", "0", "0+", {
  topics: [{
    name: "string",
  }],
  responsePartitionLimit: "int32 =2000",
  cursor: struct("? =null", cursor),
}, {
  throttleTimeMs: "int32 ignorable =0",
  topics: [{
    errorCode: "int16",
    name: "string?",
    topicId: "uuid ignorable",
    isInternal: "bool ignorable =false",
    partitions: [{
      errorCode: "int16",
      partitionIndex: "int32",
      leaderId: "int32",
      leaderEpoch: "int32 ignorable =-1",
      replicaNodes: "int32[]",
      isrNodes: "int32[]",
      eligibleLeaderReplicas: "int32[]? =null",
      lastKnownElr: "int32[]? =null",
      offlineReplicas: "int32[] ignorable",
    }],
    topicAuthorizedOperations: "int32 =-2147483648",
  }],
  nextCursor: struct("? =null", cursor),
});
