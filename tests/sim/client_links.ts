/**
 * Which nodes each client reaches: faults of the network between nodes and clients, as a rack or a laptop has them.
 *
 *     reached ──cut──▶ its sockets lose everything in silence, and nobody answers when it knocks ──heal──▶ it can knock again
 *
 * @module
 */
import type { SimulatedSocket } from "./sockets.ts";

/** The way between one client and the nodes. */
export class ClientLink {
  readonly #cut = new Set<number>();
  readonly #sockets = new Map<SimulatedSocket, number>();

  /** Whether the client reaches this node. */
  reaches(node: number): boolean {
    return !this.#cut.has(node);
  }

  /** The client has a socket to this node. */
  took(node: number, socket: SimulatedSocket): void {
    for (const old of this.#sockets.keys()) if (!old.isOpen) this.#sockets.delete(old);
    if (!this.reaches(node)) socket.isCut = true;
    this.#sockets.set(socket, node);
  }

  cut(nodes: readonly number[]): void {
    for (const node of nodes) this.#cut.add(node);
    for (const [socket, node] of this.#sockets) if (this.#cut.has(node)) socket.isCut = true;
  }

  heal(): void {
    this.#cut.clear();
  }
}
