/**
 * What is committed in one replicated log, and how much of it each replica has.
 *
 *     committed  ├── learned from leaders, when their high watermarks pass it ──┤ true high watermark
 *     a replica  ├────────── matched: the very same batches ─────────┤ the rest is behind, or will be cut
 *
 * Invariants: what is committed never changes; two replicas that have a batch of the same epoch at the same offset have the same
 * batch; below its own high watermark a replica has what is committed; nothing committed is ever cut, and nothing durable is lost with a
 * process.
 *
 * @module
 */
import { Follower } from "./follower.ts";
import { describeBatch, sameBatch } from "./mirror.ts";
import type { Batch, LogView, Tell } from "./views.ts";

/** Whether a log that nobody can look at any more had committed more of what was seen of it. */
export function hasCommittedMore({ view, follower }: { view: LogView; follower: Follower }, { end }: Ledger): boolean {
  return view.highWatermark > end && follower.mirror.end >= view.highWatermark;
}

/** The committed part of one log, and everybody's copies. */
export class Ledger {
  readonly batches: Batch[] = [];
  /** The true high watermark: everything below is committed. */
  end = 0;
  /** Where it begins: nobody has been asked what was before. */
  start = 0;
  /** Who has a copy, by node. Nodes that are down have none. */
  readonly followers: Map<number, Follower> = new Map();
  /** What nodes that are down had; more of it may turn out to be committed. */
  readonly remains: Map<number, Follower> = new Map();
  /** Nodes whose disks have rotted. */
  readonly #forgiven = new Set<number>();
  /** The first batch seen at an offset of an epoch. */
  readonly #seen = new Map<string, Batch>();
  /** What was committed has been taken back once, as may be: a replica's high watermark falls a moment after its log. */
  isLossy = false;
  /** Somebody has committed something since it was made, or forgotten. */
  isBegun = false;
  /** Some replica has compacted its log up to here, and others may have fetched what was left of it. */
  cleanedTo = 0;
  /** Some replica has no tombstones any more that are below this. */
  tombstonesGoneTo = 0;
  /** How often a cleaning has come further. */
  cleanings = 0;
  /** How often it was forgotten. */
  forgets = 0;

  constructor(readonly name: string, readonly hasProducers: boolean, readonly tell: Tell) {}

  /** Somebody's log cannot be read just now, perhaps that of the leader. */
  get isDark(): boolean {
    for (const { isDark } of this.followers.values()) if (isDark) return true;
    return false;
  }

