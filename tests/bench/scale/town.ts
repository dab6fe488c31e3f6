/**
 * Whole nodes in virtual time that nothing happens to but what a measure wants, and a count of what they say to each other.
 *
 * @module
 */
import type { NewTopic } from "../../../actors/controller/protocol.ts";
import type { ControllerRef, MetadataImage } from "../../../actors/controller/protocol.ts";
import { CONTROLLER } from "../../../actors/controller/protocol.ts";
import { refOf } from "../../../actors/address.ts";
import { randomUuid } from "../../../lib/uuid.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { type Node, startNode } from "../../../server/node.ts";
import type { Disk } from "../../../storage/disk.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";
import { SimulatedNetwork } from "../../../transport/simulated.ts";
import type { Envelope, PeerAddress, Transport } from "../../../transport/transport.ts";

/** As long as anything may take. */
const PATIENCE_MS = 120_000;

/** Nodes 1 … n, the first of which vote. */
export class Town {
  readonly env: VirtualEnv;
  readonly network: SimulatedNetwork;
  readonly nodes = new Map<number, Node>();
  /** Messages from node to node, by what they are: answers count for their questions. */
  readonly counts = new Map<string, number>();
  /** The same, of one node, both ways. */
  readonly ofNode = new Map<number, number>();
  /** The node whose controller began last. */
  controllerId = -1;
  readonly #voters: readonly number[];
  readonly #disks = new Map<number, Disk>();
  /** What open questions are, by who asks and their numbers. */
  readonly #open = new Map<string, string>();
  #lives = 0;

  constructor(seed: number, voters: number) {
    this.env = new VirtualEnv(seed);
    this.network = new SimulatedNetwork({ clock: this.env.clock, random: this.env.random.split("network") });
    this.#voters = Array.from({ length: voters }, (_, index) => index + 1);
  }

  get nowMs(): number {
    return this.env.clock.monotonic();
  }

  /** The metadata as the active controller's node has it. */
  get image(): MetadataImage {
    return this.look(this.controllerId);
  }

  /** Metadata as a node's broker has it. */
  look(id: number): MetadataImage {
    const node = this.nodes.get(id)!;
    let image: MetadataImage | undefined;
    node.system.askThen(node.broker, "look", undefined, (answer) => answer.ok && (image = answer.value.image));
    this.until(() => image !== undefined, "a broker says what it knows");
    return image!;
  }

  start(id: number): Node {
    const env = this.env.fork(`life ${++this.#lives}`);
    if (!this.#disks.has(id)) this.#disks.set(id, new MemoryDisk());
    const node = startNode({
      nodeId: id,
      voters: this.#voters,
      env,
      transport: this.#counting(this.network.join(id)),
      store: new DiskLogStore(this.#disks.get(id)!, { nodeId: id, clusterId: null, random: env.random }),
      incarnationId: randomUuid(env.random.bytes(16)),
      advertised: { host: "client", port: id },
      nodeEndpoint: { host: "node", port: id },
      rack: null,
      properties: {},
      report: () => {},
      socket: () => undefined,
      trace: ({ type, ref }) => {
        if (type === "started" && ref === refOf(id, CONTROLLER.kind, "controller")) this.controllerId = id;
      },
    });
    this.nodes.set(id, node);
    return node;
  }

  /** Starts them all; returns when all of them serve. */
  form(nodes: number): void {
    for (let id = 1; id <= nodes; id++) this.start(id);
    this.until(() => [...this.nodes.values()].every(({ isReady }) => isReady), "all nodes are ready");
  }

  /** A process is gone; with `silently` its machine too, and nobody hears of it. */
  kill(id: number, silently = false): void {
    this.nodes.get(id)!.halt();
    this.nodes.delete(id);
    this.network.kill(id, silently);
    if (id === this.controllerId) this.controllerId = -1;
  }

  /** Makes topics, and returns when every broker knows them. */
  create(topics: readonly Pick<NewTopic, "name" | "partitions" | "replicationFactor">[]): void {
    let done = false;
    const ref: ControllerRef = refOf(this.controllerId, CONTROLLER.kind, "controller");
    const wanted = topics.map((topic) => ({ ...topic, assignments: [], configs: [] }));
    const request = { topics: wanted, validateOnly: false, timeoutMs: PATIENCE_MS };
    this.nodes.get(this.controllerId)!.system.askThen(ref, "createTopics", request, (answer) => {
      const failed = answer.ok ? answer.value.find(({ error }) => error !== "NONE") : answer;
      if (failed !== undefined) throw new Error(JSON.stringify(failed));
      done = true;
    }, PATIENCE_MS);
    this.until(() => done, "topics are made");
  }

  /** Lets time pass until something holds; returns how much. */
  until(holds: () => boolean, what: string): number {
    const beganMs = this.nowMs;
    while (!holds()) {
      if (this.nowMs - beganMs > PATIENCE_MS || !this.env.step()) throw new Error(`Never: ${what}.`);
    }
    return this.nowMs - beganMs;
  }

  /** Forgets what was counted. */
  recount(): void {
    this.counts.clear();
    this.ofNode.clear();
  }

  /** All messages counted. */
  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  end(): void {
    for (const id of [...this.nodes.keys()]) this.kill(id);
  }

  #counting(inner: Transport): Transport {
    const { node } = inner;
    return {
      node,
      send: (to: number, envelope: Envelope) => {
        const isCarried = inner.send(to, envelope);
        if (isCarried) this.#count(node, to, envelope);
        return isCarried;
      },
      onReceive: (receive) => inner.onReceive(receive),
      onPeer: (hear) => inner.onPeer(hear),
      setPeers: (addresses: ReadonlyMap<number, PeerAddress>) => inner.setPeers(addresses),
      close: () => inner.close(),
    };
  }

  #count(from: number, to: number, { verb, call }: Envelope): void {
    let what = verb;
    if (verb === "$reply" || verb === "$failed") {
      what = this.#open.get(`${to} ${call}`) ?? verb;
      this.#open.delete(`${to} ${call}`);
    } else if (call !== 0) this.#open.set(`${from} ${call}`, verb);
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    for (const id of [from, to]) this.ofNode.set(id, (this.ofNode.get(id) ?? 0) + 1);
  }
}
