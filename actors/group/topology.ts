/**
 * The topics of the cluster as groups see them, read off the metadata.
 *
 * Metadata changes all the time (an ISR shrinks, a leader moves), and none of that concerns a group. So what is the same stays the
 * same object, the whole as well as each topic, and who depends on it can compare by identity.
 *
 * @module
 */
import type { MetadataImage, TopicImage } from "../controller/protocol.ts";
import type { Topology, TopologyTopic } from "./protocol.ts";

/** Before anything is known. */
export const NO_TOPOLOGY: Topology = { topics: new Map(), names: new Map() };

type Topics = MetadataImage["topics"];
type Brokers = MetadataImage["brokers"];

/** What was made of topics and of one topic, with the racks that brokers were in. Images share them, and coordinators the images. */
const known = new WeakMap<Topics, { readonly racksOfBrokers: string; readonly topology: Topology }>();
const knownTopics = new WeakMap<TopicImage, { readonly racksOfBrokers: string; readonly topic: TopologyTopic }>();

/** The topology of an image: `before` itself, when nothing has changed that a group could see. */
export function topologyOf({ topics, brokers }: Pick<MetadataImage, "topics" | "brokers">, before: Topology): Topology {
  const racksOfBrokers = JSON.stringify(
    [...brokers.values()].flatMap(({ id, rack }) => rack === null ? [] : [id, rack]),
  );
  const made = known.get(topics);
  const isMade = made?.racksOfBrokers === racksOfBrokers;
  if (isMade && (made.topology === before || before === NO_TOPOLOGY)) return made.topology;
  const topology = derive(topics, brokers, racksOfBrokers, before);
  if (!isMade) known.set(topics, { racksOfBrokers, topology });
  return topology === before || !isMade ? topology : made.topology;
}

function derive(topics: Topics, brokers: Brokers, racksOfBrokers: string, before: Topology): Topology {
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
