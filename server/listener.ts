/**
 * The Kafka listener: accepts sockets, cuts their bytes into frames, and gives each socket a connection actor.
 *
 *     socket ──bytes──▶ framer ──frames──▶ connection's mailbox        (reading stops while too much is unanswered)
 *     socket ◀──bytes── writer ◀──chunks── connection                  (small chunks leave together)
 *
 * Invariant: what one socket has sent and not had answered is bounded, in requests and in bytes; a full mailbox stops the
 * reading, and so the peer, instead of dropping anything.
 *
 * @module
 */
import type { ActorSystem } from "../actors/system.ts";
import type { BrokerRef, ConnectionArgs, ConnectionRef, ConnectionSocket } from "../actors/broker/protocol.ts";
import { CONNECTION } from "../actors/broker/protocol.ts";
import { FrameError, Framer } from "../protocol/frame.ts";

/** Unanswered requests of one connection before its socket is no longer read. */
const UNANSWERED_MAX = 64;
/** Unanswered bytes of one connection before its socket is no longer read (one request may always be larger). */
const UNANSWERED_BYTES_MAX = 16 << 20;
/** Chunks smaller than this are copied together into one write. */
const COALESCE_BYTES = 64 << 10;

/** Where and how to listen. */
export interface ListenerOptions {
  readonly hostname: string;
  readonly port: number;
  /** socket.request.max.bytes */
  readonly requestMaxBytes: number;
  /** max.connections */
  readonly connectionsMax: number;
  readonly system: ActorSystem;
  readonly broker: BrokerRef;
  /** Told, in a sentence, why a socket was refused or dropped. */
  readonly refused: (remote: string, reason: string) => void;
}

/** An open Kafka listener and the sockets that came through it. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #sockets = new Map<number, Socket>();
  #accepting: Promise<void> | undefined;
  #nextId = 1;

  /** Binds at once, so that a port in use is known before anything else is started; accepts after {@linkcode accept}. */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: options.hostname, port: options.port });
  }

  /** The port that is bound, which matters when 0 was asked for. */
  get port(): number {
    return this.#listener.addr.port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** The socket with this number, for its connection actor. */
  socket(id: number): ConnectionSocket | undefined {
    return this.#sockets.get(id);
  }

  /** Starts taking sockets. */
  accept(): void {
    this.#accepting = this.#acceptLoop();
  }

  /** Stops accepting, closes every socket and waits until they have let go. */
  async close(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    const sockets = [...this.#sockets.values()];
    for (const socket of sockets) socket.close();
    await Promise.all(sockets.map((socket) => socket.ended));
  }

  async #acceptLoop(): Promise<void> {
    while (true) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
        this.#options.refused("a new connection", error instanceof Error ? error.message : String(error));
        await new Promise((resolve) => setTimeout(resolve, 50)); // out of file descriptors: others must close first
        continue;
      }
      this.#take(conn);
    }
  }

  #take(conn: Deno.TcpConn): void {
    const { hostname, port } = conn.remoteAddr;
    const remote = `${hostname}:${port}`;
    const { connectionsMax, system, broker, refused, requestMaxBytes } = this.#options;
    if (this.#sockets.size >= connectionsMax) {
      refused(remote, `there are already ${connectionsMax} connections (max.connections)`);
      conn.close();
      return;
    }
    const id = this.#nextId++;
    const socket = new Socket(conn, remote, requestMaxBytes, system, refused);
    this.#sockets.set(id, socket);
    const args: ConnectionArgs = { broker, socketId: id, remote };
    socket.run(system.spawn(CONNECTION, String(id), args)).finally(() => this.#sockets.delete(id));
  }
}

