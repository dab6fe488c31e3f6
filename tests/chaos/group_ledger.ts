/**
 * What the members of a group have said, and what is wrong with it.
 *
 * Invariants, judged as it is said: in one generation a partition is claimed by one member; what was given back is not handed out.
 *
 * @module
 */

/** Something that a member has said or that has happened to it. */
export interface MemberEvent {
  readonly atMs: number;
  readonly member: string;
  /** The partitions that it is about; none when it is about the member. */
  readonly partitions: readonly number[];
  readonly text: string;
}

/** The instance id of a group's static member; a member's id begins with it, as in Kafka. */
export function staticInstanceOf(groupId: string): string {
  return `${groupId}-static`;
}

/** The ledger of one group that reads one topic. */
export class GroupLedger {
  readonly groupId: string;
  /** What was given to any of its members: the name of a record, with how often. */
  readonly given: Map<string, number> = new Map();
  readonly events: MemberEvent[] = [];
  /** What its members have said or done that cannot be. */
  readonly problems: string[] = [];
  /** Who has got it, by `<generation>/<partition>`. */
  readonly #claims = new Map<string, string>();
  /** What a member has given back, and not got again, by its name. */
  readonly #gone = new Map<string, Set<number>>();
  /** When a partition was last given anything, and the longest time in which it was not. */
  readonly #flows = new Map<number, { lastMs: number; longestMs: number }>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  /** Something has happened to a member. */
  note(member: string, text: string, partitions: readonly number[] = []): void {
    this.events.push({ atMs: Date.now(), member, partitions, text });
  }

  /** A member has got partitions; `generation` is undefined where its client does not tell. */
  assigned(member: string, generation: number | undefined, memberId: string, partitions: readonly number[]): void {
    this.note(member, `(${memberId}) has got ${partitions} in generation ${generation ?? "?"}`, partitions);
    for (const partition of partitions) {
      this.#gone.get(member)?.delete(partition);
      if (generation === undefined) continue;
      const key = `${generation}/${partition}`;
      const holder = this.#holderOf(memberId);
      const other = this.#claims.get(key) ?? holder;
      this.#claims.set(key, holder);
      if (other === holder) continue;
      this.problems.push(`${this.groupId}: ${partition} is of ${other} and of ${holder} in generation ${generation}`);
    }
  }

  /** The next life of a static member, under another id, has in the same generation what the last one had. */
  #holderOf(memberId: string): string {
    const instance = staticInstanceOf(this.groupId);
    return memberId.startsWith(`${instance}-`) ? instance : memberId;
  }

  /** A member has given partitions back. */
  revoked(member: string, partitions: readonly number[]): void {
    this.note(member, `has given back ${partitions}`, partitions);
    this.#gone.set(member, (this.#gone.get(member) ?? new Set()).union(new Set(partitions)));
  }

  /** A member has heard that partitions are not its own any more. */
  lost(member: string, partitions: readonly number[]): void {
    this.note(member, `has lost ${partitions}`, partitions);
  }

  /** A member was given records, which follow each other. */
  handedOut(member: string, partition: number, range: string, names: readonly string[]): void {
    this.note(member, `was given ${range} of ${partition}`, [partition]);
    if (this.#gone.get(member)?.has(partition)) {
      this.problems.push(`${this.groupId}: ${member} was given ${range} of ${partition}, which it had given back`);
    }
    for (const name of names) this.given.set(name, (this.given.get(name) ?? 0) + 1);
    const nowMs = performance.now();
    const flow = this.#flows.get(partition);
    if (flow === undefined) this.#flows.set(partition, { lastMs: nowMs, longestMs: 0 });
    else {
      flow.longestMs = Math.max(flow.longestMs, nowMs - flow.lastMs);
      flow.lastMs = nowMs;
    }
  }

  /** What is missing of these records. */
  lacks(names: readonly string[]): string[] {
    return names.filter((name) => !this.given.has(name));
  }

  /** How many records were given more than once. */
  get repeated(): number {
    let count = 0;
    for (const times of this.given.values()) if (times > 1) count++;
    return count;
  }

  /** The longest time in which some partition was given nothing, since this was last asked. */
  takeSilence(): number {
    const nowMs = performance.now();
    let longest = 0;
    for (const flow of this.#flows.values()) {
      longest = Math.max(longest, flow.longestMs, nowMs - flow.lastMs);
      flow.longestMs = 0;
      flow.lastMs = nowMs;
    }
    return longest;
  }
}
