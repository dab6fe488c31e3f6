/**
 * Gives turns to actors: each in its turn, each a little at a time, and all together no longer than sockets and timers can wait.
 *
 * The order between actors is nothing that anybody may rely on. Given chance, it is drawn turn by turn, so that a simulation sees
 * orders that the queue would never bring.
 *
 * @module
 */
import type { Scheduler } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";
import { Ring } from "../lib/ring.ts";
import type { Cell } from "./cell.ts";

/** Messages handled before sockets and timers get their turn. */
const BUDGET = 256;
/** Messages that one actor handles before the next actor gets its turn. */
const SLICE = 64;

/** The actors that have something to do. */
export class Dispatcher {
  readonly #scheduler: Scheduler;
  readonly #runnable: Pick<Ring<Cell>, "push" | "shift" | "length">;
  /** Turns that an actor takes before the next one is chosen. */
  readonly #slice: number;
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

  /** @param order decides who goes next; without it who came first does, and stays for a while */
  constructor(scheduler: Scheduler, order?: Random) {
    this.#scheduler = scheduler;
    this.#runnable = order === undefined ? new Ring<Cell>() : new Lots(order);
    this.#slice = order === undefined ? SLICE : 1;
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
      this.#budget -= Math.max(1, cell.run(Math.min(this.#slice, this.#budget)));
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

/** Gives back what was put in, in an order that is drawn. */
class Lots {
  readonly #cells: Cell[] = [];

  constructor(readonly order: Random) {}

  get length(): number {
    return this.#cells.length;
  }

  push(cell: Cell): void {
    this.#cells.push(cell);
  }

  shift(): Cell | undefined {
    const last = this.#cells.pop();
    if (last === undefined || this.#cells.length === 0) return last;
    const at = this.order.below(this.#cells.length + 1);
    if (at === this.#cells.length) return last;
    const drawn = this.#cells[at]!;
    this.#cells[at] = last;
    return drawn;
  }
}
