/**
 * One broker put together: a data folder, a listener for clients, a door to other nodes, the actors between them, and a console.
 *
 *     options ──▶ data folder locked ──▶ ports bound ──▶ node started ──▶ registered, let in ──▶ accepting ──▶ ready
 *
 * Invariant: what can be wrong with the options, the folder or a port is found before anything is written to the folder
 * or told to a client.
 *
 * @module
 */
import type { ActorInfo, ActorSystem as System } from "../actors/system.ts";
import { brokerInt, checkBrokerProperties } from "../actors/broker/broker_configs.ts";
import type { Endpoint } from "../actors/controller/protocol.ts";
import { type LocalBroker, LocalSockets } from "../client/local_network.ts";
import type { ConsoleServer } from "../console/server.ts";
import { BufferPool } from "../lib/buffer_pool.ts";
import type { Env } from "../lib/env.ts";
import { randomUuid } from "../lib/uuid.ts";
import type { Disk } from "../storage/disk.ts";
import { FileDisk } from "../storage/file_disk.ts";
import { DiskLogStore } from "../storage/log_store.ts";
import { MemoryDisk } from "../storage/memory_disk.ts";
import { bindProblem } from "./bind_problem.ts";
import { BrokerConsole } from "./console_source.ts";
import type { BrokerOptions } from "./broker_options.ts";
import { type Door, type DoorOf, openDoor } from "./door.ts";
import { realEnv } from "./env.ts";
import { Listener } from "./listener.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { RequestMetrics } from "./metrics.ts";
import { type Node, startNode } from "./node.ts";
import { untilReady } from "./until_ready.ts";
import { votersProblem } from "./voters.ts";

export type { BrokerOptions } from "./broker_options.ts";

/** What a broker stands on: a process and a machine of its own, or a part of something. */
export interface Ground {
  /** Where the data is. */
  readonly disk: Disk;
  /** Ids of the nodes that vote. */
  readonly voterIds: readonly number[];
  /** Opens this node's door to the others. */
  openDoor(node: DoorOf): Door;
}

/** What all client connections may hold together: requests not answered, answers not sent. */
const CONNECTIONS_MEMORY_BYTES = 256 << 20;
/** Large buffers that are kept for the next request or read. */
const POOLED_BYTES = 32 << 20;
/** How long a clean stop waits for others to take over. */
const DRAIN_TIMEOUT_MS = 5_000;
/** The same when the broker never came up. */
const CALL_OFF_TIMEOUT_MS = 100;

/** A broker that runs in this process. */
export class RunningBroker {
  readonly id: number;
  readonly clusterId: string;
  /** Where clients reach it. */
  readonly advertised: Endpoint;
  /** Where other nodes reach it; its port is 0 when nothing listens for them. */
  readonly nodeEndpoint: Endpoint;
  /** The data folder, or "memory". */
  readonly data: string;
  /** Resolves, with a sentence, when something without which nothing works was given up: stop this broker then. */
  readonly failed: Promise<string>;
  readonly #parts: Parts;
  #stopped: Promise<void> | undefined;

