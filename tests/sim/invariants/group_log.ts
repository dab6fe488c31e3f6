/**
 * What is committed in one partition of `__consumer_offsets`, folded into groups as it grows.
 *
 *     ledger (what is committed) ──entries, from whoever has them──▶ batch by batch ──▶ folds ──▶ judged
 *
 * Each record is read once, just after it was committed. What a replica has there later, after its cleaner was at work, must fold
 * to the same ({@linkcode GroupLog.compare}).
 *
 * @module
 */
import { decodeRecord, type GroupRecord } from "../../../actors/group/records.ts";
import { GroupFold, latin1 } from "./group_fold.ts";
import { before, type GroupBefore, judgeGroup, NOTHING_BEFORE } from "./group_rules.ts";
import type { Partition } from "./partition.ts";
import type { Entry, ReplicaView, Tell } from "./views.ts";

/** An offset that a group has committed. */
export type OffsetRecord = Extract<GroupRecord, { type: "offset" }>;

/** Whoever wants to know what is committed. */
export interface GroupListener {
  /** Names of topics that there are, by id. */
  nameOf(topicId: string): string | undefined;
  /** An offset is committed, or taken back; `fold` is the group as it was just before. */
  committed(fold: GroupFold, record: OffsetRecord, offset: number): void;
  /** Something else is. */
  changed(fold: GroupFold, record: GroupRecord): void;
  /** What was committed is not to be relied on any more. */
  forgotten(groupIds: readonly string[]): void;
}

/** One partition, folded. */
export class GroupLog {
  /** Everything below has been taken in. */
  end = 0;
  /** Of the last batch. */
  epoch = -1;
  readonly folds: Map<string, GroupFold> = new Map();
  /** The last record of each key that has one which is no tombstone. */
  readonly #entries = new Map<string, Entry>();
  #forgets = 0;
  #waiting: (() => void)[] = [];

  constructor(readonly partition: Partition, readonly listener: GroupListener, readonly tell: Tell) {}

  /** Whether everything that is committed has been taken in. */
  get isUpToDate(): boolean {
    const { ledger } = this.partition;
    return this.end === ledger.end && this.#forgets === ledger.forgets;
  }

  /** Calls back as soon as everything that is committed by now has been taken in: mostly at once. */
  whenUpToDate(then: () => void): void {
    if (this.isUpToDate) then();
    else this.#waiting.push(then);
  }

  /** The group of this id; an empty one where there is none. */
  fold(groupId: string): GroupFold {
    let fold = this.folds.get(groupId);
    if (fold === undefined) this.folds.set(groupId, fold = new GroupFold(groupId));
    return fold;
  }

  /** Takes in what has been committed since. */
  follow(): void {
    const { ledger } = this.partition;
    if (this.#forgets !== ledger.forgets) this.#forget();
    if (!ledger.isBegun || this.end >= ledger.end) return;
    if (this.end < ledger.start) this.end = ledger.start;
    const entries = this.#read(ledger.end);
    if (entries === undefined) return;
    for (let from = 0, to = 0; from < entries.length; from = to) {
      while (to < entries.length && entries[to]!.base === entries[from]!.base) to++;
      this.#take(entries.slice(from, to));
    }
    this.end = ledger.end;
    this.epoch = ledger.batches.at(-1)?.epoch ?? this.epoch;
    for (const then of this.#waiting.splice(0)) then();
  }

  /** What a replica has, from its beginning on, folds to what was committed; a sentence where it does not. */
  compare(view: ReplicaView): string | undefined {
    const found = view.entries(view.startOffset, this.end);
    if (found === undefined) return undefined;
    const last = new Map<string, Entry>();
    for (const entry of found) if (entry.key !== null && entry.offset < this.end) last.set(entry.key, entry);
    for (const [key, { offset, value }] of this.#entries) {
      const there = last.get(key);
      if (there === undefined) return `it has lost the last record of a key, at ${offset}`;
      if (there.offset !== offset) return `the last record of a key is at ${there.offset}, and was at ${offset}`;
      if (there.value === null || latin1(there.value) !== latin1(value!)) return `the record at ${offset} is another`;
      last.delete(key);
    }
    for (const { offset, value } of last.values()) if (value !== null) return `it has kept the record at ${offset}`;
    return undefined;
  }

  #read(untilOffset: number): readonly Entry[] | undefined {
    for (const { view, follower } of this.partition.watches.values()) {
      if (follower.isDark || follower.matched < untilOffset || !view.isCurrent) continue;
      const entries = view.entries(this.end, untilOffset);
      if (entries !== undefined) return entries;
    }
    return undefined;
  }

  /** One batch. */
  #take(entries: readonly Entry[]): void {
    const touched = new Map<GroupFold, GroupBefore>();
    for (const entry of entries) {
      const record = this.#decode(entry);
      if (record === undefined) continue;
      const fold = this.fold(record.group);
      if (!touched.has(fold)) touched.set(fold, fold.isEmpty ? { ...NOTHING_BEFORE, ends: fold.ends } : before(fold));
      if (record.type === "offset") this.listener.committed(fold, record, entry.offset);
      fold.apply(record);
      if (record.type !== "offset") this.listener.changed(fold, record);
    }
    for (const [fold, was] of touched) {
      judgeGroup(fold, was, (topicId) => this.listener.nameOf(topicId), this.tell);
    }
  }

  #decode(entry: Entry): GroupRecord | undefined {
    const { key, value, offset } = entry;
    if (key === null) {
      this.tell(`${this.partition.name} has a record without a key at ${offset}.`);
      return undefined;
    }
    if (value === null) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    try {
      return decodeRecord(Uint8Array.from(key, (character) => character.charCodeAt(0)), value);
    } catch (error) {
      this.tell(`${this.partition.name} has a record at ${offset} that cannot be read: ${error}.`);
      return undefined;
    }
  }

  #forget(): void {
    this.#forgets = this.partition.ledger.forgets;
    this.listener.forgotten([...this.folds.keys()]);
    this.folds.clear();
    this.#entries.clear();
    this.#waiting = [];
    this.end = 0;
    this.epoch = -1;
  }
}
