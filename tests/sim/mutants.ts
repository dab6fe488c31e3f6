/**
 * Guards, each with a change of the code that takes it away: what the simulator must notice.
 *
 * A guard that can go without any seed failing is either not needed, or guarded by another, or not tested. Each change replaces one
 * text that is in its file exactly once; when the code has moved on, that is an error, and the mutant has to move with it.
 *
 * @module
 */

/** A guard taken away. */
export interface Mutant {
  readonly name: string;
  /** What the guard sees to. */
  readonly guard: string;
  readonly file: string;
  /** What is replaced, and by what. */
  readonly find: string;
  readonly put: string;
}

/** A mutant that cannot be missed: if it survives, it is the simulator that is broken. */
const CANARY: Mutant = {
  name: "canary",
  guard: "records are what was sent",
  file: "protocol/records.ts",
  find: "export function encodeBatch(records: readonly NewRecord[], options: BatchOptions = {}): Uint8Array {",
  put: "export function encodeBatch(records: readonly NewRecord[], options: BatchOptions = {}): Uint8Array {\n" +
    "  if (records.length > 1) records = [...records].reverse();",
};

const PARTITION: readonly Mutant[] = [
  {
    name: "commit-alone",
    guard: "a record is committed when the followers in sync have it",
    file: "actors/partition/isr.ts",
    find: "if (node !== leader) end = Math.min(end, safeEnd(node) ?? 0);",
    put: "if (node !== leader) safeEnd(node);",
  },
  {
    name: "commit-unheard",
    guard: "a replica in sync that has not been heard of holds the high watermark back",
    file: "actors/partition/isr.ts",
    find: "safeEnd(node) ?? 0);",
    put: "safeEnd(node) ?? end);",
  },
  {
    name: "commit-by-committed-isr",
    guard: "whoever was proposed for the ISR is waited for before the controller has answered",
    file: "actors/partition/isr.ts",
    find: "  return [...isr, ...proposed.filter((node) => !isr.includes(node))];",
    put: "  return isr;",
  },
  {
    name: "no-min-isr",
    guard: "with fewer than min.insync.replicas nothing is committed or promised",
    file: "actors/partition/isr.ts",
    find: "  return role.isr.length < effectiveMinIsr(role, minInsyncReplicas);",
    put: "  return effectiveMinIsr(role, minInsyncReplicas) < 0;",
  },
  {
    name: "join-below-high-watermark",
    guard: "who joins the ISR has everything that is committed",
    file: "actors/partition/isr.ts",
    find: "safeEnd >= highWatermark && safeEnd >= leaderEpochStart;",
    put: "highWatermark >= 0 && safeEnd >= leaderEpochStart;",
  },
  {
    name: "join-below-epoch-start",
    guard: "who joins the ISR has come to the start of the leader's epoch (KIP-320)",
    file: "actors/partition/isr.ts",
    find: "safeEnd >= highWatermark && safeEnd >= leaderEpochStart;",
    put: "safeEnd >= highWatermark && leaderEpochStart >= 0;",
  },
  {
    name: "safe-when-written",
    guard: "only flushed records count, where a topic flushes before it acknowledges",
    file: "actors/partition/state.ts",
    find: "return this.config.flushBeforeAck ? this.log.flushedOffset : this.log.endOffset;",
    put: "return this.log.endOffset;",
  },
  {
    name: "no-divergence",
    guard: "a follower whose log has parted from the leader's is told so (KIP-101, KIP-595)",
    file: "actors/partition/divergence.ts",
    find: "  if (lastEpoch < 0) return null;",
    put: "  if (lastEpoch < 1_000_000) return null;",
  },
  {
    name: "any-answer",
    guard: "a follower takes only the answer to its newest question",
    file: "actors/partition/follower.ts",
    find: "return replica.following === following && following.sequence === sequence;",
    put: "return replica.following === following && sequence > 0;",
  },
  {
    name: "any-broker-epoch",
    guard: "a leader listens to no earlier incarnation of a follower (KIP-903)",
    file: "actors/partition/pull.ts",
    find: "return known !== undefined && brokerEpoch < known.brokerEpoch;",
    put: "return known !== undefined && brokerEpoch < 0;",
  },
  {
    name: "any-leader-epoch",
    guard: "whoever names another leader epoch is refused (KIP-320)",
    file: "actors/partition/state.ts",
    find: "    if (currentLeaderEpoch >= 0) {",
    put: "    if (currentLeaderEpoch >= 1_000_000) {",
  },
  {
    name: "take-back-in-doubt",
    guard: "a proposed ISR is taken back only when it is known that it was refused",
    file: "actors/partition/isr_change.ts",
    find: '  return error === "INELIGIBLE_REPLICA" || error === "INVALID_REQUEST";',
    put: "  return error.length > 0;",
  },
  {
    name: "old-role",
    guard: "an older word of the controller is ignored",
    file: "actors/partition/state.ts",
    find: "    if (role.partitionEpoch < partitionEpoch) return false;",
    put: "",
  },
  {
    name: "forgetful-follower",
    guard: "a follower learns of the producers whose records it copies",
    file: "actors/partition/follower.ts",
    find: "      for (const header of headers) producers.recovered(header);",
    put: "      if (headers.length > 1_000_000) producers.recovered(headers[0]!);",
  },
  {
    name: "no-duplicates",
    guard: "a batch that was sent again is not appended again",
    file: "actors/partition/producers.ts",
    find: 'return { type: "duplicate", of };',
    put: "return NEW;",
  },
  {
    name: "any-sequence",
    guard: "a batch whose predecessor is missing is refused",
    file: "actors/partition/producers.ts",
    find: "    if (baseSequence === expected) return NEW;",
    put: "    if (baseSequence !== expected || baseSequence === expected) return NEW;",
  },
  {
    name: "read-uncommitted-end",
    guard: "nobody reads beyond the high watermark",
    file: "actors/partition/state.ts",
    find: 'return isolation === "read_committed" ? this.lastStableOffset : this.highWatermark;',
    put: 'return isolation === "read_committed" ? this.lastStableOffset : this.log.endOffset;',
  },
  {
    name: "tell-safe-early",
    guard: "a follower says nothing of what it has before the leader has compared the logs",
    file: "actors/partition/settle.ts",
    find: "  if (following === null || !following.pulling || !following.confirmed) return;",
    put: "  if (following === null || !following.pulling) return;",
  },
];