/** One client's socket. */
class Socket implements ConnectionSocket {
  readonly #conn: Deno.TcpConn;
  readonly #remote: string;
  readonly #framer: Framer;
  readonly #system: ActorSystem;
  readonly #refused: (remote: string, reason: string) => void;
  #ref: ConnectionRef | undefined;
  #unanswered = 0;
  #unansweredBytes = 0;
  #wake: (() => void) | undefined;
  #queue: { chunks: readonly Uint8Array[]; sent: () => void }[] = [];
  #writing = false;
  #closing = false;
  #closed = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(
    conn: Deno.TcpConn,
    remote: string,
    requestMaxBytes: number,
    system: ActorSystem,
    refused: (remote: string, reason: string) => void,
  ) {
    this.#conn = conn;
    this.#remote = remote;
    this.#framer = new Framer(requestMaxBytes);
    this.#system = system;
    this.#refused = refused;
    conn.setNoDelay(true);
  }

  /** Resolves when neither reading nor writing goes on. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Reads frames for the connection until either side closes. */
  async run(ref: ConnectionRef): Promise<void> {
    this.#ref = ref;
    let reason = "the peer closed";
    try {
      while (!this.#closing) {
        await this.#untilRoom();
        if (this.#closing) break;
        const count = await this.#conn.read(this.#framer.space());
        if (count === null) break;
        for (const frame of this.#framer.filled(count)) await this.#offer(frame);
      }
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      if (error instanceof FrameError) this.#refused(this.#remote, reason);
    }
    this.#system.tell(ref, "disconnected", { reason });
    this.#end();
  }

  /** Hands a frame over, waiting while the mailbox is full. */
  async #offer(frame: Uint8Array): Promise<void> {
    this.#unanswered++;
    this.#unansweredBytes += frame.length;
    while (!this.#closing && !this.#system.offer(this.#ref!, "frame", frame)) {
      await new Promise<void>((resolve) => this.#system.whenRoom(this.#ref!, resolve));
    }
  }

  async #untilRoom(): Promise<void> {
    while (!this.#closing && (this.#unanswered >= UNANSWERED_MAX || this.#unansweredBytes >= UNANSWERED_BYTES_MAX)) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  release(frameBytes: number): void {
    this.#unanswered--;
    this.#unansweredBytes -= frameBytes;
    this.#wake?.();
    this.#wake = undefined;
  }

  write(chunks: readonly Uint8Array[], sent: () => void): void {
    if (this.#closed) return sent();
    this.#queue.push({ chunks, sent });
    if (!this.#writing) this.#writeLoop();
  }

  close(): void {
    this.#closing = true;
    this.#wake?.();
    if (!this.#writing) this.#shut();
  }

  async #writeLoop(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        const batch = this.#queue;
        this.#queue = [];
        for (const bytes of coalesce(batch.flatMap(({ chunks }) => chunks))) await this.#writeAll(bytes);
        for (const { sent } of batch) sent();
      }
    } catch {
      this.#closing = true; // the reading side reports the end
    }
    this.#writing = false;
    for (const { sent } of this.#queue) sent();
    this.#queue = [];
    if (this.#closing) this.#shut();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let at = await this.#conn.write(bytes);
    while (at < bytes.length) at += await this.#conn.write(bytes.subarray(at));
  }

  /** The reading side is over. What is still to be written goes out first, unless the peer is gone. */
  #end(): void {
    this.#closing = true;
    if (!this.#writing) this.#shut();
  }

  #shut(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch { /* it was closed by an error already */ }
    this.#ended.resolve();
  }
}

/** Copies runs of small chunks together, so that they leave in one write; large ones pass as they are. */
function coalesce(chunks: readonly Uint8Array[]): Uint8Array[] {
  if (chunks.length < 2) return [...chunks];
  const writes: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  let size = 0;
  const end = () => {
    if (run.length === 1) writes.push(run[0]!);
    else if (run.length > 1) writes.push(concatenate(run, size));
    run = [];
    size = 0;
  };
  for (const chunk of chunks) {
    if (size + chunk.length > COALESCE_BYTES) end();
    run.push(chunk);
    size += chunk.length;
  }
  end();
  return writes;
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
