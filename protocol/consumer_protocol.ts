/**
 * The bytes that classic consumers send each other through JoinGroup and SyncGroup, as values: subscriptions and assignments.
 *
 *     int16 version │ fields of that version │ what newer versions have, passed over
 *
 * Invariants: reading never throws, whatever a client sent (`undefined` is the answer to what makes no sense); what is encoded here is
 * what the Java client of that version would send.
 *
 * @module
 */
import { concatenate } from "../lib/bytes.ts";
import { readInt16, writeInt16 } from "../lib/big_endian.ts";
import { DecodeError, decodeLeading, encodeMessage } from "./codec.ts";
import type { Message, Row, RowInput, RowValue, Value } from "./schema.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "./tables/consumer_protocol.ts";

/** The protocol type of groups of consumers. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

/** The newest version of both, and what we send ourselves. */
export const CONSUMER_PROTOCOL_VERSION = 3;

/** What a consumer says of itself when it joins. */
export type Subscription = Value<typeof consumerProtocolSubscription> & { readonly version: number };

/** What its group's leader gives it. */
export type ConsumerAssignment = Value<typeof consumerProtocolAssignment> & { readonly version: number };

/** Some partitions of one topic. */
export type TopicPartitions = ConsumerAssignment["assignedPartitions"][number];

/**
 * The subscription in a member's metadata. Some clients claim a version and leave out the fields that it added (Sarama did): then they are
 * read as of the older version that fits, as Kafka's broker reads only those of version 0.
 */
export function decodeSubscription(bytes: Uint8Array): Subscription | undefined {
  return decode(consumerProtocolSubscription, bytes);
}

/** A member's metadata, in that version (which says how much of it is sent). */
export function encodeSubscription(
  version: number,
  subscription: RowInput<typeof consumerProtocolSubscription extends Message<infer R> ? R : never>,
): Uint8Array {
  return encode(consumerProtocolSubscription, version, subscription);
}

/** A member's assignment. No bytes at all are one of nothing: that is what a member gets whom its leader left out. */
export function decodeAssignment(bytes: Uint8Array): ConsumerAssignment | undefined {
  if (bytes.length === 0) return { version: 0, assignedPartitions: [], userData: null };
  return decode(consumerProtocolAssignment, bytes);
}

/** A member's assignment, in the version of its subscription. */
export function encodeAssignment(
  version: number,
  assignedPartitions: readonly TopicPartitions[],
  userData: Uint8Array | null = null,
): Uint8Array {
  return encode(consumerProtocolAssignment, version, { assignedPartitions, userData });
}

function encode<R extends Row>(message: Message<R>, version: number, value: RowInput<R>): Uint8Array {
  const prefix = new Uint8Array(2);
  const known = Math.min(version, CONSUMER_PROTOCOL_VERSION);
  writeInt16(prefix, 0, known);
  return concatenate([prefix, encodeMessage(message, known, value)]);
}

function decode<R extends Row>(
  message: Message<R>,
  bytes: Uint8Array,
): (RowValue<R> & { readonly version: number }) | undefined {
  if (bytes.length < 2) return undefined;
  const version = readInt16(bytes, 0);
  if (version < 0) return undefined;
  for (let tried = Math.min(version, CONSUMER_PROTOCOL_VERSION); tried >= 0; tried--) {
    try {
      return { ...decodeLeading(message, tried, bytes, 2), version: Math.min(version, CONSUMER_PROTOCOL_VERSION) };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return undefined;
}
