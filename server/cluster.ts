/**
 * A cluster inside this process: what tests and programs embed. Its brokers are real ones; what is between them is memory.
 *
 * Every broker, link and actor can be broken while it works:
 *
 *     a broker    stopBroker, killBroker ──▶ startBroker        pauseBroker ──▶ resumeBroker
 *     a link      cut ──▶ heal
 *     an actor    kill, restart                                 pause ──▶ resume
 *
 * Invariant: a broker that is started again has its id, its data and its port.
 *
 * @module
 */
import type { NodeAddress } from "../actors/consumer/network.ts";
import type { ActorInfo, ActorSystem } from "../actors/system.ts";
import type { Consumer } from "../client/consumer.ts";
import { Consumers } from "../client/consumers.ts";
import type { ConsumerOptions } from "../client/options.ts";
import { type LocalBroker, localNetwork } from "../client/local_network.ts";
import type { Disk } from "../storage/disk.ts";
import { FileDisk } from "../storage/file_disk.ts";
import { MemoryDisk } from "../storage/memory_disk.ts";
import { LocalHub } from "../transport/local.ts";
import { type RunningBroker, startBrokerOn } from "./broker.ts";
import { brokerOptionsOf, type ClusterOptions, HEARTBEAT_INTERVAL_MS } from "./cluster_options.ts";
import { doorTo } from "./door.ts";
import { realEnv } from "./env.ts";
import { Links } from "./links.ts";
import { configOfSize, voterCount } from "./voters.ts";
import { votersUnder } from "./voters_file.ts";

/** How many brokers one process may hold: it has one thread. */
const BROKERS_MAX = 100;
/** How long a start may take: more means that it never ends. */
const START_TIMEOUT_MS = 60_000;

/** How long the consumers of a cluster that stops may take to leave their groups. */
const CONSUMERS_TIMEOUT_MS = 2_000;

/** A broker of a cluster that runs. */
export interface ClusterBroker {
  /** The first part of the refs of its actors. */
  readonly id: number;
  /** `host:port`, as Kafka clients want it. */
  readonly bootstrap: string;
  /** The console's port, or undefined when there is none. */
  readonly httpPort: number | undefined;
  /** Resolves, with a sentence, when something without which it cannot work was given up: stop it then. */
  readonly failed: Promise<string>;
  /** Its actors, with their states and their counters. */
  actors(): ActorInfo[];
}

/** What stays of a broker while it does not run. */
interface Seat {
  readonly disk: Disk;
  /** The port that it had, once it has run. */
  port: number | undefined;
  running: RunningBroker | undefined;
  /** A start or a stop that is under way. */
  changing: Promise<unknown> | undefined;
}

/** A running cluster. Stop it with {@linkcode Cluster.stop}, or let `await using` do so. */
export class Cluster implements AsyncDisposable {
  readonly #options: ClusterOptions;
  readonly #voterIds: readonly number[];
  readonly #env = realEnv();
  readonly #hub = new LocalHub({ scheduler: this.#env.scheduler });
  readonly #links = new Links();
  readonly #seats = new Map<number, Seat>();
  readonly #consumers: Consumers;
  /** Ends starts that are under way when the cluster is stopped. */
  readonly #over = new AbortController();
  #stopped: Promise<void> | undefined;

