/**
 * Small clusters to decide about, for the tests of the controller's decisions.
 *
 * @module
 */
import { createTopics } from "../../../../actors/controller/create_topics.ts";
import type { Setting } from "../../../../actors/controller/decision.ts";
import { emptyImage, replay } from "../../../../actors/controller/image.ts";
import type { MetadataRecord, NewTopic, PartitionImage } from "../../../../actors/controller/protocol.ts";
import { SeededRandom } from "../../../../lib/prng.ts";

/** A cluster of live brokers 1…n and the topics named, beside one broker 99 that is fenced. */
export function settingOf(brokers: number, ...topics: readonly string[]): Setting {
  const records: MetadataRecord[] = [];
  for (const brokerId of [...Array.from({ length: brokers }, (_, at) => at + 1), 99]) {
    const brokerEpoch = records.length;
    records.push(registration(brokerId, brokerEpoch));
    if (brokerId !== 99) records.push({ type: "UnfenceBroker", brokerId, brokerEpoch });
  }
  const random = new SeededRandom(0);
  const setting: Setting = { image: { ...replay(emptyImage(), records), clusterId: "c" }, properties: {}, random };
  const made = createTopics(setting, topics.map((name) => newTopic(name)), false);
  return { ...setting, image: replay(setting.image, made.records) };
}

/** A topic of one partition, unless `more` says otherwise. */
export function newTopic(name: string, more: Partial<NewTopic> = {}): NewTopic {
  return { name, partitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more };
}

/** The registration of a broker at `h:9092`. */
export function registration(
  brokerId: number,
  brokerEpoch: number,
  more: Partial<Extract<MetadataRecord, { type: "RegisterBroker" }>> = {},
): MetadataRecord {
  return {
    type: "RegisterBroker",
    brokerId,
    brokerEpoch,
    incarnationId: `i${brokerId}`,
    endpoint: { host: "h", port: 9092 },
    nodeEndpoint: { host: "h", port: 9093 },
    directoryId: `d${brokerId}`,
    rack: null,
    ...more,
  };
}

/** A new partition on these replicas, all in sync, led by the first. */
export function newPartition(
  partition: number,
  replicas: readonly number[],
  more: Partial<PartitionImage> = {},
): PartitionImage {
  const nothing = { adding: [], removing: [], elr: [], lastKnownElr: [] };
  const leader = replicas[0] ?? -1;
  return { partition, replicas, isr: replicas, leader, leaderEpoch: 0, partitionEpoch: 0, ...nothing, ...more };
}

/** A cluster as a test wants it. */
export interface Scene {
  /** Brokers 1…n, with the epochs 1…n, let in. */
  readonly brokers: number;
  /** Those of them that are fenced, and those that are about to stop. */
  readonly fenced?: readonly number[];
  readonly leaving?: readonly number[];
  readonly topics: Readonly<Record<string, readonly PartitionImage[]>>;
  /** Topic configs by topic; those of "" are the brokers' defaults. */
  readonly configs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What decisions about such a cluster are made from. The id of a topic is `id of <name>`. */
export function scene({ brokers, fenced = [], leaving = [], topics, configs = {} }: Scene): Setting {
  const records: MetadataRecord[] = [{ type: "Cluster", clusterId: "c" }];
  for (let brokerId = 1; brokerId <= brokers; brokerId++) {
    records.push(registration(brokerId, brokerId));
    if (!fenced.includes(brokerId)) records.push({ type: "UnfenceBroker", brokerId, brokerEpoch: brokerId });
    if (leaving.includes(brokerId)) records.push({ type: "ControlledShutdown", brokerId, brokerEpoch: brokerId });
  }
  for (const [name, partitions] of Object.entries(topics)) {
    const topicId = `id of ${name}`;
    records.push({ type: "Topic", name, topicId });
    for (const partition of partitions) records.push({ type: "Partition", topicId, ...partition });
  }
  for (const [resourceName, values] of Object.entries(configs)) {
    const resourceType = resourceName === "" ? "broker" : "topic";
    for (const [name, value] of Object.entries(values)) {
      records.push({ type: "Config", resourceType, resourceName, name, value });
    }
  }
  return { image: replay(emptyImage(), records), properties: {}, random: new SeededRandom(0) };
}

/** A partition of topic `t` after some records: leader, leader epoch, ISR, ELR, last known leader. */
export function outcome({ image }: Setting, records: readonly MetadataRecord[], partition = 0) {
  const { leader, leaderEpoch, isr, elr, lastKnownElr } = replay(image, records).topics.get("t")!
    .partitions[partition]!;
  return { leader, leaderEpoch, isr, elr, lastKnownElr };
}
