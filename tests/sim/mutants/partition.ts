/**
 * Replication without one of its guards.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const at = (name: string): string => `actors/partition/${name}.ts`;

/** Mutants of the partition's replicas. */
export const PARTITION_MUTANTS: readonly Mutant[] = [
  // What is committed, and who is told.
  {
    name: "ack-on-append",
    guard:
      "An append with acks=all is answered when the high watermark has passed the batch, not when the leader has it.",
    file: at("append"),
    from: "if (acks === 0 || below <= (acks === -1 ? replica.highWatermark : replica.ownEnd)) return reply;",
    to: "if (acks !== 1 || below <= replica.ownEnd) return reply;",
  },
  {
    name: "high-watermark-of-leader-alone",
    guard: "The high watermark is the smallest safe end of all who are in sync.",
    file: at("settle"),
    from: "const end = committedEnd(inSync, role.leader, ownEnd, safeEnd);",
    to: "const end = ownEnd;",
  },
  {
    name: "high-watermark-ignores-proposed",
    guard: "The high watermark waits for whoever was proposed for the ISR, since the controller may have let it in.",
    file: at("settle"),
    from: "const inSync = maximalIsr(role.isr, proposal?.isr);",
    to: "const inSync = role.isr;",
  },
  {
    name: "high-watermark-under-min-isr",
    guard: "The high watermark stands still while fewer than min.insync.replicas are in sync.",
    file: at("settle"),
    from: "  if (replica.isUnderMinIsr) return;\n",
    to: "",
  },
  {
    name: "unheard-follower-does-not-count",
    guard: "A replica in sync that was not heard in this epoch holds the high watermark back.",
    file: at("isr"),
    from: "safeEnd(node) ?? 0",
    to: "safeEnd(node) ?? Infinity",
  },
  {
    name: "follower-counts-before-flush",
    guard: "A follower tells its leader what is on its disk, not what it has written.",
    file: at("follower"),
    from: "safeOffset: ownEnd,",
    to: "safeOffset: log.endOffset,",
  },
  {
    name: "own-end-before-flush",
    guard: "What the leader has itself counts when it is on its disk.",
    file: at("state"),
    from: "return this.config.flushBeforeAck ? this.log.flushedOffset : this.log.endOffset;",
    to: "return this.log.endOffset;",
  },
  {
    name: "read-beyond-high-watermark",
    guard: "Nobody reads what is not committed.",
    file: at("state"),
    from: 'return isolation === "read_committed" ? this.lastStableOffset : this.highWatermark;',
    to: "return isolation === undefined ? this.lastStableOffset : this.log.endOffset;",
  },
  {
    name: "produce-under-min-isr",
    guard: "An append with acks=all is refused at once while too few are in sync.",
    file: at("append"),
    from: "if (acks !== -1 || !replica.isUnderMinIsr) return undefined;",
    to: "if (replica !== undefined) return undefined;",
    survives: "The high watermark stands still then, so that nothing is acknowledged; the refusal is only a courtesy.",
  },
  // Where logs part.
  {
    name: "no-divergence-check",
    guard: "The leader compares the epoch of a follower's last record with its own log.",
    file: at("pull"),
    from: "const diverged = findDivergence(log, offset, lastFetchedEpoch);",
    to: "const diverged = lastFetchedEpoch < -1 ? findDivergence(log, offset, lastFetchedEpoch) : null;",
  },
  {
    name: "truncate-to-high-watermark",
    guard:
      "A follower cuts its log where the leader's epochs show it to part, not at its own high watermark (KIP-101).",
    file: at("follower"),
    from: "doing(() => log.truncateTo(log.endOffset))",
    to: "doing(() => log.truncateTo(replica.highWatermark))",
  },
  {
    name: "cut-ignores-own-epochs",
    guard: "A follower that lacks the leader's epoch cuts where its own largest smaller epoch ends (KIP-279).",
    file: at("divergence"),
    from: "return Math.min(diverging.endOffset, own?.endOffset ?? log.endOffset);",
    to: "return own === undefined ? diverging.endOffset : Math.min(diverging.endOffset, log.endOffset);",
  },
  {
    name: "divergence-by-end-alone",
    guard: "A leader that does not know the follower's epoch says so, even if its own log is longer.",
    file: at("divergence"),
    from: "return known.epoch < lastEpoch || known.endOffset < offset ? known : null;",
    to: "return known.endOffset < offset ? known : null;",
  },
  {
    name: "leader-epoch-not-stamped",
    guard: "Batches carry the epoch of the leader that appended them.",
    file: at("append"),
    from: "stampOffset(batch, 0, baseOffset, replica.role.leaderEpoch);",
    to: "stampOffset(batch, 0, baseOffset, Math.max(0, log.latestEpoch - 1));",
  },
  {
    name: "empty-epoch-kept",
    guard: "An epoch that a replica was to lead, and in which it wrote nothing, is none of its history.",
    file: at("follower"),
    from: "doing(() => log.truncateTo(log.endOffset))",
    to: "doing(() => {})",
    survives:
      "An empty epoch at the end is cut by the first batch of a newer one, and asked about by nobody who has no record of it.",
  },
  // Fencing.
  {
    name: "pull-epoch-unchecked",
    guard: "A leader listens to followers of its own epoch only (KIP-320).",
    file: at("pull"),
    from: "const refused = replica.refusal(leaderEpoch);",
    to: "const refused = replica.refusal(leaderEpoch < -1 ? leaderEpoch : -1);",
    survives:
      "The logs are compared all the same, and a follower takes no record of an epoch that it has not heard of.",
  },
  {
    name: "leader-epoch-unchecked",
    guard: "Whoever names another leader epoch is refused, clients too (KIP-320).",
    file: at("state"),
    from: "    if (currentLeaderEpoch >= 0) {",
    to: "    if (currentLeaderEpoch >= 1_000_000) {",
    survives:
      "A leader that was deposed sets no reader back before its followers have confirmed that it leads, whatever epoch the reader names. Unit tests kill it.",
  },
  {
    name: "set-back-unconfirmed",
    guard: "A leader tells a reader that it is past the end only when its followers have confirmed that it leads.",
    file: "actors/broker/gathering.ts",
    from: 'const isSetBack = reply.error === "OFFSET_OUT_OF_RANGE" || reply.divergingEpoch !== null;',
    to: "const isSetBack = reply.leader < 0;",
    survives:
      "Simulated readers name the epoch that they know, and a deposed leader refuses that; a unit test kills it.",
  },
  {
    name: "lost-reader-set-back",
    guard: "Who reads from a follower by mistake waits for what that one has yet to get.",
    file: at("fetch"),
    from: "const isLost = replica.leadership === null && request.knowsFollowers !== true;",
    to: "const isLost = replica.leadership === null && request.offset < 0;",
    survives:
      "Simulated readers name the epoch that they know, and are fenced by whoever follows; a unit test kills it.",
  },
  {
    name: "safe-before-compared",
    guard: "A follower says nothing of what it has before the leader has compared the logs.",
    file: at("settle"),
    from: "if (following === null || !following.pulling || !following.confirmed) return;",
    to: "if (following === null || !following.pulling) return;",
    survives: "The leader does not know a follower before it has compared their logs, and passes over what it says.",
  },
  {
    name: "pull-broker-epoch-unchecked",
    guard: "A leader does not listen to an earlier incarnation of a follower (KIP-903).",
    file: at("pull"),
    from: 'return isOlder(brokerEpoch, brokerId, leadership) ? "STALE_BROKER_EPOCH" : undefined;',
    to: 'return isOlder(brokerEpoch, brokerId, leadership) && leadership === null ? "STALE_BROKER_EPOCH" : undefined;',
    survives:
      "Whoever joins the ISR does so under the broker epoch that the leader has heard, and the controller looks at it: see broker-epochs-unchecked.",
  },
  {
    name: "broker-epochs-unchecked",
    guard: "Neither leader nor controller takes an earlier incarnation of a follower for the present one (KIP-903).",
    with: ["lost-disk", "slow-disk", "clog", "slow", "duplication"],
    file: at("pull"),
    from: 'return isOlder(brokerEpoch, brokerId, leadership) ? "STALE_BROKER_EPOCH" : undefined;',
    to: 'return isOlder(brokerEpoch, brokerId, leadership) && leadership === null ? "STALE_BROKER_EPOCH" : undefined;',
    also: [{
      file: "actors/controller/alter_partitions.ts",
      from: "return brokerEpoch === broker.epoch || (brokerEpoch === -1 && isr.includes(brokerId));",
      to: "return brokerEpoch >= -1 || isr.includes(brokerId);",
    }],
  },
  {
    name: "safe-of-another-incarnation",
    guard: "What an earlier incarnation of a follower had safe does not count for the next.",
    with: ["lost-disk", "slow-disk", "kill"],
    file: at("followers"),
    from: "const before = known?.brokerEpoch === brokerEpoch ? known : undefined;",
    to: "const before = known;",
    survives:
      "Nothing counts beyond the end of the log that is there now, and up to there the one before had it safe on the same disk, or it is empty.",
  },
  {
    name: "late-safe-of-another-incarnation",
    guard: "What an earlier incarnation of a follower said late does not count for the next.",
    with: ["lost-disk", "slow-disk", "clog", "slow", "duplication"],
    file: at("followers"),
    from:
      "if (follower?.brokerEpoch !== brokerEpoch || safeOffset <= follower.safe || safeOffset > leaderEnd) return false;",
    to:
      "if (follower === undefined || safeOffset <= follower.safe || safeOffset > leaderEnd || brokerEpoch < 0) return false;",
    also: [{
      file: at("pull"),
      from: 'return isOlder(brokerEpoch, brokerId, leadership) ? "STALE_BROKER_EPOCH" : undefined;',
      to: 'return brokerEpoch < 0 && isOlder(brokerEpoch, brokerId, leadership) ? "STALE_BROKER_EPOCH" : undefined;',
    }],
    survives:
      "It takes a word that is longer on its way than a node needs to lose its disk, register again and be heard; a unit test kills it.",
  },
  {
    name: "old-pull-answers",
    guard: "A follower takes only the answer to its newest question.",
    file: at("follower"),
    from: "return replica.following === following && following.sequence === sequence;",
    to: "return replica.following !== null && sequence > 0;",
  },
  {
    name: "follower-state-kept",
    guard: "Who begins to lead follows nobody any more.",
    file: at("outage"),
    from: "  replica.following = null;\n",
    to: "",
  },
  {
    name: "older-role-taken",
    guard: "A replica obeys no older word of the controller than it has heard.",
    file: at("state"),
    from: "if (role.partitionEpoch < partitionEpoch) return false;",
    to: "if (role.partitionEpoch < partitionEpoch - 1_000) return false;",
    survives:
      "Roles come from the broker of the same node, in order, and none that is as old as the answer to a proposal.",
  },
  // The ISR.
  {
    name: "join-below-high-watermark",
    guard: "Who joins the ISR has everything that is committed.",
    file: at("isr"),
    from: "return safeEnd >= highWatermark && safeEnd >= leaderEpochStart;",
    to: "return safeEnd >= highWatermark - 3 && safeEnd >= leaderEpochStart;",
  },
  {
    name: "join-below-epoch-start",
    guard:
      "Who joins the ISR has come to where the leader's epoch begins, below which more may be committed than it knows.",
    file: at("isr"),
    from: "return safeEnd >= highWatermark && safeEnd >= leaderEpochStart;",
    to: "return safeEnd >= highWatermark && leaderEpochStart >= 0;",
  },
  {
    name: "ambiguous-refusal-forgets",
    guard: "Only a clear refusal says that a proposed ISR will never come to be.",
    file: at("isr_change"),
    from: 'return error === "INELIGIBLE_REPLICA" || error === "INVALID_REQUEST";',
    to: 'return error !== "NONE";',
    with: ["stop", "kill", "partition", "cut", "slow"],
  },
  {
    name: "refusal-forgets-earlier-attempt",
    guard: "A refusal of one attempt does not speak for an earlier one that was never answered.",
    file: at("isr_change"),
    from: "if (isRefusal(verdict.error) && !isInDoubt(replica, proposal, nowMs)) {",
    to: "if (isRefusal(verdict.error)) {",
    survives:
      "The earlier attempt has to come later than the refusal of the next, which messages in order do not bring about.",
  },
  {
    name: "proposal-forgotten-in-crash",
    guard: "A leader whose actor is restarted goes on waiting for whom it has proposed.",
    file: at("leader"),
    from: "  resumeProposal(replica, out);\n",
    to: "",
  },
  {
    name: "led-epoch-forgotten",
    guard: "Nobody leads an epoch that its log has records of and that it does not remember.",
    file: at("leader"),
    from: "if (led?.epoch !== leaderEpoch && log.latestEpoch === leaderEpoch) {",
    to: "if (led === undefined && log.latestEpoch > leaderEpoch) {",
    survives: "A new process always has a new leader epoch; this is the second lock on that door.",
  },
  {
    name: "given-records-forgotten",
    guard: "Who has given records away and lost them does not go on leading the same epoch.",
    file: at("leader"),
    from: "if (led?.epoch === leaderEpoch && log.endOffset < led.given) {",
    to: "if (led?.epoch === leaderEpoch && log.endOffset < 0) {",
    survives:
      "Who loses records goes offline, or is a new process, which has a new leader epoch; this is the second lock on that door.",
  },
  {
    name: "config-before-role",
    guard: "A new ISR and a new min.insync.replicas that come together count together.",
    with: ["lowered-min-isr"],
    file: at("replica"),
    from: "replica.lastWord.config = config; // before anything is decided by the new role",
    to: "configure(replica, config, out);",
  },
  {
    name: "leader-speaks-without-asking",
    guard:
      "A leader asks its followers before it speaks from memory: it may have stood still while another was elected.",
    file: at("confirming"),
    from: 'if (followedMs(replica, leadership) >= askedMs) return "NONE";',
    to: 'return "NONE";',
    with: ["groups", "standalone-commits", "pause"],
    survives:
      "It takes a leader that stands still until another has committed, and a question put after that which it answers before it knows itself to be isolated: not met in the first twenty seeds. A unit test kills it.",
  },
  {
    name: "decision-before-metadata",
    guard:
      "A leader is told of its new ISR when its broker has applied it, and with it every min.insync.replicas before.",
    with: ["raised-min-isr"],
    file: "actors/broker/isr_changes.ts",
    from: 'if (result.error !== "NONE" || isKnown(broker.image, result)) return out.reply(asker, result);',
    to: "if (asker !== undefined) return out.reply(asker, result);",
  },
  {
    name: "answer-overtakes-config",
    guard: "An accepted ISR counts no sooner than the min.insync.replicas by which the controller counted.",
    with: ["raised-min-isr"],
    file: at("isr_change"),
    from: "if (wasHeard && accept(replica, verdict)) {",
    to: "if (accept(replica, verdict)) {",
  },
  {
    name: "any-look-asks-again",
    guard:
      "The question is asked a second time by a letter that comes after its first answer, and after all that waited then.",
    file: at("isr_change"),
    from: "if (leadership.proposal !== null) return;",
    to: "if (leadership.proposal !== null) return askAgain(replica, out);",
    survives: "A simulated mailbox is empty within an instant, so nothing waits in it; a unit test kills it.",
  },
  // Producers.
  {
    name: "sequence-gap-taken",
    guard: "An idempotent producer's batches come one after another.",
    file: at("producers"),
    from: "if (baseSequence === expected) return NEW;",
    to: "if (baseSequence >= expected) return NEW;",
  },
  {
    name: "duplicate-taken",
    guard: "A batch that is there is not appended again.",
    file: at("producers"),
    from:
      'if (of.firstSequence === baseSequence && of.lastSequence === lastSequence) return { type: "duplicate", of };',
    to: "if (of.firstSequence === baseSequence && of.lastSequence === lastSequence) return NEW;",
  },
  {
    name: "followers-learn-no-producers",
    guard: "A follower knows the producers of what it has pulled, for the day that it leads.",
    file: at("follower"),
    from: "for (const header of headers) producers.recovered(header);",
    to: "if (headers.length === 0) producers.recovered(headers[0]!);",
  },
];