  private constructor(options: ClusterOptions) {
    const ids = Array.from({ length: options.brokers ?? 1 }, (_, index) => index + 1);
    this.#voterIds = options.dir === undefined
      ? ids.slice(0, voterCount(ids.length))
      : votersUnder(options.dir, ids.length);
    this.#options = { ...options, config: { ...configOfSize(ids.length, this.#voterIds.length), ...options.config } };
    for (const id of ids) this.#addSeat(id);
    this.#consumers = new Consumers({
      env: this.#env,
      bootstrap: () => this.#addresses(),
      openNetwork: () => localNetwork((address) => this.#localBroker(address), this.#env),
      report: (line) => this.#options.log?.(line),
      defaults: { heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS },
    });
  }

  /** Use {@linkcode startCluster}. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    const calledOff = new AbortController();
    // Together, since none serves before more than half of the voters run; and when one cannot, the others wait in vain.
    await Promise.allSettled([...cluster.#seats].map(async ([id, seat]) => {
      try {
        await cluster.#start(id, seat, calledOff.signal);
      } catch (error) {
        calledOff.abort(error);
      }
    }));
    if (!calledOff.signal.aborted) return cluster;
    await cluster.stop();
    throw calledOff.signal.reason;
  }

  /** The brokers that run, by id. */
  get brokers(): readonly ClusterBroker[] {
    return [...this.#seats.values()].flatMap(({ running }) => running ?? []);
  }

  /** `host:port[,host:port…]` of the brokers that run: give it to any Kafka client. */
  get bootstrap(): string {
    return this.brokers.map((broker) => broker.bootstrap).join(",");
  }

  /** The cluster's id, as clients see it. */
  get clusterId(): string {
    return this.#any().clusterId;
  }

  /** The console's port of the first broker that runs, or undefined when there is none. */
  get httpPort(): number | undefined {
    return this.#any().httpPort;
  }

  /**
   * A consumer within this process: it speaks Kafka's requests to the brokers, but no sockets are between them. As they are near, its
   * `heartbeatIntervalMs` is 50 unless it is told otherwise, so that rebalances take milliseconds.
   *
   * @example
   * ```ts
   * import { startCluster } from "@samsa/samsa";
   *
   * await using cluster = await startCluster();
   * await using consumer = cluster.consumer({ groupId: "billing", topics: ["orders"] });
   * console.assert((await consumer.poll({ timeoutMs: 1 })).length === 0);
   * ```
   *
   * @throws {RangeError} when there is no such option, one can never be right, they do not go together, or the name is taken
   * @throws {ConsumerError} INVALID_REQUEST when the cluster has been stopped
   */
  consumer(options: ConsumerOptions): Consumer {
    return this.#consumers.open(options);
  }

  /** Every actor of every broker, and every consumer (of node 0), with its state and its counters. */
  actors(): ActorInfo[] {
    return [...this.brokers.flatMap((broker) => broker.actors()), ...this.#consumers.system.actors()];
  }

  /**
   * Kills an actor as if it had thrown: what it was doing is lost, its supervisor starts it again from what is durable.
   *
   * @param ref its path, such as `1/replica/orders-0`
   * @throws {RangeError} when there is no such actor
   */
  kill(ref: string): void {
    this.#systemOf(ref).kill(ref);
  }

  /** Lets an actor do nothing until {@linkcode Cluster.resume}; its mailbox goes on filling, and holds up who sends to it. */
  pause(ref: string): void {
    this.#systemOf(ref).pause(ref);
  }

  /** Ends a pause. */
  resume(ref: string): void {
    this.#systemOf(ref).resume(ref);
  }

  /** Stops an actor cleanly and starts it again at once. */
  restart(ref: string): void {
    this.#systemOf(ref).restart(ref);
  }

  /**
   * Stops a broker cleanly: others take over what it leads first. Its data stays for {@linkcode Cluster.startBroker}.
   *
   * @throws {RangeError} when no broker with this id runs
   */
  async stopBroker(id: number): Promise<void> {
    const seat = this.#running(id);
    const { running } = seat;
    await this.#change(seat, running!.stop());
    seat.running = undefined;
  }

  /**
   * Ends a broker as if its process had died: nothing is handed over, its sockets close, and the others find out by themselves.
   *
   * @throws {RangeError} when no broker with this id runs
   */
  async killBroker(id: number): Promise<void> {
    const seat = this.#running(id);
    const { running } = seat;
    seat.running = undefined;
    await this.#change(seat, running!.kill());
  }

  /**
   * Starts a broker that was stopped or killed, with the data that it had; resolves when it serves.
   *
   * @throws {RangeError} when there is no such broker, or it runs already
   */
  async startBroker(id: number): Promise<void> {
    const seat = this.#seats.get(id);
    if (seat === undefined) throw new RangeError(`There is no broker ${id}: addBroker() makes a new one.`);
    if (seat.running !== undefined || seat.changing !== undefined) {
      throw new RangeError(`Broker ${id} runs already, or is about to start or stop.`);
    }
    await this.#change(seat, this.#start(id, seat));
  }

  /** Holds up a whole broker, as if its process stood still: its sockets stay open, and nobody is told. */
  pauseBroker(id: number): void {
    this.#running(id).running!.pause();
  }

  /** Ends a pause of a broker. */
  resumeBroker(id: number): void {
    this.#running(id).running!.resume();
  }

  /** Cuts the link between two brokers: what they send each other is lost, and neither is told. */
  cut(a: number, b: number): void {
    this.#links.cut(a, b);
  }

  /** Heals the link between two brokers, or every link. */
  heal(a?: number, b?: number): void {
    this.#links.heal(a, b);
  }

  /** Starts one more broker, which does not vote, and resolves with its id when it serves. Partitions move to it when they are told to. */
  async addBroker(): Promise<number> {
    const id = Math.max(...this.#seats.keys()) + 1;
    const seat = this.#addSeat(id);
    try {
      await this.#change(seat, this.#start(id, seat));
    } catch (error) {
      this.#seats.delete(id);
      throw error;
    }
    return id;
  }

  /** Stops every broker cleanly. Calling it again does nothing more. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  /** The same as {@linkcode Cluster.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#over.abort(new Error("The cluster was stopped."));
    await Promise.allSettled([...this.#seats.values()].map(({ changing }) => changing));
    for (const seat of this.#seats.values()) seat.running?.resume(); // who stands still cannot stop
    this.heal();
    await this.#consumers.close(CONSUMERS_TIMEOUT_MS);
    const running = [...this.#seats.values()].flatMap((seat) => seat.running ?? []);
    await Promise.all(running.map((broker) => broker.drain())); // while the controller is there to hear of it
    await Promise.all(running.map((broker) => broker.stop()));
  }

  #addSeat(id: number): Seat {
    const { dir } = this.#options;
    const disk = dir === undefined ? new MemoryDisk() : new FileDisk(`${dir}/${id}`);
    const seat: Seat = { disk, port: undefined, running: undefined, changing: undefined };
    this.#seats.set(id, seat);
    return seat;
  }

  async #start(id: number, seat: Seat, calledOff?: AbortSignal): Promise<void> {
    const tooLong = new AbortController();
    const calm = this.#env.clock.after(START_TIMEOUT_MS, () => {
      tooLong.abort(new Error(`Broker ${id} did not come up within ${START_TIMEOUT_MS / 1_000} s.`));
    });
    const signal = AbortSignal.any([
      tooLong.signal,
      this.#over.signal,
      ...(calledOff === undefined ? [] : [calledOff]),
    ]);
    try {
      seat.running = await startBrokerOn({
        disk: seat.disk,
        voterIds: this.#voterIds,
        openDoor: () => doorTo(this.#links.over(this.#hub.join(id)), { host: "127.0.0.1", port: 0 }),
      }, { ...brokerOptionsOf(this.#options, id, seat.port), signal });
    } finally {
      calm();
    }
    seat.port = seat.running.advertised.port;
  }

  async #change(seat: Seat, change: Promise<void>): Promise<void> {
    seat.changing = change;
    try {
      await change;
    } finally {
      seat.changing = undefined;
    }
  }

  #running(id: number): Seat {
    const seat = this.#seats.get(id);
    if (seat?.running !== undefined && seat.changing === undefined) return seat;
    throw new RangeError(`No broker ${id} runs: brokers lists those that do.`);
  }

  #any(): RunningBroker {
    const broker = [...this.#seats.values()].find(({ running }) => running !== undefined)?.running;
    if (broker === undefined) throw new RangeError("No broker of this cluster runs: startBroker() starts one.");
    return broker;
  }

  #systemOf(ref: string): ActorSystem {
    const node = Number(ref.split("/", 1)[0]);
    const consumers = this.#consumers.system;
    const system = node === consumers.node ? consumers : this.#seats.get(node)?.running?.system;
    if (system === undefined || !system.actors().some((actor) => actor.ref === ref)) {
      throw new RangeError(`There is no actor "${ref}": actors() lists those that there are.`);
    }
    return system;
  }

  /** Where brokers are, or were when they ran last. */
  #addresses(): readonly NodeAddress[] {
    return [...this.#seats.values()].flatMap(({ running, port }) => {
      if (running !== undefined) return running.advertised;
      return port === undefined ? [] : { host: "127.0.0.1", port };
    });
  }

  #localBroker({ host, port }: NodeAddress): LocalBroker | undefined {
    for (const { running } of this.#seats.values()) {
      if (running?.advertised.port === port && running.advertised.host === host) return running.local;
    }
    return undefined;
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
 * @example Three brokers, one of which dies and comes back
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster({ brokers: 3, config: { "default.replication.factor": "3" } });
 * await cluster.killBroker(2); // 1 and 3 go on
 * console.assert(cluster.brokers.length === 2);
 * await cluster.startBroker(2); // with what it had
 * ```
 *
 * @throws {RangeError} when the number of brokers is not one that a process can hold
 * @throws {Error} with one sentence when the folder, a port or a config cannot be used
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { brokers = 1 } = options;
  if (!Number.isInteger(brokers) || brokers < 1 || brokers > BROKERS_MAX) {
    throw new RangeError(`A cluster of ${brokers} brokers was asked for: a process can hold from 1 to ${BROKERS_MAX}.`);
  }
  return await Cluster.start(options);
}
