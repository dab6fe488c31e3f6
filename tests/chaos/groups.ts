/**
 * Groups of real clients while brokers, coordinators and members are killed, stand still and come back: `deno task chaos -- --groups`.
 *
 * ```
 * calm (all in sync, every group has all) ──fault──▶ behind ──has all that was acknowledged until a second later──▶ mended ──▶ calm …
 * ```
 * At the end every group must have been given everything that was acknowledged; all the while no two members may be assigned one
 * partition, and what is committed must not fall. For each fault it is reported how long a group was behind.
 *
 * @module
 */
import { SeededRandom } from "../../lib/prng.ts";
import { decodeAssignment } from "../../protocol/consumer_protocol.ts";
import { errorName } from "../../protocol/errors.ts";
import { consumerGroupDescribe } from "../../protocol/tables/consumer_groups.ts";
import { describeGroups, findCoordinator, offsetFetch } from "../../protocol/tables/groups.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { ChaosCluster } from "./cluster.ts";
import { ChaosGroup, type GroupSpec } from "./member.ts";
import { ChaosWriter, confluentWriter } from "./writer.ts";

/** What can be done to groups. */
export const GROUP_FAULTS = [
  "kill-coordinator",
  "kill-leader",
  "stop-coordinator",
  "pause-coordinator",
  "cut-coordinator",
  "kill-member",
  "pause-member",
  "restart-static",
] as const;
type GroupFault = typeof GROUP_FAULTS[number];

const TOPIC = "orders";
const PARTITIONS = 12;
const WRITERS = 2;
const PATIENCE_MS = 90_000;
/** Longer than a session. */
const PAUSE_MS = 8_000;

const GROUPS: readonly GroupSpec[] = [
  { groupId: "samsa-classic", kind: "samsa", protocol: "classic", members: 4, hasStatic: true },
  { groupId: "samsa-modern", kind: "samsa", protocol: "consumer", members: 4, hasStatic: true },
  { groupId: "librdkafka-classic", kind: "librdkafka", protocol: "classic", members: 4, hasStatic: true },
  { groupId: "librdkafka-modern", kind: "librdkafka", protocol: "consumer", members: 4, hasStatic: true },
  { groupId: "kafkajs", kind: "kafkajs", protocol: "classic", members: 4, hasStatic: false },
];

const CONFIG = {
  "auto.create.topics.enable": "false",
  "group.initial.rebalance.delay.ms": "500",
  "group.consumer.session.timeout.ms": "6000",
  "group.consumer.heartbeat.interval.ms": "500",
};

/** How a run is to be. */
export interface GroupChaosOptions {
  readonly faults: number;
  readonly seed: string;
  readonly only: readonly string[] | undefined;
  /** Groups whose names contain one of these. */
  readonly groups: readonly string[];
}

