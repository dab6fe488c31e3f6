/**
 * What is refused before anything is looked at, and which epochs a member may come with.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import type { consumerGroupHeartbeat } from "../../../protocol/tables/consumer_groups.ts";
import type { Assignment } from "../assignor.ts";
import type { GroupConfig } from "../protocol.ts";
import { GONE_FOR_A_WHILE, LEAVES } from "./member.ts";
import { isSubset } from "./partitions.ts";
import type { Current } from "./reconciliation.ts";
import { isRegex } from "./regexes.ts";
import { isAssignor } from "./targets.ts";

export type HeartbeatBody = Request<typeof consumerGroupHeartbeat>;
export type HeartbeatReply = ResponseInput<typeof consumerGroupHeartbeat>;

/** What is wrong, and a sentence about it. */
export interface Refusal {
  readonly error: ErrorName;
  readonly message: string;
}

export function refusal(error: ErrorName, message: string): Refusal {
  return { error, message };
}

/** A refusal as an answer. */
export function refused({ error, message }: Refusal): HeartbeatReply {
  return { errorCode: errorCode(error), errorMessage: message, memberEpoch: 0, heartbeatIntervalMs: 0 };
}

/** What is wrong with a heartbeat, whatever the group is; undefined for one that makes sense. */
export function refuseRequest(version: number, body: HeartbeatBody, config: GroupConfig): Refusal | undefined {
  if (!config.protocols.includes("consumer")) {
    return refusal("UNSUPPORTED_VERSION", "group.coordinator.rebalance.protocols does not name the new protocol.");
  }
  const sentence = faultOf(version, body);
  if (sentence !== undefined) return refusal("INVALID_REQUEST", sentence);
  const { serverAssignor, subscribedTopicRegex } = body;
  if (serverAssignor !== null && !isAssignor(serverAssignor, config)) {
    const known = config.consumerAssignors.join(", ");
    return refusal("UNSUPPORTED_ASSIGNOR", `There is no assignor "${serverAssignor}" here; there are: ${known}.`);
  }
  if ((subscribedTopicRegex ?? "") !== "" && !isRegex(subscribedTopicRegex!)) {
    return refusal("INVALID_REGULAR_EXPRESSION", `"${subscribedTopicRegex}" is no regular expression that RE2 knows.`);
  }
  return undefined;
}

function faultOf(version: number, body: HeartbeatBody): string | undefined {
  const { groupId, memberId, memberEpoch, instanceId, rackId } = body;
  if (isBlank(groupId)) return "A group id must not be empty.";
  if (isBlank(instanceId)) return "An instance id must not be empty.";
  if (isBlank(rackId)) return "A rack id must not be empty.";
  // Up to version 0 whoever joins may leave it to the coordinator to give it an id.
  if (isBlank(memberId) && (version > 0 || memberEpoch !== 0)) return "A member id must not be empty.";
  if (memberEpoch < GONE_FOR_A_WHILE) return `A member epoch of ${memberEpoch} means nothing.`;
  if (memberEpoch === GONE_FOR_A_WHILE && instanceId === null) return "Only a static member leaves for a while.";
  return memberEpoch === 0 ? faultOfJoin(body) : undefined;
}

/** Whether there is nothing in it but white space, which names nobody. */
function isBlank(name: string | null): boolean {
  return name !== null && name.trim() === "";
}

function faultOfJoin(body: HeartbeatBody): string | undefined {
  const { rebalanceTimeoutMs, topicPartitions, subscribedTopicNames, subscribedTopicRegex } = body;
  if (rebalanceTimeoutMs === -1) return "Whoever joins has to name a rebalance timeout.";
  if (topicPartitions === null || topicPartitions.length > 0) return "Whoever joins must not own partitions.";
  if (subscribedTopicNames === null && subscribedTopicRegex === null) {
    return "Whoever joins has to name topics, or a regular expression.";
  }
  return undefined;
}

/** Whether everything that a heartbeat can say is in it: then it is answered in full, too. */
export function isFull(body: HeartbeatBody): boolean {
  return body.memberEpoch === 0 ||
    body.rebalanceTimeoutMs !== -1 && body.topicPartitions !== null &&
      (body.subscribedTopicNames !== null || body.subscribedTopicRegex !== null);
}

/** Whether the member stays in the group. */
export function isLeaving({ memberEpoch }: HeartbeatBody): boolean {
  return memberEpoch === LEAVES || memberEpoch === GONE_FOR_A_WHILE;
}

/**
 * Whether a member may come with that epoch: its own, or the one before when the answer with its own was lost. Then it must not use what it
 * has not, and has to say so: it would go on using what has been given away.
 */
export function judgeEpoch(current: Current, received: number, reported: Assignment | null): Refusal | undefined {
  if (received === current.epoch) return undefined;
  const isLost = received === current.previousEpoch && reported !== null && isSubset(reported, current.assigned);
  if (isLost) return undefined;
  return refusal("FENCED_MEMBER_EPOCH", `The member has epoch ${current.epoch}, and came with ${received}.`);
}
