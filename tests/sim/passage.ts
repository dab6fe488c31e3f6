/**
 * How time passes in a run: one event after another, and after each everybody looks who judges.
 *
 *     event ──▶ invariants settle ──▶ others look ──▶ a problem, or too many events: the run is over
 *        ▲                                │
 *        └──────────── goes on ───────────┘
 *
 * Invariant: no event passes unseen, and after the first problem none comes any more.
 *
 * @module
 */
import type { Invariants } from "./invariants.ts";
import type { Scene } from "./scene.ts";

/** So much does not happen in so short a time. */
const STANDSTILL_STEPS = 100_000;
const STANDSTILL_MS = 100;

/** Who looks after each event. */
export interface Witnesses {
  readonly invariants: Invariants;
  /** Everybody else, in this order. */
  readonly others: readonly { look(): void }[];
}

/** The time of a run. */
export class Passage {
  readonly #scene: Scene;
  readonly #witnesses: Witnesses;
  readonly #eventsMax: number;

  constructor(scene: Scene, witnesses: Witnesses, eventsMax = Infinity) {
    this.#scene = scene;
    this.#witnesses = witnesses;
    this.#eventsMax = eventsMax;
  }

  /** Lets time pass until `isDone`; a problem when that takes too long. False when the run has come to an end. */
  until(withinMs: number, isDone: () => boolean, problem: string, why: () => readonly string[]): boolean {
    const { world } = this.#scene;
    const endMs = world.now() + withinMs;
    if (!this.while(() => !isDone() && world.now() < endMs)) return false;
    if (isDone()) return true;
    this.#scene.problem(`${problem} within ${withinMs} ms: ${why().join("; ")}`);
    return false;
  }

  /** The same until nothing is wanted any more, which is looked for every now and then. */
  untilNothing(withinMs: number, everyMs: number, problem: string, wants: () => readonly string[]): boolean {
    const { world } = this.#scene;
    let nextLookMs = 0;
    let isDone = false;
    const look = () => {
      if (world.now() < nextLookMs) return isDone;
      nextLookMs = world.now() + everyMs;
      return isDone = wants().length === 0;
    };
    return this.until(withinMs, look, problem, wants);
  }

  /** Lets so much time pass. False when the run has come to an end. */
  for(ms: number): boolean {
    const { world } = this.#scene;
    const endMs = world.now() + ms;
    return this.while(() => world.now() < endMs);
  }

  /** Lets time pass. False when the run has come to an end. */
  while(goesOn: () => boolean): boolean {
    const { world, problems } = this.#scene;
    const { invariants, others } = this.#witnesses;
    let atMs = world.now();
    let stepsThere = 0;
    while (goesOn()) {
      if (!world.step()) throw new Error("There is nothing left to do.");
      invariants.settle();
      for (const other of others) other.look();
      for (const problem of invariants.problems) this.#scene.problem(problem);
      if (world.now() - atMs > STANDSTILL_MS) {
        atMs = world.now();
        stepsThere = 0;
      } else if (++stepsThere > STANDSTILL_STEPS) {
        throw new Error(`${STANDSTILL_STEPS} steps within ${STANDSTILL_MS} ms: somebody runs in a circle.`);
      }
      if (problems.length > 0) return false;
      if (world.trace.events > this.#eventsMax) return false;
    }
    return true;
  }
}
