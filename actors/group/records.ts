/**
 * The records of `__consumer_offsets` as values: what groups write as events, and what a coordinator reads when it loads.
 *
 *     GroupRecord ──encodeRecord──▶ key and value ──batch──▶ log ──▶ key and value ──decodeRecord──▶ GroupRecord
 *
 * Invariant: decoding what was encoded gives the same value; a record that nobody here understands decodes to `undefined`, and is
 * passed over (never dropped by whoever copies records, such as the log's cleaner).
 *
 * @module
 */
import { decodeMessage, encodeMessage } from "../../protocol/codec.ts";
import type { Message, Row, RowInput, RowValue } from "../../protocol/schema.ts";
import * as tables from "../../protocol/tables/group_records.ts";

const KINDS = tables.GROUP_RECORD_KINDS;

type Value<M> = M extends Message<infer R extends Row> ? RowValue<R> : never;

/** One change of one group. A value of null takes back what the same key said before (a tombstone). */
export type GroupRecord =
  | {
    readonly type: "offset";
    readonly group: string;
    readonly topic: string;
    readonly partition: number;
    readonly value: Value<typeof tables.offsetCommitValue> | null;
  }
  | {
    readonly type: "classicGroup";
    readonly group: string;
    readonly value: Value<typeof tables.groupMetadataValue> | null;
  }
  | {
    readonly type: "group";
    readonly group: string;
    readonly value: Value<typeof tables.consumerGroupMetadataValue> | null;
  }
  | {
    readonly type: "member";
    readonly group: string;
    readonly memberId: string;
    readonly value: Value<typeof tables.consumerGroupMemberMetadataValue> | null;
  }
  | {
    readonly type: "targetEpoch";
    readonly group: string;
    readonly value: Value<typeof tables.targetAssignmentMetadataValue> | null;
  }
  | {
    readonly type: "target";
    readonly group: string;
    readonly memberId: string;
    readonly value: Value<typeof tables.targetAssignmentMemberValue> | null;
  }
  | {
    readonly type: "current";
    readonly group: string;
    readonly memberId: string;
    readonly value: Value<typeof tables.currentMemberAssignmentValue> | null;
  }
  | {
    readonly type: "regex";
    readonly group: string;
    readonly regex: string;
    readonly value: Value<typeof tables.regularExpressionValue> | null;
  }
  /** Kafka 4.0 wrote these; ours are tombstones, when such a group changes. */
  | { readonly type: "partitionMetadata"; readonly group: string; readonly value: null };

/** A record's bytes. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  /** null for a tombstone. */
  readonly value: Uint8Array | null;
}

/** The bytes of a record, as Apache Kafka would write them. */
export function encodeRecord(record: GroupRecord): EncodedRecord {
  switch (record.type) {
    case "offset": {
      const { group, topic, partition, value } = record;
      const version = value !== null && value.expireTimestamp >= 0n ? 1 : 3;
      return {
        key: withPrefix(KINDS.offsetCommit, tables.offsetCommitKey, 0, { group, topic, partition }),
        value: encodeValue(tables.offsetCommitValue, version, value),
      };
    }
    case "classicGroup":
      return ofGroup(KINDS.groupMetadata, record.group, encodeValue(tables.groupMetadataValue, 3, record.value));
    case "group":
      return ofGroup(
        KINDS.consumerGroupMetadata,
        record.group,
        encodeValue(tables.consumerGroupMetadataValue, 0, record.value),
      );
    case "partitionMetadata":
      return ofGroup(KINDS.consumerGroupPartitionMetadata, record.group, null);
    case "targetEpoch":
      return ofGroup(
        KINDS.consumerGroupTargetAssignmentMetadata,
        record.group,
        encodeValue(tables.targetAssignmentMetadataValue, 0, record.value),
      );
    case "member":
      return ofMember(
        KINDS.consumerGroupMemberMetadata,
        record,
        encodeValue(tables.consumerGroupMemberMetadataValue, 0, record.value),
      );
    case "target":
      return ofMember(
        KINDS.consumerGroupTargetAssignmentMember,
        record,
        encodeValue(tables.targetAssignmentMemberValue, 0, record.value),
      );
    case "current":
      return ofMember(
        KINDS.consumerGroupCurrentMemberAssignment,
        record,
        encodeValue(tables.currentMemberAssignmentValue, 0, record.value),
      );
    case "regex": {
      const key = { groupId: record.group, regularExpression: record.regex };
      return {
        key: withPrefix(KINDS.consumerGroupRegularExpression, tables.regularExpressionKey, 0, key),
        value: encodeValue(tables.regularExpressionValue, 0, record.value),
      };
    }
  }
}

