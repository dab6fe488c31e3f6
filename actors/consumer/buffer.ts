/**
 * What was fetched of one partition and not handed out yet: answers in order, each with whole batches.
 *
 *     answer ──headers looked at──▶ waits, compressed ──▶ opened batch by batch, checked ──▶ records
 *
 * Invariants: a batch is opened only after its checksum was found right; records come in the order of their offsets, none below where
 * reading began, none of an aborted transaction if those are named; batches without records, and control batches, move on too.
 *
 * @module
 */
import {
  batches,
  type BatchHeader,
  crcMatches,
  InvalidBatchError,
  lastOffsetOf,
  partitionLeaderEpochOf,
} from "../../protocol/batch.ts";
import type { RecordCursor } from "../../protocol/record_cursor.ts";
import { openRecords, recordAt } from "../../protocol/records.ts";
import type { ConsumedRecord, TopicPartition } from "./protocol.ts";
import type { Position } from "./values.ts";

/** What one batch may expand to: as much as any broker can be told to take, or reading would end at it for ever. */
const DECOMPRESSED_BYTES_MAX = 2 ** 31 - 1;

/** What the records are of. */
type PartitionRead = TopicPartition & Pick<ConsumedRecord, "setbacks">;

/** A transaction that was aborted: its records begin there. */
export interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

interface Answer {
  readonly bytes: Uint8Array;
  readonly headers: readonly BatchHeader[];
  /** The header that is read next, or is being read. */
  at: number;
  /** By first offset; those whose records have begun are in {@linkcode ongoing}. */
  readonly aborted: Aborted[];
  readonly ongoing: Set<bigint>;
}

/** Fetched records of one partition. */
export class PartitionBuffer {
  readonly #answers: Answer[] = [];
  #cursor: RecordCursor | undefined;
  /** What came up after records that were good: said when those have been handed out. */
  #damage: unknown;
  /** Bytes that lie here, compressed as they came. */
  sizeBytes = 0;
  /** Where to fetch next; undefined when nothing lies here. */
  end: Position | undefined;

  get isEmpty(): boolean {
    return this.#answers.length === 0;
  }

  /** Records of batches that were not read through, those of them included that were. */
  get recordCount(): number {
    return this.#answers.reduce(
      (sum, { headers, at }) => sum + headers.slice(at).reduce((sum, header) => sum + header.recordCount, 0),
      0,
    );
  }

  clear(): void {
    this.#answers.length = 0;
    this.#cursor = undefined;
    this.#damage = undefined;
    this.sizeBytes = 0;
    this.end = undefined;
  }

  /**
   * Takes what was fetched from `from` on; a last batch that is not all there is left out. Returns where to go on.
   *
   * @throws {InvalidBatchError} what came is no sequence of batches
   */
  add(bytes: Uint8Array, aborted: readonly Aborted[], from: Position): Position {
    const headers: BatchHeader[] = [];
    for (const header of batches(bytes, 0, bytes.length, { cutOff: "end" })) {
      if (lastOffsetOf(bytes, header.at) >= from.offset) headers.push(header); // the rest was compacted to before it
    }
    const last = headers.at(-1);
    if (last === undefined) return from;
    this.end = {
      offset: lastOffsetOf(bytes, last.at) + 1,
      leaderEpoch: partitionLeaderEpochOf(bytes, last.at),
    };
    this.#answers.push({
      bytes,
      headers,
      at: 0,
      aborted: [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset)),
      ongoing: new Set(),
    });
    this.sizeBytes += bytes.length;
    return this.end;
  }

  /**
   * Takes up to `max` records from `position` on into `records`; returns the new position, which may have moved without any.
   *
   * @throws {InvalidBatchError} a batch is damaged
   * @throws {CompressionError} it cannot be decompressed, or expands too far
   */
  take(of: PartitionRead, position: Position, max: number, records: ConsumedRecord[]): Position {
    if (this.#damage !== undefined) throw this.#damage;
    const before = records.length;
    const from = { position };
    try {
      this.#take(of, from, max, records);
    } catch (damage) {
      if (records.length === before) throw damage;
      this.#damage = damage;
    }
    return from.position;
  }

  #take(of: PartitionRead, from: { position: Position }, max: number, records: ConsumedRecord[]): void {
    const { topic, partition, setbacks } = of;
    let left = max;
    for (let answer; (answer = this.#answers[0]) !== undefined;) {
      const header = answer.headers[answer.at];
      if (header === undefined) {
        this.#answers.shift();
        this.sizeBytes -= answer.bytes.length;
        continue;
      }
      const cursor = this.#cursor ??= open(answer, header);
      while (cursor !== undefined && left > 0 && cursor.next()) {
        const { offset, timestamp, key, value, headers } = recordAt(cursor, header);
        if (offset < from.position.offset) continue;
        const { timestampType, partitionLeaderEpoch: leaderEpoch } = header;
        records.push({
          topic,
          partition,
          offset,
          timestamp,
          timestampType,
          key,
          value,
          headers,
          leaderEpoch,
          setbacks,
        });
        from.position = { offset: offset + 1, leaderEpoch };
        left--;
      }
      if (cursor !== undefined && cursor.at < cursor.end) return; // as many as were wanted
      if (cursor !== undefined && cursor.count !== header.recordCount) throw miscounted(header, cursor.count);
      this.#cursor = undefined;
      answer.at++;
      from.position = after(header, from.position);
    }
    this.end = undefined;
  }
}

function miscounted({ baseOffset, recordCount }: BatchHeader, count: number): InvalidBatchError {
  const message = `The batch at offset ${baseOffset} says it has ${recordCount} records, but there are ${count}`;
  return new InvalidBatchError("INVALID_RECORD", message);
}

function after({ baseOffset, lastOffsetDelta, partitionLeaderEpoch }: BatchHeader, position: Position): Position {
  const offset = baseOffset + lastOffsetDelta + 1;
  return offset > position.offset ? { offset, leaderEpoch: partitionLeaderEpoch } : position;
}

/** The records of a batch; undefined when none of them are for the application. */
function open({ bytes, aborted, ongoing }: Answer, header: BatchHeader): RecordCursor | undefined {
  if (!crcMatches(bytes, header.at)) {
    throw new InvalidBatchError("CORRUPT_MESSAGE", `The checksum of the batch at offset ${header.baseOffset} is wrong`);
  }
  const lastOffset = BigInt(header.baseOffset + header.lastOffsetDelta);
  while (aborted.length > 0 && aborted[0]!.firstOffset <= lastOffset) ongoing.add(aborted.shift()!.producerId);
  if (header.isControl) {
    if (header.isTransactional) ongoing.delete(header.producerId); // the marker that ends it
    return undefined;
  }
  if (header.recordCount === 0 || (header.isTransactional && ongoing.has(header.producerId))) return undefined;
  return openRecords(bytes, header, DECOMPRESSED_BYTES_MAX);
}
