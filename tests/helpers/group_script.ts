/**
 * A conversation about groups: every request in each of its shapes, right and wrong, in an order that makes the answers the same on
 * every broker that keeps Kafka's rules.
 *
 * @module
 */
import { consumerGroupDescribe } from "../../protocol/tables/consumer_groups.ts";
import * as groups from "../../protocol/tables/groups.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { deleteTopics } from "../../protocol/tables/topics.ts";
import type { RequestInput } from "../../protocol/schema.ts";
import type { GroupPlayer } from "./group_player.ts";
import { playMixed, playRebalances, type Speakers } from "./group_rebalances.ts";
import { by, type Commit, commitOf, joinOf, leaveOf, syncOf, T } from "./group_requests.ts";
import { playModernGroups } from "./modern_group_script.ts";
import { createTopic } from "./kafka_calls.ts";
import type { RawClient } from "./raw_client.ts";

/** Plays all of it. The topics "t" (two partitions) and "u" are made, "u" is deleted in the end. */
export async function playGroups(player: GroupPlayer, speakers: Speakers): Promise<void> {
  const { client } = player;
  await createTopic(client, "t", 2);
  await createTopic(client, "u", 1);
  for (const key of ["g", "missing"]) await client.call(groups.findCoordinator, 3, { key, keyType: 0 });
  await commits(player);
  await fetches(player);
  await lists(player);
  await strangers(player);
  for (const version of [0, 3, 4, 5, 7, 9]) await member(player, version);
  await staticMember(player);
  await pending(player);
  await deletions(player);
  await playModernGroups(player, await idOf(client, "t"));
  await playRebalances(player, speakers);
  await playMixed(player, speakers);
  await topicGone(player);
}

async function commits(player: GroupPlayer): Promise<void> {
  const say = (what: string, version: number, body: Commit) =>
    player.call(`commit ${what}`, groups.offsetCommit, version, body);
  for (let version = 2; version <= 9; version++) await say("standalone", version, commitOf("g"));
  await say("unknown partitions", 9, commitOf("g", {}, [["nope", 0, 1], ["t", 7, 1]]));
  await say("long text", 9, commitOf("g", {}, [["t", 0, 7, "m".repeat(4_097)]]));
  await say("longest text", 9, commitOf("g", {}, [["t", 1, 8, "m".repeat(4_096)]]));
  await say("no text", 9, commitOf("g", {}, [["t", 0, 6, null]]));
  await say("of two topics", 9, commitOf("g", {}, [["t", 1, 9], ["u", 0, 3]]));
  await say("nothing", 9, commitOf("g", {}, []));
  for (const version of [8, 9]) await say("to a missing group", version, commitOf("missing", by("m", 1)));
  await say("to a missing group, generation 0", 9, commitOf("missing", by("", 0)));
  await say("of a member to a simple group", 9, commitOf("g", by("m", 1)));
  await say("of a generation to a simple group", 9, commitOf("g", by("", 1)));
  await say("of a member without a generation", 9, commitOf("g", by("m", -1)));
  await say("epoch -2", 9, commitOf("g", by("", -2)));
  await say("of an instance", 9, commitOf("g", { groupInstanceId: "i" }));
  await say("a negative offset", 9, commitOf("g", {}, [["t", 0, -1]]));
  await say("to the empty group id", 9, commitOf(""));
}

async function fetches(player: GroupPlayer): Promise<void> {
  const { offsetFetch } = groups;
  const say = (what: string, version: number, body: RequestInput<typeof offsetFetch>) =>
    player.call(`fetch ${what}`, offsetFetch, version, body);
  for (let version = 1; version <= 7; version++) await say("two", version, { groupId: "g", topics: T });
  await say("all", 7, { groupId: "g", topics: null });
  await say("none", 7, { groupId: "g", topics: [] });
  await say("of the empty group id", 7, { groupId: "", topics: T });
  await say("of a missing group", 7, { groupId: "missing", topics: [{ name: "nope", partitionIndexes: [3] }] });
  await say("all of a missing group", 2, { groupId: "missing", topics: null });
  const several = ["g", "missing"].map((groupId) => ({ groupId, topics: T }));
  await say("several", 8, { groups: several, requireStable: true });
  for (const groupId of ["g", "missing"]) {
    await say("as a member", 9, { groups: [{ groupId, memberId: "m", memberEpoch: 1, topics: T }] });
    await say("all as a member", 9, { groups: [{ groupId, memberId: "m", memberEpoch: 1, topics: null }] });
  }
}

