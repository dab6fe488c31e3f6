/**
 * How a member gets into a generation: it gives back what it must not keep, joins, assigns if it leads, and takes what it is given.
 *
 * @module
 */
import { type ErrorName, errorName, ERRORS } from "../../../protocol/errors.ts";
import { keyOf } from "../assignors/members.ts";
import { rebalanceTimeoutMs } from "../config.ts";
import { CONSUMER_PROTOCOL_TYPE } from "../../../protocol/consumer_protocol.ts";
import type { MembershipRequest } from "../membership.ts";
import { assignmentsFor, partitionsIn, protocolsOf, topicsOf } from "./leader.ts";
import type { Body, Member } from "./state.ts";

type Assignments = Extract<MembershipRequest, { api: "sync" }>["body"]["assignments"];

/** What Kafka's clients add to the time that a join may take: the answer has to come back, too. */
const GRACE_MS = 5_000;
/** How long a leader waits for metadata of topics that only others are subscribed to, before it shares out what it knows. */
const LOOK_UP_MS = 3_000;

/** Errors that trying again does not help against. */
const FINAL: ReadonlySet<ErrorName> = new Set([
  "FENCED_INSTANCE_ID",
  "GROUP_AUTHORIZATION_FAILED",
  "GROUP_MAX_SIZE_REACHED",
  "INCONSISTENT_GROUP_PROTOCOL",
  "INVALID_GROUP_ID",
  "INVALID_SESSION_TIMEOUT",
  "UNSUPPORTED_VERSION",
]);

/** Joins, when nothing is left that has to be given back first. */
export function join(member: Member): void {
  const { config, topics, owned, generation } = member;
  if (topics === undefined || member.isAsking || member.nowMs < member.retryAtMs) return;
  const wanted = new Set(topics);
  const leaving = member.isCooperative ? owned.filter(({ topic }) => !wanted.has(topic)) : owned;
  if (leaving.length > 0) return member.tell({ type: "revoke", partitions: leaving });
  if (!member.isCoordinatorKnown) return;
  member.phase = "joining";
  member.mustJoin = false;
  member.joinedTopics = topics;
  const body = {
    groupId: config.groupId,
    sessionTimeoutMs: config.sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutMs(config),
    memberId: member.memberId,
    groupInstanceId: config.groupInstanceId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocols: protocolsOf(member.assignors, {
      topics,
      owned,
      generation,
      rackId: config.clientRack,
      last: member.last,
    }),
    reason: null,
  };
  ask(member, { api: "join", body });
}

/** JoinGroup was answered. */
export function joinCame(member: Member, body: Body<"join">): void {
  member.isAsking = false;
  if (member.phase !== "joining") return;
  const error = errorName(body.errorCode);
  if (error === "MEMBER_ID_REQUIRED" && member.memberId === "") {
    member.memberId = body.memberId;
    return member.rejoin();
  }
  if (error !== "NONE") return refused(member, error);
  member.memberId = body.memberId;
  member.generation = body.generationId;
  answered(member);
  if (body.leader !== body.memberId) {
    member.watched = new Map();
    lookUp(member, []);
    return sync(member, body, []);
  }
  member.phase = "electing";
  member.election = body;
  member.electUntilMs = member.nowMs + LOOK_UP_MS;
  const topics = topicsOf(body.members);
  member.watched = new Map(topics.map((topic) => [topic, undefined]));
  lookUp(member, topics.filter((topic) => !member.joinedTopics.includes(topic)));
}

/** Metadata have come. */
export function metadataCame(member: Member, partitions: ReadonlyMap<string, number>): void {
  member.learn({ partitions });
  // Whatever it is waiting for has been looked up: what is not there now, is not there.
  if (member.phase === "electing") member.electUntilMs = member.nowMs;
}

/** Whether what was settled is not what it wants, or, as leader, not what there is to be shared out. */
export function isOutdated({ topics, joinedTopics, watched, partitions }: Member): boolean {
  if (topics !== joinedTopics && topics?.join() !== joinedTopics.join()) return true;
  for (const [topic, count] of watched) if (partitions?.get(topic) !== count) return true;
  return false;
}

/** The leader assigns, as soon as it knows what there is to be shared out. */
export function elect(member: Member): void {
  const { election, watched, partitions } = member;
  if (election === undefined) return;
  const isAllKnown = [...watched.keys()].every((topic) => partitions?.has(topic));
  if (!isAllKnown && member.nowMs < member.electUntilMs) return;
  const known = partitions ?? new Map<string, number>();
  member.election = undefined;
  member.watched = new Map([...watched.keys()].map((topic) => [topic, known.get(topic)]));
  if (election.skipAssignment) return sync(member, election, []);
  const assignor = member.assignors.find(({ name }) => name === election.protocolName);
  if (!assignor) {
    return member.fail(
      "INCONSISTENT_GROUP_PROTOCOL",
      `The group assigns by "${election.protocolName}", which is unknown.`,
    );
  }
  sync(member, election, assignmentsFor(assignor, election.members, known));
}

