/**
 * The consumers of one program, or of one cluster within a process: actors of a system of their own.
 *
 * @module
 */
import { refOf } from "../actors/address.ts";
import { consumer } from "../actors/consumer/consumer.ts";
import type { Network, NodeAddress } from "../actors/consumer/network.ts";
import { CONSUMER, type ConsumerConfig } from "../actors/consumer/protocol.ts";
import { ActorSystem } from "../actors/system.ts";
import type { Env } from "../lib/env.ts";
import { Consumer } from "./consumer.ts";
import { MEMBERSHIPS } from "./memberships.ts";
import { configOf, type ConsumerOptions } from "./options.ts";
import { ConsumerError } from "./records.ts";

/** What consumers stand on. */
export interface ConsumersGround {
  readonly env: Env;
  /** Brokers to begin with, at this moment. */
  bootstrap(): readonly NodeAddress[];
  openNetwork(): Network;
  /** Told of consumers that crashed. */
  readonly report: (line: string) => void;
  /** What configs are here unless somebody says otherwise, instead of Kafka's defaults. */
  readonly defaults?: Partial<ConsumerConfig>;
}

/** Node id of clients: no broker has it. */
const CLIENT_NODE = 0;

/** Consumers, and the system that they live in. */
export class Consumers {
  readonly system: ActorSystem;
  readonly #ground: ConsumersGround;
  readonly #open = new Set<Consumer>();
  #count = 0;
  #isOver = false;

  constructor(ground: ConsumersGround) {
    this.#ground = ground;
    this.system = new ActorSystem({
      node: CLIENT_NODE,
      env: ground.env,
      crashed: (ref, reason) => ground.report(`${ref} crashed: ${reason}`),
    });
    this.system.register(consumer({ openNetwork: () => ground.openNetwork(), memberships: MEMBERSHIPS }));
  }

  /**
   * Starts a consumer; what it is to read it begins with at once.
   *
   * @throws {RangeError} when there is no such option, one can never be right, they do not go together, or the name is taken
   * @throws {ConsumerError} INVALID_REQUEST when all have been closed
   */
  open(options: ConsumerOptions): Consumer {
    if (this.#isOver) throw new ConsumerError("INVALID_REQUEST", "What consumers are opened with here is closed.");
    const config = configOf(options, this.#ground.defaults);
    const { topics, pattern, partitions, name, assigned, revoked, lost } = options;
    const called = name ?? `${config.groupId ?? "reader"}-${++this.#count}`;
    const taken = refOf<unknown>(this.system.node, CONSUMER.kind, called);
    if (this.system.actors().some(({ ref, state }) => ref === taken && state !== "stopped")) {
      throw new RangeError(`There is a consumer "${called}" already: close it first, or take another name.`);
    }
    const ref = this.system.spawn(CONSUMER, called, { bootstrap: this.#ground.bootstrap(), config });
    const { clock } = this.#ground.env;
    const opened: Consumer = new Consumer({
      system: this.system,
      ref,
      enableAutoCommit: config.enableAutoCommit && config.groupId !== null,
      listener: { assigned, revoked, lost },
      after: (delayMs, task) => clock.after(delayMs, task),
      delivery: config.delivery,
      maxPollIntervalMs: config.maxPollIntervalMs,
      requestTimeoutMs: config.requestTimeoutMs,
      groupProtocol: config.groupProtocol,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      now: () => clock.monotonic(),
      ended: () => this.#open.delete(opened),
    });
    this.#open.add(opened);
    if (partitions !== undefined) this.system.tell(ref, "assign", partitions);
    else if (pattern !== undefined) this.system.tell(ref, "subscribe", { pattern });
    else if (topics !== undefined) this.system.tell(ref, "subscribe", { topics });
    return opened;
  }

  /** Closes all consumers, and the system under them. */
  async close(timeoutMs: number): Promise<void> {
    this.#isOver = true;
    for (const { ref, state } of this.system.actors()) if (state === "paused") this.system.resume(ref); // or it could not
    await Promise.all([...this.#open].map((one) => one.close({ timeoutMs })));
    await this.system.shutdown();
  }
}
