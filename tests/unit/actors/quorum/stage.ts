/**
 * Quorum actors on simulated machines: a network, disks that lose what was not synced, processes that end, stand still and begin again.
 *
 * In place of the controller there is a clerk that appends what it is told; in place of the broker a port that listens.
 *
 * @module
 */
import { type Actor, type Ref } from "../../../../actors/actor.ts";
import {
  CONTROLLER,
  type ControllerArgs,
  type MetadataFollower,
  type MetadataImage,
  type MetadataRecord,
} from "../../../../actors/controller/protocol.ts";
import { imageOf, replay } from "../../../../actors/controller/protocol.ts";
import { QuorumJournal } from "../../../../actors/quorum/journal.ts";
import { QUORUM, type QuorumDescription, type QuorumRef } from "../../../../actors/quorum/protocol.ts";
import { quorum } from "../../../../actors/quorum/quorum.ts";
import type { Quorum, StoredVote } from "../../../../actors/quorum/state.ts";
import { refOf } from "../../../../actors/address.ts";
import { ActorSystem } from "../../../../actors/system.ts";
import { VirtualEnv } from "../../../../lib/virtual_clock.ts";
import { Gate } from "../../../../server/gate.ts";
import { FaultyDisk } from "../../../../storage/faulty_disk.ts";
import { DiskLogStore } from "../../../../storage/log_store.ts";
import { QuorumStore } from "../../../../storage/quorum_store.ts";
import { type NetworkFaults, SimulatedNetwork } from "../../../../transport/simulated.ts";

/** What the clerk can be told. */
export interface ClerkProtocol {
  /** Sets a config to a value; replies when that is committed. */
  note(entry: { readonly name: string; readonly value: string }): number;
}

/** Stands for the controller: it appends, and ends when it throws. */
export const clerk: Actor<ClerkProtocol, { image: MetadataImage }, ControllerArgs> = {
  kind: CONTROLLER.kind,
  start: ({ image }) => ({ image }),
  on: {
    note(state, { name, value }, out) {
      out.append([{ type: "Config", resourceType: "broker", resourceName: "", name, value }]);
      return state.image.offset;
    },
  },
  replay: (state, event) => void (state.image = replay(state.image, event as readonly MetadataRecord[])),
  supervision: { restarts: 0 },
};

/** How a stage is set. */
export interface StageOptions {
  readonly seed?: number | string;
  readonly voters: number;
  readonly observers?: number;
  readonly faults?: Partial<NetworkFaults>;
  readonly snapshotEveryRecords?: number;
  readonly syncMs?: () => number;
  /** Told of every vote that is written. */
  readonly voted?: (node: StageNode, vote: StoredVote) => void;
  /** Told of all records that a follower of the metadata is. */
  readonly told?: (node: StageNode, baseOffset: number, records: readonly MetadataRecord[]) => void;
}

/** Links of half a millisecond. */
export const NEIGHBOURS: Partial<NetworkFaults> = { delayMinMicros: 500, delayMeanMicros: 0 };

/** Machines and the network between them. */
export class Stage {
  readonly env: VirtualEnv;
  readonly network: SimulatedNetwork;
  readonly nodes: readonly StageNode[];
  readonly voters: readonly number[];

  constructor(readonly options: StageOptions) {
    this.env = new VirtualEnv(options.seed ?? 0);
    this.network = new SimulatedNetwork({
      clock: this.env.clock,
      random: this.env.random.split("network"),
      faults: options.faults ?? NEIGHBOURS,
    });
    this.voters = Array.from({ length: options.voters }, (_, index) => index + 1);
    const count = options.voters + (options.observers ?? 0);
    this.nodes = Array.from({ length: count }, (_, index) => new StageNode(this, index + 1));
  }

  /** Starts every node that is not up. */
  start(): this {
    for (const node of this.nodes) if (!node.isUp) node.start();
    return this;
  }

  node(id: number): StageNode {
    return this.nodes[id - 1]!;
  }

  /** The node whose clerk works, in the highest epoch; undefined when there is none. */
  get leader(): StageNode | undefined {
    return this.nodes.filter((node) => node.state?.role.type === "leader" && node.state.controller?.stopping === false)
      .sort((a, b) => b.state!.epoch - a.state!.epoch)[0];
  }

  advance(ms: number): this {
    this.env.advance(ms);
    return this;
  }

  /** Lets time pass until something holds; returns how much. */
  until(holds: () => boolean, limitMs = 10_000): number {
    const from = this.env.clock.monotonic();
    while (!holds()) {
      if (this.env.clock.monotonic() - from > limitMs || !this.env.step()) {
        const seen = this.nodes.map(({ id, state }) =>
          `${id}: ${state?.role.type} ${state?.membership} ${state?.epoch}`
        );
        throw new Error(`It has not come to it within ${limitMs} ms: ${holds}. ${seen.join(", ")}`);
      }
    }
    return this.env.clock.monotonic() - from;
  }

  /** Waits for a leader with a clerk. */
  untilLeader(limitMs = 10_000): StageNode {
    this.until(() => this.leader !== undefined, limitMs);
    return this.leader!;
  }

  /** Lets the leader commit something; returns how long that took. */
  commit(name: string, value = ""): number {
    const leader = this.untilLeader();
    let done = false;
    leader.note(name, value, (ok) => done = ok);
    return this.until(() => done);
  }
}

/** One machine. */
export class StageNode {
  disk: FaultyDisk;
  /** Disks used, and lives begun. */
  disks = 0;
  life = 0;
  isPaused = false;
  store: DiskLogStore | undefined;
  system: ActorSystem | undefined;
  /** What a follower of the metadata has made of it, in this life. */
  seen: { image: MetadataImage; controllerId: number; epoch: number } | undefined;
  formed: string[] = [];
  crashes: string[] = [];
  readonly ref: QuorumRef;
  readonly #stage: Stage;
  #gate: Gate | undefined;

