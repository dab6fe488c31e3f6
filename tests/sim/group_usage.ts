/**
 * Who uses which partition: two members of one group must not use the same, as long as the first cannot have been given up.
 *
 *     take ──▶ used ──heard, heard …──▶ drop        another takes it meanwhile: only when nothing was heard for a session, or a rebalance
 *
 * A member that was told "all is well" when it asked at time t cannot have been put out before t plus the shorter of its timeouts, less what
 * clocks may be wrong. And a member that goes by the clock, as our consumer does, uses nothing any more when another begins to.
 *
 * @module
 */

/** A member as its own process sees it. */
export interface PartitionUser {
  readonly name: string;
  readonly groupId: string;
  /** Another life of the same instance takes over without a word. */
  readonly instanceId: string | null;
  /** The shorter of session and rebalance timeout. */
  readonly patienceMs: number;
  /** Of one that stops by itself when it may have been put out: whether it runs, and uses this now. */
  readonly isUsing?: (key: string) => boolean;
}

interface Use {
  readonly user: PartitionUser;
  readonly epoch: number;
}

/** Clocks of nodes may be faster than this by a twentieth; and timers take a moment. */
const FASTEST = 0.9;

/** All uses. */
export class GroupUsage {
  readonly #uses = new Map<string, Map<string, Use>>();
  readonly #heardMs = new Map<string, number>();
  readonly #tell: (sentence: string) => void;
  readonly #isLossy: (groupId: string) => boolean;
  readonly #areClocksRight: boolean;

  /** @param areClocksRight all clocks are equally fast: a session is as long for its member as for the coordinator */
  constructor(isLossy: (groupId: string) => boolean, areClocksRight: boolean, tell: (sentence: string) => void) {
    this.#isLossy = isLossy;
    this.#areClocksRight = areClocksRight;
    this.#tell = tell;
  }

  /** The user was told that all is well, in answer to what it asked at `askedMs`. */
  heard({ name }: PartitionUser, askedMs: number): void {
    this.#heardMs.set(name, Math.max(this.#heardMs.get(name) ?? -Infinity, askedMs));
  }

  /** From now on it uses exactly these. */
  use(user: PartitionUser, keys: readonly string[], epoch: number, nowMs: number): void {
    const { name, groupId } = user;
    for (const [place, users] of this.#uses) {
      if (place.startsWith(`${groupId}/`) && !keys.includes(place.slice(groupId.length + 1))) users.delete(name);
    }
    for (const key of keys) {
      const place = `${groupId}/${key}`;
      const users = this.#uses.get(place) ?? new Map<string, Use>();
      this.#uses.set(place, users);
      if (!users.has(name)) this.#check(user, key, epoch, users, nowMs);
      users.set(name, { user, epoch });
    }
  }

  /** It uses nothing any more. */
  drop(user: PartitionUser): void {
    this.use(user, [], -1, 0);
  }

  #check(user: PartitionUser, key: string, epoch: number, users: ReadonlyMap<string, Use>, nowMs: number): void {
    if (this.#isLossy(user.groupId)) return;
    for (const { user: other, epoch: its } of users.values()) {
      if (other.instanceId !== null && other.instanceId === user.instanceId) continue;
      if (this.#areClocksRight && other.isUsing?.(key)) {
        this.#tell(`${user.name} uses ${key} in epoch ${epoch} of ${user.groupId}, and ${other.name} does not stop.`);
      }
      const heardMs = this.#heardMs.get(other.name) ?? -Infinity;
      if (nowMs >= heardMs + other.patienceMs * FASTEST) continue;
      this.#tell(
        `${user.name} uses ${key} in epoch ${epoch} of ${user.groupId}, and ${other.name} does so too, in epoch ${its}; ` +
          `${Math.round(nowMs - heardMs)} ms ago it asked, and heard that all is well.`,
      );
    }
  }
}
