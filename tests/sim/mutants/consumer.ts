/**
 * Mutants of consumers.
 *
 * @module
 */
import type { Feature } from "../swarm.ts";
import type { Mutant } from "./mutant.ts";

const at = (name: string) => `actors/consumer/${name}.ts`;
const STORM: readonly Feature[] = ["groups", "modern", "kill", "pause", "partition", "sockets", "slow"];

/** The mutants. */
export const CONSUMER_MUTANTS: readonly Mutant[] = [
  {
    name: "commits-ahead-of-handout",
    guard: "What is committed has been handed out before.",
    with: ["groups", "modern"],
    file: at("commit_contents"),
    from: 'const position = what === "safe" ? partition.safe : partition.position;',
    to: 'const known = what === "safe" ? partition.safe : partition.position;\n' +
      "    const position = known && { ...known, offset: known.offset + 1 };",
  },
  {
    name: "uses-what-it-gives-up",
    guard: "What is given back is not used any more.",
    with: ["groups", "modern"],
    file: at("assigned_partition"),
    from: "return !this.isHeld && !this.isLeaving;",
    to: "return !this.isHeld;",
    survives: "The coordinator waits until the member has let go of it: nobody else has it until then.",
  },
  {
    name: "session-over-unnoticed",
    guard: "A member that was not heard of for its session takes all that it had for lost.",
    with: STORM,
    file: at("modern_membership"),
    from: "if (this.#epoch > 0 && this.#nowMs >= this.#pace.sessionEndMs) this.#lose();",
    to: "if (this.#epoch < 0) this.#lose();",
    survives: "Until it hears that it was put out, it may use what it had; what it then commits is refused.",
  },
  {
    name: "heartbeat-of-old-epoch",
    guard: "The answer to what was asked in an earlier epoch is none.",
    with: STORM,
    file: at("modern_membership"),
    from: 'if (sent.body.memberEpoch !== this.#epoch || this.#phase === "away") return;',
    to: 'if (this.#phase === "away") return;',
    survives: "It was true when it was said; whoever was put out meanwhile is told so by the next answer.",
  },
  {
    name: "joined-after-goodbye",
    guard: "The answer to a join is none when the member has said goodbye since.",
    with: STORM,
    file: at("modern_membership"),
    from: "if (this.#isGoing) return;\n    if (sent.body.memberEpoch",
    to: "if (sent.body.memberEpoch",
    survives: "It takes a program that does not poll for maxPollIntervalMs while its join is under way.",
  },
  {
    name: "epoch-acknowledged-before-handled",
    guard: "What was to be given up is reported until the application has let go of it.",
    with: ["groups", "modern", "slow"],
    file: at("modern_holdings"),
    from: "for (const { topicId, partition } of [...this.#used.values(), ...this.#told.values()]) {",
    to: "for (const { topicId, partition } of this.#told.values()) {",
    survives:
      "It is not used any more by then: only what is committed before it goes may come late, and be given out twice.",
  },
  {
    name: "assigned-when-it-was-heard-of",
    guard:
      "An assignment holds from when it was asked for, at the latest, for a session, and not from when its answer is found.",
    with: ["groups", "kill", "pause", "partition"],
    file: at("classic/joining"),
    from: "member.heard(member.askingSinceMs);",
    to: "member.heard(member.nowMs);",
    survives:
      "A program has to stand still for a session with that answer in its socket, on one seed in thousands; unit tests kill it.",
  },
  {
    name: "commits-after-lost",
    guard: "Who has lost its place commits nothing.",
    with: STORM,
    file: at("committing"),
    from: 'if (consumer.mode === "subscribed" && (consumer.membership?.epoch ?? -1) < 0) {',
    to: 'if (consumer.mode === "none" && (consumer.membership?.epoch ?? -1) < 0) {',
    survives: "It takes a group that is empty just then: any other refuses what comes from no member.",
  },
];
