/**
 * Nodes in one process: a hub that hands envelopes from one to the other.
 *
 * Bodies are copied, so that nodes share no memory, and delivered in a later turn, so that no node runs inside another's.
 *
 * Invariant: at most one turn is scheduled for each node that has something to receive, and no link holds more than its limit.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Scheduler } from "../lib/env.ts";
import { copyPlain } from "../lib/plain.ts";
import { Ring } from "../lib/ring.ts";
import type { Envelope, PeerAddress, PeerEvent, Transport } from "./transport.ts";

/** How a hub is made. */
export interface LocalOptions {
  readonly scheduler: Scheduler;
  /** Envelopes that may wait from one node to another. Default 10 000. */
  readonly queueMax?: number;
}

/** Connects the nodes of one process. */
export class LocalHub {
  readonly #scheduler: Scheduler;
  readonly #queueMax: number;
  readonly #nodes = new Map<number, LocalTransport>();

  constructor(options: LocalOptions) {
    this.#scheduler = options.scheduler;
    this.#queueMax = options.queueMax ?? 10_000;
  }

  /** Brings a node in; all others hear that it is up, and it of them. Its id must be free. */
  join(node: number): Transport {
    assert(!this.#nodes.has(node), `node ${node} has joined already`);
    const joining = new LocalTransport(this, node, this.#scheduler, this.#queueMax);
    for (const other of this.#nodes.values()) {
      other.hear({ type: "up", node });
      joining.hear({ type: "up", node: other.node });
    }
    this.#nodes.set(node, joining);
    return joining;
  }

  /** Ends a node, as if its process had gone: the others hear that it refuses. An unknown one is fine. */
  disconnect(node: number): void {
    this.#nodes.get(node)?.close();
  }

  /** The node's end, if it is here. For the ends themselves. */
  find(node: number): LocalTransport | undefined {
    return this.#nodes.get(node);
  }

  /** Takes a node out. For the ends themselves. */
  leave(node: number): void {
    this.#nodes.delete(node);
    for (const other of this.#nodes.values()) other.hear({ type: "down", node, refused: true });
  }
}

type Arrival = { readonly from: number; readonly envelope: Envelope } | PeerEvent;

/** One node's end of a {@linkcode LocalHub}. */
class LocalTransport implements Transport {
  readonly #hub: LocalHub;
  readonly #scheduler: Scheduler;
  readonly #queueMax: number;
  readonly #arrivals = new Ring<Arrival>();
  /** Envelopes that wait here, by sender. */
  readonly #waiting = new Map<number, number>();
  #receive: ((envelope: Envelope) => void) | undefined;
  #hear: ((event: PeerEvent) => void) | undefined;
  #scheduled = false;
  #closed = false;

  constructor(hub: LocalHub, readonly node: number, scheduler: Scheduler, queueMax: number) {
    this.#hub = hub;
    this.#scheduler = scheduler;
    this.#queueMax = queueMax;
  }

  send(node: number, envelope: Envelope): boolean {
    const target = this.#closed ? undefined : this.#hub.find(node);
    if (target === undefined) return false;
    return target.accept(this.node, envelope);
  }

  onReceive(receive: (envelope: Envelope) => void): void {
    this.#receive = receive;
    this.#schedule();
  }

  onPeer(hear: (event: PeerEvent) => void): void {
    this.#hear = hear;
    this.#schedule();
  }

  setPeers(_addresses: ReadonlyMap<number, PeerAddress>): void {
    // The hub finds them.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrivals.clear();
    this.#hub.leave(this.node);
  }

  /** Takes an envelope from another node, unless too many of its envelopes wait. */
  accept(from: number, envelope: Envelope): boolean {
    const waiting = this.#waiting.get(from) ?? 0;
    if (waiting >= this.#queueMax) return false;
    const copy = { ...envelope, body: copyPlain(envelope.body, `the body of ${envelope.verb}`) };
    this.#waiting.set(from, waiting + 1);
    this.#arrivals.push({ from, envelope: copy });
    this.#schedule();
    return true;
  }

  /** Learns of a peer; in order with the envelopes. */
  hear(event: PeerEvent): void {
    this.#arrivals.push(event);
    this.#schedule();
  }

  /** What comes before somebody listens waits for it. */
  #schedule(): void {
    if (this.#scheduled || this.#closed || this.#arrivals.length === 0) return;
    if (this.#receive === undefined || this.#hear === undefined) return;
    this.#scheduled = true;
    this.#scheduler.later(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    // What arrives meanwhile waits for the next turn.
    for (let left = this.#arrivals.length; left > 0 && !this.#closed; left--) {
      const arrival = this.#arrivals.shift()!;
      if ("type" in arrival) {
        if (arrival.type === "down") this.#waiting.delete(arrival.node);
        this.#hear!(arrival);
      } else {
        this.#waiting.set(arrival.from, (this.#waiting.get(arrival.from) ?? 1) - 1);
        this.#receive!(arrival.envelope);
      }
    }
    this.#schedule();
  }
}
