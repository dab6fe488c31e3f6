/**
 * The machine's own time, turns and chance.
 *
 * @module
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Env } from "../lib/env.ts";
import { SeededRandom } from "../lib/prng.ts";

/** `setTimeout` fires at once when it is given more than an int32 of milliseconds. */
const TIMEOUT_MAX_MS = 0x7fff_ffff;

/**
 * An {@linkcode Env} of real time, with chance seeded by the operating system.
 *
 * Microtasks run before sockets and timers, `setImmediate` after them; `setTimeout(0)` would cost two milliseconds a turn.
 */
export function realEnv(): Env {
  return {
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      after(delayMs, task) {
        // Rounded up, or the task would find that its time has not come.
        const timer = setTimeout(task, Math.min(Math.ceil(Math.max(0, delayMs)), TIMEOUT_MAX_MS));
        return () => clearTimeout(timer);
      },
    },
    scheduler: {
      soon: (task) => queueMicrotask(task),
      later: (task) => void setImmediate(task),
    },
    random: new SeededRandom(crypto.getRandomValues(new BigUint64Array(2)).join("-")),
  };
}
