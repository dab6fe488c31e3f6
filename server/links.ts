/**
 * Links between nodes of one process that can be cut: what is sent over a cut link is lost, and nobody is told.
 *
 * @module
 */
import type { Transport } from "../transport/transport.ts";

/** Which links are cut, both ways. */
export class Links {
  readonly #cut = new Set<string>();

  /** Cuts the link between two nodes. */
  cut(a: number, b: number): void {
    this.#cut.add(keyOf(a, b));
  }

  /** Heals the link between two nodes, or all of them. */
  heal(a?: number, b?: number): void {
    if (a === undefined || b === undefined) this.#cut.clear();
    else this.#cut.delete(keyOf(a, b));
  }

  /** A node's end of the wire that minds the cuts. */
  over(transport: Transport): Transport {
    return {
      node: transport.node,
      send: (node, envelope) => this.#cut.has(keyOf(transport.node, node)) || transport.send(node, envelope),
      onReceive: (receive) => transport.onReceive(receive),
      onPeer: (hear) => transport.onPeer(hear),
      setPeers: (addresses) => transport.setPeers(addresses),
      close: () => transport.close(),
    };
  }
}

function keyOf(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