  /** Use {@linkcode startBroker}. */
  constructor(parts: Parts, advertised: Endpoint) {
    this.#parts = parts;
    this.id = parts.node.system.node;
    this.clusterId = parts.store.meta.clusterId;
    this.advertised = advertised;
    this.nodeEndpoint = parts.door.endpoint;
    this.data = parts.store.root;
    this.failed = new Promise((resolve) =>
      parts.node.failed((sentence) => this.#stopped === undefined && resolve(sentence))
    );
  }

  /** `host:port`, as Kafka clients want it. */
  get bootstrap(): string {
    return `${this.advertised.host}:${this.advertised.port}`;
  }

  /** The console's port, or undefined when there is none. */
  get httpPort(): number | undefined {
    return this.#parts.console?.port;
  }

  /** The actors of this broker. */
  get system(): System {
    return this.#parts.node.system;
  }

  /** What clients in this process connect to. */
  get local(): LocalBroker {
    const { node, sockets } = this.#parts;
    return { system: node.system, broker: node.broker, sockets };
  }

  /** Every actor there is, with its state and its counters. */
  actors(): ActorInfo[] {
    return this.system.actors();
  }

  /** The first half of a clean stop: leadership is handed over while it goes on serving. */
  drain(): Promise<void> {
    return new Promise((resolve) => this.#parts.node.drain(DRAIN_TIMEOUT_MS, resolve));
  }

  /** Stops cleanly: leadership handed over, no new requests, logs flushed and closed, folder unlocked. */
  stop(): Promise<void> {
    return this.#stopped ??= stop(this.#parts, DRAIN_TIMEOUT_MS);
  }

  /** Ends it as if its process had died: nothing is handed over, closed or answered. */
  kill(): Promise<void> {
    return this.#stopped ??= kill(this.#parts);
  }

  /** Holds it up as a whole, as if its process stood still, until {@linkcode resume}. */
  pause(): void {
    this.#parts.node.pause();
  }

  /** Ends a pause. */
  resume(): void {
    this.#parts.node.resume();
  }
}

/**
 * Starts one broker and resolves when it serves. In a cluster that is not before more than half of the voters run.
 *
 * @throws {Error} with one sentence when an option, the data folder or a port cannot be used
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const { id = 1, voters = [] } = options;
  const problem = voters.length === 0 ? undefined : votersProblem(voters);
  if (problem !== undefined) throw new Error(problem);
  return await startBrokerOn({
    disk: options.dir === undefined ? new MemoryDisk() : new FileDisk(options.dir),
    voterIds: voters.length === 0 ? [id] : voters.map((voter) => voter.id),
    openDoor: (node) => openDoor(options, node),
  }, options);
}

/** Starts one broker on a ground that is not its own: within a cluster of one process. */
export async function startBrokerOn(ground: Ground, options: BrokerOptions): Promise<RunningBroker> {
  const { id = 1, config = {} } = options;
  checkBrokerProperties(config);
  const env = realEnv();
  const buffers = new BufferPool(POOLED_BYTES);
  const store = new DiskLogStore(ground.disk, { nodeId: id, clusterId: null, random: env.random, buffers });
  const opened: Opened = { store };
  try {
    return await assemble(ground, options, env, buffers, opened);
  } catch (error) {
    await callOff(opened);
    throw error;
  }
}

interface Parts {
  readonly store: DiskLogStore;
  readonly listener: Listener;
  /** Connections of clients in this process. */
  readonly sockets: LocalSockets;
  readonly door: Door;
  readonly node: Node;
  readonly console: ConsoleServer | undefined;
}

/** What has been opened so far. */
type Opened = { store: DiskLogStore } & { -readonly [Part in keyof Parts]?: Parts[Part] };

async function assemble(
  ground: Ground,
  options: BrokerOptions,
  env: Env,
  buffers: BufferPool,
  opened: Opened,
): Promise<RunningBroker> {
  const { id = 1, host = "127.0.0.1", port = 0, config = {}, log = () => {} } = options;
  const { store } = opened;
  const startedMs = env.clock.monotonic();
  const metrics = new RequestMetrics();
  const refused = (remote: string, reason: string) => {
    metrics.refused();
    log(`Closed the connection from ${remote}: ${reason}.`);
  };
  const given = { brokerId: id, properties: config };
  const listener = opened.listener = bind({
    hostname: host,
    port,
    requestMaxBytes: brokerInt(given, "socket.request.max.bytes"),
    connectionsMax: brokerInt(given, "max.connections"),
    memory: new MemoryBudget(CONNECTIONS_MEMORY_BYTES, env.clock),
    buffers,
    clock: env.clock,
    refused,
  });
  const sockets = new LocalSockets();
  const incarnationId = randomUuid(env.random.bytes(16));
  const door = opened.door = ground.openDoor({ env, incarnationId, clusterId: () => store.meta.clusterId });
  const advertised = options.advertised ?? { host, port: listener.port };
  const node = opened.node = startNode({
    nodeId: id,
    voters: ground.voterIds,
    env,
    transport: door.transport,
    store,
    incarnationId,
    advertised,
    nodeEndpoint: door.endpoint,
    rack: options.rack ?? null,
    properties: config,
    report: log,
    socket: (number) => listener.socket(number) ?? sockets.socket(number),
    observe: (served) => metrics.observe(served),
    refused,
  });
  const source = new BrokerConsole({ node, listener, metrics, env, startedMs });
  const console = opened.console = await openConsole(options, host, source);
  await untilReady(node, { voterIds: ground.voterIds, clock: env.clock, log, signal: options.signal });
  listener.accept(node.system, node.broker);
  return new RunningBroker({ store, listener, sockets, door, node, console }, advertised);
}

async function stop({ node, console, listener, sockets, door }: Parts, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => node.drain(timeoutMs, resolve));
  await console?.close();
  sockets.close();
  await listener.close();
  try {
    await new Promise<void>((resolve, reject) =>
      node.shutDown(timeoutMs, (result) => result.ok ? resolve() : reject(result.error))
    );
  } finally {
    await door.close();
  }
}

async function kill({ node, console, listener, door }: Parts): Promise<void> {
  node.halt();
  await Promise.all([door.close(), listener.halt(), console?.close()]);
}

/** Takes back what was opened of a broker that did not come up. */
async function callOff({ store, node, listener, door, console }: Opened): Promise<void> {
  await console?.close();
  await listener?.close();
  if (node === undefined) store.close(false);
  else await new Promise<void>((resolve) => node.shutDown(CALL_OFF_TIMEOUT_MS, () => resolve()));
  await door?.close();
}

function bind(options: ConstructorParameters<typeof Listener>[0]): Listener {
  try {
    return new Listener(options);
  } catch (error) {
    throw new Error(bindProblem(options.hostname, options.port, error), { cause: error });
  }
}

/** Loaded only when it is wanted: a broker inside a test has no console. */
async function openConsole(
  options: BrokerOptions,
  host: string,
  source: BrokerConsole,
): Promise<ConsoleServer | undefined> {
  if (options.httpPort === undefined) return undefined;
  const { serveConsole } = await import("../console/server.ts");
  try {
    return serveConsole(host, options.httpPort, source);
  } catch (error) {
    throw new Error(bindProblem(host, options.httpPort, error), { cause: error });
  }
}
