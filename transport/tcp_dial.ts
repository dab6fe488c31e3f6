/**
 * The beginnings of a connection: dialing a node and being answered, reading what somebody who dials in says first.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";
import { decodeAnswer, encodeHello, type Hello, type Identity, PREAMBLE_BYTES, readPreamble } from "./handshake.ts";
import { closeSocket } from "./tcp_lane.ts";
import type { TcpLimits } from "./tcp_limits.ts";
import type { PeerAddress } from "./transport.ts";

/** The node that was dialed does not want this one. */
export class TurnedAwayError extends Error {
  override readonly name = "TurnedAwayError";
}

/** The other side closed the connection before it had said what it should. */
export class EarlyEndError extends Error {
  override readonly name = "EarlyEndError";
}

/** A connection that was accepted, and by whom. */
export interface Dialed {
  readonly conn: Deno.TcpConn;
  readonly identity: Identity;
}

/**
 * Dials a node and says hello.
 *
 * @throws {Deno.errors.ConnectionRefused} when nobody listens there: the process is gone
 * @throws {TurnedAwayError} when the node says no
 * @throws {HandshakeError} when it answers something else, and {@linkcode EarlyEndError} when nothing
 */
export async function dial(
  { host, port }: PeerAddress,
  hello: Hello,
  { connectMs, answerMs }: TcpLimits,
  clock: Clock,
  signal: AbortSignal,
): Promise<Dialed> {
  // Not ended by `signal`: a connection that is made while its dial is aborted would belong to nobody. It is soon over anyway.
  const conn = await within(
    connectMs,
    "connect",
    clock,
    undefined,
    (signal) => Deno.connect({ hostname: host, port, signal }),
  );
  try {
    const identity = await within(answerMs, "answer", clock, signal, async (signal) => {
      signal.addEventListener("abort", () => closeSocket(conn));
      conn.setNoDelay(true);
      await writeAll(conn, encodeHello(hello));
      const answer = decodeAnswer(...await readMessage(conn));
      if (!answer.accepted) throw new TurnedAwayError(answer.reason);
      return answer.identity;
    });
    return { conn, identity };
  } catch (error) {
    closeSocket(conn);
    throw error;
  }
}

/**
 * Reads a message of the handshake: its version and its body.
 *
 * @throws {HandshakeError} when it is not one
 */
export async function readMessage(conn: Deno.TcpConn): Promise<[version: number, body: Uint8Array]> {
  const { version, size } = readPreamble(await readExactly(conn, PREAMBLE_BYTES));
  return [version, await readExactly(conn, size)];
}

export async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function readExactly(conn: Deno.TcpConn, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) throw new EarlyEndError("it closed the connection before it had said who it is");
    at += count;
  }
  return bytes;
}

/** Runs `work` with a signal that ends it when its time is over, or when the outer signal does. */
async function within<T>(
  timeMs: number,
  what: string,
  clock: Clock,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const cut = new AbortController();
  const abort = () => cut.abort(outer?.reason);
  outer?.throwIfAborted();
  outer?.addEventListener("abort", abort);
  const calm = clock.after(timeMs, () => cut.abort(new Error(`it did not ${what} within ${timeMs} ms`)));
  try {
    return await work(cut.signal);
  } catch (error) {
    throw cut.signal.aborted ? cut.signal.reason : error;
  } finally {
    calm();
    outer?.removeEventListener("abort", abort);
  }
}
