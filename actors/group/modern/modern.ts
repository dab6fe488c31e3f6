/**
 * The members of a group of the new protocol (KIP-848): what is durable of them, and an index of who has which partition.
 *
 *     Empty ──a member comes──▶ Assigning ──target worked out──▶ Reconciling ──every member has its target──▶ Stable
 *                                   ▲                                                                          │
 *                                   └── a member comes, goes, subscribes to something else; topics change ─────┘
 *
 * Invariant: the index says exactly what the current assignments of all members say, assigned and pending alike, after each
 * single record and whatever the order in which they come.
 *
 * @module
 */
import type { ErrorName } from "../../../protocol/errors.ts";
import type { Assignment } from "../assignor.ts";
import type { Topology } from "../protocol.ts";
import { encodeRecord, type GroupRecord } from "../records.ts";
import type { Members } from "../state.ts";
import {
  currentOf,
  currentRecord,
  expressionsOf,
  type MemberMetadata,
  memberRecord,
  type RegexMeaning,
  targetRecord,
} from "./member.ts";
import { fromRows, NOTHING } from "./partitions.ts";
import { type Current, NEWCOMER, STABLE } from "./reconciliation.ts";
import { Tally } from "./tally.ts";

/** What is known in memory alone: a group that is loaded knows nothing of it. */
export interface Volatile {
  /** As in {@linkcode Group}. */
  graceUntilMs: number;
  /** When timers are due, by their keys (monotonic): one that was set again while its message was in the mailbox is told from a due one. */
  readonly deadlines: Map<string, number>;
  /** Members that have said that they use what they have been given, all of it: until then they are told of it in each answer. */
  readonly confirmed: Set<string>;
  /** The topology that the metadata hash was last looked up in. */
  topology: Topology | undefined;
  /** The topology that the regular expressions were last tried on, and when (monotonic). */
  regexTopology: Topology | undefined;
  regexesAtMs: number;
  /** When a target was worked out (monotonic). */
  assignedAtMs: number;
  /** Since when there has been no member, if no record says it. */
  emptySinceMs: number;
}

/** All that is durable of a group of the new protocol. */
export class ModernGroup implements Members {
  readonly protocolType = "consumer";
  epoch = 0;
  metadataHash = 0n;
  creationTimeMs = -1n;
  assignmentEpoch = 0;
  assignedAtMs = 0n;
  readonly metadata = new Map<string, MemberMetadata>();
  readonly targets = new Map<string, Assignment>();
  readonly currents = new Map<string, Current>();
  readonly regexes = new Map<string, RegexMeaning>();
  /** Topics that members name, and regular expressions. */
  readonly names = new Tally();
  readonly expressions = new Tally();
  /** Member ids of static members, by instance. */
  readonly instances = new Map<string, string>();
  readonly volatile: Volatile = {
    graceUntilMs: -Infinity,
    deadlines: new Map(),
    confirmed: new Set(),
    topology: undefined,
    regexTopology: undefined,
    regexesAtMs: -Infinity,
    assignedAtMs: -Infinity,
    emptySinceMs: 0,
  };
  /** By topic id and partition, the members that have it assigned or pending: one, but for a moment between two records. */
  readonly #holders = new Map<string, Map<number, readonly string[]>>();
  #exists = false;

  constructor(readonly groupId: string) {}

  get hasMembers(): boolean {
    return this.metadata.size > 0;
  }

  get isEmpty(): boolean {
    return !this.#exists && !this.hasMembers && this.targets.size + this.currents.size + this.regexes.size === 0 &&
      this.assignmentEpoch === 0;
  }

  get state(): string {
    if (!this.hasMembers) return "Empty";
    if (this.assignmentEpoch < this.epoch) return "Assigning";
    for (const memberId of this.metadata.keys()) {
      const { state, epoch } = this.current(memberId);
      if (state !== STABLE || epoch !== this.assignmentEpoch) return "Reconciling";
    }
    return "Stable";
  }

  get emptySinceMs(): number | undefined {
    if (this.hasMembers) return undefined;
    // The last member that goes leaves a target for nobody, with its time; a log that others wrote may have none.
    return this.assignmentEpoch === this.epoch ? Number(this.assignedAtMs) : this.volatile.emptySinceMs;
  }

  current(memberId: string): Current {
    return this.currents.get(memberId) ?? NEWCOMER;
  }

  target(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NOTHING;
  }

  /** Who has a partition assigned, or has it to give up. */
  holders(topicId: string, partition: number): readonly string[] {
    return this.#holders.get(topicId)?.get(partition) ?? [];
  }

  apply(record: GroupRecord): void {
    switch (record.type) {
      case "group":
        this.#exists = record.value !== null;
        this.epoch = record.value?.epoch ?? 0;
        this.metadataHash = record.value?.metadataHash ?? 0n;
        this.creationTimeMs = record.value?.creationTimeMs ?? -1n;
        break;
      case "targetEpoch":
        this.assignmentEpoch = record.value?.assignmentEpoch ?? 0;
        this.assignedAtMs = record.value?.assignmentTimestamp ?? 0n;
        break;
      case "member":
        this.#setMetadata(record.memberId, record.value);
        break;
      case "target":
        put(this.targets, record.memberId, record.value && fromRows(record.value.topicPartitions));
        break;
      case "current":
        this.#setCurrent(record.memberId, record.value && currentOf(record.value));
        break;
      case "regex":
        put(this.regexes, record.regex, record.value);
        break;
    }
  }

