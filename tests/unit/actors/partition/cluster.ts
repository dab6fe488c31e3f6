/**
 * One partition on several nodes: real replicas, logs and disks, a network with faults, and in place of brokers and controller a
 * stub that knows the rules.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Answer, Ref } from "../../../../actors/actor.ts";
import { refOf } from "../../../../actors/address.ts";
import type { BrokerProtocol } from "../../../../actors/broker/protocol.ts";
import type { IsrChange, IsrChangeResult } from "../../../../actors/controller/protocol.ts";
import {
  type AppendReply,
  type FetchReply,
  type FetchRequest,
  REPLICA,
  type ReplicaConfig,
  type ReplicaProtocol,
  type ReplicaRole,
} from "../../../../actors/partition/protocol.ts";
import { replica } from "../../../../actors/partition/replica.ts";
import type { Replica } from "../../../../actors/partition/state.ts";
import { ActorSystem } from "../../../../actors/system.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { VirtualEnv } from "../../../../lib/virtual_clock.ts";
import { batches } from "../../../../protocol/batch.ts";
import { FaultyDisk } from "../../../../storage/faulty_disk.ts";
import { DiskLogStore } from "../../../../storage/log_store.ts";
import { type NetworkFaults, SimulatedNetwork } from "../../../../transport/simulated.ts";
import { CONFIG } from "./harness.ts";

const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const NAME = "t-0";

/** How a cluster is made. */
export interface ClusterOptions {
  readonly seed?: number | string;
  /** How many nodes. @default 3 */
  readonly nodes?: number;
  readonly config?: Partial<ReplicaConfig>;
  readonly faults?: Partial<NetworkFaults>;
  /** How many of a thousand questions to the controller are lost, late, or get no answer. @default 0 */
  readonly controllerFaultsPerMille?: number;
  /** How long a sync takes at most. @default 0 */
  readonly syncMaxMs?: number;
  /** How long the controller's news travel to a node at most. @default 20 */
  readonly newsMaxMs?: number;
}

/** One record as it lies in a log: whose it is, and who has written it. */
export interface Found {
  readonly offset: number;
  readonly sequence: number;
  readonly epoch: number;
}

/** One node: its disk, and one life after the other on it. */
export class ReplicaNode {
  readonly disk: FaultyDisk;
  readonly ref: Ref<ReplicaProtocol>;
  readonly reports: string[] = [];
  lives = 0;
  system: ActorSystem | undefined;
  store: DiskLogStore | undefined;

  constructor(readonly cluster: ReplicaCluster, readonly id: number) {
    const { env, options } = cluster;
    const random = cluster.random.split(`disk ${id}`);
    const { syncMaxMs = 0 } = options;
    this.disk = new FaultyDisk({ clock: env.clock, syncDelayMs: () => syncMaxMs === 0 ? 0 : random.below(syncMaxMs) });
    this.ref = refOf(id, REPLICA.kind, NAME);
  }

  /** The replica, or undefined while there is none that could be looked at. */
  get replica(): Replica | undefined {
    const state = this.system?.stateOf(this.ref) as Replica | undefined;
    return state?.hasLog && state.offline === null ? state : undefined;
  }

  /** The same, which must be there. */
  get live(): Replica {
    assert(this.replica !== undefined, `node ${this.id} has no replica that serves`);
    return this.replica;
  }

  start(): void {
    assert(this.system === undefined, `node ${this.id} runs already`);
    const { cluster, id } = this;
    this.lives++;
    const name = `node ${id} life ${this.lives}`;
    const store = this.store = new DiskLogStore(this.disk, { nodeId: id, random: cluster.random.split(name) });
    const system = this.system = new ActorSystem({
      node: id,
      env: cluster.env.fork(name),
      transport: cluster.network.join(id),
    });
    system.register(replica({ logs: store, brokerId: id, report: (sentence) => void this.reports.push(sentence) }));
    system.port<BrokerProtocol>("broker", "broker", (verb, message, answer) => {
      if (verb === "replicaChanged") return; // who is offline here stays so until the node is started again
      assertEquals(verb, "alterPartition");
      cluster.controller.ask(message as unknown as IsrChange, answer as (result: unknown) => void);
    });
    cluster.controller.register(id);
    system.spawn(REPLICA, NAME, {
      topic: "t",
      topicId: TOPIC_ID,
      partition: 0,
      config: cluster.config,
      role: cluster.controller.roleFor(id),
    });
  }

