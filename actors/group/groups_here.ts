/**
 * The groups of a coordinator: one child for each, made when the log is read or when somebody wants it.
 *
 *     wanted, or in the log ──spawn──▶ here ──retire──▶ leaving ──ended──▶ gone (or made anew, for who waits)
 *                                       └──died──▶ dead ──rested, its writes are settled, the log is read──▶ here
 *
 * Invariant: there is one actor of a group at a time, and it was started with all that is committed of it.
 *
 * @module
 */
import type { Message } from "../actor.ts";
import { LATER } from "../actor.ts";
import { parseRef } from "../address.ts";
import type { Coordinator, CoordinatorOutbox, LocalGroup } from "./coordinator_state.ts";
import type { LastWords } from "./last_words.ts";
import {
  type CoordinatorProtocol,
  type Found,
  GROUP,
  groupPartition,
  OFFSETS_TOPIC,
  type Topology,
} from "./protocol.ts";
import type { GroupRecord } from "./records.ts";

/** The second time that a group dies soon after it was started it rests for so long, and for twice that each further time. */
const REST_MS = 100;
const REST_MAX_MS = 30_000;
/** A group that has lived so long was able to. */
const RECOVERED_MS = 10_000;

const LOADING: Found = { error: "COORDINATOR_LOAD_IN_PROGRESS", group: null };
const ELSEWHERE: Found = { error: "NOT_COORDINATOR", group: null };
const NOT_FOUND: Found = { error: "GROUP_ID_NOT_FOUND", group: null };

/** Handles `find`. */
export function find(
  coordinator: Coordinator,
  { groupId, create }: Message<CoordinatorProtocol, "find">,
  out: CoordinatorOutbox<Found>,
): Found | typeof LATER {
  if (coordinator.isDeposed) return ELSEWHERE;
  if (coordinator.phase === "loading" || coordinator.dead.has(groupId)) return LOADING;
  if (!isMine(coordinator, groupId)) return ELSEWHERE;
  const group = coordinator.groups.get(groupId);
  if (group?.leaving) {
    group.waiting.push({ create, asker: out.asker() });
    return LATER;
  }
  return found(coordinator, group, groupId, create, out);
}

function found(
  coordinator: Coordinator,
  group: LocalGroup | undefined,
  groupId: string,
  create: boolean,
  out: CoordinatorOutbox,
): Found {
  if (group === undefined && !create) return NOT_FOUND;
  return { error: "NONE", group: (group ?? spawn(coordinator, groupId, [], out)).ref };
}

/** Starts a group with what the log has of it. */
function spawn(
  coordinator: Coordinator,
  groupId: string,
  records: readonly GroupRecord[],
  out: CoordinatorOutbox,
): LocalGroup {
  const term = ++coordinator.term;
  const takeRecords = once(records);
  const ref = out.spawn(GROUP, groupId, { groupId, term, coordinator: out.self, takeRecords, news: coordinator.news! });
  out.watch(ref);
  const deaths = coordinator.resting.get(groupId)?.deaths ?? 0;
  const group: LocalGroup = { groupId, ref, term, spawnedMs: out.monotonic(), deaths, leaving: false, waiting: [] };
  coordinator.resting.delete(groupId);
  coordinator.groups.set(groupId, group);
  return group;
}

/** Gives something away once, and keeps no hold of it. */
function once<T>(value: T): () => T | undefined {
  let held: T | undefined = value;
  return () => {
    const taken = held;
    held = undefined;
    return taken;
  };
}

/** Starts a group for everybody of whom the log has something, and who belongs here. */
export function spawnAll(coordinator: Coordinator, words: LastWords, out: CoordinatorOutbox): void {
  for (const [groupId, records] of words.byGroup()) {
    if (isMine(coordinator, groupId)) spawn(coordinator, groupId, records, out);
  }
}

/** How many partitions groups are spread over; 0 while that is not known. */
export function partitionsIn(topology: Topology | undefined): number {
  return topology?.topics.get(OFFSETS_TOPIC)?.partitions ?? 0;
}

/** A topic that was given more partitions spreads its groups anew: what another coordinator writes now must not be answered here. */
function isMine({ news, args: { partition } }: Coordinator, groupId: string): boolean {
  const partitions = partitionsIn(news?.topology);
  return partitions === 0 || groupPartition(groupId, partitions) === partition;
}

/** Handles `retire`. */
export function retire(
  coordinator: Coordinator,
  { groupId, term }: Message<CoordinatorProtocol, "retire">,
  out: CoordinatorOutbox,
): void {
  const group = coordinator.groups.get(groupId);
  if (group === undefined || group.term !== term || group.leaving) return;
  group.leaving = true;
  out.stop(group.ref);
}

/** Ends all groups, and answers who waits for one of them. */
export function endAll(coordinator: Coordinator, out: CoordinatorOutbox): void {
  for (const group of coordinator.groups.values()) {
    for (const { asker } of group.waiting) out.reply(asker, LOADING);
    if (!group.leaving) out.stop(group.ref);
    coordinator.ending.add(group.ref);
  }
  coordinator.groups.clear();
  coordinator.dead.clear();
  coordinator.resting.clear();
}

/** A group has ended: as it was told to, or it has died, and is to be read again. */
export function groupEnded(coordinator: Coordinator, ref: string, out: CoordinatorOutbox): void {
  const groupId = parseRef(ref).name;
  const asker = coordinator.newsAskers.get(groupId);
  coordinator.newsAskers.delete(groupId);
  if (asker !== undefined) out.reply(asker, coordinator.news!); // nobody waits any more; it need not be remembered
  if (coordinator.ending.delete(ref)) return;
  const group = coordinator.groups.get(groupId);
  if (group === undefined) return;
  coordinator.groups.delete(groupId);
  if (!group.leaving) bury(coordinator, group, out);
  for (const { create, asker } of group.waiting) {
    out.reply(asker, found(coordinator, coordinator.groups.get(groupId), groupId, create, out));
  }
}

/** It is to be read again: at once, or after a rest, if that does not help it to live. */
function bury(coordinator: Coordinator, { groupId, spawnedMs, deaths }: LocalGroup, out: CoordinatorOutbox): void {
  const nowMs = out.monotonic();
  const inARow = 1 + (nowMs - spawnedMs >= RECOVERED_MS ? 0 : deaths);
  const restMs = inARow <= 1 ? 0 : Math.min(REST_MAX_MS, REST_MS * 2 ** (inARow - 2));
  coordinator.dead.add(groupId);
  coordinator.resting.set(groupId, { deaths: inARow, untilMs: nowMs + restMs });
}

/** Starts groups that had died with what the log has of them; of whom it has nothing, is nothing any more. */
export function spawnAgain(
  coordinator: Coordinator,
  groupIds: ReadonlySet<string>,
  words: LastWords,
  out: CoordinatorOutbox,
): void {
  const groups = words.byGroup();
  for (const groupId of groupIds) {
    coordinator.dead.delete(groupId);
    const records = groups.get(groupId);
    if (records !== undefined) spawn(coordinator, groupId, records, out);
    else coordinator.resting.delete(groupId);
  }
}
