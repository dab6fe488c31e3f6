/**
 * ConsumerGroupHeartbeat: joining a group, living in it and leaving it, all in one request.
 *
 *     request ──checks──▶ member ──what it says──▶ epochs, topics ──target──▶ reconciliation ──▶ records ──▶ answer
 *
 * Invariant: the answer says what the records of the same turn say, and leaves when they are committed.
 *
 * @module
 */
import { randomUuid } from "../../../lib/uuid.ts";
import type { Asked, GroupClient, GroupNews } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import type { Assignment } from "../assignor.ts";
import {
  type HeartbeatBody,
  type HeartbeatReply,
  isFull,
  isLeaving,
  judgeEpoch,
  type Refusal,
  refusal,
  refused,
  refuseRequest,
} from "./checks.ts";
import { openForJoin } from "./convert.ts";
import { decide, mayGoWithout, modernOf } from "./decide.ts";
import { Draft } from "./draft.ts";
import { catchUp } from "./epochs.ts";
import { leaveByHeartbeat } from "./leaving.ts";
import { asksForOthers, GONE_FOR_A_WHILE, type MemberMetadata } from "./member.ts";
import type { ModernGroup } from "./modern.ts";
import { filter, fromRows, isSame, toRows } from "./partitions.ts";
import { type Current, reconcile, UNREVOKED } from "./reconciliation.ts";
import { dropRegex, resolveRegex } from "./regexes.ts";
import { cancelTimer, cancelTimers, resetSession, setTimer, setTimerIfNone } from "./timers.ts";

/** Handles `consumerHeartbeat`. */
export function consumerHeartbeat(group: Group, asked: Asked<HeartbeatBody>, out: GroupOutbox): HeartbeatReply {
  const { config } = group.news;
  const wrong = refuseRequest(asked.version, asked.body, config);
  if (wrong !== undefined) return refused(wrong);
  if (isLeaving(asked.body)) return leaveByHeartbeat(group, asked.body, out);
  const draft = asked.body.memberEpoch === 0 ? openForJoin(group, out.now()) : openForMember(group);
  if (draft === undefined) {
    return refused(refusal("GROUP_ID_NOT_FOUND", "There is no such group of the new protocol."));
  }
  const memberId = asked.body.memberId === "" ? randomUuid(out.random.bytes(16)) : asked.body.memberId;
  return live(group, draft, { ...asked, body: { ...asked.body, memberId } }, out);
}

function openForMember(group: Group): Draft | undefined {
  const modern = modernOf(group);
  return modern && new Draft(modern);
}

/** A member that is one, or becomes one; there may be a new target for all. */
function live(
  group: Group,
  draft: Draft,
  asked: Asked<HeartbeatBody>,
  out: GroupOutbox,
  mayAssign = true,
): HeartbeatReply {
  const { body, client } = asked;
  const { news } = group;
  const { memberId } = body;
  const reported = body.topicPartitions === null ? null : fromRows(body.topicPartitions);
  const holder = body.instanceId === null ? undefined : draft.holderOf(body.instanceId);
  const isBack = comesBack(draft, body, client);
  const wrong = isBack ? undefined : admit(draft, body, holder, reported, news.config.consumerMaxSize);
  if (wrong !== undefined) return refused(wrong);
  say(group, draft, body, client, out);
  catchUp(draft, news, out, mayAssign);
  const before = draft.current(memberId);
  // A static member that has just come uses nothing of what its last incarnation had: it need not say so a second time.
  if (before.epoch === 0) reconcileMember(draft, memberId, reported, news);
  const current = isBack ? before : reconcileMember(draft, memberId, reported, news);
  const failed = decide(group, draft, out);
  const isMember = holder !== undefined || draft.state.metadata.has(memberId);
  if (failed !== undefined && mayAssign && isMember && mayGoWithout(group, draft)) {
    return live(group, new Draft(draft.state), asked, out, false);
  }
  if (failed !== undefined) return refused(failed);
  if (holder !== undefined && before.epoch === 0) cancelTimers(draft.state, holder, out); // those of its last incarnation
  resetSession(draft.state, memberId, news.config.consumerSessionTimeoutMs, out);
  timeRevocation(draft.state, memberId, draft.metadata(memberId)!, before, current, out, isBack);
  const isKnown = isConfirmed(draft.state, memberId, before, current, reported);
  return {
    errorCode: 0,
    memberId,
    memberEpoch: current.epoch,
    heartbeatIntervalMs: news.config.consumerHeartbeatIntervalMs,
    assignment: isFull(body) || !isKnown ? { topicPartitions: toRows(current.assigned) } : null,
  };
}

