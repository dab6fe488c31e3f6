/**
 * Everything that a run takes place in: time, network, machines, and the way of clients to them.
 *
 * @module
 */
import type { ActorSystem } from "../../actors/system.ts";
import { VirtualEnv } from "../../lib/virtual_clock.ts";
import type { FaultyDisk } from "../../storage/faulty_disk.ts";
import { SimulatedNetwork } from "../../transport/simulated.ts";
import type { ClientLink } from "./client_links.ts";
import { Machine } from "./machine.ts";
import type { RunTrace } from "./run_trace.ts";
import { CALM_SOCKETS, type ClientSide, type SimulatedSocket, type SocketFaults } from "./sockets.ts";

/** What can be seen of one node from outside. */
export interface SeenNode {
  readonly id: number;
  /** The actors; undefined when there is no process. */
  readonly system: ActorSystem | undefined;
  readonly alive: boolean;
  /** Counts the lives of the node's process. */
  readonly life: number;
  /** Counts the disks that it has had: with a new one it has forgotten everything. */
  readonly disks: number;
  readonly disk: FaultyDisk;
}

/** What a checker may look at, between two events. */
export interface SeenWorld {
  nodes(): readonly SeenNode[];
}

/** How a world is made. */
export interface WorldOptions {
  readonly seed: number | string;
  readonly nodes: number;
  readonly voters: readonly number[];
  readonly properties: Readonly<Record<string, string>>;
  readonly isOrderDrawn: boolean;
  /** Default: as in production. */
  readonly snapshotEveryRecords?: number;
  /** Makes the trace, given the world's time. */
  readonly trace: (now: () => number) => RunTrace;
  /** A node could not go on by itself. */
  readonly failed: (machine: Machine, sentence: string) => void;
}

/** A world. */
export class World implements SeenWorld {
  readonly env: VirtualEnv;
  readonly network: SimulatedNetwork;
  readonly machines: readonly Machine[];
  readonly trace: RunTrace;
  socketFaults: SocketFaults = CALM_SOCKETS;
  readonly #seen: readonly SeenNode[];
  readonly #random;

  constructor(options: WorldOptions) {
    this.env = new VirtualEnv(options.seed);
    this.#random = this.env.random.split("world");
    this.network = new SimulatedNetwork({ clock: this.env.clock, random: this.env.random.split("network") });
    this.trace = options.trace(() => this.env.clock.monotonic());
    const place = {
      ...options,
      env: this.env,
      network: this.network,
      trace: this.trace,
      socketFaults: () => this.socketFaults,
    };
    this.machines = Array.from({ length: options.nodes }, (_, index) => new Machine(index + 1, place));
    this.#seen = this.machines.map((machine): SeenNode => ({
      id: machine.id,
      get system() {
        return machine.system;
      },
      get alive() {
        return machine.isUp;
      },
      get life() {
        return machine.life;
      },
      get disks() {
        return machine.disks;
      },
      get disk() {
        return machine.disk;
      },
    }));
  }

  nodes(): readonly SeenNode[] {
    return this.#seen;
  }

  /** The ways of clients that have one of their own. */
  readonly clientLinks: Set<ClientLink> = new Set();

  /** The machine with this id. */
  machine(id: number): Machine | undefined {
    return this.machines[id - 1];
  }

  /** Milliseconds since the world began. */
  now(): number {
    return this.env.clock.monotonic();
  }

  /** Takes one step of time; false when nothing is left to do. */
  step(): boolean {
    if (!this.env.step()) return false;
    for (const machine of this.machines) {
      const calls = machine.diskCalls();
      if (calls === 0) continue;
      this.trace.hash.number(machine.id);
      this.trace.hash.number(calls);
    }
    return true;
  }

  /**
   * A client knocks at a node; `then` gets the socket, or nothing when it is refused. It is not called when nobody is there to refuse, or the
   * way, if the client has one of its own, is cut.
   */
  connect(id: number, client: ClientSide, then: (socket: SimulatedSocket | undefined) => void, way?: ClientLink): void {
    const machine = this.machine(id);
    const { delayMinMicros, delayMeanMicros } = this.socketFaults;
    const delayMs = (delayMinMicros + this.#random.below(2 * delayMeanMicros + 1)) / 1_000;
    this.env.clock.after(delayMs, () => {
      if (way?.reaches(id) === false) return;
      const socket = machine?.accept(client);
      if (socket !== undefined) way?.took(id, socket);
      then(socket);
    });
  }
}
