/**
 * A client's connections to brokers in its own process: a connection actor for each, as a socket would have, and frames that are
 * handed over instead of being sent.
 *
 *     client ──frames──▶ connection actor        (frames wait while its mailbox is full)
 *     client ◀──frames── connection actor
 *
 * Invariant: nothing arrives in the turn in which it was sent.
 *
 * @module
 */
import type { BrokerRef, ConnectionRef, ConnectionSocket } from "../actors/broker/protocol.ts";
import { CONNECTION } from "../actors/broker/protocol.ts";
import type { Network, NodeAddress } from "../actors/consumer/network.ts";
import type { ActorSystem } from "../actors/system.ts";
import { concatenate } from "../lib/bytes.ts";
import type { Env } from "../lib/env.ts";
import { Framer } from "../protocol/frame.ts";
import { LaneNetwork, type Wire, type WireEnd } from "./lane_network.ts";

/** A broker in this process. */
export interface LocalBroker {
  readonly system: ActorSystem;
  readonly broker: BrokerRef;
  /** Where its connection actors find their sockets. */
  readonly sockets: LocalSockets;
}

/** As the numbers of real sockets begin at 1, these begin far from them. */
const FIRST_ID = 1_000_000_000;
/** As a listener has it: what may be unanswered before nothing more is taken. */
const UNANSWERED_MAX = 64;
const FRAME_BYTES_MAX = 0x7fff_ffff;

/** The sockets of a broker that are none: beside those of its listener. */
export class LocalSockets {
  readonly #open = new Map<number, LocalWire>();
  #nextId = FIRST_ID;

  /** The socket with this number, for its connection actor. */
  socket(id: number): ConnectionSocket | undefined {
    return this.#open.get(id)?.socket;
  }

  /** Closes all of them, as a broker does that stops. */
  close(): void {
    for (const wire of [...this.#open.values()]) wire.hangUp();
  }

  /** For the sockets themselves. */
  enter(wire: LocalWire): number {
    const id = this.#nextId++;
    this.#open.set(id, wire);
    return id;
  }

  /** For the sockets themselves. */
  leave(id: number): void {
    this.#open.delete(id);
  }
}

/** A network of brokers in this process; `find` says which one is at an address, if one is. */
export function localNetwork(find: (address: NodeAddress) => LocalBroker | undefined, env: Env): Network {
  return new LaneNetwork((to, end) => new LocalWire(() => find(to), end, env), env.clock);
}

/** Both ends of a connection within the process. */
export class LocalWire implements Wire {
  /** The broker's end. */
  readonly socket: ConnectionSocket = {
    write: (chunks, sent) => this.#write(chunks, sent),
    release: () => this.#release(),
    reserve: (bytes) => bytes,
    giveBack: () => {},
    close: () => this.hangUp(),
  };
  readonly #end: WireEnd;
  readonly #env: Env;
  readonly #toBroker = new Framer(FRAME_BYTES_MAX);
  readonly #toClient = new Framer(FRAME_BYTES_MAX);
  readonly #waiting: Uint8Array[] = [];
  #broker: LocalBroker | undefined;
  #ref: ConnectionRef | undefined;
  #id = 0;
  /** What the client is to hear. */
  readonly #toTell: (() => void)[] = [];
  #isTelling = false;
  #unanswered = 0;
  #isWaitingForRoom = false;
  #isOver = false;

  constructor(find: () => LocalBroker | undefined, end: WireEnd, env: Env) {
    this.#end = end;
    this.#env = env;
    env.scheduler.soon(() => this.#connect(find()));
  }

  /** The client sends. */
  send(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.#waiting.push(...this.#toBroker.feed(chunk));
    this.#env.scheduler.soon(() => this.#offer());
  }

  /** The client goes. */
  close(): void {
    if (this.#isOver) return;
    this.#leave();
    if (this.#ref !== undefined) this.#broker!.system.tell(this.#ref, "disconnected", { reason: "the peer closed" });
  }

  #write(chunks: readonly Uint8Array[], sent: () => void): void {
    this.#toTell.push(() => {
      sent();
      for (const frame of this.#toClient.feed(concatenate(chunks))) if (!this.#isOver) this.#end.frame(frame);
    });
    this.#tellLater();
  }

  #release(): void {
    this.#unanswered--;
    this.#offer();
  }

  /** The broker goes: what it has written is heard first. */
  hangUp(): void {
    this.#ref = undefined;
    this.#toTell.push(() => {
      this.#leave();
      this.#end.closed("the broker closed the connection");
    });
    this.#tellLater();
  }

  /** What the broker does reaches the client in order; turns of a scheduler need not come in theirs. */
  #tellLater(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#env.scheduler.later(() => {
      this.#isTelling = false;
      for (const tell of this.#toTell.splice(0)) if (!this.#isOver) tell();
    });
  }

  #connect(broker: LocalBroker | undefined): void {
    if (this.#isOver) return;
    if (broker === undefined) {
      this.#isOver = true;
      return this.#end.closed("there is no broker at this address");
    }
    this.#broker = broker;
    this.#id = broker.sockets.enter(this);
    const args = { broker: broker.broker, socketId: this.#id, remote: "local" };
    this.#ref = broker.system.spawn(CONNECTION, String(this.#id), args);
    this.#end.opened();
    this.#offer();
  }

  /** Hands over what was sent, as far as the connection takes it. */
  #offer(): void {
    const ref = this.#ref;
    if (this.#isWaitingForRoom || ref === undefined || this.#isOver) return;
    const { system } = this.#broker!;
    while (this.#waiting.length > 0 && this.#unanswered < UNANSWERED_MAX) {
      if (!system.offer(ref, "frame", this.#waiting[0]!)) {
        this.#isWaitingForRoom = true;
        system.whenRoom(ref, () => {
          this.#isWaitingForRoom = false;
          this.#offer();
        });
        return;
      }
      this.#waiting.shift();
      this.#unanswered++;
    }
  }

  #leave(): void {
    this.#isOver = true;
    this.#broker?.sockets.leave(this.#id);
  }
}