  /** The process dies. With `power` the machine does: what was not synced may be lost. */
  die(power = false): void {
    if (this.system === undefined) return;
    this.cluster.network.kill(this.id);
    this.system.halt();
    if (power) this.disk.losePower(this.cluster.random);
    else this.store!.close(false);
    this.system = this.store = undefined;
  }

  /** The machine dies, and comes back with an empty disk. */
  loseDisk(): void {
    this.die();
    for (const name of this.disk.list("")) this.disk.remove(name);
  }

  /** All that its log has, or what is below an offset. */
  read(untilOffset = Infinity): Found[] {
    const { log } = this.live;
    const found: Found[] = [];
    for (let offset = log.startOffset; offset < Math.min(log.endOffset, untilOffset);) {
      for (const header of batches(log.read(offset, Math.min(log.endOffset, untilOffset), 1 << 20, true).bytes)) {
        const { baseOffset, baseSequence, lastOffsetDelta, partitionLeaderEpoch } = header;
        found.push({ offset: baseOffset, sequence: baseSequence, epoch: partitionLeaderEpoch });
        offset = baseOffset + lastOffsetDelta + 1;
      }
    }
    return found;
  }

  append(records: Uint8Array, acks: -1 | 0 | 1 = -1, timeoutMs = 1_000): { answer?: Answer<AppendReply> } {
    const asked: { answer?: Answer<AppendReply> } = {};
    const settle = (answer: Answer<AppendReply>) => void (asked.answer = answer);
    if (this.system === undefined) settle({ ok: false, failure: "unreachable" });
    else this.system.askThen(this.ref, "append", { records, acks, zstdAllowed: true }, settle, timeoutMs);
    return asked;
  }

  fetch(offset: number, request: Partial<FetchRequest> = {}): FetchReply {
    let reply: FetchReply | undefined;
    this.system!.askThen(this.ref, "fetch", {
      offset,
      maxBytes: 1 << 20,
      minOneBatch: true,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      isolation: "read_uncommitted",
      ...request,
    }, (answer) => reply = answer.ok ? answer.value : undefined);
    this.cluster.env.advance(0);
    assert(reply !== undefined);
    return reply;
  }
}

/** Nodes, their network, and who decides. */
export class ReplicaCluster {
  readonly random: SeededRandom;
  readonly env: VirtualEnv;
  readonly network: SimulatedNetwork;
  readonly controller: StubController;
  readonly config: ReplicaConfig;
  readonly nodes: ReplicaNode[];
  /** The highest offset that any replica has known to be committed. */
  #committed = 0;
  #before: { readonly highWatermark: number; readonly role: ReplicaRole } | undefined;

  constructor(readonly options: ClusterOptions = {}) {
    const { seed = 1, nodes = 3 } = options;
    this.random = new SeededRandom(`cluster ${seed}`);
    this.env = new VirtualEnv(`env ${seed}`);
    this.network = new SimulatedNetwork({
      clock: this.env.clock,
      random: this.random.split("network"),
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    });
    this.config = { ...CONFIG, minInsyncReplicas: 2, ...options.config };
    const ids = Array.from({ length: nodes }, (_, at) => at + 1);
    this.controller = new StubController(this, ids);
    this.nodes = ids.map((id) => new ReplicaNode(this, id));
    for (const node of this.nodes) node.start();
    this.advance(50);
  }

  node(id: number): ReplicaNode {
    return this.nodes[id - 1]!;
  }

  /** The node whose replica leads, as the controller has it. */
  get leader(): ReplicaNode | undefined {
    const { leader } = this.controller.state;
    return leader < 0 ? undefined : this.node(leader);
  }

  advance(ms: number): this {
    this.env.advance(ms);
    return this;
  }

  /** Appends one record and waits for its acknowledgement. */
  produce(records: Uint8Array): AppendReply {
    const asked = this.leader!.append(records);
    this.advance(200);
    assert(asked.answer?.ok, `no answer: ${JSON.stringify(asked.answer)}`);
    return asked.answer.value;
  }

  stop(): void {
    for (const node of this.nodes) node.die();
  }

