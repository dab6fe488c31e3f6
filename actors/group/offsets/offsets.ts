/**
 * What a group has committed: for each partition an offset, with the text that came along.
 *
 * Invariant: what is here is what a fold over the group's offset records gives, the last one of each partition; {@linkcode Offsets.apply}
 * is the only way in. What else the group remembers of its offsets (`doomed`, `removals`) is not durable, and nobody's promise.
 *
 * @module
 */
import type { Asker } from "../../actor.ts";
import type { GroupProtocol } from "../protocol.ts";
import type { GroupRecord } from "../records.ts";
import type { Part } from "../state.ts";

export type OffsetRecord = Extract<GroupRecord, { readonly type: "offset" }>;
/** A committed offset as it is stored. */
export type CommittedOffset = NonNullable<OffsetRecord["value"]>;

/** A partition by the name of its topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The offsets of one group. */
export class Offsets implements Part {
  readonly #topics: Map<string, Map<number, CommittedOffset>> = new Map();
  /**
   * Offsets of topics that are gone, and are to be taken back with the next write: by topic, which partitions. Whoever commits for one of them
   * meanwhile takes it off.
   */
  readonly doomed: Map<string, Set<number>> = new Map();
  /** What was committed for a topic under an id that was not the group's then: it may hear of that later. By topic and partition. */
  readonly #ids: Map<string, Map<number, string>> = new Map();
  /** Who waits for the whole group to be deleted, where that takes more than one write. */
  readonly removals: Asker<ReturnType<GroupProtocol["remove"]>>[] = [];

  constructor(readonly groupId: string) {}

  apply(record: GroupRecord): void {
    if (record.type !== "offset") return;
    const { topic, partition, value } = record;
    if (value === null) this.spare(record, undefined); // "doomed" lists only what is there
    const partitions = this.#topics.get(topic);
    if (value !== null) {
      if (partitions === undefined) this.#topics.set(topic, new Map([[partition, value]]));
      else partitions.set(partition, value);
    } else if (partitions?.delete(partition) && partitions.size === 0) this.#topics.delete(topic);
  }

  records(): readonly GroupRecord[] {
    return this.all().map(({ topic, partition, value }) => ({
      type: "offset",
      group: this.groupId,
      topic,
      partition,
      value,
    }));
  }

  get isEmpty(): boolean {
    return this.#topics.size === 0;
  }

  /** How many there are. */
  get count(): number {
    let count = 0;
    for (const partitions of this.#topics.values()) count += partitions.size;
    return count;
  }

  /** Whether something is committed for a partition, doomed or not. */
  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false;
  }

  /** What is committed for a partition. */
  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.isDoomed(topic, partition) ? undefined : this.#topics.get(topic)?.get(partition);
  }

  /** All that there is of this topic is to be taken back, but for what was committed for another of its name. */
  doom(topic: string, topicId: string): void {
    const ids = this.#ids.get(topic);
    const partitions = [...this.#topics.get(topic)?.keys() ?? []].filter((partition) =>
      (ids?.get(partition) ?? topicId) === topicId
    );
    if (partitions.length > 0) this.doomed.set(topic, new Set(partitions));
  }

  isDoomed(topic: string, partition: number): boolean {
    return this.doomed.get(topic)?.has(partition) ?? false;
  }

  /**
   * What was doomed is not any more: there is something new for this partition, or nothing at all. `otherId` is the id of its topic where
   * that is another than the group knows.
   */
  spare({ topic, partition }: TopicPartition, otherId: string | undefined): void {
    const partitions = this.doomed.get(topic);
    if (partitions?.delete(partition) && partitions.size === 0) this.doomed.delete(topic);
    const ids = this.#ids.get(topic);
    if (otherId === undefined) {
      if (ids?.delete(partition) && ids.size === 0) this.#ids.delete(topic);
    } else if (ids === undefined) this.#ids.set(topic, new Map([[partition, otherId]]));
    else ids.set(partition, otherId);
  }

  /** The topics that it has offsets of. */
  topics(): Iterable<string> {
    return this.#topics.keys();
  }

  /** All that there are, by topic and partition. */
  all(): (TopicPartition & { readonly value: CommittedOffset })[] {
    const topics = [...this.#topics].sort(([a], [b]) => a < b ? -1 : 1);
    return topics.flatMap(([topic, partitions]) =>
      [...partitions].sort(([a], [b]) => a - b).map(([partition, value]) => ({ topic, partition, value }))
    );
  }

  /** Takes back what was committed for a partition. */
  tombstone({ topic, partition }: TopicPartition): OffsetRecord {
    return { type: "offset", group: this.groupId, topic, partition, value: null };
  }
}
