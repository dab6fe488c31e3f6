/**
 * How offsets end that nobody takes back: with their topic, or when nobody has kept them alive for offsets.retention.minutes.
 *
 *     no members, and has had some     since the group was empty, or since the commit, if that came later
 *     no members, never had any        since the commit
 *     members                          since the commit, and only those of topics that no member is subscribed to
 *     members join a classic group     not now: who has joined so far says nothing of who is still to come, and for which topics
 *
 * With the last of them a group without members goes too. (In Kafka a commit for a group that is empty does not put its end off. Here it does:
 * whoever resets the offsets of a group that has stood still for long should find them when the group starts again.)
 *
 * Invariant: a topic's offsets are given up with it only if this group has seen the topic, and then seen it gone (or under another id). Before a
 * first look at the cluster everything seems to be gone. What is committed for a new topic of that name, before this group has heard of it,
 * stays: connections may hear of it sooner.
 *
 * @module
 */
import type { GroupNews } from "../protocol.ts";
import type { GroupRecord } from "../records.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { howManyFit } from "../write_size.ts";
import { continueRemoval, everything, membersOf, retire } from "./existence.ts";
import type { CommittedOffset, OffsetRecord } from "./offsets.ts";

/** Of classic groups: it is not certain who is a member. */
const JOINING: ReadonlySet<string> = new Set(["PreparingRebalance", "CompletingRebalance"]);

/** Sets the clock that looks for what has expired, when a group starts and again after each look. */
export function begin(group: Group, out: GroupOutbox): void {
  const { offsetsRetentionCheckIntervalMs } = group.news.config;
  // Groups that were loaded together should not all write at once.
  const jitter = 0.75 + out.random.below(501) / 1000;
  out.timer("expire", Math.ceil(offsetsRetentionCheckIntervalMs * jitter), "expire", undefined);
}

/** `group.news` has replaced `before`: topics may have gone. What they leave behind is given up in a turn of its own. */
export function newsCame(group: Group, { topology: before }: GroupNews, out: GroupOutbox): void {
  const { offsets, news: { topology: { topics } } } = group;
  if (topics === before.topics) return;
  let gone = false;
  for (const topic of offsets.topics()) {
    const seen = before.topics.get(topic);
    if (seen === undefined || seen.topicId === topics.get(topic)?.topicId) continue;
    offsets.doom(topic, seen.topicId);
    gone = true;
  }
  if (gone) out.timer("expire", 0, "expire", undefined);
}

/** Gives up what has ended, as much as fits into one write; the rest in the next turn. */
export function expire(group: Group, _: void, out: GroupOutbox): void {
  if (continueRemoval(group, out)) {
    if (group.offsets.removals.length === 0 && !group.retired) begin(group, out);
    return;
  }
  const ended = [...doomed(group), ...expired(group, out.now())];
  const isLast = !membersOf(group)?.hasMembers && ended.length === group.offsets.count;
  const tombstones: readonly GroupRecord[] = isLast ? everything(group) : ended;
  const count = howManyFit(tombstones, group.news.config.maxWriteBytes);
  for (const tombstone of tombstones.slice(0, count)) out.append(tombstone);
  if (count < tombstones.length && count > 0) out.timer("expire", 0, "expire", undefined);
  else if (isLast && count === tombstones.length) retire(group, out);
  else begin(group, out);
}

function doomed({ offsets }: Group): OffsetRecord[] {
  return [...offsets.doomed].flatMap(([topic, partitions]) =>
    [...partitions].map((partition) => offsets.tombstone({ topic, partition }))
  );
}

function expired(group: Group, nowMs: number): OffsetRecord[] {
  const { offsets, news: { config: { offsetsRetentionMs } } } = group;
  const members = membersOf(group);
  if (members !== undefined && JOINING.has(members.state)) return [];
  const hasMembers = members?.hasMembers ?? false;
  const emptySinceMs = members?.emptySinceMs ?? 0;
  const isOver = ({ expireTimestamp, commitTimestamp }: CommittedOffset) =>
    expireTimestamp >= 0n
      ? nowMs >= Number(expireTimestamp)
      : nowMs - Math.max(emptySinceMs, Number(commitTimestamp)) >= offsetsRetentionMs;
  return offsets.all().flatMap(({ topic, partition, value }) => {
    if (offsets.isDoomed(topic, partition) || !isOver(value) || (hasMembers && members!.isSubscribedTo(topic))) {
      return [];
    }
    return [offsets.tombstone({ topic, partition })];
  });
}