  /**
   * What must hold at any time.
   *
   * @param thorough reads all that is committed; else only the ends are looked at
   */
  check(where: string, thorough = true): void {
    const live = this.nodes.filter((node) => node.replica !== undefined);
    for (const { id, live: { log, highWatermark, endOffset, role } } of live) {
      assert(log.startOffset <= highWatermark, `${where}: node ${id} begins at ${log.startOffset} > ${highWatermark}`);
      assert(highWatermark <= endOffset, `${where}: node ${id} has ${endOffset} < ${highWatermark}`);
      assert(log.latestEpoch <= role.leaderEpoch, `${where}: node ${id} has records of a later epoch than its role`);
      this.#committed = Math.max(this.#committed, highWatermark);
    }
    const { isr, leader, leaderEpoch, partitionEpoch } = this.controller.state;
    for (const { id, live: { ownEnd } } of live) {
      if (!isr.includes(id)) continue;
      assert(
        ownEnd >= this.#committed,
        `${where}: node ${id} is in the ISR with ${ownEnd} of ${this.#committed} committed`,
      );
    }
    const leading = leader < 0 ? undefined : this.node(leader).replica;
    if (leading?.leadership && leading.role.leaderEpoch === leaderEpoch) {
      const maximal = [...leading.role.isr, ...(leading.leadership.proposal?.isr ?? [])];
      const isNewest = leading.role.partitionEpoch === partitionEpoch || leading.leadership.proposal !== null;
      for (const id of isNewest ? isr : []) {
        assert(maximal.includes(id), `${where}: node ${id} is in the ISR, and its leader does not count it`);
      }
      const at = { highWatermark: leading.highWatermark, role: leading.role };
      if (leading.isUnderMinIsr && this.#before?.role === leading.role) {
        assertEquals(at.highWatermark, this.#before.highWatermark, `${where}: committed with too few in sync`);
      }
      this.#before = at;
    }
    if (thorough) this.#compare(live, where);
  }

  #compare(live: readonly ReplicaNode[], where: string): void {
    const logs = live.map((node) => {
      const { highWatermark, log } = node.live;
      return { id: node.id, start: log.startOffset, end: highWatermark, log: node.read(highWatermark) };
    });
    for (const [index, a] of logs.entries()) {
      for (const b of logs.slice(index + 1)) {
        const inBoth = ({ offset }: Found) => offset >= Math.max(a.start, b.start) && offset < Math.min(a.end, b.end);
        assertEquals(a.log.filter(inBoth), b.log.filter(inBoth), `${where}: nodes ${a.id} and ${b.id} differ`);
      }
    }
  }
}

interface PartitionState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly isr: readonly number[];
}

/** Decides as a controller does, on one partition. */
export class StubController {
  state: PartitionState;
  readonly changes: IsrChange[] = [];
  /** Refuses whom it is asked to take in. */
  readonly ineligible: Set<number> = new Set();
  /** What becomes of the next questions, before chance decides: answered, lost, or decided without an answer. */
  readonly fates: ("answer" | "lose" | "forget" | "late")[] = [];
  readonly #cluster: ReplicaCluster;
  readonly #replicas: readonly number[];
  readonly #brokers = new Map<number, { epoch: number; fenced: boolean }>();
  readonly #random: SeededRandom["split"] extends (name: string) => infer R ? R : never;
  readonly #newsDueMs = new Map<number, number>();
  #nextEpoch = 100;

  constructor(cluster: ReplicaCluster, replicas: readonly number[]) {
    this.#cluster = cluster;
    this.#replicas = replicas;
    this.#random = cluster.random.split("controller");
    this.state = { leader: replicas[0]!, leaderEpoch: 0, partitionEpoch: 0, isr: replicas };
  }

  isFenced(id: number): boolean {
    return this.#brokers.get(id)?.fenced ?? true;
  }

  /** A process introduces itself: it is another one than before. */
  register(id: number): void {
    const known = this.#brokers.has(id);
    if (known) this.fence(id);
    this.#brokers.set(id, { epoch: this.#nextEpoch++, fenced: known });
    if (known) this.#publishTo(id);
  }

