/**
 * Nodes on a simulated network: everything that a network may do to envelopes, by seed.
 *
 *     send ──lost?──▶ delay (minimum + exponential) ──▶ cut? node gone? ──▶ clogged or paused? wait ──▶ receive
 *              └─repeated?─▶ the same again, with a delay of its own
 *
 * Each directed link has chance of its own, so that a new fault on one does not change what happens on the others. All draws
 * are in integers: floating-point exponentials differ between machines.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/env.ts";
import { copyPlain } from "../lib/plain.ts";
import type { Random } from "../lib/prng.ts";
import type { Envelope, PeerAddress, PeerEvent, Transport } from "./transport.ts";

/** What goes wrong, and how often. */
export interface NetworkFaults {
  /** Every envelope takes at least this long. Default 100. */
  readonly delayMinMicros: number;
  /** And on the average this much longer, exponentially: what overtakes what comes from here. Default 400. */
  readonly delayMeanMicros: number;
  /** How many envelopes of a million are lost. Default 0. */
  readonly lossPerMillion: number;
  /** How many envelopes of a million come twice. Default 0. */
  readonly duplicationPerMillion: number;
  /** Envelopes on their way on one link; of more than these, a random one is lost. Default 10 000. */
  readonly queueMax: number;
}

/** A network that only delays. */
const NO_FAULTS: NetworkFaults = {
  delayMinMicros: 100,
  delayMeanMicros: 400,
  lossPerMillion: 0,
  duplicationPerMillion: 0,
  queueMax: 10_000,
};

/** How a network is made. */
export interface SimulatedOptions {
  /** A virtual clock: on a real one the network works, but nothing repeats. */
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: Partial<NetworkFaults>;
}

/** What has become of envelopes so far. */
export interface NetworkCounts {
  readonly sent: number;
  readonly delivered: number;
  readonly lost: number;
  readonly repeated: number;
}

/** Connects nodes, as well as its faults let it. */
export class SimulatedNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #nodes = new Map<number, SimulatedTransport>();
  readonly #links = new Map<string, Link>();
  readonly #counts = { sent: 0, delivered: 0, lost: 0, repeated: 0 };
  /** Nodes that are gone without anybody knowing. */
  readonly #vanished = new Set<number>();
  #faults: NetworkFaults;

  constructor(options: SimulatedOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#faults = { ...NO_FAULTS, ...options.faults };
  }

  /** What goes wrong from now on; names not given stay as they are. */
  set faults(faults: Partial<NetworkFaults>) {
    this.#faults = { ...this.#faults, ...faults };
  }

  get faults(): NetworkFaults {
    return this.#faults;
  }

  get counts(): NetworkCounts {
    return { ...this.#counts };
  }

  /** Brings a node in, for the first time or after its end; all others hear that it is up, and it of them. */
  join(node: number): Transport {
    assert(!this.#nodes.has(node), `node ${node} has joined already`);
    const joining = new SimulatedTransport(this, node);
    this.#nodes.set(node, joining);
    this.#vanished.delete(node);
    for (const other of this.#nodes.values()) {
      if (other === joining) continue;
      this.#tell(other, { type: "up", node });
      this.#tell(joining, { type: "up", node: other.node });
    }
    return joining;
  }

  /**
   * The node's process is gone: what was on its way to it is lost, and the others hear that it refuses. With `silently` its machine is
   * gone too, and nobody hears anything.
   */
  kill(node: number, silently = false): void {
    const end = this.#nodes.get(node);
    if (end === undefined) return;
    this.#nodes.delete(node);
    end.gone = true;
    if (silently) return void this.#vanished.add(node);
    for (const other of this.#nodes.values()) this.#tell(other, { type: "down", node, refused: true });
  }

  /** The node's process stands still: what comes for it waits, and nobody hears of it. */
  pause(node: number): void {
    const end = this.#nodes.get(node);
    if (end !== undefined) end.paused = true;
  }

  /** What has come for the node meanwhile is delivered now. */
  resume(node: number): void {
    this.#nodes.get(node)?.resume();
  }

  /** Whatever arrives on this way from now on is lost, silently. The way back is not touched. */
  cut(from: number, to: number): void {
    this.#link(from, to).cut = true;
  }

  /** Whatever arrives on this way from now on waits until the link is healed. */
  clog(from: number, to: number): void {
    this.#link(from, to).clogged = true;
  }

  /** Ends the cut and the clog of one way, or of all; what was held up arrives now. */
  heal(from?: number, to?: number): void {
    const links = from === undefined || to === undefined ? [...this.#links.values()] : [this.#link(from, to)];
    for (const link of links) {
      link.cut = link.clogged = false;
      for (const arrive of link.held.splice(0)) arrive();
    }
  }

  /** Breaks the connection between two nodes: what is on its way is lost, both hear of it, and then that it stands again. */
  reset(a: number, b: number): void {
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const link = this.#link(from, to);
      link.epoch++;
      this.#counts.lost += link.travelling;
      link.travelling = 0;
      link.held = [];
      const end = this.#nodes.get(to);
      if (end === undefined || !this.#nodes.has(from)) continue;
      end.hear({ type: "down", node: from, refused: false });
      this.#tell(end, { type: "up", node: from });
    }
  }

  /** Sends on its way what a node sends. For the nodes' ends themselves. */
  carry(sender: SimulatedTransport, node: number, envelope: Envelope): boolean {
    const target = sender.gone ? undefined : this.#nodes.get(node);
    if (target === undefined) return !sender.gone && this.#vanished.has(node);
    const link = this.#link(sender.node, node);
    const { lossPerMillion, duplicationPerMillion, queueMax } = this.#faults;
    const body = copyPlain(envelope.body, `the body of ${envelope.verb}`);
    this.#counts.sent++;
    if (link.random.chance(lossPerMillion, 1_000_000) || link.travelling >= queueMax) {
      this.#counts.lost++;
      return true; // nobody can know
    }
    this.#send(link, target, { ...envelope, body });
    if (link.random.chance(duplicationPerMillion, 1_000_000)) {
      this.#counts.repeated++;
      this.#send(link, target, { ...envelope, body: copyPlain(body) });
    }
    return true;
  }

  #send(link: Link, target: SimulatedTransport, envelope: Envelope): void {
    const { epoch } = link;
    link.travelling++;
    const arrive = () => {
      if (link.epoch !== epoch) return;
      if (link.clogged) return void link.held.push(arrive);
      link.travelling--;
      if (link.cut || target.gone) this.#counts.lost++;
      else {
        this.#counts.delivered++;
        target.receive(envelope);
      }
    };
    this.#clock.after(this.#delayMs(link.random), arrive);
  }

  #tell(end: SimulatedTransport, event: PeerEvent): void {
    const link = this.#link(event.node, end.node);
    const nowMs = this.#clock.monotonic();
    // News of one peer stay in order: a death must not be heard after the rebirth.
    link.newsDueMs = Math.max(nowMs + this.#delayMs(link.random), link.newsDueMs + 0.001);
    this.#clock.after(link.newsDueMs - nowMs, () => end.hear(event));
  }

  #delayMs(random: Random): number {
    const { delayMinMicros, delayMeanMicros } = this.#faults;
    return (delayMinMicros + exponential(delayMeanMicros, random)) / 1_000;
  }

  #link(from: number, to: number): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = {
        random: this.#random.split(key),
        cut: false,
        clogged: false,
        travelling: 0,
        held: [],
        epoch: 0,
        newsDueMs: 0,
      };
      this.#links.set(key, link);
    }
    return link;
  }
}

