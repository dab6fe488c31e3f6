/**
 * What a leader knows of its followers: how far each has come, and when it last had everything.
 *
 * A follower has caught up at a time if it has, safe, what the leader had then. Under load it never has all that the leader has
 * now, so the leader remembers one place of its log and when it was the end: once the follower is past that, it had caught up
 * then, and the next place is remembered.
 *
 * Invariant: all this was heard in one leader epoch, from one incarnation of each follower, and only from those whose logs
 * were found to be the beginning of the leader's own.
 *
 * @module
 */

/** How far one follower has come. */
export interface Follower {
  /** Its broker's epoch (KIP-903). */
  readonly brokerEpoch: number;
  /** Where its log begins. */
  readonly start: number;
  /** Where its log ends. */
  readonly end: number;
  /** Where what it has safe ends. */
  readonly safe: number;
  /** When it last pulled (monotonic). */
  readonly heardMs: number;
  /** When it last had everything, as far as is known (monotonic). */
  readonly caughtUpMs: number;
  /** Where the leader's log ended at some time; once the follower has all that safe, it had caught up then. */
  readonly mark: { readonly end: number; readonly atMs: number };
}

/** What a follower says of itself. */
export interface Heard {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly startOffset: number;
  readonly offset: number;
  readonly safeOffset: number;
  /** When the newest answer that it has had was given, by the leader's clock; -1 for none. */
  readonly leaderMs: number;
}

/** The followers of one leader in one leader epoch. */
export class Followers {
  readonly #known = new Map<number, Follower>();
  readonly #answeredMs = new Map<number, number>();
  readonly #sinceMs: number;
  #inSyncAtStart: ReadonlySet<number>;

  /**
   * @param isr those whom the controller takes to be in sync: they have the time of a laggard to be heard
   * @param nowMs when the leader's epoch began (monotonic)
   */
  constructor(isr: readonly number[], nowMs: number) {
    this.#inSyncAtStart = new Set(isr);
    this.#sinceMs = nowMs;
  }

  /** What is known of a follower; undefined until it was heard. */
  get(brokerId: number): Follower | undefined {
    return this.#known.get(brokerId);
  }

  /** Below this all of these have everything safe; -1 when one of them was not heard. */
  heldByAll(replicas: readonly number[]): number {
    return Math.min(...replicas.map((brokerId) => this.#known.get(brokerId)?.safe ?? -1));
  }

  /** Forgets those who are no replicas any more. */
  keep(replicas: readonly number[]): void {
    for (const brokerId of this.#known.keys()) if (!replicas.includes(brokerId)) this.#known.delete(brokerId);
  }

  /**
   * A follower has pulled, and its log is the beginning of the leader's. Its log ends where it says, also if that is less than
   * before; what is safe of it may have been told since by a message that was faster. Of an earlier incarnation only the time remains.
   */
  pulled(heard: Heard, leaderEnd: number, nowMs: number): void {
    const { brokerId, brokerEpoch, startOffset: start, offset: end, safeOffset } = heard;
    const known = this.#known.get(brokerId);
    const before = known?.brokerEpoch === brokerEpoch ? known : undefined;
    const safe = Math.min(end, Math.max(safeOffset, before?.safe ?? 0));
    const mark = before?.mark ?? { end: leaderEnd, atMs: nowMs };
    const caughtUpMs = this.caughtUpMs(brokerId);
    const follower = { brokerEpoch, start, end, safe, heardMs: nowMs, caughtUpMs, mark };
    this.#known.set(brokerId, caughtUp(follower, leaderEnd, nowMs));
    this.#answeredMs.set(brokerId, Math.max(heard.leaderMs, this.answeredMs(brokerId)));
  }

  /**
   * A follower has made more of its log safe. Counts only for the incarnation whose log is known to be the beginning of the
   * leader's; messages may overtake each other, so less than is known means nothing. True if something is new.
   */
  isSafe(brokerId: number, brokerEpoch: number, safeOffset: number, leaderEnd: number, nowMs: number): boolean {
    const follower = this.#known.get(brokerId);
    if (follower?.brokerEpoch !== brokerEpoch || safeOffset <= follower.safe || safeOffset > leaderEnd) return false;
    const end = Math.max(follower.end, safeOffset);
    this.#known.set(brokerId, caughtUp({ ...follower, safe: safeOffset, end }, leaderEnd, nowMs));
    return true;
  }

  /** A follower has been waiting at `leaderEnd`, which was the end of the log until now. */
  waited(brokerId: number, leaderEnd: number, nowMs: number): void {
    const follower = this.#known.get(brokerId);
    if (follower !== undefined) this.#known.set(brokerId, caughtUp(follower, leaderEnd, nowMs));
  }

  /** When a follower last pulled; if it has not, when this epoch began (monotonic). */
  heardMs(brokerId: number): number {
    return this.#known.get(brokerId)?.heardMs ?? this.#sinceMs;
  }

  /** When the newest answer was given of which a follower has said, by pulling again, that it has had it (monotonic); -1 for none. */
  answeredMs(brokerId: number): number {
    return this.#answeredMs.get(brokerId) ?? -1;
  }

  /** When a follower last had everything (monotonic); -Infinity if it never has. */
  caughtUpMs(brokerId: number): number {
    return this.#known.get(brokerId)?.caughtUpMs ?? (this.#inSyncAtStart.has(brokerId) ? this.#sinceMs : -Infinity);
  }

  /** Whether a follower has everything, or had at most `maxMs` ago. */
  isCaughtUp(brokerId: number, leaderEnd: number, nowMs: number, maxMs: number): boolean {
    if (nowMs - this.caughtUpMs(brokerId) <= maxMs) return true;
    const follower = this.#known.get(brokerId);
    return follower !== undefined && follower.safe >= leaderEnd;
  }
}

function caughtUp(follower: Follower, leaderEnd: number, nowMs: number): Follower {
  const { safe, mark, caughtUpMs } = follower;
  const next = { end: leaderEnd, atMs: nowMs };
  if (safe >= leaderEnd) return { ...follower, caughtUpMs: nowMs, mark: next };
  return safe >= mark.end ? { ...follower, caughtUpMs: Math.max(caughtUpMs, mark.atMs), mark: next } : follower;
}
