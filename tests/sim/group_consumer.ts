/**
 * A member of a group as applications have it: the production consumer actor, in a process of its own that can stand still and die.
 *
 *     subscribe ─▶ poll ─▶ (handle) ─▶ poll … ─▶ closed in good order, or gone
 *
 * What it is given goes into the history, and what it uses into the {@linkcode GroupUsage}.
 *
 * @module
 */
import { CONSUMER_DEFAULTS } from "../../actors/consumer/config.ts";
import { consumer } from "../../actors/consumer/consumer.ts";
import {
  type ConsumedRecord,
  CONSUMER,
  type ConsumerConfig,
  type ConsumerRef,
} from "../../actors/consumer/protocol.ts";
import type { AssignedPartition } from "../../actors/consumer/assigned_partition.ts";
import { keyOf } from "../../actors/consumer/values.ts";
import type { Consumer } from "../../actors/consumer/state.ts";
import { ActorSystem } from "../../actors/system.ts";
import { MEMBERSHIPS } from "../../client/memberships.ts";
import type { Random } from "../../lib/prng.ts";
import { Gate } from "../../server/gate.ts";
import type { PartitionUser } from "./group_usage.ts";
import type { Read } from "./history.ts";
import { advertised } from "./machine.ts";
import { type Answered, SimulatedClientNetwork } from "./network.ts";
import type { Scene } from "./scene.ts";

/** How an application reads. */
export interface ConsumerPlan extends Partial<ConsumerConfig> {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** In place of the topics. */
  readonly pattern: string | null;
  /** Whether it commits by hand after each poll. */
  readonly commitsByHand: boolean;
}

/** Node ids of clients; brokers have small ones. */
const FIRST_NODE = 1_000;
const POLL_MS = 400;
const RECORDS_MAX = 50;
const CLOSE_MS = 2_000;

const text = new TextDecoder();

/** A process with one consumer. */
export class GroupConsumer {
  readonly name: string;
  readonly #scene: Scene;
  readonly #plan: ConsumerPlan;
  readonly #gate: Gate;
  readonly #system: ActorSystem;
  readonly #ref: ConsumerRef;
  readonly #random: Random;
  readonly #process: number;
  readonly #user: PartitionUser;
  #used: readonly string[] = [];
  #seen: readonly AssignedPartition[] = [];
  /** What the server last said that it is to have; undefined where it says nothing of the kind. */
  #target: ReadonlySet<string> | undefined;
  /** Keys of which it reads the first records since it has them. */
  readonly #fresh = new Set<string>();
  #isOver = false;
  #isStill = false;
  #isClosing = false;

