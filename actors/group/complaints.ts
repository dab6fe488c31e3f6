/**
 * What an operator has to hear of a group, because no client can mend it: once in a while, as it comes again with each request.
 *
 * @module
 */
import type { Group, GroupOutbox } from "./state.ts";

/** How long an operator who was told is left alone. */
const SILENCE_MS = 60_000;

/** Tells the operator, after this turn. */
export function complain(group: Group, sentence: string, out: GroupOutbox): void {
  const { report } = group.deps;
  if (report === undefined || out.monotonic() - group.complainedAtMs < SILENCE_MS) return;
  group.complainedAtMs = out.monotonic();
  out.call("report", (done) => {
    report(sentence);
    done({ ok: true, value: undefined });
  });
}
