/**
 * Where other nodes dial in: takes their connections and hears who they are.
 *
 * Invariant: a connection that has not said who it is costs little, is one of few, and does not stay.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";
import { decodeHello, encodeAnswer, HandshakeError, type Hello } from "./handshake.ts";
import { EarlyEndError, readMessage, writeAll } from "./tcp_dial.ts";
import { closeSocket, reasonOf } from "./tcp_lane.ts";
import type { TcpLimits } from "./tcp_limits.ts";

/** Out of file descriptors: others must close before more can be accepted. */
const ACCEPT_RETRY_MS = 50;
/** A reason may quote what the other side has said. */
const REASON_LENGTH_MAX = 1_000;

/** How a listener is made. */
export interface TcpListenerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly clock: Clock;
  readonly limits: TcpLimits;
  /** Takes the connection over, or says why not. */
  readonly admit: (conn: Deno.TcpConn, hello: Hello) => string | undefined;
  /** Told of who was sent away; `cause` is the same for what comes again and again. */
  readonly refused: (cause: string, remote: string, reason: string) => void;
}

/** A bound port. */
export class TcpListener {
  readonly #options: TcpListenerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #strangers = new Map<Deno.TcpConn, Promise<void>>();
  #accepting: Promise<void> = Promise.resolve();
  #closed = false;

  /** Binds at once, so that a port in use is known before anything else is started; accepts after {@linkcode start}. */
  constructor(options: TcpListenerOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: options.hostname, port: options.port });
  }

  /** The port that is bound, which matters when 0 was asked for. */
  get port(): number {
    return this.#listener.addr.port;
  }

  start(): void {
    this.#accepting = this.#accept();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    for (const conn of this.#strangers.keys()) closeSocket(conn);
  }

  /** Resolves when nothing goes on here any more; close it first. */
  async ended(): Promise<void> {
    await this.#accepting;
    await Promise.all(this.#strangers.values());
  }

  async #accept(): Promise<void> {
    const { clock, limits, refused } = this.#options;
    while (!this.#closed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        refused("accept", "a node", reasonOf(error));
        await new Promise<void>((resolve) => clock.after(ACCEPT_RETRY_MS, resolve));
        continue;
      }
      if (this.#closed) return closeSocket(conn); // it came while this was closed
      if (this.#strangers.size < limits.strangersMax) {
        this.#strangers.set(conn, this.#greet(conn).finally(() => this.#strangers.delete(conn)));
      } else {
        refused("strangers", remoteOf(conn), `${limits.strangersMax} others have not said who they are yet`);
        closeSocket(conn);
      }
    }
  }

  /** Hears who it is, and hands it over or closes it. */
  async #greet(conn: Deno.TcpConn): Promise<void> {
    const { clock, limits, refused } = this.#options;
    const remote = remoteOf(conn);
    let late = false;
    const calm = clock.after(limits.handshakeMs, () => {
      late = true;
      closeSocket(conn);
    });
    try {
      conn.setNoDelay(true);
      const reason = this.#meet(conn, ...await readMessage(conn));
      if (reason === undefined) return;
      refused(`${hostOf(conn)} ${reason}`, remote, reason);
      await writeAll(conn, encodeAnswer({ accepted: false, reason: reason.slice(0, REASON_LENGTH_MAX) }));
    } catch (error) {
      const reason = late ? `it did not say within ${limits.handshakeMs} ms who it is` : reasonOf(error);
      // Who only looks whether somebody listens, or has changed its mind, needs no mention.
      if (!this.#closed && (late || !(error instanceof EarlyEndError))) {
        refused(`${hostOf(conn)} handshake`, remote, reason);
      }
    } finally {
      calm();
    }
    closeSocket(conn);
  }

  /** Hands the connection over, or says why not. */
  #meet(conn: Deno.TcpConn, version: number, body: Uint8Array): string | undefined {
    try {
      const hello = decodeHello(version, body);
      return this.#closed ? "this node is about to end" : this.#options.admit(conn, hello);
    } catch (error) {
      if (error instanceof HandshakeError) return error.message;
      throw error;
    }
  }
}

function hostOf(conn: Deno.TcpConn): string {
  return conn.remoteAddr.hostname;
}

function remoteOf(conn: Deno.TcpConn): string {
  return `${conn.remoteAddr.hostname}:${conn.remoteAddr.port}`;
}
