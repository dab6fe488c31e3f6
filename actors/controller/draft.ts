/**
 * A metadata image being changed, record by record.
 *
 * It copies a map the first time it changes it and then keeps changing its own copy: recovery of a long log does not copy a
 * map for every record.
 *
 * A record that does not fit the image (a partition of an unknown topic, a leader that is not in sync) is a programmer error, because the
 * controller only writes records that fit: it replays each before it writes it.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type {
  BrokerImage,
  ConfigResourceType,
  MetadataImage,
  MetadataRecord,
  PartitionImage,
  TopicImage,
} from "./protocol.ts";

type RecordOf<T extends MetadataRecord["type"]> = Extract<MetadataRecord, { readonly type: T }>;
type MapName = "brokers" | "topics" | "topicNames" | "configs";

/** An image being changed. It reads like an image, but must not be kept by anyone else before it is frozen. */
export class MetadataDraft implements MetadataImage {
  clusterId: string;
  offset: number;
  brokers: ReadonlyMap<number, BrokerImage>;
  topics: ReadonlyMap<string, TopicImage>;
  topicNames: ReadonlyMap<string, string>;
  configs: ReadonlyMap<string, ReadonlyMap<string, string>>;
  nextProducerId: bigint;
  /** The maps that are nobody else's. */
  readonly #owned = new Set<MapName>();
  /** The partition lists that are nobody else's, by topic id. */
  readonly #partitions = new Map<string, PartitionImage[]>();

  constructor(image: MetadataImage) {
    this.clusterId = image.clusterId;
    this.offset = image.offset;
    this.brokers = image.brokers;
    this.topics = image.topics;
    this.topicNames = image.topicNames;
    this.configs = image.configs;
    this.nextProducerId = image.nextProducerId;
  }

  /** The image as it is now, safe to keep: later changes are made in copies. */
  freeze(): MetadataImage {
    this.#owned.clear();
    this.#partitions.clear();
    const { clusterId, offset, brokers, topics, topicNames, configs, nextProducerId } = this;
    return { clusterId, offset, brokers, topics, topicNames, configs, nextProducerId };
  }

  /** Applies one record. Throws an AssertionError for one that does not fit. */
  apply(record: MetadataRecord): void {
    switch (record.type) {
      case "RegisterBroker":
        this.#registerBroker(record);
        break;
      case "UnregisterBroker":
        this.#broker(record);
        this.#own("brokers").delete(record.brokerId);
        break;
      case "ControlledShutdown":
        this.#changeBroker(record, { inControlledShutdown: true });
        break;
      case "FenceBroker":
        this.#changeBroker(record, { fenced: true });
        break;
      case "UnfenceBroker":
        this.#changeBroker(record, { fenced: false });
        break;
      case "Topic":
        this.#addTopic(record);
        break;
      case "RemoveTopic":
        this.#removeTopic(record);
        break;
      case "Partition":
        this.#putPartition(record);
        break;
      case "PartitionChange":
        this.#changePartition(record);
        break;
      case "Config":
        this.#setConfig(record);
        break;
      case "ProducerIds":
        assert(record.nextProducerId > this.nextProducerId, "A block of producer ids was given out twice.");
        this.nextProducerId = record.nextProducerId;
        break;
      case "Cluster":
        assert(this.clusterId === "", `This is cluster ${this.clusterId}, not ${record.clusterId}.`);
        this.clusterId = record.clusterId;
        break;
      case "NoOp":
      case "QuorumLeader": // take an offset, and change nothing
    }
    this.offset++;
  }