/** SyncGroup was answered. */
export function syncCame(member: Member, body: Body<"sync">): void {
  member.isAsking = false;
  if (member.phase !== "syncing") return;
  const error = errorName(body.errorCode);
  if (error === "REBALANCE_IN_PROGRESS") return member.rejoin();
  if (error !== "NONE") return refused(member, error);
  const assigned = partitionsIn(body.assignment);
  if (!assigned) {
    return member.fail("INCONSISTENT_GROUP_PROTOCOL", "The assignment of the group's leader makes no sense.");
  }
  member.isWell();
  answered(member);
  const { syncing } = member;
  member.syncing = undefined;
  // A process that stood still finds an answer that may be of long ago, and others use by now what it says. When it was sent nobody can tell,
  // but that it was after the question: if little is left of a session from there on, it asks once more, which is answered at once.
  const { requestTimeoutMs, sessionTimeoutMs } = member.config;
  if (syncing !== undefined && member.nowMs >= member.askingSinceMs + sessionTimeoutMs / 2) {
    return ask(member, syncing, Math.min(requestTimeoutMs, sessionTimeoutMs));
  }
  member.phase = "settled";
  member.last = { partitions: assigned, generation: member.generation };
  const before = new Set(member.owned.map(keyOf));
  const now = new Set(assigned.map(keyOf));
  const revoked = member.owned.filter((at) => !now.has(keyOf(at)));
  const added = assigned.filter((at) => !before.has(keyOf(at)));
  if (revoked.length > 0) {
    member.changes.push({ type: "revoke", partitions: revoked });
    member.mustJoin = true; // who is to have it gets it in the next generation
  }
  if (added.length > 0) member.changes.push({ type: "assign", partitions: added });
}

/** A join or a sync brought no answer. It may have been taken: the next one says the same. */
export function joinFailed(member: Member): void {
  member.isAsking = false;
  if (member.phase === "joining" || member.phase === "syncing") member.rejoinLater();
}

function sync(member: Member, { protocolName }: Body<"join">, assignments: Assignments): void {
  const { config, generation, memberId } = member;
  member.phase = "syncing";
  const body = {
    groupId: config.groupId,
    generationId: generation,
    memberId,
    groupInstanceId: config.groupInstanceId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName,
    assignments,
  };
  member.syncing = { api: "sync", body };
  ask(member, member.syncing);
}

function refused(member: Member, error: ErrorName): void {
  switch (error) {
    case "UNKNOWN_MEMBER_ID":
    case "ILLEGAL_GENERATION":
      if (error === "UNKNOWN_MEMBER_ID") member.memberId = "";
      member.lose();
      return member.rejoinSoon();
    case "NOT_COORDINATOR":
    case "COORDINATOR_NOT_AVAILABLE":
      member.loseCoordinator();
      return member.rejoinLater();
    default:
      if (FINAL.has(error)) return member.fail(error, whyRefused(member, error));
      return member.rejoinLater();
  }
}

function whyRefused({ config }: Member, error: ErrorName): string {
  if (error !== "INVALID_SESSION_TIMEOUT") return `The group does not take this member. ${ERRORS[error].sentence}`;
  const limits = "group.min.session.timeout.ms and group.max.session.timeout.ms";
  return `sessionTimeoutMs is ${config.sessionTimeoutMs}: it must be between what the brokers have as ${limits}.`;
}

/** Topics of others, beside its own: told only when they change. */
function lookUp(member: Member, topics: readonly string[]): void {
  if (topics.join() === member.lookedUp.join()) return;
  member.lookedUp = topics;
  member.actions.push({ type: "lookUp", topics });
}

function ask(
  member: Member,
  request: MembershipRequest,
  timeoutMs = rebalanceTimeoutMs(member.config) + GRACE_MS,
): void {
  member.isAsking = true;
  member.askingSinceMs = member.nowMs;
  member.request(request, timeoutMs);
}

/** What it asked has been answered: the next heartbeat is due as if it had been one. */
function answered(member: Member): void {
  member.heard(member.askingSinceMs);
  member.heartbeatAtMs = member.heardMs + member.config.heartbeatIntervalMs;
}
