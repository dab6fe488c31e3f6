/**
 * What a node of the quorum keeps on disk: its vote, the metadata log, and the newest snapshot of it.
 *
 *     __cluster_metadata-0/
 *       quorum-state                               epoch and vote; not there until the node may vote
 *       00000000000000004711.log …                 the log, beginning where the snapshot ends
 *       00000000000000004711-0000000003.checkpoint everything below offset 4711, whose last record is of epoch 3
 *
 * Invariant: the log begins where the newest snapshot ends, at 0 when there is none. A snapshot is durable before what it sums up
 * is removed; a crash in between is made good when the log is opened.
 *
 * @module
 */
import { crc32c } from "../lib/crc32c.ts";
import { METADATA_TOPIC_UUID } from "../lib/uuid.ts";
import { crcMatches, readBatchHeader } from "../protocol/batch.ts";
import { replaceFile } from "./checkpoint.ts";
import type { Disk } from "./disk.ts";
import { CorruptLogError, type Log, type LogConfig, type LogObserver } from "./log.ts";
import type { DiskLogStore } from "./log_store.ts";
import type { SegmentedLog } from "./segmented_log.ts";

/** What must outlive the process, or a voter could vote twice. */
export interface QuorumState {
  /** The highest epoch that this node has been in. */
  readonly epoch: number;
  /** Whom it gave its vote in that epoch, -1 for nobody. */
  readonly votedFor: number;
  /** It votes in no epoch below this one, because it has forgotten whether it did. */
  readonly votesFrom: number;
}

/** Names a snapshot: it holds everything below `endOffset`, and `epoch` is that of the last record in it. */
export interface SnapshotName {
  readonly endOffset: number;
  readonly epoch: number;
}

const NAME = "__cluster_metadata-0";
const STATE = `${NAME}/quorum-state`;
const SNAPSHOT = /^(\d{20})-(\d{10})\.checkpoint$/;

/** Segments roll by size alone: what a log of metadata keeps is decided by snapshots. */
const CONFIG: LogConfig = {
  segmentBytes: 8 << 20,
  segmentMs: Number.MAX_SAFE_INTEGER,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 4096,
  fileDeleteDelayMs: 60_000,
};

/** Nothing is derived from the batches as they are stored. */
const NO_OBSERVER: LogObserver = {
  load: () => true,
  recovered: () => {},
  snapshot: () => new Uint8Array(0),
};

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** The quorum's part of a data folder. */
export class QuorumStore {
  readonly #store: DiskLogStore;
  readonly #disk: Disk;
  #log: SegmentedLog | undefined;

  constructor(store: DiskLogStore) {
    this.#store = store;
    this.#disk = store.disk;
  }

  /** The cluster that the folder belongs to; "" while that is not known. */
  get clusterId(): string {
    return this.#store.meta.clusterId;
  }

  /**
   * Opens the metadata log and makes it fit the newest snapshot. A log that a former owner has left open is closed first.
   *
   * @throws {CorruptLogError} something durable is damaged or missing
   */
  open(): Log {
    this.#log?.close(false);
    const log = this.#log = this.#store.open(NAME, METADATA_TOPIC_UUID, CONFIG, NO_OBSERVER);
    const snapshot = this.newestSnapshot();
    const endOffset = snapshot?.endOffset ?? 0;
    if (log.startOffset > endOffset) {
      throw corrupt(fileOf({ endOffset: log.startOffset, epoch: 0 }), 0, "is missing, though the log begins after it");
    }
    if (snapshot === undefined) return log;
    const sumsUpLog = log.endOffset >= endOffset &&
      (log.startOffset === endOffset || log.epochAt(endOffset - 1) === snapshot.epoch);
    if (sumsUpLog) log.advanceStart(endOffset);
    else log.restartAt(endOffset); // a snapshot of the leader's was about to take the log's place
    this.#removeSnapshots(snapshot);
    return log;
  }

