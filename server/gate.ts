/**
 * The door between a node and its time: while it is shut nothing of the node runs, and once it is walled up nothing ever does.
 *
 *     open ──pause──▶ shut: what comes due waits ──resume──▶ open
 *       └───────────────────wall up───────────────────────────▶ gone: what comes due is dropped
 *
 * Invariant: tasks pass in the order in which they came due, each once at most.
 *
 * @module
 */
import type { Env } from "../lib/env.ts";

/** An environment whose tasks can be held up, as SIGSTOP does with a process, or ended, as SIGKILL does. */
export class Gate {
  /** What the node is to be made with. */
  readonly env: Env;
  readonly #outer: Env;
  #held: (() => void)[] = [];
  #state: "open" | "shut" | "gone" = "open";

  constructor(env: Env) {
    this.#outer = env;
    this.env = {
      clock: {
        now: () => env.clock.now(),
        monotonic: () => env.clock.monotonic(),
        after: (delayMs, task) => {
          let wanted = true;
          const disarm = env.clock.after(delayMs, () => this.#pass(() => wanted && task()));
          return () => {
            wanted = false; // it may have come due and be held
            disarm();
          };
        },
      },
      scheduler: {
        soon: (task) => env.scheduler.soon(() => this.#pass(task)),
        later: (task) => env.scheduler.later(() => this.#pass(task)),
      },
      random: env.random,
    };
  }

  /** Holds up everything until {@linkcode resume}. */
  pause(): void {
    if (this.#state === "open") this.#state = "shut";
  }

  /** Ends a pause: what has come due meanwhile runs soon. */
  resume(): void {
    if (this.#state !== "shut") return;
    this.#state = "open";
    const held = this.#held.splice(0);
    this.#outer.scheduler.soon(() => held.forEach((task) => this.#pass(task)));
  }

  /** Nothing runs any more. */
  wallUp(): void {
    this.#state = "gone";
    this.#held = [];
  }

  #pass(task: () => void): void {
    if (this.#state === "open") task();
    else if (this.#state === "shut") this.#held.push(task);
  }
}
