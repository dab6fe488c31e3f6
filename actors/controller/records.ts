/**
 * Records of the metadata log as bytes: one by one, because each is a record of the log.
 *
 * ```text
 *   record   kind (int8) · version (int8) · body
 * ```
 *
 * Kinds have the numbers of Kafka's own metadata records where Kafka has the record; ours begin at 100. A body is a flexible
 * message, so that a later version can add tagged fields; a kind or a version that is not known is refused, because skipping
 * a decision would make another cluster of it.
 *
 * @module
 */
import { DecodeError, decodeMessage, encodeMessage } from "../../protocol/codec.ts";
import { message, type Value } from "../../protocol/schema.ts";
import type { MetadataRecord } from "./protocol.ts";

const registerBroker = message("RegisterBroker record", "0", "0+", {
  brokerId: "int32",
  incarnationId: "string",
  brokerEpoch: "int64",
  host: "string",
  port: "uint16",
  nodeHost: "string",
  nodePort: "uint16",
  directoryId: "string",
  rack: "string?",
});
/** UnregisterBroker, ControlledShutdown, FenceBroker and UnfenceBroker. */
const brokerEpoch = message("broker epoch record", "0", "0+", { brokerId: "int32", brokerEpoch: "int64" });
const topic = message("Topic record", "0", "0+", { name: "string", topicId: "uuid" });
const removeTopic = message("RemoveTopic record", "0", "0+", { topicId: "uuid" });
const partition = message("Partition record", "0", "0+", {
  topicId: "uuid",
  partition: "int32",
  replicas: "int32[]",
  isr: "int32[]",
  leader: "int32",
  leaderEpoch: "int32",
  partitionEpoch: "int32",
  adding: "int32[]",
  removing: "int32[]",
  elr: "int32[]",
  lastKnownElr: "int32[]",
});
/** null, -2 and false leave things as they are. */
const partitionChange = message("PartitionChange record", "0", "0+", {
  topicId: "uuid",
  partition: "int32",
  isr: "int32[]?",
  leader: "int32",
  newEpoch: "bool",
  replicas: "int32[]?",
  adding: "int32[]?",
  removing: "int32[]?",
  elr: "int32[]?",
  lastKnownElr: "int32[]?",
});
const config = message("Config record", "0", "0+", {
  resourceType: "int8",
  resourceName: "string",
  name: "string",
  value: "string?",
});
const producerIds = message("ProducerIds record", "0", "0+", { brokerId: "int32", nextProducerId: "int64" });
const noOp = message("NoOp record", "0", "0+", {});
const cluster = message("Cluster record", "0", "0+", { clusterId: "string" });
const quorumLeader = message("QuorumLeader record", "0", "0+", {
  leaderId: "int32",
  epoch: "int32",
  voters: "int32[]",
});

const VERSION = 0;
const UNCHANGED = -2;
const RESOURCE_TYPES = { topic: 2, broker: 4 } as const;

const KINDS = {
  RegisterBroker: 0,
  UnregisterBroker: 1,
  Topic: 2,
  Partition: 3,
  Config: 4,
  PartitionChange: 5,
  FenceBroker: 7,
  UnfenceBroker: 8,
  RemoveTopic: 9,
  ProducerIds: 15,
  /** Kafka's BrokerRegistrationChange, which we need for this only. */
  ControlledShutdown: 17,
  NoOp: 20,
  Cluster: 100,
  QuorumLeader: 101,
} as const satisfies Record<MetadataRecord["type"], number>;

const NAMES = new Map(Object.entries(KINDS).map(([name, kind]) => [kind as number, name as MetadataRecord["type"]]));

/** The bytes of a record. */
export function encodeRecord(record: MetadataRecord): Uint8Array {
  const body = encodeBody(record);
  const bytes = new Uint8Array(2 + body.length);
  bytes[0] = KINDS[record.type];
  bytes[1] = VERSION;
  bytes.set(body, 2);
  return bytes;
}

/**
 * The record of these bytes.
 *
 * @throws {DecodeError} when they are not exactly one record, or one of a kind or a version that is not known
 */
export function decodeRecord(bytes: Uint8Array): MetadataRecord {
  const [kind, version] = bytes;
  if (kind === undefined || version === undefined) throw bad("A metadata record is cut off.");
  const type = NAMES.get(kind);
  if (type === undefined) throw bad(`Metadata record kind ${kind} is not known: was it written by a newer Samsa?`);
  if (version !== VERSION) {
    throw bad(`${type} record version ${version} is not known: was it written by a newer Samsa?`);
  }
  return decodeBody(type, bytes.slice(2));
}

