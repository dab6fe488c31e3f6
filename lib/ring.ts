/**
 * A queue in a ring that grows: adding at the end and taking from the front cost the same however long it is.
 *
 * @module
 */

/** First in, first out. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array(8).fill(undefined);
  #mask = 7;
  #head = 0;
  #length = 0;

  /** How many are waiting. */
  get length(): number {
    return this.#length;
  }

  /** Adds at the end. */
  push(item: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length++) & this.#mask] = item;
  }

  /** Takes the first, or undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined; // or it could not be collected
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return item;
  }

  /** The first, left where it is. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  /** Empties it, and gives back the memory that it had grown to. */
  clear(): void {
    this.#slots = new Array(8).fill(undefined);
    this.#mask = 7;
    this.#head = 0;
    this.#length = 0;
  }

  /** From the first to the last, as they are now. */
  *[Symbol.iterator](): Generator<T> {
    for (let at = 0; at < this.#length; at++) yield this.#slots[(this.#head + at) & this.#mask] as T;
  }

  #grow(): void {
    const slots = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    for (let at = 0; at < this.#length; at++) slots[at] = this.#slots[(this.#head + at) & this.#mask];
    this.#slots = slots;
    this.#mask = slots.length - 1;
    this.#head = 0;
  }
}
