/**
 * Nodes as processes, on one machine or many: envelopes over TCP.
 *
 *     send ──▶ peer ──▶ link ──▶ control lane or bulk lane ──socket──▶ lane ──▶ receive
 *
 * Trust is that of the network: a handshake keeps apart clusters, nodes and incarnations that were mixed up by accident, and nobody
 * who means harm. A peer is known to be gone when its address refuses a connection.
 *
 * Invariant: nothing that another process sends, and no amount of it, makes this one throw or hold more than the limits.
 *
 * @module
 */
import type { Env } from "../lib/env.ts";
import { PlainReader } from "../lib/plain_reader.ts";
import { FrameWriter } from "./frames.ts";
import { encodeAnswer, type Hello, type Identity } from "./handshake.ts";
import { Reports } from "./reports.ts";
import { Link } from "./tcp_link.ts";
import { TCP_LIMITS, type TcpLimits } from "./tcp_limits.ts";
import { TcpListener } from "./tcp_listener.ts";
import { Peer, type PeerHost } from "./tcp_peer.ts";
import type { Envelope, PeerAddress, PeerEvent, Transport } from "./transport.ts";

/** How a tcp transport is made. */
export interface TcpOptions {
  readonly nodeId: number;
  /** Names this life of the node: no other has it. */
  readonly incarnationId: string;
  /** "" while it is not known: such a node speaks to any cluster. */
  readonly clusterId: () => string;
  /** Where to listen for other nodes; port 0 is any that is free. */
  readonly hostname: string;
  readonly port: number;
  readonly env: Env;
  /** Told, a sentence each, what an operator wants to know. */
  readonly report: (sentence: string) => void;
  readonly limits?: Partial<TcpLimits>;
}

/** One node's end of the wire, over TCP. It works once somebody receives and somebody hears of peers. */
export class TcpTransport implements Transport {
  readonly node: number;
  readonly #options: TcpOptions;
  readonly #limits: TcpLimits;
  readonly #reports: Reports;
  readonly #listener: TcpListener;
  readonly #host: PeerHost;
  readonly #frames = new FrameWriter();
  readonly #peers = new Map<number, Peer>();
  /** Addresses that were given before this transport works. */
  readonly #early = new Map<number, PeerAddress>();
  /** What has to end before this transport has. */
  readonly #running = new Set<Promise<void>>();
  #receive: ((envelope: Envelope) => void) | undefined;
  #hear: ((event: PeerEvent) => void) | undefined;
  #calmTick: (() => void) | undefined;
  #started = false;
  #closed = false;

