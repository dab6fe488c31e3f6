/**
 * Whose a data folder is: `meta.properties`, and whose a log folder is: `partition.metadata`.
 *
 *     version=1                          version: 0
 *     cluster.id=c2Ftc2EtY2x1c3Rlci0wMQ  topic_id: 8ZpVtQ3sRkO6nCw9xHl2bA
 *     node.id=1
 *     directory.id=0bHq9mYxSjKc1dVfLr4oTg
 *
 * @module
 */
import { isUuid } from "../lib/uuid.ts";
import { replaceFile } from "./checkpoint.ts";
import type { Disk } from "./disk.ts";
import { CorruptLogError } from "./log.ts";

/** A folder that holds something else than was expected; the message says what, and what would be right. */
export class WrongFolderError extends Error {
  override readonly name = "WrongFolderError";
}

/** Who may use a data folder. */
export interface MetaProperties {
  /** "" while the node does not know yet which cluster it belongs to. */
  readonly clusterId: string;
  readonly nodeId: number;
  /** Names this folder in the cluster (KIP-858). */
  readonly directoryId: string;
}

const PATH = "meta.properties";
const utf8 = new TextEncoder();
const text = new TextDecoder();

/**
 * Reads whose a data folder is, or makes it this node's when it is nobody's.
 *
 * A new folder has its directory id written down at once, before anything else is in it, even while its cluster is not known.
 *
 * @param expected the node that opens it, and its cluster: undefined when any will do and a new folder is to have a new one,
 *   null when any will do and that of a new folder is not known yet
 * @param newUuid makes the ids of a new folder
 * @throws {WrongFolderError} it belongs to another node or cluster, or cannot be read
 */
export function claimFolder(
  disk: Disk,
  expected: { readonly nodeId: number; readonly clusterId?: string | null },
  newUuid: () => string,
): MetaProperties {
  const content = disk.readFile(PATH);
  if (content === undefined) {
    const clusterId = expected.clusterId === undefined ? newUuid() : expected.clusterId ?? "";
    return writeMetaProperties(disk, { clusterId, nodeId: expected.nodeId, directoryId: newUuid() });
  }
  const found = parseMetaProperties(text.decode(content));
  if (found === undefined) {
    throw new WrongFolderError(
      `${disk.root}/${PATH} cannot be understood: it must hold version=1, cluster.id, node.id and directory.id.`,
    );
  }
  if (found.nodeId !== expected.nodeId) {
    throw new WrongFolderError(
      `${disk.root} belongs to node ${found.nodeId}, not to node ${expected.nodeId}: ` +
        `start it with the id ${found.nodeId}, or choose another folder.`,
    );
  }
  if (expected.clusterId === null) return found;
  return claimCluster(disk, found, expected.clusterId ?? (found.clusterId || newUuid()));
}

/**
 * Makes a folder that belongs to no cluster yet this cluster's, durably; does nothing when it is already.
 *
 * @throws {WrongFolderError} it belongs to another one: that it never leaves
 */
export function claimCluster(disk: Disk, found: MetaProperties, clusterId: string): MetaProperties {
  if (found.clusterId === clusterId) return found;
  if (found.clusterId === "") return writeMetaProperties(disk, { ...found, clusterId });
  throw new WrongFolderError(
    `${disk.root} belongs to the cluster ${found.clusterId}, says its meta.properties, not to ${clusterId}: ` +
      `join that cluster, or choose another folder.`,
  );
}

function writeMetaProperties(disk: Disk, properties: MetaProperties): MetaProperties {
  replaceFile(disk, PATH, utf8.encode(formatMetaProperties(properties)));
  return properties;
}

/** The text of `meta.properties`. */
function formatMetaProperties({ clusterId, nodeId, directoryId }: MetaProperties): string {
  return `version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\ndirectory.id=${directoryId}\n`;
}

/** What a `meta.properties` says; undefined when it is not all there. */
export function parseMetaProperties(content: string): MetaProperties | undefined {
  const properties = new Map(
    content.split("\n").filter((line) => !line.startsWith("#") && line.includes("=")).map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
  const clusterId = properties.get("cluster.id");
  const nodeId = properties.get("node.id") ?? "";
  const directoryId = properties.get("directory.id");
  if (properties.get("version") !== "1" || clusterId === undefined || !directoryId || !/^\d+$/.test(nodeId)) {
    return undefined;
  }
  return { clusterId, nodeId: Number(nodeId), directoryId };
}

/** The topic id that a log folder holds; undefined when it does not say. */
export function readTopicId(disk: Disk, folder: string): string | undefined {
  const content = disk.readFile(`${folder}/partition.metadata`);
  if (content === undefined) return undefined;
  const topicId = /^version: 0\r?\ntopic_id: (\S+)\s*$/.exec(text.decode(content))?.[1];
  return topicId !== undefined && isUuid(topicId) ? topicId : undefined;
}

/** Says, durably, which topic a log folder belongs to. */
export function writeTopicId(disk: Disk, folder: string, topicId: string): void {
  replaceFile(disk, `${folder}/partition.metadata`, utf8.encode(`version: 0\ntopic_id: ${topicId}`));
}

/** Ids are drawn at random, of 64 letters: two that agree in half of theirs are one id that a disk has changed. */
const DAMAGED_LETTERS_MAX = 11;

/** Whether one topic id can be taken for another that has rotted. */
export function isDamagedId(found: string, expected: string): boolean {
  const changed = [...expected].filter((letter, index) => found[index] !== letter).length;
  return found.length === expected.length && changed > 0 && changed <= DAMAGED_LETTERS_MAX;
}

/** The error for it: taking the log for another topic's would lose it. */
export function damagedTopicId(disk: Disk, folder: string, found: string, expected: string): CorruptLogError {
  const file = `${folder}/partition.metadata`;
  const message =
    `${disk.root}/${file} names the topic ${found}, which can only be ${expected} after the disk has changed it; ` +
    `write that id into it if the log is that topic's.`;
  return new CorruptLogError(folder, file, 0, message);
}
