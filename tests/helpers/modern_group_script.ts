/**
 * The part of the conversation about groups ({@link playGroups} in `group_script.ts`) that is about the new protocol.
 *
 * @module
 */
import { consumerGroupDescribe, consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import * as groups from "../../protocol/tables/groups.ts";
import type { RequestInput } from "../../protocol/schema.ts";
import type { GroupPlayer } from "./group_player.ts";
import { by, commitOf, leaveOf, syncOf, T } from "./group_requests.ts";

type Beat = RequestInput<typeof consumerGroupHeartbeat>;

const MEMBER = "AAAAAAAAAAAAAAAAAAAAAg";
const OTHER = "BBBBBBBBBBBBBBBBBBBBBg";

/** Plays it; "t" has two partitions. */
export async function playModernGroups(player: GroupPlayer, topicId: string): Promise<void> {
  await wrongBeats(player, topicId);
  await modernMember(player, topicId);
  await modernStatic(player);
}

/** A heartbeat that joins, or a later one. */
function beatOf(groupId: string, more: Partial<Beat> = {}): Beat {
  const joining = { rebalanceTimeoutMs: 5_000, subscribedTopicNames: ["t"], topicPartitions: [] };
  return { groupId, memberId: MEMBER, memberEpoch: 0, ...joining, ...more };
}

function laterOf(groupId: string, memberEpoch: number, more: Partial<Beat> = {}): Beat {
  return { groupId, memberId: MEMBER, memberEpoch, ...more };
}

async function wrongBeats(player: GroupPlayer, topicId: string): Promise<void> {
  const wrong: Record<string, Partial<Beat>> = {
    "the empty group id": { groupId: "" },
    "no member id": { memberId: "" },
    "an epoch of no group": { memberEpoch: 1 },
    "leaving no group": { memberEpoch: -1 },
    "leaving for a while without an instance": { memberEpoch: -2 },
    "an epoch below all": { memberEpoch: -3 },
    "no time to rebalance": { rebalanceTimeoutMs: -1 },
    "no subscription": { subscribedTopicNames: null },
    "partitions already": { topicPartitions: [{ topicId, partitions: [0] }] },
    "no list of partitions": { topicPartitions: null },
    "another assignor": { serverAssignor: "nope" },
    "an empty instance": { instanceId: "" },
    "an empty rack": { rackId: "" },
    "a blank member id": { memberId: "  " },
    "a blank instance": { instanceId: " " },
    "a broken expression": { subscribedTopicNames: null, subscribedTopicRegex: "(" },
  };
  for (const [what, more] of Object.entries(wrong)) {
    await player.call(`beat with ${what}`, consumerGroupHeartbeat, 1, beatOf("modern", more));
  }
  await player.call("beat without topics", consumerGroupHeartbeat, 1, beatOf("bare", { subscribedTopicNames: [] }));
}

/** The life of one member of the new protocol. */
async function modernMember(player: GroupPlayer, topicId: string): Promise<void> {
  const { offsetCommit, offsetFetch, describeGroups, listGroups, deleteGroups, offsetDelete } = groups;
  const groupId = "modern";
  const beat = (what: string, body: Beat) => player.call(`beat ${what}`, consumerGroupHeartbeat, 1, body);
  const { memberEpoch: epoch } = await beat("to join", beatOf(groupId));
  await beat("to join again", beatOf(groupId));
  await beat("with what it has", laterOf(groupId, epoch, { topicPartitions: [{ topicId, partitions: [0, 1] }] }));
  await beat("", laterOf(groupId, epoch));
  await beat("of another epoch", laterOf(groupId, epoch + 4));
  await beat("of nobody", laterOf(groupId, epoch, { memberId: OTHER }));
  for (const version of [8, 9]) {
    await player.call("modern commit", offsetCommit, version, commitOf(groupId, by(MEMBER, epoch)));
  }
  for (const other of [epoch - 1, epoch + 1]) {
    await player.call("modern commit of another epoch", offsetCommit, 9, commitOf(groupId, by(MEMBER, other)));
  }
  await player.call("modern commit of nobody", offsetCommit, 9, commitOf(groupId, by("m", epoch)));
  await player.call("modern commit from outside", offsetCommit, 9, commitOf(groupId));
  for (const [memberId, memberEpoch] of [[MEMBER, epoch], [MEMBER, epoch - 1], ["m", epoch], [null, -1]] as const) {
    await player.call("modern fetch", offsetFetch, 9, { groups: [{ groupId, memberId, memberEpoch, topics: T }] });
  }
  for (const version of [5, 6]) await player.call("describe modern", describeGroups, version, { groups: [groupId] });
  const asked = { groupIds: [groupId], includeAuthorizedOperations: true };
  await player.call("describe consumer", consumerGroupDescribe, 1, asked);
  await player.call("list modern", listGroups, 5, { typesFilter: ["consumer"] });
  await player.call("delete modern", deleteGroups, 2, { groupsNames: [groupId] });
  const topics = ["t", "u"].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }));
  await player.call("delete modern offsets", offsetDelete, 0, { groupId, topics });
  await player.call("classic beat", groups.heartbeat, 4, { groupId, generationId: epoch, memberId: MEMBER });
  await player.call("classic sync", groups.syncGroup, 5, syncOf(groupId, 5, MEMBER, epoch));
  await player.call("classic leave", groups.leaveGroup, 5, leaveOf(groupId, 5, { memberId: "m" }));
  await beat("to leave", laterOf(groupId, -1));
  await beat("to leave again", laterOf(groupId, -1));
  await player.call("describe what is left", consumerGroupDescribe, 1, asked);
  await player.call("commit from outside", offsetCommit, 9, commitOf(groupId));
  await player.call("delete what is left", deleteGroups, 2, { groupsNames: [groupId] });
  await player.call("describe nothing", consumerGroupDescribe, 1, asked);
  await player.call("fetch of nothing", offsetFetch, 8, { groups: [{ groupId, topics: null }] });
  await beat("of nothing", laterOf(groupId, epoch));
  await beat("to join anew", beatOf(groupId));
}

async function modernStatic(player: GroupPlayer): Promise<void> {
  const groupId = "modern-static", instanceId = "i";
  const beat = (what: string, body: Beat) => player.call(`static beat ${what}`, consumerGroupHeartbeat, 1, body);
  const { memberEpoch } = await beat("to join", beatOf(groupId, { instanceId }));
  await beat("of another", beatOf(groupId, { instanceId, memberId: OTHER }));
  await beat("of another, later", laterOf(groupId, memberEpoch, { instanceId, memberId: OTHER }));
  await beat("to go for a while", laterOf(groupId, -2, { instanceId }));
  await beat("of who comes back", beatOf(groupId, { instanceId, memberId: OTHER }));
  const describe = () =>
    player.call("static describe", consumerGroupDescribe, 1, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    });
  await describe();
  const byInstance = leaveOf(groupId, 5, { memberId: "", groupInstanceId: instanceId });
  await player.call("static leave by its instance", groups.leaveGroup, 5, byInstance);
  await describe();
}