  /** Takes a node out of the ISR, and leadership from it; the last of the ISR stays in it. */
  fence(id: number): void {
    const broker = this.#brokers.get(id);
    if (broker !== undefined) broker.fenced = true;
    const { leader, isr } = this.state;
    const left = isr.filter((node) => node !== id);
    const wasLeader = leader === id;
    if (!wasLeader && left.length === isr.length) return;
    this.#change({ isr: left.length === 0 ? isr : left, ...(wasLeader ? this.#elect(left) : {}) });
  }

  unfence(id: number): void {
    this.#brokers.get(id)!.fenced = false;
    if (this.state.leader < 0) this.#change(this.#elect(this.state.isr));
  }

  /** Makes another one of the ISR the leader, or with `unclean` any node, which is then alone in the ISR. */
  elect(id: number, unclean = false): void {
    assert(unclean || this.state.isr.includes(id), `node ${id} is not in sync`);
    this.#change({ leader: id, leaderEpoch: this.state.leaderEpoch + 1, ...(unclean ? { isr: [id] } : {}) });
  }

  roleFor(id: number) {
    return { ...this.state, replicas: this.#replicas, brokerEpoch: this.#brokers.get(id)!.epoch };
  }

  /** A question of a leader, by way of its broker. */
  ask(change: IsrChange, answer: (result: unknown) => void): void {
    const { clock } = this.#cluster.env;
    const { controllerFaultsPerMille = 0 } = this.#cluster.options;
    const chance = this.#random.chance(controllerFaultsPerMille, 1_000);
    const fate = this.fates.shift() ?? (chance ? this.#random.pick(["lose", "forget", "late"] as const) : "answer");
    const wayMs = 1 + this.#random.below(5);
    if (fate === "lose" || fate === "late") clock.after(100, () => answer({ error: "REQUEST_TIMED_OUT" }));
    if (fate === "lose") return;
    clock.after(fate === "late" ? this.#random.below(300) : wayMs, () => {
      const result = this.#decide(change);
      if (fate === "answer") clock.after(wayMs, () => answer(result));
      else if (fate === "forget") clock.after(100, () => answer({ error: "REQUEST_TIMED_OUT" }));
    });
  }

  #decide(change: IsrChange): IsrChangeResult {
    const { topicId, partition } = change;
    const answer = (error: IsrChangeResult["error"]): IsrChangeResult => ({ topicId, partition, error, ...this.state });
    const isr = change.isr.map(({ brokerId }) => brokerId);
    const { state } = this;
    if (change.leaderEpoch !== state.leaderEpoch) return answer("FENCED_LEADER_EPOCH");
    if (change.partitionEpoch !== state.partitionEpoch) {
      const isDone = isr.length === state.isr.length && isr.every((node) => state.isr.includes(node));
      return answer(isDone ? "NONE" : "INVALID_UPDATE_VERSION");
    }
    for (const { brokerId, brokerEpoch } of change.isr) {
      const broker = this.#brokers.get(brokerId);
      const isStale = brokerEpoch >= 0 && brokerEpoch !== broker?.epoch;
      if (isStale || broker?.fenced || this.ineligible.has(brokerId)) return answer("INELIGIBLE_REPLICA");
    }
    this.changes.push(change);
    this.#change({ isr });
    return answer("NONE");
  }

  #elect(candidates: readonly number[]): Partial<PartitionState> {
    const eligible = candidates.filter((node) => !this.isFenced(node));
    const leader = eligible.length === 0 ? -1 : this.#random.pick(eligible);
    return { leader, leaderEpoch: this.state.leaderEpoch + 1 };
  }

  #change(change: Partial<PartitionState>): void {
    this.state = { ...this.state, ...change, partitionEpoch: this.state.partitionEpoch + 1 };
    for (const { id } of this.#cluster.nodes) this.#publishTo(id);
  }

  /** The news travels, in order. */
  #publishTo(id: number): void {
    const node = this.#cluster.node(id);
    const { lives } = node;
    const role = this.roleFor(id);
    const { clock } = this.#cluster.env;
    const { newsMaxMs = 20 } = this.#cluster.options;
    const dueMs = Math.max(
      clock.monotonic() + 1 + this.#random.below(newsMaxMs),
      (this.#newsDueMs.get(id) ?? 0) + 0.001,
    );
    this.#newsDueMs.set(id, dueMs);
    clock.after(dueMs - clock.monotonic(), () => {
      if (node.lives === lives) node.system?.tell(node.ref, "assume", role);
    });
  }
}
