/**
 * Nodes on virtual time, for tests of what is made of them.
 *
 * @module
 */
import type { Result } from "../../../lib/env.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { type Node, startNode } from "../../../server/node.ts";
import type { Disk } from "../../../storage/disk.ts";
import type { CleanLife } from "../../../storage/log.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";
import { LocalHub } from "../../../transport/local.ts";

/** As long as anything may take here. */
const PATIENCE_MS = 20_000;

/** Nodes on virtual time that share a hub; their disks outlive them. */
export class Stage {
  readonly env = new VirtualEnv(1);
  readonly hub = new LocalHub({ scheduler: this.env.scheduler });
  readonly disks = new Map<number, Disk>();
  readonly reports: string[] = [];
  #lives = 0;

  disk(id: number): Disk {
    if (!this.disks.has(id)) this.disks.set(id, new MemoryDisk());
    return this.disks.get(id)!;
  }

  start(
    id: number,
    voters: readonly number[] = [1, 2, 3],
    properties: Record<string, string> = {},
    tamper: (store: DiskLogStore) => void = () => {},
  ): Node {
    const env = this.env.fork(`life ${++this.#lives}`);
    const store = new DiskLogStore(this.disk(id), { nodeId: id, clusterId: null, random: env.random });
    tamper(store);
    try {
      return startNode({
        nodeId: id,
        voters,
        env,
        transport: this.hub.join(id),
        store,
        incarnationId: `life ${this.#lives}`,
        advertised: { host: "client", port: id },
        nodeEndpoint: { host: "node", port: id },
        rack: null,
        properties,
        report: (sentence) => this.reports.push(sentence),
        socket: () => undefined,
      });
    } catch (error) {
      store.close(false);
      throw error;
    }
  }

  /** Lets time pass until something holds; returns how much. */
  until(holds: () => boolean, what: string): number {
    const beganMs = this.env.clock.monotonic();
    while (!holds()) {
      if (this.env.clock.monotonic() - beganMs > PATIENCE_MS || !this.env.step()) throw new Error(`Never: ${what}.`);
    }
    return this.env.clock.monotonic() - beganMs;
  }

  allReady(nodes: readonly Node[]): void {
    this.until(() => nodes.every(({ isReady }) => isReady), "all nodes are ready");
  }

  shutDown(node: Node): Result<boolean> {
    let result: Result<boolean> | undefined;
    node.shutDown(1_000, (given) => result = given);
    this.until(() => result !== undefined, "the node has shut down");
    this.hub.disconnect(node.system.node);
    return result!;
  }

  /** Opens a folder that nobody has and says in what state it was left. */
  leftBy(id: number): { wasClean: boolean; lastLife: CleanLife; clusterId: string } {
    const store = new DiskLogStore(this.disk(id), { nodeId: id, clusterId: null, random: this.env.random });
    const { wasClean, lastLife, meta: { clusterId } } = store;
    store.close(false);
    return { wasClean, lastLife, clusterId };
  }
}
