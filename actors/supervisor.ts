/**
 * What becomes of an actor that has crashed: a pure decision from when it crashed before.
 *
 *     crashed ──fewer than `restarts` within `periodMs`──▶ restart after a back-off
 *        └──────the restarts are used up────────────────▶ stop, or escalate to the parent
 *
 * @module
 */
import type { Random } from "../lib/prng.ts";
import type { Supervision } from "./actor.ts";

/** What the supervisor has decided. */
export type Decision =
  | { readonly type: "restart"; readonly delayMs: number }
  | { readonly type: "stop" }
  | { readonly type: "escalate" };

/**
 * Decides after a crash.
 *
 * The back-off doubles with each restart within the period; chance takes away up to half of it, so that actors which crashed
 * together do not all come back together.
 *
 * @param restartedAtMs when it was restarted before, oldest first; this one is added, and those past the period are dropped
 */
export function decide(
  restartedAtMs: number[],
  nowMs: number,
  supervision: Required<Supervision>,
  random: Random,
): Decision {
  while (restartedAtMs.length > 0 && restartedAtMs[0]! <= nowMs - supervision.periodMs) restartedAtMs.shift();
  if (restartedAtMs.length >= supervision.restarts) return { type: supervision.then };
  const fullMs = Math.min(supervision.backoffMaxMs, supervision.backoffMs * 2 ** restartedAtMs.length);
  restartedAtMs.push(nowMs);
  const half = Math.floor(fullMs / 2);
  return { type: "restart", delayMs: fullMs - random.below(half + 1) };
}
