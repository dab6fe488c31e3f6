/**
 * Records of the metadata log as bytes.
 *
 * ```text
 *   event    count (unsigned varint) · records
 *   record   length (unsigned varint) · kind (int8) · version (int8) · body
 * ```
 *
 * An event is what the controller decided in one turn; it is written, replayed and lost as a whole. Kinds have the numbers of
 * Kafka's own metadata records. A body is a flexible message, so that a later version can add tagged fields; a kind or a
 * version that is not known is refused, because skipping a decision would make another cluster of it.
 *
 * @module
 */
import {
  type Cursor,
  readUnsignedVarint,
  sizeOfUnsignedVarint,
  VarintError,
  writeUnsignedVarint,
} from "../../lib/varint.ts";
import { DecodeError, decodeMessage, encodeMessage } from "../../protocol/codec.ts";
import { message, type Value } from "../../protocol/schema.ts";
import type { MetadataRecord } from "./protocol.ts";

const registerBroker = message("RegisterBroker record", "0", "0+", {
  brokerId: "int32",
  incarnationId: "string",
  brokerEpoch: "int64",
  host: "string",
  port: "uint16",
  rack: "string?",
});
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
});
const partitionChange = message("PartitionChange record", "0", "0+", {
  topicId: "uuid",
  partition: "int32",
  isr: "int32[]?",
  /** -2 leaves the leader and its epoch as they are. */
  leader: "int32",
  replicas: "int32[]?",
});
const config = message("Config record", "0", "0+", {
  resourceType: "int8",
  resourceName: "string",
  name: "string",
  value: "string?",
});
const producerIds = message("ProducerIds record", "0", "0+", { brokerId: "int32", nextProducerId: "int64" });

const VERSION = 0;
const UNCHANGED = -2;
const RESOURCE_TYPES = { topic: 2, broker: 4 } as const;

const KINDS = {
  RegisterBroker: 0,
  Topic: 2,
  Partition: 3,
  Config: 4,
  PartitionChange: 5,
  FenceBroker: 7,
  UnfenceBroker: 8,
  RemoveTopic: 9,
  ProducerIds: 15,
} as const satisfies Record<MetadataRecord["type"], number>;

const NAMES = new Map(Object.entries(KINDS).map(([name, kind]) => [kind, name as MetadataRecord["type"]]));

/** The bytes of an event of the controller: records that belong together. */
export function encodeMetadata(event: unknown): Uint8Array {
  const bodies = (event as readonly MetadataRecord[]).map((record) => ({
    kind: KINDS[record.type],
    body: encodeBody(record),
  }));
  let size = sizeOfUnsignedVarint(bodies.length);
  for (const { body } of bodies) size += sizeOfUnsignedVarint(body.length + 2) + body.length + 2;
  const bytes = new Uint8Array(size);
  let at = writeUnsignedVarint(bytes, 0, bodies.length);
  for (const { kind, body } of bodies) {
    at = writeUnsignedVarint(bytes, at, body.length + 2);
    bytes[at++] = kind;
    bytes[at++] = VERSION;
    bytes.set(body, at);
    at += body.length;
  }
  return bytes;
}

/**
 * The records of an event.
 *
 * @throws {DecodeError} when the bytes are not exactly one event, or hold a kind or a version that is not known
 */
export function decodeMetadata(bytes: Uint8Array): readonly MetadataRecord[] {
  const cursor: Cursor = { bytes, at: 0, end: bytes.length };
  try {
    const count = readUnsignedVarint(cursor);
    if (count > bytes.length) throw bad(`An event of ${bytes.length} bytes cannot hold ${count} records.`);
    const records = Array.from({ length: count }, () => decodeRecord(cursor));
    if (cursor.at < bytes.length) {
      throw bad(`${bytes.length - cursor.at} bytes follow the event's last record.`);
    }
    return records;
  } catch (error) {
    throw error instanceof VarintError ? bad(error.message) : error;
  }
}

function decodeRecord(cursor: Cursor): MetadataRecord {
  const length = readUnsignedVarint(cursor);
  const end = cursor.at + length;
  if (length < 2 || end > cursor.end) throw bad(`A metadata record at byte ${cursor.at} is cut off.`);
  const kind = cursor.bytes[cursor.at]!;
  const version = cursor.bytes[cursor.at + 1]!;
  const name = NAMES.get(kind as 0);
  if (name === undefined) {
    throw bad(`Metadata record kind ${kind} is not known: was it written by a newer Samsa?`);
  }
  if (version !== VERSION) {
    throw bad(`${name} record version ${version} is not known: was it written by a newer Samsa?`);
  }
  const body = cursor.bytes.slice(cursor.at + 2, end);
  cursor.at = end;
  return decodeBody(name, body);
}

function encodeBody(record: MetadataRecord): Uint8Array {
  switch (record.type) {
    case "RegisterBroker": {
      const { host, port } = record.endpoint;
      return encodeMessage(registerBroker, VERSION, { ...record, brokerEpoch: BigInt(record.brokerEpoch), host, port });
    }
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
      const { isr = null, leader = UNCHANGED, replicas = null } = record;
      return encodeMessage(partitionChange, VERSION, { ...record, isr, leader, replicas });
    }
    case "Config":
      return encodeMessage(config, VERSION, { ...record, resourceType: RESOURCE_TYPES[record.resourceType] });
    case "ProducerIds":
      return encodeMessage(producerIds, VERSION, record);
  }
}

function decodeBody(type: MetadataRecord["type"], body: Uint8Array): MetadataRecord {
  switch (type) {
    case "RegisterBroker": {
      const { brokerEpoch, host, port, ...rest } = decodeMessage(registerBroker, VERSION, body);
      return { type, ...rest, brokerEpoch: Number(brokerEpoch), endpoint: { host, port } };
    }
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
  }
}

function decodeChange(value: Value<typeof partitionChange>): MetadataRecord {
  const { topicId, partition, isr, leader, replicas } = value;
  return {
    type: "PartitionChange",
    topicId,
    partition,
    ...(isr === null ? {} : { isr }),
    ...(leader === UNCHANGED ? {} : { leader }),
    ...(replicas === null ? {} : { replicas }),
  };
}

function resourceTypeOf(code: number): "topic" | "broker" {
  if (code === RESOURCE_TYPES.topic) return "topic";
  if (code === RESOURCE_TYPES.broker) return "broker";
  throw bad(`Config resource type ${code} is not known.`);
}

function bad(problem: string): DecodeError {
  return new DecodeError("metadata event", "", problem);
}
