/**
 * Which groups a seed has, how their members are, and with which configs their coordinators run.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import type { TopicPlan } from "./scene.ts";
import type { Feature } from "./swarm.ts";

/** One group. */
export interface GroupPlan {
  readonly groupId: string;
  /** Members that speak raw requests, of whom some may be rogues; or consumers as applications use them; or nobody but outsiders who commit. */
  readonly kind: "raw" | "consumers" | "simple";
  /** In which protocols its members speak, in turn. */
  readonly protocols: readonly ("classic" | "consumer")[];
  readonly topics: readonly TopicPlan[];
  readonly members: number;
  /** How many of the members are rogues. */
  readonly rogues: number;
  /** Whether its members come back as the same instance. */
  readonly isStatic: boolean;
  /** Whether consumers say what they want by a pattern. */
  readonly byPattern: boolean;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Of consumers: how they share out in the classic protocol, whether they are given records once at most, and commit by hand. */
  readonly assignors: readonly string[];
  readonly isAtMostOnce: boolean;
  readonly commitsByHand: boolean;
}

/** The workload's topics, by a pattern. */
export const TOPICS_PATTERN = "t[0-9]+";

/** What the members of a group agree on. */
const ASSIGNORS = [["range", "cooperative-sticky"], ["cooperative-sticky"], ["range"], ["roundrobin", "range"], [
  "sticky",
]];

/** How often members report, in either protocol. */
const HEARTBEATS_MS = [50, 300];

/** The groups of a seed. */
export function drawGroups(
  random: Random,
  topics: readonly TopicPlan[],
  features: ReadonlySet<Feature>,
  properties: Readonly<Record<string, string>>,
): GroupPlan[] {
  const plans: GroupPlan[] = [];
  const sessionMs = Number(properties["group.consumer.session.timeout.ms"] ?? 3_000);
  const draw = (kind: GroupPlan["kind"], index: number): GroupPlan => {
    const own = random.split(`${kind} ${index}`);
    const some = topics.filter(() => own.chance(2, 3));
    const modern: GroupPlan["protocols"][] = [["consumer"], ["classic", "consumer"], ["classic"]];
    const protocols = own.pick(modern);
    const members = 2 + own.below(3);
    const byPattern = own.chance(1, 2) && features.has("regex") && kind === "consumers";
    const isAtMostOnce = own.chance(1, 4);
    return {
      groupId: `${kind}-${index}`,
      kind,
      protocols: features.has("modern") ? protocols : ["classic"],
      topics: some.length === 0 || byPattern ? topics : some,
      members: kind === "simple" ? 0 : members,
      rogues: kind === "raw" && features.has("rogue-members") ? 1 + own.below(members) : 0,
      isStatic: own.chance(1, 2) && features.has("static-members"),
      byPattern,
      sessionTimeoutMs: sessionMs,
      rebalanceTimeoutMs: own.pick([3_000, 5_000]),
      heartbeatMs: Number(properties["group.consumer.heartbeat.interval.ms"] ?? HEARTBEATS_MS[0]),
      assignors: own.pick(ASSIGNORS),
      isAtMostOnce,
      commitsByHand: own.chance(1, 3) && !isAtMostOnce,
    };
  };
  if (!features.has("groups")) return plans;
  const withRaw = random.split("raw").chance(1, 2) || features.has("rogue-members");
  if (withRaw) plans.push(draw("raw", 0));
  if (!withRaw || random.split("consumers").chance(3, 4)) plans.push(draw("consumers", 0));
  if (features.has("standalone-commits")) plans.push(draw("simple", 0));
  return plans;
}

/** The configs that concern groups. */
export function drawGroupProperties(
  random: Random,
  nodes: number,
  features: ReadonlySet<Feature>,
): Record<string, string> {
  const isCompacted = features.has("compaction");
  // A turn of a group must fit into a batch, and a batch into a segment.
  const segmentBytes = random.pick(["8000", "16000", "40000"]);
  // A coordinator that reads its log while a tombstone goes may have read what that takes back, as may any reader that takes longer than a
  // tombstone stays: it must be longer than any fault lasts, by clocks that may jump.
  const deleteRetentionMs = features.has("clock-step") ? "86400000" : "30000";
  const drawn = {
    "offsets.topic.num.partitions": random.pick(["1", "2", "3"]),
    "group.initial.rebalance.delay.ms": random.pick(["0", "500"]),
    "group.min.session.timeout.ms": "100",
    "group.consumer.session.timeout.ms": random.pick(["3000", "6000"]),
    "group.consumer.min.session.timeout.ms": "100",
    "group.consumer.heartbeat.interval.ms": String(random.split("heartbeats").pick(HEARTBEATS_MS)),
    "group.consumer.min.heartbeat.interval.ms": "50",
    "group.consumer.assignment.interval.ms": random.pick(["0", "1000"]),
    "offsets.commit.timeout.ms": random.pick(["500", "5000"]),
    "group.consumer.migration.policy": "bidirectional",
  };
  // Where disks are lost, whoever acknowledges alone loses what it has.
  const isLossy = nodes > 1 && (features.has("lost-disk") || features.has("rot"));
  const cleaner = {
    "log.cleaner.backoff.ms": "200",
    "log.cleaner.min.cleanable.ratio": "0.1",
    "log.cleaner.delete.retention.ms": deleteRetentionMs,
  };
  if (!features.has("groups")) return isCompacted ? cleaner : {};
  return {
    ...drawn,
    ...(isLossy ? { "min.insync.replicas": "2" } : {}),
    ...(features.has("group-admin")
      ? { "offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000" }
      : {}),
    ...(isCompacted ? { ...cleaner, "offsets.topic.segment.bytes": segmentBytes } : {}),
  };
}
