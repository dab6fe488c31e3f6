/**
 * The cluster itself: brokers, log directories, producers, the quorum of controllers.
 *
 * @module
 */

import { api, row } from "../schema.ts";

/** DescribeCluster (key 60): endpoint type 1 lists brokers, 2 controllers (KIP-700, KIP-919). */
export const describeCluster = api(60, "DescribeCluster", "0-2", "0+", {
  includeClusterAuthorizedOperations: "bool",
  endpointType: "int8 1+ =1",
  includeFencedBrokers: "bool 2+",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
  endpointType: "int8 1+ =1",
  clusterId: "string",
  controllerId: "int32 =-1",
  brokers: [{
    brokerId: "int32",
    host: "string",
    port: "int32",
    rack: "string? =null",
    isFenced: "bool 2+",
  }],
  clusterAuthorizedOperations: "int32 =-2147483648",
});

/** DescribeLogDirs (key 35): what lies in the broker's log directories (KIP-113). Null topics mean all of them. */
export const describeLogDirs = api(35, "DescribeLogDirs", "1-5", "2+", {
  topics: ["?", {
    topic: "string",
    partitions: "int32[]",
  }],
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16 3+ ignorable",
  results: [{
    errorCode: "int16",
    logDir: "string",
    topics: [{
      name: "string",
      partitions: [{
        partitionIndex: "int32",
        partitionSize: "int64",
        offsetLag: "int64",
        isFutureKey: "bool",
      }],
    }],
    totalBytes: "int64 4+ ignorable =-1",
    usableBytes: "int64 4+ ignorable =-1",
    isCordoned: "bool 5+ ignorable =false",
  }],
});

/** DescribeProducers (key 61): the producers that a partition remembers (KIP-664). */
export const describeProducers = api(61, "DescribeProducers", "0", "0+", {
  topics: [{
    name: "string",
    partitionIndexes: "int32[]",
  }],
}, {
  throttleTimeMs: "int32 =0",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
      errorMessage: "string? =null",
      activeProducers: [{
        producerId: "int64",
        producerEpoch: "int32",
        lastSequence: "int32 =-1",
        lastTimestamp: "int64 =-1",
        coordinatorEpoch: "int32",
        currentTxnStartOffset: "int64 =-1",
      }],
    }],
  }],
});

/** One replica of the metadata log. */
const replicaState = row({
  replicaId: "int32",
  replicaDirectoryId: "uuid 2+",
  logEndOffset: "int64",
  lastFetchTimestamp: "int64 1+ ignorable =-1",
  lastCaughtUpTimestamp: "int64 1+ ignorable =-1",
});

/** DescribeQuorum (key 55): who votes on the metadata log, and how far each has come (KIP-595, KIP-836). */
export const describeQuorum = api(55, "DescribeQuorum", "0-2", "0+", {
  topics: [{
    topicName: "string",
    partitions: [{
      partitionIndex: "int32",
    }],
  }],
}, {
  errorCode: "int16",
  errorMessage: "string? 2+ ignorable =null",
  topics: [{
    topicName: "string",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
      errorMessage: "string? 2+ ignorable =null",
      leaderId: "int32",
      leaderEpoch: "int32",
      highWatermark: "int64",
      currentVoters: [replicaState],
      observers: [replicaState],
    }],
  }],
  nodes: ["2+", {
    nodeId: "int32",
    listeners: [{
      name: "string",
      host: "string",
      port: "uint16",
    }],
  }],
});

/** UnregisterBroker (key 64): forgets a broker that is gone. */
export const unregisterBroker = api(64, "UnregisterBroker", "0", "0+", {
  brokerId: "int32",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
});
