/**
 * Groups of our own consumers in a cluster that is in one process with them, while its actors are killed and stand still:
 * `deno task chaos -- --groups --embedded`.
 *
 * @module
 */
import { groupPartition, OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import type { Random } from "../../lib/prng.ts";
import { type Cluster, startCluster } from "../../mod.ts";
import { createTopic } from "../helpers/kafka_calls.ts";
import { look, type SeenPartition } from "../helpers/leaders.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { EmbeddedGroup } from "./embedded_group.ts";
import { EmbeddedWriter } from "./embedded_writer.ts";
import { type Disturbance, type GroupStage, runGroups, type StageGroup, until } from "./group_run.ts";
import { coordinatorOf } from "./group_watch.ts";
import type { OffsetsPlace } from "./offsets_log.ts";

/** What can be done to actors that groups need, and to the brokers that they are of. */
export const EMBEDDED_FAULTS = [
  "kill-group",
  "kill-coordinator",
  "kill-offsets-leader",
  "kill-partition-leader",
  "kill-controller",
  "kill-broker-actor",
  "pause-group",
  "pause-coordinator",
  "pause-offsets-leader",
  "kill-consumer",
  "pause-consumer",
  "leave-consumer",
  "kill-broker",
  "stop-broker",
  "pause-broker",
  "cut-broker",
] as const;
/** One of them. */
export type EmbeddedFault = typeof EMBEDDED_FAULTS[number];

const TOPIC = "orders";
const PARTITIONS = 6;
const BROKERS = 3;
const MEMBERS = 3;
const SESSION_MS = 3_000;
/** Longer than a session. */
const PAUSE_MS = 4_000;
/** Whom we ask may stand still. */
const ANSWER_MS = 2_000;

const CONFIG = {
  "auto.create.topics.enable": "false",
  "offsets.topic.num.partitions": "4",
  "group.consumer.session.timeout.ms": String(SESSION_MS),
  "group.consumer.heartbeat.interval.ms": "200",
};

/** How a run is to be. */
export interface EmbeddedChaosOptions {
  readonly faults: number;
  readonly seed: string;
  /** Only these. */
  readonly mix: readonly EmbeddedFault[];
  /** Told how it goes, line by line. */
  readonly say: (line: string) => void;
}

/** Runs it; returns what was wrong. */
export async function embeddedChaos({ faults, seed, mix, say }: EmbeddedChaosOptions): Promise<string[]> {
  const said: string[] = [];
  await using cluster = await startCluster({ brokers: BROKERS, config: CONFIG, log: (line) => said.push(line) });
  {
    await using client = await RawClient.connect(cluster.bootstrap.split(",")[0]!);
    await createTopic(client, TOPIC, PARTITIONS, { "min.insync.replicas": "2" }, BROKERS);
  }
  const stage = new EmbeddedStage(cluster, said);
  try {
    return await runGroups(stage, { faults, seed, mix, say });
  } finally {
    cluster.heal();
    for (const { ref, state } of cluster.actors()) if (state === "paused") cluster.resume(ref);
    await stage.stopWriters();
  }
}

interface MemberGroup extends StageGroup {
  readonly members: EmbeddedGroup;
}

/** A cluster, writers and groups, all in this process. */
class EmbeddedStage implements GroupStage<EmbeddedFault> {
  readonly topic = TOPIC;
  readonly groups: readonly MemberGroup[];
  readonly #cluster: Cluster;
  readonly #said: readonly string[];
  readonly #writers: readonly EmbeddedWriter[];

  constructor(cluster: Cluster, said: readonly string[]) {
    this.#cluster = cluster;
    this.#said = said;
    this.#writers = Array.from(
      { length: PARTITIONS },
      (_, partition) => new EmbeddedWriter(TOPIC, partition, () => this.#bootstraps()),
    );
    this.groups = (["classic", "consumer"] as const).map((protocol) => {
      const members = new EmbeddedGroup(cluster, {
        groupId: `embedded-${protocol}`,
        topics: [TOPIC],
        groupProtocol: protocol,
        sessionTimeoutMs: SESSION_MS,
        heartbeatIntervalMs: 200,
        autoOffsetReset: "earliest",
        autoCommitIntervalMs: 200,
        requestTimeoutMs: ANSWER_MS,
        metadataMaxAgeMs: 2_000,
      }, MEMBERS);
      const { ledger } = members;
      return {
        groupId: ledger.groupId,
        protocol,
        ledger,
        commitsInOrder: true,
        members,
        tails: () => [],
        close: () => members.close(),
      };
    });
  }

  acknowledged(): string[] {
    return this.#writers.flatMap(({ acknowledged }) => [...acknowledged.keys()]);
  }

  placeOf(name: string) {
    const writer = this.#writers.find(({ acknowledged }) => acknowledged.has(name))!;
    return { partition: writer.partition, offset: writer.acknowledged.get(name)! };
  }

  async settle(): Promise<void> {
    for (const topic of [TOPIC, OFFSETS_TOPIC]) {
      await until(`all replicas of ${topic} are in sync`, async () => {
        const partitions = await this.#partitions(topic);
        return partitions.length > 0 && partitions.every(({ leader, isr }) => leader > 0 && isr.length === BROKERS);
      });
    }
    const counts = this.#writers.map(({ acknowledged }) => acknowledged.size);
    await until("the writers are answered", () => {
      return this.#writers.every(({ acknowledged }, index) => acknowledged.size > counts[index]! + 2);
    });
  }

  async stopWriters(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  async begin(fault: EmbeddedFault, random: Random): Promise<Disturbance> {
    const group = random.pick(this.groups);
    const [action, of] = [fault.slice(0, fault.indexOf("-")), fault.slice(fault.indexOf("-") + 1)];
    const leastMs = action === "pause" || action === "cut" ? PAUSE_MS : 0;
    if (of === "consumer") return { concerned: [group], leastMs, mend: await disturbMember(action, group, random) };
    const node = await this.#nodeOf(of, group.groupId);
    if (of === "broker") return { concerned: this.groups, leastMs, mend: await this.#disturbBroker(action, node) };
    const ref = this.#refOf(of, node, group.groupId);
    this.#cluster[action as "kill" | "pause"](ref);
    const concerned = of === "group" ? [group] : this.groups;
    return { concerned, leastMs, mend: () => action === "pause" ? this.#resume(ref) : undefined };
  }

  /** Returns what mends it. */
  async #disturbBroker(action: string, node: number): Promise<() => void | Promise<void>> {
    const cluster = this.#cluster;
    switch (action) {
      case "pause":
        cluster.pauseBroker(node);
        return () => cluster.resumeBroker(node);
      case "cut":
        for (const { id } of cluster.brokers) if (id !== node) cluster.cut(id, node);
        return () => cluster.heal();
      case "stop":
        await cluster.stopBroker(node);
        return () => cluster.startBroker(node);
      default:
        await cluster.killBroker(node);
        return () => cluster.startBroker(node);
    }
  }

  /** The node that coordinates the group, leads a partition of the topic, or has the controller. */
  async #nodeOf(of: string, groupId: string): Promise<number> {
    let node = -1;
    await until(`there is somebody who is ${of}`, async () => {
      if (of === "partition-leader") node = (await this.#partitions(TOPIC))[0]!.leader;
      else if (of === "controller") {
        const controller = this.#cluster.actors().find(({ kind, state }) => kind === of && state === "running");
        node = Number(controller?.ref.split("/")[0] ?? -1);
      } else node = (await this.coordinatorOf(groupId)).nodeId;
      return this.#cluster.actors().some(({ ref }) => ref === this.#refOf(of, node, groupId));
    });
    return node;
  }

  #refOf(of: string, node: number, groupId: string): string {
    const partition = groupPartition(groupId, Number(CONFIG["offsets.topic.num.partitions"]));
    switch (of) {
      case "group":
        return `${node}/group/${groupId}`;
      case "coordinator":
        return `${node}/coordinator/${partition}`;
      case "offsets-leader":
        return `${node}/replica/${OFFSETS_TOPIC}-${partition}`;
      case "partition-leader":
        return `${node}/replica/${TOPIC}-0`;
      case "controller":
        return `${node}/controller/controller`;
      default:
        return `${node}/broker/broker`;
    }
  }

  /** It may have been stopped and spawned anew meanwhile. */
  #resume(ref: string): void {
    if (this.#cluster.actors().some((actor) => actor.ref === ref)) this.#cluster.resume(ref);
  }

  async leaderOf(partition: number): Promise<string> {
    const { leader } = (await this.#partitions(TOPIC))[partition]!;
    return this.#cluster.brokers.find(({ id }) => id === leader)?.bootstrap ?? "";
  }

  coordinatorOf(groupId: string) {
    return this.#ask((client) => coordinatorOf(client, groupId));
  }

  async offsetsPlace(): Promise<OffsetsPlace> {
    let leaders: string[] = [];
    await until(`every partition of ${OFFSETS_TOPIC} has a leader`, async () => {
      const partitions = await this.#partitions(OFFSETS_TOPIC);
      leaders = partitions.flatMap(({ leader }) =>
        this.#cluster.brokers.find(({ id }) => id === leader)?.bootstrap ?? []
      );
      return leaders.length > 0 && leaders.length === partitions.length;
    });
    return { partitions: leaders.length, leaderOf: (partition) => leaders[partition]! };
  }

  tell(): Promise<string[]> {
    const actors = this.#cluster.actors().filter(({ kind }) => kind !== "connection" && kind !== "replica");
    const states = actors.map(({ ref, state, restarts, mailboxDepth, lastError, blockedOn }) =>
      `${ref} ${state} restarts=${restarts} mailbox=${mailboxDepth} blocked=${blockedOn} ${lastError ?? ""}`
    );
    return Promise.resolve([`actors:\n${states.join("\n")}`, `brokers:\n${this.#said.slice(-60).join("\n")}`]);
  }

  #bootstraps(): string[] {
    return this.#cluster.brokers.map(({ bootstrap }) => bootstrap);
  }

  async #partitions(topic: string): Promise<readonly SeenPartition[]> {
    return await this.#ask(async (client) => (await look(client, topic)).partitions);
  }

  /** Asks the first broker that answers. */
  async #ask<T>(question: (client: RawClient) => Promise<T>): Promise<T> {
    let last: unknown = new Error("No broker runs.");
    for (const bootstrap of this.#bootstraps()) {
      try {
        const client = await RawClient.connect(bootstrap);
        const limit = setTimeout(() => client.close(), ANSWER_MS);
        try {
          return await question(client);
        } finally {
          clearTimeout(limit);
          await client.close();
        }
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

/** Returns what mends it. */
async function disturbMember(action: string, { members }: MemberGroup, random: Random): Promise<() => void> {
  const index = random.below(MEMBERS);
  switch (action) {
    case "pause":
      members.pause(index);
      return () => members.resume(index);
    case "leave":
      await members.leave(index);
      return () => members.replace(index);
    default:
      members.kill(index);
      return () => members.replace(index);
  }
}