  constructor(scene: Scene, name: string, plan: ConsumerPlan, random: Random) {
    this.name = name;
    this.#scene = scene;
    this.#plan = plan;
    this.#random = random;
    this.#process = scene.nextProcess();
    const config = { ...CONSUMER_DEFAULTS, ...plan, clientId: name };
    const { groupId, groupInstanceId: instanceId, sessionTimeoutMs, maxPollIntervalMs } = config;
    const patienceMs = Math.min(sessionTimeoutMs, maxPollIntervalMs);
    this.#user = { name, groupId, instanceId, patienceMs, isUsing: (key) => this.#isUsing(key) };
    const { env } = scene.world;
    this.#gate = new Gate({ ...env, clock: env.clock, scheduler: env.scheduler, random: random.split("env") });
    this.#system = new ActorSystem({
      node: FIRST_NODE + this.#process,
      env: this.#gate.env,
      trace: scene.world.trace.actor,
      crashed: (ref, reason) => this.#isOver || scene.problem(`${ref} (${name}) crashed: ${reason}`),
    });
    const openNetwork = () =>
      new SimulatedClientNetwork(scene.world, this.#gate.env, (answered) => this.#heard(answered));
    this.#system.register(consumer({ openNetwork, memberships: MEMBERSHIPS }));
    const bootstrap = scene.world.machines.map(({ id }) => advertised(id));
    this.#ref = this.#system.spawn(CONSUMER, name, { bootstrap, config });
    this.#system.tell(
      this.#ref,
      "subscribe",
      plan.pattern === null ? { topics: plan.topics } : { pattern: plan.pattern },
    );
    this.#poll();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Partitions that it uses, as it was last looked at. */
  get uses(): readonly string[] {
    return this.#used;
  }

  /** Looks at what it uses. */
  look(): void {
    if (this.#isOver) return;
    const state = this.#state;
    const now = state === undefined ? [] : [...state.partitions.values()].filter(({ isUsable }) => isUsable);
    if (now.length === this.#seen.length && now.every((partition, at) => this.#seen[at] === partition)) return;
    for (const partition of now) if (!this.#seen.includes(partition)) this.#fresh.add(keyOf(partition));
    this.#seen = now;
    this.#used = now.map(keyOf);
    this.#scene.count("consumer rebalances");
    this.#scene.usage.use(this.#user, this.#used, state?.membership?.epoch ?? -1, this.#scene.world.now());
  }

  /** It stands still. */
  pause(forMs: number): void {
    if (this.#isOver) return;
    this.#gate.pause();
    this.#isStill = true;
    const { clock } = this.#scene.world.env;
    clock.after(forMs, () => this.#isOver || this.#gate.resume());
    clock.after(forMs + 1, () => this.#isStill = false); // when it has looked what time it is
  }

  get #state(): Consumer | undefined {
    return this.#system.stateOf(this.#ref) as Consumer | undefined;
  }

  #isUsing(key: string): boolean {
    return !this.#isOver && !this.#isStill && this.#state?.partitions.get(key)?.isUsable === true;
  }

  /** It is gone without a word. */
  vanish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#gate.wallUp();
    this.#system.halt();
    this.#scene.usage.drop(this.#user);
  }

  /** It says that it goes; and then it is gone. */
  leave(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    this.#system.askThen(this.#ref, "close", { timeoutMs: CLOSE_MS }, () => this.vanish(), 2 * CLOSE_MS);
  }

  #poll(): void {
    if (this.#isOver || this.#isClosing) return;
    const { world, history } = this.#scene;
    const pending = history.invoke(this.#process, { f: "poll" }, world.now());
    const request = { maxRecords: 1 + this.#random.below(RECORDS_MAX), timeoutMs: POLL_MS };
    this.#system.askThen(this.#ref, "poll", request, (answer) => {
      if (this.#isOver) return;
      if (!answer.ok) {
        pending.fail(world.now());
        return this.#scene.problem(`${this.name} cannot be asked for records: it is ${answer.failure}`);
      }
      this.look();
      const { error, message, records } = answer.value;
      if (error !== "NONE") this.#scene.count(`poll ${error}`);
      if (FATAL.has(error)) this.#scene.problem(`${this.name} cannot go on: ${error} (${message})`);
      if (error === "FENCED_INSTANCE_ID") return this.vanish();
      const reads = this.#take(records);
      const { trimmed } = this.#scene;
      const rebalanced = Object.keys(reads).filter((key) => this.#fresh.delete(key) || trimmed.has(key));
      pending.ok(world.now(), { reads, rebalanced });
      this.#next();
    }, POLL_MS + 10_000);
  }

  #next(): void {
    const { commitsByHand } = this.#plan;
    // Somebody who handles records takes his time.
    this.#gate.env.clock.after(1 + this.#random.below(60), () => {
      if (this.#isOver || this.#isClosing) return;
      if (!commitsByHand || this.#random.chance(1, 2)) return this.#poll();
      this.#system.askThen(this.#ref, "commit", { offsets: null }, (answer) => {
        if (answer.ok) this.#scene.count(`consumer commit ${answer.value.error}`);
        this.#poll();
      }, 20_000);
    });
  }

  #take(records: readonly ConsumedRecord[]): Record<string, Read> {
    const reads: Record<string, [number, number][]> = {};
    for (const { topic, partition, offset, value } of records) {
      const key = `${topic}-${partition}`;
      (reads[key] ??= []).push([offset, Number.parseInt(text.decode(value!), 10)]);
      if (!this.#used.includes(key)) this.#scene.count("records of partitions just given up");
    }
    this.#scene.count("records consumed", records.length);
    this.#scene.deliveries.gave(this.#plan.groupId, this.name, records);
    return reads;
  }

  #heard({ node, askedMs, assignment }: Answered): void {
    if (this.#isOver) return;
    const { book } = this.#scene;
    if (assignment !== null) {
      this.#target = new Set(
        assignment.flatMap(({ topicId, partitions }) =>
          partitions.map((partition) => `${book.nameOf(topicId)}-${partition}`)
        ),
      );
    }
    this.look();
    // Who has not given up yet what it was told to may be put out, however well it is answered.
    const target = this.#target;
    if (target !== undefined && this.#used.some((key) => !target.has(key))) return;
    if (book.isActing(this.#plan.groupId, node)) this.#scene.usage.heard(this.#user, askedMs);
  }
}

/** Nothing of the kind can come of what the run does. */
const FATAL = new Set<string>([
  "INVALID_REQUEST",
  "INCONSISTENT_GROUP_PROTOCOL",
  "UNSUPPORTED_VERSION",
  "UNKNOWN_SERVER_ERROR",
]);