  /** A new incarnation begins fenced. */
  #registerBroker({ type: _, brokerId: id, brokerEpoch: epoch, ...rest }: RecordOf<"RegisterBroker">): void {
    assert(epoch > (this.brokers.get(id)?.epoch ?? -1), `Broker ${id} cannot go back to epoch ${epoch}.`);
    this.#own("brokers").set(id, { id, epoch, ...rest, fenced: true, inControlledShutdown: false });
  }

  #changeBroker(record: { brokerId: number; brokerEpoch: number }, change: Partial<BrokerImage>): void {
    this.#own("brokers").set(record.brokerId, { ...this.#broker(record), ...change });
  }

  #broker({ brokerId, brokerEpoch }: { brokerId: number; brokerEpoch: number }): BrokerImage {
    const broker = this.brokers.get(brokerId);
    assert(broker?.epoch === brokerEpoch, `Broker ${brokerId} is not registered with epoch ${brokerEpoch}.`);
    return broker;
  }

  #addTopic({ name, topicId }: RecordOf<"Topic">): void {
    assert(!this.topics.has(name), `Topic ${name} exists already.`);
    assert(!this.topicNames.has(topicId), `Topic id ${topicId} is taken.`);
    this.#own("topics").set(name, { name, topicId, partitions: this.#newPartitions(topicId, []) });
    this.#own("topicNames").set(topicId, name);
  }

  #removeTopic({ topicId }: RecordOf<"RemoveTopic">): void {
    const { name } = this.#topic(topicId);
    this.#own("topics").delete(name);
    this.#own("topicNames").delete(topicId);
    this.#partitions.delete(topicId);
    if (this.configs.has(configKey("topic", name))) this.#own("configs").delete(configKey("topic", name));
  }

  #putPartition({ type: _, topicId, ...partition }: RecordOf<"Partition">): void {
    const partitions = this.#ownPartitions(topicId);
    assert(partition.partition <= partitions.length, `Partition ${partition.partition} leaves a gap.`);
    partitions[partition.partition] = checked(partition);
  }

  #changePartition(record: RecordOf<"PartitionChange">): void {
    const partitions = this.#ownPartitions(record.topicId);
    const old = partitions[record.partition];
    assert(old !== undefined, `There is no partition ${record.partition} to change.`);
    partitions[record.partition] = partitionAfter(old, record);
  }

  #setConfig({ resourceType, resourceName, name, value }: RecordOf<"Config">): void {
    const key = configKey(resourceType, resourceName);
    const configs = new Map(this.configs.get(key));
    if (value === null) configs.delete(name);
    else configs.set(name, value);
    if (configs.size === 0) this.#own("configs").delete(key);
    else this.#own("configs").set(key, configs);
  }

  #topic(topicId: string): TopicImage {
    const name = this.topicNames.get(topicId);
    const topic = name === undefined ? undefined : this.topics.get(name);
    assert(topic !== undefined, `There is no topic with id ${topicId}.`);
    return topic;
  }

  #own<M extends MapName>(name: M): Mutable<MetadataDraft[M]> {
    if (!this.#owned.has(name)) {
      (this as { [N in MapName]: unknown })[name] = new Map(this[name] as ReadonlyMap<unknown, unknown>);
      this.#owned.add(name);
    }
    return this[name] as unknown as Mutable<MetadataDraft[M]>;
  }

  #ownPartitions(topicId: string): PartitionImage[] {
    const owned = this.#partitions.get(topicId);
    if (owned !== undefined) return owned;
    const topic = this.#topic(topicId);
    const partitions = this.#newPartitions(topicId, topic.partitions);
    this.#own("topics").set(topic.name, { ...topic, partitions });
    return partitions;
  }

  #newPartitions(topicId: string, from: readonly PartitionImage[]): PartitionImage[] {
    const partitions = [...from];
    this.#partitions.set(topicId, partitions);
    return partitions;
  }
}

/** A partition after a change of it. */
export function partitionAfter(old: PartitionImage, record: RecordOf<"PartitionChange">): PartitionImage {
  const { type: _, topicId: __, newEpoch = false, ...change } = record;
  // Whoever is named leader, even the one before, leads anew: see the controller.
  const leadsAnew = newEpoch || change.leader !== undefined;
  return checked({
    ...old,
    ...change,
    leaderEpoch: old.leaderEpoch + (leadsAnew ? 1 : 0),
    partitionEpoch: old.partitionEpoch + 1,
  });
}

/** The key of a resource in {@linkcode MetadataImage.configs}. */
export function configKey(resourceType: ConfigResourceType, resourceName: string): string {
  return `${resourceType}/${resourceName}`;
}

/** What holds of every partition at all times; a record that breaks it is never written, because it is replayed first. */
function checked(partition: PartitionImage): PartitionImage {
  const { replicas, isr, leader, elr, adding, removing } = partition;
  const among = (ids: readonly number[]) => ids.every((id) => replicas.includes(id));
  const sound = (leader === -1 || isr.includes(leader)) && among(isr) && among(elr) && among(adding) &&
    among(removing) &&
    !elr.some((id) => isr.includes(id));
  assert(sound, `A partition cannot be like this: ${JSON.stringify(partition)}`);
  return partition;
}

type Mutable<T> = T extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never;
