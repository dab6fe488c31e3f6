/**
 * Connections to brokers, one for each lane of each address, over whatever carries bytes.
 *
 *     request ──▶ (dial) ──▶ waits for its response, in order ──▶ done
 *                  │ refused           │ closed, or one of those that wait has waited too long
 *                  └───────────────────┴──▶ all that wait are told; the next request dials anew
 *
 * Invariants: every request is settled once; responses belong to the requests of their connection in order; after a timeout nothing of
 * that connection is believed any more.
 *
 * @module
 */
import type { Lane, Network, NodeAddress } from "../actors/consumer/network.ts";
import { NetworkError } from "../actors/consumer/network.ts";
import type { Clock, Settle } from "../lib/env.ts";

/** What carries the bytes of one connection. */
export interface Wire {
  /** Sends, in order; before it is open, as soon as it is. */
  send(chunks: readonly Uint8Array[]): void;
  /** Gives it up; nothing is heard of it any more. */
  close(): void;
}

/** Who is told what comes over a wire, never in the turn in which it was dialed or written to. */
export interface WireEnd {
  /** It stands: what is sent may be received from now on. */
  opened(): void;
  /** A response, without its size; it belongs to whoever is told. */
  frame(bytes: Uint8Array): void;
  /** It is gone, or never came to be. */
  closed(reason: string): void;
}

/** Begins a connection. */
export type Dial = (to: NodeAddress, end: WireEnd) => Wire;

interface Waiting {
  readonly done: Settle<Uint8Array>;
  readonly calm: () => void;
}

/** A network over wires. */
export class LaneNetwork implements Network {
  readonly #dial: Dial;
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Connection>();
  #isOver = false;

  /** @param clock for the timeouts of requests */
  constructor(dial: Dial, clock: Clock) {
    this.#dial = dial;
    this.#clock = clock;
  }

  request(
    to: NodeAddress,
    lane: Lane,
    frame: readonly Uint8Array[],
    timeoutMs: number,
    done: Settle<Uint8Array>,
  ): void {
    if (this.#isOver) return done(problem("closed", false, "The network is closed."));
    const key = `${to.host}:${to.port} ${lane}`;
    let connection = this.#lanes.get(key);
    if (connection === undefined) {
      const gone = () => {
        if (this.#lanes.get(key) === connection) this.#lanes.delete(key);
      };
      connection = new Connection(to, this.#dial, this.#clock, gone);
      this.#lanes.set(key, connection);
    }
    connection.request(frame, timeoutMs, done);
  }

  disconnect(to: NodeAddress, lane?: Lane): void {
    const address = `${to.host}:${to.port} `;
    for (const [key, connection] of [...this.#lanes]) {
      if (lane === undefined ? key.startsWith(address) : key === address + lane) connection.end("closed", "given up");
    }
  }

  close(): void {
    this.#isOver = true;
    for (const connection of [...this.#lanes.values()]) connection.end("closed", "the network was closed");
  }
}

/** One connection. */
class Connection {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #gone: () => void;
  readonly #wire: Wire;
  readonly #waiting: Waiting[] = [];
  #isOpen = false;
  #isOver = false;

  constructor(to: NodeAddress, dial: Dial, clock: Clock, gone: () => void) {
    this.#name = `${to.host}:${to.port}`;
    this.#clock = clock;
    this.#gone = gone;
    this.#wire = dial(to, {
      opened: () => this.#isOpen = true,
      frame: (bytes) => this.#frame(bytes),
      closed: (reason) => this.end(this.#isOpen ? "closed" : "refused", reason),
    });
  }

  request(frame: readonly Uint8Array[], timeoutMs: number, done: Settle<Uint8Array>): void {
    const late = () => {
      const at = this.#waiting.indexOf(waiting);
      this.#waiting.splice(at, 1);
      this.end("closed", "a request was not answered in time", () => {
        done(problem("timeout", this.#isOpen, `${this.#name} did not answer within ${timeoutMs} ms.`));
      });
    };
    const waiting: Waiting = { done, calm: this.#clock.after(timeoutMs, late) };
    this.#waiting.push(waiting);
    this.#wire.send(frame);
  }

  /** Nothing more comes from here: whoever waits is told, oldest first. */
  end(code: "refused" | "closed", reason: string, first: () => void = () => {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#gone();
    this.#wire.close();
    first();
    for (const { done, calm } of this.#waiting.splice(0)) {
      calm();
      done(problem(code, this.#isOpen, `${this.#name}: ${reason}.`));
    }
  }

  #frame(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return this.end("closed", "it answered what was not asked");
    waiting.calm();
    waiting.done({ ok: true, value: bytes });
  }
}

function problem(code: NetworkError["code"], sent: boolean, message: string) {
  return { ok: false, error: new NetworkError(code, sent, message) } as const;
}
