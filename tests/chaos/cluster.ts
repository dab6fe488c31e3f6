/**
 * Three Samsa processes with a proxy in every link between them, so that processes can be killed and paused and cables cut.
 *
 * Invariant: a broker is always started with the command line that it had.
 *
 * @module
 */
import { errorName } from "../../protocol/errors.ts";
import { describeQuorum } from "../../protocol/tables/cluster.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { createTopics } from "../../protocol/tables/topics.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { freePorts, temporaryFolder } from "../interop/processes.ts";
import { SamsaProcess } from "../interop/samsa.ts";
import { LinkProxy } from "./link_proxy.ts";

/** A broker that has not answered by then may be paused: another is asked, and whoever wants to know asks again. */
const ANSWER_MS = 2_000;
/** Nobody is paused when topics are made, but the machine may be slow. */
const CREATE_MS = 10_000;
/** Longer than it can take. */
const PATIENCE_MS = 120_000;

/** What a partition looks like to a client. */
export interface PartitionState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
}

/** The processes and their links. */
export class ChaosCluster implements AsyncDisposable {
  readonly brokers: readonly SamsaProcess[];
  readonly bootstrap: string;
  /** By `from>to`. */
  readonly #links: ReadonlyMap<string, LinkProxy>;

  private constructor(brokers: readonly SamsaProcess[], links: ReadonlyMap<string, LinkProxy>) {
    this.brokers = brokers;
    this.bootstrap = brokers.map((broker) => broker.bootstrap).join(",");
    this.#links = links;
  }

  /** Starts them and resolves when all serve. */
  static async open(size = 3, config: Readonly<Record<string, string>> = {}): Promise<ChaosCluster> {
    const folder = await temporaryFolder("samsa-chaos-");
    const ids = Array.from({ length: size }, (_, index) => index + 1);
    const ports = freePorts(2 * size + size * (size - 1));
    const nodePorts = new Map(ids.map((id) => [id, ports[size + id - 1]!]));
    const links = new Map<string, LinkProxy>();
    let next = 2 * size;
    for (const from of ids) {
      for (const to of ids) {
        if (from !== to) links.set(`${from}>${to}`, new LinkProxy(ports[next++]!, nodePorts.get(to)!));
      }
    }
    const brokers = ids.map((id) =>
      new SamsaProcess({
        id,
        port: ports[id - 1]!,
        dir: `${folder}/${id}`,
        nodePort: nodePorts.get(id)!,
        // Every node is told its own addresses for the others: the proxies.
        voters: ids.map((to) => ({ id: to, port: links.get(`${id}>${to}`)?.port ?? nodePorts.get(id)! })),
        config,
      })
    );
    await Promise.all(brokers.map((broker) => broker.start()));
    return new ChaosCluster(brokers, links);
  }

  broker(id: number): SamsaProcess {
    return this.brokers[id - 1]!;
  }

  /** SIGKILL or SIGTERM; whoever dials the node afterwards is refused. */
  async end(id: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const broker = this.broker(id);
    const gone = signal === "SIGKILL" ? broker.kill() : broker.stop();
    if (signal === "SIGKILL") this.#refuse(id);
    await gone;
    this.#refuse(id);
  }

  /** Starts a broker that has ended. */
  async start(id: number): Promise<void> {
    for (const [name, link] of this.#links) if (name.endsWith(`>${id}`)) link.listen();
    await this.broker(id).start();
  }

  #refuse(id: number): void {
    for (const [name, link] of this.#links) if (name.endsWith(`>${id}`)) link.refuse();
  }

  /** Cuts a node off from the others; its clients still reach it. */
  cut(id: number): void {
    for (const [name, link] of this.#links) if (name.split(">").includes(String(id))) link.cut();
  }

  /** Mends every link. */
  heal(): void {
    for (const link of this.#links.values()) link.heal();
  }

  /** Asks the first broker that answers. */
  async ask<T>(question: (client: RawClient) => Promise<T>, patienceMs = ANSWER_MS): Promise<T> {
    let last: unknown = new Error("No broker runs.");
    for (const broker of this.brokers) {
      if (!broker.isRunning) continue;
      try {
        return await this.#askOf(broker, question, patienceMs);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async #askOf<T>(
    broker: SamsaProcess,
    question: (client: RawClient) => Promise<T>,
    patienceMs = ANSWER_MS,
  ): Promise<T> {
    const client = await RawClient.connect(broker.bootstrap);
    const limit = setTimeout(() => client.close(), patienceMs);
    try {
      return await question(client);
    } finally {
      clearTimeout(limit);
      await client.close();
    }
  }

  /** Makes a topic with a replica on every broker; asks again as long as it is in doubt. */
  async createTopic(name: string, partitions: number, configs: Readonly<Record<string, string>>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let error = ""; error !== "NONE" && error !== "TOPIC_ALREADY_EXISTS";) {
      if (performance.now() > deadline) throw new Error(`${name} cannot be made: ${error}`);
      try {
        error = await this.ask((client) => this.#create(client, name, partitions, configs), 2 * CREATE_MS);
      } catch (reason) {
        error = String(reason);
      }
    }
  }

  async #create(client: RawClient, name: string, numPartitions: number, configs: Readonly<Record<string, string>>) {
    const { topics } = await client.call(createTopics, 7, {
      topics: [{
        name,
        numPartitions,
        replicationFactor: this.brokers.length,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      }],
      timeoutMs: CREATE_MS,
      validateOnly: false,
    });
    return errorName(topics[0]!.errorCode);
  }

  /** The partitions of a topic as a live broker sees them. */
  partitions(name: string): Promise<PartitionState[]> {
    return this.ask((client) => partitionsOf(client, name));
  }

  /** The same as one broker sees them. */
  viewOf(id: number, name: string): Promise<PartitionState[]> {
    return this.#askOf(this.broker(id), (client) => partitionsOf(client, name));
  }

  /** The node that has the controller, -1 when nobody knows. */
  async controller(): Promise<number> {
    return (await this.ask(quorumOf))?.leaderId ?? -1;
  }

  /** The metadata quorum as one broker sees it. */
  quorumOf(id: number): Promise<unknown> {
    return this.#askOf(this.broker(id), quorumOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    for (const link of this.#links.values()) link.close();
  }
}

async function partitionsOf(client: RawClient, name: string): Promise<PartitionState[]> {
  const topics = [{ topicId: "AAAAAAAAAAAAAAAAAAAAAA", name }];
  const answer = await client.call(metadata, 12, { topics, allowAutoTopicCreation: false });
  return [...answer.topics[0]!.partitions].sort((a, b) => a.partitionIndex - b.partitionIndex).map((partition) => ({
    leader: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    isr: partition.isrNodes,
  }));
}

async function quorumOf(client: RawClient) {
  const topics = [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }];
  const answer = await client.call(describeQuorum, 1, { topics });
  return answer.topics[0]?.partitions[0];
}
