/**
 * The data folder of a broker: its logs, whose it is, and what is written down about the logs as a whole.
 *
 *     .lock                              held as long as the folder is open
 *     meta.properties                    node, cluster and folder ids
 *     recovery-point-offset-checkpoint   below these offsets everything is durable
 *     log-start-offset-checkpoint        below these offsets nothing is readable
 *     replication-offset-checkpoint      high watermarks
 *     cleaner-offset-checkpoint          below these offsets everything has been cleaned; logs of which nothing was are not in it
 *     tombstone-offset-checkpoint        below these offsets cleaning has taken tombstones, too
 *     .kafka_cleanshutdown               only between a clean close and the next start
 *     orders-0/                          a log
 *     orders-1.8f0c…-delete/             a log that is being removed
 *     orders-2.04c1…-stray/              a log whose topic is gone: kept until somebody removes it
 *
 * @module
 */
import { BufferPool } from "../lib/buffer_pool.ts";
import type { Random } from "../lib/prng.ts";
import { randomUuid } from "../lib/uuid.ts";
import { leaveCleanLife, takeCleanLife, UNKNOWN_LIFE } from "./clean_shutdown.ts";
import type { Disk } from "./disk.ts";
import { HandlePool } from "./handle_pool.ts";
import type { CleanLife, LogConfig, LogObserver, LogStore } from "./log.ts";
import type { LogOwner } from "./log_options.ts";
import {
  claimCluster,
  claimFolder,
  damagedTopicId,
  isDamagedId,
  type MetaProperties,
  readTopicId,
  writeTopicId,
  WrongFolderError,
} from "./meta_properties.ts";
import { OffsetCheckpoint } from "./offset_checkpoint.ts";
import { SegmentedLog } from "./segmented_log.ts";

/** What a data folder is opened with. */
export interface LogStoreOptions {
  readonly nodeId: number;
  /**
   * The cluster that the folder must belong to; null when that is not known yet, see {@linkcode DiskLogStore.claim}.
   *
   * @default whichever it belongs to; a new one for a new folder
   */
  readonly clusterId?: string | null;
  /** For ids, names of removed folders, and segment.jitter.ms. */
  readonly random: Random;
  /** How many segments may have open files. @default 2000 */
  readonly maxOpenSegments?: number;
  /** Where the buffers of reads come from. @default every read has a new one */
  readonly buffers?: BufferPool;
  /** Recovery points are written whenever so many bytes were flushed. @default 64 MiB */
  readonly checkpointBytes?: number;
}

const LOG_FOLDER = /^.+-\d+$/;
const DELETED_FOLDER = /-delete$/;
const STRAY_FOLDER = /-stray$/;
const NAME_LIMIT = 255;

/**
 * The logs of one data folder.
 *
 * @example
 * ```ts
 * import { SeededRandom } from "../lib/prng.ts";
 * import { DiskLogStore } from "./log_store.ts";
 * import { MemoryDisk } from "./memory_disk.ts";
 *
 * const store = new DiskLogStore(new MemoryDisk(), { nodeId: 1, random: new SeededRandom(1) });
 * console.assert(store.list().length === 0);
 * store.close(true);
 * ```
 */
export class DiskLogStore implements LogStore {
  /** Whether the folder was left in good order. */
  readonly wasClean: boolean;
  /** What the last clean close wrote down of the broker; an unknown life when there is none. */
  readonly lastLife: CleanLife;
  readonly #disk: Disk;
  readonly #random: Random;
  readonly #pool: HandlePool;
  readonly #buffers: BufferPool;
  readonly #checkpointBytes: number;
  readonly #release: () => void;
  readonly #recoveryPoints: OffsetCheckpoint;
  readonly #starts: OffsetCheckpoint;
  readonly #watermarks: OffsetCheckpoint;
  readonly #cleaned: OffsetCheckpoint;
  readonly #gone: OffsetCheckpoint;
  readonly #open = new Map<string, SegmentedLog>();
  readonly #highWatermarks = new Map<string, number>();
  /** Logs whose files may be incomplete: nothing may be called clean while there are any. */
  readonly #unclean: Set<string>;
  #meta: MetaProperties;
  #flushedBytes = 0;
  #failure: unknown;
  #closed = false;

