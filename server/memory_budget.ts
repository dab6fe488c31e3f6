/**
 * The memory that all client connections of a node share: requests that are not answered yet, answers that are not sent yet.
 *
 *     room      an answer gets up to half of what is left
 *     full      no socket begins a new request; answers get nothing, and so hold one batch; whoever keeps its memory and has
 *               not moved for a second is closed
 *     twice     whoever keeps its memory and has moved least lately is closed at once
 *
 * Only those are closed that are themselves in the way: whose peer owes the rest of a request, or has not taken an answer.
 * Memory that waits for this node is given back by doing the work.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";

/** What a connection's bytes are: whole requests, the beginning of one, answers being gathered, answers being sent. */
export type HeldKind = "requests" | "partial" | "reserved" | "unsent";

/** A connection that has not moved for this long may be closed to make room. */
const STALLED_MS = 1_000;

/** The memory of one node. */
export class MemoryBudget {
  readonly limitBytes: number;
  readonly #clock: Clock;
  /** Accounts whose peers owe something, the one that has not moved for longest first. */
  readonly #owing = new Set<MemoryAccount>();
  readonly #waiters = new Set<() => void>();
  #heldBytes = 0;
  #disarm: (() => void) | undefined;

  /** @param limitBytes at least one request of the largest size, or that request takes others' place */
  constructor(limitBytes: number, clock: Clock) {
    this.limitBytes = limitBytes;
    this.#clock = clock;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get isFull(): boolean {
    return this.#heldBytes >= this.limitBytes;
  }

  /** Opens the account of a connection; `evict` closes that connection, with a reason, and the account with it. */
  open(evict: (reason: string) => void): MemoryAccount {
    return new MemoryAccount(
      {
        left: () => this.limitBytes - this.#heldBytes,
        changed: (account, delta) => this.#changed(account, delta),
        moved: (account) => this.#moved(account),
      },
      evict,
    );
  }

  /** Calls back once when there is room; at once when there is now. The returned function calls it off. */
  whenRoom(callback: () => void): () => void {
    this.#relieve();
    if (!this.isFull) {
      callback();
      return () => {};
    }
    this.#waiters.add(callback);
    this.#arm();
    return () => {
      this.#waiters.delete(callback);
      if (this.#waiters.size === 0) this.#stop();
    };
  }

  #changed(account: MemoryAccount, delta: number): void {
    this.#heldBytes += delta;
    if (!account.isOwing) this.#owing.delete(account);
    else if (!this.#owing.has(account)) this.#moved(account);
    if (delta > 0) return this.#heldBytes > this.limitBytes ? this.#relieve(account) : undefined;
    if (this.isFull) return;
    this.#stop();
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  #moved(account: MemoryAccount): void {
    account.movedMs = this.#clock.monotonic();
    this.#owing.delete(account);
    if (account.isOwing) this.#owing.add(account);
  }

  /** Closes those in the way, except whoever is moving right now. */
  #relieve(moving?: MemoryAccount): void {
    for (const account of this.#owing) {
      if (!this.isFull) return;
      if (account === moving) continue;
      const stalledMs = this.#clock.monotonic() - account.movedMs;
      if (stalledMs < STALLED_MS && this.#heldBytes < 2 * this.limitBytes) return;
      account.evict(
        `it held ${account.heldBytes} bytes of a full memory and had not moved for ${Math.round(stalledMs)} ms`,
      );
    }
  }

  /** While somebody waits, looks again at who has stalled. */
  #arm(): void {
    this.#disarm ??= this.#clock.after(STALLED_MS, () => {
      this.#disarm = undefined;
      this.#relieve();
      if (this.#waiters.size > 0) this.#arm();
    });
  }

  #stop(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }
}

/** What an account needs of its budget. */
interface Bank {
  left(): number;
  changed(account: MemoryAccount, delta: number): void;
  moved(account: MemoryAccount): void;
}

/** What one connection holds. */
export class MemoryAccount {
  /** When the peer last gave or took something; kept by the budget. */
  movedMs = 0;
  readonly #held: Record<HeldKind, number> = { requests: 0, partial: 0, reserved: 0, unsent: 0 };
  readonly #bank: Bank;
  readonly #evict: (reason: string) => void;
  #reading = false;
  #closed = false;

  /** Use {@linkcode MemoryBudget.open}. */
  constructor(bank: Bank, evict: (reason: string) => void) {
    this.#bank = bank;
    this.#evict = evict;
  }

  get heldBytes(): number {
    const { requests, partial, reserved, unsent } = this.#held;
    return requests + partial + reserved + unsent;
  }

  /** Whether the peer is to move: to send the rest of a request that is being read, or to take an answer. */
  get isOwing(): boolean {
    return !this.#closed && ((this.#reading && this.#held.partial > 0) || this.#held.unsent > 0);
  }

  /** Reading begins, or has ended: only meanwhile it is the peer who is late. */
  set reading(reading: boolean) {
    this.#reading = reading;
    if (this.#held.partial > 0) this.#bank.changed(this, 0);
  }

  /** Holds so much more, or less, of a kind. */
  add(kind: HeldKind, bytes: number): void {
    if (this.#closed || bytes === 0) return;
    this.#held[kind] += bytes;
    this.#bank.changed(this, bytes);
  }

  /** Holds exactly so much of a kind. */
  set(kind: HeldKind, bytes: number): void {
    this.add(kind, bytes - this.#held[kind]);
  }

  /** Takes up to `bytes` for an answer, at most half of what is left, and says how many. */
  reserve(bytes: number): number {
    const granted = Math.max(0, Math.min(bytes, Math.floor(this.#bank.left() / 2)));
    this.add("reserved", granted);
    return this.#closed ? 0 : granted;
  }

  /** The peer has given or taken something. */
  moved(): void {
    if (!this.#closed) this.#bank.moved(this);
  }

  /** Closes the connection to make room. */
  evict(reason: string): void {
    this.#evict(reason);
    this.close();
  }

  /** Gives everything back. */
  close(): void {
    if (this.#closed) return;
    const bytes = this.heldBytes;
    this.#closed = true;
    this.#bank.changed(this, -bytes);
  }
}
