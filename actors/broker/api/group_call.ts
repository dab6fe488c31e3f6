/**
 * How requests reach a group: the coordinator of its partition, if that is on this broker, says where it is.
 *
 *     image ─▶ partition, leader, epoch ─▶ coordinator: find ─▶ group: the request ─▶ replica: may I still say so? ─▶ answer
 *                                             ▲                    │ gone
 *                                             └────────────────────┘ three times
 *
 * Invariant: what is read from the memory of a group or a coordinator (also that there is no such group) is answered only after the replica
 * has said, later, that it still leads in the epoch that was read: another coordinator may have written since otherwise. What the group has
 * written is confirmed by its commit, and is not asked about: it is done, whatever the replica would say by then. Not confirmed is what a
 * group refuses of members (joining, syncing, heartbeats, leaving, commits): who is told that it is none asks again, and finds who coordinates.
 *
 * @module
 */
import type { ErrorName } from "../../../protocol/errors.ts";
import type { Api } from "../../../protocol/schema.ts";
import type { Answer, AskFailure, Message, Reply, Verb } from "../../actor.ts";
import { refOf } from "../../address.ts";
import {
  COORDINATOR,
  type CoordinatorRef,
  type GroupClient,
  groupPartition,
  type GroupProtocol,
  type GroupRef,
  type ListedGroup,
  OFFSETS_TOPIC,
} from "../../group/protocol.ts";
import type { ReplicaRef } from "../../partition/protocol.ts";
import { type Exchange, gatherEach } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED, replicaRef } from "../view.ts";

/** What is needed of an exchange to reach groups; which API it is for does not matter. */
export type Caller = Omit<Exchange<Api>, "reply">;

/** What came of it. */
export type GroupAnswer<T> = { readonly error: "NONE"; readonly value: T } | {
  readonly error: Exclude<ErrorName, "NONE">;
};

/** What a group is to be asked. */
export interface GroupCall<V extends Verb<GroupProtocol>> {
  readonly groupId: string;
  readonly verb: V;
  readonly message: Message<GroupProtocol, V>;
  /** Make the group if there is none. Default false. */
  readonly create?: boolean;
  /**
   * Whether this answer was read from memory: then the replica is asked before it is believed. Default: none was. That there is no such
   * group always is.
   */
  readonly isConfirmed?: (value: Reply<GroupProtocol, V>) => boolean;
  /** How long the group may take. Default 10 000. */
  readonly timeoutMs?: number;
}

/** A coordinator on this broker. */
export interface LocalCoordinator {
  readonly coordinator: CoordinatorRef;
  readonly replica: ReplicaRef;
  readonly leaderEpoch: number;
}

const TIMEOUT_MS = 10_000;
/** How often a group is looked for when it has gone between being found and being asked. */
const FINDS_MAX = 3;

/** Member ids begin with the client's (or the instance's) and are written as strings, which have at most 32 767 bytes. */
export const NAME_LENGTH_MAX = 8_192;

/** The client as groups remember it. */
export function clientOf({ clientId, host }: Pick<Caller, "clientId" | "host">): GroupClient {
  return { id: (clientId ?? "").slice(0, NAME_LENGTH_MAX), host };
}

/** Asks the group, wherever it is on this broker. */
export function askGroup<V extends Verb<GroupProtocol>>(
  caller: Caller,
  call: GroupCall<V>,
  then: (answer: GroupAnswer<Reply<GroupProtocol, V>>) => void,
): void {
  const local = coordinatorOf(caller.view, call.groupId);
  if (local === undefined) return then({ error: "NOT_COORDINATOR" });
  findAndAsk(caller, local.coordinator, call, (answer) => {
    const isMissing = answer.error === "GROUP_ID_NOT_FOUND";
    const isConfirmed = answer.error === "NONE" ? call.isConfirmed?.(answer.value) === true : isMissing;
    if (isConfirmed) confirm(caller, local, answer, then);
    else then(answer);
  }, 1);
}

function findAndAsk<V extends Verb<GroupProtocol>>(
  caller: Caller,
  coordinator: CoordinatorRef,
  call: GroupCall<V>,
  then: (answer: GroupAnswer<Reply<GroupProtocol, V>>) => void,
  attempt: number,
): void {
  const { groupId, verb, message, create = false, timeoutMs = TIMEOUT_MS } = call;
  caller.ask(coordinator, "find", { groupId, create }, (found) => {
    if (!found.ok) return then({ error: failed(found.failure) });
    if (found.value.error !== "NONE") return then({ error: found.value.error });
    caller.ask<GroupProtocol, V>(found.value.group, verb, message, (answer) => {
      if (answer.ok) return then({ error: "NONE", value: answer.value });
      if (answer.failure !== "unreachable" || attempt === FINDS_MAX) return then({ error: failed(answer.failure) });
      findAndAsk(caller, coordinator, call, then, attempt + 1);
    }, timeoutMs);
  }, TIMEOUT_MS);
}

