/**
 * Whether what one turn of a group decides is small enough to be written: it has to go into one batch.
 *
 * @module
 */
import { OFFSETS_TOPIC } from "./protocol.ts";
import type { NewRecord } from "../../protocol/records.ts";
import { encodeRecord, type GroupRecord } from "./records.ts";
import type { Group } from "./state.ts";

/** The header of a batch. */
export const BATCH_OVERHEAD = 61;
/** A record's length, attributes, deltas, the lengths of key and value and the number of headers, all as long as they can be. */
const RECORD_OVERHEAD = 31;

/** What a record takes in a batch, at most. */
export function sizeOf(record: GroupRecord): number {
  return sizeOfEncoded(encodeRecord(record));
}

/** The same of a record that is encoded already. */
export function sizeOfEncoded({ key, value }: Pick<NewRecord, "key" | "value">): number {
  return RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
}

/** Whether these records fit into one batch of `maxBytes`. */
export function fits(records: readonly GroupRecord[], maxBytes: number): boolean {
  return howManyFit(records, maxBytes) === records.length;
}

/** How many of these records, from the first on, fit into one batch of `maxBytes`. */
export function howManyFit(records: readonly GroupRecord[], maxBytes: number): number {
  let bytes = BATCH_OVERHEAD;
  for (const [index, record] of records.entries()) {
    bytes += boundOf(record) ?? sizeOf(record);
    if (bytes > maxBytes) return howManyFitExactly(records, maxBytes, index);
  }
  return records.length;
}

/** The same, from `index` on with nothing but exact sizes; those before are counted anew, since their bound was generous. */
function howManyFitExactly(records: readonly GroupRecord[], maxBytes: number, index: number): number {
  let bytes = BATCH_OVERHEAD;
  for (const record of records.slice(0, index)) bytes += sizeOf(record);
  for (; index < records.length; index++) {
    bytes += sizeOf(records[index]!);
    if (bytes > maxBytes) return index;
  }
  return records.length;
}

/** For offsets, which there are most of: more than they can take, without encoding them. A character has at most 3 bytes. */
function boundOf(record: GroupRecord): number | undefined {
  if (record.type !== "offset") return undefined;
  const text = record.group.length + record.topic.length + (record.value?.metadata.length ?? 0);
  return RECORD_OVERHEAD + 48 + 3 * text;
}

/** What an operator hears when something did not fit that no client can make smaller. */
export function tooLargeFor({ args: { groupId }, news: { config } }: Group): string {
  return `The group "${groupId}" cannot go on: what it has to write takes more than the ${config.maxWriteBytes} ` +
    `bytes that a batch of ${OFFSETS_TOPIC} may have (its max.message.bytes, or its segment.bytes).`;
}
