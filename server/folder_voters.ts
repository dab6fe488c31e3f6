/**
 * Who votes in the cluster that a data folder belongs to, written into the folder: `quorum.properties`.
 *
 * A node that was started with another list, or with none, could elect itself, and undo what the others have committed. So who votes
 * is fixed when a folder comes into a cluster.
 *
 * @module
 */
import { replaceFile } from "../storage/checkpoint.ts";
import type { Disk } from "../storage/disk.ts";
import { parseProperties } from "./properties.ts";

const FILE = "quorum.properties";
const VOTERS = "voters";

/**
 * Refuses voters that are not those of the folder's cluster; any will do in a folder that belongs to none yet.
 *
 * @throws {Error} with a sentence that says which would be right
 */
export function checkFolderVoters(disk: Disk, voters: readonly number[]): void {
  const content = disk.readFile(FILE);
  if (content === undefined) return;
  const properties = parseProperties(new TextDecoder().decode(content));
  const found = properties.ok ? properties.values.get(VOTERS) : undefined;
  if (found === listed(voters)) return;
  if (found === undefined || !/^\d+(,\d+)*$/.test(found)) {
    throw new Error(
      `${disk.root}/${FILE} cannot be understood: it must say ${VOTERS}= and the ids of the nodes that vote.`,
    );
  }
  throw new Error(
    `${disk.root} belongs to a cluster in which ${found} vote, says its quorum.properties, not ${listed(voters)}: ` +
      `start it with the voters that it had (--voters), or choose another folder.`,
  );
}

/** The folder has come into a cluster; durable on return. */
export function fixFolderVoters(disk: Disk, voters: readonly number[]): void {
  if (disk.readFile(FILE) !== undefined) return;
  replaceFile(disk, FILE, new TextEncoder().encode(`${VOTERS}=${listed(voters)}\n`));
}

function listed(voters: readonly number[]): string {
  return [...voters].sort((a, b) => a - b).join();
}
