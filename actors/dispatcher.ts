/**
 * Gives turns to actors: each in its turn, each a little at a time, and all together no longer than sockets and timers can wait.
 *
 * @module
 */
import type { Scheduler } from "../lib/env.ts";
import { Ring } from "../lib/ring.ts";
import type { Cell } from "./cell.ts";

/** Messages handled before sockets and timers get their turn. */
const BUDGET = 256;
/** Messages that one actor handles before the next actor gets its turn. */
const SLICE = 64;

/** The queue of actors that have something to do. */
export class Dispatcher {
  readonly #scheduler: Scheduler;
  readonly #runnable = new Ring<Cell>();
  readonly #drain = () => this.#run();
  readonly #refill = () => {
    this.#budget = BUDGET;
    this.#run();
  };
  /**
   * What is left of it before the next yield. It outlives a queue that runs empty, because whoever awaits a reply and asks
   * again does so before sockets and timers, and would keep them waiting for ever.
   */
  #budget = BUDGET;
  #armed = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Puts a cell into the queue, if it has something to do and is not there. */
  schedule(cell: Cell): void {
    if (cell.scheduled || !cell.busy) return;
    cell.scheduled = true;
    this.#runnable.push(cell);
    if (!this.#armed) this.#arm();
  }

  #run(): void {
    while (this.#budget > 0) {
      const cell = this.#runnable.shift();
      if (cell === undefined) break;
      cell.scheduled = false;
      this.#budget -= Math.max(1, cell.run(Math.min(SLICE, this.#budget)));
      this.schedule(cell);
    }
    this.#armed = false;
    if (this.#runnable.length > 0) this.#arm();
  }

  #arm(): void {
    this.#armed = true;
    if (this.#budget > 0) this.#scheduler.soon(this.#drain);
    else this.#scheduler.later(this.#refill);
  }
}