/**
 * Whether it is a join of who is a member, and says nothing that is new: a member that was fenced comes back like this, and one that has not
 * had its answer. So does a request that lay on a connection that was given up, while its sender has gone on. As nobody can tell which it
 * is, it is told what it has, and not believed that it uses nothing: with its next heartbeat a member says so that has been told.
 */
function comesBack(draft: Draft, body: HeartbeatBody, client: GroupClient): boolean {
  const { memberId, memberEpoch, instanceId } = body;
  const said = draft.metadata(memberId);
  if (memberEpoch !== 0 || said === undefined || said.instanceId !== instanceId) return false;
  const { epoch, state, assigned } = draft.current(memberId);
  // Where there is nothing that it could be given, it would have nothing to say, and what it is to give up would never be free.
  if (epoch <= 0 || state === UNREVOKED && assigned.size === 0) return false;
  return !asksForOthers(said, firstSaid(body, client));
}

/** Whether the request is from a member, or from who may become one; a static member takes over what its last incarnation had. */
function admit(
  draft: Draft,
  { memberId, memberEpoch, instanceId }: HeartbeatBody,
  holder: string | undefined,
  reported: Assignment | null,
  maxSize: number,
): Refusal | undefined {
  if (holder !== undefined && memberEpoch === 0 && draft.current(holder).epoch === GONE_FOR_A_WHILE) {
    draft.replace(holder, memberId);
    return undefined;
  }
  // A classic member does not say that it goes: its next incarnation takes its place at once, whichever protocol it speaks.
  if (holder !== undefined && memberEpoch === 0 && draft.metadata(holder)!.classicMemberMetadata !== null) {
    draft.replace(holder, memberId);
    return undefined;
  }
  if (holder !== undefined && holder !== memberId) {
    return memberEpoch === 0
      ? refusal("UNRELEASED_INSTANCE_ID", `The instance "${instanceId}" is member ${holder}, which has not left.`)
      : refusal("FENCED_INSTANCE_ID", `The instance "${instanceId}" is member ${holder} by now.`);
  }
  if (draft.metadata(memberId) !== undefined) return judgeEpoch(draft.current(memberId), memberEpoch, reported);
  if (memberEpoch !== 0) return refusal("UNKNOWN_MEMBER_ID", `The group has no member ${memberId}.`);
  if (draft.size >= maxSize) return refusal("GROUP_MAX_SIZE_REACHED", `The group has ${maxSize} members already.`);
  return undefined;
}

/** Takes in what the member says of itself. */
function say(group: Group, draft: Draft, body: HeartbeatBody, client: GroupClient, out: GroupOutbox): void {
  const { memberId } = body;
  const said = draft.metadata(memberId);
  const says = said === undefined || body.memberEpoch === 0 ? firstSaid(body, client) : laterSaid(said, body, client);
  draft.setMetadata(memberId, says);
  const regex = says.subscribedTopicRegex;
  if (regex !== null) resolveRegex(draft, regex, group.news, out);
  if (said !== undefined && said.subscribedTopicRegex !== regex) dropRegex(draft, said.subscribedTopicRegex);
}

