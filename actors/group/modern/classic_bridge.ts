/**
 * Members of the classic protocol in a group of the new one: their JoinGroup, SyncGroup, Heartbeat and LeaveGroup, said in its terms.
 *
 *     join ──what it says and owns: a heartbeat──▶ generation = its epoch ──sync──▶ what it has ──heartbeat──▶ fine
 *       ▲                                                                                          │
 *       └────────── REBALANCE_IN_PROGRESS: another target, something to give up, something free ───┘
 *
 * Nobody leads: every join is answered at once, and the assignment is the coordinator's.
 *
 * Invariants: a classic member moves only by its joins; one that has been told to join, or has joined and not synced, has its rebalance
 * timeout for it and is put out then.
 *
 * @module
 */
import { CONSUMER_PROTOCOL_TYPE, decodeSubscription, type Subscription } from "../../../protocol/consumer_protocol.ts";
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import type { heartbeat as heartbeatApi, joinGroup, leaveGroup, syncGroup } from "../../../protocol/tables/groups.ts";
import { LATER } from "../../actor.ts";
import { join as joinClassic, newMemberId, timeoutsOf } from "../classic/joining.ts";
import { joinRefused, syncRefused } from "../classic/replies.ts";
import type { Asked, GroupConfig } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { assignmentBytes, clearEmpty, idsOf } from "./convert.ts";
import { decide, mayGoWithout, modernOf } from "./decide.ts";
import { Draft } from "./draft.ts";
import { assignLater, catchUp } from "./epochs.ts";
import { reconcileMember, timeRevocation } from "./heartbeat.ts";
import { putOut } from "./leaving.ts";
import type { MemberMetadata } from "./member.ts";
import type { ModernGroup } from "./modern.ts";
import { difference } from "./partitions.ts";
import { dropRegex } from "./regexes.ts";
import { UNRELEASED, UNREVOKED } from "./reconciliation.ts";
import { cancelTimer, cancelTimers, resetSession, setTimer, setTimerIfNone } from "./timers.ts";

type JoinAsked = Asked<Request<typeof joinGroup>>;
type JoinReply = ResponseInput<typeof joinGroup>;
type SyncAsked = Asked<Request<typeof syncGroup>>;
type SyncReply = ResponseInput<typeof syncGroup>;
type HeartbeatAsked = Asked<Request<typeof heartbeatApi>>;
type HeartbeatReply = ResponseInput<typeof heartbeatApi>;
type LeaveAsked = Asked<Request<typeof leaveGroup>>;
type LeaveReply = ResponseInput<typeof leaveGroup>;

/** From this version on a new member has to come back with the id that it was given. */
const ID_REQUIRED_SINCE = 4;

/** Handles `join` of a group of the new protocol. One without members becomes a classic one. */
export function join(group: Group, asked: JoinAsked, out: GroupOutbox<JoinReply>): JoinReply | typeof LATER {
  const state = modernOf(group)!;
  if (!state.hasMembers) {
    // Who could not be in it changes nothing.
    const wrong = refuseFirst(group, asked);
    if (wrong !== "NONE") return joinRefused(asked.version, wrong, asked.body.memberId);
    clearEmpty(group, state, out);
    return joinClassic(group, asked, out);
  }
  const { version, client, body } = asked;
  const subscription = body.protocols[0] && decodeSubscription(body.protocols[0].metadata);
  const wrong = refuseJoin(group, state, asked);
  if (wrong !== "NONE") return joinRefused(version, wrong, body.memberId);
  if (subscription === undefined) return joinRefused(version, "INCONSISTENT_GROUP_PROTOCOL", body.memberId);
  const memberId = body.memberId === "" ? newMemberId(body.groupInstanceId ?? client.id, out.random) : body.memberId;
  if (body.memberId === "" && body.groupInstanceId === null && version >= ID_REQUIRED_SINCE) {
    return joinRefused(version, "MEMBER_ID_REQUIRED", memberId);
  }
  return enter(group, state, memberId, asked, subscription, out);
}

/** Of a group without members. */
function refuseFirst(group: Group, { body }: JoinAsked): ErrorName {
  if (!isSessionTimeout(body.sessionTimeoutMs, group.news.config)) return "INVALID_SESSION_TIMEOUT";
  if (body.memberId !== "") return "UNKNOWN_MEMBER_ID";
  return body.protocolType === "" || body.protocols.length === 0 ? "INCONSISTENT_GROUP_PROTOCOL" : "NONE";
}

function isSessionTimeout(ms: number, { minSessionTimeoutMs, maxSessionTimeoutMs }: GroupConfig): boolean {
  return ms >= minSessionTimeoutMs && ms <= maxSessionTimeoutMs;
}