/** Runs it; returns how it exits. */
export async function groupChaos({ faults, seed, only, groups }: GroupChaosOptions): Promise<number> {
  const random = new SeededRandom(seed);
  const mix = GROUP_FAULTS.filter((fault) => only === undefined || only.includes(fault));
  const specs = GROUPS.filter(({ groupId }) => groups.some((part) => groupId.includes(part)));
  await using cluster = await ChaosCluster.open(3, CONFIG);
  await cluster.createTopic(TOPIC, PARTITIONS, { "min.insync.replicas": "2" });
  const command = await confluentWriter();
  const writers = Array.from({ length: WRITERS }, (_, index) => {
    const place = { topic: TOPIC, partition: index };
    const spread = { name: `w${index}`, ...command, gapMs: 5, more: ["1000", String(PARTITIONS)] };
    return new ChaosWriter(spread, cluster.bootstrap, place);
  });
  const stage: Stage = {
    cluster,
    writers,
    groups: await Promise.all(specs.map((spec) => ChaosGroup.open(spec, cluster.bootstrap, TOPIC))),
    problems: [],
    floors: new Map(),
  };
  const behind: { readonly fault: GroupFault; readonly ms: number }[] = [];
  const watching = watch(stage);
  try {
    await calm(stage);
    for (let count = 1; count <= faults; count++) {
      const fault = random.pick(mix);
      const times = await strike(stage, fault, random);
      behind.push(...times.map(({ ms }) => ({ fault, ms })));
      console.log(
        `${count}/${faults} ${fault}: ${times.map(({ name, ms }) => `${name} ${Math.round(ms)} ms`).join(", ")}`,
      );
      await calm(stage);
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    await hasAll(stage, acknowledgedNames(writers));
  } catch (error) {
    stage.problems.push(error instanceof Error ? error.message : String(error));
  }
  watching.stop();
  for (const group of stage.groups) {
    stage.problems.push(...group.casualties());
    group.close();
  }
  report(stage, behind, mix);
  return stage.problems.length === 0 ? 0 : 1;
}

interface Stage {
  readonly cluster: ChaosCluster;
  readonly writers: readonly ChaosWriter[];
  readonly groups: readonly ChaosGroup[];
  readonly problems: string[];
  /** What each group has committed at least, by group and partition. */
  readonly floors: Map<string, bigint>;
}

/** One fault, from calm to mended: how long each group that it concerns was behind. */
async function strike(stage: Stage, fault: GroupFault, random: SeededRandom): Promise<{ name: string; ms: number }[]> {
  const { cluster, groups, writers } = stage;
  const group = random.pick(fault === "restart-static" ? groups.filter(({ spec }) => spec.hasStatic) : groups);
  const index = fault === "restart-static" ? 0 : random.below(group.spec.members);
  const struckMs = performance.now();
  const isOfMember = fault.endsWith("member") || fault === "restart-static";
  const victim = isOfMember ? -1 : await victimOf(stage, fault, group.spec.groupId);
  if (fault.startsWith("kill") || fault.startsWith("stop")) {
    if (isOfMember) await group.kill(index);
    else await cluster.end(victim, fault.startsWith("kill") ? "SIGKILL" : "SIGTERM");
  } else if (fault === "pause-coordinator") cluster.broker(victim).signal("SIGSTOP");
  else if (fault === "cut-coordinator") cluster.cut(victim);
  else if (fault === "pause-member") group.signal(index, "SIGSTOP");
  else {
    await group.kill(index);
    group.replace(index);
  }
  await delay(1_000);
  const names = acknowledgedNames(writers);
  const concerned = isOfMember ? [group] : groups;
  const times = await Promise.all(concerned.map(async (each) => {
    await until(`${each.spec.groupId} is given everything after ${fault}`, () => each.lacks(names).length === 0);
    return { name: each.spec.groupId, ms: performance.now() - struckMs - 1_000 };
  }));
  if (fault.startsWith("pause") || fault.startsWith("cut")) {
    await delay(Math.max(0, PAUSE_MS - (performance.now() - struckMs)));
  }
  if (fault === "pause-coordinator") cluster.broker(victim).signal("SIGCONT");
  if (fault === "cut-coordinator") cluster.heal();
  if (fault === "pause-member") group.signal(index, "SIGCONT");
  if (fault === "kill-member") group.replace(index);
  if (victim > 0 && !cluster.broker(victim).isRunning) await cluster.start(victim);
  return times;
}

/** The node that coordinates the group, or leads a partition of the topic. */
async function victimOf({ cluster }: Stage, fault: GroupFault, groupId: string): Promise<number> {
  if (fault === "kill-leader") return (await cluster.partitions(TOPIC))[0]!.leader;
  return (await coordinatorOf(cluster, groupId)).nodeId;
}

async function coordinatorOf(cluster: ChaosCluster, groupId: string) {
  const answer = await cluster.ask((client) => client.call(findCoordinator, 4, { coordinatorKeys: [groupId] }));
  const found = answer.coordinators[0]!;
  if (found.errorCode !== 0) throw new Error(`${groupId}: ${errorName(found.errorCode)}`);
  return found;
}

/** All replicas are in sync, and every group has everything that was acknowledged until now. */
async function calm(stage: Stage): Promise<void> {
  const { cluster, writers } = stage;
  await until("all replicas are in sync", async () => {
    const partitions = await cluster.partitions(TOPIC);
    return partitions.length === PARTITIONS && partitions.every(({ leader, isr }) => leader > 0 && isr.length === 3);
  });
  const count = writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  await until("the writers are answered", () => {
    return writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0) > count + 50;
  });
  await hasAll(stage, acknowledgedNames(writers));
}

