/**
 * What was polled and is not handed out yet, and how far handing out has come.
 *
 * Invariant: an offset is called handed out when the record before it has been, and not before.
 *
 * @module
 */
import type { ConsumedRecord, OffsetAndMetadata, TopicPartition } from "../actors/consumer/protocol.ts";

/** Records between a poll and the program. */
export class Backlog {
  #records: readonly ConsumedRecord[] = [];
  #at = 0;
  /** The last record of each partition that was handed out, but for {@linkcode Backlog.#last}. */
  readonly #handedOut = new Map<string, ConsumedRecord>();
  /** The last of all: most records are of the same partition as those before them. */
  #last: ConsumedRecord | undefined;

  get isEmpty(): boolean {
    return this.#at === this.#records.length;
  }

  add(records: readonly ConsumedRecord[]): void {
    this.#records = this.isEmpty ? records : [...this.#rest(), ...records];
    this.#at = 0;
  }

  /** Up to so many records, which are handed out with this. */
  takeAll(max: number): readonly ConsumedRecord[] {
    return this.#take(Math.min(max, this.#records.length - this.#at));
  }

  /** The records at the front that are of one partition. */
  takeRun(): readonly ConsumedRecord[] {
    const first = this.#records[this.#at];
    let count = 0;
    while (isOf(this.#records[this.#at + count], first)) count++;
    return this.#take(count);
  }

  /** What can be committed because it was handed out: of all partitions, or of these. */
  handedOut(of?: readonly TopicPartition[]): readonly OffsetAndMetadata[] {
    this.#note();
    const all = [...this.#handedOut.values()].filter((last) => of?.some((partition) => isOf(last, partition)) ?? true);
    return all.map(({ topic, partition, offset, leaderEpoch }) => (
      { topic, partition, offset: offset + 1, leaderEpoch, metadata: "" }
    ));
  }

  /** The offset of the first record of a partition that waits. */
  nextOf(partition: TopicPartition): number | undefined {
    return this.#rest().find((record) => isOf(record, partition))?.offset;
  }

  countOf(partition: TopicPartition): number {
    return this.#rest().filter((record) => isOf(record, partition)).length;
  }

  /** Takes out what waits of these partitions, and says where that begins. */
  drop(partitions: readonly TopicPartition[]): readonly (TopicPartition & { readonly offset: number })[] {
    const begins = partitions.flatMap(({ topic, partition }) => {
      const offset = this.nextOf({ topic, partition });
      return offset === undefined ? [] : [{ topic, partition, offset }];
    });
    this.keep((record) => !partitions.some((partition) => isOf(record, partition)));
    return begins;
  }

  /** Takes out what does not pass. */
  keep(passes: (record: ConsumedRecord) => boolean): void {
    this.#records = this.#rest().filter(passes);
    this.#at = 0;
  }

  /** These partitions are somebody else's: how far they were handed out here is of no use any more. */
  forget(partitions: readonly TopicPartition[]): void {
    this.#note();
    for (const { topic, partition } of partitions) this.#handedOut.delete(`${topic}-${partition}`);
  }

  clear(): void {
    this.#records = [];
    this.#at = 0;
    this.#last = undefined;
    this.#handedOut.clear();
  }

  #rest(): readonly ConsumedRecord[] {
    return this.#at === 0 ? this.#records : this.#records.slice(this.#at);
  }

  #take(count: number): readonly ConsumedRecord[] {
    const taken = this.#records.slice(this.#at, this.#at + count);
    this.#at += count;
    for (const record of taken) {
      if (this.#last !== undefined && !isOf(record, this.#last)) this.#note();
      this.#last = record;
    }
    return taken;
  }

  #note(): void {
    if (this.#last !== undefined) this.#handedOut.set(`${this.#last.topic}-${this.#last.partition}`, this.#last);
    this.#last = undefined;
  }
}

function isOf(record: TopicPartition | undefined, of: TopicPartition | undefined): boolean {
  return record !== undefined && of !== undefined && record.topic === of.topic && record.partition === of.partition;
}
