/**
 * The keys of a log, and where each was written last.
 *
 * @module
 */

/** What an entry takes beside its key, about: a slot of the map, a string, a number. */
const ENTRY_BYTES = 72;
/** A map of the runtime throws at 2^24 entries; some room is left for the keys of the batch that fills it. */
const ENTRIES_MAX = 15_000_000;
/** So many bytes become a string at once. */
const CHUNK_BYTES = 4096;

/** Last offsets by key. */
export class KeyMap {
  readonly #offsets = new Map<string, number>();
  readonly #bytesMax: number;
  readonly #entriesMax: number;
  #bytes = 0;

  /** @param bytesMax what the map may take, about (log.cleaner.dedupe.buffer.size) */
  constructor(bytesMax: number, entriesMax = ENTRIES_MAX) {
    this.#bytesMax = bytesMax;
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#offsets.size;
  }

  /** Whether it has grown to its limit. What it is given all the same is remembered too. */
  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax || this.#offsets.size >= this.#entriesMax;
  }

  /** A record with this key is at this offset, which is above all that came before. */
  set(key: string, offset: number): void {
    const size = this.#offsets.size;
    this.#offsets.set(key, offset);
    if (this.#offsets.size > size) this.#bytes += ENTRY_BYTES + key.length;
  }

  /** Where a key was written last; undefined for one that did not come. */
  get(key: string): number | undefined {
    return this.#offsets.get(key);
  }
}

/** The key that lies there, as a string of one character for each byte. */
export function keyAt(bytes: Uint8Array, at: number, length: number): string {
  let key = "";
  for (let from = at; from < at + length; from += CHUNK_BYTES) {
    const codes: ArrayLike<number> = bytes.subarray(from, Math.min(from + CHUNK_BYTES, at + length));
    key += String.fromCharCode.apply(null, codes as number[]); // spread, it would take three times as long
  }
  return key;
}
