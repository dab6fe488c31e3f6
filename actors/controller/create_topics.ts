/**
 * What the controller decides when topics are to be created: every check that Kafka makes, then records.
 *
 * Each topic stands for itself: one that is refused does not keep the others from being made. Only a request for more
 * partitions than {@linkcode MAX_PARTITIONS_PER_REQUEST} is refused as a whole.
 *
 * @module
 */
import { numberOf, resolveBrokerConfig } from "../../protocol/configs/resolve.ts";
import { decideConfigs } from "../../protocol/configs/change.ts";
import { collisionKey, METADATA_TOPIC, refuseTopicName } from "../../protocol/topic_names.ts";
import { randomUuid, ZERO_UUID } from "../../lib/uuid.ts";
import { activeBrokerIds, type Decision, indexOf, type Refusal, type Setting } from "./decision.ts";
import { NO_LEADER } from "./partition_change.ts";
import { Placement } from "./placement.ts";
import type { MetadataImage, MetadataRecord, NewTopic, TopicResult } from "./protocol.ts";

/** The most partitions that one request may make (Kafka's limit). */
export const MAX_PARTITIONS_PER_REQUEST = 10_000;

/** Decides about new topics. */
export function createTopics(
  setting: Setting,
  topics: readonly NewTopic[],
  validateOnly: boolean,
): Decision<TopicResult> {
  const creation = new Creation(setting);
  const total = topics.reduce((sum, topic) => sum + creation.partitionsOf(topic), 0);
  if (total > MAX_PARTITIONS_PER_REQUEST) {
    const message = `The request makes ${total} partitions; one request may make ${MAX_PARTITIONS_PER_REQUEST}.`;
    return { records: [], results: topics.map(({ name }) => refused(name, { error: "POLICY_VIOLATION", message })) };
  }
  const counts = new Map<string, number>();
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1);
  const records: MetadataRecord[] = [];
  const results = topics.flatMap((topic): readonly TopicResult[] => {
    const count = counts.get(topic.name);
    if (count === undefined) return []; // answered where it was named first
    counts.delete(topic.name);
    if (count > 1) {
      return [refused(topic.name, { error: "INVALID_REQUEST", message: `Topic "${topic.name}" is named twice.` })];
    }
    const made = creation.create(topic);
    if ("error" in made) return [refused(topic.name, made)];
    if (!validateOnly) records.push(...made.records);
    const topicId = validateOnly ? ZERO_UUID : made.topicId;
    const { partitions, replicationFactor } = made;
    return [{ name: topic.name, topicId, error: "NONE", message: null, partitions, replicationFactor }];
  });
  return { records, results };
}

/** The result of a topic that is not made. */
function refused(name: string, { error, message }: Refusal): TopicResult {
  return { name, topicId: ZERO_UUID, error, message, partitions: -1, replicationFactor: -1 };
}

interface Made {
  readonly records: readonly MetadataRecord[];
  readonly topicId: string;
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** One request's worth of new topics. */
class Creation {
  readonly #setting: Setting;
  readonly #active: ReadonlySet<number>;
  readonly #placement: Placement;
  readonly #topicIds = new Set<string>();
  /** Topics by what their metrics would be called; made when the first name needs it. */
  #collisions: Map<string, string> | undefined;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#active = activeBrokerIds(setting.image);
    this.#placement = placementFor(setting);
  }

  /** How many partitions a topic asks for; 0 if what it asks for is nonsense. */
  partitionsOf({ partitions, assignments }: NewTopic): number {
    if (assignments.length > 0) return assignments.length;
    return Math.max(0, partitions === -1 ? this.#default("num.partitions") : partitions);
  }

  create(topic: NewTopic): Made | Refusal {
    const named = this.#refuseName(topic.name);
    if (named !== null) return named;
    const replicas = topic.assignments.length > 0 ? this.#assigned(topic) : this.#placed(topic);
    if ("error" in replicas) return replicas;
    const { image, properties } = this.#setting;
    const operations = topic.configs.map(({ name, value }) => ({ name, value, operation: "set" as const }));
    const layers = { brokers: image.configs.get("broker/"), properties };
    const configs = decideConfigs("topic", layers, operations, false);
    if (!configs.ok) return { error: "INVALID_CONFIG", message: configs.message };
    const topicId = this.#topicId();
    this.#collisions?.set(collisionKey(topic.name), topic.name);
    return {
      topicId,
      partitions: replicas.length,
      replicationFactor: replicas[0]!.length,
      records: [
        { type: "Topic", name: topic.name, topicId },
        ...configs.settings.map(({ name, value }): MetadataRecord => (
          { type: "Config", resourceType: "topic", resourceName: topic.name, name, value }
        )),
        ...replicas.map((ids, partition) => newPartition(topicId, partition, ids, this.#active)),
      ],
    };
  }

  #refuseName(name: string): Refusal | null {
    const invalid = refuseTopicName(name);
    if (invalid !== null) return { error: "INVALID_TOPIC_EXCEPTION", message: invalid };
    if (name === METADATA_TOPIC) {
      return { error: "TOPIC_AUTHORIZATION_FAILED", message: `${name} is the metadata log: nobody may create it.` };
    }
    if (this.#setting.image.topics.has(name)) {
      return { error: "TOPIC_ALREADY_EXISTS", message: `Topic "${name}" already exists.` };
    }
    const other = this.#collisionOf(name);
    if (other === undefined) return null;
    const message = `Topic "${name}" collides with topic "${other}": metrics do not tell "." from "_".`;
    return { error: "INVALID_TOPIC_EXCEPTION", message };
  }

  #collisionOf(name: string): string | undefined {
    if (!/[._]/.test(name)) return undefined;
    this.#collisions ??= new Map([...this.#setting.image.topics.keys()].map((other) => [collisionKey(other), other]));
    return this.#collisions.get(collisionKey(name));
  }

  #placed(topic: NewTopic): number[][] | Refusal {
    if (topic.partitions !== -1 && topic.partitions < 1) {
      return { error: "INVALID_PARTITIONS", message: `A topic has at least 1 partition, not ${topic.partitions}.` };
    }
    const wanted = topic.replicationFactor;
    const replicationFactor = wanted === -1 ? this.#default("default.replication.factor") : wanted;
    return refuseReplicationFactor(replicationFactor, this.#placement) ??
      this.#placement.place(this.partitionsOf(topic), replicationFactor);
  }

  #assigned({ partitions, replicationFactor, assignments }: NewTopic): (readonly number[])[] | Refusal {
    if (partitions !== -1 || replicationFactor !== -1) {
      const message = "A topic with assignments must ask for -1 partitions and a replication factor of -1.";
      return { error: "INVALID_REQUEST", message };
    }
    const ordered = [...assignments].sort((a, b) => a.partition - b.partition);
    if (ordered.some(({ partition }, index) => partition !== index)) {
      const message = `Assignments must name each partition from 0 to ${assignments.length - 1} once.`;
      return { error: "INVALID_REPLICA_ASSIGNMENT", message };
    }
    const replicas = ordered.map(({ brokerIds }) => brokerIds);
    return refuseAssignments(replicas, replicas[0]!.length, 0, this.#setting.image, this.#active) ?? replicas;
  }

  #default(name: string): number {
    const { image, properties } = this.#setting;
    return numberOf(resolveBrokerConfig(name, { brokers: image.configs.get("broker/"), properties }));
  }

