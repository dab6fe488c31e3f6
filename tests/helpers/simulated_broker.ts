/**
 * A cluster of one node without sockets, in one thread and on virtual time, on a disk that can fail.
 *
 *     start ──▶ serving ──crash──▶ gone (nothing of it runs any more) ──start──▶ …
 *                  └─────stop────▶ gone, in good order
 *
 * Invariant: after a crash no task or timer of that life runs.
 *
 * @module
 */
import type { BrokerRef } from "../../actors/broker/protocol.ts";
import { BROKER } from "../../actors/broker/protocol.ts";
import type { Answer, Message, Ref, Reply, Verb } from "../../actors/actor.ts";
import { refOf } from "../../actors/address.ts";
import { CONTROLLER, type ControllerRef } from "../../actors/controller/protocol.ts";
import { REPLICA, type ReplicaRef } from "../../actors/partition/protocol.ts";
import type { ActorSystem } from "../../actors/system.ts";
import type { Trace } from "../../actors/trace.ts";
import { randomUuid } from "../../lib/uuid.ts";
import type { VirtualEnv } from "../../lib/virtual_clock.ts";
import { type Node, startNode } from "../../server/node.ts";
import type { Disk } from "../../storage/disk.ts";
import { DiskLogStore } from "../../storage/log_store.ts";
import { SimulatedNetwork } from "../../transport/simulated.ts";

const NODE = 1;
/** So short that it comes between any two failures. */
const CHECKPOINT = { "replica.high.watermark.checkpoint.interval.ms": "50" };
/** A node that is alone has nobody to hand anything over to. */
const STOP_MS = 1_000;

/** Where the actors of a simulated broker are. */
export const CONTROLLER_REF: ControllerRef = refOf(NODE, CONTROLLER.kind, "controller");
export const BROKER_REF: BrokerRef = refOf(NODE, BROKER.kind, "broker");

/** The replica of a partition. */
export function replicaRef(topic: string, partition: number): ReplicaRef {
  return refOf(NODE, REPLICA.kind, `${topic}-${partition}`);
}

/** A broker that is started and ended many times. */
export class SimulatedBroker {
  readonly env: VirtualEnv;
  readonly #disk: Disk;
  readonly #network: SimulatedNetwork;
  readonly #properties: Readonly<Record<string, string>>;
  readonly #trace: Trace | undefined;
  #lives = 0;
  #node: Node | undefined;

  constructor(env: VirtualEnv, disk: Disk, properties: Readonly<Record<string, string>> = {}, trace?: Trace) {
    this.env = env;
    this.#disk = disk;
    this.#network = new SimulatedNetwork({ clock: env.clock, random: env.random.split("network") });
    this.#properties = { ...CHECKPOINT, ...properties };
    this.#trace = trace;
  }

  /** The actors of this life. */
  get system(): ActorSystem {
    return this.#node!.system;
  }

  /** Opens the disk and starts the node; throws what the disk throws. */
  start(): void {
    const env = this.env.fork(`life ${++this.#lives}`);
    const store = new DiskLogStore(this.#disk, { nodeId: NODE, clusterId: null, random: env.random });
    const trace = this.#trace;
    this.#node = startNode({
      nodeId: NODE,
      voters: [NODE],
      env,
      transport: this.#network.join(NODE),
      store,
      incarnationId: randomUuid(env.random.split("incarnation").bytes(16)),
      advertised: { host: "simulated", port: 9092 },
      nodeEndpoint: { host: "simulated", port: 9093 },
      rack: null,
      properties: this.#properties,
      report: () => {},
      socket: () => undefined,
      ...(trace === undefined ? {} : { trace }),
    });
  }

  /** The process is gone from one instant to the next, its locks and handles with it. What it wrote is up to the disk. */
  crash(): void {
    this.#node?.halt();
    this.#node = undefined;
    this.#network.kill(NODE);
  }

  /** Ends in good order. Throws what the disk throws. */
  stop(): void {
    let failure: Error | undefined;
    let stopped = false;
    this.#node!.shutDown(STOP_MS, (result) => {
      stopped = true;
      if (!result.ok) failure = result.error;
    });
    while (!stopped) if (!this.env.step()) throw new Error("The broker does not come to an end.");
    this.crash();
    if (failure !== undefined) throw failure;
  }

  /** Asks an actor; nobody is told when this life ends first. */
  ask<P, V extends Verb<P>>(
    ref: Ref<P>,
    verb: V,
    message: Message<P, V>,
    then: (answer: Answer<Reply<P, V>>) => void,
  ): void {
    this.system.askThen(ref, verb, message, then);
  }

  /** Asks an actor and lets time pass until it has answered. */
  demand<P, V extends Verb<P>>(ref: Ref<P>, verb: V, message: Message<P, V>): Answer<Reply<P, V>> {
    let answer: Answer<Reply<P, V>> | undefined;
    this.ask(ref, verb, message, (given) => answer = given);
    while (answer === undefined) if (!this.env.step()) throw new Error(`${ref} never answers ${verb}.`);
    return answer;
  }
}