  /**
   * Takes the folder: locks it, sees that it is this node's, and removes what was being removed.
   *
   * @throws {DiskError} ELOCKED when another process has it
   * @throws {WrongFolderError} it is another node's or cluster's, or a checkpoint is damaged
   */
  constructor(disk: Disk, options: LogStoreOptions) {
    this.#disk = disk;
    this.#random = options.random.split("storage");
    this.#pool = new HandlePool(options.maxOpenSegments);
    this.#buffers = options.buffers ?? new BufferPool(0);
    this.#checkpointBytes = options.checkpointBytes ?? 64 * 1024 * 1024;
    this.#release = disk.lock(".lock");
    try {
      this.#meta = claimFolder(disk, options, () => randomUuid(this.#random.bytes(16)));
      this.#recoveryPoints = new OffsetCheckpoint(disk, "recovery-point-offset-checkpoint");
      this.#starts = new OffsetCheckpoint(disk, "log-start-offset-checkpoint");
      this.#watermarks = new OffsetCheckpoint(disk, "replication-offset-checkpoint");
      const folders = () => this.#folders();
      this.#cleaned = cleanersCheckpoint(disk, "cleaner-offset-checkpoint", 0, folders);
      this.#gone = cleanersCheckpoint(disk, "tombstone-offset-checkpoint", Number.MAX_SAFE_INTEGER, folders);
      for (const name of this.#watermarks.names()) this.#highWatermarks.set(name, this.#watermarks.get(name)!);
      const left = takeCleanLife(disk);
      this.wasClean = left !== undefined;
      this.lastLife = left ?? UNKNOWN_LIFE;
      for (const name of disk.list("")) if (DELETED_FOLDER.test(name) && disk.isFolder(name)) disk.remove(name);
      disk.syncFolder("");
      this.#unclean = new Set(this.wasClean ? [] : this.#folders());
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Where the folder is, for messages to people. */
  get root(): string {
    return this.#disk.root;
  }

  /** Whose the folder is. */
  get meta(): MetaProperties {
    return this.#meta;
  }

  /** What the folder is on, for whoever keeps more beside a log than its batches. */
  get disk(): Disk {
    return this.#disk;
  }

  /**
   * The node has learned which cluster it belongs to: durable on return.
   *
   * @throws {WrongFolderError} the folder belongs to another one
   */
  claim(clusterId: string): void {
    this.#demandOpen();
    this.#meta = claimCluster(this.#disk, this.#meta, clusterId);
  }

  open(name: string, topicId: string, config: LogConfig, observer: LogObserver): SegmentedLog {
    if (!LOG_FOLDER.test(name)) throw new WrongFolderError(`"${name}" names no log: it must be <topic>-<partition>.`);
    if (this.#open.has(name)) throw new WrongFolderError(`The log ${name} is open already: close it first.`);
    this.#claimLog(name, topicId);
    const isKnownClean = this.wasClean && !this.#unclean.has(name);
    this.#unclean.add(name);
    const log = new SegmentedLog({
      disk: this.#disk,
      name,
      topicId,
      config,
      observer,
      owner: this.#owner(),
      pool: this.#pool,
      buffers: this.#buffers,
      random: this.#random.split(name),
      recoveryPoint: this.#recoveryPoints.get(name) ?? 0,
      startOffset: this.#starts.get(name),
      clean: isKnownClean && this.#recoveryPoints.get(name) !== undefined,
      cleanedTo: this.#cleaned.get(name),
      tombstonesGoneTo: this.#gone.get(name) ?? 0,
    });
    this.#open.set(name, log);
    return log;
  }

  delete(name: string): void {
    if (this.#open.has(name)) throw new WrongFolderError(`The log ${name} is open: close it before it is deleted.`);
    this.#forgetFolder(name);
    if (this.#disk.isFolder(name)) this.#disk.remove(this.#setAside(name, "delete"));
  }

  /** Folders of logs whose topics are gone, which nobody has removed yet. */
  strays(): string[] {
    return this.#disk.list("").filter((name) => STRAY_FOLDER.test(name) && this.#disk.isFolder(name));
  }

  /**
   * Sets aside the logs that nobody has opened and nobody knows: their deletion was cut short. Setting them aside frees their
   * names; their records stay, in case that it is the list of topics that is wrong.
   */
  setAsideStrays(isKnown: (name: string) => boolean): void {
    for (const name of this.#folders()) {
      if (this.#open.has(name) || isKnown(name)) continue;
      this.#forgetFolder(name);
      this.#setAside(name, "stray");
    }
  }

  list(): { readonly name: string; readonly topicId: string }[] {
    return this.#folders().flatMap((name) => {
      const topicId = readTopicId(this.#disk, name);
      return topicId === undefined ? [] : [{ name, topicId }];
    });
  }

  highWatermark(name: string): number {
    return this.#highWatermarks.get(name) ?? 0;
  }

  setHighWatermark(name: string, offset: number): void {
    this.#highWatermarks.set(name, offset);
  }

  checkpoint(): void {
    this.#demandOpen();
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    this.#writeRecoveryPoints();
    this.#starts.write(this.#offsets(this.#starts, (log) => log.startOffset));
    this.#watermarks.write(this.#highWatermarks);
    const cleaned = this.#offsets(this.#cleaned, (log) => log.cleanedTo);
    this.#cleaned.write(new Map([...cleaned].filter(([name]) => this.#open.get(name)?.wasCleaned ?? true)));
    const gone = this.#offsets(this.#gone, (log) => log.tombstonesGoneTo);
    this.#gone.write(new Map([...gone].filter(([, offset]) => offset > 0)));
  }

  /**
   * Closes every log that is open and gives the folder back. With `clean`, the next start need not look at what is
   * durable, unless a log could not be closed cleanly.
   *
   * @param life written down for the next registration (KIP-966)
   * @returns whether the folder is in good order
   */
  close(clean: boolean, life: CleanLife = UNKNOWN_LIFE): boolean {
    if (this.#closed) return false;
    try {
      for (const log of [...this.#open.values()]) log.close(clean);
      if (!clean || this.#unclean.size > 0) return false;
      this.checkpoint();
      leaveCleanLife(this.#disk, life);
      return true;
    } finally {
      for (const log of [...this.#open.values()]) log.close(false);
      this.#closed = true;
      this.#release();
    }
  }

  #folders(): string[] {
    return this.#disk.list("").filter((name) => LOG_FOLDER.test(name) && this.#disk.isFolder(name));
  }

  #forgetFolder(name: string): void {
    this.#highWatermarks.delete(name);
    this.#unclean.delete(name);
  }

  /** Gives a log's folder, durably, a name under which nobody looks for it, and returns that. */
  #setAside(name: string, why: "delete" | "stray"): string {
    const ending = `.${hex(this.#random.bytes(16))}-${why}`;
    const aside = name.slice(0, NAME_LIMIT - ending.length) + ending;
    this.#disk.rename(name, aside);
    this.#disk.syncFolder("");
    return aside;
  }

  /** Sees to it that the folder is there and holds that topic. */
  #claimLog(name: string, topicId: string): void {
    this.#demandOpen();
    let found = this.#disk.isFolder(name) ? readTopicId(this.#disk, name) : undefined;
    if (found !== undefined && found !== topicId) {
      if (isDamagedId(found, topicId)) throw damagedTopicId(this.#disk, name, found, topicId);
      this.#forgetFolder(name); // of a topic that was deleted and made again before the folder was
      this.#setAside(name, "stray");
      found = undefined;
    }
    if (!this.#disk.isFolder(name)) {
      // What the checkpoints say of an earlier log with this name must not be taken for this one's.
      this.#recoveryPoints.writeOne(name, undefined);
      this.#starts.writeOne(name, undefined);
      this.#cleaned.writeOne(name, undefined);
      this.#gone.writeOne(name, undefined);
      this.#disk.makeFolder(name);
      this.#disk.syncFolder("");
    }
    if (found === undefined) writeTopicId(this.#disk, name, topicId);
  }

  #owner(): LogOwner {
    return {
      recoveryPointFalls: ({ name }, offset) => this.#recoveryPoints.fall(name, offset),
      startMoves: ({ name }, offset) => this.#starts.writeOne(name, offset),
      replaces: () => this.#watermarks.write(this.#highWatermarks),
      cleanedMoves: ({ name }, offset) => this.#cleaned.writeOne(name, offset),
      tombstonesGo: ({ name }, offset) => this.#gone.writeOne(name, offset),
      flushed: (_log, bytes, rolled) => this.#flushed(bytes, rolled),
      closed: (log, clean) => this.#forget(log, clean),
    };
  }

  /** An error here belongs to nobody's flush: it is kept for the next {@linkcode DiskLogStore.checkpoint}. */
  #flushed(bytes: number, rolled: boolean): void {
    this.#flushedBytes += bytes;
    if (this.#flushedBytes < this.#checkpointBytes && !rolled) return;
    try {
      this.#writeRecoveryPoints();
    } catch (error) {
      this.#failure = error;
    }
  }

  #writeRecoveryPoints(): void {
    this.#flushedBytes = 0;
    const stuck = new Set<SegmentedLog>();
    for (const log of this.#open.values()) if (!log.writeEpochs()) stuck.add(log);
    const pointOf = (log: SegmentedLog) => stuck.has(log) ? this.#recoveryPoints.get(log.name) ?? 0 : log.flushedOffset;
    this.#recoveryPoints.write(this.#offsets(this.#recoveryPoints, pointOf));
  }

  /** What a checkpoint says, brought up to date for the open logs; without the logs that are gone. */
  #offsets(checkpoint: OffsetCheckpoint, offsetOf: (log: SegmentedLog) => number): Map<string, number> {
    const offsets = new Map<string, number>();
    for (const name of checkpoint.names()) {
      if (!this.#open.has(name) && this.#disk.isFolder(name)) offsets.set(name, checkpoint.get(name)!);
    }
    for (const [name, log] of this.#open) offsets.set(name, offsetOf(log));
    return offsets;
  }

  #forget(log: SegmentedLog, clean: boolean): void {
    if (clean) {
      this.#recoveryPoints.writeOne(log.name, log.flushedOffset);
      this.#starts.writeOne(log.name, log.startOffset);
      this.#unclean.delete(log.name);
    }
    this.#open.delete(log.name);
  }

  #demandOpen(): void {
    if (this.#closed) throw new WrongFolderError(`${this.#disk.root} was closed: open it again first.`);
  }
}

/**
 * What the cleaner has done to the logs. If it is damaged nobody knows, and every log is taken to be at `unknown`: cleaned somehow, and
 * to be looked through once more; without tombstones wherever there are records. That costs time only.
 */
function cleanersCheckpoint(
  disk: Disk,
  path: string,
  unknown: number,
  logs: () => readonly string[],
): OffsetCheckpoint {
  try {
    return new OffsetCheckpoint(disk, path);
  } catch (error) {
    if (!(error instanceof WrongFolderError)) throw error;
    disk.remove(path);
    const checkpoint = new OffsetCheckpoint(disk, path);
    checkpoint.write(new Map(logs().map((name) => [name, unknown])));
    return checkpoint;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
