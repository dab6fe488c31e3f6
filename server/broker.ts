/**
 * One broker put together: a disk, an actor system, the controller, the broker, its listener and its console.
 *
 *     options ──▶ data folder locked ──▶ port bound ──▶ actors started ──▶ registered ──▶ accepting ──▶ ready
 *
 * Invariant: what can be wrong with the options, the folder or the port is found before anything is written to the folder
 * or told to a client.
 *
 * @module
 */
import type { ActorInfo, ActorSystem as System } from "../actors/system.ts";
import { ActorSystem } from "../actors/system.ts";
import { broker as brokerActor } from "../actors/broker/broker.ts";
import { connection } from "../actors/broker/connection.ts";
import { servedApis } from "../actors/broker/api/served.ts";
import type { BrokerArgs, BrokerRef } from "../actors/broker/protocol.ts";
import { BROKER, CONNECTION } from "../actors/broker/protocol.ts";
import { controller } from "../actors/controller/controller.ts";
import { CONTROLLER, type ControllerRef, type Endpoint } from "../actors/controller/protocol.ts";
import { decodeMetadata, encodeMetadata } from "../actors/controller/records.ts";
import { replica } from "../actors/partition/replica.ts";
import { brokerInt, checkBrokerProperties } from "../actors/broker/broker_configs.ts";
import { BufferPool } from "../lib/buffer_pool.ts";
import { randomUuid } from "../lib/uuid.ts";
import { METADATA_TOPIC } from "../protocol/topic_names.ts";
import { FileDisk } from "../storage/file_disk.ts";
import { DiskLogStore } from "../storage/log_store.ts";
import { LocalJournal } from "../storage/journal.ts";
import { MemoryDisk } from "../storage/memory_disk.ts";
import type { ConsoleServer } from "../console/server.ts";
import type { Env } from "../lib/env.ts";
import { BrokerConsole } from "./console_source.ts";
import { realEnv } from "./env.ts";
import { Listener } from "./listener.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { RequestMetrics } from "./metrics.ts";
import { setAsideStrays } from "./strays.ts";

/** How a broker is to be started. */
export interface BrokerOptions {
  /** Broker id, from 0. Default 1. */
  readonly id?: number;
  /** Address to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** Kafka port to bind; 0 takes any free one. Default 0. */
  readonly port?: number;
  /** What clients are told to connect to. Default: the address bound. */
  readonly advertised?: Endpoint;
  /** Data folder. Default: in memory, gone when the broker stops. */
  readonly dir?: string;
  readonly rack?: string;
  /** Port of the console; 0 takes any free one. Default: no console. */
  readonly httpPort?: number;
  /** Kafka's broker configs by name. */
  readonly config?: Readonly<Record<string, string>>;
  /** Told of what an operator would want to know, a line at a time. Default: nobody. */
  readonly log?: (line: string) => void;
}

/** What all client connections may hold together: requests not answered, answers not sent. */
const CONNECTIONS_MEMORY_BYTES = 256 << 20;
/** Large buffers that are kept for the next request or read. */
const POOLED_BYTES = 32 << 20;

/** How long a clean stop waits for a broker to come up or go down. */
const READY_TIMEOUT_MS = 60_000;

/** A broker that runs in this process. */
export class RunningBroker {
  readonly id: number;
  readonly clusterId: string;
  /** Where clients reach it. */
  readonly advertised: Endpoint;
  /** The data folder, or "memory". */
  readonly data: string;
  /** Resolves, with a sentence, when an actor without which nothing works was given up: stop this broker then. */
  readonly failed: Promise<string>;
  readonly #system: System;
  readonly #listener: Listener;
  readonly #store: DiskLogStore;
  readonly #console: ConsoleServer | undefined;
  readonly #stopCheckpoints: () => void;
  #stopped: Promise<void> | undefined;

