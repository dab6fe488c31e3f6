/**
 * Walks through the batches of some segments, with every byte checked, and can rest on the way.
 *
 * @module
 */
import type { BatchHeader } from "../../protocol/batch.ts";
import { ANY_OFFSET, BatchScanner, isUnreadable } from "../batch_scanner.ts";
import { corruptLog, type Segment } from "../segment.ts";

const CHUNK_BYTES = 256 * 1024;

/** A place in some segments. After a {@linkcode BatchWalk.next} that answered true it stands on a batch. */
export class BatchWalk {
  readonly #log: string;
  readonly #segments: readonly Segment[];
  readonly #epochAt: (offset: number) => number;
  #index = 0;
  #next = 0;
  #nextOffset: number;
  #epoch = -1;
  #scanner: BatchScanner | undefined;

  /**
   * @param segments one behind the other
   * @param from where to begin, in the first of them
   * @param epochAt the leader epoch that a batch must have, which its own CRC does not cover; -1 when it is not known
   */
  constructor(log: string, segments: readonly Segment[], from: number, epochAt: (offset: number) => number) {
    this.#log = log;
    this.#segments = segments;
    this.#epochAt = epochAt;
    const first = segments[0];
    const isInside = first !== undefined && from > first.baseOffset;
    this.#next = isInside ? first.locate(from) : 0;
    this.#nextOffset = isInside ? ANY_OFFSET : first?.baseOffset ?? ANY_OFFSET;
  }

  get header(): BatchHeader {
    return this.#scanner!.header;
  }

  get lastOffset(): number {
    return this.#scanner!.lastOffset;
  }

  /** The batch: a view, until the next step or {@linkcode BatchWalk.rest}. */
  get batch(): Uint8Array {
    return this.#scanner!.batch;
  }

  /**
   * Steps to the next batch; false at the end.
   *
   * @throws {CorruptLogError}
   */
  next(): boolean {
    for (let segment = this.#segments[this.#index]; segment; segment = this.#segments[++this.#index]) {
      const scanner = this.#scanner ??= new BatchScanner(segment.file, {
        from: this.#next,
        to: segment.size,
        expectedOffset: this.#nextOffset,
        epoch: this.#epoch,
        verifyFrom: 0,
        chunkBytes: Math.min(CHUNK_BYTES, segment.size),
      });
      if (scanner.next()) {
        this.#next = scanner.position + scanner.header.sizeInBytes;
        this.#nextOffset = scanner.nextOffset;
        this.#epoch = scanner.epoch;
        const known = this.#epochAt(scanner.lastOffset);
        if (known >= 0 && known !== scanner.epoch) {
          this.#corrupt(`has leader epoch ${scanner.epoch} where ${known} was`);
        }
        return true;
      }
      if (scanner.problem !== undefined) this.#corrupt(scanner.problem);
      this.#scanner = undefined;
      this.#next = 0;
    }
    return false;
  }

  /** Lets go of the file, which may be closed until the next step. */
  rest(): void {
    this.#scanner = undefined;
  }

  /** Does something with the records of the batch. One that cannot be read is damage. */
  read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (isUnreadable(error)) this.#corrupt(`is not readable: ${error.message}`);
      throw error;
    }
  }

  #corrupt(problem: string): never {
    throw corruptLog(this.#log, this.#segments[this.#index]!.path, this.#scanner!.position, problem);
  }
}
