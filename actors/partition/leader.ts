/**
 * How a replica begins to lead: a new leader epoch begins where its log ends.
 *
 *     told to lead ──may it?──no──▶ abstains, until it is told something else
 *                       └──yes──▶ leads with the high watermark that it had, knowing nothing of its followers
 *
 * Invariant: an epoch has one leader with one history. A replica leads no epoch that its log has records after, and none of which
 * it has forgotten records that it had given away.
 *
 * @module
 */
import { flush, flushInTime } from "./durability.ts";
import { resumeProposal, setCheck } from "./isr_change.ts";
import { Leadership } from "./leadership.ts";
import { abstain, doing, fail } from "./outage.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** A leader's epoch begins where its log ends; one that it has led before (it was restarted) goes on. */
export function lead(replica: Replica, out: ReplicaOutbox): void {
  const { log, role, lastWord } = replica;
  const { leaderEpoch } = role;
  const why = whyNotLead(replica);
  if (why !== undefined) return abstain(replica, `${replica.name} must not lead: ${why}`, out);
  replica.endOffset = log.endOffset;
  replica.leaderEpochStart = log.endOffset;
  replica.leadership = new Leadership(role, out.monotonic());
  if (lastWord.led?.epoch !== leaderEpoch) lastWord.led = { epoch: leaderEpoch, given: 0 };
  if (log.latestEpoch !== leaderEpoch) {
    const { endOffset } = log;
    out.call("assign epoch", doing(() => log.assignEpoch(leaderEpoch, endOffset)), (replica, result, out) => {
      if (!result.ok) fail(replica, "could not note its leader epoch", result.error, out);
    });
  }
  if (log.tombstonesGoneTo > log.endOffset) {
    // It was filled in part. What it writes itself from here on lacks nothing: to tell that of others would be to say that they lack it.
    // Followers hear of it before anything is written, so it is noted now; if the disk is full, the first write does it instead.
    out.call("note that the rest is its own", doing(() => log.fillWithout(0)), (replica, result, out) => {
      if (!result.ok) fail(replica, "could not note what it was filled without", result.error, out);
    });
  }
  setCheck(replica, out);
  resumeProposal(replica, out);
  if (log.flushedOffset === log.endOffset) return;
  if (replica.config.flushBeforeAck) flush(replica, out);
  else flushInTime(replica, out);
}

/** Why it must not lead, a sentence. */
function whyNotLead({ log, role, lastWord }: Replica): string | undefined {
  const { leaderEpoch } = role;
  const { led } = lastWord;
  if (leaderEpoch < log.latestEpoch) {
    return `Its log has records of leader epoch ${log.latestEpoch}, but it is told to lead epoch ${leaderEpoch}.`;
  }
  if (led?.epoch === leaderEpoch && log.endOffset < led.given) {
    return `In leader epoch ${leaderEpoch} it has given its followers records up to offset ${led.given}, ` +
      `but its log ends at ${log.endOffset} now.`;
  }
  if (led?.epoch !== leaderEpoch && log.latestEpoch === leaderEpoch) {
    return `Its log has records of leader epoch ${leaderEpoch} already, from a life that it does not remember.`;
  }
  return undefined;
}
