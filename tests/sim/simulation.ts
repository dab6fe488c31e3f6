/**
 * One seed from its first event to its last.
 *
 *     the cluster forms ─▶ topics are made ─▶ storms and calms, with clients at work ─▶ everything is mended ─▶ all producers have
 *     their answers, every ISR is full ─▶ everything is read from the beginning ─▶ the history is judged
 *
 * @module
 */
import { Admin } from "./admin.ts";
import { AdminBook } from "./admin_book.ts";
import { Consumer } from "./consumer.ts";
import { Deliveries } from "./deliveries.ts";
import { GroupBook } from "./group_book.ts";
import { GroupUsage } from "./group_usage.ts";
import { GroupWork } from "./group_work.ts";
import { brokerOf, newestImage, partitionsOf, unwell } from "./glimpse.ts";
import { checkHistory, History } from "./history.ts";
import { Invariants, uncleanIsOn } from "./invariants.ts";
import { KEYED, KeyedWork } from "./keyed_work.ts";
import { lenses } from "./lens.ts";
import { Producer } from "./producer.ts";
import { RunTrace } from "./run_trace.ts";
import { keysOf, Scene } from "./scene.ts";
import { Storm } from "./storm.ts";
import { drawSwarm, type Swarm, type SwarmLimits } from "./swarm.ts";
import { World } from "./world.ts";

/** How a seed is run. */
export interface RunOptions extends SwarmLimits {
  readonly seed: number | string;
  /** Stop after so many events, whatever they have come to. */
  readonly eventsMax?: number;
  /** Told of every event. */
  readonly line?: (line: string) => void;
  /** Keep so many lines of each node. */
  readonly keep?: number;
}

/** What became of a seed. */
export interface RunResult {
  readonly seed: number | string;
  readonly problems: readonly string[];
  readonly hash: string;
  readonly events: number;
  readonly seconds: number;
  readonly swarm: Swarm;
  readonly counts: Readonly<Record<string, number>>;
  readonly last: ReadonlyMap<string, readonly string[]>;
}

/** How long a cluster may take to form and make its topics, with nothing in its way. */
const FORM_MS = 15_000;
/** How long it may take until all is well, once nothing is in its way. */
const HEAL_MS = 40_000;
/** The same for groups, which have sessions to wait for. */
const GROUPS_HEAL_MS = 60_000;
/** And how long reading everything may take. */
const READ_MS = 20_000;
const LOOK_MS = 50;
/** How often it is looked for partitions that nobody can lead. */
const RESCUE_MS = 3_000;
/** So much does not happen in so short a time. */
const STANDSTILL_STEPS = 100_000;
const STANDSTILL_MS = 100;

