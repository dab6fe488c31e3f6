/**
 * A whole broker without sockets, in one thread and on virtual time: controller, broker and replicas on a disk that can fail.
 *
 *     start ──▶ serving ──crash──▶ gone (nothing of it runs any more) ──start──▶ …
 *                  └─────stop────▶ gone, in good order
 *
 * Invariant: after a crash no task, timer or disk callback of that life runs.
 *
 * @module
 */
import type { BrokerArgs, BrokerRef } from "../../actors/broker/protocol.ts";
import { BROKER } from "../../actors/broker/protocol.ts";
import { broker } from "../../actors/broker/broker.ts";
import type { Answer, Message, Ref, Reply, Verb } from "../../actors/actor.ts";
import { refOf } from "../../actors/address.ts";
import { controller } from "../../actors/controller/controller.ts";
import { CONTROLLER, type ControllerRef } from "../../actors/controller/protocol.ts";
import { decodeMetadata, encodeMetadata } from "../../actors/controller/records.ts";
import { REPLICA, type ReplicaRef } from "../../actors/partition/protocol.ts";
import { replica } from "../../actors/partition/replica.ts";
import { ActorSystem } from "../../actors/system.ts";
import type { Trace } from "../../actors/trace.ts";
import type { Env } from "../../lib/env.ts";
import { randomUuid } from "../../lib/uuid.ts";
import type { VirtualEnv } from "../../lib/virtual_clock.ts";
import { METADATA_TOPIC } from "../../protocol/topic_names.ts";
import type { Disk } from "../../storage/disk.ts";
import { LocalJournal } from "../../storage/journal.ts";
import { setAsideStrays } from "../../server/strays.ts";
import { DiskLogStore } from "../../storage/log_store.ts";

const NODE = 1;
/** As Kafka's replica.high.watermark.checkpoint.interval.ms, but so short that it comes between any two failures. */
const CHECKPOINT_INTERVAL_MS = 50;

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
  readonly #properties: Readonly<Record<string, string>>;
  readonly #trace: Trace | undefined;
  #lives = 0;
  #life: { readonly system: ActorSystem; readonly store: DiskLogStore; alive: boolean } | undefined;

  constructor(env: VirtualEnv, disk: Disk, properties: Readonly<Record<string, string>> = {}, trace?: Trace) {
    this.env = env;
    this.#disk = disk;
    this.#properties = properties;
    this.#trace = trace;
  }

  /** The actors of this life. */
  get system(): ActorSystem {
    return this.#life!.system;
  }

  /** Opens the disk and starts the actors, as `server/broker.ts` does; throws what the disk throws. */
  start(): void {
    const life = { alive: true };
    const env = mortal(this.env.fork(`life ${++this.#lives}`), life);
    const store = new DiskLogStore(this.#disk, { nodeId: NODE, random: env.random });
    const system = new ActorSystem({
      node: NODE,
      env,
      openJournal: () => new LocalJournal(store, `${METADATA_TOPIC}-0`, encodeMetadata, decodeMetadata),
      ...(this.#trace === undefined ? {} : { trace: this.#trace }),
    });
    const { clusterId } = store.meta;
    const args: BrokerArgs = {
      brokerId: NODE,
      clusterId,
      incarnationId: randomUuid(env.random.bytes(16)),
      advertised: { host: "simulated", port: 9092 },
      rack: null,
      controller: CONTROLLER_REF,
      properties: this.#properties,
      logDir: store.root,
    };
    system.register(controller({ properties: this.#properties })).register(broker);
    system.register(replica({ logs: store, brokerId: NODE }));
    this.#life = Object.assign(life, { system, store });
    system.spawn(CONTROLLER, "controller", { clusterId });
    system.spawn(BROKER, "broker", args);
    system.askThen(BROKER_REF, "ready", undefined, () => {
      system.askThen(BROKER_REF, "look", undefined, (looked) => looked.ok && setAsideStrays(store, looked.value));
    });
    const checkpoint = () => {
      env.clock.after(CHECKPOINT_INTERVAL_MS, checkpoint);
      try {
        store.checkpoint();
      } catch { /* the disk refuses: as in a real broker, there is a next time */ }
    };
    env.clock.after(CHECKPOINT_INTERVAL_MS, checkpoint);
  }

  /** The process is gone from one instant to the next, its locks and handles with it. What it wrote is up to the disk. */
  crash(): void {
    if (this.#life === undefined) return;
    this.#life.alive = false;
    this.#life.store.close(false);
    this.#life = undefined;
  }

  /** Ends in good order. Throws what the disk throws. */
  stop(): void {
    const { system, store } = this.#life!;
    let stopped = false;
    system.shutdownThen(() => stopped = true);
    while (!stopped) if (!this.env.step()) throw new Error("The broker does not come to an end.");
    store.close(true);
    this.crash();
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

/** An environment whose tasks do not run once its life is over. */
function mortal(env: Env, life: { readonly alive: boolean }): Env {
  const guarded = (task: () => void) => () => {
    if (life.alive) task();
  };
  return {
    clock: {
      now: () => env.clock.now(),
      monotonic: () => env.clock.monotonic(),
      after: (delayMs, task) => env.clock.after(delayMs, guarded(task)),
    },
    scheduler: {
      soon: (task) => env.scheduler.soon(guarded(task)),
      later: (task) => env.scheduler.later(guarded(task)),
    },
    random: env.random,
  };
}
