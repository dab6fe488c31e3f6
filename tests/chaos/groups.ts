/**
 * Groups of real clients while broker processes, coordinators and members are killed, stand still and come back:
 * `deno task chaos -- --groups`.
 *
 * @module
 */
import { OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import type { Random } from "../../lib/prng.ts";
import { ChaosCluster } from "./cluster.ts";
import { type Disturbance, type GroupStage, PATIENCE_MS, runGroups, type StageGroup, until } from "./group_run.ts";
import { coordinatorOf } from "./group_watch.ts";
import { ChaosGroup, type GroupSpec } from "./member.ts";
import type { OffsetsPlace } from "./offsets_log.ts";
import { ChaosWriter, confluentWriter } from "./writer.ts";

/** What can be done to groups. */
export const GROUP_FAULTS = [
  "kill-coordinator",
  "kill-leader",
  "kill-controller",
  "stop-coordinator",
  "pause-coordinator",
  "cut-coordinator",
  "kill-member",
  "pause-member",
  "leave-member",
  "restart-static",
] as const;
/** One of them. */
export type GroupFault = typeof GROUP_FAULTS[number];

const TOPIC = "orders";
const PARTITIONS = 12;
const WRITERS = 2;
/** Longer than a session. */
const PAUSE_MS = 8_000;

const GROUPS: readonly Omit<GroupSpec, "members">[] = [
  { groupId: "samsa-classic", kind: "samsa", protocol: "classic", hasStatic: true },
  { groupId: "samsa-modern", kind: "samsa", protocol: "consumer", hasStatic: true },
  { groupId: "librdkafka-classic", kind: "librdkafka", protocol: "classic", hasStatic: true },
  { groupId: "librdkafka-modern", kind: "librdkafka", protocol: "consumer", hasStatic: true },
  { groupId: "kafkajs", kind: "kafkajs", protocol: "classic", hasStatic: false },
];

/** The groups that there can be. */
export const GROUP_NAMES: readonly string[] = GROUPS.map(({ groupId }) => groupId);

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
  /** Only these faults. */
  readonly mix: readonly GroupFault[];
  /** Only these groups. */
  readonly names: readonly string[];
  /** Of each group. */
  readonly members: number;
  /** Between two records of one writer. */
  readonly gapMs: number;
}

/** Runs it; returns how it exits. */
export async function groupChaos(options: GroupChaosOptions): Promise<number> {
  const { names, members } = options;
  const specs = GROUPS.filter(({ groupId }) => names.includes(groupId));
  await using cluster = await ChaosCluster.open(3, CONFIG);
  await cluster.createTopic(TOPIC, PARTITIONS, { "min.insync.replicas": "2" });
  const writers = await openWriters(cluster.bootstrap, options.gapMs);
  const opened = specs.map((spec) => ChaosGroup.open({ ...spec, members }, cluster.bootstrap, TOPIC));
  const stage = new ProcessStage(cluster, writers, await Promise.all(opened));
  const problems = await runGroups(stage, { ...options, say: (line) => console.log(line) });
  return problems.length === 0 ? 0 : 1;
}

async function openWriters(bootstrap: string, gapMs: number): Promise<ChaosWriter[]> {
  const command = await confluentWriter();
  return Array.from({ length: WRITERS }, (_, index) => {
    const spread = { name: `w${index}`, ...command, gapMs, more: ["1000", String(PARTITIONS)] };
    return new ChaosWriter(spread, bootstrap, { topic: TOPIC, partition: index });
  });
}

/** A group of processes, as it is on the stage. */
interface ProcessGroup extends StageGroup {
  readonly processes: ChaosGroup;
}

/** Broker processes, librdkafka's producers, and groups of processes. */
class ProcessStage implements GroupStage<GroupFault> {
  readonly topic = TOPIC;
  readonly groups: readonly ProcessGroup[];
  readonly #cluster: ChaosCluster;
  readonly #writers: readonly ChaosWriter[];

  constructor(cluster: ChaosCluster, writers: readonly ChaosWriter[], groups: readonly ChaosGroup[]) {
    this.#cluster = cluster;
    this.#writers = writers;
    this.groups = groups.map((processes) => ({
      groupId: processes.spec.groupId,
      protocol: processes.spec.protocol,
      ledger: processes.ledger,
      commitsInOrder: processes.spec.kind === "samsa",
      processes,
      tails: () => processes.tails(),
      close: () => processes.close(),
    }));
  }

