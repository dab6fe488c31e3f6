/**
 * What one turn decides, before it is decided: the state as it would be, and the records that make it so.
 *
 *     state ──read through──▶ draft ──set …──▶ records ──small enough to be written──▶ append, apply
 *                                                 └──too large──▶ nothing has happened
 *
 * Invariant: what the draft answers is what the state will answer when its records have been applied. There is one record for each
 * key, and the group epoch grows once at most.
 *
 * @module
 */
import type { Assignment } from "../assignor.ts";
import type { GroupRecord } from "../records.ts";
import type { GroupOutbox } from "../state.ts";
import { fits } from "../write_size.ts";
import {
  asksForOthers,
  currentRecord,
  expressionsOf,
  type MemberMetadata,
  memberRecord,
  type RegexMeaning,
  sameMetadata,
  targetRecord,
} from "./member.ts";
import type { ModernGroup, Volatile } from "./modern.ts";
import { stillSince } from "./assignment_epochs.ts";
import { has, intersection, NOTHING } from "./partitions.ts";
import { type Current, NEWCOMER } from "./reconciliation.ts";
import { Tally } from "./tally.ts";

/** A turn's decisions about one group. */
export class Draft {
  /** What members are subscribed to has changed, or who is a member. */
  resubscribed = false;
  /** Why there is no target, though one is due: a sentence. */
  fault: string | undefined;
  /** What is known in memory once this is decided. */
  readonly noted: Partial<Omit<Volatile, "deadlines" | "confirmed">> = {};
  readonly #records = new Map<string, GroupRecord>();
  readonly #metadata = new Map<string, MemberMetadata | null>();
  readonly #targets = new Map<string, Assignment | null>();
  readonly #currents = new Map<string, Current | null>();
  readonly #regexes = new Map<string, RegexMeaning | null>();
  #epoch: number;
  #metadataHash: bigint;
  #assignmentEpoch: number;

  /** `before` are records that come first, such as those that take another group out of the log. */
  constructor(readonly state: ModernGroup, before: readonly GroupRecord[] = []) {
    this.#epoch = state.epoch;
    this.#metadataHash = state.metadataHash;
    this.#assignmentEpoch = state.assignmentEpoch;
    for (const record of before) this.#records.set(`before/${this.#records.size}`, record);
  }

  get epoch(): number {
    return this.#epoch;
  }

  get metadataHash(): bigint {
    return this.#metadataHash;
  }

  get assignmentEpoch(): number {
    return this.#assignmentEpoch;
  }

  /** Whether it has another target than the state, and not the first. */
  get isAssigned(): boolean {
    return this.state.assignmentEpoch > 0 && this.#assignmentEpoch > this.state.assignmentEpoch;
  }

