/**
 * What the world gives to actors: time, turns and chance, as interfaces.
 *
 * Production hands in the machine's clock; tests and the simulator hand in a virtual one. Nothing outside the adapters
 * may take time or chance from anywhere else, which is what makes a run repeatable from its seed.
 *
 * @module
 */
import type { Random } from "./prng.ts";

/** A source of time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May step backwards or forwards: use it for record timestamps only. */
  now(): number;
  /** Milliseconds since an arbitrary start, never decreasing. Use it for timeouts and durations. */
  monotonic(): number;
  /** Runs `task` once, `delayMs` from now; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** Hands out turns of the one thread. */
export interface Scheduler {
  /** Runs `task` soon, before sockets and timers get their turn. */
  soon(task: () => void): void;
  /** Runs `task` after sockets and timers have had theirs. */
  later(task: () => void): void;
}

/** Everything that an actor system needs from outside. */
export interface Env {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

/** The outcome of something that takes time: a value, or the error that it met. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

/** Told once how something that takes time has ended. */
export type Settle<T> = (result: Result<T>) => void;
