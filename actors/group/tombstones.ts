/**
 * What takes a group back, in an order in which each beginning of it leaves a group that can live.
 *
 *     offsets ─▶ currents, targets, members ─▶ expressions ─▶ assignment epoch ─▶ the group itself
 *
 * It may take several writes, and a coordinator may end between them. An assignment epoch that outlived its group would be ahead of the next
 * one's epochs, and nobody would be assigned anything until these have caught up. Kafka, too, takes a group that still has members for
 * damaged.
 *
 * @module
 */
import type { GroupRecord } from "./records.ts";

const ORDER: readonly GroupRecord["type"][] = [
  "offset",
  "current",
  "target",
  "member",
  "regex",
  "targetEpoch",
  "partitionMetadata",
  "group",
  "classicGroup",
];

/** The tombstones of all these records. */
export function tombstonesOf(records: readonly GroupRecord[]): GroupRecord[] {
  return records.map((record): GroupRecord => ({ ...record, value: null }))
    .sort((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type));
}