  get records(): readonly GroupRecord[] {
    return [...this.#records.values()];
  }

  metadata(memberId: string): MemberMetadata | undefined {
    return read(this.#metadata, this.state.metadata, memberId);
  }

  current(memberId: string): Current {
    return read(this.#currents, this.state.currents, memberId) ?? NEWCOMER;
  }

  target(memberId: string): Assignment {
    return read(this.#targets, this.state.targets, memberId) ?? NOTHING;
  }

  regex(regex: string): RegexMeaning | undefined {
    return read(this.#regexes, this.state.regexes, regex);
  }

  /** The member that is this instance. */
  holderOf(instanceId: string): string | undefined {
    const holder = this.state.instances.get(instanceId);
    return holder !== undefined && this.metadata(holder)?.instanceId === instanceId ? holder : undefined;
  }

  /** Ids of all members, in the order in which they came. */
  memberIds(): string[] {
    const ids = [...this.state.metadata.keys()].filter((memberId) => this.#metadata.get(memberId) !== null);
    for (const [memberId, value] of this.#metadata) {
      if (value !== null && !this.state.metadata.has(memberId)) ids.push(memberId);
    }
    return ids;
  }

  get size(): number {
    let size = this.state.metadata.size;
    for (const [memberId, value] of this.#metadata) {
      size += (value === null ? 0 : 1) - (this.state.metadata.has(memberId) ? 1 : 0);
    }
    return size;
  }

  /** All regular expressions that members name, each once. */
  regexesInUse(): Set<string> {
    return this.state.expressions.with(this.#change(expressionsOf));
  }

  /** Names of all topics that members are subscribed to, whether there are such topics or not. */
  subscribedNames(): Set<string> {
    const names = this.state.names.with(this.#change((metadata) => metadata?.subscribedTopicNames ?? []));
    for (const regex of this.regexesInUse()) for (const name of this.regex(regex)?.topics ?? []) names.add(name);
    return names;
  }

  /** Whether no member but this one has the partition, be it assigned or to be given up. */
  isFree(topicId: string, partition: number, memberId: string): boolean {
    for (const holder of this.state.holders(topicId, partition)) {
      if (holder !== memberId && !this.#currents.has(holder)) return false;
    }
    for (const [holder, current] of this.#currents) {
      if (holder === memberId || current === null) continue;
      if (has(current.assigned, topicId, partition) || has(current.pending, topicId, partition)) return false;
    }
    return true;
  }

  /** A member comes, or says something else of itself; when that can change who is to have what, the group epoch grows. */
  setMetadata(memberId: string, value: MemberMetadata): void {
    const before = this.metadata(memberId);
    if (before !== undefined && sameMetadata(before, value)) return;
    this.#metadata.set(memberId, value);
    this.#put(`member/${memberId}`, memberRecord(this.state.groupId, memberId, value));
    if (before !== undefined && !asksForOthers(before, value)) return;
    this.resubscribed = true;
    this.bump();
  }

  /** A static member's next incarnation: all that the last one was and was to have is its; it uses nothing so far. */
  replace(memberId: string, by: string): void {
    const metadata = this.metadata(memberId)!;
    const target = this.target(memberId);
    const before = this.current(memberId);
    const assigned = intersection(before.assigned, target);
    if (memberId !== by) {
      this.forget(memberId);
      this.#metadata.set(by, metadata);
      this.#put(`member/${by}`, memberRecord(this.state.groupId, by, metadata));
      this.setTarget(by, target);
    }
    this.setCurrent(by, { ...NEWCOMER, assigned, since: stillSince(before.since, assigned) });
  }

  setCurrent(memberId: string, value: Current): void {
    this.#currents.set(memberId, value);
    this.#put(`current/${memberId}`, currentRecord(this.state.groupId, memberId, value));
  }

  setTarget(memberId: string, value: Assignment): void {
    this.#targets.set(memberId, value);
    this.#put(`target/${memberId}`, targetRecord(this.state.groupId, memberId, value));
  }

  setRegex(regex: string, value: RegexMeaning | null): void {
    this.#regexes.set(regex, value);
    this.#put(`regex/${regex}`, { type: "regex", group: this.state.groupId, regex, value });
  }

  /** All that there is of a member is taken back; the group epoch is another matter. */
  forget(memberId: string): void {
    const group = this.state.groupId;
    this.resubscribed = true;
    this.#currents.set(memberId, null);
    this.#targets.set(memberId, null);
    this.#metadata.set(memberId, null);
    this.#put(`current/${memberId}`, currentRecord(group, memberId, null));
    this.#put(`target/${memberId}`, targetRecord(group, memberId, null));
    this.#put(`member/${memberId}`, memberRecord(group, memberId, null));
  }

  /** The group epoch grows, once in a turn. */
  bump(): void {
    this.#setGroup(this.state.epoch + 1, this.#metadataHash);
  }

  /** What the subscribed topics look like; another look is a reason for another target. */
  setMetadataHash(hash: bigint): void {
    if (hash !== this.#metadataHash) this.#setGroup(this.state.epoch + 1, hash);
  }

  /** A target has been worked out for the group epoch as it is now. */
  setAssigned(nowMs: number): void {
    this.#assignmentEpoch = this.#epoch;
    this.#put("targetEpoch", {
      type: "targetEpoch",
      group: this.state.groupId,
      value: { assignmentEpoch: this.#epoch, assignmentTimestamp: BigInt(nowMs) },
    });
  }

  fits(maxWriteBytes: number): boolean {
    return fits(this.records, maxWriteBytes);
  }

  /** Decides it. Nothing that must wait for it may have been put into the outbox before. */
  append(out: GroupOutbox): void {
    for (const record of this.#records.values()) out.append(record);
    Object.assign(this.state.volatile, this.noted);
  }

  /** What those of whom something is drafted name more, and less, than before. */
  #change(namesOf: (metadata: MemberMetadata | null | undefined) => readonly string[]): Tally {
    const change = new Tally();
    for (const [memberId, metadata] of this.#metadata) {
      change.add(namesOf(this.state.metadata.get(memberId)), -1);
      change.add(namesOf(metadata), 1);
    }
    return change;
  }

  #setGroup(epoch: number, metadataHash: bigint): void {
    this.#epoch = epoch;
    this.#metadataHash = metadataHash;
    const { groupId: group, creationTimeMs } = this.state;
    this.#put("group", { type: "group", group, value: { epoch, metadataHash, creationTimeMs } });
  }

  #put(key: string, record: GroupRecord): void {
    this.#records.set(key, record);
  }
}

function read<V>(drafted: ReadonlyMap<string, V | null>, state: ReadonlyMap<string, V>, key: string): V | undefined {
  const value = drafted.get(key);
  return value === undefined ? state.get(key) : value ?? undefined;
}
