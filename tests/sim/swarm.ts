/**
 * What a seed is about: how large the cluster is, what its clients do, and which faults there are (swarm testing: every feature is on
 * in about half of the seeds, because some bugs show only where another fault does not hide them).
 *
 * Each decision has a stream of chance of its own, so that a feature which is turned off leaves all others as they were.
 *
 * @module
 */
import { type Random, SeededRandom } from "../../lib/prng.ts";
import type { NetworkFaults } from "../../transport/simulated.ts";
import type { AdminTask } from "./admin.ts";
import { drawGroupProperties, drawGroups, type GroupPlan } from "./group_plans.ts";
import type { KeyedPlan } from "./keyed_work.ts";
import type { ProducerKind } from "./producer.ts";
import type { TopicPlan } from "./scene.ts";
import { CALM_SOCKETS, type SocketFaults } from "./sockets.ts";

/** What can be on or off in a seed, with how often it is on, in eighths. */
export const FEATURES = {
  /** The process is gone. */
  kill: 5,
  /** The power of one machine is gone. */
  power: 5,
  /** The power of all machines is gone. */
  blackout: 2,
  /** A node is stopped in good order. */
  stop: 4,
  /** A machine stands still. */
  pause: 4,
  /** A disk is gone. */
  "lost-disk": 3,
  /** Bits flip on a disk, which is replaced after a while. */
  rot: 2,
  /** One actor crashes. */
  actor: 5,
  /** Syncs take long. */
  "slow-disk": 3,
  /** A sync or a write fails. */
  eio: 3,
  /** The disk is full. */
  enospc: 2,
  /** One way between two nodes is cut. */
  cut: 4,
  /** Some nodes are cut off from the others. */
  partition: 4,
  /** One node is cut off from the others, and consumers with it, or from it. */
  strand: 3,
  /** What goes one way is held up. */
  clog: 3,
  /** A link breaks. */
  reset: 3,
  /** Links are cut one by one and healed in another order. */
  swizzle: 2,
  /** Envelopes are lost. */
  loss: 3,
  /** Envelopes come twice. */
  duplication: 3,
  /** Envelopes and bytes are slow, so that much is under way at once. */
  slow: 3,
  /** Bytes of sockets come in pieces. */
  split: 4,
  /** Sockets of clients break, or lose everything in silence. */
  sockets: 4,
  /** Clocks go at different speeds. */
  drift: 4,
  /** The time of day jumps. */
  "clock-step": 3,
  /** Actors take their turns in a drawn order. */
  order: 4,
  /** Topics come and go. */
  topics: 3,
  /** Topics get more partitions. */
  grow: 3,
  /** Whoever changes something asks again before it has the answer. */
  impatient: 4,
  /** Partitions are moved. */
  reassign: 3,
  /** Leaders are elected. */
  elect: 3,
  /** Configs change. */
  configs: 3,
  /** Records are deleted. */
  trim: 2,
  /** A topic does not flush before it acknowledges. */
  "no-flush": 1,
  /** Producers without sequence numbers. */
  plain: 3,
  /** Producers that ask the leader only. */
  "acks-1": 2,
  /** Producers that ask nobody. */
  "acks-0": 2,
  /** Consumers use sessions. */
  sessions: 5,
  /** Consumers name topics by id. */
  "by-id": 4,
  /** Consumers come and go. */
  consumers: 4,
  /** Groups of consumers, their coordinators and what these write. */
  groups: 5,
  /** Groups of the new protocol (KIP-848), or of both. */
  modern: 4,
  /** Members come back as the same instance. */
  "static-members": 3,
  /** Offsets are committed from outside of groups. */
  "standalone-commits": 3,
  /** Members say what they want by a pattern. */
  regex: 2,
  /** Logs are compacted. */
  compaction: 4,
  /** Members that say what they must not, or nothing. */
  "rogue-members": 4,
  /** Groups and offsets are deleted, and expire. */
  "group-admin": 3,
  /** More must be in sync just when fewer are: only where it is named. */
  "raised-min-isr": 0,
  /** Fewer must be in sync again just when another leads: only where it is named. */
  "lowered-min-isr": 0,
} as const;

const ADMIN_TASKS = ["topics", "grow", "reassign", "elect", "configs", "trim"] as const satisfies AdminTask[];

/** The name of a feature. */
export type Feature = keyof typeof FEATURES;

/** What a seed is told to be, in place of what it would draw. */
export interface SwarmLimits {
  /** At most so many nodes. */
  readonly nodes?: number;
  /** Seconds of faults. */
  readonly seconds?: number;
  /** Features that are off. */
  readonly without?: ReadonlySet<string>;
  /** Nothing else is on. */
  readonly only?: ReadonlySet<string>;
}

/** One seed, decided. */
export interface Swarm {
  readonly seed: number | string;
  readonly nodes: number;
  readonly voters: readonly number[];
  readonly topics: readonly TopicPlan[];
  readonly features: ReadonlySet<Feature>;
  /** How long faults happen. */
  readonly stormMs: number;
  /** About how often each kind of fault strikes while it does. */
  readonly faultEveryMs: number;
  readonly network: Partial<NetworkFaults>;
  readonly sockets: SocketFaults;
  readonly producers: readonly { readonly kind: ProducerKind; readonly everyMs: number }[];
  readonly consumers: number;
  readonly groups: readonly GroupPlan[];
  /** A compacted topic, if there is one. */
  readonly keyed: KeyedPlan | undefined;
  readonly adminTasks: readonly AdminTask[];
  readonly properties: Readonly<Record<string, string>>;
  readonly snapshotEveryRecords: number;
  /** Where everything else in the run takes its chance from. */
  readonly random: Random;
}

