/**
 * The controller and its brokers without one of their guards.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const at = (name: string): string => `actors/controller/${name}.ts`;

/** Mutants of the controller and of brokers' registration. */
export const CONTROLLER_MUTANTS: readonly Mutant[] = [
  // Changes of the ISR.
  {
    name: "alter-partition-epoch-unchecked",
    guard: "An ISR is changed only by a leader that knows the newest one.",
    file: at("alter_partitions"),
    from: 'if (change.partitionEpoch < partitionEpoch) return "INVALID_UPDATE_VERSION";',
    to: 'if (change.partitionEpoch < 0) return "INVALID_UPDATE_VERSION";',
  },
  {
    name: "alter-leader-epoch-unchecked",
    guard: "An ISR is changed only by the leader of the newest epoch.",
    file: at("alter_partitions"),
    from: 'if (change.leaderEpoch < leaderEpoch) return "FENCED_LEADER_EPOCH";',
    to: "",
    survives: "Every election raises the partition's own epoch as well, which is compared next.",
  },
  {
    name: "alter-not-idempotent",
    guard: "A change of the ISR that was made already is confirmed when it is asked for again.",
    file: at("alter_partitions"),
    from: 'if (isr.size === partition.isr.length && partition.isr.every((id) => isr.has(id))) return "made";',
    to: "",
    survives: "The leader takes the refusal for doubt, and hears of the change from the metadata log.",
  },
  {
    name: "alter-broker-epoch-unchecked",
    guard: "Only the incarnation of a follower that the leader has heard from joins the ISR (KIP-903).",
    file: at("alter_partitions"),
    from: "return brokerEpoch === broker.epoch || (brokerEpoch === -1 && isr.includes(brokerId));",
    to: "return brokerEpoch >= -1 || isr.includes(brokerId);",
    with: ["lost-disk", "slow", "clog", "cut", "slow-disk"],
  },
  {
    name: "fenced-broker-joins",
    guard: "Nobody who is fenced joins the ISR.",
    file: at("alter_partitions"),
    from: "if (broker === undefined || broker.fenced) return false;",
    to: "if (broker === undefined) return false;",
  },
  {
    name: "stopping-broker-joins",
    guard: "Nobody who is about to stop joins the ISR (KIP-841).",
    file: at("alter_partitions"),
    from: "if (broker.inControlledShutdown && brokerId !== leader) return false;",
    to: "",
  },
  {
    name: "alter-by-older-incarnation",
    guard: "An earlier incarnation of the leader's broker decides nothing.",
    file: at("controller"),
    from:
      'if (state.image.brokers.get(brokerId)?.epoch !== brokerEpoch) return { error: "STALE_BROKER_EPOCH", results: [] };',
    to: "",
    survives:
      "Whoever registers anew begins a new leader epoch wherever it led, which fences its earlier incarnation as well.",
  },
  // Elections.
  {
    name: "no-eligible-replicas",
    guard: "Who leaves an ISR that is too small stays eligible (KIP-966).",
    file: at("partition_change"),
    from: "const eligible = [...old.elr, ...old.isr].filter(",
    to: "const eligible = [...old.elr, ...old.isr].slice(0, 0).filter(",
  },
  {
    name: "eligible-replicas-kept",
    guard: "Nobody stays eligible outside an ISR that is large enough to commit.",
    file: at("partition_change"),
    from: "const next = elected.isr.length >= minIsr ? { ...elected, elr: [] } : elected;",
    to: "const next = elected;",
  },
  {
    name: "anybody-is-elected",
    guard: "Who may have lost records leads only where the topic or its operator says so.",
    file: at("partition_change"),
    from: "(wish.unclean === true ? replicas.find((id) => active.has(id)) : undefined)",
    to: "replicas.find((id) => active.has(id))",
  },
  {
    name: "not-in-sync-is-elected",
    guard: "Only who is in sync, or known to have everything, leads.",
    file: at("partition_change"),
    from: "active.has(id) && (isr.includes(id) || (isr.length === 0 && elr.includes(id)));",
    to: "active.has(id) && isr.length + elr.length >= 0;",
  },
  {
    name: "another-disk-unnoticed",
    guard: "A broker that comes back with another disk has nothing of what it had.",
    file: at("brokers"),
    from: "const empty = known?.directoryId !== directoryId;",
    to: 'const empty = known?.directoryId === "none" && directoryId === "";',
  },
  {
    name: "leader-epoch-not-raised",
    guard: "A new leader begins a new epoch.",
    file: at("draft"),
    from: "leaderEpoch: old.leaderEpoch + (leadsAnew ? 1 : 0),",
    to: "leaderEpoch: old.leaderEpoch + (newEpoch ? 1 : 0),",
  },
  {
    name: "restarted-broker-keeps-its-places",
    guard: "A broker that was started again is in sync with nothing, and leads nothing.",
    file: at("brokers"),
    from:
      "      isr: isr.filter((id) => id !== brokerId),\n      unclean: changes.policy(topic.name).unclean,\n      ...(sound",
    to: "      unclean: changes.policy(topic.name).unclean,\n      ...(sound",
  },
  {
    name: "empty-disk-stays-eligible",
    guard: "Who comes back with another disk, or may have lost what it had, is not eligible any more.",
    file: at("brokers"),
    from: "...(sound ? {} : { lost: { id: brokerId, empty } }),",
    to: "...(sound || brokerId >= 0 ? {} : { lost: { id: brokerId, empty } }),",
  },
  {
    name: "fenced-broker-stays-in-sync",
    guard: "Who is fenced leaves every ISR.",
    file: at("brokers"),
    from: 'return [{ type: "FenceBroker", brokerId, brokerEpoch }, ...changes.records];',
    to: 'return [{ type: "FenceBroker", brokerId, brokerEpoch }];',
  },
  // Registration.
  {
    name: "unfenced-before-caught-up",
    guard: "A broker is let in when it has applied its own registration.",
    file: at("membership"),
    from: "if (broker.fenced && appliedOffset > broker.epoch && !broker.inControlledShutdown) {",
    to: "if (broker.fenced && appliedOffset > -2 && !broker.inControlledShutdown) {",
    survives:
      "A broker that has not applied its registration spawns no replica; it is only let in before it is of use.",
  },
  {
    name: "acts-on-history",
    guard: "A broker obeys no metadata from before its registration was confirmed, which is history.",
    file: "actors/broker/state.ts",
    from: "return this.image.offset >= this.goal && this.#registration?.epoch === this.epoch;",
    to: "return this.image.offset > 0;",
  },
  {
    name: "acts-before-registered",
    guard: "A broker obeys no metadata that does not have its own registration.",
    file: "actors/broker/state.ts",
    from: "return this.image.offset >= this.goal && this.#registration?.epoch === this.epoch;",
    to: "return this.image.offset >= this.goal || this.#registration?.fenced === false;",
  },
  {
    name: "image-with-a-gap",
    guard: "A broker that has missed metadata asks for it.",
    file: "actors/broker/following.ts",
    from: "} else if (baseOffset > image.offset) {",
    to: "} else if (baseOffset > image.offset + 1_000_000) {",
    survives: "Messages within a node are never lost, and a new follower names where it stands.",
  },
  {
    name: "metadata-applied-twice",
    guard: "A broker passes over metadata that it has applied.",
    file: "actors/broker/following.ts",
    from: "const news = records.slice(image.offset - baseOffset);",
    to: "const news = records.slice(0);",
  },
  {
    name: "producer-ids-given-twice",
    guard: "Nobody gets a producer id that somebody else has had.",
    file: at("controller"),
    from: "const nextProducerId = first + BigInt(PRODUCER_ID_BLOCK);",
    to: "const nextProducerId = first + 1n;",
  },
];