function encodeBody(record: MetadataRecord): Uint8Array {
  switch (record.type) {
    case "RegisterBroker": {
      const { endpoint: { host, port }, nodeEndpoint: { host: nodeHost, port: nodePort }, ...rest } = record;
      const brokerEpoch = BigInt(record.brokerEpoch);
      return encodeMessage(registerBroker, VERSION, { ...rest, brokerEpoch, host, port, nodeHost, nodePort });
    }
    case "UnregisterBroker":
    case "ControlledShutdown":
    case "FenceBroker":
    case "UnfenceBroker":
      return encodeMessage(brokerEpoch, VERSION, { ...record, brokerEpoch: BigInt(record.brokerEpoch) });
    case "Topic":
      return encodeMessage(topic, VERSION, record);
    case "RemoveTopic":
      return encodeMessage(removeTopic, VERSION, record);
    case "Partition":
      return encodeMessage(partition, VERSION, record);
    case "PartitionChange": {
      const { isr = null, leader = UNCHANGED, newEpoch = false, replicas = null } = record;
      const { adding = null, removing = null, elr = null, lastKnownElr = null, topicId, partition } = record;
      const values = { topicId, partition, isr, leader, newEpoch, replicas, adding, removing, elr, lastKnownElr };
      return encodeMessage(partitionChange, VERSION, values);
    }
    case "Config":
      return encodeMessage(config, VERSION, { ...record, resourceType: RESOURCE_TYPES[record.resourceType] });
    case "ProducerIds":
      return encodeMessage(producerIds, VERSION, record);
    case "NoOp":
      return encodeMessage(noOp, VERSION, {});
    case "Cluster":
      return encodeMessage(cluster, VERSION, record);
    case "QuorumLeader":
      return encodeMessage(quorumLeader, VERSION, record);
  }
}

function decodeBody(type: MetadataRecord["type"], body: Uint8Array): MetadataRecord {
  switch (type) {
    case "RegisterBroker": {
      const { brokerEpoch, host, port, nodeHost, nodePort, ...rest } = decodeMessage(registerBroker, VERSION, body);
      const endpoints = { endpoint: { host, port }, nodeEndpoint: { host: nodeHost, port: nodePort } };
      return { type, ...rest, brokerEpoch: Number(brokerEpoch), ...endpoints };
    }
    case "UnregisterBroker":
    case "ControlledShutdown":
    case "FenceBroker":
    case "UnfenceBroker": {
      const value = decodeMessage(brokerEpoch, VERSION, body);
      return { type, brokerId: value.brokerId, brokerEpoch: Number(value.brokerEpoch) };
    }
    case "Topic":
      return { type, ...decodeMessage(topic, VERSION, body) };
    case "RemoveTopic":
      return { type, ...decodeMessage(removeTopic, VERSION, body) };
    case "Partition":
      return { type, ...decodeMessage(partition, VERSION, body) };
    case "PartitionChange":
      return decodeChange(decodeMessage(partitionChange, VERSION, body));
    case "Config": {
      const value = decodeMessage(config, VERSION, body);
      return { type, ...value, resourceType: resourceTypeOf(value.resourceType) };
    }
    case "ProducerIds":
      return { type, ...decodeMessage(producerIds, VERSION, body) };
    case "NoOp":
      return { type, ...decodeMessage(noOp, VERSION, body) };
    case "Cluster":
      return { type, ...decodeMessage(cluster, VERSION, body) };
    case "QuorumLeader":
      return { type, ...decodeMessage(quorumLeader, VERSION, body) };
  }
}

function decodeChange(value: Value<typeof partitionChange>): MetadataRecord {
  const { topicId, partition, isr, leader, newEpoch, replicas, adding, removing, elr, lastKnownElr } = value;
  return {
    type: "PartitionChange",
    topicId,
    partition,
    ...(isr === null ? {} : { isr }),
    ...(leader === UNCHANGED ? {} : { leader }),
    ...(newEpoch ? { newEpoch } : {}),
    ...(replicas === null ? {} : { replicas }),
    ...(adding === null ? {} : { adding }),
    ...(removing === null ? {} : { removing }),
    ...(elr === null ? {} : { elr }),
    ...(lastKnownElr === null ? {} : { lastKnownElr }),
  };
}

function resourceTypeOf(code: number): "topic" | "broker" {
  if (code === RESOURCE_TYPES.topic) return "topic";
  if (code === RESOURCE_TYPES.broker) return "broker";
  throw bad(`Config resource type ${code} is not known.`);
}

function bad(problem: string): DecodeError {
  return new DecodeError("metadata record", "", problem);
}