async function lists(player: GroupPlayer): Promise<void> {
  const { listGroups, describeGroups } = groups;
  for (const version of [0, 4, 5]) await player.call("list", listGroups, version, {});
  await player.call("list by state", listGroups, 4, { statesFilter: ["eMpty"] });
  await player.call("list by another state", listGroups, 5, { statesFilter: ["nonsense"] });
  await player.call("list by type", listGroups, 5, { typesFilter: ["Consumer"] });
  await player.call("list by another type", listGroups, 5, { typesFilter: ["nonsense"] });
  for (let version = 0; version <= 6; version++) {
    const asked = { groups: ["g", "missing"], includeAuthorizedOperations: version >= 3 };
    await player.call("describe", describeGroups, version, asked);
  }
  const asked = { groupIds: ["g", "missing", ""], includeAuthorizedOperations: true };
  for (const version of [0, 1]) await player.call("describe consumer", consumerGroupDescribe, version, asked);
}

/** Joins that are refused, and requests of members that nobody knows. */
async function strangers(player: GroupPlayer): Promise<void> {
  const { joinGroup, syncGroup, heartbeat, leaveGroup } = groups;
  await player.call("join the empty group id", joinGroup, 9, joinOf(""));
  await player.call("join for too short", joinGroup, 9, joinOf("j", { sessionTimeoutMs: 5 }));
  await player.call("join for too long", joinGroup, 5, joinOf("j", { sessionTimeoutMs: 1_800_001 }));
  await player.call("join as nobody", joinGroup, 9, joinOf("j", { memberId: "m" }));
  for (const groupId of ["nowhere", "", "g"]) {
    await player.call("sync of a stranger", syncGroup, 5, syncOf(groupId, 5, "m", 1));
    await player.call("sync without types", syncGroup, 5, syncOf(groupId, 4, "m", 1));
    await player.call("heartbeat of a stranger", heartbeat, 4, { groupId, generationId: 1, memberId: "m" });
    const stranger = { memberId: "m", groupInstanceId: "i" };
    await player.call("leave of a stranger", leaveGroup, 2, leaveOf(groupId, 2, stranger));
    await player.call("leave of a stranger", leaveGroup, 5, leaveOf(groupId, 5, stranger));
  }
}

/** The life of one member of the classic protocol. */
async function member(player: GroupPlayer, version: number): Promise<void> {
  const { joinGroup, syncGroup, heartbeat, offsetCommit, describeGroups } = groups;
  const groupId = `join${version}`;
  let joined = await player.call("join", joinGroup, version, joinOf(groupId));
  const beat = (what: string, generationId: number, more: object = {}) =>
    player.call(`heartbeat ${what}`, heartbeat, 3, { groupId, generationId, memberId: joined.memberId, ...more });
  const commit = (what: string, more: Partial<Commit>) =>
    player.call(`commit ${what}`, offsetCommit, 8, commitOf(groupId, more));
  if (version >= 4) {
    await beat("with a pending id", -1);
    await commit("with a pending id", by(joined.memberId, 0));
    joined = await player.call("join with the id", joinGroup, version, joinOf(groupId, { memberId: joined.memberId }));
  }
  const { memberId, generationId } = joined;
  await commit("before the sync", by(memberId, generationId));
  await beat("before the sync", generationId);
  await player.call("describe before the sync", describeGroups, 5, { groups: [groupId] });
  const syncs = Math.min(version, 5);
  const sync = (what: string, more: object = {}, generation = generationId) =>
    player.call(`sync ${what}`, syncGroup, syncs, syncOf(groupId, syncs, memberId, generation, more));
  await sync("of another generation", {}, generationId + 1);
  await sync("of nobody", { memberId: "m" });
  if (syncs >= 5) await sync("of another type", { protocolType: "other" });
  if (syncs >= 5) await sync("of another protocol", { protocolName: "other" });
  await sync("");
  await sync("again", { assignments: [] });
  await beat("", generationId);
  await beat("of another generation", generationId + 1);
  await beat("of nobody", generationId, { memberId: "m" });
  await beat("of an instance", generationId, { groupInstanceId: "i" });
  await commit("", by(memberId, generationId));
  await commit("of another generation", by(memberId, generationId + 1));
  await commit("of nobody", by("m", generationId));
  await commit("without an id", by("", generationId));
  await commit("standalone", {});
  await commit("of an instance", { ...by(memberId, generationId), groupInstanceId: "i" });
  await alive(player, groupId, version, memberId);
}

