/**
 * What ConsumerGroupDescribe shows of a group.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { Assignment } from "../assignor.ts";
import type { Asked, DescribedConsumerGroup, Topology } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { modernOf } from "./decide.ts";
import type { ModernGroup } from "./modern.ts";
import { toRows } from "./partitions.ts";
import { assignorNameOf } from "./targets.ts";

type DescribedMember = DescribedConsumerGroup["members"][number];

/** How a member is marked that speaks the classic protocol, and one that speaks the new one. */
const CLASSIC = 0;
const MODERN = 1;

/** Handles `describeConsumer`: the group as it is; any other kind of group is not there for who asks this way. */
export function describeConsumer(group: Group, _: Asked<void>, _out: GroupOutbox): DescribedConsumerGroup {
  const { groupId } = group.args;
  const state = modernOf(group);
  if (state === undefined || state.isEmpty) {
    const isOther = group.classic?.isEmpty === false || !group.offsets.isEmpty;
    const message = isOther ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`;
    const rest = { groupState: "", groupEpoch: 0, assignmentEpoch: 0, assignorName: "", members: [] };
    return { errorCode: errorCode("GROUP_ID_NOT_FOUND"), errorMessage: message, groupId, ...rest };
  }
  const { topology, config } = group.news;
  return {
    errorCode: 0,
    groupId,
    groupState: state.state,
    groupEpoch: state.epoch,
    assignmentEpoch: state.assignmentEpoch,
    assignorName: assignorNameOf(state.metadata.values(), config),
    members: [...state.metadata.keys()].map((memberId) => describeMember(state, memberId, topology)),
  };
}

function describeMember(state: ModernGroup, memberId: string, topology: Topology): DescribedMember {
  const metadata = state.metadata.get(memberId)!;
  const { epoch, assigned } = state.current(memberId);
  return {
    memberId,
    instanceId: metadata.instanceId,
    rackId: metadata.rackId,
    memberEpoch: epoch,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    subscribedTopicNames: metadata.subscribedTopicNames,
    subscribedTopicRegex: metadata.subscribedTopicRegex ?? "", // as Kafka shows that there is none
    assignment: named(assigned, topology),
    targetAssignment: named(state.target(memberId), topology),
    memberType: metadata.classicMemberMetadata === null ? MODERN : CLASSIC,
  };
}

/** Topics that are gone have no name, and are left out. */
function named(set: Assignment, topology: Topology): DescribedMember["assignment"] {
  return {
    topicPartitions: toRows(set).flatMap(({ topicId, partitions }) => {
      const topicName = topology.names.get(topicId);
      return topicName === undefined ? [] : [{ topicId, topicName, partitions }];
    }),
  };
}