function refuseJoin(group: Group, state: ModernGroup, { body }: JoinAsked): ErrorName {
  const { config } = group.news;
  const { memberId, groupInstanceId: instanceId, sessionTimeoutMs } = body;
  if (!isSessionTimeout(sessionTimeoutMs, config)) return "INVALID_SESSION_TIMEOUT";
  const holder = instanceId === null ? undefined : state.instances.get(instanceId);
  const known = state.metadata.get(memberId === "" ? holder ?? "" : memberId);
  if (known === undefined && state.metadata.size >= config.consumerMaxSize) return "GROUP_MAX_SIZE_REACHED";
  if (known === undefined && config.consumerMigrationPolicy === "disabled") return "INCONSISTENT_GROUP_PROTOCOL";
  if (!speaksWith(state, body)) return "INCONSISTENT_GROUP_PROTOCOL";
  if (memberId === "") return "NONE"; // the next one of its instance, or somebody new
  if (holder !== undefined && holder !== memberId) return "FENCED_INSTANCE_ID";
  const isModern = known?.classicMemberMetadata === null;
  return isModern || instanceId !== null && holder === undefined ? "UNKNOWN_MEMBER_ID" : "NONE";
}

/** Whether all classic members, this one among them, have a protocol in common. */
function speaksWith(state: ModernGroup, { memberId, protocolType, protocols }: JoinAsked["body"]): boolean {
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) return false;
  let common = protocols.map(({ name }) => name);
  for (const [other, { classicMemberMetadata }] of state.metadata) {
    if (other === memberId || classicMemberMetadata === null) continue;
    common = common.filter((name) => classicMemberMetadata.supportedProtocols.some((theirs) => theirs.name === name));
  }
  return common.length > 0;
}

function enter(
  group: Group,
  state: ModernGroup,
  memberId: string,
  asked: JoinAsked,
  subscription: Subscription,
  out: GroupOutbox<JoinReply>,
  mayAssign = true,
): JoinReply {
  const { version, body } = asked;
  const { news } = group;
  const draft = new Draft(state);
  const holder = body.groupInstanceId === null ? undefined : draft.holderOf(body.groupInstanceId);
  // Who joins in the classic protocol takes the place of its instance at once, as in classic groups.
  if (holder !== undefined && holder !== memberId) draft.replace(holder, memberId);
  const said = draft.metadata(memberId);
  const metadata = metadataOf(asked, subscription);
  draft.setMetadata(memberId, metadata);
  dropRegex(draft, said?.subscribedTopicRegex ?? null);
  catchUp(draft, news, out, mayAssign);
  const before = draft.current(memberId);
  const owned = idsOf(subscription.ownedPartitions, news.topology);
  reconcileMember(draft, memberId, owned, news);
  // What a member says as it joins is what it uses until it has synced: it need not come a second time to say it.
  const current = reconcileMember(draft, memberId, owned, news);
  const failed = decide(group, draft, out);
  const isMember = holder !== undefined || state.metadata.has(memberId);
  if (failed !== undefined && mayAssign && isMember && mayGoWithout(group, draft)) {
    return enter(group, state, memberId, asked, subscription, out, false);
  }
  if (failed !== undefined) return joinRefused(version, failed.error, memberId);
  if (holder !== undefined && holder !== memberId) {
    cancelTimers(state, holder, out);
    assignLater(state, news, out); // it may have been the last member of the new protocol
  }
  resetSession(state, memberId, body.sessionTimeoutMs, out);
  timeRevocation(state, memberId, metadata, before, current, out);
  cancelTimer(state, "join", memberId, out);
  setTimer(state, "sync", memberId, metadata.rebalanceTimeoutMs, out);
  return {
    errorCode: 0,
    generationId: current.epoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: body.protocols[0]!.name,
    leader: "",
    memberId,
    members: [],
  };
}

function metadataOf(asked: JoinAsked, subscription: Subscription): MemberMetadata {
  const { client, body } = asked;
  const { sessionTimeoutMs, rebalanceTimeoutMs } = timeoutsOf(asked);
  return {
    instanceId: body.groupInstanceId,
    rackId: subscription.rackId,
    clientId: client.id,
    clientHost: client.host,
    subscribedTopicNames: [...subscription.topics],
    subscribedTopicRegex: null,
    rebalanceTimeoutMs,
    serverAssignor: null,
    classicMemberMetadata: { sessionTimeoutMs, supportedProtocols: body.protocols },
  };
}

