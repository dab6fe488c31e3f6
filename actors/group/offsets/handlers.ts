/**
 * Committing, fetching and deleting offsets; and the door to all else that this part of a group does.
 *
 * A group's error counts for every partition of a request; only a group that lets the caller commit looks at the partitions.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import type { offsetCommit, offsetDelete } from "../../../protocol/tables/groups.ts";
import type { Asked, OffsetFetchAsked, OffsetFetchGroup, Written } from "../protocol.ts";
import type { Group, GroupHandler, GroupOutbox } from "../state.ts";
import { fits } from "../write_size.ts";
import { exists, membersOf } from "./existence.ts";
import type { CommittedOffset, OffsetRecord } from "./offsets.ts";

export { remove, summary } from "./existence.ts";
export { begin, expire, newsCame } from "./expiry.ts";

type CommitRequest = Asked<Request<typeof offsetCommit>>;
type CommitResponse = ResponseInput<typeof offsetCommit>;
type CommittedPartition = CommitRequest["body"]["topics"][number]["partitions"][number];
type DeleteResponse = ResponseInput<typeof offsetDelete>;
type AskedTopics = OffsetFetchAsked["topics"];
type FetchedPartition = OffsetFetchGroup["topics"][number]["partitions"][number];

/** Commits offsets, all that can be or none: they are one write. */
export function commit(group: Group, request: CommitRequest, out: GroupOutbox): CommitResponse {
  const { body } = request;
  const { offsetMetadataMaxBytes, maxWriteBytes } = group.news.config;
  const isTooLong = ({ committedMetadata: text }: CommittedPartition) => (text?.length ?? 0) > offsetMetadataMaxBytes;
  const error = judgeCommit(group, request, isTooLong);
  if (error !== "NONE") return respondToCommit(body, () => error);
  // A sign of life, in classic groups only. Before anything is appended: it does not wait for the disk.
  if (body.memberId !== "") group.classic?.heard(body.memberId, out);

  const records = recordsOf(group, body, isTooLong, out.now());
  if (!fits(records, maxWriteBytes)) return respondToCommit(body, () => "INVALID_COMMIT_OFFSET_SIZE");
  const otherIds = otherIdsOf(group, body);
  for (const record of records) {
    out.append(record);
    group.offsets.spare(record, otherIds.get(record.topic));
  }
  return respondToCommit(body, (partition) => isTooLong(partition) ? "OFFSET_METADATA_TOO_LARGE" : "NONE");
}

function judgeCommit(
  group: Group,
  { body, version }: CommitRequest,
  isTooLong: (partition: CommittedPartition) => boolean,
): ErrorName {
  const { memberId, groupInstanceId: instanceId, generationIdOrMemberEpoch: epoch } = body;
  const members = membersOf(group);
  if (members !== undefined) {
    const partitions = partitionsOf(body, isTooLong);
    return members.judgeCommit({ memberId, instanceId, epoch, version, partitions });
  }
  // Nobody is a member of a group that has nothing but offsets.
  return epoch < 0 ? "NONE" : "UNKNOWN_MEMBER_ID";
}

/** The ids of topics where they are others than this group knows: it has heard of a change that this one has not, or the other way round. */
function otherIdsOf({ news }: Group, { topics }: CommitRequest["body"]): ReadonlyMap<string, string> {
  const others = new Map<string, string>();
  for (const { name, topicId } of topics) {
    if (topicId === "" || topicId === news.topology.topics.get(name)?.topicId) others.delete(name);
    else others.set(name, topicId);
  }
  return others;
}

/** What is committed for by the ids of topics, as members have it. */
function* partitionsOf(
  { topics }: CommitRequest["body"],
  isTooLong: (partition: CommittedPartition) => boolean,
): Generator<{ readonly topicId: string; readonly partition: number }> {
  for (const { topicId, partitions } of topics) {
    for (const partition of partitions) {
      if (!isTooLong(partition)) yield { topicId, partition: partition.partitionIndex };
    }
  }
}

