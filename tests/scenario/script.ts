/**
 * A scenario as a text: what is done to a cluster, and below each line what must come of it.
 *
 *     # What this is about.
 *
 *     kill 1
 *       broker 1: fenced
 *       t-0: led by 2 in epoch 1, in sync 2,3
 *
 * A line that begins at the margin is one step, commands with "; " between them, which are given at the same time; the lines
 * below it, indented by two, are everything worth telling that happens until the cluster has come to rest again. Lines that begin
 * with "#" are for readers.
 *
 * @module
 */

/** One step. */
export interface Step {
  /** Number of its line, from 1. */
  readonly line: number;
  readonly commands: readonly string[];
  readonly expected: readonly string[];
}

/** The steps of a script. */
export function parseScript(text: string): Step[] {
  const steps: (Step & { expected: string[] })[] = [];
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    if (!line.startsWith(" ")) {
      steps.push({ line: index + 1, commands: line.split(";").map((command) => command.trim()), expected: [] });
    } else if (steps.length === 0) throw new Error(`line ${index + 1}: nothing has been done yet`);
    else steps.at(-1)!.expected.push(line.trim());
  });
  return steps;
}

/** The script with what came of its steps in place of what was expected. */
export function rewriteScript(text: string, outcomes: ReadonlyMap<Step["line"], readonly string[]>): string {
  return text.split("\n").flatMap((line, index) => {
    const told = outcomes.get(index + 1);
    if (told !== undefined) return [line, ...told.map((outcome) => `  ${outcome}`)];
    return line.startsWith(" ") && line.trim() !== "" ? [] : [line];
  }).join("\n");
}
