/**
 * The topics of the cluster as groups see them, read off the metadata.
 *
 * Metadata changes all the time (an ISR shrinks, a leader moves), and none of that concerns a group. So what is the same stays the
 * same object, the whole as well as each topic, and who depends on it can compare by identity.
 *
 * @module
 */
import type { BrokerImage, MetadataImage, TopicImage } from "../controller/protocol.ts";
import type { Topology, TopologyTopic } from "./protocol.ts";

/** Before anything is known. */
export const NO_TOPOLOGY: Topology = { topics: new Map(), names: new Map() };

/** What was made of an image, and of a topic. All coordinators of a broker are shown the same images, which share their topics. */
const known = new WeakMap<MetadataImage, Topology>();
const knownTopics = new WeakMap<TopicImage, { readonly racksOfBrokers: string; readonly topic: TopologyTopic }>();

/** The topology of an image: `before` itself, when nothing has changed that a group could see. */
export function topologyOf(image: MetadataImage, before: Topology): Topology {
  const made = known.get(image);
  if (made !== undefined && (made === before || before === NO_TOPOLOGY)) return made;
  const topology = derive(image, before);
  if (made === undefined) known.set(image, topology);
  return topology === before ? before : made ?? topology;
}

function derive({ topics, brokers }: MetadataImage, before: Topology): Topology {
  const racksOfBrokers = JSON.stringify(
    [...brokers.values()].flatMap(({ id, rack }) => rack === null ? [] : [id, rack]),
  );
  const derived = new Map<string, TopologyTopic>();
  let isSame = topics.size === before.topics.size;
  for (const topic of topics.values()) {
    const old = before.topics.get(topic.name);
    const now = topicOf(topic, brokers, racksOfBrokers);
    const isOld = old !== undefined && isEqual(old, now);
    if (!isOld) isSame = false;
    derived.set(topic.name, isOld ? old : now);
  }
  if (isSame) return before;
  return { topics: derived, names: new Map([...derived.values()].map(({ name, topicId }) => [topicId, name])) };
}

type Brokers = ReadonlyMap<number, BrokerImage>;

function topicOf(image: TopicImage, brokers: Brokers, racksOfBrokers: string): TopologyTopic {
  const made = knownTopics.get(image);
  if (made?.racksOfBrokers === racksOfBrokers) return made.topic;
  const { name, topicId, partitions } = image;
  const racks = partitions.map(({ replicas }) => racksOf(replicas, brokers));
  const topic = { name, topicId, partitions: partitions.length, racks };
  knownTopics.set(image, { racksOfBrokers, topic });
  return topic;
}

function isEqual(a: TopologyTopic, b: TopologyTopic): boolean {
  if (a === b) return true;
  if (a.topicId !== b.topicId || a.partitions !== b.partitions) return false;
  return a.racks.every((racks, partition) => {
    const others = b.racks[partition]!;
    return racks.length === others.length && racks.every((rack, index) => rack === others[index]);
  });
}

const NO_RACKS: readonly string[] = Object.freeze([]);

function racksOf(replicas: readonly number[], brokers: Brokers): readonly string[] {
  const racks = replicas.flatMap((id) => brokers.get(id)?.rack ?? []);
  return racks.length === 0 ? NO_RACKS : [...new Set(racks)].sort();
}