  records(): readonly GroupRecord[] {
    const group = this.groupId;
    const { epoch, metadataHash, creationTimeMs, assignmentEpoch, assignedAtMs: assignmentTimestamp } = this;
    const records: GroupRecord[] = [];
    if (this.#exists) records.push({ type: "group", group, value: { epoch, metadataHash, creationTimeMs } });
    if (assignmentEpoch > 0) {
      records.push({ type: "targetEpoch", group, value: { assignmentEpoch, assignmentTimestamp } });
    }
    for (const [memberId, value] of this.metadata) records.push(memberRecord(group, memberId, value));
    for (const [memberId, target] of this.targets) records.push(targetRecord(group, memberId, target));
    for (const [memberId, current] of this.currents) records.push(currentRecord(group, memberId, current));
    for (const [regex, value] of this.regexes) records.push({ type: "regex", group, regex, value });
    return sorted(records);
  }

  judgeCommit(commit: Omit<Parameters<Members["judgeCommit"]>[0], "instanceId">): ErrorName {
    if (commit.epoch < 0 && !this.hasMembers) return "NONE";
    const member = this.metadata.get(commit.memberId);
    if (member === undefined) return "UNKNOWN_MEMBER_ID";
    const isClassic = member.classicMemberMetadata !== null;
    if (!isClassic && commit.version < 9) return "UNSUPPORTED_VERSION";
    const error = this.#judgeEpoch(commit.memberId, commit.epoch, isClassic);
    return error === "NONE" || this.#hasHad(commit) ? "NONE" : error;
  }

  judgeFetch(fetch: { readonly memberId: string | null; readonly epoch: number }): ErrorName {
    if ((fetch.memberId ?? "") === "" && fetch.epoch < 0) return "NONE";
    const member = this.metadata.get(fetch.memberId ?? "");
    if (member === undefined) return "UNKNOWN_MEMBER_ID";
    return this.#judgeEpoch(fetch.memberId!, fetch.epoch, member.classicMemberMetadata !== null);
  }

  isSubscribedTo(topic: string): boolean {
    if (this.names.has(topic)) return true;
    for (const regex of this.expressions.names()) if (this.regexes.get(regex)?.topics.includes(topic)) return true;
    return false;
  }

  #judgeEpoch(memberId: string, epoch: number, isClassic: boolean): ErrorName {
    if (this.current(memberId).epoch === epoch) return "NONE";
    return isClassic ? "ILLEGAL_GENERATION" : "STALE_MEMBER_EPOCH";
  }

  /** Whether the epoch is one that is over, and the member has had all that it commits for since then: nobody else can have had it. */
  #hasHad({ memberId, epoch, partitions }: Omit<Parameters<Members["judgeCommit"]>[0], "instanceId">): boolean {
    const { epoch: present, since } = this.current(memberId);
    if (epoch > present) return false;
    for (const { topicId, partition } of partitions) {
      const from = since.get(topicId)?.get(partition);
      if (from === undefined || epoch < from) return false;
    }
    return true;
  }

  #setMetadata(memberId: string, value: MemberMetadata | null): void {
    const said = this.metadata.get(memberId);
    const before = said?.instanceId ?? null;
    // Its instance may be another's by now.
    if (before !== null && this.instances.get(before) === memberId) this.instances.delete(before);
    for (const [metadata, by] of [[said, -1], [value, 1]] as const) {
      this.names.add(metadata?.subscribedTopicNames ?? [], by);
      this.expressions.add(expressionsOf(metadata), by);
    }
    put(this.metadata, memberId, value);
    if (value !== null && value.instanceId !== null) this.instances.set(value.instanceId, memberId);
  }

  #setCurrent(memberId: string, value: Current | null): void {
    const before = this.currents.get(memberId);
    if (before !== undefined) this.#index(memberId, before, false);
    put(this.currents, memberId, value);
    if (value !== null) this.#index(memberId, value, true);
    else this.volatile.confirmed.delete(memberId);
  }

  #index(memberId: string, { assigned, pending }: Current, holds: boolean): void {
    for (const set of [assigned, pending]) {
      for (const [topicId, partitions] of set) {
        let holders = this.#holders.get(topicId);
        if (holders === undefined) this.#holders.set(topicId, holders = new Map());
        for (const partition of partitions) {
          const others = (holders.get(partition) ?? []).filter((other) => other !== memberId);
          put(holders, partition, holds ? [...others, memberId] : others.length > 0 ? others : null);
        }
        if (holders.size === 0) this.#holders.delete(topicId);
      }
    }
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

/** By the bytes of their keys. */
function sorted(records: readonly GroupRecord[]): readonly GroupRecord[] {
  return records.map((record) => ({ record, key: encodeRecord({ ...record, value: null }).key }))
    .sort((a, b) => compare(a.key, b.key)).map(({ record }) => record);
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}
