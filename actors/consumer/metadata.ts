/**
 * The cluster as a consumer knows it: brokers, topics, and who leads what; and when to ask again.
 *
 *     bootstrap ──Metadata──▶ known ──old, or found to be wrong──▶ asked again, of any broker
 *         ▲                                                            │ nobody answers
 *         └────────────────────────────────────────────────────────────┘
 *
 * Invariant: what is known of a partition's leader never goes back to an older leader epoch, unless the topic is another one.
 *
 * @module
 */
import { errorName } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { metadata as table } from "../../protocol/tables/metadata.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { call } from "./calls.ts";
import type { NodeAddress } from "./network.ts";
import type { Consumer } from "./state.ts";
import { outcomeOf } from "./values.ts";
import { addressKey } from "./versions.ts";

/** Whoever does not answer within this is not waited for: another broker knows as much. */
const PATIENCE_MS = 5_000;

/** A broker. */
export interface KnownNode extends NodeAddress {
  readonly id: number;
}

/** Who leads a partition; -1 when nobody does. */
export interface KnownLeader {
  readonly leader: number;
  /** -1 when the broker does not say. */
  readonly leaderEpoch: number;
}

/** A topic. */
export interface KnownTopic {
  readonly name: string;
  /** The zero uuid when the broker does not say. */
  readonly id: string;
  readonly isInternal: boolean;
  readonly partitions: ReadonlyMap<number, KnownLeader>;
}

/** What a consumer knows of the cluster. */
export class ClusterMetadata {
  readonly #bootstrap: readonly NodeAddress[];
  readonly nodes: Map<number, KnownNode> = new Map();
  readonly topics: Map<string, KnownTopic> = new Map();
  readonly #namesById = new Map<string, string>();
  /** Addresses that did not answer since one did, by their texts. */
  readonly #silent = new Set<string>();
  isAsking = false;
  /** Something has turned out to be wrong or missing. */
  isWanted = true;
  /** Not to be asked for before this. */
  retryAtMs = 0;
  attempts = 0;
  /** When it was first asked for; Infinity for never. */
  askedMs = Infinity;
  /** When it was last told; -Infinity for never. */
  toldMs = -Infinity;
  /** Why the last broker that was asked was of no use; undefined when it was. */
  problem: string | undefined;
  /** Grows with every answer. */
  version = 0;

  constructor(bootstrap: readonly NodeAddress[]) {
    this.#bootstrap = bootstrap;
  }

  /**
   * Why nothing is known at all, when every address was tried in vain, and for long enough that brokers which were about to start have; undefined
   * as soon as one has answered.
   */
  unreached(nowMs: number, { requestTimeoutMs }: { readonly requestTimeoutMs: number }): string | undefined {
    if (this.toldMs > -Infinity || this.problem === undefined || this.attempts < this.#bootstrap.length) {
      return undefined;
    }
    if (nowMs < this.askedMs + Math.min(PATIENCE_MS, requestTimeoutMs)) return undefined;
    return `No broker has answered so far. ${this.problem}`;
  }

  /** The name of a topic by its id, if that is known. */
  nameOf(topicId: string): string | undefined {
    return this.#namesById.get(topicId);
  }

  leaderOf(topic: string, partition: number): KnownLeader | undefined {
    return this.topics.get(topic)?.partitions.get(partition);
  }

  /** Addresses worth asking: brokers that are known and not silent, else where everything began. */
  candidates(): readonly NodeAddress[] {
    const awake = (address: NodeAddress) => !this.#silent.has(addressKey(address));
    const known = [...this.nodes.values()].filter(awake);
    if (known.length > 0) return known;
    const first = this.#bootstrap.filter(awake);
    if (first.length > 0) return first;
    this.#silent.clear(); // all were tried: once more
    return this.#bootstrap;
  }

  /** It did not answer. */
  silent(address: NodeAddress): void {
    this.#silent.add(addressKey(address));
  }

  /** It did. */
  heard(address: NodeAddress): void {
    this.#silent.delete(addressKey(address));
  }

  /** A broker has said who leads now (KIP-951). Returns whether that is news. */
  hint(topic: string, partition: number, leader: KnownLeader, nodes: readonly KnownNode[]): boolean {
    const known = this.topics.get(topic);
    const before = known?.partitions.get(partition);
    if (known === undefined || before === undefined || leader.leader < 0) return false;
    if (leader.leaderEpoch <= before.leaderEpoch) return false;
    for (const node of nodes) this.nodes.set(node.id, node);
    if (!this.nodes.has(leader.leader)) return false;
    this.topics.set(topic, { ...known, partitions: new Map(known.partitions).set(partition, leader) });
    return true;
  }

  /** Takes over an answer. With `all`, topics that it does not name are gone. */
  learn(body: Response<typeof table>, all: boolean): void {
    this.nodes.clear();
    for (const { nodeId, host, port } of body.brokers) this.nodes.set(nodeId, { id: nodeId, host, port });
    if (all) {
      const named = new Set(body.topics.map(({ name }) => name));
      for (const name of this.topics.keys()) if (!named.has(name)) this.#forget(name);
    }
    for (const topic of body.topics) this.#learnTopic(topic);
    this.version++;
  }

