/**
 * Makes the files of one log durable, one sync at a time: who asks while one is under way shares the next.
 *
 *     idle ──flush──▶ syncing ──all files synced──▶ idle (or syncing again, for those who asked meanwhile)
 *                        └──────one failed────────▶ failed: everybody gets the error, now and from then on
 *
 * Invariant: after a failed sync nothing is tried again, since the system may have dropped the bytes and called them clean.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";
import { DiskError, type DiskFile } from "./disk.ts";

const DONE = { ok: true, value: undefined } as const;

/** What the log does around a sync. */
export interface CommitHooks {
  /** A sync is about to begin: returns what it will have made durable. May throw like a sync that failed. */
  begin(): number;
  /** Everything up to what `begin` returned is durable. Not called when {@linkcode GroupCommit.syncNow} came between. */
  durable(mark: number): void;
}

/** The syncs of one log. */
export class GroupCommit {
  readonly #hooks: CommitHooks;
  readonly #dirty = new Set<DiskFile>();
  readonly #syncing = new Set<DiskFile>();
  readonly #temporary = new Set<DiskFile>();
  #current: Settle<void>[] = [];
  #waiting: Settle<void>[] = [];
  #busy = false;
  #generation = 0;
  #failure: Error | undefined;

  constructor(hooks: CommitHooks) {
    this.#hooks = hooks;
  }

  /** The error that ended it, if one did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The file has bytes that are not durable. */
  touch(file: DiskFile): void {
    this.#dirty.add(file);
  }

  /** The same for a file that nobody needs open once it is durable. */
  touchAndClose(file: DiskFile): void {
    this.#dirty.add(file);
    this.#temporary.add(file);
  }

  /** Whether a file must stay open for now. */
  isPinned(file: DiskFile): boolean {
    return this.#dirty.has(file) || this.#syncing.has(file);
  }

  /** The file is about to be removed: it need not become durable. */
  forget(file: DiskFile): void {
    this.#dirty.delete(file);
    this.#syncing.delete(file);
  }

  /** Settles once everything touched so far is durable. */
  flush(done: Settle<void>): void {
    if (this.#failure !== undefined) return done({ ok: false, error: this.#failure });
    if (this.#dirty.size === 0) {
      if (!this.#busy) return done(DONE);
      this.#current.push(done); // what is under way covers everything
      return;
    }
    this.#waiting.push(done);
    if (!this.#busy) this.#start();
  }

  /** Makes everything durable before it returns; a sync that is under way no longer moves anything. */
  syncNow(): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      for (const file of new Set([...this.#dirty, ...this.#syncing])) file.syncNow();
    } catch (error) {
      this.fail(error as Error);
      throw error;
    }
    this.#generation++;
    for (const file of this.#dirty) this.#closeTemporary(file);
    this.#dirty.clear();
    this.#settle(DONE);
  }

  /** Ends it: everybody who waits, and everybody who comes, gets the error. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const file of this.#temporary) this.#closeTemporary(file);
    this.#settle({ ok: false, error: this.#failure });
  }

  #start(): void {
    this.#busy = true;
    this.#current = this.#waiting;
    this.#waiting = [];
    const generation = this.#generation;
    let mark: number;
    try {
      mark = this.#hooks.begin();
    } catch (error) {
      this.#busy = false;
      return this.fail(error as Error);
    }
    const files = [...this.#dirty];
    this.#dirty.clear();
    for (const file of files) this.#syncing.add(file);
    let left = files.length;
    let failure: Error | undefined;
    const settled: Settle<void> = (result) => {
      if (!result.ok) failure ??= result.error;
      if (--left === 0) this.#end(files, failure, generation, mark);
    };
    for (const file of files) {
      try {
        file.sync(settled);
      } catch (error) {
        settled({ ok: false, error: error as Error });
      }
    }
  }

  #end(files: readonly DiskFile[], failure: Error | undefined, generation: number, mark: number): void {
    this.#busy = false;
    this.#syncing.clear();
    if (failure !== undefined) return this.fail(failure);
    if (this.#failure !== undefined) return;
    for (const file of files) if (!this.#dirty.has(file)) this.#closeTemporary(file);
    if (generation === this.#generation) this.#hooks.durable(mark);
    const settled = this.#current;
    this.#current = [];
    for (const done of settled) done(DONE);
    if (this.#waiting.length > 0 && !this.#busy) this.#start();
  }

  #closeTemporary(file: DiskFile): void {
    if (this.#temporary.delete(file)) file.close();
  }

  #settle(result: Parameters<Settle<void>>[0]): void {
    const settled = [...this.#current, ...this.#waiting];
    this.#current = [];
    this.#waiting = [];
    for (const done of settled) done(result);
  }
}

/** The error for those who still wait when a log is closed. */
export function closedError(name: string): DiskError {
  return new DiskError("EOTHER", name, `The log ${name} was closed before it was flushed.`);
}
