/**
 * Metadata records written by hand, so that the tests of the broker rest on no decision of the controller.
 *
 * @module
 */
import type {
  MetadataImage,
  MetadataRecord,
  NewTopic,
  PartitionImage,
} from "../../../../actors/controller/protocol.ts";
import { formatUuid } from "../../../../lib/uuid.ts";

type RegisterBroker = Extract<MetadataRecord, { readonly type: "RegisterBroker" }>;
type PartitionRecord = Extract<MetadataRecord, { readonly type: "Partition" }>;

/** The cluster begins. */
export const CLUSTER: MetadataRecord = { type: "Cluster", clusterId: "c" };

/** A broker registers; unless `more` says otherwise, nodes are at `node-<id>` and clients go to `h:1`. */
export function registered(brokerId: number, brokerEpoch: number, more: Partial<RegisterBroker> = {}): MetadataRecord {
  return {
    type: "RegisterBroker",
    brokerId,
    brokerEpoch,
    incarnationId: "i",
    endpoint: { host: "h", port: 1 },
    nodeEndpoint: { host: `node-${brokerId}`, port: 2 },
    directoryId: topicIdOf(1000 + brokerId),
    rack: null,
    ...more,
  };
}

/** A broker registers and is let in. */
export function unfenced(brokerId: number, brokerEpoch: number, more: Partial<RegisterBroker> = {}): MetadataRecord[] {
  return [registered(brokerId, brokerEpoch, more), { type: "UnfenceBroker", brokerId, brokerEpoch }];
}

/** A partition whose replicas, from the first on, lead and are in sync, unless `more` says otherwise. */
export function partitionOf(
  topicId: string,
  partition: number,
  replicas: readonly number[],
  more: Partial<PartitionImage> = {},
): PartitionRecord {
  const { isr = replicas, leader = replicas[0]!, leaderEpoch = 0, partitionEpoch = 0 } = more;
  const { adding = [], removing = [], elr = [], lastKnownElr = [] } = more;
  const led = { isr, leader, leaderEpoch, partitionEpoch };
  return { type: "Partition", topicId, partition, replicas, ...led, adding, removing, elr, lastKnownElr };
}

/** A topic and its partitions, each with its replicas. */
export function topicOf(
  name: string,
  topicId: string,
  ...partitions: readonly (readonly number[])[]
): MetadataRecord[] {
  return [{ type: "Topic", name, topicId }, ...partitions.map((replicas, at) => partitionOf(topicId, at, replicas))];
}

/** Valid topic ids, each another one. */
export function topicIdOf(number: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return formatUuid(bytes);
}

/** A topic of one partition, unless `more` says otherwise. */
export function newTopic(name: string, more: Partial<NewTopic> = {}): NewTopic {
  return { name, partitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more };
}

/** The records that make some topics, each partition led by the next live broker. */
export function topicsOf(image: MetadataImage, topics: readonly NewTopic[]): MetadataRecord[] {
  const live = [...image.brokers.values()].filter(({ fenced }) => !fenced).map(({ id }) => id);
  const next = (at: number, count: number) => Array.from({ length: count }, (_, n) => live[(at + n) % live.length]!);
  return topics.flatMap(({ name, partitions, replicationFactor, assignments, configs }, number) => {
    const replicas = assignments.length > 0
      ? assignments.map(({ brokerIds }) => brokerIds)
      : Array.from({ length: partitions }, (_, at) => next(at, replicationFactor));
    return [
      ...topicOf(name, topicIdOf(10_000 * (image.offset + 1) + number), ...replicas),
      ...configs.map(({ name: config, value }): MetadataRecord => (
        { type: "Config", resourceType: "topic", resourceName: name, name: config, value }
      )),
    ];
  });
}
