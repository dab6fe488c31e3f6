/**
 * Time and turns that a test or the simulator moves by hand.
 *
 * Tasks run in the order of their due times. Those due at the same time run in an order drawn from the seed, because a
 * real machine promises no other; what was asked for "soon" runs before anything else that is due by then.
 *
 * Invariant: the same seed and the same calls give the same run.
 *
 * @module
 */
import { assert } from "./assert.ts";
import type { Clock, Env, Scheduler } from "./env.ts";
import { Heap, type HeapItem } from "./heap.ts";
import { type Random, SeededRandom } from "./prng.ts";

const TIMED = 1;
const SOON = 0;

interface Task extends HeapItem {
  readonly dueMs: number;
  /** What runs soon goes before what was set for this time. */
  readonly lane: typeof SOON | typeof TIMED;
  /** Decides between tasks due at the same time. */
  readonly tie: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to advance. */
export class VirtualClock implements Clock {
  readonly #tasks = new Heap<Task>(runsBefore);
  readonly #ties: Random | undefined;
  readonly #epochMs: number;
  #elapsedMs = 0;
  #order = 0;

  /**
   * @param ties decides the order of tasks due at the same time; without it they run in the order in which they were set
   * @param epochMs what `now()` says at the start
   */
  constructor(ties?: Random, epochMs = 1_700_000_000_000) {
    this.#ties = ties;
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#epochMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#add(this.#elapsedMs + Math.max(0, delayMs), TIMED, task);
  }

  /** Runs `task` at this very time, before all tasks that were set with {@linkcode after}. */
  soon(task: () => void): void {
    this.#add(this.#elapsedMs, SOON, task);
  }

  /** When the next task is due, in the time of {@linkcode monotonic}; undefined when there is none. */
  nextDue(): number | undefined {
    return this.#tasks.peek()?.dueMs;
  }

  /** Runs the next task, and moves time to it; false when there is none. */
  step(): boolean {
    const task = this.#tasks.pop();
    if (task === undefined) return false;
    this.#elapsedMs = Math.max(this.#elapsedMs, task.dueMs);
    task.run();
    return true;
  }

  /** Moves time on by `ms` and runs everything that comes due on the way, itself included. */
  advance(ms: number): void {
    const untilMs = this.#elapsedMs + ms;
    for (let due = this.nextDue(); due !== undefined && due <= untilMs; due = this.nextDue()) this.step();
    this.#elapsedMs = untilMs;
  }

  #add(dueMs: number, lane: Task["lane"], run: () => void): () => void {
    const task: Task = { dueMs, lane, tie: this.#ties?.uint32() ?? 0, order: this.#order++, run, heapIndex: -1 };
    this.#tasks.push(task);
    return () => this.#tasks.remove(task);
  }
}

/** A whole {@linkcode Env} on a virtual clock, by seed. */
export class VirtualEnv implements Env {
  readonly clock: VirtualClock;
  readonly scheduler: Scheduler;
  readonly random: Random;

  /** @param seed decides everything that is left to chance; the same seed gives the same run */
  constructor(seed: number | bigint | string = 0, options: { readonly epochMs?: number } = {}) {
    this.random = new SeededRandom(seed);
    this.clock = new VirtualClock(this.random.split("ties"), options.epochMs);
    this.scheduler = {
      soon: (task) => this.clock.soon(task),
      later: (task) => void this.clock.after(0, task),
    };
  }

  /** The same time and turns for another node, with a stream of chance of its own. */
  fork(name: string): Env {
    return { clock: this.clock, scheduler: this.scheduler, random: this.random.split(name) };
  }

  /** Runs the next task, moving time to it; false when nothing is left to do. */
  step(): boolean {
    return this.clock.step();
  }

  /** Moves time on by `ms` and runs everything that comes due on the way; 0 runs what is due now. */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  /**
   * Runs until nothing is left to do, and returns how many tasks that took.
   *
   * @throws {AssertionError} after `stepsMax` tasks: something sets its timer for ever
   */
  run(stepsMax = 1_000_000): number {
    let steps = 0;
    while (this.step()) {
      assert(++steps < stepsMax, `still busy after ${stepsMax} tasks: use advance() instead of run()`);
    }
    return steps;
  }
}

function runsBefore(a: Task, b: Task): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  if (a.lane !== b.lane) return a.lane < b.lane;
  return a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
}
