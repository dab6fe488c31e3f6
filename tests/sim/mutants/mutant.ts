/**
 * A mutant: the same program without one of its guards, which the simulator must be able to tell from the program.
 *
 * @module
 */
import type { Feature } from "../swarm.ts";

/** A change of one place in the source. */
export interface Patch {
  /** From the root of the checkout. */
  readonly file: string;
  /** Text that occurs once in the file. */
  readonly from: string;
  readonly to: string;
}

/** A program without a guard. */
export interface Mutant extends Patch {
  readonly name: string;
  /** What the guard protects, a sentence. */
  readonly guard: string;
  /** More places that have to change with it. */
  readonly also?: readonly Patch[];
  /** Features of the simulator that bring it about (`tests/sim/swarm.ts`): it is hunted with these alone, which takes less time. */
  readonly with?: readonly Feature[];
  /** Why nothing may notice within a reasonable time, a sentence. Without it, a mutant that survives is a hole in the simulator. */
  readonly survives?: string;
}

/** Every place that a mutant changes. */
export function patchesOf({ file, from, to, also = [] }: Mutant): readonly Patch[] {
  return [{ file, from, to }, ...also];
}

/** The text with the patch; throws when the text to replace is not there exactly once. */
export function patched(text: string, { file, from, to }: Patch): string {
  const at = text.indexOf(from);
  const problem = at < 0 ? "is not there" : text.indexOf(from, at + 1) >= 0 ? "is there more than once" : undefined;
  if (problem !== undefined) throw new Error(`${file}: the text ${JSON.stringify(from)} ${problem}.`);
  return text.slice(0, at) + to + text.slice(at + from.length);
}