  /**
   * The vote; undefined when none was ever written, because the folder is new.
   *
   * @throws {CorruptLogError} it is damaged: guessing could mean to vote twice
   */
  state(): QuorumState | undefined {
    const content = this.#disk.readFile(STATE);
    if (content === undefined) return undefined;
    const state = parseState(text.decode(content));
    if (state === undefined) throw corrupt(STATE, 0, "cannot be understood");
    return state;
  }

  /** Writes the vote; durable on return. The log must have been opened. */
  writeState(state: QuorumState): void {
    replaceFile(this.#disk, STATE, utf8.encode(formatState(state)));
  }

  /** The snapshot with the highest offset. */
  newestSnapshot(): SnapshotName | undefined {
    return this.#snapshots().at(-1);
  }

  /**
   * The bytes of a snapshot, every batch checked; undefined when there is none of that name.
   *
   * @throws {CorruptLogError} it is damaged
   */
  readSnapshot(name: SnapshotName): Uint8Array | undefined {
    const bytes = this.#disk.readFile(fileOf(name));
    if (bytes !== undefined) demandSound(fileOf(name), bytes);
    return bytes;
  }

  /** Writes a snapshot, which is durable on return, and removes the older ones. */
  writeSnapshot(name: SnapshotName, bytes: Uint8Array): void {
    replaceFile(this.#disk, fileOf(name), bytes);
    this.#removeSnapshots(name);
  }

  #snapshots(): SnapshotName[] {
    return this.#disk.list(NAME).flatMap((file) => {
      const match = SNAPSHOT.exec(file);
      return match === null ? [] : [{ endOffset: Number(match[1]), epoch: Number(match[2]) }];
    });
  }

  /** One that a crash brings back is removed when the log is opened. */
  #removeSnapshots(kept: SnapshotName): void {
    for (const snapshot of this.#snapshots()) {
      if (fileOf(snapshot) !== fileOf(kept)) this.#disk.remove(fileOf(snapshot));
    }
  }
}

function fileOf({ endOffset, epoch }: SnapshotName): string {
  return `${NAME}/${String(endOffset).padStart(20, "0")}-${String(epoch).padStart(10, "0")}.checkpoint`;
}

/** As Kafka's, but for our `votesFromEpoch`, and a CRC-32C, since a changed digit could make it vote twice. */
function formatState({ epoch, votedFor, votesFrom }: QuorumState): string {
  const content = { leaderEpoch: epoch, votedId: votedFor, votesFromEpoch: votesFrom, data_version: 1 };
  return JSON.stringify({ ...content, crc: crc32c(utf8.encode(JSON.stringify(content))) });
}

function parseState(json: string): QuorumState | undefined {
  try {
    const { leaderEpoch, votedId, votesFromEpoch } = JSON.parse(json);
    const state = { epoch: leaderEpoch, votedFor: votedId, votesFrom: votesFromEpoch };
    return formatState(state) === json ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Batches must be whole, with offsets from 0 on, match their CRCs, and end with a control batch. */
function demandSound(file: string, bytes: Uint8Array): void {
  let nextOffset = 0;
  let isEnded = false;
  for (let at = 0; at < bytes.length;) {
    let header;
    try {
      header = readBatchHeader(bytes, at);
    } catch (error) {
      throw corrupt(file, at, `is not readable: ${(error as Error).message}`);
    }
    if (header.baseOffset !== nextOffset) throw corrupt(file, at, `has a batch ${header.baseOffset} out of place`);
    if (!crcMatches(bytes, at)) throw corrupt(file, at, "has a batch that does not match its CRC");
    nextOffset += header.lastOffsetDelta + 1;
    isEnded = header.isControl && at > 0;
    at += header.sizeInBytes;
  }
  if (!isEnded) throw corrupt(file, bytes.length, "is cut off");
}

function corrupt(file: string, position: number, problem: string): CorruptLogError {
  const message = `${file} ${problem}. It was durable, so the disk has changed it; ` +
    `empty this node's folder if most of the other voters are sound: it then begins anew and learns everything from them.`;
  return new CorruptLogError(NAME, file, position, message);
}
