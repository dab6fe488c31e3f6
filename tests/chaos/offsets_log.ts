/**
 * What is in `__consumer_offsets` of groups after a run: all that their coordinators, whoever they were, have ever committed.
 *
 *     the leader of the group's partition ──batch by batch──▶ fold ──▶ judged by the rules of the simulator
 *
 * Invariants: those of `tests/sim/invariants/group_rules.ts` (one owner of a partition in a generation), and that committed offsets do not
 * fall below where the present owner began. They can be judged from the log alone, because nothing of it has been compacted yet: its
 * segments are 100 MiB.
 *
 * @module
 */
import { groupPartition, OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import { decodeRecord, type GroupRecord } from "../../actors/group/records.ts";
import { batches, maxTimestampOf } from "../../protocol/batch.ts";
import { decodeAssignment } from "../../protocol/consumer_protocol.ts";
import { errorName } from "../../protocol/errors.ts";
import { records } from "../../protocol/records.ts";
import { fetch } from "../../protocol/tables/produce_fetch.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { GroupFold } from "../sim/invariants/group_fold.ts";
import { before, type GroupBefore, judgeGroup, NOTHING_BEFORE } from "../sim/invariants/group_rules.ts";

const READ_BYTES = 1 << 20;

/** A record of a group, where and when it was written. */
export interface LoggedRecord {
  readonly offset: number;
  /** By the clock of the broker that wrote it. */
  readonly atMs: number;
  readonly record: GroupRecord;
}

/** Where to find who leads a partition of the topic, and what topics are called. */
export interface OffsetsPlace {
  /** How many partitions `__consumer_offsets` has. */
  readonly partitions: number;
  /** `host:port` of the leader. */
  leaderOf(partition: number): string;
}

/** All that was written of a group, a list for each batch. */
export async function readGroupLog(place: OffsetsPlace, groupId: string): Promise<LoggedRecord[][]> {
  const partition = groupPartition(groupId, place.partitions);
  await using client = await RawClient.connect(place.leaderOf(partition));
  const found: LoggedRecord[][] = [];
  for (let offset = 0;;) {
    const { responses } = await client.call(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: READ_BYTES,
      topics: [{
        topic: OFFSETS_TOPIC,
        partitions: [{ partition, fetchOffset: BigInt(offset), partitionMaxBytes: READ_BYTES }],
      }],
    });
    const { errorCode, records: bytes } = responses[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`${OFFSETS_TOPIC}-${partition} cannot be read: ${errorName(errorCode)}`);
    if (bytes === null || bytes.length === 0) return found;
    for (const { at } of batches(bytes)) {
      const batch: LoggedRecord[] = [];
      for (const each of records(bytes, at)) {
        offset = each.offset + 1;
        const record = each.key === null ? undefined : decodeRecord(each.key, each.value);
        if (record?.group === groupId) batch.push({ offset: each.offset, atMs: maxTimestampOf(bytes, at), record });
      }
      if (batch.length > 0) found.push(batch);
    }
  }
}

/** A committed offset that is lower than the one before it. */
export interface Fall {
  readonly partition: number;
  readonly atMs: number;
  readonly text: string;
}

/** What there is to say about what was written of a group. */
export interface GroupVerdict {
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
  /** Falls that cannot be: to less than was committed when the present owner came into the generation in which it has the partition. */
  readonly falls: readonly Fall[];
  /** Falls within one owner's generation: it has sent again what was in doubt, behind what it committed later (librdkafka does). */
  readonly repeats: readonly Fall[];
  /** What was committed for each partition, in order. */
  readonly commits: ReadonlyMap<number, readonly bigint[]>;
}

/** Judges everything that was written of a group that reads one topic. */
export function judgeGroupLog(groupId: string, log: readonly (readonly LoggedRecord[])[]): GroupVerdict {
  const problems: string[] = [];
  const offsets = new CommittedOffsets(groupId);
  const fold = new GroupFold(groupId);
  for (const batch of log) {
    const was: GroupBefore = fold.isEmpty ? { ...NOTHING_BEFORE, ends: fold.ends } : before(fold);
    for (const logged of batch) {
      offsets.apply(logged, fold);
      fold.apply(logged.record);
    }
    judgeGroup(fold, was, () => undefined, (sentence) => problems.push(sentence));
  }
  return { problems, falls: offsets.falls, repeats: offsets.repeats, commits: offsets.commits };
}

/** Follows what is committed of each partition. */
class CommittedOffsets {
  readonly falls: Fall[] = [];
  readonly repeats: Fall[] = [];
  readonly commits = new Map<number, bigint[]>();
  /** What was committed when the owner's generation began. */
  readonly #floors = new Map<number, bigint>();

  constructor(readonly groupId: string) {}

  /** Takes in the next record; `fold` is the group as it was before. */
  apply({ record, offset, atMs }: LoggedRecord, fold: GroupFold): void {
    if (record.type === "classicGroup") { for (const partition of this.commits.keys()) this.#begin(partition); }
    if (record.type === "current") {
      const was = fold.currents.get(record.memberId);
      const isNewEpoch = was?.memberEpoch !== record.value?.memberEpoch;
      const had = new Set(was?.assignedPartitions.flatMap(({ partitions }) => partitions));
      const has = record.value?.assignedPartitions.flatMap(({ partitions }) => partitions) ?? [];
      for (const partition of has) if (isNewEpoch || !had.has(partition)) this.#begin(partition);
    }
    if (record.type !== "offset") return;
    const { partition } = record;
    const now = record.value?.offset ?? -1n;
    const earlier = this.#last(partition);
    const text =
      `${this.groupId}: ${partition} was committed to ${earlier}, then to ${now}, by the record at ${offset}`;
    const isWithin = now >= (this.#floors.get(partition) ?? -1n);
    if (now < earlier) (isWithin ? this.repeats : this.falls).push({ partition, atMs, text });
    const commits = this.commits.get(partition);
    if (commits === undefined) this.commits.set(partition, [now]);
    else commits.push(now);
  }

  #begin(partition: number): void {
    this.#floors.set(partition, this.#last(partition));
  }

  #last(partition: number): bigint {
    return this.commits.get(partition)?.at(-1) ?? -1n;
  }
}

/** What a record says of a partition of the one topic that groups read here, in a few words; undefined when nothing. */
export function tellOf({ record, offset }: LoggedRecord, partition: number): string | undefined {
  switch (record.type) {
    case "offset":
      return record.partition === partition
        ? `commit to ${record.value?.offset ?? "nothing"} (at ${offset})`
        : undefined;
    case "classicGroup": {
      const owner = record.value?.members.find(({ assignment }) =>
        decodeAssignment(assignment)?.assignedPartitions.some(({ partitions }) => partitions.includes(partition))
      );
      return `generation ${record.value?.generation} gives it to ${owner?.memberId ?? "nobody"} (at ${offset})`;
    }
    case "current": {
      const { memberEpoch, assignedPartitions = [], partitionsPendingRevocation = [] } = record.value ?? {};
      const where = [
        ...assignedPartitions.some(({ partitions }) => partitions.includes(partition)) ? ["has it"] : [],
        ...partitionsPendingRevocation.some(({ partitions }) => partitions.includes(partition))
          ? ["is to give it back"]
          : [],
      ];
      return `${record.memberId} ${where.join() || "has it not"} in epoch ${memberEpoch ?? "none"} (at ${offset})`;
    }
    default:
      return undefined;
  }
}
