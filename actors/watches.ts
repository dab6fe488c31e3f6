/**
 * Who wants to know when whom has stopped for good.
 *
 * @module
 */

/** Told once that `ref` has stopped for good. Must not throw. */
export type Hear = (ref: string) => void;

/** Death-watches by the ref that is watched, and by a key of whoever watches. */
export class Watches {
  readonly #byRef = new Map<string, Map<string, Hear>>();

  /** Watching twice with one key counts once. Returns whether this is the first watch on `ref`. */
  add(ref: string, key: string, hear: Hear): boolean {
    const watchers = this.#byRef.get(ref);
    if (watchers !== undefined) return watchers.set(key, hear), false;
    this.#byRef.set(ref, new Map([[key, hear]]));
    return true;
  }

  /** Returns whether that was the last watch on `ref`. */
  remove(ref: string, key: string): boolean {
    const watchers = this.#byRef.get(ref);
    if (!watchers?.delete(key) || watchers.size > 0) return false;
    return this.#byRef.delete(ref);
  }

  /** Tells everybody who watches `ref`, in the order in which they came. */
  ended(ref: string): void {
    const watchers = this.#byRef.get(ref);
    this.#byRef.delete(ref);
    watchers?.forEach((hear) => hear(ref));
  }

  /** All refs that somebody watches. */
  refs(): string[] {
    return [...this.#byRef.keys()];
  }
}
