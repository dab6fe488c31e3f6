/**
 * Regular expressions that members subscribe with: what each of them means, tried here on the names of all topics.
 *
 *     a member names one ──tried at once──▶ record ──topics change (10 s apart), or long ago──▶ tried again ──nobody names it──▶ gone
 *
 * Invariant: what an expression means is what its record says, whatever the topics are by now; a change of it is a change of the group epoch.
 *
 * @module
 */
import { Regex, RegexError } from "../../../lib/regex.ts";
import { INTERNAL_TOPICS } from "../../../protocol/topic_names.ts";
import type { GroupNews, Topology } from "../protocol.ts";
import type { GroupOutbox } from "../state.ts";
import type { Draft } from "./draft.ts";
import { sameNames } from "./member.ts";
import { setLook } from "./timers.ts";

/** Topics come and go in bursts: expressions are not tried more often than that because of them. */
const APART_MS = 10_000;

/** Whether an expression is one that is understood here. */
export function isRegex(regex: string): boolean {
  return compile(regex) !== undefined;
}

/** What an expression matches, whole, in the order of names. */
function topicsOf(regex: string, topology: Topology): string[] {
  const compiled = compile(regex);
  if (compiled === undefined) return []; // of a log that somebody else wrote
  return [...topology.topics.keys()].filter((name) => !INTERNAL_TOPICS.has(name) && compiled.matches(name)).sort();
}

/** Sees to it that the expression has a meaning. */
export function resolveRegex(draft: Draft, regex: string, news: GroupNews, out: GroupOutbox): void {
  if (draft.regex(regex) !== undefined) return;
  draft.resubscribed = true;
  draft.setRegex(regex, {
    topics: topicsOf(regex, news.topology),
    version: BigInt(news.version),
    timestamp: BigInt(out.now()),
  });
  setLook(draft.state, "regex", news.config.consumerRegexRefreshIntervalMs, out);
}

/** Takes back what an expression means that nobody names any more. */
export function dropRegex(draft: Draft, regex: string | null): void {
  if (regex !== null && draft.regex(regex) !== undefined && !draft.regexesInUse().has(regex)) {
    draft.setRegex(regex, null);
  }
}

/** Tries all expressions again when topics have changed since, or it was long ago. */
export function refreshRegexes(draft: Draft, news: GroupNews, out: GroupOutbox): void {
  const { volatile, regexes } = draft.state;
  if (regexes.size === 0) {
    draft.noted.regexTopology = news.topology;
    return;
  }
  const ageMs = out.monotonic() - volatile.regexesAtMs;
  const isChanged = news.topology !== volatile.regexTopology;
  if (!isChanged && ageMs < news.config.consumerRegexRefreshIntervalMs) return;
  if (isChanged && ageMs < APART_MS) return setLook(draft.state, "regex", APART_MS - ageMs, out);
  draft.noted.regexTopology = news.topology;
  draft.noted.regexesAtMs = out.monotonic();
  for (const regex of draft.regexesInUse()) refreshRegex(draft, regex, news, out);
  setLook(draft.state, "regex", news.config.consumerRegexRefreshIntervalMs, out);
}

function refreshRegex(draft: Draft, regex: string, news: GroupNews, out: GroupOutbox): void {
  const topics = topicsOf(regex, news.topology);
  const before = draft.regex(regex);
  if (before !== undefined && sameNames(before.topics, topics)) return;
  draft.setRegex(regex, { topics, version: BigInt(news.version), timestamp: BigInt(out.now()) });
  draft.resubscribed = true;
  draft.bump();
}

/** Undefined when the expression is none. */
function compile(regex: string): Regex | undefined {
  try {
    return new Regex(regex);
  } catch (error) {
    if (error instanceof RegexError) return undefined;
    throw error;
  }
}