/** Who joins says everything: what is not there is none. */
function firstSaid(body: HeartbeatBody, { id: clientId, host: clientHost }: GroupClient): MemberMetadata {
  return {
    instanceId: body.instanceId,
    rackId: body.rackId,
    clientId,
    clientHost,
    subscribedTopicNames: body.subscribedTopicNames ?? [],
    subscribedTopicRegex: regexOf(body.subscribedTopicRegex),
    rebalanceTimeoutMs: body.rebalanceTimeoutMs,
    serverAssignor: body.serverAssignor,
    classicMemberMetadata: null,
  };
}

/** Later on, what is not there is as it was. */
function laterSaid(said: MemberMetadata, body: HeartbeatBody, client: GroupClient): MemberMetadata {
  return {
    instanceId: said.instanceId,
    rackId: body.rackId ?? said.rackId,
    clientId: client.id,
    clientHost: client.host,
    subscribedTopicNames: body.subscribedTopicNames ?? said.subscribedTopicNames,
    subscribedTopicRegex: body.subscribedTopicRegex === null
      ? said.subscribedTopicRegex
      : regexOf(body.subscribedTopicRegex),
    rebalanceTimeoutMs: body.rebalanceTimeoutMs === -1 ? said.rebalanceTimeoutMs : body.rebalanceTimeoutMs,
    serverAssignor: body.serverAssignor ?? said.serverAssignor,
    classicMemberMetadata: null,
  };
}

/** No characters at all are how an expression is taken back. */
function regexOf(regex: string | null): string | null {
  return regex === "" ? null : regex;
}

/**
 * Whether the member knows what it has: it has said so, or said nothing else since. A request that comes late may have been given something,
 * in an answer that nobody reads.
 */
function isConfirmed(
  { volatile: { confirmed } }: ModernGroup,
  memberId: string,
  before: Current,
  current: Current,
  reported: Assignment | null,
): boolean {
  if (!isSame(before.assigned, current.assigned)) confirmed.delete(memberId);
  else if (reported !== null && isSame(reported, current.assigned)) confirmed.add(memberId);
  return confirmed.has(memberId);
}

/** Takes the member as far towards its target as it can go. */
export function reconcileMember(
  draft: Draft,
  memberId: string,
  reported: Assignment | null,
  news: GroupNews,
): Current {
  const before = draft.current(memberId);
  const current = reconcile(
    before,
    { epoch: draft.assignmentEpoch, partitions: targetOf(draft, memberId, news) },
    reported,
    (topicId, partition) => draft.isFree(topicId, partition, memberId),
  );
  if (current !== before) draft.setCurrent(memberId, current);
  return current;
}

/** Its target; of one that was worked out for what members wanted before, only the topics that it still wants. */
function targetOf(draft: Draft, memberId: string, { topology }: GroupNews): Assignment {
  const target = draft.target(memberId);
  if (draft.assignmentEpoch === draft.epoch || target.size === 0) return target;
  const { subscribedTopicNames, subscribedTopicRegex } = draft.metadata(memberId)!;
  const names = new Set([...subscribedTopicNames, ...draft.regex(subscribedTopicRegex ?? "")?.topics ?? []]);
  return filter(target, (topicId) => names.has(topology.names.get(topicId) ?? ""));
}

/**
 * A member that has to give something up has its rebalance timeout for it, from when it is told; if it comes back, or somebody else
 * coordinates by now, from when it is told anew.
 */
export function timeRevocation(
  state: ModernGroup,
  memberId: string,
  { rebalanceTimeoutMs }: MemberMetadata,
  before: Current,
  current: Current,
  out: GroupOutbox,
  isBack = false,
): void {
  if (current.state !== UNREVOKED) cancelTimer(state, "revoke", memberId, out);
  else if (current !== before || isBack) setTimer(state, "revoke", memberId, rebalanceTimeoutMs, out);
  else setTimerIfNone(state, "revoke", memberId, rebalanceTimeoutMs, out);
}