  /** Use {@linkcode startBroker}. */
  constructor(parts: {
    readonly args: BrokerArgs;
    readonly system: System;
    readonly listener: Listener;
    readonly store: DiskLogStore;
    readonly console: ConsoleServer | undefined;
    readonly stopCheckpoints: () => void;
  }) {
    this.id = parts.args.brokerId;
    this.clusterId = parts.args.clusterId;
    this.advertised = parts.args.advertised;
    this.data = parts.args.logDir;
    this.#system = parts.system;
    this.#listener = parts.listener;
    this.#store = parts.store;
    this.#console = parts.console;
    this.#stopCheckpoints = parts.stopCheckpoints;
    this.failed = this.#untilGivenUp([`${this.id}/${BROKER.kind}/broker` as BrokerRef, parts.args.controller]);
  }

  /** `host:port`, as Kafka clients want it. */
  get bootstrap(): string {
    return `${this.advertised.host}:${this.advertised.port}`;
  }

  /** The console's port, or undefined when there is none. */
  get httpPort(): number | undefined {
    return this.#console?.port;
  }

  /** The actors of this broker. */
  get system(): System {
    return this.#system;
  }

  /** Every actor there is, with its state and its counters. */
  actors(): ActorInfo[] {
    return this.#system.actors();
  }

  /** Stops cleanly: no new requests, logs flushed and closed, folder unlocked. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  /** A clean stop does not count. */
  #untilGivenUp(refs: readonly (BrokerRef | ControllerRef)[]): Promise<string> {
    return new Promise((resolve) => {
      for (const ref of refs) {
        this.#system.watch(ref, () => {
          if (this.#stopped !== undefined) return;
          const { lastError = null } = this.actors().find((actor) => actor.ref === ref) ?? {};
          resolve(
            `Broker ${this.id} cannot go on: ${ref} was given up after too many failures. ${lastError ?? ""}`.trim(),
          );
        });
      }
    });
  }

  async #stop(): Promise<void> {
    await this.#console?.close();
    await this.#listener.close();
    this.#stopCheckpoints();
    await this.#system.shutdown();
    this.#store.close(true);
  }
}

/**
 * Starts one broker and resolves when it serves.
 *
 * @throws {Error} with one sentence when an option, the data folder or a port cannot be used
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const env = realEnv();
  const { id = 1, host = "127.0.0.1", config = {}, log = () => {} } = options;
  checkBrokerProperties(config);
  const disk = options.dir === undefined ? new MemoryDisk() : new FileDisk(options.dir);
  const buffers = new BufferPool(POOLED_BYTES);
  const store = new DiskLogStore(disk, { nodeId: id, random: env.random, buffers });
  try {
    return await assemble(options, { env, id, host, config, log, store, buffers });
  } catch (error) {
    store.close(false);
    throw error;
  }
}

/** How often recovery points, log starts and high watermarks are written down. */
const CHECKPOINT_INTERVAL = "replica.high.watermark.checkpoint.interval.ms";

/** Writes the offset checkpoints now and then; a failure is said, and tried again at the next turn. */
function keepCheckpoints(store: DiskLogStore, intervalMs: number, env: Env, log: (line: string) => void): () => void {
  let cancel = () => {};
  const next = () => {
    cancel = env.clock.after(intervalMs, () => {
      try {
        store.checkpoint();
      } catch (error) {
        log(`The offset checkpoints could not be written: ${error instanceof Error ? error.message : String(error)}`);
      }
      next();
    });
  };
  next();
  return () => cancel();
}

interface Setting {
  readonly env: Env;
  readonly id: number;
  readonly host: string;
  readonly config: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
  readonly store: DiskLogStore;
  readonly buffers: BufferPool;
}