  /** The number of the committed batch at `offset`; -1 when none begins there (yet). */
  find(offset: number): number {
    if (offset === this.end) return this.batches.length;
    let [low, high] = [0, this.batches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.batches[middle]!.base < offset) low = middle + 1;
      else high = middle;
    }
    return this.batches[low]?.base === offset ? low : -1;
  }

  /** A replica's log is there, in a new life of its actor. */
  join(node: number, life: number, log: LogView): Follower {
    const follower = new Follower(node, life, log, this.hasProducers);
    follower.left = this.remains.get(node);
    this.remains.delete(node);
    this.followers.set(node, follower);
    this.look(follower);
    return follower;
  }

  /** A replica's actor or process has ended. */
  leave(node: number): void {
    const follower = this.followers.get(node);
    if (follower === undefined) return;
    this.followers.delete(node);
    if (!follower.isExpelled) this.remains.set(node, follower.left ?? follower);
  }

  /** Some nodes are replicas no more: nothing is expected of what they had. */
  expel(isExpelled: (node: number) => boolean): void {
    for (const follower of this.followers.values()) if (isExpelled(follower.node)) follower.isExpelled = true;
    for (const node of [...this.remains.keys()]) if (isExpelled(node)) this.remains.delete(node);
  }

  /** The disk of a node was lost, or damaged so that nothing is expected of it any more. */
  forgive(node: number): void {
    this.#forgiven.add(node);
    this.remains.delete(node);
    const follower = this.followers.get(node);
    if (follower === undefined) return;
    follower.left = undefined;
    follower.unmatch(follower.mirror.start);
  }

  /** Nothing is promised any more: what the next leader has is what is committed. */
  forget(): void {
    this.batches.length = 0;
    this.start = this.end = 0;
    this.isBegun = false;
    this.forgets++;
    this.isLossy = true;
    for (const node of new Set([...this.followers.keys(), ...this.remains.keys()])) this.forgive(node);
  }

  /** A replica has compacted its log. */
  clean({ cleanedTo, node }: { readonly cleanedTo: number; readonly node: number }): void {
    this.cleanedTo = cleanedTo;
    this.cleanings++;
    if (cleanedTo <= this.end || this.isLossy || this.isDark) return;
    this.tell(`${this.name} on node ${node} is compacted up to ${cleanedTo}, and committed only up to ${this.end}.`);
  }

  /** A replica has dropped tombstones. */
  loseTombstones({ tombstonesGoneTo, node }: { readonly tombstonesGoneTo: number; readonly node: number }): void {
    this.tombstonesGoneTo = tombstonesGoneTo;
    if (tombstonesGoneTo <= this.end || this.isLossy || this.isDark) return;
    const what = `without tombstones up to ${tombstonesGoneTo}, and committed only up to ${this.end}`;
    this.tell(`${this.name} on node ${node} is ${what}.`);
  }

  /** Looks at a log that is not as before. */
  look(follower: Follower): void {
    const { log, mirror } = follower;
    const who = this.#who(follower);
    const from = mirror.batches.length;
    const endBefore = mirror.end;
    const cutAt = mirror.follow(who, this.tell, this.cleanedTo);
    follower.isDark = typeof cutAt !== "number";
    if (cutAt === "damaged" && !this.#forgiven.has(follower.node)) {
      this.tell(`${who} has something damaged at ${mirror.end} or behind it, and nothing has happened to its disk.`);
    }
    if (typeof cutAt !== "number") return;
    if (from === 0) follower.unmatch(mirror.start);
    // A log matches all that is below its start; after an unclean election what is committed may end below that.
    if (cutAt < Math.min(follower.matched, this.end) && !this.#beginsAnew(follower, endBefore)) {
      this.tell(
        `${who} has cut its log from ${endBefore} to ${cutAt}, and had what is committed up to ${follower.matched}.`,
      );
    }
    if (cutAt < follower.matched) follower.unmatch(Math.min(cutAt, mirror.end));
    for (let i = cutAt < Infinity ? mirror.find(cutAt) : from; i >= 0 && i < mirror.batches.length; i++) {
      this.#compareWithAll(mirror.batches[i]!, who);
    }
    // A follower's start moves a moment before its high watermark does.
    const isOrdered = log.highWatermark <= log.endOffset && (log.startOffset <= log.highWatermark || !log.isLeader);
    if (!this.isLossy && !isOrdered) {
      this.tell(
        `${who} begins at ${log.startOffset}, is committed up to ${log.highWatermark} and ends at ${log.endOffset}.`,
      );
    }
    follower.flushed = log.flushedOffset;
    follower.highWatermark = log.highWatermark;
    follower.match(this);
    const { left } = follower;
    follower.left = undefined;
    if (left === undefined || follower.matched >= left.durable || this.#goesBackByABatch(left, follower)) return;
    this.tell(
      `${who} had what is committed up to ${left.matched}, durably up to ${left.flushed}, and came back with ${follower.matched}.`,
    );
  }

  /** An empty log may begin anew with the whole batch that contains the record which it was to begin with. */
  #goesBackByABatch({ mirror, durable }: Follower, { mirror: now }: Follower): boolean {
    if (mirror.batches.length > 0 || now.batches.length > 0) return false;
    const batch = this.batches[this.find(now.start)];
    return batch !== undefined && batch.last >= durable;
  }

  /** The leader's high watermark has passed what was known to be committed. */
  commit(leader: Follower): void {
    const { mirror, log } = leader;
    const who = this.#who(leader);
    if (!this.isBegun && this.batches.length === 0) {
      this.isBegun = true;
      this.start = this.end = mirror.start;
      leader.unmatch(mirror.start);
    }
    if (leader.matched < this.end) return this.#tellMissing(leader, "leads and commits more");
    for (let own = mirror.find(this.end); own >= 0 && own < mirror.batches.length; own++) {
      const batch = mirror.batches[own]!;
      if (batch.last >= log.highWatermark) break;
      this.batches.push(batch);
      this.end = batch.last + 1;
    }
    if (this.end !== log.highWatermark) {
      this.tell(
        `${who} has committed up to ${log.highWatermark}, within a batch or beyond those that it has, up to ${this.end}.`,
      );
    }
    for (const follower of this.followers.values()) {
      follower.match(this);
      follower.left?.match(this);
    }
    for (const dead of this.remains.values()) dead.match(this);
  }

  /** Below its own high watermark a replica has what is committed, and nobody's is above the true one. */
  checkWatermark(follower: Follower): void {
    const { highWatermark, startOffset } = follower.log;
    const who = this.#who(follower);
    // DeleteRecords may have put the log's start within a batch, beyond which nothing has been committed yet.
    if (this.isDark || highWatermark <= startOffset) return;
    if (highWatermark > this.end) {
      this.tell(
        `${who} takes everything up to ${highWatermark} for committed, but no leader has committed more than ${this.end}.`,
      );
    } else if (follower.matched < highWatermark) {
      this.#tellMissing(follower, `knows the high watermark ${highWatermark}`);
    }
  }

  /** Whoever may become the leader has everything that is committed, durably where that is promised. */
  checkComplete(follower: Follower, isDurable: boolean, why: string): boolean {
    if (follower.isDark) return true;
    if (follower.matched < this.end) {
      this.#tellMissing(follower, why);
      return false;
    }
    if (isDurable && follower.log.flushedOffset < this.end) {
      this.tell(
        `${
          this.#who(follower)
        } ${why}, and has only ${follower.log.flushedOffset} durable of ${this.end} that are committed.`,
      );
      return false;
    }
    return true;
  }

  /**
   * Whether one that may have missed a deletion, because others have forgotten it, has dropped all that it had; or one that was compacted by
   * records that were lost in an unclean election.
   */
  #beginsAnew({ log, mirror }: Follower, endBefore: number): boolean {
    return (endBefore < this.tombstonesGoneTo || this.isLossy) && mirror.end === log.startOffset;
  }

  #tellMissing(follower: Follower, why: string): void {
    const { matched, mirror } = follower;
    const committed = this.batches[this.find(matched)];
    const own = mirror.batches[mirror.find(matched)];
    this.tell(
      `${this.#who(follower)} ${why}, but lacks what is committed from ${matched} on (up to ${this.end}): there ${
        committed === undefined ? "no batch begins" : `is ${describeBatch(committed)}`
      }, it has ${own === undefined ? "nothing" : describeBatch(own)}.`,
    );
  }

  #compareWithAll(batch: Batch, who: string): void {
    if (batch.base < this.cleanedTo) return;
    const key = `${batch.base}/${batch.epoch}`;
    const seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, batch);
    else if (!sameBatch(seen, batch)) {
      this.tell(`${who} has ${describeBatch(batch)} where another replica has ${describeBatch(seen)}.`);
    }
  }

  #who({ node }: Follower): string {
    return `${this.name} on node ${node}`;
  }
}
