/**
 * When the group epoch grows because of topics, and when a target is due.
 *
 *     topics, subscriptions ──hash──▶ another hash: group epoch + 1 ──not sooner than …interval.ms──▶ target, assignment epoch
 *
 * Invariant: the group epoch grows by one at most in a turn, and never without a record of the group.
 *
 * @module
 */
import type { GroupNews, Topology, TopologyTopic } from "../protocol.ts";
import type { GroupOutbox } from "../state.ts";
import type { Draft } from "./draft.ts";
import type { ModernGroup } from "./modern.ts";
import { refreshRegexes } from "./regexes.ts";
import { assignTargets } from "./targets.ts";
import { setLook } from "./timers.ts";

/** A target for so many members is work: they come in crowds, and it is not done again for each of them, whatever the interval. */
const CROWD = 64;
const PAUSE_PER_MEMBER_MS = 0.25;
/** What could not be had is not tried again sooner, whatever the interval. */
const AGAIN_MS = 1_000;

/**
 * Looks whether topics have changed in a way that the group has to know, and works out a target if one is due; one that could not be had
 * is not due again for a while.
 */
export function catchUp(draft: Draft, news: GroupNews, out: GroupOutbox, mayAssign = true): void {
  refreshTopics(draft, news, out);
  if (mayAssign) return assignIfDue(draft, news, out);
  draft.noted.assignedAtMs = out.monotonic();
  // Classic members do not ask: it is tried again for them.
  if (draft.assignmentEpoch < draft.epoch) {
    setLook(draft.state, "assignment", Math.max(AGAIN_MS, pauseMs(draft.state, news)), out);
  }
}

/** Regular expressions, and the hash of what the group is subscribed to. */
export function refreshTopics(draft: Draft, news: GroupNews, out: GroupOutbox): void {
  refreshRegexes(draft, news, out);
  if (!draft.resubscribed && news.topology === draft.state.volatile.topology) return;
  draft.noted.topology = news.topology;
  draft.setMetadataHash(hashTopics(draft.subscribedNames(), news.topology));
}

/** Members have gone: who stays gets another target, though nobody may ask for it (classic members only hear that there is one). */
export function assignLater(state: ModernGroup, news: GroupNews, out: GroupOutbox): void {
  setLook(state, "assignment", Math.max(0, dueInMs(state, news, out)), out);
}

function assignIfDue(draft: Draft, news: GroupNews, out: GroupOutbox): void {
  if (draft.assignmentEpoch >= draft.epoch) return;
  const waitMs = dueInMs(draft.state, news, out);
  // The first target is for members that wait for nothing else.
  if (waitMs > 0 && draft.state.hasMembers && draft.assignmentEpoch > 0) {
    return setLook(draft.state, "assignment", waitMs, out);
  }
  assignTargets(draft, news, out.now());
  draft.noted.assignedAtMs = out.monotonic();
}

function dueInMs(state: ModernGroup, news: GroupNews, out: GroupOutbox): number {
  return state.volatile.assignedAtMs + pauseMs(state, news) - out.monotonic();
}

/** From one target to the next. */
function pauseMs({ metadata }: ModernGroup, { config }: GroupNews): number {
  const forAllMs = metadata.size < CROWD ? 0 : metadata.size * PAUSE_PER_MEMBER_MS;
  return Math.max(config.consumerAssignmentIntervalMs, forAllMs);
}

/**
 * A hash of the topics as far as assignments depend on them: id, partitions, racks. It is kept in the log, and compared with what comes of
 * the topics at another time: so it is the same in every process.
 */
function hashTopics(names: Iterable<string>, topology: Topology): bigint {
  const topics = [...names].sort().map((name) => topology.topics.get(name)).filter((topic) => topic !== undefined);
  if (topics.length === 0) return 0n;
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (const topic of topics) {
    const hash = hashOf(topic);
    high = Math.imul(high ^ hash.high, 0x01000193) ^ high >>> 15;
    low = Math.imul(low ^ hash.low, 0x5bd1e995) ^ low >>> 13;
  }
  const hash = BigInt.asIntN(64, BigInt(high >>> 0) << 32n | BigInt(low >>> 0));
  return hash === 0n ? 1n : hash; // 0 stands for no topics
}

/** The topology is shared by all groups of a coordinator: each topic is hashed once. */
const hashes = new WeakMap<TopologyTopic, { readonly high: number; readonly low: number }>();

function hashOf(topic: TopologyTopic): { readonly high: number; readonly low: number } {
  let hash = hashes.get(topic);
  if (hash === undefined) {
    const { name, topicId, partitions, racks } = topic;
    const text = JSON.stringify([name, topicId, partitions, racks]);
    let high = 0x811c9dc5;
    let low = 0x12345678;
    for (let at = 0; at < text.length; at++) {
      high = Math.imul(high ^ text.charCodeAt(at), 0x01000193);
      low = Math.imul(low ^ text.charCodeAt(at), 0x5bd1e995) ^ low >>> 13;
    }
    hashes.set(topic, hash = { high, low });
  }
  return hash;
}