const CONTROLLER: readonly Mutant[] = [
  {
    name: "unclean-elections",
    guard: "only who is in sync or known to have everything may lead",
    file: "actors/controller/partition_change.ts",
    find: "active.has(id) && (isr.includes(id) || (isr.length === 0 && elr.includes(id)));",
    put: "active.has(id) && isr.length + elr.length >= 0;",
  },
  {
    name: "no-elr",
    guard: "who leaves the ISR when too few are left may still be elected (KIP-966)",
    file: "actors/controller/partition_change.ts",
    find: "const eligible = [...old.elr, ...old.isr].filter((id) => !target.isr.includes(id) && id !== lost?.id);",
    put: "const eligible: number[] = [];",
  },
  {
    name: "eternal-elr",
    guard: "nobody counts as having everything once enough others are in sync without it",
    file: "actors/controller/partition_change.ts",
    find: "const next = elected.isr.length >= minIsr ? { ...elected, elr: [] } : elected;",
    put: "const next = minIsr < 0 ? { ...elected, elr: [] } : elected;",
  },
  {
    name: "any-incarnation",
    guard: "the ISR takes in brokers as they are now, not as they were (KIP-903)",
    file: "actors/controller/alter_partitions.ts",
    find: "return brokerEpoch === broker.epoch || (brokerEpoch === -1 && isr.includes(brokerId));",
    put: "return brokerEpoch <= broker.epoch || isr.includes(brokerId);",
  },
  {
    name: "fenced-in-isr",
    guard: "no fenced broker is taken into an ISR",
    file: "actors/controller/alter_partitions.ts",
    find: "if (broker === undefined || broker.fenced) return false;",
    put: "if (broker === undefined) return false;",
  },
  {
    name: "any-partition-epoch",
    guard: "an ISR is changed only by who knows the one before",
    file: "actors/controller/alter_partitions.ts",
    find: '  if (change.partitionEpoch < partitionEpoch) return "INVALID_UPDATE_VERSION";',
    put: "",
  },
  {
    name: "keep-isr-of-lost-disk",
    guard: "a broker that comes back with another disk is in sync with nothing",
    file: "actors/controller/brokers.ts",
    find: "  const empty = known?.directoryId !== directoryId;",
    put: '  const empty = known?.directoryId === "none" && directoryId === "";',
  },
  {
    name: "unfence-at-once",
    guard: "a broker is let in when it has applied its own registration",
    file: "actors/controller/membership.ts",
    find: "if (broker.fenced && appliedOffset > broker.epoch && !broker.inControlledShutdown) {",
    put: "if (broker.fenced && !broker.inControlledShutdown) {",
  },
  {
    name: "fence-in-isr",
    guard: "a broker that is fenced leaves the ISR",
    file: "actors/controller/brokers.ts",
    find:
      "    if (!partition.isr.includes(brokerId)) continue;\n    const isr = partition.isr.filter((id) => id !== brokerId);\n" +
      "    changes.wish(topic, partition.partition, { isr, unclean: changes.policy(topic.name).unclean });",
    put: "    changes.wish(topic, partition.partition, { unclean: changes.policy(topic.name).unclean });",
  },
];

