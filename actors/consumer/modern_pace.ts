/**
 * When a member of the new protocol says something, and when it has to take what it has for lost.
 *
 *     answered ──interval, or a third of the session──▶ due        to be said at once ──▶ due        refused ──back-off──▶ due
 *     asked, and answered ──session──▶ it may have been put out    polled ──maxPollIntervalMs──▶ it goes
 *
 * Only the coordinator knows how long its sessions are (`group.consumer.session.timeout.ms`): KIP-848 has no field for it, and Kafka's Java
 * client, which may not be told either, uses what it has until it hears that it was put out. Here the coordinator is asked, and the
 * shorter one of its session and ours counts.
 *
 * Invariant: a session begins here no later than at the coordinator, and lasts no longer, once that has said how long it is.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import type { ConsumerConfig } from "./protocol.ts";

/** How often a member reports at least within a session, so that an answer may be lost. */
const BEATS_PER_SESSION = 3;

/** What time it is for. */
export class Pace {
  /** Something is to be said that somebody waits for. */
  isUrgent = true;
  readonly #config: ConsumerConfig;
  readonly #random: Random;
  #sessionMs: number;
  #beatAtMs = 0;
  /** Not before this, urgent or not. */
  #retryAtMs = 0;
  #attempts = 0;
  /** When the last heartbeat was sent that has been answered: its session has begun then at the earliest. */
  #heardMs = 0;
  #polledMs = 0;

  constructor(config: ConsumerConfig, random: Random) {
    this.#config = config;
    this.#random = random;
    this.#sessionMs = config.sessionTimeoutMs;
  }

  /** When the next heartbeat is due. */
  get dueMs(): number {
    return Math.max(this.#retryAtMs, this.isUrgent ? 0 : this.#beatAtMs);
  }

  /** From then on the coordinator may have put the member out. */
  get sessionEndMs(): number {
    return this.#heardMs + this.#sessionMs;
  }

  /** From then on the application has not asked for records for too long. */
  get pollEndMs(): number {
    return this.#polledMs + this.#config.maxPollIntervalMs;
  }

  /** How long an answer is waited for. */
  get patienceMs(): number {
    return Math.min(this.#config.requestTimeoutMs, this.#sessionMs);
  }

  /** The coordinator has said how long its sessions are. */
  sessionsLast(timeoutMs: number): void {
    this.#sessionMs = Math.min(this.#config.sessionTimeoutMs, timeoutMs);
  }

  /** A heartbeat was sent: nothing more is to be said for now. */
  said(): void {
    this.isUrgent = false;
  }

  /** One that was sent then was answered well, and the next one wanted after so long; 0 when that is not said. */
  heard(askedMs: number, intervalMs: number): void {
    this.#heardMs = askedMs;
    this.#attempts = 0;
    const wantedMs = intervalMs > 0 ? intervalMs : this.#config.heartbeatIntervalMs;
    this.#beatAtMs = askedMs + Math.min(wantedMs, this.#sessionMs / BEATS_PER_SESSION);
  }

  polled(nowMs: number): void {
    this.#polledMs = nowMs;
  }

  /** There is something to ask; however often that is found, it is asked once in a while. */
  ask(nowMs: number): void {
    if (this.isUrgent) return;
    this.isUrgent = true;
    this.#retryAtMs = Math.max(this.#retryAtMs, nowMs + this.#config.retryBackoffMs);
  }

  /** It was not taken, or not answered: it is said again, after a while that grows. */
  tryLater(nowMs: number): void {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#config;
    const fullMs = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** Math.min(this.#attempts++, 20));
    this.#retryAtMs = nowMs + fullMs * (80 + this.#random.below(41)) / 100;
    this.isUrgent = true;
  }
}
