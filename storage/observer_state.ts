/**
 * The state of a log's observer, kept in step with the log: saved when a segment begins, made anew when the log was opened or cut.
 *
 *     newest usable snapshot ──every batch behind it──▶ the state at the log's end
 *
 * Invariant: a snapshot above the log's end is gone for good before other batches take the place of those that it sums up.
 *
 * @module
 */
import type { LogDurability } from "./log_durability.ts";
import type { LogObserver } from "./log.ts";
import type { LogSegments } from "./log_segments.ts";
import { corruptLog } from "./segment.ts";
import type { Snapshots } from "./snapshots.ts";

/** What the state follows. */
export interface ObservedLog {
  readonly name: string;
  readonly segments: LogSegments;
  readonly durability: LogDurability;
  endOffset(): number;
}

/** The state of one log's observer. */
export class ObserverState {
  readonly #log: ObservedLog;
  readonly #observer: LogObserver;
  readonly #snapshots: Snapshots;

  constructor(log: ObservedLog, observer: LogObserver, snapshots: Snapshots) {
    this.#log = log;
    this.#observer = observer;
    this.#snapshots = snapshots;
  }

  /** Saves the state as of the log's end; the next flush makes it durable. */
  save(): void {
    this.#log.durability.touchAndClose(this.#snapshots.save(this.#log.endOffset(), this.#observer.snapshot()));
  }

  /** The log is empty, and nothing of what was is to be known. */
  clear(offset: number): void {
    this.#observer.load(undefined, offset);
  }

  /** Removes the snapshots for which `isStale` holds. */
  remove(isStale: (offset: number) => boolean): void {
    this.#snapshots.remove(isStale);
  }

  /** Removes those above the log's end, and those below the first segment, which may sum up another history. */
  removeStrays(): void {
    const { segments: { firstOffset }, durability } = this.#log;
    const endOffset = this.#log.endOffset();
    const isStray = (offset: number) => offset > endOffset || offset < firstOffset;
    if (this.#snapshots.remove(isStray) > 0) durability.touchFolder();
  }

  /** A snapshot that the last life had not synced yet must become durable before those are removed whose place it takes. */
  writeAgain(recoveryPoint: number): void {
    for (const offset of this.#snapshots.offsets()) {
      if (offset >= recoveryPoint) this.#log.durability.touchAndClose(this.#snapshots.writeAgain(offset));
    }
  }

  /**
   * Makes the state anew: from the newest usable snapshot and all batches after it, those below the start that are still there included.
   *
   * Older segments can go only because the newest begins with a snapshot. If that is unusable, there is a new one now; of the
   * others those stay that segments begin with.
   */
  restore(): void {
    const { name, segments, durability } = this.#log;
    const endOffset = this.#log.endOffset();
    const from = this.#snapshots.restore(this.#observer, segments.firstOffset, endOffset);
    for (let offset = from, index = segments.indexOf(from); offset < endOffset; index++) {
      const segment = segments.at(index);
      const scanner = segment.scannerFrom(segment.locate(offset));
      while (scanner.next()) this.#observer.recovered(scanner.header);
      if (scanner.problem !== undefined) throw corruptLog(name, segment.path, scanner.position, scanner.problem);
      offset = segments.all[index + 1]?.baseOffset ?? endOffset;
    }
    if (from < segments.active.baseOffset) {
      this.save();
      durability.touchFolder();
      durability.syncNow();
    }
    const bases = new Set(segments.all.map(({ baseOffset }) => baseOffset));
    this.#snapshots.remove((offset) => offset < from && !bases.has(offset));
  }
}
