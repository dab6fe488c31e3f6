/**
 * How many members name something, such as a topic: who wants to know what is named at all need not look at each member.
 *
 * @module
 */

/** Counts by name; what nobody names is not there. */
export class Tally {
  readonly #counts = new Map<string, number>();

  /** Each name counts once, however often it is in the list. */
  add(names: Iterable<string>, by: 1 | -1): void {
    for (const name of new Set(names)) {
      const count = (this.#counts.get(name) ?? 0) + by;
      if (count === 0) this.#counts.delete(name);
      else this.#counts.set(name, count);
    }
  }

  has(name: string): boolean {
    return (this.#counts.get(name) ?? 0) > 0;
  }

  /** What is named, with what `change` would make of it. */
  with(change: Tally): Set<string> {
    const names = new Set(this.#counts.keys());
    for (const [name, by] of change.#counts) {
      if ((this.#counts.get(name) ?? 0) + by > 0) names.add(name);
      else names.delete(name);
    }
    return names;
  }

  names(): Iterable<string> {
    return this.#counts.keys();
  }
}
