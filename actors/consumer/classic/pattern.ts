/**
 * Which topics a pattern means: it has to fit the whole name. Kafka's own topics are never meant.
 *
 * @module
 */
import { INTERNAL_TOPICS } from "../../../protocol/topic_names.ts";

/** A test for names; one that nothing passes when the pattern cannot be understood (see {@linkcode patternProblem}). */
export function topicMatcher(pattern: string): (topic: string) => boolean {
  const expression = compile(pattern);
  return (topic) => !INTERNAL_TOPICS.has(topic) && expression?.test(topic) === true;
}

/** A sentence that says why a pattern cannot be understood, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  return compile(pattern) ? undefined : `"${pattern}" is no regular expression.`;
}

function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`, "u");
  } catch {
    return undefined;
  }
}
