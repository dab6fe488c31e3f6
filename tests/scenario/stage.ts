/**
 * The stage on which scenarios are played: a simulated cluster, and what can be done to it.
 *
 * Invariant: after every event every rule of the simulator is looked at, whatever the script says.
 *
 * @module
 */
import { refOf } from "../../actors/address.ts";
import { REPLICA } from "../../actors/partition/protocol.ts";
import type { Replica } from "../../actors/partition/state.ts";
import { batches } from "../../protocol/batch.ts";
import { errorName } from "../../protocol/errors.ts";
import { encodeBatch, records } from "../../protocol/records.ts";
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";
import { incrementalAlterConfigs } from "../../protocol/tables/configs.ts";
import { fetch, produce } from "../../protocol/tables/produce_fetch.ts";
import { alterPartitionReassignments, createTopics, electLeaders } from "../../protocol/tables/topics.ts";
import { SeededRandom } from "../../lib/prng.ts";
import { KafkaClient } from "../sim/client.ts";
import { Invariants } from "../sim/invariants.ts";
import { lenses } from "../sim/lens.ts";
import type { Machine } from "../sim/machine.ts";
import { RunTrace } from "../sim/run_trace.ts";
import { World } from "../sim/world.ts";
import { give, idsOf } from "./commands.ts";
import { News } from "./news.ts";

/** The cluster is at rest when nothing new has been heard for so long: longer than any of its timeouts. */
const REST_MS = 4_000;
const LONGEST_STEP_MS = 120_000;
const TIMEOUT_MS = 3_000;
const PRODUCE_VERSION = 11;
const FETCH_VERSION = 12;

const BEGINS = /^broker \d+: (registered|unfenced)$/;

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** One performance. */
export class Stage {
  #world!: World;
  #invariants!: Invariants;
  #news!: News;
  #client!: KafkaClient;
  #voters: readonly number[] = [];
  /** Clients that wait for an answer. */
  #waiting = 0;
  readonly #reports: string[] = [];
  /** What ends the faults of disks. */
  readonly #mend: (() => void)[] = [];

  /** Does what the commands say, all at once, and waits until the cluster is at rest. Returns what has happened. */
  play(commands: readonly string[]): string[] {
    for (const command of commands) give(this, command);
    this.#rest();
    const told = this.#news.take();
    // That brokers come up at the beginning need not be said every time.
    return commands.some((command) => command.startsWith("cluster "))
      ? told.filter((line) => !BEGINS.test(line))
      : told;
  }

