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
