/**
 * Groups of the classic protocol, and the offsets of all groups: coordinators, members, commits.
 *
 * @module
 */

import { api } from "../schema.ts";

/** FindCoordinator (key 10): who coordinates a group (key type 0) or a transactional id (1). From version 4 on, several keys (KIP-699). */
export const findCoordinator = api(10, "FindCoordinator", "0-6", "3+", {
  key: "string 0-3",
  keyType: "int8 1+ =0",
  coordinatorKeys: "string[] 4+",
}, {
  throttleTimeMs: "int32 1+ ignorable",
  errorCode: "int16 0-3",
  errorMessage: "string? 1-3 ignorable =null",
  nodeId: "int32 0-3",
  host: "string 0-3",
  port: "int32 0-3",
  coordinators: ["4+", {
    key: "string",
    nodeId: "int32",
    host: "string",
    port: "int32",
    errorCode: "int16",
    errorMessage: "string? 4+ ignorable =null",
  }],
});

/** JoinGroup (key 11): enters a group, and waits until all members have. */
export const joinGroup = api(11, "JoinGroup", "0-9", "6+", {
  groupId: "string",
  sessionTimeoutMs: "int32",
  rebalanceTimeoutMs: "int32 1+ ignorable =-1",
  memberId: "string",
  groupInstanceId: "string? 5+ =null",
  protocolType: "string",
  protocols: [{
    name: "string",
    metadata: "bytes",
  }],
  reason: "string? 8+ ignorable =null",
}, {
  throttleTimeMs: "int32 2+ ignorable",
  errorCode: "int16",
  generationId: "int32 =-1",
  protocolType: "string? 7+ ignorable =null",
  protocolName: "string?7+",
  leader: "string",
  skipAssignment: "bool 9+ =false",
  memberId: "string",
  members: [{
    memberId: "string",
    groupInstanceId: "string? 5+ ignorable =null",
    metadata: "bytes",
  }],
});

/** SyncGroup (key 14): the leader hands out the assignments, the others wait for theirs. */
export const syncGroup = api(14, "SyncGroup", "0-5", "4+", {
  groupId: "string",
  generationId: "int32",
  memberId: "string",
  groupInstanceId: "string? 3+ =null",
  protocolType: "string? 5+ ignorable =null",
  protocolName: "string? 5+ ignorable =null",
  assignments: [{
    memberId: "string",
    assignment: "bytes",
  }],
}, {
  throttleTimeMs: "int32 1+ ignorable",
  errorCode: "int16",
  protocolType: "string? 5+ ignorable =null",
  protocolName: "string? 5+ ignorable =null",
  assignment: "bytes",
});

/** Heartbeat (key 12): a member is alive, and hears of rebalances. */
export const heartbeat = api(12, "Heartbeat", "0-4", "4+", {
  groupId: "string",
  generationId: "int32",
  memberId: "string",
  groupInstanceId: "string? 3+ =null",
}, {
  throttleTimeMs: "int32 1+ ignorable",
  errorCode: "int16",
});

/** LeaveGroup (key 13). From version 3 on, several members (KIP-345). */
export const leaveGroup = api(13, "LeaveGroup", "0-5", "4+", {
  groupId: "string",
  memberId: "string 0-2",
  members: ["3+", {
    memberId: "string",
    groupInstanceId: "string? =null",
    reason: "string? 5+ ignorable =null",
  }],
}, {
  throttleTimeMs: "int32 1+ ignorable",
  errorCode: "int16",
  members: ["3+", {
    memberId: "string",
    groupInstanceId: "string?",
    errorCode: "int16",
  }],
});

