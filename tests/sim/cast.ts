/**
 * Everybody who takes part in a run, put together from what its seed has drawn: the world, those who work in it, what breaks it, and the
 * books that are kept of what clients were told.
 *
 *     swarm ──▶ world ──events──▶ invariants ──what must hold──▶ books (groups, usage, deliveries, administrators)
 *                 ▲                                                 ▲
 *               storm ──what may be lost────────────────────────────┤
 *                 └─────────── records, groups, keys, administrators┘
 *
 * Invariant: nothing has happened yet when it is put together; everybody begins when told to, and draws from a stream of its own.
 *
 * @module
 */
import { Admin } from "./admin.ts";
import { AdminBook } from "./admin_book.ts";
import type { KafkaClient } from "./client.ts";
import { Deliveries } from "./deliveries.ts";
import { brokerOf, newestImage } from "./glimpse.ts";
import { GroupBook } from "./group_book.ts";
import { GroupUsage } from "./group_usage.ts";
import { GroupWork } from "./group_work.ts";
import { History } from "./history.ts";
import { Invariants, uncleanIsOn } from "./invariants.ts";
import { KeyedWork } from "./keyed_work.ts";
import { lenses } from "./lens.ts";
import type { Machine } from "./machine.ts";
import { RecordWork } from "./record_work.ts";
import { RunTrace } from "./run_trace.ts";
import { Scene } from "./scene.ts";
import { Storm } from "./storm.ts";
import type { Swarm } from "./swarm.ts";
import { World } from "./world.ts";

/** What is to be seen of a run while it goes on. */
export interface TraceOptions {
  /** Told of every event. */
  readonly line?: (line: string) => void;
  /** Keep so many lines of each node. */
  readonly keep?: number;
}

/** Who takes part. */
export class Cast {
  readonly world: World;
  readonly scene: Scene;
  readonly invariants: Invariants;
  readonly storm: Storm;
  readonly records: RecordWork;
  readonly groups: GroupWork;
  readonly keyed: KeyedWork | undefined;
  readonly admin: Admin;

  constructor(readonly swarm: Swarm, options: TraceOptions) {
    this.world = this.#newWorld(options);
    this.scene = new Scene(this.world, new History());
    this.invariants = this.#newInvariants();
    this.#openGroupBooks();
    const { topics, nodes, adminTasks, random } = swarm;
    this.groups = new GroupWork(this.scene, swarm.groups, this.invariants.groups, random.split("group work"));
    this.keyed = swarm.keyed && new KeyedWork(this.scene, swarm.keyed, random.split("keyed"));
    this.records = new RecordWork(this.scene, swarm, (key) => this.storm.limits.isDurable(key));
    this.storm = new Storm(this.scene, swarm, () => this.#clients(), ({ id }) => {
      this.invariants.settle(); // it must have seen the end of the process first
      this.invariants.forgive(id);
    });
    this.scene.adminBook = this.#newAdminBook();
    const plan = { topics, nodes, tasks: adminTasks, everyMs: 2_000, isImpatient: swarm.features.has("impatient") };
    this.admin = new Admin(this.scene, plan, this.scene.adminBook, random.split("admin"));
  }

  #newWorld(options: TraceOptions): World {
    const { swarm } = this;
    return new World({
      ...swarm,
      isOrderDrawn: swarm.features.has("order"),
      trace: (now) => new RunTrace({ now, ...options, hear: (event) => this.invariants.hear(event) }),
      failed: (machine, sentence) => this.#givenUp(machine, sentence),
    });
  }

  /** A node has given itself up: somebody starts it again. */
  #givenUp(machine: Machine, sentence: string): void {
    this.scene.count("nodes given up");
    this.world.trace.note(`node ${machine.id}`, "failed", 0, () => sentence);
    this.storm.limits.forceProcess(machine);
    machine.kill();
    this.storm.restart(machine, 500);
  }

  #newInvariants(): Invariants {
    const { swarm, world } = this;
    return new Invariants({
      nodes: lenses(world.nodes()),
      voters: swarm.voters,
      minInsyncReplicas: Number(swarm.properties["min.insync.replicas"] ?? 1),
      mayElectUnclean: (topic, was, now, image) =>
        !this.storm.limits.isDurable(`${topic.name}-${was.partition}`) || uncleanIsOn(topic, was, now, image),
    });
  }

  #openGroupBooks(): void {
    const { scene, swarm, invariants } = this;
    const tell = (sentence: string) => scene.problem(sentence);
    const offsetRules = {
      isPassing: (topic: string) => topic.startsWith("passing-"),
      mayGo: swarm.features.has("group-admin"),
    };
    scene.book = new GroupBook(invariants.groups, offsetRules, tell);
    scene.usage = new GroupUsage((groupId) => scene.book.isLossy(groupId), !this.swarm.features.has("drift"), tell);
    scene.deliveries = new Deliveries(swarm.groups.filter(({ kind }) => kind === "consumers"), {
      isDurable: (key) => this.storm.limits.isDurable(key),
      trimmed: scene.trimmed,
      isLossy: (groupId) => scene.book.isLossy(groupId),
      tell,
    });
    scene.book.hear = (record) => scene.deliveries.committed(record);
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

  #clients(): readonly KafkaClient[] {
    return [...this.admin.clients, ...this.records.clients];
  }
}
