/**
 * The changes of partitions that one turn makes, each seen by those after it.
 *
 * @module
 */
import { booleanOf, type ConfigLayers, numberOf, resolveTopicConfig } from "../../protocol/configs/resolve.ts";
import { activeBrokerIds, liveBrokerIds, type Setting } from "./decision.ts";
import { partitionAfter } from "./draft.ts";
import { changePartition, type Circumstances, type Wish } from "./partition_change.ts";
import type { MetadataRecord, PartitionImage, TopicImage } from "./protocol.ts";

/** What is about to become of a broker, in the same turn. */
export interface Turning {
  /** It is fenced, or registers anew. */
  readonly gone?: number;
  /** It is let in. */
  readonly back?: number;
  /** It is about to stop. */
  readonly leaving?: number;
}

/** What of a topic's configuration the controller obeys. */
export interface TopicPolicy {
  readonly minIsr: number;
  /** unclean.leader.election.enable */
  readonly unclean: boolean;
}

/** Changes of partitions, gathered into records. */
export class Changes {
  readonly records: MetadataRecord[] = [];
  readonly #setting: Setting;
  readonly #live: ReadonlySet<number>;
  readonly #active: ReadonlySet<number>;
  readonly #policies = new Map<string, TopicPolicy>();
  readonly #changed = new Map<string, PartitionImage>();

  constructor(setting: Setting, { gone, back, leaving }: Turning = {}) {
    this.#setting = setting;
    const live = liveBrokerIds(setting.image);
    const active = activeBrokerIds(setting.image);
    for (const ids of [live, active]) {
      if (gone !== undefined) ids.delete(gone);
      if (back !== undefined) ids.add(back);
    }
    if (leaving !== undefined) active.delete(leaving);
    this.#live = live;
    this.#active = active;
  }

  /** Whether a broker may lead a partition that it has, once this turn is over. */
  mayLead({ topicId }: TopicImage, partition: number, id: number): boolean {
    return this.#active.has(id) && this.#setting.isOffline?.(id, { topicId, partition }) !== true;
  }

  /** A partition as the turn has it so far. */
  partition(topic: TopicImage, partition: number): PartitionImage | undefined {
    return this.#changed.get(`${topic.topicId}/${partition}`) ?? topic.partitions[partition];
  }

  /** Changes a partition and returns it as it is then: the same object when nothing had to change. */
  wish(topic: TopicImage, partition: number, wish: Wish): PartitionImage {
    const old = this.partition(topic, partition)!;
    const given = this.#given(topic.topicId, old, wish, this.policy(topic.name).minIsr);
    const record = changePartition(topic.topicId, old, wish, given);
    if (record === undefined) return old;
    const next = partitionAfter(old, record);
    this.records.push(record);
    this.#changed.set(`${topic.topicId}/${partition}`, next);
    return next;
  }

  /** Whose replica is offline may not lead this partition. */
  #given(topicId: string, old: PartitionImage, { replicas = old.replicas }: Wish, minIsr: number): Circumstances {
    const { isOffline } = this.#setting;
    const { partition } = old;
    const offline = isOffline && replicas.filter((id) => isOffline(id, { topicId, partition }));
    if (offline === undefined || offline.length === 0) return { minIsr, live: this.#live, active: this.#active };
    return { minIsr, live: this.#live, active: new Set([...this.#active].filter((id) => !offline.includes(id))) };
  }

  /** What a topic's configuration says. */
  policy(name: string): TopicPolicy {
    let policy = this.#policies.get(name);
    if (policy === undefined) this.#policies.set(name, policy = policyOf(layersOf(this.#setting, name)));
    return policy;
  }

  /** Whether this broker syncs records of the topic before it says that it has them. */
  flushesBeforeAck(name: string, brokerId: number): boolean {
    const broker = this.#setting.image.configs.get(`broker/${brokerId}`);
    return booleanOf(resolveTopicConfig("flush.before.ack", { ...layersOf(this.#setting, name), broker }));
  }
}

function layersOf({ image, properties }: Setting, name: string): ConfigLayers {
  return { topic: image.configs.get(`topic/${name}`), brokers: image.configs.get("broker/"), properties };
}

function policyOf(layers: ConfigLayers): TopicPolicy {
  return {
    minIsr: numberOf(resolveTopicConfig("min.insync.replicas", layers)),
    unclean: booleanOf(resolveTopicConfig("unclean.leader.election.enable", layers)),
  };
}