const BROKER: readonly Mutant[] = [
  {
    name: "act-on-history",
    guard: "a broker acts on no metadata older than its registration",
    file: "actors/broker/state.ts",
    find: "    return this.image.offset >= this.goal && this.#registration?.epoch === this.epoch;",
    put: "    return this.image.offset > 0;",
  },
];

const QUORUM: readonly Mutant[] = [
  {
    name: "vote-for-anyone",
    guard: "a voter votes only for who has everything that it has",
    file: "actors/quorum/election.ts",
    find: "    isUpToDate(request, endOf(quorum));",
    put: "    endOf(quorum).endOffset >= 0;",
  },
  {
    name: "forget-votes",
    guard: "a vote outlives the process",
    file: "actors/quorum/state.ts",
    find: 'if (this.membership === "voting") this.deps.store.writeState({ epoch, votedFor, votesFrom });',
    put:
      'if (this.membership === "voting" && votedFor !== votedFor) this.deps.store.writeState({ epoch, votedFor, votesFrom });',
  },
  {
    name: "commit-earlier-epochs",
    guard: "a leader commits what others have left only together with its own",
    file: "actors/quorum/leading.ts",
    find: "if (committed <= role.epochStart || committed <= quorum.highWatermark) return;",
    put: "if (committed <= quorum.highWatermark) return;",
  },
  {
    name: "commit-by-one",
    guard: "metadata is committed by a majority",
    file: "actors/quorum/leading.ts",
    find: "Math.min(ends[majority - 1]!, log.endOffset);",
    put: "Math.min(ends[majority > 0 ? 0 : 1]!, log.endOffset);",
  },
  {
    name: "commit-unflushed",
    guard: "what a voter says to have is durable there",
    file: "actors/quorum/following.ts",
    find: "  if (log.flushedOffset < log.endOffset) return flush(quorum, out); // and then again",
    put: "  if (log.flushedOffset < log.endOffset) flush(quorum, out);",
  },
  {
    name: "new-disk-votes",
    guard: "a voter that has lost its disk votes when it has caught up",
    file: "actors/quorum/enquiry.ts",
    find: "  if (!hasSomethingToLose) vote(quorum, out);",
    put: "  if (hasSomethingToLose || !hasSomethingToLose) vote(quorum, out);",
  },
  {
    name: "controller-too-early",
    guard: "a controller begins when everything in its log is committed",
    file: "actors/quorum/active_controller.ts",
    find: "  if (highWatermark <= role.epochStart || highWatermark < log.endOffset) return;",
    put: "  if (highWatermark > log.endOffset) return;",
  },
  {
    name: "two-votes",
    guard: "a voter votes once in an epoch",
    file: "actors/quorum/election.ts",
    find: "  if (epoch === quorum.epoch && quorum.votedFor !== -1) return quorum.votedFor === candidateId;",
    put: '  if (epoch === quorum.epoch && quorum.votedFor !== -1) return quorum.membership === "voting";',
  },
];

const STORAGE: readonly Mutant[] = [
  {
    name: "trust-torn-batches",
    guard: "what a power failure has torn is cut off at recovery",
    file: "storage/batch_scanner.ts",
    find: 'if (!crcMatches(this.#buffer, at)) return "does not match its CRC";',
    put: "",
  },
  {
    name: "sync-in-vain",
    guard: "a flush has ended when the disk says so",
    file: "storage/group_commit.ts",
    find: "        file.sync(settled);",
    put: "        settled(DONE);",
  },
];

/** All of them. */
export const MUTANTS: readonly Mutant[] = [CANARY, ...PARTITION, ...CONTROLLER, ...BROKER, ...QUORUM, ...STORAGE];

/** The file's text with the guard gone; undefined when what was to be replaced is not there exactly once. */
export function mutate(text: string, { find, put }: Mutant): string | undefined {
  const at = text.indexOf(find);
  if (at < 0 || text.indexOf(find, at + 1) >= 0) return undefined;
  return text.slice(0, at) + put + text.slice(at + find.length);
}
