/**
 * What writers sent to one partition, what of it was acknowledged, what readers saw: and whether the partition agrees.
 *
 *     sent ──acknowledged at offset n──▶ must be there: at n, whole, once, for ever
 *       └──never answered──────────────▶ may be there or not, but whole, once, and behind what its writer sent before
 *
 * Invariant: whatever was read once is read again, the same at the same offset: nothing is shown that can be taken back.
 *
 * @module
 */

/** One batch, as its writer knows it. */
export interface SentBatch {
  readonly writer: string;
  /** How many records its writer had sent before it: an idempotent producer's base sequence. */
  readonly sequence: number;
  readonly values: readonly string[];
  /** Where it was acknowledged to be; undefined as long as nobody said so. */
  offset: number | undefined;
}

/** A record as it was read. */
export interface ReadRecord {
  readonly offset: number;
  readonly value: string | null;
}

interface WriterState {
  /** Its producer id keeps its batches in order and without gaps. */
  readonly idempotent: boolean;
  readonly batches: SentBatch[];
  records: number;
}

/** The ledger of one partition of one topic, by topic id: a topic made anew has a new one. */
export class Ledger {
  readonly name: string;
  readonly #writers = new Map<string, WriterState>();
  readonly #batchOf = new Map<string, SentBatch>();
  readonly #seen = new Map<number, string>();
  #acknowledged = 0;
  #startOffset = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Records acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Everything below was deleted on demand. */
  get startOffset(): number {
    return this.#startOffset;
  }

  /** Batches sent and not acknowledged, oldest first. */
  open(writer: string): SentBatch[] {
    return this.#writers.get(writer)?.batches.filter(({ offset }) => offset === undefined) ?? [];
  }

  /** Takes note of a new batch before it is sent. Every value gets a text that no other has. */
  send(writer: string, idempotent: boolean, fillers: readonly string[]): SentBatch {
    const state = this.#writers.get(writer) ?? { idempotent, batches: [], records: 0 };
    this.#writers.set(writer, state);
    const values = fillers.map((filler, index) => `${writer}:${state.records + index}:${filler}`);
    const batch: SentBatch = { writer, sequence: state.records, values, offset: undefined };
    state.records += values.length;
    state.batches.push(batch);
    for (const value of values) this.#batchOf.set(value, batch);
    return batch;
  }

  /** Takes note of an acknowledgement. Throws when it contradicts an earlier one. */
  acknowledge(batch: SentBatch, offset: number): void {
    if (batch.offset !== undefined && batch.offset !== offset) {
      throw new Error(`${this.name}: ${title(batch)} was acknowledged at ${batch.offset} and then at ${offset}.`);
    }
    if (batch.offset === undefined) this.#acknowledged += batch.values.length;
    batch.offset = offset;
  }

  /** Takes note that everything below `offset` was deleted on demand. */
  deletedBelow(offset: number): void {
    this.#startOffset = Math.max(this.#startOffset, offset);
  }

  /** Takes note of a record that somebody was given, and says what is wrong with it, if anything. */
  saw({ offset, value }: ReadRecord): string | undefined {
    const before = this.#seen.get(offset);
    this.#seen.set(offset, value ?? "");
    if (before === undefined || before === value) return undefined;
    return `${this.name}: ${offset} was ${short(before)} and is ${short(value)}`;
  }

  /**
   * What is wrong with a partition that holds these records and no others from `startOffset` on, a sentence each.
   *
   * @param mayBegin how far the start may have been moved by a deletion that nobody has confirmed
   */
  check(records: readonly ReadRecord[], startOffset = 0, mayBegin = this.#startOffset): string[] {
    const problems: string[] = [];
    const say = (problem: string) => problems.push(`${this.name}: ${problem}`);
    if (startOffset < this.#startOffset || startOffset > mayBegin) {
      say(`begins at ${startOffset}, but records were deleted below ${this.#startOffset}`);
    }
    const found = this.#placeBatches(records, startOffset, say);
    for (const state of this.#writers.values()) this.#checkWriter(state, found, startOffset, say);
    for (const record of records) {
      const changed = this.saw(record);
      if (changed !== undefined) problems.push(changed);
    }
    const end = startOffset + records.length;
    for (const [offset, value] of this.#seen) {
      if (offset >= end) {
        say(`${offset} (${short(value)}) was read before and is gone: the log ends at ${end}`);
      } else if (offset < startOffset) this.#seen.delete(offset);
    }
    return problems;
  }

  /** Offsets of the batches found; gaps, strangers, torn and doubled batches are problems. */
  #placeBatches(
    records: readonly ReadRecord[],
    startOffset: number,
    say: (problem: string) => void,
  ): Map<SentBatch, number> {
    const found = new Map<SentBatch, number>();
    for (let index = 0; index < records.length;) {
      const { offset, value } = records[index]!;
      if (offset !== startOffset + index) {
        say(`offset ${offset} comes where ${startOffset + index} must`);
        break;
      }
      const batch = this.#batchOf.get(value ?? "");
      if (batch === undefined) {
        say(`nobody sent what is at ${offset}: ${short(value)}`);
        index++;
        continue;
      }
      // A start that was moved into a batch shows only the rest of it.
      const from = index === 0 ? batch.values.indexOf(value!) : 0;
      const rest = batch.values.slice(from);
      const whole = rest.every((each, at) => records[index + at]?.value === each);
      if (!whole) say(`${title(batch)} is torn at ${offset}`);
      if (found.has(batch)) say(`${title(batch)} is there twice: at ${found.get(batch)} and ${offset}`);
      else found.set(batch, offset - from);
      index += whole ? rest.length : 1;
    }
    return found;
  }

  #checkWriter(
    { batches, idempotent }: WriterState,
    found: ReadonlyMap<SentBatch, number>,
    startOffset: number,
    say: (problem: string) => void,
  ): void {
    let last = -1;
    let missing: SentBatch | undefined;
    for (const batch of batches) {
      const at = found.get(batch);
      const { offset } = batch;
      if (at === undefined) {
        const deleted = offset !== undefined && offset + batch.values.length <= startOffset;
        if (offset !== undefined && !deleted) say(`LOST: ${title(batch)}, acknowledged at ${offset}`);
        if (offset === undefined) missing ??= batch;
        continue;
      }
      if (offset !== undefined && at !== offset) {
        say(`${title(batch)} was acknowledged at ${offset} and is at ${at}`);
      }
      if (at < last) say(`${title(batch)} is at ${at}, before what was sent earlier (${last})`);
      // With its start deleted, nobody can tell whether an unanswered batch was there.
      if (idempotent && missing !== undefined && startOffset === 0) {
        say(`${title(batch)} is there, but ${title(missing)}, sent before it, is not`);
      }
      last = at;
    }
  }
}

function title({ writer, sequence, values }: SentBatch): string {
  return `batch ${writer}:${sequence}+${values.length}`;
}

function short(value: string | null): string {
  return value === null ? "null" : value.length > 40 ? `"${value.slice(0, 40)}…"` : `"${value}"`;
}
