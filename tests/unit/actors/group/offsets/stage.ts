/**
 * A group under a probe, with the cluster as the test says it is, and members that are only played.
 *
 * @module
 */
import { group } from "../../../../../actors/group/group.ts";
import type {
  CoordinatorRef,
  GroupConfig,
  GroupNews,
  GroupProtocol,
  TopologyTopic,
} from "../../../../../actors/group/protocol.ts";
import type { GroupRecord } from "../../../../../actors/group/records.ts";
import type { ClassicMembers, Group } from "../../../../../actors/group/state.ts";
import type { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import { type Probe, probe } from "../../../../../actors/probe.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { configOf } from "../config.ts";

/** When every stage begins. */
export const EPOCH_MS = 1_700_000_000_000;
export const COORDINATOR = "1/coordinator/0" as CoordinatorRef;

const CONFIG: GroupConfig = configOf({
  offsetMetadataMaxBytes: 10,
  offsetsRetentionMs: 100_000,
  offsetsRetentionCheckIntervalMs: 20_000,
});

/** News of a cluster that has these topics, by name: their ids. */
export function newsOf(version: number, topics: Readonly<Record<string, string>>, config: Partial<GroupConfig> = {}) {
  const known = new Map<string, TopologyTopic>();
  for (const [name, topicId] of Object.entries(topics)) known.set(name, { name, topicId, partitions: 9, racks: [] });
  const names = new Map([...known.values()].map(({ name, topicId }) => [topicId, name]));
  return { version, topology: { topics: known, names }, config: { ...CONFIG, ...config } } satisfies GroupNews;
}

export interface StageOptions {
  readonly records?: readonly GroupRecord[];
  readonly topics?: Readonly<Record<string, string>>;
  readonly config?: Partial<GroupConfig>;
  readonly journal?: MemoryJournal;
}

/** The group "g", loaded with `records`. */
export function stage({ records = [], topics = { t: "id-t", u: "id-u" }, config = {}, journal }: StageOptions = {}) {
  const news = newsOf(1, topics, config);
  const args = { groupId: "g", term: 3, coordinator: COORDINATOR, takeRecords: () => records, news };
  const p = probe(group(), args, { epochMs: EPOCH_MS, ...(journal === undefined ? {} : { journal }) });
  p.take();
  return p;
}

/** What a played group of members says. */
export interface Played extends Partial<ClassicMembers> {
  readonly heardOf?: string[];
}

/** Members that let everybody do everything, but for what the test says. */
export function membersOf(played: Played = {}): ClassicMembers {
  return {
    state: "Stable",
    protocolType: "consumer",
    hasMembers: true,
    isEmpty: false,
    emptySinceMs: undefined,
    apply: () => {},
    records: () => [],
    judgeCommit: () => "NONE",
    judgeFetch: () => "NONE",
    heard: () => {},
    isSubscribedTo: () => false,
    ...played,
  };
}

/** One partition in an OffsetCommit: offset, text, leader epoch. */
export type Commit = readonly [topic: string, partition: number, offset: number, text?: string | null];

/** Commits, and says what became of each partition. */
export function commit(
  p: Probe<GroupProtocol, Group>,
  commits: readonly Commit[],
  more: { epoch?: number; memberId?: string; retentionMs?: number; version?: number; topicId?: string } = {},
) {
  return p.ask("commit", commitMessage(commits, more));
}

export function commitMessage(
  commits: readonly Commit[],
  { epoch = -1, memberId = "", retentionMs = -1, version = 9, topicId = "" }: {
    epoch?: number;
    memberId?: string;
    retentionMs?: number;
    version?: number;
    topicId?: string;
  } = {},
) {
  const topics = commits.map(([name, partitionIndex, offset, text]) => ({
    name,
    topicId,
    partitions: [{
      partitionIndex,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: 5,
      committedMetadata: text === undefined ? "" : text,
    }],
  }));
  const body = {
    groupId: "g",
    generationIdOrMemberEpoch: epoch,
    memberId,
    groupInstanceId: null,
    retentionTimeMs: BigInt(retentionMs),
    topics,
  };
  return { version, client: { id: "c", host: "/10.0.0.1" }, body };
}

/** The errors in an answer to a commit or a deletion, in its order. */
export function errorsOf(
  response:
    | { readonly topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[] }
    | undefined,
): string[] | undefined {
  return response?.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)));
}

/** Fetches offsets: `topic-partition:offset:text` of each, or the group's error. */
export function fetched(
  p: Probe<GroupProtocol, Group>,
  topics: readonly (readonly [topic: string, partitions: readonly number[]])[] | null,
  { memberId = null as string | null, memberEpoch = -1 } = {},
): string[] | string {
  const body = {
    memberId,
    memberEpoch,
    requireStable: false,
    topics: topics?.map(([name, partitionIndexes]) => ({ name, topicId: "", partitionIndexes })) ?? null,
  };
  const { reply } = p.ask("fetchOffsets", { version: 9, client: { id: "c", host: "/h" }, body });
  if (reply === undefined) return "no answer";
  if ((reply.errorCode ?? 0) !== 0) return errorName(reply.errorCode!);
  return reply.topics.flatMap(({ name, partitions }) =>
    partitions.map((each) => `${name}-${each.partitionIndex}:${each.committedOffset}:${each.metadata}`)
  );
}

/** The records that were appended since the last look, as `topic-partition=offset`, or `…=gone`. */
export function written(p: Probe<GroupProtocol, Group>): string[] {
  return p.take().flatMap((each) => each.type === "append" ? [named(each.event as GroupRecord)] : []);
}

function named(record: GroupRecord): string {
  const key = record.type === "offset" ? `${record.topic}-${record.partition}` : record.type;
  if (record.value === null) return `${key}=gone`;
  return record.type === "offset" ? `${key}=${record.value.offset}` : key;
}

/** A committed offset as a record of the log. */
export function offsetRecord(topic: string, partition: number, offset: number, ageMs = 0, expiresMs = -1): GroupRecord {
  const value = {
    offset: BigInt(offset),
    leaderEpoch: 2,
    metadata: "",
    commitTimestamp: BigInt(EPOCH_MS - ageMs),
    expireTimestamp: BigInt(expiresMs < 0 ? -1 : EPOCH_MS + expiresMs),
  };
  return { type: "offset", group: "g", topic, partition, value };
}

/** The record of a classic group that has no members since `ageMs`. */
export function emptyGroup(ageMs = 0): GroupRecord {
  const value = {
    protocolType: "consumer",
    generation: 4,
    protocol: null,
    leader: null,
    currentStateTimestamp: BigInt(EPOCH_MS - ageMs),
    members: [],
  };
  return { type: "classicGroup", group: "g", value };
}