async function assemble(options: BrokerOptions, setting: Setting): Promise<RunningBroker> {
  const { env, id, host, config, log, store, buffers } = setting;
  const startedMs = env.clock.monotonic();
  const system = new ActorSystem({
    node: id,
    env,
    openJournal: (kind, name) => openJournal(store, kind, name),
    crashed: (ref, reason) => log(`${ref} crashed: ${reason}`),
  });
  const metrics = new RequestMetrics();
  const brokerRef = `${id}/${BROKER.kind}/broker` as BrokerRef;
  const refused = (remote: string, reason: string) => {
    metrics.refused();
    log(`Closed the connection from ${remote}: ${reason}.`);
  };
  const given = { brokerId: id, properties: config };
  const listener = bind({
    hostname: host,
    port: options.port ?? 0,
    requestMaxBytes: brokerInt(given, "socket.request.max.bytes"),
    connectionsMax: brokerInt(given, "max.connections"),
    system,
    broker: brokerRef,
    memory: new MemoryBudget(CONNECTIONS_MEMORY_BYTES, env.clock),
    buffers,
    clock: env.clock,
    refused,
  });
  try {
    const args: BrokerArgs = {
      brokerId: id,
      clusterId: store.meta.clusterId,
      incarnationId: randomUuid(env.random.bytes(16)),
      advertised: options.advertised ?? { host, port: listener.port },
      rack: options.rack ?? null,
      controller: `${id}/${CONTROLLER.kind}/controller` as ControllerRef,
      properties: config,
      logDir: store.root,
    };
    system.register(controller({ properties: config }));
    system.register(brokerActor);
    system.register(replica({ logs: store, brokerId: id, report: log }));
    const observe = (served: Parameters<RequestMetrics["observe"]>[0]) => metrics.observe(served);
    const handlers = servedApis();
    system.register(connection({ handlers, socket: (socket) => listener.socket(socket), observe, refused }));
    system.spawn(CONTROLLER, "controller", { clusterId: store.meta.clusterId });
    system.spawn(BROKER, "broker", args);
    await untilReady(system, brokerRef, args.controller);
    const looked = await system.ask(brokerRef, "look", undefined);
    const strays = looked.ok ? setAsideStrays(store, looked.value) : undefined;
    if (strays !== undefined) log(strays);
    const source = new BrokerConsole({ system, broker: brokerRef, listener, metrics, env, startedMs });
    const console = await openConsole(options, host, source);
    listener.accept();
    const stopCheckpoints = keepCheckpoints(store, brokerInt(given, CHECKPOINT_INTERVAL), env, log);
    return new RunningBroker({ args, system, listener, store, console, stopCheckpoints });
  } catch (error) {
    await listener.close();
    await system.shutdown();
    throw error;
  }
}

/** Waits until the broker serves. Throws, at once, the reason why it never will: metadata that cannot be read, most likely. */
async function untilReady(system: System, broker: BrokerRef, controller: ControllerRef): Promise<void> {
  const gaveUp = Promise.withResolvers<string>();
  const ends = [broker, controller].map((ref) => system.watch(ref, gaveUp.resolve));
  const ready = await Promise.race([system.ask(broker, "ready", undefined, READY_TIMEOUT_MS), gaveUp.promise]);
  for (const end of ends) end();
  if (typeof ready !== "string" && ready.ok) return;
  const ref = typeof ready === "string" ? ready : controller;
  const { lastError = null } = system.actors().find((actor) => actor.ref === ref) ?? {};
  throw new Error(`Broker ${system.node} did not come up. ${lastError ?? `${ref} gave no answer.`}`);
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

function bindProblem(host: string, port: number, error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return `Port ${port} on ${host} is in use: stop the program that has it, or choose another port.`;
  }
  if (error instanceof Deno.errors.NotCapable) return error.message;
  const reason = error instanceof Error ? error.message : String(error);
  return `Cannot listen on ${host}:${port} (${reason}): choose an address of this machine and a port that may be used.`;
}

function openJournal(store: DiskLogStore, kind: string, name: string): LocalJournal {
  if (kind !== CONTROLLER.kind) throw new Error(`No journal is kept for ${kind} ${name}.`);
  return new LocalJournal(store, `${METADATA_TOPIC}-0`, encodeMetadata, decodeMetadata);
}

/** The kind of the connection actors, for those who look for them in {@linkcode RunningBroker.actors}. */
export const CONNECTION_KIND: string = CONNECTION.kind;
