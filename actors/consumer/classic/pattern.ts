/**
 * Which topics a pattern means: it has to fit the whole name. Kafka's own topics are never meant.
 *
 * @module
 */
import { Regex, RegexError } from "../../../lib/regex.ts";
import { INTERNAL_TOPICS } from "../../../protocol/topic_names.ts";

/** A test for names. What is no pattern fits nothing: {@linkcode patternProblem} says so before. */
export function topicMatcher(pattern: string): (topic: string) => boolean {
  const regex = compile(pattern);
  return (topic) => !INTERNAL_TOPICS.has(topic) && typeof regex !== "string" && regex.matches(topic);
}

/** A sentence that says why a pattern cannot be understood, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  const regex = compile(pattern);
  return typeof regex === "string" ? regex : undefined;
}

/** The expression, or what is wrong with it. */
function compile(pattern: string): Regex | string {
  try {
    return new Regex(pattern);
  } catch (error) {
    if (error instanceof RegexError) return error.message;
    throw error;
  }
}