/** Handles `sync`: what the member has, for good or until it has joined again. */
export function sync(group: Group, { body }: SyncAsked, out: GroupOutbox): SyncReply {
  const state = modernOf(group)!;
  const error = judgeMember(state, body.memberId, body.groupInstanceId, body.generationId);
  if (error !== "NONE") return syncRefused(error);
  const { memberId } = body;
  const metadata = state.metadata.get(memberId)!;
  const protocolName = metadata.classicMemberMetadata!.supportedProtocols[0]!.name;
  const isOther = body.protocolType !== null && body.protocolType !== CONSUMER_PROTOCOL_TYPE ||
    body.protocolName !== null && body.protocolName !== protocolName;
  if (isOther) return syncRefused("INCONSISTENT_GROUP_PROTOCOL");
  cancelTimer(state, "sync", memberId, out);
  resetSession(state, memberId, metadata.classicMemberMetadata!.sessionTimeoutMs, out);
  const { epoch, assigned, state: stands } = state.current(memberId);
  if (epoch < state.assignmentEpoch && stands !== UNREVOKED) {
    setTimerIfNone(state, "join", memberId, metadata.rebalanceTimeoutMs, out);
    return syncRefused("REBALANCE_IN_PROGRESS");
  }
  const assignment = assignmentBytes(metadata, assigned, group.news.topology);
  return { errorCode: 0, protocolType: CONSUMER_PROTOCOL_TYPE, protocolName, assignment };
}

/** Handles `heartbeat`: the member lives, and hears whether it has to join again. */
export function heartbeat(group: Group, { body }: HeartbeatAsked, out: GroupOutbox): HeartbeatReply {
  const state = modernOf(group)!;
  const { memberId } = body;
  const error = judgeMember(state, memberId, body.groupInstanceId, body.generationId);
  if (error !== "NONE") return { errorCode: errorCode(error) };
  const { rebalanceTimeoutMs, classicMemberMetadata } = state.metadata.get(memberId)!;
  resetSession(state, memberId, classicMemberMetadata!.sessionTimeoutMs, out);
  if (!hasToJoin(state, memberId)) return { errorCode: 0 };
  setTimerIfNone(state, "join", memberId, rebalanceTimeoutMs, out);
  return { errorCode: errorCode("REBALANCE_IN_PROGRESS") };
}

/**
 * Whether a join would get the member further. A target that has not been worked out yet is no reason: the member would join again and
 * again until it is.
 */
function hasToJoin(state: ModernGroup, memberId: string): boolean {
  const current = state.current(memberId);
  if (current.epoch < state.assignmentEpoch || current.state === UNREVOKED) return true;
  if (current.state !== UNRELEASED) return false;
  const draft = new Draft(state);
  for (const [topicId, partitions] of difference(state.target(memberId), current.assigned)) {
    if (partitions.some((partition) => draft.isFree(topicId, partition, memberId))) return true;
  }
  return false;
}

function judgeMember(
  state: ModernGroup,
  memberId: string,
  instanceId: string | null,
  generation: number,
): ErrorName {
  const holder = instanceId === null ? memberId : state.instances.get(instanceId);
  if (holder === undefined) return "UNKNOWN_MEMBER_ID";
  if (holder !== memberId) return "FENCED_INSTANCE_ID";
  // A member of the new protocol is none for these requests.
  if (!state.metadata.get(memberId)?.classicMemberMetadata) return "UNKNOWN_MEMBER_ID";
  return state.current(memberId).epoch === generation ? "NONE" : "ILLEGAL_GENERATION";
}

/** Handles `leave`: all that are named go in one turn, whichever protocol they speak; static members may be named by their instance. */
export function leave(group: Group, { version, body }: LeaveAsked, out: GroupOutbox): LeaveReply {
  const state = modernOf(group)!;
  const leaving = version < 3 ? [{ memberId: body.memberId, groupInstanceId: null }] : body.members;
  const goes = new Set<string>();
  const errors = leaving.map(({ memberId, groupInstanceId }): ErrorName => {
    const holder = groupInstanceId === null ? memberId : state.instances.get(groupInstanceId);
    if (holder === undefined || !state.metadata.has(holder)) return "UNKNOWN_MEMBER_ID";
    if (memberId !== "" && memberId !== holder) return "FENCED_INSTANCE_ID";
    goes.add(holder);
    return "NONE";
  });
  const failed = goes.size > 0 ? putOut(group, state, [...goes], out) : undefined;
  const codes = errors.map((error) => errorCode(error === "NONE" ? failed?.error ?? "NONE" : error));
  if (version < 3) return { errorCode: codes[0]! };
  return {
    errorCode: 0,
    members: leaving.map(({ memberId, groupInstanceId }, at) => ({ memberId, groupInstanceId, errorCode: codes[at]! })),
  };
}