/** Decides a seed. */
export function drawSwarm(seed: number | string, limits: SwarmLimits = {}): Swarm {
  const random = new SeededRandom(seed).split("swarm");
  const features = drawFeatures(random.split("features"), limits);
  const nodes = drawNodes(random.split("nodes"), limits);
  const voters = Array.from({ length: drawVoters(random.split("voters"), nodes) }, (_, index) => index + 1);
  const shape = random.split("shape");
  const topics = drawTopics(random.split("topics"), nodes, features);
  const properties = {
    ...drawProperties(random.split("properties")),
    ...drawGroupProperties(random.split("group properties"), nodes, features),
  };
  return {
    seed,
    nodes,
    voters,
    topics,
    features,
    stormMs: (limits.seconds ?? 60) * 1_000,
    faultEveryMs: shape.pick([1_500, 3_000, 6_000, 12_000]),
    network: drawNetwork(random.split("network"), features),
    sockets: drawSockets(random.split("sockets"), features),
    producers: drawProducers(random.split("producers"), features),
    consumers: 1 + random.split("consumers").below(3),
    snapshotEveryRecords: random.split("snapshots").pick([10, 40, 20_000]),
    adminTasks: ADMIN_TASKS.filter((task) => features.has(task)),
    groups: drawGroups(random.split("groups"), topics, features, properties),
    keyed: features.has("compaction") ? drawKeyed(random.split("keyed"), nodes, features) : undefined,
    properties,
    random,
  };
}

function drawFeatures(random: Random, { without = new Set(), only }: SwarmLimits): Set<Feature> {
  const on = new Set<Feature>();
  for (const [name, eighths] of Object.entries(FEATURES) as [Feature, number][]) {
    const drawn = random.split(name).chance(eighths, 8);
    if (only === undefined ? drawn && !without.has(name) : only.has(name)) on.add(name);
  }
  return on;
}

function drawNodes(random: Random, { nodes }: SwarmLimits): number {
  const drawn = random.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7]);
  return nodes === undefined ? drawn : Math.min(nodes, 7);
}

function drawVoters(random: Random, nodes: number): number {
  const possible = [1, 3, 3, 3, 5].filter((count) => count <= nodes);
  return random.pick(possible);
}

function drawTopics(random: Random, nodes: number, features: ReadonlySet<Feature>): TopicPlan[] {
  const count = 1 + random.below(3);
  return Array.from({ length: count }, (_, index) => {
    const own = random.split(`${index}`);
    // A topic that one disk holds alone keeps all disks from being lost.
    const least = features.has("lost-disk") || features.has("rot") ? 2 : 1;
    const replicationFactor = Math.min(nodes, Math.max(least, own.pick([1, 2, 3, 3, 3, 3])));
    const minIsr = Math.min(replicationFactor, Math.max(least, own.pick([1, 2, 2, 2])));
    return {
      name: `t${index}`,
      partitions: 1 + own.below(3),
      replicationFactor,
      minIsr,
      flush: !(features.has("no-flush") && index === 0),
      segmentBytes: own.pick([8_000, 40_000, 1 << 20]),
    };
  });
}

function drawKeyed(random: Random, nodes: number, features: ReadonlySet<Feature>): KeyedPlan {
  const replicationFactor = Math.min(nodes, 3);
  return {
    replicationFactor,
    minIsr: Math.min(replicationFactor, 2),
    segmentBytes: random.pick([2_000, 8_000]),
    everyMs: random.pick([30, 100, 300]),
    // So short that replicas are away for longer than they are waited for; who reads all of it has to be faster.
    deleteRetentionMs: random.pick(features.has("slow") ? [1_000, 4_000] : [100, 200, 1_000, 4_000]),
  };
}

function drawNetwork(random: Random, features: ReadonlySet<Feature>): Partial<NetworkFaults> {
  const lossPerMillion = random.pick([500, 5_000, 50_000]);
  const duplicationPerMillion = random.pick([1_000, 10_000, 100_000]);
  const delayMeanMicros = random.pick([3_000, 20_000, 60_000]);
  return {
    delayMinMicros: 100,
    delayMeanMicros: features.has("slow") ? delayMeanMicros : 300,
    lossPerMillion: features.has("loss") ? lossPerMillion : 0,
    duplicationPerMillion: features.has("duplication") ? duplicationPerMillion : 0,
  };
}

function drawSockets(random: Random, features: ReadonlySet<Feature>): SocketFaults {
  const delayMeanMicros = random.pick([1_000, 5_000, 30_000]);
  return {
    ...CALM_SOCKETS,
    ...(features.has("slow") ? { delayMeanMicros } : {}),
    splitPerThousand: features.has("split") ? random.pick([10, 100, 500]) : 0,
  };
}

function drawProducers(
  random: Random,
  features: ReadonlySet<Feature>,
): { readonly kind: ProducerKind; readonly everyMs: number }[] {
  const kinds: ProducerKind[] = ["idempotent"];
  if (random.chance(1, 2)) kinds.push("idempotent");
  if (features.has("plain")) kinds.push("plain");
  if (features.has("acks-1")) kinds.push("acks=1");
  if (features.has("acks-0")) kinds.push("acks=0");
  return kinds.map((kind) => ({ kind, everyMs: random.pick([60, 150, 400]) }));
}

function drawProperties(random: Random): Record<string, string> {
  return {
    "auto.create.topics.enable": "false",
    "replica.lag.time.max.ms": random.pick(["1000", "3000", "10000"]),
    "replica.fetch.max.bytes": random.pick(["4000", "1048576"]),
    "replica.high.watermark.checkpoint.interval.ms": random.pick(["100", "1000", "5000"]),
    "broker.session.timeout.ms": random.pick(["1000", "2000", "4000"]),
    "leader.imbalance.check.interval.seconds": random.pick(["2", "10"]),
  };
}