/** Of what was asked in time nobody can tell whether it has happened; whoever is gone does not coordinate. */
function failed(failure: AskFailure): "COORDINATOR_NOT_AVAILABLE" | "NOT_COORDINATOR" {
  return failure === "timeout" ? "COORDINATOR_NOT_AVAILABLE" : "NOT_COORDINATOR";
}

/** Of what has been written for an answer, the commit says that the coordinator was one: see {@linkcode GroupCall.isConfirmed}. */
export function isUnwritten({ isWritten = false }: { readonly isWritten?: boolean }): boolean {
  return !isWritten;
}

/** Lets an answer through if the replica leads in the epoch of whoever gave it, now that it has been given. */
function confirm<T>(
  caller: Caller,
  { replica, leaderEpoch }: LocalCoordinator,
  answer: GroupAnswer<T>,
  then: (answer: GroupAnswer<T>) => void,
): void {
  if (answer.error !== "NONE" && answer.error !== "GROUP_ID_NOT_FOUND") return then(answer);
  caller.ask(
    replica,
    "confirm",
    { leaderEpoch },
    (confirmed) => then(confirmed.ok && confirmed.value === "NONE" ? answer : { error: "NOT_COORDINATOR" }),
    TIMEOUT_MS,
  );
}

/** The coordinator of a group, if it is on this broker. */
function coordinatorOf(view: BrokerView, groupId: string): LocalCoordinator | undefined {
  const partitions = view.image.topics.get(OFFSETS_TOPIC)?.partitions.length ?? 0;
  return partitions === 0 ? undefined : localCoordinator(view, groupPartition(groupId, partitions));
}

/** Every coordinator on this broker. */
export function localCoordinators(view: BrokerView): LocalCoordinator[] {
  const partitions = view.image.topics.get(OFFSETS_TOPIC)?.partitions ?? [];
  return partitions.flatMap((_, partition) => localCoordinator(view, partition) ?? []);
}

function localCoordinator(view: BrokerView, partition: number): LocalCoordinator | undefined {
  const led = view.image.topics.get(OFFSETS_TOPIC)?.partitions[partition];
  if (led?.leader !== view.brokerId) return undefined;
  const coordinator = refOf(view.brokerId, COORDINATOR.kind, `${partition}`) as CoordinatorRef;
  return { coordinator, replica: replicaRef(view, OFFSETS_TOPIC, partition), leaderEpoch: led.leaderEpoch };
}

/** Asks a coordinator for its groups, and each of them for what a list shows of it. */
export function summaries(
  caller: Caller,
  local: LocalCoordinator,
  then: (answer: GroupAnswer<readonly ListedGroup[]>) => void,
): void {
  groupsOf(caller, local, (here) => {
    if (here.error !== "NONE") return then(here);
    const ask = (group: GroupRef, then: (answer: Answer<ListedGroup | null>) => void) =>
      caller.ask(group, "summary", undefined, then, TIMEOUT_MS);
    gatherEach(here.value, ask, (answers) => {
      if (answers.some((each) => !each.ok && each.failure !== "unreachable")) return then(LOADING);
      const value = answers.flatMap((each) => each.ok && each.value !== null ? [each.value] : []);
      const gone = here.value.filter((_, index) => !answers[index]!.ok);
      unlessCrashed(caller, local, gone, (loading) => {
        if (loading !== undefined) then(loading);
        else confirm(caller, local, { error: "NONE", value }, then);
      });
    });
  });
}

/** A coordinator whose epoch has just begun is not there yet, and a group that has crashed is read anew: both will have something to say soon. */
const LOADING = { error: "COORDINATOR_LOAD_IN_PROGRESS" } as const;

function groupsOf(
  caller: Caller,
  { coordinator }: LocalCoordinator,
  then: (answer: GroupAnswer<readonly GroupRef[]>) => void,
): void {
  caller.ask(coordinator, "groups", undefined, (answer) => {
    if (!answer.ok) return then(LOADING);
    const { error, groups: value } = answer.value;
    then(error === "NONE" ? { error, value } : { error });
  }, TIMEOUT_MS);
}

/** Of groups that are gone is nothing if they have retired; one that has crashed is missed by its coordinator, or has come back. */
function unlessCrashed(
  caller: Caller,
  local: LocalCoordinator,
  gone: readonly GroupRef[],
  then: (loading: typeof LOADING | undefined) => void,
): void {
  if (gone.length === 0) return then(undefined);
  groupsOf(caller, local, (here) => {
    const refs = new Set(here.error === "NONE" ? here.value : gone);
    then(gone.some((ref) => refs.has(ref)) ? LOADING : undefined);
  });
}

/** A described group, with what may be done to it: everything, since there is no access control, if somebody asks and it is there. */
export function withOperations<T extends { readonly errorCode: number }>(group: T, isAsked: boolean) {
  return { ...group, authorizedOperations: isAsked && group.errorCode === 0 ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED };
}