/** One record for each partition: of several commits in one request the last counts. */
function recordsOf(
  { offsets }: Group,
  { topics, retentionTimeMs }: CommitRequest["body"],
  isTooLong: (partition: CommittedPartition) => boolean,
  nowMs: number,
): OffsetRecord[] {
  const commitTimestamp = BigInt(nowMs);
  const expireTimestamp = retentionTimeMs < 0n ? -1n : smaller(commitTimestamp + retentionTimeMs, INT64_MAX);
  const records = new Map<string, OffsetRecord>();
  for (const { name: topic, partitions } of topics) {
    for (const partition of partitions) {
      if (isTooLong(partition)) continue;
      const { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch } = partition;
      const metadata = partition.committedMetadata ?? "";
      const value = { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp };
      records.set(`${partitionIndex} ${topic}`, {
        type: "offset",
        group: offsets.groupId,
        topic,
        partition: partitionIndex,
        value,
      });
    }
  }
  return [...records.values()];
}

const INT64_MAX = 2n ** 63n - 1n;

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function respondToCommit(
  { topics }: CommitRequest["body"],
  judge: (partition: CommittedPartition) => ErrorName,
): CommitResponse {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: errorCode(judge(partition)),
      })),
    })),
  };
}

/** What has been committed for the partitions asked for, or for all. Where there is nothing, that is no error. */
export const fetchOffsets: GroupHandler<"fetchOffsets"> = (group, { body }) => {
  const { offsets } = group;
  const { memberId, memberEpoch: epoch, topics } = body;
  const error = membersOf(group)?.judgeFetch({ memberId, epoch }) ?? "NONE";
  if (error !== "NONE") return { groupId: offsets.groupId, topics: [], errorCode: errorCode(error) };
  return {
    groupId: offsets.groupId,
    topics: topics === null ? allOf(group) : theseOf(group, topics),
  };
};

/** Each once, however often the request names it: an answer must not grow to many times what is there. */
function theseOf({ offsets }: Group, topics: NonNullable<AskedTopics>): OffsetFetchGroup["topics"] {
  const asked = new Map<string, { readonly topicId: string; readonly partitions: Set<number> }>();
  for (const { name, topicId, partitionIndexes } of topics) {
    const topic = asked.get(name) ?? { topicId, partitions: new Set() };
    asked.set(name, topic);
    for (const partition of partitionIndexes) topic.partitions.add(partition);
  }
  return [...asked].map(([name, { topicId, partitions }]) => ({
    name,
    topicId,
    partitions: [...partitions].map((partition) => fetched(partition, offsets.get(name, partition))),
  }));
}

function allOf({ offsets }: Group): OffsetFetchGroup["topics"] {
  const topics = new Map<string, FetchedPartition[]>();
  for (const { topic, partition, value } of offsets.all()) {
    if (offsets.isDoomed(topic, partition)) continue;
    const row = fetched(partition, value);
    const rows = topics.get(topic);
    if (rows === undefined) topics.set(topic, [row]);
    else rows.push(row);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function fetched(partitionIndex: number, committed: CommittedOffset | undefined): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1n,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? "",
    errorCode: 0,
  };
}

/** Takes back offsets of topics that no member is subscribed to. */
export function deleteOffsets(
  group: Group,
  { body }: Asked<Request<typeof offsetDelete>>,
  out: GroupOutbox,
): DeleteResponse & Written {
  const { offsets } = group;
  const members = membersOf(group);
  if (!exists(group)) return refuseDelete("GROUP_ID_NOT_FOUND");
  // What members of other protocols read, nobody here can tell.
  if (members?.hasMembers && members.protocolType !== "consumer") return refuseDelete("NON_EMPTY_GROUP");

  const isSubscribed = (topic: string) => members?.isSubscribedTo(topic) ?? false;
  const records = new Map<string, OffsetRecord>();
  for (const { name: topic, partitions } of body.topics) {
    if (isSubscribed(topic)) continue;
    for (const { partitionIndex: partition } of partitions) {
      if (!offsets.has(topic, partition)) continue;
      records.set(`${partition} ${topic}`, offsets.tombstone({ topic, partition }));
    }
  }
  const tombstones = [...records.values()];
  if (!fits(tombstones, group.news.config.maxWriteBytes)) return refuseDelete("UNKNOWN_SERVER_ERROR");
  for (const tombstone of tombstones) out.append(tombstone);
  return {
    isWritten: tombstones.length > 0,
    errorCode: 0,
    topics: body.topics.map(({ name, partitions }) => {
      const error = isSubscribed(name) ? "GROUP_SUBSCRIBED_TO_TOPIC" : "NONE";
      return {
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(error) })),
      };
    }),
  };
}

function refuseDelete(error: ErrorName): DeleteResponse {
  return { errorCode: errorCode(error), topics: [] };
}
