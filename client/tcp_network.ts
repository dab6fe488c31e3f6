/**
 * A client's connections over TCP.
 *
 * @module
 */
import type { Network, NodeAddress } from "../actors/consumer/network.ts";
import { concatenate } from "../lib/bytes.ts";
import type { Clock } from "../lib/env.ts";
import { Framer } from "../protocol/frame.ts";
import { LaneNetwork, type Wire, type WireEnd } from "./lane_network.ts";

/** The largest response: a broker may be told to let through far more than Kafka's default. */
const FRAME_BYTES_MAX = 0x7fff_ffff;

/** A network over Deno's sockets. */
export function tcpNetwork(clock: Clock): Network {
  return new LaneNetwork((to, end) => new TcpWire(to, end), clock);
}

/** One socket. */
class TcpWire implements Wire {
  readonly #end: WireEnd;
  #conn: Deno.TcpConn | undefined;
  #unsent: Uint8Array[] = [];
  #isWriting = false;
  #isOver = false;
  /** Else a connection that is never made would keep the program from ending, for minutes. */
  readonly #dialing = new AbortController();

  constructor(to: NodeAddress, end: WireEnd) {
    this.#end = end;
    this.#run(to);
  }

  send(chunks: readonly Uint8Array[]): void {
    this.#unsent.push(...chunks);
    if (this.#conn !== undefined && !this.#isWriting) this.#write(this.#conn);
  }

  close(): void {
    this.#isOver = true;
    if (this.#conn === undefined) return this.#dialing.abort();
    try {
      this.#conn.close();
    } catch { /* closed by an error already */ }
  }

  async #run(to: NodeAddress): Promise<void> {
    let reason = "it closed the connection";
    try {
      const conn = await Deno.connect({ hostname: to.host, port: to.port, signal: this.#dialing.signal });
      if (this.#isOver) return conn.close();
      this.#conn = conn;
      conn.setNoDelay(true);
      this.#end.opened();
      if (!this.#isWriting) this.#write(conn);
      const framer = new Framer(FRAME_BYTES_MAX);
      for (let count; (count = await conn.read(framer.space())) !== null;) {
        for (const frame of framer.filled(count)) if (!this.#isOver) this.#end.frame(frame);
      }
    } catch (error) {
      reason = reasonOf(error);
    }
    this.#fail(reason);
  }

  async #write(conn: Deno.TcpConn): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#unsent.length > 0 && !this.#isOver) {
        const bytes = concatenate(this.#unsent.splice(0));
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      }
    } catch (error) {
      this.#fail(reasonOf(error));
    }
    this.#isWriting = false;
  }

  #fail(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.#end.closed(reason);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
