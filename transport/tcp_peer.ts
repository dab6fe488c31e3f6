/**
 * One other node as this one sees it.
 *
 * ```text
 *   unknown ──a link stands──▶ up ──the last link is lost──▶ lost ──a link stands──▶ up
 *      └──refused──▶ gone ──a link stands──▶ up                └──refused, or another incarnation answers──▶ gone
 * ```
 *
 * A node dials while there is no link, and takes the other side's dials. When two cross, both links stay: sending goes on by the
 * first until it is lost. Each loss is told, even with another link at hand: what was on its way may be lost, and whoever
 * cares asks again when the node is up.
 *
 * Invariant: all links of a peer are with one incarnation of it.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";
import type { Frame } from "./frames.ts";
import type { Identity, LaneName } from "./handshake.ts";
import { dial, type Dialed, TurnedAwayError } from "./tcp_dial.ts";
import { closeSocket, reasonOf } from "./tcp_lane.ts";
import { Link, type LinkHost } from "./tcp_link.ts";
import type { PeerAddress, PeerEvent } from "./transport.ts";

/** Whom a peer serves. */
export interface PeerHost extends LinkHost {
  readonly nodeId: number;
  readonly incarnationId: string;
  readonly clock: Clock;
  readonly random: Random;
  hear(event: PeerEvent): void;
  /** Why there can be no link with whoever says this of itself, if there cannot. */
  objection(identity: Identity): string | undefined;
  report(cause: string, sentence: string): void;
}

/** Another node. */
export class Peer {
  readonly nodeId: number;
  readonly #host: PeerHost;
  #state: "unknown" | "up" | "lost" | "gone" = "unknown";
  #address: PeerAddress | undefined;
  /** The incarnation that was met last. */
  #incarnationId: string | undefined;
  /** At most one that this node has dialed and one that the other has; sending goes by the first. */
  #links: Link[] = [];
  #dialing: AbortController | undefined;
  /** Dials since a link last stood for a while. */
  #attempts = 0;
  #calmRetry: (() => void) | undefined;
  /** What waits for the first link of all. */
  #waiting: Frame[] = [];
  #waitingBytes = 0;
  #waitingUntilMs = 0;
  #closed = false;

  constructor(host: PeerHost, nodeId: number) {
    this.#host = host;
    this.nodeId = nodeId;
  }

  get links(): readonly Link[] {
    return this.#links;
  }

  /** Whether sending to it is worth the trouble. */
  get reachable(): boolean {
    return this.#links.length > 0 || this.#mayWait();
  }

