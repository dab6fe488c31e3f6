/**
 * Records in, records out, and where they lie: Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords.
 *
 * @module
 */

import { api, row, struct } from "../schema.ts";

/** The leader that a client should turn to (KIP-951). */
const leaderIdAndEpoch = row({
  leaderId: "int32 =-1",
  leaderEpoch: "int32 =-1",
});

/** Where the brokers named in the response are (KIP-951). */
const nodeEndpoint = row({
  nodeId: "int32",
  host: "string",
  port: "int32",
  rack: "string? =null",
});

/** Produce (key 0): appends record batches. Version 12 is that of transactions v2 (KIP-890), 13 of topic ids. */
export const produce = api(0, "Produce", "3-13", "9+", {
  transactionalId: "string? =null",
  acks: "int16",
  timeoutMs: "int32",
  topicData: [{
    name: "string 0-12 ignorable",
    topicId: "uuid 13+ ignorable",
    partitionData: [{
      index: "int32",
      records: "records?",
    }],
  }],
}, {
  responses: [{
    name: "string 0-12 ignorable",
    topicId: "uuid 13+ ignorable",
    partitionResponses: [{
      index: "int32",
      errorCode: "int16",
      baseOffset: "int64",
      logAppendTimeMs: "int64 2+ ignorable =-1",
      logStartOffset: "int64 5+ ignorable =-1",
      recordErrors: ["8+ ignorable", {
        batchIndex: "int32",
        batchIndexErrorMessage: "string? =null",
      }],
      errorMessage: "string? 8+ ignorable =null",
      currentLeader: struct("10+ tag0", leaderIdAndEpoch),
    }],
  }],
  throttleTimeMs: "int32 1+ ignorable =0",
  nodeEndpoints: ["10+ tag0", nodeEndpoint],
});

/** Fetch (key 1): reads record batches; also what followers replicate with. */
export const fetch = api(1, "Fetch", "4-18", "12+", {
  clusterId: "string? 12+ tag0 ignorable =null",
  replicaId: "int32 0-14 =-1",
  replicaState: struct("15+ tag1", {
    replicaId: "int32 =-1",
    replicaEpoch: "int64 =-1",
  }),
  maxWaitMs: "int32",
  minBytes: "int32",
  maxBytes: "int32 3+ ignorable =0x7fffffff",
  isolationLevel: "int8 4+ ignorable =0",
  sessionId: "int32 7+ ignorable =0",
  sessionEpoch: "int32 7+ ignorable =-1",
  topics: [{
    topic: "string 0-12 ignorable",
    topicId: "uuid 13+ ignorable",
    partitions: [{
      partition: "int32",
      currentLeaderEpoch: "int32 9+ ignorable =-1",
      fetchOffset: "int64",
      lastFetchedEpoch: "int32 12+ =-1",
      logStartOffset: "int64 5+ ignorable =-1",
      partitionMaxBytes: "int32",
      replicaDirectoryId: "uuid 17+ tag0 ignorable",
      highWatermark: "int64 18+ tag1 ignorable =9223372036854775807",
    }],
  }],
  forgottenTopicsData: ["7+", {
    topic: "string 7-12 ignorable",
    topicId: "uuid 13+ ignorable",
    partitions: "int32[]",
  }],
  rackId: "string 11+ ignorable",
}, {
  throttleTimeMs: "int32 1+ ignorable",
  errorCode: "int16 7+ ignorable",
  sessionId: "int32 7+ =0",
  responses: [{
    topic: "string 0-12 ignorable",
    topicId: "uuid 13+ ignorable",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
      highWatermark: "int64",
      lastStableOffset: "int64 4+ ignorable =-1",
      logStartOffset: "int64 5+ ignorable =-1",
      divergingEpoch: struct("12+ tag0", {
        epoch: "int32 =-1",
        endOffset: "int64 =-1",
      }),
      currentLeader: struct("12+ tag1", leaderIdAndEpoch),
      snapshotId: struct("12+ tag2", {
        endOffset: "int64 =-1",
        epoch: "int32 =-1",
      }),
      abortedTransactions: ["? 4+ ignorable", {
        producerId: "int64",
        firstOffset: "int64",
      }],
      preferredReadReplica: "int32 11+ =-1",
      records: "records?",
    }],
  }],
  nodeEndpoints: ["16+ tag0", nodeEndpoint],
});

/** ListOffsets (key 2): the offset at a time, or at the ends of the log. */
export const listOffsets = api(2, "ListOffsets", "1-11", "6+", {
  replicaId: "int32",
  isolationLevel: "int8 2+",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      currentLeaderEpoch: "int32 4+ ignorable =-1",
      timestamp: "int64",
    }],
  }],
  timeoutMs: "int32 10+ ignorable",
}, {
  throttleTimeMs: "int32 2+ ignorable",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
      timestamp: "int64 1+ =-1",
      offset: "int64 1+ =-1",
      leaderEpoch: "int32 4+ =-1",
    }],
  }],
});

/** OffsetForLeaderEpoch (key 23): where a leader epoch ended (KIP-101, KIP-320). */
export const offsetForLeaderEpoch = api(23, "OffsetForLeaderEpoch", "2-4", "4+", {
  replicaId: "int32 3+ ignorable =-2",
  topics: [{
    topic: "string",
    partitions: [{
      partition: "int32",
      currentLeaderEpoch: "int32 2+ ignorable =-1",
      leaderEpoch: "int32",
    }],
  }],
}, {
  throttleTimeMs: "int32 2+ ignorable",
  topics: [{
    topic: "string",
    partitions: [{
      errorCode: "int16",
      partition: "int32",
      leaderEpoch: "int32 1+ ignorable =-1",
      endOffset: "int64 =-1",
    }],
  }],
});

/** DeleteRecords (key 21): moves the start of a partition's log. */
export const deleteRecords = api(21, "DeleteRecords", "0-2", "2+", {
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      offset: "int64",
    }],
  }],
  timeoutMs: "int32",
}, {
  throttleTimeMs: "int32 =0",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      lowWatermark: "int64",
      errorCode: "int16",
    }],
  }],
});
