/**
 * Makes the log durable, one sync at a time; what is appended meanwhile shares the next.
 *
 * @module
 */
import type { Out, Quorum } from "./state.ts";

/** Sees to it that the log's end becomes durable; `tick("flushed")` tells when it is. */
export function flush(quorum: Quorum, out: Out): void {
  if (quorum.flushing || quorum.log.flushedOffset === quorum.log.endOffset) return;
  quorum.flushing = true;
  out.call<void>("flush", (done) => quorum.log.flush(done), (quorum, result, out) => {
    if (!result.ok) throw result.error;
    quorum.flushing = false;
    flush(quorum, out);
    out.send(out.self, "tick", "flushed");
  });
}
