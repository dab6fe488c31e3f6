/**
 * A cluster inside this process: what tests and programs embed.
 *
 * @module
 */
import type { ActorInfo } from "../actors/system.ts";
import type { BrokerOptions, RunningBroker } from "./broker.ts";
import { startBroker } from "./broker.ts";

/** How a cluster in this process is to be started; everything has a default. */
export interface ClusterOptions {
  /** How many brokers. Default 1, which is all that this version runs. */
  readonly brokers?: number;
  /** Kafka port of the first broker; 0 takes any free one. Default 0. */
  readonly port?: number;
  /** Folder for the data: broker `i` keeps its own in `dir/i`. Default: in memory, gone when the cluster stops. */
  readonly dir?: string;
  /** Port of the first broker's console; 0 takes any free one. Default: no console. */
  readonly httpPort?: number;
  /** `broker.rack` */
  readonly rack?: string;
  /** Kafka's broker configs by name, such as `{ "num.partitions": "3" }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Told of what an operator would want to know, a line at a time. Default: nobody. */
  readonly log?: (line: string) => void;
}

/** A running cluster. Stop it with {@linkcode Cluster.stop}, or let `await using` do so. */
export class Cluster implements AsyncDisposable {
  readonly #brokers: readonly RunningBroker[];

  /** Use {@linkcode startCluster}. */
  constructor(brokers: readonly RunningBroker[]) {
    this.#brokers = brokers;
  }

  /** `host:port[,host:port…]`: give it to any Kafka client. */
  get bootstrap(): string {
    return this.#brokers.map((broker) => broker.bootstrap).join(",");
  }

  /** The cluster's id, as clients see it. */
  get clusterId(): string {
    return this.#brokers[0]!.clusterId;
  }

  /** The console's port, or undefined when there is none. */
  get httpPort(): number | undefined {
    return this.#brokers[0]!.httpPort;
  }

  /** Every actor of every broker, with its state and its counters. */
  actors(): ActorInfo[] {
    return this.#brokers.flatMap((broker) => broker.actors());
  }

  /**
   * Kills an actor as if it had thrown: what it was doing is lost, its supervisor starts it again from what is durable.
   *
   * @param ref its path, such as `1/replica/orders-0`
   * @throws {RangeError} when there is no such actor
   */
  kill(ref: string): void {
    this.#brokerOf(ref).system.kill(ref);
  }

  /** Lets an actor do nothing until {@linkcode Cluster.resume}; its mailbox goes on filling, and holds up who sends to it. */
  pause(ref: string): void {
    this.#brokerOf(ref).system.pause(ref);
  }

  /** Ends a pause. */
  resume(ref: string): void {
    this.#brokerOf(ref).system.resume(ref);
  }

  /** Stops an actor cleanly and starts it again at once. */
  restart(ref: string): void {
    this.#brokerOf(ref).system.restart(ref);
  }

  /** Stops every broker cleanly. Calling it again does nothing more. */
  async stop(): Promise<void> {
    await Promise.all(this.#brokers.map((broker) => broker.stop()));
  }

  /** The same as {@linkcode Cluster.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #brokerOf(ref: string): RunningBroker {
    const node = Number(ref.split("/", 1)[0]);
    const broker = this.#brokers.find(({ id }) => id === node);
    if (broker === undefined || !broker.actors().some((actor) => actor.ref === ref)) {
      throw new RangeError(`There is no actor "${ref}": actors() lists those that there are.`);
    }
    return broker;
  }
}

/**
 * Starts a cluster in this process and resolves when it serves.
 *
 * @example A broker for one test
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster();
 * console.assert(/^127\.0\.0\.1:\d+$/.test(cluster.bootstrap)); // for any Kafka client
 * ```
 *
 * @throws {RangeError} when the number of brokers is not one that this version runs
 * @throws {Error} with one sentence when the folder, a port or a config cannot be used
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { brokers = 1, dir, ...rest } = options;
  if (brokers !== 1) {
    throw new RangeError(`A cluster of ${brokers} brokers was asked for; this version runs 1 (brokers: 1).`);
  }
  const broker: BrokerOptions = { ...rest, id: 1, ...(dir === undefined ? {} : { dir: `${dir}/1` }) };
  return new Cluster([await startBroker(broker)]);
}
