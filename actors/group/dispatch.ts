/**
 * Which part of a group answers a request: what the group is decides, and for some the request.
 *
 *     join, sync, heartbeat, leave ──▶ modern, when that is what the group is (it has members of the classic protocol too), else classic
 *     consumerHeartbeat            ──▶ modern, which turns a classic group into one where it may
 *     describe                     ──▶ classic        describeConsumer ──▶ modern        (each knows what to say of the other)
 *     commit, fetch, delete, list  ──▶ offsets
 *
 * And what a group answers that has retired: COORDINATOR_LOAD_IN_PROGRESS, in the shape that each request wants.
 *
 * @module
 */
import { errorCode } from "../../protocol/errors.ts";
import type { Message, Reply } from "../actor.ts";
import * as classic from "./classic/handlers.ts";
import * as modern from "./modern/handlers.ts";
import * as offsets from "./offsets/handlers.ts";
import type { GroupProtocol } from "./protocol.ts";
import type { Group, GroupHandler } from "./state.ts";

/** What comes from clients, through a connection's handler. */
export type ClientVerb =
  | "join"
  | "sync"
  | "heartbeat"
  | "leave"
  | "consumerHeartbeat"
  | "commit"
  | "fetchOffsets"
  | "deleteOffsets"
  | "describe"
  | "describeConsumer"
  | "remove"
  | "summary";

/** What comes from the group itself: timers. */
export type OwnVerb = Exclude<keyof GroupProtocol, ClientVerb | "idle">;

type Table<V extends keyof GroupProtocol> = { readonly [K in V]: GroupHandler<K> };

/** Whether a request of the classic protocol is for the new kind of group. */
function isModern(group: Group): boolean {
  return group.modern !== undefined;
}

/** Every request by the part that answers it. */
export const BY_CLIENTS: Table<ClientVerb> = {
  join: (group, request, out) => (isModern(group) ? modern : classic).join(group, request, out),
  sync: (group, request, out) => (isModern(group) ? modern : classic).sync(group, request, out),
  heartbeat: (group, request, out) => (isModern(group) ? modern : classic).heartbeat(group, request, out),
  leave: (group, request, out) => (isModern(group) ? modern : classic).leave(group, request, out),
  consumerHeartbeat: (group, request, out) => modern.consumerHeartbeat(group, request, out),
  commit: (group, request, out) => offsets.commit(group, request, out),
  fetchOffsets: (group, request, out) => offsets.fetchOffsets(group, request, out),
  deleteOffsets: (group, request, out) => offsets.deleteOffsets(group, request, out),
  describe: (group, request, out) => classic.describe(group, request, out),
  describeConsumer: (group, request, out) => modern.describeConsumer(group, request, out),
  remove: (group, _, out) => offsets.remove(group, undefined, out),
  summary: (group, _, out) => offsets.summary(group, undefined, out),
};

/** Every timer by the part that set it. */
export const BY_ITSELF: Table<OwnVerb> = {
  expire: (group, _, out) => offsets.expire(group, undefined, out),
  memberLate: (group, late, out) => (isModern(group) ? modern : classic).memberLate(group, late, out),
  joinPhaseOver: (group, over, out) => classic.joinPhaseOver(group, over, out),
  syncPhaseOver: (group, over, out) => classic.syncPhaseOver(group, over, out),
  sessionOver: (group, over, out) => modern.sessionOver(group, over, out),
  revocationOver: (group, over, out) => modern.revocationOver(group, over, out),
  look: (group, what, out) => modern.look(group, what, out),
};

const LOADING = errorCode("COORDINATOR_LOAD_IN_PROGRESS");

type Refusals = { readonly [V in ClientVerb]: (message: Message<GroupProtocol, V>) => Reply<GroupProtocol, V> };

/** "Ask again": the coordinator will have another actor for this group, or none, by then. */
export const ASK_AGAIN: Refusals = {
  join: ({ body: { memberId } }) => ({
    errorCode: LOADING,
    protocolType: null,
    protocolName: "",
    leader: "",
    memberId,
    members: [],
  }),
  sync: () => ({ errorCode: LOADING, assignment: new Uint8Array() }),
  heartbeat: () => ({ errorCode: LOADING }),
  leave: () => ({ errorCode: LOADING, members: [] }),
  consumerHeartbeat: () => ({ errorCode: LOADING, memberEpoch: 0, heartbeatIntervalMs: 0 }),
  commit: ({ body: { topics } }) => ({
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: LOADING })),
    })),
  }),
  fetchOffsets: () => ({ groupId: "", topics: [], errorCode: LOADING }),
  deleteOffsets: () => ({ errorCode: LOADING, topics: [] }),
  describe: () => ({
    errorCode: LOADING,
    groupId: "",
    groupState: "",
    protocolType: "",
    protocolData: "",
    members: [],
  }),
  describeConsumer: () => ({
    errorCode: LOADING,
    groupId: "",
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
  }),
  remove: () => ({ error: "COORDINATOR_LOAD_IN_PROGRESS", message: null }),
  summary: () => null,
};
