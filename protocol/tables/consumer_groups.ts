/**
 * Consumer groups of the new protocol (KIP-848): one heartbeat in place of join, sync, heartbeat and leave.
 *
 * @module
 */

import { api, row, struct } from "../schema.ts";

/** ConsumerGroupHeartbeat (key 68). In the request null means unchanged; in the response a null assignment does. */
export const consumerGroupHeartbeat = api(68, "ConsumerGroupHeartbeat", "0-1", "0+", {
  groupId: "string",
  memberId: "string",
  memberEpoch: "int32",
  instanceId: "string? =null",
  rackId: "string? =null",
  rebalanceTimeoutMs: "int32 =-1",
  subscribedTopicNames: "string[]? =null",
  subscribedTopicRegex: "string? 1+ =null",
  serverAssignor: "string? =null",
  topicPartitions: ["? =null", {
    topicId: "uuid",
    partitions: "int32[]",
  }],
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
  memberId: "string? =null",
  memberEpoch: "int32",
  heartbeatIntervalMs: "int32",
  assignment: struct("? =null", {
    topicPartitions: [{
      topicId: "uuid",
      partitions: "int32[]",
    }],
  }),
});

const assignment = row({
  topicPartitions: [{
    topicId: "uuid",
    topicName: "string",
    partitions: "int32[]",
  }],
});

/** ConsumerGroupDescribe (key 69). */
export const consumerGroupDescribe = api(69, "ConsumerGroupDescribe", "0-1", "0+", {
  groupIds: "string[]",
  includeAuthorizedOperations: "bool",
}, {
  throttleTimeMs: "int32 =0",
  groups: [{
    errorCode: "int16",
    errorMessage: "string? =null",
    groupId: "string",
    groupState: "string",
    groupEpoch: "int32",
    assignmentEpoch: "int32",
    assignorName: "string",
    members: [{
      memberId: "string",
      instanceId: "string? =null",
      rackId: "string? =null",
      memberEpoch: "int32",
      clientId: "string",
      clientHost: "string",
      subscribedTopicNames: "string[]",
      subscribedTopicRegex: "string? =null",
      assignment,
      targetAssignment: assignment,
      memberType: "int8 1+ ignorable =-1",
    }],
    authorizedOperations: "int32 =-2147483648",
  }],
});