  /** Builds the cluster and starts it. */
  build(nodes: number, voters: readonly number[], seed: string, properties: Readonly<Record<string, string>>): void {
    this.#voters = voters;
    this.#world = new World({
      seed,
      nodes,
      voters,
      properties: { "auto.leader.rebalance.enable": "false", "replica.lag.time.max.ms": "1000", ...properties },
      isOrderDrawn: false,
      trace: (now) => new RunTrace({ now, hear: (event) => this.#invariants.hear(event) }),
      failed: (machine, sentence) => this.#reports.push(`node ${machine.id}: ${sentence}`),
    });
    const views = lenses(this.#world.nodes());
    this.#invariants = new Invariants({ nodes: views, voters });
    this.#news = new News(views, () => this.#invariants.image);
    this.#client = new KafkaClient(this.#world, "client", new SeededRandom(seed).split("client"));
    for (const machine of this.#world.machines) machine.start();
  }

  /** Everything happens that happens by itself. */
  #rest(): void {
    const began = this.#world.now();
    let heard = this.#news.count;
    let heardMs = began;
    while (this.#waiting > 0 || this.#world.now() < heardMs + REST_MS) {
      if (!this.#world.step()) return;
      this.#invariants.settle();
      const [problem] = this.#invariants.problems;
      if (problem !== undefined) throw new Error(problem);
      this.#news.look();
      if (this.#news.count !== heard) heardMs = this.#world.now();
      heard = this.#news.count;
      if (this.#world.now() > began + LONGEST_STEP_MS) {
        throw new Error(`the cluster does not come to rest: ${this.#news.take().slice(0, 20).join("; ")}`);
      }
    }
  }

  each(ids: string | undefined, act: (machine: Machine) => void): void {
    for (const machine of this.nodesOf(ids)) act(machine);
  }

  /** "1,2", "the controller" or, for none, all. */
  nodesOf(ids: string | undefined): Machine[] {
    if (ids === undefined) return [...this.#world.machines];
    if (ids === "the controller") return [this.#controller()];
    return ids.split(",").map((id) => this.#world.machine(Number(id))!);
  }

  /** The node that leads the quorum in the newest epoch. */
  #controller(): Machine {
    const leaders = lenses(this.#world.nodes()).flatMap((node) => {
      const quorum = node.isAlive ? node.quorum() : undefined;
      return quorum?.isLeader ? [{ id: node.id, epoch: quorum.epoch }] : [];
    });
    return this.#world.machine(leaders.sort((a, b) => b.epoch - a.epoch)[0]!.id)!;
  }

  /** Cuts the ways from some nodes to others, and back unless it is `oneWay`. */
  cut(from: string, to: string | undefined, oneWay: boolean): void {
    const near = this.nodesOf(from).map(({ id }) => id);
    const far = this.nodesOf(to).map(({ id }) => id).filter((id) => !near.includes(id));
    for (const a of near) {
      for (const b of far) {
        this.#world.network.cut(a, b);
        if (!oneWay) this.#world.network.cut(b, a);
      }
    }
  }

  heal(): void {
    this.#world.network.heal();
  }

  /** From now on the disk refuses to make durable what a log has. */
  failSyncs({ disk }: Machine, name: string): void {
    this.#mend.push(disk.plan({ operation: "sync", path: new RegExp(`^${name}/`), code: "EIO" }));
  }

  mendDisks(): void {
    for (const mend of this.#mend.splice(0)) mend();
  }

  createTopic(name: string, replicas: string, configs: Readonly<Record<string, string>>): void {
    const body = {
      topics: [{
        name,
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: idsOf(replicas) }],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    };
    this.#ask(this.#anyNode(), createTopics, 7, body, (answer) => {
      const error = answer === undefined ? "no answer" : errorName(answer.topics[0]!.errorCode);
      if (error !== "NONE") this.#news.tell(`topic ${name}`, error);
    });
  }

  /** Each value is a request of its own; they are sent together, to the leader unless a node is named. */
  write(values: readonly string[], topic: string, acks: number, node: string | undefined): void {
    const to = node === undefined ? this.#leaderOf(topic) : Number(node);
    for (const value of values) {
      const records = encodeBatch([{ value: utf8.encode(value), timestamp: this.#world.env.clock.now() }]);
      const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
      const body = { transactionalId: null, acks, timeoutMs: 2_000, topicData };
      this.#ask(to, produce, PRODUCE_VERSION, body, (answer) => {
        const found = answer?.responses[0]?.partitionResponses[0];
        const error = found === undefined ? "no answer" : errorName(found.errorCode);
        this.#news.tell(`write ${value}`, error === "NONE" ? `acknowledged at ${found!.baseOffset}` : error);
      });
    }
  }

  /** Everything that a client may read. */
  read(topic: string, node: string | undefined): void {
    const from = node === undefined ? this.#leaderOf(topic) : Number(node);
    const partitions = [{
      partition: 0,
      currentLeaderEpoch: -1,
      fetchOffset: 0n,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1 << 20,
    }];
    const topics = [{ topic, topicId: "AAAAAAAAAAAAAAAAAAAAAA", partitions }];
    const body = { maxWaitMs: 10, minBytes: 0, maxBytes: 1 << 20, sessionEpoch: -1, topics, forgottenTopicsData: [] };
    this.#ask(from, fetch, FETCH_VERSION, { ...body, sessionId: 0 }, (answer) => {
      const found = answer?.responses[0]?.partitions[0];
      const error = found === undefined ? "no answer" : errorName(found.errorCode);
      this.#news.tell(`read from ${from}`, error === "NONE" ? valuesOf(found!.records ?? new Uint8Array()) : error);
    });
  }

  /** What the logs of all replicas that run have, each value with the leader epoch that it was written in. */
  showLogs(name: string): void {
    for (const machine of this.#world.machines) {
      const replica = machine.system?.stateOf(refOf(machine.id, REPLICA.kind, name)) as Replica | undefined;
      if (replica?.hasLog !== true) continue;
      const { log, highWatermark } = replica;
      const { bytes } = log.read(log.startOffset, log.endOffset, 1 << 20, true);
      this.#news.tell(`${name} on ${machine.id}`, `${valuesOf(bytes, true)}, committed up to ${highWatermark}`);
    }
  }

  move(topic: string, replicas: string): void {
    const partitions = [{ partitionIndex: 0, replicas: idsOf(replicas) }];
    const body = { timeoutMs: TIMEOUT_MS, topics: [{ name: topic, partitions }] };
    this.#ask(this.#anyNode(), alterPartitionReassignments, 0, body, (answer) => {
      const error = answer === undefined
        ? "no answer"
        : errorName(answer.responses[0]?.partitions[0]?.errorCode ?? answer.errorCode);
      if (error !== "NONE") this.#news.tell(`move of ${topic}`, error);
    });
  }

  electPreferred(): void {
    const body = { electionType: 0, topicPartitions: null, timeoutMs: TIMEOUT_MS };
    this.#ask(this.#anyNode(), electLeaders, 2, body, () => {});
  }

  set(topic: string, name: string, value: string): void {
    const configs = [{ name, configOperation: 0, value }];
    const body = { resources: [{ resourceType: 2, resourceName: topic, configs }], validateOnly: false };
    this.#ask(this.#anyNode(), incrementalAlterConfigs, 1, body, (answer) => {
      const error = answer === undefined ? "no answer" : errorName(answer.responses[0]!.errorCode);
      if (error !== "NONE") this.#news.tell(`config ${name}`, error);
    });
  }

  wait(seconds: number): void {
    this.#waiting++;
    this.#world.env.clock.after(seconds * 1_000, () => this.#waiting--);
  }

  #leaderOf(topic: string): number {
    const leader = this.#invariants.image.topics.get(topic)?.partitions[0]?.leader ?? -1;
    if (leader < 0) throw new Error(`nobody leads ${topic}-0: say which node is asked`);
    return leader;
  }

  #anyNode(): number {
    return this.#world.machines.find(({ accepting }) => accepting)!.id;
  }

  #ask<T extends Api>(
    node: number,
    api: T,
    version: number,
    body: RequestInput<T>,
    then: (answer: Response<T> | undefined) => void,
  ): void {
    this.#waiting++;
    this.#client.call(node, api, version, body, TIMEOUT_MS, (result) => {
      this.#waiting--;
      then(result.ok ? result.body : undefined);
    });
  }
}

/** The values of some batches, with their leader epochs if wanted. */
function valuesOf(bytes: Uint8Array, withEpochs = false): string {
  const values: string[] = [];
  for (const { at, partitionLeaderEpoch } of batches(bytes)) {
    for (const { value } of records(bytes, at)) {
      values.push(`${value === null ? "null" : text.decode(value)}${withEpochs ? `/${partitionLeaderEpoch}` : ""}`);
    }
  }
  return values.length === 0 ? "nothing" : values.join(" ");
}