/**
 * The record of a key and a value; undefined when its kind, or its version, is none that is known here.
 *
 * @throws {DecodeError} when the bytes are not what their kind and version say
 */
export function decodeRecord(key: Uint8Array, value: Uint8Array | null): GroupRecord | undefined {
  switch (prefixOf(key)) {
    case KINDS.legacyOffsetCommit:
    case KINDS.offsetCommit: {
      const of = decodeMessage(tables.offsetCommitKey, 0, key, 2);
      return known({ type: "offset", ...of }, tables.offsetCommitValue, value);
    }
    case KINDS.groupMetadata:
      return known({ type: "classicGroup", group: groupOf(key) }, tables.groupMetadataValue, value);
    case KINDS.consumerGroupMetadata:
      return known({ type: "group", group: groupOf(key) }, tables.consumerGroupMetadataValue, value);
    case KINDS.consumerGroupPartitionMetadata:
      return value === null ? { type: "partitionMetadata", group: groupOf(key), value } : undefined;
    case KINDS.consumerGroupTargetAssignmentMetadata:
      return known({ type: "targetEpoch", group: groupOf(key) }, tables.targetAssignmentMetadataValue, value);
    case KINDS.consumerGroupMemberMetadata:
      return known({ type: "member", ...memberOf(key) }, tables.consumerGroupMemberMetadataValue, value);
    case KINDS.consumerGroupTargetAssignmentMember:
      return known({ type: "target", ...memberOf(key) }, tables.targetAssignmentMemberValue, value);
    case KINDS.consumerGroupCurrentMemberAssignment:
      return known({ type: "current", ...memberOf(key) }, tables.currentMemberAssignmentValue, value);
    case KINDS.consumerGroupRegularExpression: {
      const { groupId: group, regularExpression: regex } = decodeMessage(tables.regularExpressionKey, 0, key, 2);
      return known({ type: "regex", group, regex }, tables.regularExpressionValue, value);
    }
    default:
      return undefined;
  }
}

function known<H extends object, R extends Row>(
  head: H,
  table: Message<R>,
  value: Uint8Array | null,
): (H & { readonly value: RowValue<R> | null }) | undefined {
  if (value === null) return { ...head, value };
  const version = prefixOf(value);
  if (version < table.versions.min || version > table.versions.max) return undefined;
  return { ...head, value: decodeMessage(table, version, value, 2) };
}

function encodeValue<R extends Row>(table: Message<R>, version: number, value: RowValue<R> | null): Uint8Array | null {
  // What has been read has every column: it can be written.
  return value === null ? null : withPrefix(version, table, version, value as unknown as RowInput<R>);
}

function ofGroup(kind: number, group: string, value: Uint8Array | null): EncodedRecord {
  return { key: withPrefix(kind, tables.groupKey, 0, { group }), value };
}

function ofMember(
  kind: number,
  { group: groupId, memberId }: { readonly group: string; readonly memberId: string },
  value: Uint8Array | null,
): EncodedRecord {
  return { key: withPrefix(kind, tables.groupMemberKey, 0, { groupId, memberId }), value };
}

function groupOf(key: Uint8Array): string {
  return decodeMessage(tables.groupKey, 0, key, 2).group;
}

function memberOf(key: Uint8Array): { readonly group: string; readonly memberId: string } {
  const { groupId: group, memberId } = decodeMessage(tables.groupMemberKey, 0, key, 2);
  return { group, memberId };
}

function withPrefix<R extends Row>(prefix: number, table: Message<R>, version: number, body: RowInput<R>): Uint8Array {
  return encodeMessage(table, version, body, prefix);
}

/** -1 when there is none. */
function prefixOf(bytes: Uint8Array): number {
  return bytes.length < 2 ? -1 : bytes[0]! << 8 | bytes[1]!;
}
