/**
 * One simulated machine: a disk, a clock, and the node that lives on it, life after life.
 *
 *     off ──start──▶ up ──pause──▶ standing still ──resume──▶ up
 *      ▲             ├──kill─────────────────── the process is gone, what it wrote is there
 *      └─────────────├──lose power───────────── and what was not synced may be gone or torn
 *                    ├──stop─────────────────── in good order
 *                    └──lose the disk────────── the next life finds an empty folder
 *
 * The clock drifts and, for the time of day, steps; every life sees the clock of its machine.
 *
 * @module
 */
import type { Endpoint } from "../../actors/controller/protocol.ts";
import type { ActorSystem } from "../../actors/system.ts";
import { type Node, startNode } from "../../server/node.ts";
import type { Env } from "../../lib/env.ts";
import type { Random } from "../../lib/prng.ts";
import { randomUuid } from "../../lib/uuid.ts";
import { FaultyDisk } from "../../storage/faulty_disk.ts";
import { DiskLogStore } from "../../storage/log_store.ts";
import type { SimulatedNetwork } from "../../transport/simulated.ts";
import type { RunTrace } from "./run_trace.ts";
import { type ClientSide, SimulatedSocket, type SocketFaults } from "./sockets.ts";

/** What a machine needs of the world that it stands in. */
export interface MachinePlace {
  readonly env: Env;
  readonly network: SimulatedNetwork;
  readonly trace: RunTrace;
  readonly socketFaults: () => SocketFaults;
  readonly voters: readonly number[];
  readonly properties: Readonly<Record<string, string>>;
  /** Metadata records between two snapshots. Default: as in production. */
  readonly snapshotEveryRecords?: number;
  /** Whether actors take their turns in a drawn order. */
  readonly isOrderDrawn: boolean;
  /** The node of this machine cannot go on, as it said in a sentence: it has to be started again. */
  readonly failed: (machine: Machine, sentence: string) => void;
}

/** How fast the machine's clocks go, and what they say. */
export interface MachineClock {
  /** Thousandths by which it is too fast. */
  driftPerThousand: number;
  /** By how much the time of day is wrong. */
  wallOffsetMs: number;
}

/** How long syncs take. */
export interface SyncDelays {
  minMs: number;
  maxMs: number;
}

/** One machine. */
export class Machine {
  readonly clock: MachineClock = { driftPerThousand: 0, wallOffsetMs: 0 };
  readonly syncs: SyncDelays = { minMs: 0, maxMs: 1 };
  disk: FaultyDisk;
  /** Lives begun, and disks used. */
  life = 0;
  disks = 0;
  node: Node | undefined;
  isPaused = false;
  isStopping = false;
  /** Whether clients are served. */
  accepting = false;
  /** What the node last told its operator, newest last. */
  readonly reports: string[] = [];
  readonly #place: MachinePlace;
  readonly #random: Random;
  readonly #sockets = new Map<number, SimulatedSocket>();
  #nextSocket = 1;
  #calls = 0;

  constructor(readonly id: number, place: MachinePlace) {
    this.#place = place;
    this.#random = place.env.random.split(`machine ${id}`);
    this.disk = this.#newDisk();
  }

  /** Whether a process runs. */
  get isUp(): boolean {
    return this.node !== undefined;
  }

  /** The actors of this life. */
  get system(): ActorSystem | undefined {
    return this.node?.system;
  }