  acknowledged(): string[] {
    return this.#writers.flatMap(({ place, acknowledged }) =>
      [...acknowledged.keys()].map((n) => `${place.topic}-${place.partition}:${n}`)
    );
  }

  placeOf(name: string) {
    const [who, n] = name.split(":") as [string, string];
    const writer = this.#writers.find(({ place }) => who === `${place.topic}-${place.partition}`)!;
    return { partition: Number(n) % PARTITIONS, offset: writer.acknowledged.get(Number(n))! };
  }

  async settle(): Promise<void> {
    await until("all replicas are in sync", async () => {
      const partitions = await this.#cluster.partitions(TOPIC);
      return partitions.length === PARTITIONS && partitions.every(({ leader, isr }) => leader > 0 && isr.length === 3);
    });
    const count = () => this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
    const before = count();
    await until("the writers are answered", () => count() > before + 50);
  }

  async stopWriters(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  async begin(fault: GroupFault, random: Random): Promise<Disturbance> {
    const isStatic = fault === "restart-static";
    const group = random.pick(isStatic ? this.groups.filter(({ processes }) => processes.spec.hasStatic) : this.groups);
    const isBrief = !fault.startsWith("pause") && !fault.startsWith("cut");
    const leastMs = isBrief ? 0 : PAUSE_MS;
    if (!isStatic && !fault.endsWith("member")) {
      return { concerned: this.groups, leastMs, mend: await this.#disturbBroker(fault, group.groupId) };
    }
    const index = isStatic ? 0 : random.below(group.processes.spec.members);
    return { concerned: [group], leastMs, mend: await disturbMember(fault, group.processes, index) };
  }

  /** Returns what mends it. */
  async #disturbBroker(fault: GroupFault, groupId: string): Promise<() => void | Promise<void>> {
    const victim = await this.#victimOf(fault, groupId);
    const broker = this.#cluster.broker(victim);
    switch (fault) {
      case "pause-coordinator":
        broker.signal("SIGSTOP");
        return () => broker.signal("SIGCONT");
      case "cut-coordinator":
        this.#cluster.cut(victim);
        return () => this.#cluster.heal();
      default:
        await this.#cluster.end(victim, fault.startsWith("stop") ? "SIGTERM" : "SIGKILL");
        return () => this.#cluster.start(victim);
    }
  }

  /** The node that coordinates the group, leads a partition of the topic, or has the controller. */
  async #victimOf(fault: GroupFault, groupId: string): Promise<number> {
    let victim = -1;
    await until(`there is somebody for ${fault}`, async () => {
      if (fault === "kill-leader") victim = (await this.#cluster.partitions(TOPIC))[0]!.leader;
      else if (fault === "kill-controller") victim = await this.#cluster.controller();
      else victim = (await this.coordinatorOf(groupId)).nodeId;
      return victim > 0;
    });
    return victim;
  }

  async leaderOf(partition: number): Promise<string> {
    const leader = (await this.#cluster.partitions(TOPIC))[partition]!.leader;
    return leader > 0 ? this.#cluster.broker(leader).bootstrap : "";
  }

  coordinatorOf(groupId: string) {
    return this.#cluster.ask((client) => coordinatorOf(client, groupId));
  }

  async offsetsPlace(): Promise<OffsetsPlace> {
    let leaders: string[] = [];
    await until(`every partition of ${OFFSETS_TOPIC} has a leader`, async () => {
      const partitions = await this.#cluster.partitions(OFFSETS_TOPIC);
      leaders = partitions.flatMap(({ leader }) => leader > 0 ? this.#cluster.broker(leader).bootstrap : []);
      return leaders.length > 0 && leaders.length === partitions.length;
    });
    return { partitions: leaders.length, leaderOf: (partition) => leaders[partition]! };
  }

  async tell(): Promise<string[]> {
    const told = this.#writers.map((writer) => `${writer.name}: ${writer.tail()}`);
    for (const { id } of this.#cluster.brokers) {
      const views = await Promise.allSettled([this.#cluster.viewOf(id, TOPIC), this.#cluster.quorumOf(id)]);
      const seen = views.map((view) =>
        view.status === "fulfilled" ? Deno.inspect(view.value, { depth: 4, breakLength: 200 }) : String(view.reason)
      );
      told.push(`broker ${id}\n${seen.join("\n")}\n${this.#cluster.broker(id).tail().slice(-3_000)}`);
    }
    return told;
  }
}

/** Returns what mends it. */
async function disturbMember(fault: GroupFault, group: ChaosGroup, index: number): Promise<() => void> {
  switch (fault) {
    case "pause-member":
      group.signal(index, "SIGSTOP");
      return () => group.signal(index, "SIGCONT");
    case "leave-member":
      if (!await group.leave(index, PATIENCE_MS)) throw new Error(`a member of ${group.spec.groupId} does not leave`);
      return () => group.replace(index);
    case "restart-static":
      await group.kill(0);
      group.replace(0);
      return () => {};
    default:
      await group.kill(index);
      return () => group.replace(index);
  }
}
