/**
 * What DescribeGroups shows of a classic group.
 *
 * @module
 */
import type { DescribedGroup } from "../protocol.ts";
import type { Group } from "../state.ts";
import { classicOf, NOTHING } from "./state.ts";

/** The group as it is; undefined when it is no classic one. What members do and have is shown only while it is settled, as Kafka does. */
export function describe(group: Group): DescribedGroup | undefined {
  const classic = classicOf(group);
  if (!classic) return undefined;
  const isStable = classic.phase === "Stable";
  return {
    errorCode: 0,
    groupId: group.args.groupId,
    groupState: classic.phase,
    protocolType: classic.protocolType,
    protocolData: isStable ? classic.protocol ?? "" : "",
    members: [...classic.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? classic.metadataOf(member) : NOTHING,
      memberAssignment: isStable ? member.assignment : NOTHING,
    })),
  };
}
