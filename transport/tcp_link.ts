/**
 * One link between two nodes: two connections, dialed by the same side.
 *
 * ```text
 *   control   small envelopes: heartbeats, votes, most questions and answers
 *   bulk      large ones: records                           ready a little later than the control lane
 * ```
 *
 * A link lives and dies as a whole: when either connection is lost, closes or falls silent, both are given up, and what was on
 * its way is lost.
 *
 * @module
 */
import type { Scheduler } from "../lib/env.ts";
import type { PlainReader } from "../lib/plain_reader.ts";
import { type Arrival, type Frame, FrameReader } from "./frames.ts";
import type { Identity } from "./handshake.ts";
import { SendQueue } from "./send_queue.ts";
import { Lane } from "./tcp_lane.ts";
import type { TcpLimits } from "./tcp_limits.ts";
import type { Envelope } from "./transport.ts";

/** Smaller frames go by the control lane. */
const CONTROL_BYTES = 16 << 10;

/** Whom a link serves. */
export interface LinkHost {
  readonly scheduler: Scheduler;
  readonly limits: TcpLimits;
  readonly plain: PlainReader;
  receive(envelope: Envelope): void;
  /** The link is of no use any more; heard once, unless it was closed. */
  lost(link: Link, reason: string): void;
  /** The other side has said which cluster it belongs to. */
  introduced(link: Link): void;
  /** A frame to be sent as a sign of life. */
  ping(): Frame;
  /** The cluster's id that a ping would tell. */
  clusterId(): string;
  /** Waits for the end of something when the transport ends. */
  track(ended: Promise<void>): void;
}

/** How a link begins. */
export interface LinkOptions {
  readonly identity: Identity;
  /** The same for its two connections. */
  readonly linkId: number;
  /** Whether this node has dialed it. */
  readonly dialed: boolean;
  readonly conn: Deno.TcpConn;
  /** Bytes that go before the first frame. */
  readonly greeting: Uint8Array | undefined;
  readonly stoodMs: number;
}

/** A link whose control lane stands. */
export class Link {
  readonly nodeId: number;
  readonly incarnationId: string;
  readonly linkId: number;
  readonly dialed: boolean;
  /** Since when it stands. */
  readonly stoodMs: number;
  /** The other side's cluster, "" while it is not known. */
  clusterId: string;
  readonly #host: LinkHost;
  readonly #queues: { readonly control: SendQueue; readonly bulk: SendQueue };
  readonly #control: Lane;
  #bulk: Lane | undefined;
  #saidClusterId: string;
  /** Intervals in which nothing came, for each lane. */
  readonly #silentPings = { control: 0, bulk: 0 };
  #closed = false;

  constructor(host: LinkHost, { identity, linkId, dialed, conn, greeting, stoodMs }: LinkOptions) {
    this.nodeId = identity.nodeId;
    this.incarnationId = identity.incarnationId;
    this.clusterId = identity.clusterId;
    this.linkId = linkId;
    this.dialed = dialed;
    this.stoodMs = stoodMs;
    this.#host = host;
    this.#saidClusterId = host.clusterId();
    this.#queues = { control: new SendQueue(host.limits.control), bulk: new SendQueue(host.limits.bulk) };
    this.#control = this.#lane(conn, this.#queues.control, greeting);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the second connection stands, too. */
  get complete(): boolean {
    return this.#bulk !== undefined;
  }

  /** Takes the second connection; false when there is one. */
  attach(conn: Deno.TcpConn, greeting: Uint8Array | undefined): boolean {
    if (this.#closed || this.complete) return false;
    this.#bulk = this.#lane(conn, this.#queues.bulk, greeting);
    return true;
  }

  /** Sends by the lane that is right for its size; false when too much waits there. */
  send(frame: Frame): boolean {
    const lane = frame.bytes < CONTROL_BYTES ? "control" : "bulk";
    if (!this.#queues[lane].add(frame)) return false;
    (lane === "control" ? this.#control : this.#bulk)?.wake();
    return true;
  }

  /** One interval is over: gives a sign of life where nothing went out, and the link up where nothing came in. */
  tick(): void {
    const clusterId = this.#host.clusterId();
    const news = this.#saidClusterId !== clusterId;
    this.#saidClusterId = clusterId;
    this.#tickLane("control", this.#control, news);
    this.#tickLane("bulk", this.#bulk, false);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#control.close();
    this.#bulk?.close();
  }

  #tickLane(name: "control" | "bulk", lane: Lane | undefined, news: boolean): void {
    if (this.#closed) return;
    // Intervals are counted, not milliseconds: after a pause of this process, what has come meanwhile is read before it counts.
    if (lane?.heard) this.#silentPings[name] = 0;
    else if (++this.#silentPings[name] >= this.#host.limits.silentPingsMax) {
      return this.#lost(`nothing has come by its ${name} lane for too long`);
    }
    if (lane === undefined) return;
    const queue = this.#queues[name];
    if (news || (!lane.spoke && queue.empty)) queue.add(this.#host.ping());
    lane.heard = lane.spoke = false;
    lane.wake();
  }

  #lane(conn: Deno.TcpConn, queue: SendQueue, greeting: Uint8Array | undefined): Lane {
    const host = this.#host;
    const lane = new Lane(conn, queue, new FrameReader(host.limits.frameBytesMax, host.plain), greeting, {
      scheduler: host.scheduler,
      arrived: (arrival) => this.#arrived(arrival),
      lost: (reason) => this.#lost(reason),
    });
    host.track(lane.ended);
    return lane;
  }

  #arrived(arrival: Arrival): void {
    if (arrival.type === "envelope") return this.#host.receive(arrival.envelope);
    if (arrival.clusterId === "" || arrival.clusterId === this.clusterId) return;
    this.clusterId = arrival.clusterId;
    this.#host.introduced(this);
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#host.lost(this, reason);
  }
}
