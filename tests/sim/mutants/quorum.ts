/**
 * The metadata quorum without one of its guards.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const at = (name: string): string => `actors/quorum/${name}.ts`;

/** Mutants of the quorum. */
export const QUORUM_MUTANTS: readonly Mutant[] = [
  // Votes.
  {
    name: "vote-not-stored",
    guard: "A vote is on disk before anybody hears of it.",
    file: at("state"),
    from: 'if (this.membership === "voting") this.deps.store.writeState({ epoch, votedFor, votesFrom });',
    to: "if (this.deps.store.state() === undefined) this.deps.store.writeState({ epoch, votedFor, votesFrom });",
  },
  {
    name: "second-vote",
    guard: "A voter votes once in an epoch.",
    file: at("election"),
    from: "if (epoch === quorum.epoch && quorum.votedFor !== -1) return quorum.votedFor === candidateId;",
    to: 'if (epoch === quorum.epoch && quorum.votedFor !== -1) return quorum.membership === "voting";',
  },
  {
    name: "vote-for-shorter-log",
    guard: "A voter votes only for a candidate whose log has everything that its own has.",
    file: at("election"),
    from: "epoch >= quorum.votesFrom &&\n    isUpToDate(request, endOf(quorum));",
    to: "epoch >= quorum.votesFrom;",
    // Who asks whether it would be elected is told so by the same rule.
    also: [{ file: at("election"), from: "if (!isUpToDate(request, own)) return false;", to: "" }],
  },
  {
    name: "vote-in-lost-epoch",
    guard: "A voter that has lost its disk votes in no epoch in which it may have voted before.",
    file: at("election"),
    from: "epoch >= quorum.votesFrom &&",
    to: "epoch >= 0 &&",
    survives:
      "It takes a disk that is lost within the one epoch in which its vote decided, and a second candidate in it.",
  },
  {
    name: "new-folder-votes-at-once",
    guard: "A voter that has lost its disk does not vote before it has everything again.",
    file: at("quorum"),
    from: 'quorum.membership = "enquiring";\n    enquire(quorum, out);',
    to: 'quorum.membership = "voting";\n    standIn(quorum, out, soonMs(quorum, out));',
  },
  {
    name: "new-folder-votes-before-it-has-everything",
    guard: "A voter that has lost its disk does not vote before it has everything again, even if it knows every epoch.",
    file: at("enquiry"),
    from: "if (!hasSomethingToLose) vote(quorum, out);",
    to: "if (!hasSomethingToLose || quorum.heard.size > 0) vote(quorum, out);",
  },
  {
    name: "no-pre-vote",
    guard: "A voter that was cut off asks whether it would be elected before it raises the epoch (KIP-996).",
    file: at("election"),
    from: 'else runFor(quorum, out, "prospective");',
    to: 'else runFor(quorum, out, "candidate");',
    survives: "Without it leaders change more often, which is no lie and soon over.",
  },
  {
    name: "smaller-majority",
    guard: "More than half of the voters decide.",
    file: at("state"),
    from: "return Math.floor(this.voters.length / 2) + 1;",
    to: "return Math.max(1, Math.floor(this.voters.length / 2));",
  },
  {
    name: "leader-stays-alone",
    guard: "A leader that most voters do not fetch from resigns (check-quorum).",
    file: at("leading"),
    from: "if (heard.length + 1 < majority) detach(quorum, out, timings.electionTimeoutMs);",
    to: "if (heard.length + 1 < 0) detach(quorum, out, timings.electionTimeoutMs);",
    survives: "A leader that is cut off commits nothing; it only keeps those waiting who still ask it.",
  },
  // What is committed.
  {
    name: "commits-earlier-epochs",
    guard: "A leader commits nothing before a record of its own epoch.",
    file: at("leading"),
    from: "if (committed <= role.epochStart || committed <= quorum.highWatermark) return;",
    to: "if (committed <= quorum.highWatermark) return;",
  },
  {
    name: "commits-what-one-voter-has",
    guard: "Metadata is committed when more than half of the voters have it.",
    file: at("leading"),
    from: "Math.min(ends[majority - 1]!, log.endOffset);",
    to: "Math.min(ends[majority > 0 ? 0 : 1]!, log.endOffset);",
  },
  {
    name: "leader-counts-before-flush",
    guard: "The leader's own log counts when it is on its disk.",
    file: at("leading"),
    from: "voter === nodeId ? log.flushedOffset :",
    to: "voter === nodeId ? log.endOffset :",
  },
  {
    name: "fetch-before-flush",
    guard: "A follower fetches on, which acknowledges, when what it has is on its disk.",
    file: at("following"),
    from: "if (log.flushedOffset < log.endOffset) return flush(quorum, out); // and then again",
    to: "if (log.flushedOffset < log.endOffset) flush(quorum, out);",
  },
  {
    name: "fetch-epoch-unchecked",
    guard: "A leader listens to followers of its own epoch only.",
    file: at("leading"),
    from: 'if (request.epoch < quorum.epoch) return refuseFetch(quorum, "FENCED_LEADER_EPOCH");',
    to: "",
    survives: "The epoch of the last record, which is compared as well, tells a log that parts from one that does not.",
  },
  {
    name: "diverged-log-fits",
    guard: "A follower's log that has parted from the leader's is cut before it counts.",
    file: at("log"),
    from: 'if (endOffset <= log.endOffset && epochBefore(chronicle, endOffset) === lastEpoch) return { type: "fits" };',
    to: 'if (endOffset <= log.endOffset) return { type: "fits" };',
  },
  {
    name: "old-fetch-answers",
    guard: "A follower takes only the answer to its newest question.",
    file: at("following"),
    from: "if (seq !== quorum.fetching) return;",
    to: "if (seq < 0) return;",
    survives: "The question must be given up within an epoch, and its answer still pass for a sequel. " +
      "The simulation of quorums alone meets that (`tests/unit/actors/quorum/simulation_test.ts`).",
  },
  {
    name: "forgetful-voter-counts",
    guard: "What a voter that has lost its disk fetches does not count before it knows what it has promised.",
    file: at("following"),
    from: 'votes: membership === "voting" || membership === "catchingUp",',
    to: "votes: true,",
    survives: "It takes an older leader that is still heard by a voter which asks the newer one at the same time.",
  },
  // The controller.
  {
    name: "controller-speaks-before-commit",
    guard: "What the controller has decided is heard by nobody before it is committed.",
    file: at("journal"),
    from: "    return position;\n",
    to: "    this.settled(position, { ok: true, value: true });\n    return position;\n",
    with: ["topics", "grow", "reassign", "elect", "configs", "impatient", "slow", "partition", "cut", "pause"],
  },
  {
    name: "controller-before-commit",
    guard: "A controller begins when everything in its leader's log is committed.",
    file: at("active_controller"),
    from: "if (highWatermark <= role.epochStart || highWatermark < log.endOffset) return;",
    to: "if (highWatermark < 0 || highWatermark > log.endOffset) return;",
    survives:
      "Its first append does not fit the end of the log and is refused, which ends it; the next begins in time.",
  },
  {
    name: "append-anywhere",
    guard: "A controller's batch is appended only where it was meant to be, behind all that it knows.",
    file: at("leading"),
    from: "if (controller === undefined || controller.stopping || baseOffset !== log.endOffset) return false;",
    to: "if (controller === undefined && baseOffset !== log.endOffset) return false;",
    survives:
      "A controller is spawned again only after the one before has ended, so that there is one to append at a time.",
  },
  {
    name: "append-in-another-epoch",
    guard: "A controller of an earlier epoch appends nothing.",
    file: at("leading"),
    from: 'if (role.type !== "leader" || role.leaving || epoch !== quorum.epoch) return false;',
    to: 'if (role.type !== "leader") return false;',
    survives: "The controller is stopped with the leadership that it belongs to, before another of its node can begin.",
  },
];
