/**
 * A large cluster as metadata: brokers that are let in, and partitions spread evenly over them.
 *
 * @module
 */
import { imageOf, type MetadataImage, type MetadataRecord } from "../../../actors/controller/protocol.ts";

/** How large. */
export interface Size {
  readonly brokers: number;
  readonly topics: number;
  readonly partitionsPerTopic: number;
}

/** What the figures are for, when nothing else is said. */
export const LARGE: Size = { brokers: 100, topics: 1_000, partitionsPerTopic: 100 };
const REPLICATION_FACTOR = 3;

/** The records that make it, in the order in which a controller would write them. Brokers are 1 … n; broker 1 leads the first partition. */
export function recordsOf({ brokers, topics, partitionsPerTopic }: Size): MetadataRecord[] {
  const records: MetadataRecord[] = [{ type: "Cluster", clusterId: "c" }];
  for (let brokerId = 1; brokerId <= brokers; brokerId++) {
    const brokerEpoch = records.length;
    const endpoint = { host: `broker-${brokerId}.example.net`, port: 9092 };
    records.push({
      type: "RegisterBroker",
      brokerId,
      brokerEpoch,
      incarnationId: uuidOf(brokerId),
      endpoint,
      nodeEndpoint: { ...endpoint, port: 19092 },
      directoryId: uuidOf(1_000 + brokerId),
      rack: null,
    });
    records.push({ type: "UnfenceBroker", brokerId, brokerEpoch });
  }
  let next = 0;
  for (let topic = 0; topic < topics; topic++) {
    const topicId = uuidOf(10_000 + topic);
    records.push({ type: "Topic", name: topicName(topic), topicId });
    for (let partition = 0; partition < partitionsPerTopic; partition++) {
      records.push(partitionRecord(topicId, partition, replicasOf(next++, brokers)));
    }
  }
  return records;
}

/** Its image. */
export function imageOfSize(size: Size): MetadataImage {
  const records = recordsOf(size);
  return imageOf(records.length, records);
}

/** The name of a topic by its number. */
export function topicName(number: number): string {
  return `topic-${String(number).padStart(6, "0")}`;
}

/** Leaders in turn; followers further on around the ring, each round at another distance. */
function replicasOf(number: number, brokers: number): number[] {
  const leader = number % brokers;
  const round = Math.floor(number / brokers);
  const distances = [0, 1 + round % (brokers - 1), 1 + (round + 1) % (brokers - 1)];
  return distances.slice(0, REPLICATION_FACTOR).map((distance) => 1 + (leader + distance) % brokers);
}

function partitionRecord(topicId: string, partition: number, replicas: readonly number[]): MetadataRecord {
  const nothing = { adding: [], removing: [], elr: [], lastKnownElr: [] };
  const epochs = { leaderEpoch: 0, partitionEpoch: 0 };
  return {
    type: "Partition",
    topicId,
    partition,
    replicas,
    isr: replicas,
    leader: replicas[0]!,
    ...epochs,
    ...nothing,
  };
}

function uuidOf(number: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  bytes[0] = 1;
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
