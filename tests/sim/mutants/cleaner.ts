/**
 * Mutants of the log's cleaner.
 *
 * @module
 */
import type { Feature } from "../swarm.ts";
import type { Mutant } from "./mutant.ts";

const at = (name: string) => `storage/cleaner/${name}.ts`;
const CLEANING: readonly Feature[] = ["groups", "compaction", "rogue-members", "standalone-commits", "kill", "power"];

/** The mutants. */
export const CLEANER_MUTANTS: readonly Mutant[] = [
  {
    name: "cleaner-above-high-watermark",
    guard: "Nothing is cleaned that is not committed.",
    with: [...CLEANING, "partition", "pause", "cut"],
    file: at("choosing"),
    from: "const limit = Math.min(untilOffset, flushedOffset);",
    to: "const limit = Math.max(untilOffset, flushedOffset);",
  },
  {
    name: "cleaner-drops-fresh-tombstone",
    guard: "A tombstone stays until its horizon.",
    with: [
      ...CLEANING,
      "group-admin",
      "modern",
      "static-members",
      "pause",
      "partition",
      "cut",
      "slow",
      "lost-disk",
      "actor",
    ],
    file: at("rewriting"),
    from: "const isOver = header.hasDeleteHorizon && nowMs >= header.baseTimestamp &&",
    to: "const isOver = nowMs >= 0 &&",
  },
  {
    name: "cleaner-drops-tombstone-unheard",
    guard: "A tombstone stays until every replica has it.",
    with: ["compaction", "kill", "power", "pause", "partition", "cut", "elect"],
    file: at("rewriting"),
    from: "header.baseOffset + header.lastOffsetDelta < tombstonesUntil();",
    to: "tombstonesUntil() !== undefined;",
    survives:
      "Who has not heard of a deletion begins anew then, which costs time only; without that either, see deletion-missed-for-good.",
  },
  {
    name: "follower-keeps-missed-deletion",
    guard: "Who may have missed a deletion that its leader has forgotten begins anew.",
    with: ["compaction", "pause", "partition"],
    file: "actors/partition/follower.ts",
    from: "return tombstonesGoneTo > Math.max(log.endOffset, following.filledWithout);",
    to: "return tombstonesGoneTo > Number.MAX_SAFE_INTEGER;",
  },
  {
    name: "follower-cleaned-by-what-it-cuts",
    guard: "Who has to cut records by which it may have been cleaned begins anew.",
    with: ["compaction", "pause", "partition", "kill"],
    file: "actors/partition/follower.ts",
    from: "if (goesOffline || !hasCleanedBy(replica, offset)) {",
    to: "if (goesOffline || offset >= 0) {",
    survives:
      "Committed records are cut after an unclean election alone, and nothing is promised there of what was committed before.",
  },
  {
    name: "filled-without-forgotten",
    guard: "Who was filled without what a leader has forgotten need not begin anew under the next one.",
    with: ["compaction", "lost-disk", "elect"],
    file: "actors/partition/follower.ts",
    from: "|| log.tombstonesGoneTo >= tombstonesGoneTo;",
    to: "&& tombstonesGoneTo >= 0;",
    survives: "Who begins anew without need has everything again a little later.",
  },
  {
    name: "leader-filled-without-what-it-writes",
    guard: "Of what a leader writes it does not say that it lacks what it was filled without.",
    with: ["compaction", "lost-disk", "elect"],
    file: "actors/partition/leader.ts",
    from: "if (log.tombstonesGoneTo > log.endOffset) {",
    to: "if (log.endOffset < 0) {",
    also: [{
      file: "actors/partition/append.ts",
      from: "    log.fillWithout(0);",
      to: "    log.fillWithout(log.tombstonesGoneTo);",
    }],
    survives:
      "Who is being filled leads only when nobody else can, and has to fill another in part; a unit test kills it.",
  },
  {
    name: "deletion-missed-for-good",
    guard: "Who was away while a key was deleted hears of it, or begins anew: each of the two would do alone.",
    with: ["compaction", "kill", "pause", "partition"],
    file: at("rewriting"),
    from: "header.baseOffset + header.lastOffsetDelta < tombstonesUntil();",
    to: "tombstonesUntil() !== undefined;",
    also: [{
      file: "actors/partition/follower.ts",
      from: "return tombstonesGoneTo > Math.max(log.endOffset, following.filledWithout);",
      to: "return tombstonesGoneTo > Number.MAX_SAFE_INTEGER;",
    }],
  },
  {
    name: "cleaner-loses-last-of-key",
    guard: "The last record of a key stays.",
    with: CLEANING,
    file: at("rewriting"),
    from: "if (latest !== undefined && latest > offset) continue;",
    to: "if (latest !== undefined && latest >= offset) continue;",
  },
  {
    name: "cleaner-keeps-first-of-key",
    guard: "It is the last record of a key that stays.",
    with: CLEANING,
    file: at("key_map"),
    from: "    this.#offsets.set(key, offset);",
    to: "    if (!this.#offsets.has(key)) this.#offsets.set(key, offset);",
    survives: "Records above the first of a key are kept then: more stays than must.",
  },
  {
    name: "swap-not-finished",
    guard: "What a crash interrupted is finished before the log is opened.",
    with: CLEANING,
    file: at("swap"),
    from: "const swaps = names.filter((name) => /^\\d{20}\\.log\\.swap$/.test(name));",
    to: "const swaps = names.filter((name) => /^\\d{20}\\.log\\.swop$/.test(name));",
    survives:
      "A process does not end within the one turn in which segments are swapped; tests of failing power do that.",
  },
  {
    name: "cleaned-batches-have-gaps",
    guard: "The offsets of a cleaned log are contiguous.",
    with: CLEANING,
    file: at("cleaned_segment"),
    from: "lastOffsetDelta: last - first });",
    to: "lastOffsetDelta: 0 });",
  },
  {
    name: "pull-inside-merged-header",
    guard: "A follower gets records from the offset that it has asked for, also where that lies within a header.",
    with: [...CLEANING, "lost-disk", "pause"],
    file: "actors/partition/pull_answers.ts",
    from: "const records = beginAt(result.value.bytes, pulls[0]!.request.offset);",
    to: "const records = beginAt(result.value.bytes, 0);",
  },
];
