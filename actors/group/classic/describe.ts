/**
 * What DescribeGroups shows of a group.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { Asked, DescribedGroup } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { type ClassicGroup, classicOf, NOTHING } from "./state.ts";

/** From this version on a group that is not there is an error; before, it is dead. */
const NOT_FOUND_SINCE = 6;

/** The group as it is. One of the new protocol is not there for who asks this way; one that has nothing but offsets is empty. */
export function describe(group: Group, { version }: Asked<void>, _out: GroupOutbox): DescribedGroup {
  const { groupId } = group.args;
  const classic = classicOf(group);
  if (classic && !classic.isEmpty) return describeClassic(groupId, classic);
  if (group.modern) return missing(groupId, version, `Group ${groupId} is not a classic group.`);
  if (group.offsets.isEmpty) return missing(groupId, version, `Group ${groupId} not found.`);
  return { errorCode: 0, groupId, groupState: "Empty", protocolType: "", protocolData: "", members: [] };
}

/** What members want is shown only while it is settled, what each has been given until that is another; as Kafka does. */
function describeClassic(groupId: string, classic: ClassicGroup): DescribedGroup {
  const isStable = classic.phase === "Stable";
  return {
    errorCode: 0,
    groupId,
    groupState: classic.phase,
    protocolType: classic.protocolType,
    protocolData: isStable ? classic.protocol ?? "" : "",
    members: [...classic.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? classic.metadataOf(member) : NOTHING,
      memberAssignment: member.assignment,
    })),
  };
}

function missing(groupId: string, version: number, message: string): DescribedGroup {
  const rest = { groupId, groupState: "Dead", protocolType: "", protocolData: "", members: [] };
  if (version < NOT_FOUND_SINCE) return { errorCode: 0, ...rest };
  return { errorCode: errorCode("GROUP_ID_NOT_FOUND"), errorMessage: message, ...rest };
}