/** A run. */
export class Simulation {
  readonly swarm: Swarm;
  readonly world: World;
  readonly scene: Scene;
  readonly invariants: Invariants;
  readonly #options: RunOptions;
  readonly #storm: Storm;
  readonly #admin: Admin;
  readonly #producers: Producer[] = [];
  readonly #consumers: Consumer[] = [];
  readonly #groups: GroupWork;
  readonly #keyed: KeyedWork | undefined;
  #reader: Consumer | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    const swarm = this.swarm = drawSwarm(options.seed, options);
    this.world = new World({
      ...swarm,
      isOrderDrawn: swarm.features.has("order"),
      trace: (now) => new RunTrace({ now, ...options, hear: (event) => this.invariants.hear(event) }),
      failed: (machine, sentence) => {
        this.scene.count("nodes given up");
        this.world.trace.note(`node ${machine.id}`, "failed", 0, () => sentence);
        this.#storm.limits.forceProcess(machine);
        machine.kill();
        this.#storm.restart(machine, 500);
      },
    });
    this.scene = new Scene(this.world, new History());
    this.invariants = new Invariants({
      nodes: lenses(this.world.nodes()),
      voters: swarm.voters,
      minInsyncReplicas: Number(swarm.properties["min.insync.replicas"] ?? 1),
      mayElectUnclean: (topic, was, now, image) =>
        !this.#storm.limits.isDurable(`${topic.name}-${was.partition}`) || uncleanIsOn(topic, was, now, image),
    });
    const { groups } = this.invariants;
    const tell = (sentence: string) => this.scene.problem(sentence);
    const offsetRules = {
      isPassing: (topic: string) => topic.startsWith("passing-"),
      mayGo: swarm.features.has("group-admin"),
    };
    this.scene.book = new GroupBook(groups, offsetRules, tell);
    this.scene.usage = new GroupUsage((groupId) => this.scene.book.isLossy(groupId), tell);
    this.scene.deliveries = new Deliveries(swarm.groups.filter(({ kind }) => kind === "consumers"), {
      isDurable: (key) => this.#storm.limits.isDurable(key),
      trimmed: this.scene.trimmed,
      isLossy: (groupId) => this.scene.book.isLossy(groupId),
      tell,
    });
    this.scene.book.hear = (record) => this.scene.deliveries.committed(record);
    const { topics, nodes, adminTasks, random } = swarm;
    this.#groups = new GroupWork(this.scene, swarm.groups, groups, random.split("group work"));
    if (swarm.keyed !== undefined) this.#keyed = new KeyedWork(this.scene, swarm.keyed, random.split("keyed"));
    const forgive = ({ id }: { readonly id: number }) => {
      this.invariants.settle(); // it must have seen the end of the process first
      this.invariants.forgive(id);
    };
    this.#storm = new Storm(this.scene, swarm, () => this.#clients(), forgive);
    this.scene.adminBook = this.#newAdminBook();
    const plan = { topics, nodes, tasks: adminTasks, everyMs: 2_000, isImpatient: swarm.features.has("impatient") };
    this.#admin = new Admin(this.scene, plan, this.scene.adminBook, random.split("admin"));
  }

  #newAdminBook(): AdminBook {
    const { world, invariants } = this;
    return new AdminBook({
      images: () => invariants.images,
      isBehind: () => (newestImage(world)?.offset ?? 0) > invariants.image.offset,
      brokers: () =>
        world.machines.flatMap((machine) => {
          const life = brokerOf(machine);
          return life?.isReady ? [{ id: machine.id, life, offset: life.image.offset }] : [];
        }),
      mayComeTwice: this.swarm.features.has("duplication"),
      tell: (sentence) => this.scene.problem(sentence),
    });
  }

  /** Runs it to its end, or to the first problem. */
  run(): RunResult {
    try {
      this.#form() && this.#weather() && this.#heal() && this.#readAll() && this.#judge();
    } catch (error) {
      this.scene.problem(`${error instanceof Error ? error.stack ?? error.message : error}`);
    }
    const { world, scene, swarm } = this;
    for (const machine of world.machines) if (machine.isUp) machine.kill();
    for (const problem of scene.problems) world.trace.hash.text(problem);
    return {
      seed: swarm.seed,
      problems: scene.problems,
      hash: world.trace.hash.hex(),
      events: world.trace.events,
      seconds: world.now() / 1_000,
      swarm,
      counts: scene.counters.toRecord(),
      last: world.trace.last(),
    };
  }

  #form(): boolean {
    for (const machine of this.world.machines) {
      this.world.env.clock.after(this.swarm.random.split(`start ${machine.id}`).below(500), () => {
        if (!machine.start()) this.scene.problem(`node ${machine.id} does not start: ${machine.reports.at(-1)}`);
      });
    }
    const isServing = () => this.world.machines.every(({ accepting }) => accepting);
    if (!this.#until(FORM_MS, isServing, "the cluster does not form", () => unwell(this.world))) return false;
    this.#admin.begin();
    const isReady = () => this.#admin.isReady;
    return this.#until(FORM_MS, isReady, "the topics cannot be made", () => unwell(this.world));
  }

  #weather(): boolean {
    const { random, producers, consumers, topics, stormMs } = this.swarm;
    const keys = topics.flatMap(keysOf);
    const { isDurable } = this.#storm.limits;
    producers.forEach((plan, index) => {
      const own = random.split(`producer ${index}`);
      const mine = keys.filter(() => own.chance(2, 3));
      const lanes = mine.length === 0 ? keys : mine;
      this.#producers.push(new Producer(this.scene, `producer-${index}`, { ...plan, keys: lanes, isDurable }, own));
    });
    for (let index = 0; index < consumers; index++) this.#consume(index, 0);
    this.#groups.begin({ withAdmin: this.swarm.features.has("group-admin") });
    this.#keyed?.begin();
    this.#storm.begin();
    const endMs = this.world.now() + stormMs;
    return this.#runWhile(() => this.world.now() < endMs);
  }

  /** One consumer after another in the same place. */
  #consume(index: number, life: number, before?: Consumer): void {
    if (this.scene.isEnding) return;
    const { random, topics, features } = this.swarm;
    const own = random.split(`consumer ${index} ${life}`);
    const keys = topics.flatMap(keysOf).filter(() => own.chance(3, 4));
    const plan = {
      keys: keys.length === 0 ? topics.flatMap(keysOf) : keys,
      everyMs: own.pick([20, 100, 300]),
      sessions: features.has("sessions"),
      byId: features.has("by-id"),
      from: life === 0 || own.chance(1, 2) ? "earliest" : "latest",
      isDurable: this.#storm.limits.isDurable,
    } as const;
    const consumer = new Consumer(this.scene, `consumer-${index}`, plan, own, before?.process);
    this.#consumers[index] = consumer;
    if (!features.has("consumers")) return;
    this.world.env.clock.after(5_000 + own.below(20_000), () => {
      if (this.scene.isEnding) return;
      consumer.close();
      this.scene.count("consumers replaced");
      this.#consume(index, life + 1, consumer);
    });
  }

  #heal(): boolean {
    this.scene.isEnding = true;
    this.world.trace.note("run", "mend everything");
    this.#storm.end();
    let nextLookMs = 0;
    let isWell = false;
    this.#rescue();
    const wants = () => [...unwell(this.world), ...this.#producers.filter(({ isIdle }) => !isIdle).map(String)];
    const look = () => {
      if (this.world.now() < nextLookMs) return isWell;
      nextLookMs = this.world.now() + LOOK_MS;
      return isWell = wants().length === 0;
    };
    const began = this.world.now();
    const healed = this.#until(HEAL_MS, look, "not all is well", wants);
    this.scene.count("ms to heal", Math.round(this.world.now() - began));
    return healed && this.#calmGroups();
  }

  /** Everything is shared out, coordinators know what is committed, and logs that were cleaned have it. */
  #calmGroups(): boolean {
    const { groups } = this.invariants;
    if (this.swarm.groups.length === 0) return true;
    let nextLookMs = 0;
    let isCalm = false;
    this.#groups.finish();
    const wants =
      () => [...this.#groups.unrest((key) => this.invariants.endOf(key)), ...this.invariants.unrestOfGroups()];
    const look = () => {
      if (this.world.now() < nextLookMs) return isCalm;
      nextLookMs = this.world.now() + LOOK_MS * 5;
      return isCalm = wants().length === 0;
    };
    if (!this.#until(GROUPS_HEAL_MS, look, "the groups do not come to rest", wants)) return false;
    this.#groups.ask();
    const endMs = this.world.now() + 2_000;
    if (!this.#runWhile(() => this.world.now() < endMs)) return false;
    this.#groups.end();
    for (const [name, count] of Object.entries(groups.counts)) this.scene.count(`groups: ${name}`, count);
    return true;
  }

  /** Of what is given up, an operator takes what there is. */
  #rescue(): void {
    const image = newestImage(this.world);
    for (const { topic, partition } of image === undefined ? [] : partitionsOf(image)) {
      const key = `${topic}-${partition.partition}`;
      if (partition.leader >= 0 || this.#storm.limits.isDurable(key)) continue;
      this.scene.count("rescued");
      this.#admin.electUnclean(topic, partition.partition);
    }
    this.world.env.clock.after(RESCUE_MS, () => this.#reader === undefined && this.#rescue());
  }

  #readAll(): boolean {
    for (const consumer of this.#consumers) consumer.close();
    const keys = this.swarm.topics.flatMap(keysOf);
    const plan = {
      keys,
      everyMs: 5,
      sessions: false,
      byId: false,
      from: "earliest",
      isDurable: this.#storm.limits.isDurable,
    } as const;
    const reader = this.#reader = new Consumer(this.scene, "reader", plan, this.swarm.random.split("reader"));
    const image = newestImage(this.world)!;
    const ends = new Map<string, number>();
    for (const key of keys) ends.set(key, this.#highWatermark(key, image.topics));
    const missing = () => keys.filter((key) => reader.offset(key) < ends.get(key)!);
    const why = () => missing().map((key) => `${key} was read to ${reader.offset(key)} of ${ends.get(key)}`);
    const isKeyedRead = () => this.#keyed?.isRead(this.invariants.endOf(KEYED)) ?? true;
    this.#admin.lookEverywhere();
    const isRead = () => missing().length === 0 && isKeyedRead() && !this.#admin.isLooking;
    return this.#until(READ_MS, isRead, "not everything can be read", why);
  }

  /** As the leader knows it. */
  #highWatermark(key: string, topics: NonNullable<ReturnType<typeof newestImage>>["topics"]): number {
    const at = key.lastIndexOf("-");
    const { leader } = topics.get(key.slice(0, at))!.partitions[Number(key.slice(at + 1))]!;
    let highWatermark = -1;
    const ref = `${leader}/replica/${key}`;
    this.world.machine(leader)?.system?.askThen(ref as never, "describe" as never, undefined as never, (answer) => {
      if (answer.ok) highWatermark = (answer.value as { highWatermark: number }).highWatermark;
    });
    const endMs = this.world.now() + 1_000;
    this.#runWhile(() => highWatermark < 0 && this.world.now() < endMs);
    return highWatermark;
  }

  #judge(): boolean {
    const { scene, swarm } = this;
    for (const problem of this.#admin.check(newestImage(this.world)!)) scene.problem(problem);
    for (const problem of this.#keyed?.judge(lenses(this.world.nodes())) ?? []) scene.problem(problem);
    this.#keyed?.end();
    for (const { ledger } of this.invariants.partitions) scene.count("cleanings", ledger.cleanings);
    const lossyKeys = new Set(swarm.topics.flatMap(keysOf).filter((key) => !this.#storm.limits.isDurable(key)));
    for (const { message } of checkHistory(scene.history, { lossyKeys, startOffsets: scene.trimmed })) {
      scene.problem(message);
    }
    const acknowledged = scene.counters.get("batches acknowledged");
    // A storm that never was calm may hardly leave two nodes up at once: then it is enough that something was done at all.
    const least = scene.counters.get("calm times") > 0 ? swarm.stormMs / 5_000 : 1;
    if (acknowledged < least) {
      scene.problem(`only ${acknowledged} batches were acknowledged in ${swarm.stormMs} ms`);
    }
    return scene.problems.length === 0;
  }

  #clients() {
    const readers = [...this.#consumers, ...(this.#reader === undefined ? [] : [this.#reader])];
    return [...this.#admin.clients, ...[...this.#producers, ...readers].map(({ client }) => client)];
  }

  /** Lets time pass until `isDone`; a problem when that takes too long. */
  #until(withinMs: number, isDone: () => boolean, problem: string, why: () => readonly string[]): boolean {
    const endMs = this.world.now() + withinMs;
    if (!this.#runWhile(() => !isDone() && this.world.now() < endMs)) return false;
    if (isDone()) return true;
    this.scene.problem(`${problem} within ${withinMs} ms: ${why().join("; ")}`);
    return false;
  }

  /** Lets time pass. False when the run has come to an end. */
  #runWhile(goesOn: () => boolean): boolean {
    const { world, scene, invariants } = this;
    const eventsMax = this.#options.eventsMax ?? Infinity;
    let atMs = world.now();
    let stepsThere = 0;
    while (goesOn()) {
      if (!world.step()) throw new Error("There is nothing left to do.");
      invariants.settle();
      this.#groups.look();
      this.#keyed?.look();
      for (const problem of invariants.problems) scene.problem(problem);
      if (world.now() - atMs > STANDSTILL_MS) {
        atMs = world.now();
        stepsThere = 0;
      } else if (++stepsThere > STANDSTILL_STEPS) {
        throw new Error(`${STANDSTILL_STEPS} steps within ${STANDSTILL_MS} ms: somebody runs in a circle.`);
      }
      if (scene.problems.length > 0) return false;
      if (world.trace.events > eventsMax) return false;
    }
    return true;
  }
}

/** Runs one seed. */
export function simulate(options: RunOptions): RunResult {
  return new Simulation(options).run();
}