  /** Open sockets, in the order of their coming. */
  get sockets(): SimulatedSocket[] {
    return [...this.#sockets.values()];
  }

  /** The process begins. Returns whether it did: a broken disk may not let it. */
  start(): boolean {
    const { env, network, voters, properties, trace, isOrderDrawn, snapshotEveryRecords } = this.#place;
    const life = ++this.life;
    const name = `life ${life}`;
    trace.note(`node ${this.id}`, "start", life);
    const random = this.#random.split(name);
    const nodeEnv: Env = { clock: this.#ownClock(), scheduler: env.scheduler, random };
    let store: DiskLogStore | undefined;
    try {
      store = new DiskLogStore(this.disk, { nodeId: this.id, clusterId: null, random });
      this.node = startNode({
        nodeId: this.id,
        voters,
        env: nodeEnv,
        transport: network.join(this.id),
        store,
        incarnationId: randomUuid(random.split("incarnation").bytes(16)),
        advertised: advertised(this.id),
        nodeEndpoint: { host: `node-${this.id}`, port: 9093 },
        rack: null,
        properties,
        report: (sentence) => this.#report(sentence),
        socket: (id) => this.#sockets.get(id),
        trace: trace.actor,
        ...(snapshotEveryRecords === undefined ? {} : { snapshotEveryRecords }),
        ...(isOrderDrawn ? { order: random.split("order") } : {}),
      });
    } catch (error) {
      this.#report(`The node does not start: ${error instanceof Error ? error.message : error}`);
      network.kill(this.id);
      store?.close(false);
      this.node = undefined;
      return false;
    }
    const { node } = this;
    node.failed((sentence) => {
      this.#report(sentence);
      // Not in the middle of whatever it is doing.
      env.clock.after(0, () => this.node === node && this.#place.failed(this, sentence));
    });
    node.whenReady(() => {
      trace.note(`node ${this.id}`, "ready", life);
      this.accepting = true;
    });
    return true;
  }

  /** The process is gone, from one instant to the next. */
  kill(): void {
    this.#end("kill", false);
  }

  /** The power is gone: so is what was not synced. With `silently` nobody hears of it. */
  losePower(silently: boolean): void {
    this.#end("lose power", silently);
    this.disk.losePower(this.#random.split(`power ${this.life}`));
  }

  /** The disk is gone, and a new one is there. */
  loseDisk(): void {
    this.#end("lose disk", false);
    this.disk = this.#newDisk();
  }

  /** Some bits of some file flip. */
  rot(random: Random): void {
    // As in Kafka, the offset checkpoints have no checksums: a digit that has changed is believed. And a voter whose metadata has
    // rotted goes on voting until it reads the place: what it then has cannot be told here.
    const isSpared = (path: string) => path.endsWith("-offset-checkpoint") || path.startsWith("__cluster_metadata");
    const paths = this.disk.files().filter((path) => this.disk.size(path)! > 0 && !isSpared(path));
    if (paths.length === 0) return;
    const path = random.pick(paths);
    const at = random.below(this.disk.size(path)!);
    this.#place.trace.note(`node ${this.id}`, "rot", at, () => path);
    this.disk.corrupt(path, at, 1 << random.below(8));
  }

  /** Ends in good order, within about twice `timeoutMs`; `done` hears whether it was, unless the node is killed first. */
  stop(timeoutMs: number, done: (isClean: boolean) => void): void {
    const { node } = this;
    if (node === undefined || this.isStopping) return;
    this.#note("stop");
    this.isStopping = true;
    node.shutDown(timeoutMs, (result) => {
      if (this.node !== node) return;
      if (!result.ok) this.#report(`The folder could not be closed: ${result.error.message}`);
      const isClean = result.ok && result.value;
      this.#end(isClean ? "stopped clean" : "stopped", false);
      done(isClean);
    });
  }

  /** Everything on the machine stands still. */
  pause(): void {
    if (this.node === undefined || this.isPaused) return;
    this.#note("pause");
    this.isPaused = true;
    this.node.pause();
    this.#place.network.pause(this.id);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.#note("resume");
    this.isPaused = false;
    this.node?.resume();
    this.#place.network.resume(this.id);
  }

  /** A client knocks. Undefined when it is refused. */
  accept(client: ClientSide): SimulatedSocket | undefined {
    if (this.node === undefined || !this.accepting) return undefined;
    const { env, socketFaults } = this.#place;
    const id = this.#nextSocket++;
    const random = this.#random.split(`socket ${id}`);
    const socket = new SimulatedSocket(env.clock, random, socketFaults, client, () => this.#sockets.delete(id));
    this.#sockets.set(id, socket);
    socket.accept(this.node.system, this.node.broker, id);
    return socket;
  }

  /** Calls of the disk since it was last asked. */
  diskCalls(): number {
    const calls = this.disk.calls - this.#calls;
    this.#calls = this.disk.calls;
    return calls;
  }

  #end(how: string, silently: boolean): void {
    if (this.node === undefined) return;
    this.#note(how);
    const { node } = this;
    this.node = undefined;
    this.isPaused = this.isStopping = this.accepting = false;
    node.halt();
    this.#place.network.kill(this.id, silently);
    for (const socket of this.sockets) socket.nodeGone(silently);
    this.#sockets.clear();
  }

  #newDisk(): FaultyDisk {
    const { clock } = this.#place.env;
    const random = this.#random.split(`syncs of disk ${++this.disks}`);
    this.#calls = 0;
    const syncDelayMs = () => {
      const { minMs, maxMs } = this.syncs;
      const micros = Math.max(1, Math.round((maxMs - minMs) * 1_000));
      return minMs + random.below(micros) / 1_000;
    };
    return new FaultyDisk({ root: `disk ${this.disks} of node ${this.id}`, clock, syncDelayMs });
  }

  #ownClock(): Env["clock"] {
    const { clock: world } = this.#place.env;
    const { clock } = this;
    const rate = () => 1 + clock.driftPerThousand / 1_000;
    return {
      now: () => Math.floor(world.now()) + clock.wallOffsetMs,
      monotonic: () => Math.round(world.monotonic() * rate() * 1_000) / 1_000,
      // Rounded up, or the task would find that its time has not come.
      after: (delayMs, task) => world.after(delayMs <= 0 ? 0 : (Math.ceil(delayMs * 1_000 / rate()) + 1) / 1_000, task),
    };
  }

  #report(sentence: string): void {
    this.reports.push(sentence);
    if (this.reports.length > 200) this.reports.shift();
    this.#place.trace.note(`node ${this.id}`, "report", 0, () => sentence);
  }

  #note(what: string): void {
    this.#place.trace.note(`node ${this.id}`, what, this.life);
  }
}

/** Where clients are told to find a node. */
export function advertised(id: number): Endpoint {
  return { host: `node-${id}`, port: 9092 };
}
