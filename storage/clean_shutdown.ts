/**
 * `.kafka_cleanshutdown`: there only between a clean close of a data folder and the next start, and with it what the broker was then.
 *
 * Kafka writes the broker epoch into it (KIP-966), which a controller compares with the last one that it gave out: a folder that was put back
 * from a copy shows. A life whose registration was never answered does not know its epoch, though the controller may have given one. So it
 * leaves its incarnation, and those that it found, beside the last epoch that was known: whichever the controller knows ended cleanly.
 *
 * @module
 */
import { replaceFile } from "./checkpoint.ts";
import type { Disk } from "./disk.ts";
import type { CleanLife } from "./log.ts";

/** Nothing is known but that it ended. */
export const UNKNOWN_LIFE: CleanLife = { brokerEpoch: -1, unheardIncarnationIds: [] };

const FILE = ".kafka_cleanshutdown";
/** More lives than that in a row, none of which has met a controller, are not vouched for. */
const UNHEARD_LIMIT = 32;

/** What the last close has left; undefined when it was not clean. Once the folder is synced, it is gone for ever. */
export function takeCleanLife(disk: Disk): CleanLife | undefined {
  const left = disk.readFile(FILE);
  if (left === undefined) return undefined;
  disk.remove(FILE);
  return parse(left);
}

/** Writes down that the folder is in good order. */
export function leaveCleanLife(disk: Disk, { brokerEpoch, unheardIncarnationIds }: CleanLife): void {
  const unheard = unheardIncarnationIds.slice(-UNHEARD_LIMIT);
  const content = { version: 0, brokerEpoch, ...(unheard.length === 0 ? {} : { unheardIncarnationIds: unheard }) };
  replaceFile(disk, FILE, new TextEncoder().encode(JSON.stringify(content)));
}

function parse(content: Uint8Array): CleanLife {
  try {
    const { brokerEpoch, unheardIncarnationIds: ids } = JSON.parse(new TextDecoder().decode(content));
    if (!Number.isSafeInteger(brokerEpoch)) return UNKNOWN_LIFE;
    const isList = Array.isArray(ids) && ids.length <= UNHEARD_LIMIT && ids.every((id) => typeof id === "string");
    return { brokerEpoch, unheardIncarnationIds: isList ? ids : [] };
  } catch {
    return UNKNOWN_LIFE; // older ones are empty files
  }
}