/** OffsetCommit (key 8). Version 10 names topics by id (KIP-848). */
export const offsetCommit = api(8, "OffsetCommit", "2-10", "8+", {
  groupId: "string",
  generationIdOrMemberEpoch: "int32 1+ ignorable =-1",
  memberId: "string 1+ ignorable",
  groupInstanceId: "string? 7+ =null",
  retentionTimeMs: "int64 2-4 ignorable =-1",
  topics: [{
    name: "string 0-9 ignorable",
    topicId: "uuid 10+ ignorable",
    partitions: [{
      partitionIndex: "int32",
      committedOffset: "int64",
      committedLeaderEpoch: "int32 6+ ignorable =-1",
      committedMetadata: "string?",
    }],
  }],
}, {
  throttleTimeMs: "int32 3+ ignorable",
  topics: [{
    name: "string 0-9 ignorable",
    topicId: "uuid 10+ ignorable",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
    }],
  }],
});

/** OffsetFetch (key 9): one group up to version 7, several from 8 on (KIP-709). Null topics mean all of them. */
export const offsetFetch = api(9, "OffsetFetch", "1-10", "6+", {
  groupId: "string 0-7",
  topics: ["?2-7 0-7", {
    name: "string",
    partitionIndexes: "int32[]",
  }],
  groups: ["8+", {
    groupId: "string",
    memberId: "string? 9+ ignorable =null",
    memberEpoch: "int32 9+ ignorable =-1",
    topics: ["?", {
      name: "string 8-9 ignorable",
      topicId: "uuid 10+ ignorable",
      partitionIndexes: "int32[]",
    }],
  }],
  requireStable: "bool 7+ =false",
}, {
  throttleTimeMs: "int32 3+ ignorable",
  topics: ["0-7", {
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      committedOffset: "int64",
      committedLeaderEpoch: "int32 5-7 ignorable =-1",
      metadata: "string?",
      errorCode: "int16",
    }],
  }],
  errorCode: "int16 2-7 ignorable =0",
  groups: ["8+", {
    groupId: "string",
    topics: [{
      name: "string 8-9 ignorable",
      topicId: "uuid 10+ ignorable",
      partitions: [{
        partitionIndex: "int32",
        committedOffset: "int64",
        committedLeaderEpoch: "int32 =-1",
        metadata: "string?",
        errorCode: "int16",
      }],
    }],
    errorCode: "int16 =0",
  }],
});

/** OffsetDelete (key 47): forgets committed offsets (KIP-496). */
export const offsetDelete = api(47, "OffsetDelete", "0", "none", {
  groupId: "string",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
    }],
  }],
}, {
  errorCode: "int16",
  throttleTimeMs: "int32 ignorable =0",
  topics: [{
    name: "string",
    partitions: [{
      partitionIndex: "int32",
      errorCode: "int16",
    }],
  }],
});

/** DescribeGroups (key 15). */
export const describeGroups = api(15, "DescribeGroups", "0-6", "5+", {
  groups: "string[]",
  includeAuthorizedOperations: "bool 3+",
}, {
  throttleTimeMs: "int32 1+ ignorable",
  groups: [{
    errorCode: "int16",
    errorMessage: "string? 6+ =null",
    groupId: "string",
    groupState: "string",
    protocolType: "string",
    protocolData: "string",
    members: [{
      memberId: "string",
      groupInstanceId: "string? 4+ ignorable =null",
      clientId: "string",
      clientHost: "string",
      memberMetadata: "bytes",
      memberAssignment: "bytes",
    }],
    authorizedOperations: "int32 3+ =-2147483648",
  }],
});

/** ListGroups (key 16), filtered by state (KIP-518) and type (KIP-848). Empty filters let everything through. */
export const listGroups = api(16, "ListGroups", "0-5", "3+", {
  statesFilter: "string[] 4+",
  typesFilter: "string[] 5+",
}, {
  throttleTimeMs: "int32 1+ ignorable",
  errorCode: "int16",
  groups: [{
    groupId: "string",
    protocolType: "string",
    groupState: "string 4+ ignorable",
    groupType: "string 5+ ignorable",
  }],
});

/** DeleteGroups (key 42). */
export const deleteGroups = api(42, "DeleteGroups", "0-3", "2+", {
  groupsNames: "string[]",
}, {
  throttleTimeMs: "int32 =0",
  results: [{
    groupId: "string",
    errorCode: "int16",
    errorMessage: "string? 3+ ignorable =null",
  }],
});