/** The way from one node to another. */
interface Link {
  readonly random: Random;
  cut: boolean;
  clogged: boolean;
  /** Envelopes on their way, held ones included. */
  travelling: number;
  held: (() => void)[];
  /** Counts up when everything on the way is lost. */
  epoch: number;
  /** When the last news of `from` reaches `to`. */
  newsDueMs: number;
}

/** One node's end of a {@linkcode SimulatedNetwork}. */
class SimulatedTransport implements Transport {
  readonly #network: SimulatedNetwork;
  /** What comes while the node is paused, or before somebody listens. */
  #held: (() => void)[] = [];
  #receive: ((envelope: Envelope) => void) | undefined;
  #hear: ((event: PeerEvent) => void) | undefined;
  gone = false;
  paused = false;

  constructor(network: SimulatedNetwork, readonly node: number) {
    this.#network = network;
  }

  send(node: number, envelope: Envelope): boolean {
    return this.#network.carry(this, node, envelope);
  }

  onReceive(receive: (envelope: Envelope) => void): void {
    this.#receive = receive;
    this.#release();
  }

  onPeer(hear: (event: PeerEvent) => void): void {
    this.#hear = hear;
    this.#release();
  }

  setPeers(_addresses: ReadonlyMap<number, PeerAddress>): void {
    // The network finds them.
  }

  close(): void {
    if (!this.gone) this.#network.kill(this.node);
  }

  receive(envelope: Envelope): void {
    this.#arrive(() => this.#receive!(envelope));
  }

  hear(event: PeerEvent): void {
    this.#arrive(() => this.#hear!(event));
  }

  resume(): void {
    this.paused = false;
    this.#release();
  }

  #arrive(task: () => void): void {
    this.#held.push(task);
    this.#release();
  }

  #release(): void {
    while (!this.paused && !this.gone && this.#receive !== undefined && this.#hear !== undefined) {
      const task = this.#held.shift();
      if (task === undefined) return;
      task();
    }
  }
}

/**
 * An exponentially distributed whole number with about this mean. The number of heads in a row says between which powers of a
 * half it lies, and a uniform draw where between them.
 */
function exponential(mean: number, random: Random): number {
  const heads = Math.clz32(random.uint32());
  return Math.floor((mean * (heads * 1_024 + random.below(1_024)) * 710) / 0x10_0000); // 710 / 1024 is ln 2
}