/** What can be done to a group that has a member, and how the member goes. */
async function alive(player: GroupPlayer, groupId: string, version: number, memberId: string): Promise<void> {
  const { joinGroup, leaveGroup, offsetCommit, describeGroups, deleteGroups, offsetDelete } = groups;
  await player.call("describe", describeGroups, 5, { groups: [groupId] });
  await player.call("describe consumer", consumerGroupDescribe, 0, { groupIds: [groupId] } as never);
  await player.call("delete", deleteGroups, 2, { groupsNames: [groupId] });
  const topics = ["t", "u"].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }));
  await player.call("delete offsets", offsetDelete, 0, { groupId, topics });
  await player.call("join again", joinGroup, version, joinOf(groupId, { memberId }));
  await player.call("join as another type", joinGroup, version, joinOf(groupId, { memberId, protocolType: "other" }));
  const other = { protocols: [{ name: "other", metadata: new Uint8Array() }] };
  await player.call("join with another protocol", joinGroup, version, joinOf(groupId, other));
  const leaves = Math.min(version, 5);
  const two = leaveOf(groupId, leaves, { memberId }, { memberId: "m" });
  await player.call("leave", leaveGroup, leaves, two);
  await player.call("leave again", leaveGroup, leaves, two);
  await player.call("describe what is left", describeGroups, 5, { groups: [groupId] });
  await player.call("commit after all", offsetCommit, 8, commitOf(groupId, by(memberId, 1)));
  await player.call("commit from outside", offsetCommit, 8, commitOf(groupId));
}

async function staticMember(player: GroupPlayer): Promise<void> {
  const { joinGroup, syncGroup, heartbeat, leaveGroup, offsetCommit, describeGroups } = groups;
  const groupId = "static", groupInstanceId = "i", instance = { groupInstanceId };
  const first = await player.call("static join", joinGroup, 9, joinOf(groupId, instance));
  const sync = (what: string, { memberId, generationId }: { memberId: string; generationId: number }) =>
    player.call(`static sync ${what}`, syncGroup, 5, syncOf(groupId, 5, memberId, generationId, instance));
  await sync("of the first", first);
  const second = await player.call("static join again", joinGroup, 9, joinOf(groupId, instance));
  const { memberId, generationId } = first;
  await player.call("static old heartbeat", heartbeat, 4, { groupId, generationId, memberId, groupInstanceId });
  await sync("of the first again", first);
  const commit = commitOf(groupId, { ...by(memberId, generationId), groupInstanceId });
  await player.call("static old commit", offsetCommit, 9, commit);
  await player.call("static old join", joinGroup, 9, joinOf(groupId, { memberId, groupInstanceId }));
  await sync("of the second", second);
  const strangers = [{ memberId, groupInstanceId }, { memberId: "", groupInstanceId: "unknown" }];
  await player.call("static leave of others", leaveGroup, 5, leaveOf(groupId, 5, ...strangers));
  await player.call("static join of version 8", joinGroup, 8, joinOf(groupId, instance));
  await player.call("static leave", leaveGroup, 5, leaveOf(groupId, 5, { memberId: "", groupInstanceId }));
  await player.call("static describe", describeGroups, 5, { groups: [groupId] });
}

async function deletions(player: GroupPlayer): Promise<void> {
  const { offsetDelete, offsetFetch, deleteGroups } = groups;
  const topics = [["t", 0], ["nope", 0], ["u", 0], ["u", 9]] as const;
  const rows = topics.map(([name, partitionIndex]) => ({ name, partitions: [{ partitionIndex }] })).slice(0, 3);
  for (const groupId of ["missing", "", "g"]) {
    await player.call("delete offsets", offsetDelete, 0, { groupId, topics: rows });
  }
  await player.call("fetch what is left", offsetFetch, 7, { groupId: "g", topics: null });
  for (const version of [0, 1, 2]) {
    const groupsNames = [`join${[0, 3, 4][version]}`, "missing", "missing", ""];
    await player.call("delete groups", deleteGroups, version, { groupsNames });
  }
  await player.call("fetch of a deleted group", offsetFetch, 7, { groupId: "join3", topics: null });
}

/** A group of which there is nothing but an id that was given out. */
async function pending(player: GroupPlayer): Promise<void> {
  const groupId = "pending";
  await player.call("join of a new group", groups.joinGroup, 9, joinOf(groupId));
  await player.call("commit to it", groups.offsetCommit, 9, commitOf(groupId, by("m", 1)));
  await player.call("delete it", groups.deleteGroups, 2, { groupsNames: [groupId] });
  await player.call("delete it again", groups.deleteGroups, 2, { groupsNames: [groupId] });
}

/** Offsets go with their topic. */
async function topicGone(player: GroupPlayer): Promise<void> {
  const { client } = player;
  await player.call("commit", groups.offsetCommit, 9, commitOf("g", {}, [["u", 0, 4], ["t", 1, 2]]));
  await client.call(deleteTopics, 5, { topicNames: ["u"], timeoutMs: 10_000 });
  const deadline = performance.now() + 15_000;
  const isThere = async () => {
    const { topics } = await client.call(groups.offsetFetch, 7, { groupId: "g", topics: null });
    return topics.some(({ name }) => name === "u");
  };
  while (await isThere() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  await player.call("fetch after the topic has gone", groups.offsetFetch, 7, { groupId: "g", topics: null });
}

async function idOf(client: RawClient, name: string): Promise<string> {
  const { topics } = await client.call(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
  return topics[0]!.topicId;
}
