/**
 * What was polled and is not handed out yet, how far handing out has come, and how far the program.
 *
 *     waits ──▶ at hand ──the program asks for more──▶ dealt with ──▶ committed
 *
 * Invariants: an offset is called handed out when the record before it has been, and not before; and dealt with when the program has said
 * so of that record.
 *
 * @module
 */
import type { ConsumedRecord, OffsetAndMetadata, TopicPartition } from "../actors/consumer/protocol.ts";

/** What the program has of one partition. */
interface AtHand {
  readonly first: ConsumedRecord;
  /** The last record of that partition that was handed out before. */
  readonly before: ConsumedRecord | undefined;
}

/** Records between a poll and the program. */
export class Backlog {
  #records: readonly ConsumedRecord[] = [];
  #at = 0;
  /** The last record of each partition that was handed out, but for {@linkcode Backlog.#last}. */
  readonly #handedOut = new Map<string, ConsumedRecord>();
  /** The last of all: most records are of the same partition as those before them. */
  #last: ConsumedRecord | undefined;
  #atHand: AtHand[] = [];
  /** By partition, up to where the group has what was handed out, as far as that is known here. */
  readonly #committed = new Map<string, number>();
  /** By partition, up to where something was handed out that was not committed when the partition went. */
  readonly #missed = new Map<string, TopicPartition & { readonly offset: number }>();

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
    return offsetsBehind(this.#handedOut, of);
  }

  /** The same without what the program has at hand. */
  dealtWith(of?: readonly TopicPartition[]): readonly OffsetAndMetadata[] {
    this.#note();
    if (this.#atHand.length === 0) return offsetsBehind(this.#handedOut, of);
    const lasts = new Map(this.#handedOut);
    for (const { first, before } of this.#atHand) {
      if (before === undefined) lasts.delete(keyOf(first));
      else lasts.set(keyOf(first), before);
    }
    return offsetsBehind(lasts, of);
  }

  /** The program is through with what it has at hand. */
  through(): void {
    if (this.#atHand.length > 0) this.#atHand = [];
  }

  /** The group has these. */
  committed(offsets: readonly (TopicPartition & Pick<OffsetAndMetadata, "offset" | "setbacks">)[]): void {
    this.#note();
    for (const one of offsets) {
      const key = keyOf(one);
      const last = this.#handedOut.get(key);
      // Else it has gone, or gone back, meanwhile.
      if (last !== undefined && (one.setbacks ?? last.setbacks) === last.setbacks) this.#committed.set(key, one.offset);
      if ((this.#missed.get(key)?.offset ?? Infinity) <= one.offset) this.#missed.delete(key);
    }
  }

  /** Partitions that went before all that was handed out of them was committed; says so once. */
  takeMissed(): readonly TopicPartition[] {
    const missed = [...this.#missed.values()];
    this.#missed.clear();
    return missed;
  }

  /** The first record of a partition that waits. */
  nextOf(partition: TopicPartition): ConsumedRecord | undefined {
    return this.#rest().find((record) => isOf(record, partition));
  }

  countOf(partition: TopicPartition): number {
    return this.#rest().filter((record) => isOf(record, partition)).length;
  }

  /** Takes out what waits of these partitions, and says with which records that begins. */
  drop(partitions: readonly TopicPartition[]): readonly ConsumedRecord[] {
    const begins = partitions.flatMap((partition) => this.nextOf(partition) ?? []);
    this.keep((record) => !partitions.some((partition) => isOf(record, partition)));
    return begins;
  }

  /** Takes out what does not pass. */
  keep(passes: (record: ConsumedRecord) => boolean): void {
    this.#records = this.#rest().filter(passes);
    this.#at = 0;
  }

  /** These partitions are somebody else's: what was not committed of them will not be. */
  lose(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition, offset } of this.handedOut(partitions)) {
      const key = keyOf({ topic, partition });
      if (offset > (this.#committed.get(key) ?? -1)) this.#missed.set(key, { topic, partition, offset });
    }
    this.forget(partitions);
  }

  /** How far these partitions were handed out is of no use any more. */
  forget(partitions: readonly TopicPartition[]): void {
    this.#note();
    this.#atHand = this.#atHand.filter(({ first }) => !partitions.some((partition) => isOf(first, partition)));
    for (const partition of partitions) {
      this.#handedOut.delete(keyOf(partition));
      this.#committed.delete(keyOf(partition));
    }
  }

  clear(): void {
    this.#records = [];
    this.#at = 0;
    this.#last = undefined;
    this.#handedOut.clear();
    this.#atHand = [];
    this.#committed.clear();
    this.#missed.clear();
  }

  #rest(): readonly ConsumedRecord[] {
    return this.#at === 0 ? this.#records : this.#records.slice(this.#at);
  }

  #take(count: number): readonly ConsumedRecord[] {
    const taken = this.#records.slice(this.#at, this.#at + count);
    this.#at += count;
    let before: ConsumedRecord | undefined;
    for (const record of taken) {
      if (!isOf(record, before)) this.#pickUp(record);
      if (this.#last !== undefined && !isOf(record, this.#last)) this.#note();
      before = this.#last = record;
    }
    return taken;
  }

  #pickUp(record: ConsumedRecord): void {
    if (this.#atHand.some(({ first }) => isOf(first, record))) return;
    const before = isOf(record, this.#last) ? this.#last : this.#handedOut.get(keyOf(record));
    this.#atHand.push({ first: record, before });
  }

  #note(): void {
    const last = this.#last;
    if (last === undefined) return;
    const key = keyOf(last);
    if (this.#handedOut.get(key)?.setbacks !== last.setbacks) this.#committed.delete(key); // that is of another log
    this.#handedOut.set(key, last);
    this.#last = undefined;
  }
}

/** What can be committed when these are the last records of their partitions; of these partitions only. */
function offsetsBehind(
  lasts: ReadonlyMap<string, ConsumedRecord>,
  of: readonly TopicPartition[] | undefined,
): readonly OffsetAndMetadata[] {
  const all = [...lasts.values()].filter((last) => of?.some((partition) => isOf(last, partition)) ?? true);
  return all.map(({ topic, partition, offset, leaderEpoch, setbacks }) => (
    { topic, partition, offset: offset + 1, leaderEpoch, metadata: "", setbacks }
  ));
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function isOf(record: TopicPartition | undefined, of: TopicPartition | undefined): boolean {
  return record !== undefined && of !== undefined && record.topic === of.topic && record.partition === of.partition;
}