  /** Where it is dialed from now on. */
  setAddress({ host, port }: PeerAddress): void {
    if (this.#address?.host === host && this.#address.port === port) return;
    this.#address = { host, port };
    this.#attempts = 0;
    if (this.#links.length > 0) return; // it stays, whatever the address of the next one
    this.#forgetWaiting();
    if (this.#state === "unknown") this.#waitingUntilMs = this.#host.clock.monotonic() + this.#host.limits.waitingMs;
    this.#dialing?.abort(new Error("its address has changed"));
    this.#dialing = undefined;
    this.#redial();
  }

  /** Sends, or lets wait what may become possible soon. */
  send(frame: Frame): boolean {
    const link = this.#links[0];
    if (link !== undefined) return link.send(frame);
    if (!this.#mayWait() || this.#waitingBytes + frame.bytes > this.#host.limits.waitingBytesMax) return false;
    this.#waiting.push({ head: frame.head.slice(), beside: frame.beside.slice(), bytes: frame.bytes });
    this.#waitingBytes += frame.bytes;
    return true;
  }

  /** Why a link with this incarnation cannot be, if it cannot. */
  objection({ incarnationId }: Identity): string | undefined {
    if (this.#links.length === 0 || this.#incarnationId === incarnationId) return undefined;
    return `node ${this.nodeId} is connected already, as another process: every node needs an id of its own`;
  }

  /** Takes a link whose control lane stands, and to which there was no objection. */
  stand(link: Link): void {
    const former = this.#links.find(({ dialed }) => dialed === link.dialed);
    if (former !== undefined) this.#remove(former); // its side has given it up, or it would not have made another
    const { incarnationId } = link;
    if (this.#incarnationId !== undefined && this.#incarnationId !== incarnationId) this.#gone();
    this.#incarnationId = incarnationId;
    this.#links.push(link);
    this.#calm();
    if (this.#state === "up") return;
    const inTime = this.#mayWait();
    const waiting = this.#forgetWaiting();
    this.#state = "up";
    this.#host.hear({ type: "up", node: this.nodeId });
    if (inTime) { for (const frame of waiting) link.send(frame); }
  }

  /** A link is lost, or must not be. */
  lost(link: Link, reason: string): void {
    if (this.#closed || !this.#links.includes(link)) return;
    const { clock, limits, report } = this.#host;
    report(`lost ${this.nodeId}`, `The link to node ${this.nodeId} was lost: ${reason}.`);
    if (clock.monotonic() - link.stoodMs >= limits.steadyMs) this.#attempts = 0;
    this.#remove(link);
    this.#redial();
  }

  /** One interval is over. */
  tick(): void {
    for (const link of [...this.#links]) link.tick();
  }

  close(): void {
    this.#closed = true;
    this.#calm();
    this.#dialing?.abort(new Error("this node ends"));
    this.#forgetWaiting();
    for (const link of this.#links.splice(0)) link.close();
  }

  /** Takes a link out and tells of it. */
  #remove(link: Link): void {
    link.close();
    this.#links = this.#links.filter((other) => other !== link);
    this.#state = "lost";
    this.#host.hear({ type: "down", node: this.nodeId, refused: false });
    if (this.#links.length === 0 || this.#closed) return;
    this.#state = "up";
    this.#host.hear({ type: "up", node: this.nodeId });
  }

  /** The process that was there is gone. */
  #gone(): void {
    this.#forgetWaiting();
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#host.hear({ type: "down", node: this.nodeId, refused: true });
  }

  #mayWait(): boolean {
    return this.#state === "unknown" && this.#address !== undefined &&
      this.#host.clock.monotonic() < this.#waitingUntilMs;
  }

  #forgetWaiting(): readonly Frame[] {
    this.#waitingBytes = 0;
    return this.#waiting.splice(0);
  }

  #calm(): void {
    this.#calmRetry?.();
    this.#calmRetry = undefined;
  }

  /** Dials, now or when it is time again, unless that is under way or not needed. */
  #redial(): void {
    this.#calm();
    if (this.#closed || this.#address === undefined || this.#links.length > 0 || this.#dialing !== undefined) return;
    if (this.#attempts === 0) return this.#dial(this.#address);
    const { clock, random, limits } = this.#host;
    const wholeMs = Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** (this.#attempts - 1));
    const address = this.#address;
    this.#calmRetry = clock.after(wholeMs * (0.5 + random.below(512) / 1_024), () => this.#dial(address));
  }

  #dial(address: PeerAddress): void {
    const dialing = new AbortController();
    this.#dialing = dialing;
    this.#attempts++;
    this.#host.track(
      this.#connect(address, dialing.signal).finally(() => {
        if (this.#dialing !== dialing) return;
        this.#dialing = undefined;
        this.#redial();
      }),
    );
  }

  /** Makes a link, both connections of it. */
  async #connect(address: PeerAddress, signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    const linkId = this.#host.random.uint32();
    let link: Link | undefined;
    try {
      const { conn, identity } = await this.#dialLane(address, "control", linkId, signal);
      this.#demand(conn, identity, signal);
      link = new Link(this.#host, {
        identity,
        linkId,
        dialed: true,
        conn,
        greeting: undefined,
        stoodMs: clock.monotonic(),
      });
      this.stand(link);
      const bulk = await this.#dialLane(address, "bulk", linkId, signal);
      this.#demand(bulk.conn, bulk.identity, signal);
      if (!link.attach(bulk.conn, undefined)) closeSocket(bulk.conn);
    } catch (error) {
      if (this.#closed) return;
      if (link !== undefined) this.lost(link, `its second connection failed: ${reasonOf(error)}`);
      else if (!signal.aborted) this.#failed(address, error);
    }
  }

  #dialLane(address: PeerAddress, lane: LaneName, linkId: number, signal: AbortSignal): Promise<Dialed> {
    const { nodeId, incarnationId, limits, clock } = this.#host;
    const clusterId = this.#host.clusterId();
    return dial(
      address,
      { nodeId, incarnationId, clusterId, expectedId: this.nodeId, lane, linkId },
      limits,
      clock,
      signal,
    );
  }

  /** Closes a connection and throws, unless whoever answers is who was meant. */
  #demand(conn: Deno.TcpConn, identity: Identity, signal: AbortSignal): void {
    const reason = identity.nodeId === this.nodeId
      ? this.#host.objection(identity) ?? this.objection(identity)
      : `node ${identity.nodeId} answers there`;
    if (reason === undefined && !signal.aborted) return;
    closeSocket(conn);
    throw new Error(reason ?? "it is too late");
  }

  #failed({ host, port }: PeerAddress, error: unknown): void {
    if (error instanceof Deno.errors.ConnectionRefused) {
      if (this.#links.length === 0) this.#gone();
      return;
    }
    const [where, reason] = [`Node ${this.nodeId} at ${host}:${port}`, reasonOf(error)];
    const verdict = error instanceof TurnedAwayError ? "turned this node away" : "cannot be linked to";
    this.#host.report(`dial ${this.nodeId} ${reason}`, `${where} ${verdict}: ${reason}.`);
  }
}