  constructor(stage: Stage, readonly id: number) {
    this.#stage = stage;
    this.ref = refOf(id, QUORUM.kind, "quorum");
    this.disk = this.#newDisk();
  }

  get isUp(): boolean {
    return this.system !== undefined;
  }

  /** The actor's state between two turns; undefined while it has none. */
  get state(): Quorum | undefined {
    return this.system?.stateOf(this.ref) as Quorum | undefined;
  }

  start(): void {
    const { env, network, voters, options } = this.#stage;
    const gate = this.#gate = new Gate(env.fork(`node ${this.id} life ${++this.life}`));
    const { random } = gate.env;
    const store = this.store = new DiskLogStore(this.disk, { nodeId: this.id, random, clusterId: null });
    const system = this.system = new ActorSystem({
      node: this.id,
      env: gate.env,
      transport: network.join(this.id),
      crashed: (ref, reason) => this.crashes.push(`${ref} ${reason}`),
      openJournal: (_kind, _name, args) => {
        const { epoch, image } = args as ControllerArgs;
        return new QuorumJournal({
          epoch,
          baseOffset: image.offset,
          append: (request, settle) => system.askThen(this.ref, "append", request, settle),
        });
      },
    });
    system.register(clerk);
    system.register(quorum({
      store: new WatchedStore(store, (vote) => options.voted?.(this, vote)),
      formed: (clusterId) => {
        store.claim(clusterId);
        this.formed.push(clusterId);
      },
      ...(options.snapshotEveryRecords === undefined ? {} : { snapshotEveryRecords: options.snapshotEveryRecords }),
    }));
    system.spawn(QUORUM, "quorum", { nodeId: this.id, voters });
    this.#listen(system);
    this.#keepCheckpoints(store, gate);
  }

  /** The process is gone, and whatever the disk had not synced, if it loses its power too. */
  crash(losesPower = false): void {
    if (this.system === undefined) return;
    this.#end();
    if (losesPower) this.disk.losePower(this.#stage.env.random.split(`power ${this.id} ${this.life}`));
  }

  /** The next life begins with nothing. */
  loseDisk(): void {
    this.crash();
    this.disk = this.#newDisk();
    this.disks++;
  }

  stop(then: () => void = () => {}): void {
    const { system } = this;
    if (system === undefined) return then();
    system.askThen(this.ref, "resign", { timeoutMs: 1_000 }, () => {
      if (this.system !== system) return;
      system.shutdownThen(() => {
        if (this.system !== system) return;
        this.store!.close(true);
        this.#end();
        then();
      });
    });
  }

  pause(): void {
    this.isPaused = true;
    this.#gate!.pause();
    this.#stage.network.pause(this.id);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#stage.network.resume(this.id);
    this.#gate!.resume();
  }

  /** Lets this node's clerk commit something, if it has one. */
  note(name: string, value: string, then: (ok: boolean) => void): void {
    const ref = refOf<ClerkProtocol>(this.id, CONTROLLER.kind, "controller");
    this.system!.askThen(ref, "note", { name, value }, ({ ok }) => then(ok));
  }

  describe(): QuorumDescription {
    let found: QuorumDescription | undefined;
    this.system!.askThen(this.ref, "describe", undefined, (answer) => answer.ok && (found = answer.value));
    this.#stage.until(() => found !== undefined);
    return found!;
  }

  /** As a node does, but so often that there is one between most failures. */
  #keepCheckpoints(store: DiskLogStore, gate: Gate): void {
    gate.env.clock.after(100, () => {
      try {
        store.checkpoint();
      } catch { /* the disk refuses: there is a next time */ }
      this.#keepCheckpoints(store, gate);
    });
  }

  #listen(system: ActorSystem): void {
    const seen = this.seen = { image: imageOf(0, []), controllerId: -2, epoch: -1 };
    const follower: Ref<MetadataFollower> = refOf(this.id, "listener", "listener");
    system.portAt(follower, (verb, message, answer) => {
      if (verb === "controllerChanged") Object.assign(seen, message);
      else {
        const { baseOffset, records, snapshot } = message as Parameters<MetadataFollower["metadata"]>[0];
        if (!snapshot) this.#stage.options.told?.(this, baseOffset, records);
        if (snapshot) seen.image = imageOf(baseOffset, records);
        else if (baseOffset <= seen.image.offset) {
          seen.image = replay(seen.image, records.slice(seen.image.offset - baseOffset));
        } else throw new Error(`node ${this.id} hears of ${baseOffset} after ${seen.image.offset}`);
      }
      (answer as (value: undefined) => void)(undefined);
    });
    const follow = () => {
      system.tell(this.ref, "follow", { follower, fromOffset: seen.image.offset });
      this.#gate!.env.clock.after(500, follow);
    };
    follow();
  }

  #end(): void {
    this.resume();
    this.#gate!.wallUp();
    this.#stage.network.kill(this.id);
    const { system, store } = this;
    this.system = this.store = undefined;
    system!.halt();
    store!.close(false);
  }

  #newDisk(): FaultyDisk {
    const { env, options } = this.#stage;
    return new FaultyDisk({
      clock: env.clock,
      ...(options.syncMs === undefined ? {} : { syncDelayMs: options.syncMs }),
    });
  }
}

class WatchedStore extends QuorumStore {
  readonly #voted: (vote: StoredVote) => void;

  constructor(store: DiskLogStore, voted: (vote: StoredVote) => void) {
    super(store);
    this.#voted = voted;
  }

  override writeState(vote: StoredVote): void {
    super.writeState(vote);
    this.#voted(vote);
  }
}
