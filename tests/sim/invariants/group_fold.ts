/**
 * One group as the committed records of `__consumer_offsets` tell it, and nothing else: what every coordinator must know of it.
 *
 *     committed log ──record by record──▶ fold ──=──▶ what the group's actor has (unless it is writing)
 *
 * Folding is done here once more, from the records' bytes, so that a mistake of the group's own folding is seen.
 *
 * @module
 */
import type { GroupRecord } from "../../../actors/group/records.ts";
import { encodeRecord } from "../../../actors/group/records.ts";

type RecordOf<T extends GroupRecord["type"]> = Extract<GroupRecord, { type: T }>;
type ValueOf<T extends GroupRecord["type"]> = NonNullable<RecordOf<T>["value"]>;

export type ClassicValue = ValueOf<"classicGroup">;
export type MemberValue = ValueOf<"member">;
export type TargetValue = ValueOf<"target">;
export type CurrentValue = ValueOf<"current">;
export type OffsetValue = ValueOf<"offset">;
export type RegexValue = ValueOf<"regex">;

/** The bytes of a key or a value, a character each. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4_096) text += String.fromCharCode(...bytes.subarray(at, at + 4_096));
  return text;
}

/** A group's committed state. */
export class GroupFold {
  classic: ClassicValue | null = null;
  group: ValueOf<"group"> | null = null;
  targetEpoch: ValueOf<"targetEpoch"> | null = null;
  readonly members: Map<string, MemberValue> = new Map();
  readonly targets: Map<string, TargetValue> = new Map();
  readonly currents: Map<string, CurrentValue> = new Map();
  /** By member, since which epoch it has had each partition without a break, by `<topic id>/<partition>`. */
  readonly held: Map<string, ReadonlyMap<string, number>> = new Map();
  readonly regexes: Map<string, RegexValue> = new Map();
  /** By `<topic>-<partition>`. */
  readonly offsets: Map<string, OffsetValue> = new Map();
  /** What was last written of each generation of the classic protocol; a new group begins anew. */
  readonly generations: Map<number, ClassicValue> = new Map();
  /** Counts how often it has ended, as a group of either kind: numbers begin anew then. */
  ends = 0;
  /** The instance of each member that there ever was, null for none. */
  readonly #instances = new Map<string, string | null>();
  /** By instance, what its last life had, if the next one, though another member, takes its place at once: it goes on from there. */
  readonly #inherited = new Map<string, ReadonlyMap<string, number>>();
  /** Values by key, both as they are written. */
  readonly #written = new Map<string, string>();

  constructor(readonly groupId: string) {}

  /** Whether nothing is left of it. */
  get isEmpty(): boolean {
    return this.#written.size === 0;
  }

  /** Takes in the next record. */
  apply(record: GroupRecord): void {
    const { key, value } = encodeRecord(record);
    if (value === null) this.#written.delete(latin1(key));
    else this.#written.set(latin1(key), latin1(value));
    switch (record.type) {
      case "classicGroup":
        this.classic = record.value;
        if (record.value === null) {
          this.generations.clear();
          this.ends++;
        } else this.generations.set(record.value.generation, record.value);
        return;
      case "group":
        this.group = record.value;
        if (record.value === null) this.ends++;
        this.#inherited.clear(); // who is put out leaves the group at another epoch: its instance comes back with nothing
        return;
      case "targetEpoch":
        this.targetEpoch = record.value;
        return;
      case "member":
        if (record.value !== null) this.#instances.set(record.memberId, record.value.instanceId);
        return put(this.members, record.memberId, record.value);
      case "target":
        return put(this.targets, record.memberId, record.value);
      case "current":
        this.#hold(record.memberId, record.value);
        return put(this.currents, record.memberId, record.value);
      case "regex":
        return put(this.regexes, record.regex, record.value);
      case "offset":
        return put(this.offsets, `${record.topic}-${record.partition}`, record.value);
      case "partitionMetadata":
        return;
    }
  }

  #hold(memberId: string, value: CurrentValue | null): void {
    const instanceId = this.#instances.get(memberId) ?? null;
    const before = this.held.get(memberId) ?? (instanceId === null ? undefined : this.#inherited.get(instanceId));
    if (instanceId !== null) put(this.#inherited, instanceId, value === null ? before ?? null : null);
    put(this.held, memberId, value && heldNow(value, before));
  }

  /** How a group's own account differs from this one, a sentence; undefined when it does not. */
  differs(records: readonly GroupRecord[]): string | undefined {
    const seen = new Set<string>();
    for (const record of records) {
      const { key, value } = encodeRecord(record);
      const name = latin1(key);
      seen.add(name);
      const written = this.#written.get(name);
      if (value === null || written === undefined) return `it has ${nameOf(record)}, which the log has not`;
      if (latin1(value) !== written) return `it has another ${nameOf(record)} than the log`;
    }
    if (seen.size === this.#written.size) return undefined;
    return `it lacks ${this.#written.size - seen.size} of ${this.#written.size} records that the log has`;
  }
}

/** A static member that goes for a while begins anew. */
function heldNow(value: CurrentValue, before: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, number> {
  const { memberEpoch, assignedPartitions, partitionsPendingRevocation } = value;
  const keys = [...assignedPartitions, ...partitionsPendingRevocation].flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => `${topicId}/${partition}`)
  );
  return new Map(keys.map((key) => [key, memberEpoch < 0 ? 0 : before?.get(key) ?? memberEpoch]));
}

function put<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function nameOf(record: GroupRecord): string {
  switch (record.type) {
    case "offset":
      return `offset of ${record.topic}-${record.partition}`;
    case "member":
    case "target":
    case "current":
      return `record "${record.type}" of member ${record.memberId}`;
    case "regex":
      return `regex ${record.regex}`;
    default:
      return `record "${record.type}"`;
  }
}
