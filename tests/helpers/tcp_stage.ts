/**
 * Nodes that are linked by real sockets of this machine, for tests of what runs over them.
 *
 * @module
 */
import { realEnv } from "../../server/env.ts";
import { TcpTransport } from "../../transport/tcp.ts";
import type { TcpLimits } from "../../transport/tcp_limits.ts";
import type { Envelope, PeerAddress, PeerEvent, Transport } from "../../transport/transport.ts";
import { eventually } from "./patience.ts";

const HOST = "127.0.0.1";
const MARKER = "$marker";
/** Large enough for the bulk lane. */
const LARGE = new Uint8Array(20_000);

/** Limits that make a test wait less. */
export const QUICK: Partial<TcpLimits> = { pingMs: 50, backoffMinMs: 2, backoffMaxMs: 20 };

/** A network of tcp transports on free ports, each of which knows where the others are. */
export class TcpStage {
  readonly #limits: Partial<TcpLimits>;
  readonly #ends = new Map<number, StagedTransport>();
  readonly #all: TcpTransport[] = [];
  /** What the operator was told, with the node it was told by. */
  readonly reports: string[] = [];
  #lives = 0;

  constructor(limits: Partial<TcpLimits> = {}) {
    this.#limits = { ...QUICK, ...limits };
  }

  /** Brings a node in, for the first time or again. */
  join(node: number): Transport {
    const tcp = new TcpTransport({
      nodeId: node,
      incarnationId: `life ${++this.#lives}`,
      clusterId: () => "",
      hostname: HOST,
      port: 0,
      env: realEnv(),
      report: (sentence) => this.reports.push(`${node}: ${sentence}`),
      limits: this.#limits,
    });
    this.#all.push(tcp);
    const end = new StagedTransport(tcp);
    this.#ends.set(node, end);
    const addresses = new Map<number, PeerAddress>();
    for (const [id, { tcp }] of this.#ends) addresses.set(id, { host: HOST, port: tcp.port });
    for (const { tcp } of this.#ends.values()) tcp.setPeers(addresses);
    return end;
  }

  /** Waits until everything that was sent so far between nodes that are up has arrived. */
  async settle(): Promise<void> {
    const markers: Promise<void>[] = [];
    for (const [node, end] of this.#ends) {
      for (const peer of end.up) {
        const target = this.#ends.get(peer)!;
        if (end.closed || target.closed) continue;
        for (const body of [null, LARGE]) markers.push(this.#mark(node, end, peer, target, body));
      }
    }
    await Promise.all(markers);
  }

  /** Ends all nodes, and waits until they have let go of their sockets. */
  async close(): Promise<void> {
    for (const tcp of this.#all) tcp.close();
    await Promise.all(this.#all.map((tcp) => tcp.ended()));
  }

  async #mark(from: number, end: StagedTransport, to: number, target: StagedTransport, body: unknown): Promise<void> {
    const key = keyOf(from, body);
    const before = target.markers.get(key) ?? 0;
    const marker = { to: MARKER, from: String(from), call: 0, verb: MARKER, body };
    await eventually(() => end.send(to, marker), `room for a marker from ${from} to ${to}`);
    await eventually(() => (target.markers.get(key) ?? 0) > before, `the marker from ${from} to ${to}`);
  }
}

/** A transport that keeps markers to itself. */
class StagedTransport implements Transport {
  /** How many markers have come from each node by each lane. */
  readonly markers = new Map<string, number>();
  readonly up = new Set<number>();
  closed = false;

  constructor(readonly tcp: TcpTransport) {}

  get node(): number {
    return this.tcp.node;
  }

  send(node: number, envelope: Envelope): boolean {
    return this.tcp.send(node, envelope);
  }

  onReceive(receive: (envelope: Envelope) => void): void {
    this.tcp.onReceive((envelope) => {
      if (envelope.verb !== MARKER) return receive(envelope);
      const key = keyOf(Number(envelope.from), envelope.body);
      this.markers.set(key, (this.markers.get(key) ?? 0) + 1);
    });
  }

  onPeer(hear: (event: PeerEvent) => void): void {
    this.tcp.onPeer((event) => {
      if (event.type === "up") this.up.add(event.node);
      else this.up.delete(event.node);
      hear(event);
    });
  }

  setPeers(addresses: ReadonlyMap<number, PeerAddress>): void {
    this.tcp.setPeers(addresses);
  }

  close(): void {
    this.closed = true;
    this.tcp.close();
  }
}

function keyOf(from: number, body: unknown): string {
  return `${from} ${body === null ? "control" : "bulk"}`;
}