  #topicId(): string {
    const { image, random } = this.#setting;
    for (;;) {
      const id = randomUuid(random.bytes(16));
      if (image.topicNames.has(id) || this.#topicIds.has(id)) continue;
      this.#topicIds.add(id);
      return id;
    }
  }
}

/** The record of a new partition: every active replica is in sync, and the first of them leads. */
export function newPartition(
  topicId: string,
  partition: number,
  replicas: readonly number[],
  active: ReadonlySet<number>,
): MetadataRecord {
  const isr = replicas.filter((id) => active.has(id));
  const [leader = NO_LEADER] = isr;
  const nothing = { adding: [], removing: [], elr: [], lastKnownElr: [] };
  return {
    type: "Partition",
    topicId,
    partition,
    replicas,
    isr,
    leader,
    leaderEpoch: 0,
    partitionEpoch: 0,
    ...nothing,
  };
}

/** Where new partitions can go: not to brokers that are about to stop. Those that are fenced count, as in Kafka: they come back. */
export function placementFor(setting: Setting): Placement {
  const index = indexOf(setting);
  const sites = [...setting.image.brokers.values()].filter(({ fenced, inControlledShutdown }) =>
    fenced || !inControlledShutdown
  );
  return new Placement(
    sites.map(({ id, rack, fenced }) => ({ id, rack, active: !fenced, load: index.loadOf(id) })),
    setting.random,
  );
}

/** Why partitions cannot have so many replicas; null when they can. */
export function refuseReplicationFactor(replicationFactor: number, { size, led }: Placement): Refusal | null {
  if (replicationFactor >= 1 && replicationFactor <= size && led) return null;
  const message = replicationFactor < 1
    ? `A partition has at least 1 replica, not ${replicationFactor}.`
    : replicationFactor > size
    ? `A replication factor of ${replicationFactor} needs as many brokers; there are ${size}.`
    : "All brokers are fenced or about to stop.";
  return { error: "INVALID_REPLICATION_FACTOR", message };
}

/** Why replicas given by hand cannot be; null when they can. */
export function refuseAssignments(
  assignments: readonly (readonly number[])[],
  replicationFactor: number,
  firstPartition: number,
  image: MetadataImage,
  active: ReadonlySet<number>,
): Refusal | null {
  for (const [index, brokerIds] of assignments.entries()) {
    const problem = problemOfAssignment(brokerIds, replicationFactor, image, active);
    if (problem === null) continue;
    return { error: "INVALID_REPLICA_ASSIGNMENT", message: `Partition ${firstPartition + index} ${problem}` };
  }
  return null;
}

function problemOfAssignment(
  brokerIds: readonly number[],
  replicationFactor: number,
  image: MetadataImage,
  active: ReadonlySet<number>,
): string | null {
  if (brokerIds.length === 0) return "is given no brokers: name at least one.";
  if (new Set(brokerIds).size !== brokerIds.length) return "is given a broker twice: name each once.";
  if (brokerIds.length !== replicationFactor) {
    return `is given ${brokerIds.length} brokers; the topic's partitions have ${replicationFactor} replicas.`;
  }
  const unknown = brokerIds.find((id) => !image.brokers.has(id));
  if (unknown !== undefined) return `is given broker ${unknown}, which is not registered.`;
  if (!brokerIds.some((id) => active.has(id))) return "is given only brokers that are fenced or about to stop.";
  return null;
}
