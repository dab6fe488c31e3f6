/**
 * Folding records into a group: those of the log when it is loaded, and each event as it is appended, by the same function.
 *
 *     offset ──▶ offsets        classicGroup ──▶ classic        all others ──▶ modern
 *
 * A record with a value makes the part that it belongs to, and the other kind of group ends with that: whoever wrote it has converted the
 * group. A tombstone makes nothing.
 *
 * Invariant: `classic` and `modern` are never both there once a record with a value has been folded.
 *
 * @module
 */
import { createClassic } from "./classic/handlers.ts";
import { createModern } from "./modern/handlers.ts";
import type { GroupRecord } from "./records.ts";
import type { Group } from "./state.ts";

/** Applies one record to the state of its group. */
export function fold(group: Group, record: GroupRecord): void {
  if (record.type === "offset") group.offsets.apply(record);
  else if (record.type === "classicGroup") foldClassic(group, record);
  else foldModern(group, record);
}

function foldClassic(group: Group, record: GroupRecord): void {
  if (record.value === null) {
    group.classic = undefined;
    return;
  }
  group.modern = undefined;
  group.classic ??= createClassic(group);
  group.classic.apply(record);
}

function foldModern(group: Group, record: GroupRecord): void {
  if (record.value !== null) {
    group.classic = undefined;
    group.modern ??= createModern(group);
  }
  group.modern?.apply(record);
  if (group.modern?.isEmpty === true) group.modern = undefined;
}