  /** Binds the port at once: what it throws then is the operating system's word on that. */
  constructor(options: TcpOptions) {
    this.node = options.nodeId;
    this.#options = options;
    this.#limits = { ...TCP_LIMITS, ...options.limits };
    const { hostname, port, env: { clock } } = options;
    this.#reports = new Reports(clock, options.report);
    this.#host = this.#makeHost();
    this.#listener = new TcpListener({
      hostname,
      port,
      clock,
      limits: this.#limits,
      admit: (conn, hello) => this.#admit(conn, hello),
      refused: (cause, remote, reason) =>
        this.#reports.say(
          `refused ${cause}`,
          `A connection to node ${this.node} from ${remote} was refused: ${reason}.`,
        ),
    });
  }

  /** The port that is bound, which matters when 0 was asked for. */
  get port(): number {
    return this.#listener.port;
  }

  send(node: number, envelope: Envelope): boolean {
    const peer = this.#peers.get(node);
    if (this.#closed || peer === undefined || !peer.reachable) return false;
    const frame = this.#frames.envelope(envelope);
    if (frame.bytes <= this.#limits.frameBytesMax) return peer.send(frame);
    const { verb, to } = envelope;
    const sizes = `${frame.bytes} bytes, more than the limit of ${this.#limits.frameBytesMax}`;
    this.#reports.say(`large ${verb}`, `A message cannot be sent: ${verb} to ${to} takes ${sizes}.`);
    return false;
  }

  onReceive(receive: (envelope: Envelope) => void): void {
    this.#receive = receive;
    this.#start();
  }

  onPeer(hear: (event: PeerEvent) => void): void {
    this.#hear = hear;
    this.#start();
  }

  setPeers(addresses: ReadonlyMap<number, PeerAddress>): void {
    if (this.#closed) return;
    for (const [node, address] of addresses) {
      if (node === this.node) continue;
      if (this.#started) this.#peer(node).setAddress(address);
      else this.#early.set(node, address);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#calmTick?.();
    this.#listener.close();
    for (const peer of this.#peers.values()) peer.close();
  }

  /** Resolves when every socket and timer has been let go; close it first. */
  async ended(): Promise<void> {
    await this.#listener.ended();
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #start(): void {
    if (this.#started || this.#closed || this.#receive === undefined || this.#hear === undefined) return;
    this.#started = true;
    this.#listener.start();
    this.#tickLater();
    this.setPeers(this.#early);
    this.#early.clear();
  }

  #tickLater(): void {
    this.#calmTick = this.#options.env.clock.after(this.#limits.pingMs, () => {
      for (const peer of this.#peers.values()) {
        for (const link of [...peer.links]) this.#judge(link); // this node may have learned its cluster's id
        peer.tick();
      }
      this.#tickLater();
    });
  }

  #peer(node: number): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) this.#peers.set(node, peer = new Peer(this.#host, node));
    return peer;
  }

  /** Takes a connection that has been dialed in, or says why not. */
  #admit(conn: Deno.TcpConn, hello: Hello): string | undefined {
    const { expectedId, nodeId, incarnationId, lane, linkId } = hello;
    if (expectedId !== this.node) return `node ${expectedId} was looked for, but this is node ${this.node}`;
    const objection = this.#objection(hello) ?? this.#peers.get(nodeId)?.objection(hello);
    if (objection !== undefined) return objection;
    if (!this.#peers.has(nodeId) && this.#peers.size >= this.#limits.peersMax) return "there are too many other nodes";
    const greeting = encodeAnswer({ accepted: true, identity: this.#identity() });
    const peer = this.#peer(nodeId);
    if (lane === "control") {
      const stoodMs = this.#options.env.clock.monotonic();
      peer.stand(new Link(this.#host, { identity: hello, linkId, dialed: false, conn, greeting, stoodMs }));
      return undefined;
    }
    const link = peer.links.find((link) => !link.dialed && link.linkId === linkId);
    const attached = link?.incarnationId === incarnationId && link.attach(conn, greeting);
    return attached ? undefined : "the first connection of its link is not here";
  }

  #identity(): Identity {
    const { nodeId, incarnationId, clusterId } = this.#options;
    return { nodeId, incarnationId, clusterId: clusterId() };
  }

  /** Why there can be no link with whoever says this of itself, in words that both sides understand. */
  #objection({ nodeId, clusterId }: Pick<Identity, "nodeId" | "clusterId">): string | undefined {
    if (nodeId === this.node) return `both have the id ${nodeId}: every node needs an id of its own`;
    const ours = this.#options.clusterId();
    if (ours === "" || clusterId === "" || clusterId === ours) return undefined;
    return `node ${nodeId} belongs to cluster ${clusterId}, and node ${this.node} to cluster ${ours}`;
  }

  #judge(link: Link): void {
    const objection = this.#objection(link);
    if (objection !== undefined) this.#peer(link.nodeId).lost(link, objection);
  }

  #makeHost(): PeerHost {
    const { nodeId, incarnationId, clusterId, env } = this.#options;
    return {
      nodeId,
      incarnationId,
      clusterId,
      clock: env.clock,
      scheduler: env.scheduler,
      random: env.random.split("transport"),
      limits: this.#limits,
      plain: new PlainReader(),
      receive: (envelope) => this.#receive!(envelope),
      hear: (event) => this.#hear!(event),
      objection: (identity) => this.#objection(identity),
      introduced: (link) => this.#judge(link),
      lost: (link, reason) => this.#peer(link.nodeId).lost(link, reason),
      ping: () => this.#frames.ping(clusterId()),
      report: (cause, sentence) => this.#reports.say(cause, sentence),
      track: (ended) => {
        const running = ended.finally(() => this.#running.delete(running));
        this.#running.add(running);
      },
    };
  }
}
