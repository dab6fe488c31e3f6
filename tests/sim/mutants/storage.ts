/**
 * Logs and disks without one of their guards.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const at = (name: string): string => `storage/${name}.ts`;

/** Mutants of the storage. */
export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: "flush-is-promised",
    guard: "What is called durable has been synced.",
    file: at("segmented_log"),
    from: "    return this.#durability.flushedOffset;",
    to: "    return this.#endOffset;",
  },
  {
    name: "flush-covers-what-came-later",
    guard: "A sync makes durable what was written before it began.",
    file: at("log_durability"),
    from: "    this.#flushedOffset = mark;",
    to: "    this.#flushedOffset = Math.max(mark, this.#log.endOffset());",
  },
  {
    name: "sync-not-awaited",
    guard: "A flush has ended when the disk says so.",
    file: at("group_commit"),
    from: "        file.sync(settled);",
    to: "        settled(DONE);",
  },
  {
    name: "failed-sync-passed-over",
    guard: "After a sync that failed nothing is called durable any more.",
    file: at("group_commit"),
    from: "if (failure !== undefined) return this.fail(failure);",
    to: "if (failure !== undefined && files.length === 0) return this.fail(failure);",
  },
  {
    name: "torn-batch-kept",
    guard: "Recovery keeps no batch that does not match its CRC.",
    file: at("batch_scanner"),
    from: 'if (!crcMatches(this.#buffer, at)) return "does not match its CRC";',
    to: "",
  },
  {
    name: "recovery-point-stays",
    guard: "What is cut is not called durable by a recovery point above it.",
    file: at("log_store"),
    from: "this.#recoveryPoints.fall(name, offset)",
    to: "this.#recoveryPoints.fall(name, offset + 1e9)",
  },
  {
    name: "doubtful-recovery-point-stays",
    guard: "A recovery point falls also where nobody knows whether the last write of it was done.",
    with: ["eio", "kill"],
    file: at("offset_checkpoint"),
    from: "if (!this.#isDoubtful && (known ?? 0) <= offset) return;",
    to: "if ((known ?? 0) <= offset) return;",
    survives:
      "A folder's sync must fail behind a rename, and a replica be cut before the next write: a seed in thousands; a unit test kills it.",
  },
  {
    name: "epochs-not-cut",
    guard: "The epochs of a log are cut with it.",
    file: at("segmented_log"),
    from: "      this.#epochs.truncateFromEnd(newEnd);\n",
    to: "",
  },
  {
    name: "epochs-not-noted",
    guard: "A log knows where each epoch of its batches begins.",
    file: at("segmented_log"),
    from: "this.#epochs.assign(partitionLeaderEpochOf(batches, at), baseOffsetOf(batches, at));",
    to: "",
  },
  {
    name: "epochs-not-recovered",
    guard: "Recovery learns the epochs of the batches that it finds.",
    file: at("recovery"),
    from:
      "if (!this.#trustEpochs || baseOffset >= recoveryPoint) return epochs.assign(partitionLeaderEpoch, baseOffset);",
    to: "if (!this.#trustEpochs || baseOffset >= recoveryPoint) return;",
  },
  {
    name: "producers-not-cut",
    guard: "What a log knows of its producers is cut with it.",
    file: at("segmented_log"),
    from: "      this.#durability.syncNow();\n      this.#observerState.restore();\n",
    to: "      this.#durability.syncNow();\n",
  },
  {
    name: "stray-snapshots-kept",
    guard: "A snapshot of producers above the log's end must not be taken for one of what comes there next.",
    file: at("observer_state"),
    from: "    if (this.#snapshots.remove(isStray) > 0) durability.touchFolder();",
    to: "    if (endOffset < 0 && this.#snapshots.remove(isStray) > 0) durability.touchFolder();",
    with: ["stop", "kill", "power", "blackout", "clog"],
  },
  {
    name: "truncation-not-synced",
    guard: "What is cut stays cut after a crash.",
    file: at("segmented_log"),
    from: "      this.#durability.syncNow();\n      this.#observerState.restore();\n",
    to: "      this.#observerState.restore();\n",
  },
  {
    name: "checkpoint-not-synced",
    guard: "A checkpoint file takes the place of the old one only when it is on disk.",
    file: at("checkpoint"),
    from: "    file.syncNow();\n",
    to: "",
  },
  {
    name: "renamed-without-the-folder",
    guard: "A file that took the place of another does so durably when its folder is synced.",
    file: at("checkpoint"),
    from: '  disk.syncFolder(path.slice(0, Math.max(0, path.lastIndexOf("/"))));\n',
    to: "",
  },
  {
    name: "folder-not-synced",
    guard: "A new segment is durable when its folder is.",
    file: at("log_durability"),
    from: "    if (!this.#folderIsDirty) return;\n    this.#log.disk.syncFolder(this.#log.name);",
    to: "    if (!this.#folderIsDirty) return;",
  },
];