  #learnTopic({ name, topicId, errorCode, isInternal, partitions }: Response<typeof table>["topics"][number]): void {
    if (name === null) return;
    const error = errorName(errorCode);
    if (error === "UNKNOWN_TOPIC_OR_PARTITION" || error === "UNKNOWN_TOPIC_ID") return this.#forget(name);
    if (error !== "NONE") return; // what is known of it stays
    const before = this.topics.get(name);
    const same = before !== undefined && before.id === topicId;
    if (before !== undefined && !same) this.#forget(name);
    const leaders = new Map<number, KnownLeader>();
    for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
      const known = same ? before.partitions.get(partitionIndex) : undefined;
      const isOlder = known !== undefined && leaderEpoch >= 0 && known.leaderEpoch > leaderEpoch;
      leaders.set(partitionIndex, isOlder ? known : { leader: leaderId, leaderEpoch });
    }
    this.topics.set(name, { name, id: topicId, isInternal, partitions: leaders });
    if (topicId !== ZERO_UUID) this.#namesById.set(topicId, name);
  }

  #forget(name: string): void {
    const id = this.topics.get(name)?.id;
    if (id !== undefined) this.#namesById.delete(id);
    this.topics.delete(name);
  }
}

/** What is known has turned out to be wrong: asks again soon, unless an answer is on its way; or now, for what was never asked for. */
export function wantMetadata({ metadata }: Consumer, now = false): void {
  if (metadata.isAsking && !now) return;
  metadata.isWanted = true;
  if (now) metadata.retryAtMs = 0;
}

/** The topics that a consumer has to know; null for all of them. */
function topicsWanted(consumer: Consumer): readonly string[] | null {
  const { subscription, partitions, lookedUp } = consumer;
  if (subscription !== undefined && subscription.pattern !== null) return null;
  const assigned = [...partitions.values()].map(({ topic }) => topic);
  return [...new Set([...(subscription?.topics ?? []), ...lookedUp, ...assigned])];
}

/** Asks for metadata if that is due; returns when to look again. */
export function lookForMetadata(consumer: Consumer, nowMs: number): number {
  const { metadata, config } = consumer;
  const isIdle = consumer.mode === "none" && consumer.membership === undefined && consumer.questions.length === 0;
  if (metadata.isAsking || isIdle) return Infinity;
  const dueMs = metadata.isWanted ? metadata.retryAtMs : metadata.toldMs + config.metadataMaxAgeMs;
  if (nowMs < dueMs) return dueMs;
  ask(consumer, topicsWanted(consumer));
  return Infinity;
}

function ask(consumer: Consumer, topics: readonly string[] | null): void {
  const { metadata, config, out } = consumer;
  const to = out.random.pick(metadata.candidates());
  metadata.askedMs = Math.min(metadata.askedMs, consumer.now());
  metadata.isAsking = true;
  metadata.isWanted = false;
  call(consumer, {
    to,
    lane: "control",
    api: table,
    body: () => ({
      topics: topics === null ? null : topics.map((name) => ({ name })),
      allowAutoTopicCreation: config.allowAutoCreateTopics && topics !== null,
    }),
    timeoutMs: Math.min(PATIENCE_MS, config.requestTimeoutMs),
    then(result) {
      metadata.isAsking = false;
      if (!result.ok || result.body.brokers.length === 0) { // one that knows of no broker knows nothing yet
        metadata.silent(to);
        metadata.problem = result.ok ? `${addressKey(to)} knows of no brokers.` : result.message;
        if (!result.ok && result.why === "unsupported") {
          consumer.complaint = outcomeOf("UNSUPPORTED_VERSION", result.message);
        }
        return again(consumer);
      }
      metadata.heard(to);
      metadata.problem = undefined;
      metadata.toldMs = consumer.now();
      metadata.retryAtMs = metadata.toldMs + config.retryBackoffMs; // whatever turns out to be wrong next
      metadata.learn(result.body, topics === null);
      if (isWhole(consumer, result.body.topics)) metadata.attempts = 0;
      else again(consumer);
      const hasAll = topicsWanted(consumer)?.every((topic) => topics?.includes(topic)) ?? topics === null;
      if (hasAll) consumer.metadataChanged();
      else wantMetadata(consumer, true); // more was wanted while it was asked for
    },
  });
}

/** False when topics, or partitions that are read, are not there (yet), or have no leaders. Those that may not be read are complained of. */
function isWhole(consumer: Consumer, topics: Response<typeof table>["topics"]): boolean {
  const held = [...consumer.partitions.values()];
  let isWhole = held.every(({ topic, partition }) => consumer.metadata.leaderOf(topic, partition) !== undefined);
  for (const { name, errorCode, partitions } of topics) {
    const error = errorName(errorCode);
    if (error === "INVALID_TOPIC_EXCEPTION" || error === "TOPIC_AUTHORIZATION_FAILED") {
      if (topicsWanted(consumer)?.includes(name!)) consumer.complaint = outcomeOf(error, `${name}: it cannot be read.`);
    } else if (error !== "NONE" || partitions.some(({ leaderId }) => leaderId < 0)) isWhole = false;
  }
  return isWhole;
}

function again(consumer: Consumer): void {
  const { metadata } = consumer;
  metadata.isWanted = true;
  metadata.retryAtMs = consumer.now() + consumer.backoffMs(metadata.attempts++);
}