async function hasAll({ groups }: Stage, names: readonly string[]): Promise<void> {
  for (const group of groups) {
    await until(`${group.spec.groupId} has everything`, () => group.lacks(names).length === 0).catch((error) => {
      const missing = group.lacks(names);
      throw new Error(`${error.message}; it lacks ${missing.length}, first ${missing[0]}`);
    });
  }
}

function acknowledgedNames(writers: readonly ChaosWriter[]): string[] {
  return writers.flatMap(({ place, acknowledged }) =>
    [...acknowledged.keys()].map((n) => `${place.topic}-${place.partition}:${n}`)
  );
}

/** Looks at every group now and then: who has what, and what is committed. */
function watch(stage: Stage): { stop(): void } {
  let isOver = false;
  (async () => {
    while (!isOver) {
      for (const { spec } of stage.groups) await look(stage, spec).catch(() => {}); // its coordinator may be gone
      await delay(500);
    }
  })();
  return { stop: () => isOver = true };
}

async function look(stage: Stage, { groupId, protocol }: GroupSpec): Promise<void> {
  const { host, port } = await coordinatorOf(stage.cluster, groupId);
  const client = await RawClient.connect(`${host}:${port}`);
  const limit = setTimeout(() => client.close(), 2_000); // it may stand still
  try {
    const owners = protocol === "consumer" ? await modernOwners(client, groupId) : await classicOwners(client, groupId);
    const seen = new Set<string>();
    for (const key of owners) {
      if (seen.has(key)) stage.problems.push(`${groupId} has given ${key} to two members`);
      seen.add(key);
    }
    const { groups } = await client.call(offsetFetch, 8, { groups: [{ groupId, topics: null }] });
    if (groups[0]!.errorCode !== 0) return;
    for (const { partitionIndex, committedOffset } of groups[0]!.topics.flatMap(({ partitions }) => partitions)) {
      const place = `${groupId}/${partitionIndex}`;
      const floor = stage.floors.get(place) ?? -1n;
      if (committedOffset < floor) {
        stage.problems.push(`${place} was committed to ${floor}, and is at ${committedOffset}`);
      }
      stage.floors.set(place, committedOffset);
    }
  } finally {
    clearTimeout(limit);
    await client.close();
  }
}

async function classicOwners(client: RawClient, groupId: string): Promise<string[]> {
  const { groups } = await client.call(describeGroups, 5, { groups: [groupId], includeAuthorizedOperations: false });
  return groups[0]!.members.flatMap(({ memberAssignment }) =>
    (decodeAssignment(memberAssignment)?.assignedPartitions ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => `${topic}-${partition}`)
    )
  );
}

async function modernOwners(client: RawClient, groupId: string): Promise<string[]> {
  const body = { groupIds: [groupId], includeAuthorizedOperations: false };
  const { groups } = await client.call(consumerGroupDescribe, 0, body);
  return groups[0]!.members.flatMap(({ assignment }) =>
    assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
      partitions.map((index) => `${topicName}-${index}`)
    )
  );
}

function report(
  { groups, problems, writers }: Stage,
  behind: readonly { readonly fault: GroupFault; readonly ms: number }[],
  mix: readonly GroupFault[],
): void {
  for (const fault of mix) {
    const times = behind.filter((each) => each.fault === fault).map(({ ms }) => ms).sort((a, b) => a - b);
    if (times.length === 0) continue;
    const at = (share: number) => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]!);
    console.log(`${fault} ×${times.length}: behind p50 ${at(0.5)} ms, longest ${at(1)} ms`);
  }
  const names = acknowledgedNames(writers);
  for (const group of groups) {
    const { spec, given, repeated } = group;
    console.log(`${spec.groupId}: ${given.size} of ${names.length} given, ${repeated} more than once`);
  }
  for (const problem of problems.slice(0, 40)) console.log(problem);
  console.log(`${behind.length} passed, ${problems.length} failed`);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await delay(50);
  }
  throw new Error(
    `In ${PATIENCE_MS / 1000} s it did not come about that ${what}${last === undefined ? "" : `: ${last}`}`,
  );
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
