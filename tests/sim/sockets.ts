/**
 * Kafka's sockets without a network: bytes between a client and a node, in order, at the pace and in the pieces that chance wants.
 *
 *     client ──bytes, in pieces, delayed──▶ frames ──▶ connection actor        (frames wait while its mailbox is full)
 *     client ◀──bytes, in pieces, delayed── chunks ◀── connection actor
 *
 * A stream may be cut at any byte: noticed by both sides (reset), by one, or by nobody (the packets are lost, and the
 * client's patience ends).
 *
 * Invariant: what arrives is a beginning of what was sent.
 *
 * @module
 */
import type { BrokerRef, ConnectionArgs, ConnectionRef, ConnectionSocket } from "../../actors/broker/protocol.ts";
import { CONNECTION } from "../../actors/broker/protocol.ts";
import type { ActorSystem } from "../../actors/system.ts";
import type { Clock } from "../../lib/env.ts";
import { concatenate } from "../../lib/bytes.ts";
import type { Random } from "../../lib/prng.ts";
import { Framer } from "../../protocol/frame.ts";

/** As the listener has it: unanswered requests of one connection before its socket is no longer read. */
const UNANSWERED_MAX = 64;

/** What the way between clients and nodes does to bytes. */
export interface SocketFaults {
  readonly delayMinMicros: number;
  readonly delayMeanMicros: number;
  /** How many writes of a thousand arrive in several pieces. */
  readonly splitPerThousand: number;
}

/** A way that only delays. */
export const CALM_SOCKETS: SocketFaults = { delayMinMicros: 50, delayMeanMicros: 200, splitPerThousand: 0 };

/** The client's side of a socket. */
export interface ClientSide {
  /** Bytes have come. They belong to whoever is told. */
  bytes(chunk: Uint8Array): void;
  /** Nothing more will come. */
  closed(): void;
}

/** One socket, both ends of it. */
export class SimulatedSocket implements ConnectionSocket {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #faults: () => SocketFaults;
  readonly #client: ClientSide;
  readonly #framer = new Framer();
  readonly #waiting: Uint8Array[] = [];
  readonly #gone: () => void;
  #system: ActorSystem | undefined;
  #ref: ConnectionRef | undefined;
  #unanswered = 0;
  #dueMs = [0, 0];
  #reading = false;
  /** Bytes are lost from now on, both ways, and nobody is told. */
  isCut = false;
  isOpen = true;

  /** @param gone called when it is open no more */
  constructor(
    clock: Clock,
    random: Random,
    faults: () => SocketFaults,
    client: ClientSide,
    gone: () => void,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
    this.#client = client;
    this.#gone = gone;
  }

  /** The node takes the socket, and gives it a connection actor. */
  accept(system: ActorSystem, broker: BrokerRef, id: number): void {
    this.#system = system;
    const args: ConnectionArgs = { broker, socketId: id, remote: `client:${id}` };
    this.#ref = system.spawn(CONNECTION, String(id), args);
  }

  // The client's side.

  /** The client sends. */
  send(bytes: Uint8Array): void {
    this.#carry(0, bytes, (piece) => this.#arrived(piece));
  }

  /** The client goes. */
  hangUp(): void {
    if (!this.isOpen) return;
    this.#end();
    if (!this.isCut) this.#after(0, () => this.#tellActor("the peer closed"));
  }

  // The node's side, as its connection actor uses it.

  write(chunks: readonly Uint8Array[], sent: () => void): void {
    if (!this.isOpen) return;
    this.#carry(1, concatenate(chunks), (piece) => this.#client.bytes(piece));
    this.#clock.after(0.01, sent);
  }

  release(): void {
    this.#unanswered--;
    this.#offer();
  }

  reserve(bytes: number): number {
    return bytes;
  }

  giveBack(): void {}

  close(): void {
    if (!this.isOpen) return;
    this.#ref = undefined; // there is nobody to tell
    this.#end();
    if (!this.isCut) this.#after(1, () => this.#client.closed());
  }

  // What happens to it.

  /** Both sides learn that it is broken; what is on its way is lost. */
  reset(): void {
    if (!this.isOpen) return;
    this.#end();
    this.#client.closed();
    this.#tellActor("the connection was reset");
  }

  /** The node is gone; the client learns of it, or (`silently`) does not. */
  nodeGone(silently: boolean): void {
    if (!this.isOpen) return;
    this.#ref = undefined;
    if (silently) {
      this.isCut = true;
      return;
    }
    this.#end();
    this.#after(1, () => this.#client.closed());
  }

  #end(): void {
    this.isOpen = false;
    this.#gone();
  }

  #tellActor(reason: string): void {
    if (this.#ref !== undefined) this.#system?.tell(this.#ref, "disconnected", { reason });
  }

  /** One piece after another, in order; what is on its way when the socket ends is lost. */
  #carry(direction: 0 | 1, bytes: Uint8Array, arrive: (piece: Uint8Array) => void): void {
    if (!this.isOpen || this.isCut) return;
    for (const piece of this.#pieces(bytes)) {
      this.#after(direction, () => {
        if (this.isOpen && !this.isCut) arrive(piece);
      });
    }
  }

  #pieces(bytes: Uint8Array): Uint8Array[] {
    if (!this.#random.chance(this.#faults().splitPerThousand, 1_000) || bytes.length < 2) return [bytes];
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (let count = 1 + this.#random.below(4); count > 0 && from < bytes.length - 1; count--) {
      const to = from + 1 + this.#random.below(bytes.length - 1 - from);
      pieces.push(bytes.slice(from, to));
      from = to;
    }
    pieces.push(bytes.slice(from));
    return pieces;
  }

  #after(direction: 0 | 1, task: () => void): void {
    const { delayMinMicros, delayMeanMicros } = this.#faults();
    const nowMs = this.#clock.monotonic();
    const delayMs = (delayMinMicros + this.#random.below(2 * delayMeanMicros + 1)) / 1_000;
    // A stream stays in order.
    const dueMs = Math.max(nowMs + delayMs, this.#dueMs[direction]! + 0.001);
    this.#dueMs[direction] = dueMs;
    this.#clock.after(dueMs - nowMs, task);
  }

  #arrived(piece: Uint8Array): void {
    for (const frame of this.#framer.feed(piece)) this.#waiting.push(frame);
    this.#offer();
  }

  /** Hands over what has come, as far as the connection takes it. */
  #offer(): void {
    if (this.#reading || this.#ref === undefined) return;
    while (this.#waiting.length > 0 && this.#unanswered < UNANSWERED_MAX) {
      const ref = this.#ref;
      if (!this.#system!.offer(ref, "frame", this.#waiting[0]!)) {
        this.#reading = true;
        this.#system!.whenRoom(ref, () => {
          this.#reading = false;
          this.#offer();
        });
        return;
      }
      this.#waiting.shift();
      this.#unanswered++;
    }
  }
}
