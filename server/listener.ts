/**
 * The Kafka listener: accepts sockets, cuts their bytes into frames, and gives each socket a connection actor.
 *
 *     socket ──bytes──▶ framer ──frames──▶ connection's mailbox        (reading stops while too much is unanswered)
 *     socket ◀──bytes── writer ◀──chunks── connection                  (small chunks leave together)
 *
 * Invariant: what one socket has sent and not had answered is bounded, in requests and in bytes, and so is what all of them
 * hold together ([memory_budget.ts](./memory_budget.ts)); a full mailbox stops the reading, and so the peer, instead of
 * dropping anything.
 *
 * @module
 */
import type { ActorSystem } from "../actors/system.ts";
import type { BrokerRef, ConnectionArgs, ConnectionRef, ConnectionSocket } from "../actors/broker/protocol.ts";
import { CONNECTION } from "../actors/broker/protocol.ts";
import type { BufferPool } from "../lib/buffer_pool.ts";
import type { Clock } from "../lib/env.ts";
import { concatenate } from "../lib/bytes.ts";
import { FrameError, Framer } from "../protocol/frame.ts";
import type { MemoryAccount, MemoryBudget } from "./memory_budget.ts";

/** Unanswered requests of one connection before its socket is no longer read. */
const UNANSWERED_MAX = 64;
/** Unanswered bytes of one connection before its socket is no longer read (one request may always be larger). */
const UNANSWERED_BYTES_MAX = 16 << 20;
/** Chunks smaller than this are copied together into one write. */
const COALESCE_BYTES = 64 << 10;
/** How long a socket that is being closed waits for its peer to take what was written. */
const LINGER_MS = 2_000;
/** Out of file descriptors: others must close before more can be accepted. */
const ACCEPT_RETRY_MS = 50;

/** Where and how to listen. */
export interface ListenerOptions {
  readonly hostname: string;
  readonly port: number;
  /** socket.request.max.bytes */
  readonly requestMaxBytes: number;
  /** max.connections */
  readonly connectionsMax: number;
  readonly memory: MemoryBudget;
  /** Where the buffers of large requests come from, and where those of large answers go. */
  readonly buffers: BufferPool;
  readonly clock: Clock;
  /** Told, in a sentence, why a socket was refused or dropped. */
  readonly refused: (remote: string, reason: string) => void;
}

/** An open Kafka listener and the sockets that came through it. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #sockets = new Map<number, Socket>();
  #accepting: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
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

  /** The socket with this number, for its connection actor; undefined when it is closed or about to be. */
  socket(id: number): ConnectionSocket | undefined {
    const socket = this.#sockets.get(id);
    return socket?.isClosing === false ? socket : undefined;
  }

  /** Starts taking sockets; each gets a connection actor of `system`, which serves what `broker` has. */
  accept(system: ActorSystem, broker: BrokerRef): void {
    this.#accepting = this.#acceptLoop(system, broker);
  }

  /** Stops accepting, closes every socket, those that still have something to write a little later, and waits until they have let go. */
  close(): Promise<void> {
    return this.#closed ??= this.#close((socket) => socket.end());
  }

  /** The same, but as if the process were gone: what was not written yet is lost. */
  halt(): Promise<void> {
    return this.#closed ??= this.#close((socket) => socket.halt());
  }

  async #close(close: (socket: Socket) => void): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    const sockets = [...this.#sockets.values()];
    sockets.forEach(close);
    await Promise.all(sockets.map((socket) => socket.ended));
  }

  async #acceptLoop(system: ActorSystem, broker: BrokerRef): Promise<void> {
    while (true) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
        this.#options.refused("a new connection", reasonOf(error));
        await new Promise<void>((resolve) => this.#options.clock.after(ACCEPT_RETRY_MS, resolve));
        continue;
      }
      if (this.#closed === undefined) this.#take(conn, system, broker);
      else conn.close();
    }
  }

  #take(conn: Deno.TcpConn, system: ActorSystem, broker: BrokerRef): void {
    const { hostname, port } = conn.remoteAddr;
    const remote = `${hostname}:${port}`;
    const { connectionsMax, refused } = this.#options;
    if (this.#sockets.size >= connectionsMax) {
      refused(remote, `there are already ${connectionsMax} connections (max.connections)`);
      conn.close();
      return;
    }
    const id = this.#nextId++;
    const socket = new Socket(conn, remote, this.#options, system, () => this.#sockets.delete(id));
    this.#sockets.set(id, socket);
    const args: ConnectionArgs = { broker, socketId: id, remote };
    socket.start(system.spawn(CONNECTION, String(id), args));
  }
}

/** One client's socket. */
class Socket implements ConnectionSocket {
  readonly #conn: Deno.TcpConn;
  readonly #remote: string;
  readonly #framer: Framer;
  readonly #options: ListenerOptions;
  readonly #system: ActorSystem;
  readonly #account: MemoryAccount;
  readonly #gone: () => void;
  #running: Promise<void> | undefined;
  #unanswered = 0;
  #unansweredBytes = 0;
  /** Requests that are not answered, oldest first. */
  readonly #frames: Uint8Array[] = [];
  /** Ends whatever the reading waits for, other than the peer. */
  #wake: (() => void) | undefined;
  #queue: { readonly chunks: readonly Uint8Array[]; readonly sent: () => void }[] = [];
  #writing = false;
  #closing = false;
  #closed = false;
  /** The connection actor has stopped: there is nobody to tell. */
  #orphaned = false;
  #calmLinger: (() => void) | undefined;
  readonly #shutting = Promise.withResolvers<void>();

  constructor(conn: Deno.TcpConn, remote: string, options: ListenerOptions, system: ActorSystem, gone: () => void) {
    this.#conn = conn;
    this.#system = system;
    this.#remote = remote;
    this.#framer = new Framer(options.requestMaxBytes, options.buffers);
    this.#options = options;
    this.#gone = gone;
    this.#account = options.memory.open((reason) => {
      options.refused(remote, reason);
      this.#shut();
    });
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  /** Resolves when neither reading nor writing goes on. */
  get ended(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Reads frames for the connection until either side closes. */
  start(ref: ConnectionRef): void {
    this.#running = this.#run(ref).finally(this.#gone);
  }

  async #run(ref: ConnectionRef): Promise<void> {
    let reason = "the peer closed";
    try {
      this.#conn.setNoDelay(true);
      while (!this.#closing) {
        await this.#untilRoom();
        if (this.#closing) break;
        this.#account.reading = true;
        const count = await this.#conn.read(this.#space());
        this.#account.reading = false;
        if (count === null) break;
        const frames = this.#framer.filled(count);
        this.#account.set("partial", this.#framer.pendingBytes);
        for (const frame of frames) await this.#offer(ref, frame);
      }
    } catch (error) {
      reason = reasonOf(error);
      if (error instanceof FrameError) this.#options.refused(this.#remote, reason);
    }
    if (!this.#orphaned) this.#system.tell(ref, "disconnected", { reason });
    this.end();
    await this.#shutting.promise;
  }

  /** Where the next read lands. While memory is full, no request is begun behind the one that is finished. */
  #space(): Uint8Array {
    const space = this.#framer.space();
    const { missingBytes } = this.#framer;
    return this.#options.memory.isFull && missingBytes > 0 ? space.subarray(0, missingBytes) : space;
  }

  /** Hands a frame over, waiting while the mailbox is full. */
  async #offer(ref: ConnectionRef, frame: Uint8Array): Promise<void> {
    const system = this.#system;
    this.#unanswered++;
    this.#unansweredBytes += frame.length;
    this.#frames.push(frame);
    this.#account.add("requests", frame.length);
    while (!this.#closing && !system.offer(ref, "frame", frame)) {
      await this.#until((room) => system.whenRoom(ref, room));
    }
  }

  /** Waits while too much is unanswered, here or on the whole node. A request that has begun may always be finished. */
  async #untilRoom(): Promise<void> {
    const { memory } = this.#options;
    while (!this.#closing) {
      if (this.#unanswered >= UNANSWERED_MAX || this.#unansweredBytes >= UNANSWERED_BYTES_MAX) {
        await this.#until(() => () => {}); // woken by `release`
      } else if (memory.isFull && this.#framer.missingBytes === 0) {
        await this.#until((room) => memory.whenRoom(room));
      } else return;
    }
  }

  /** Waits until `subscribe`'s callback, or until something wakes this socket. */
  async #until(subscribe: (room: () => void) => () => void): Promise<void> {
    let off: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      off = subscribe(resolve);
    });
    this.#wake = undefined;
    off?.();
  }

  release(frameBytes: number): void {
    this.#options.buffers.give(this.#frames.shift()!); // answers leave in order: it is the oldest
    this.#unanswered--;
    this.#unansweredBytes -= frameBytes;
    this.#account.add("requests", -frameBytes);
    this.#wake?.();
  }

  reserve(bytes: number): number {
    return this.#account.reserve(bytes);
  }

  giveBack(bytes: number): void {
    this.#account.add("reserved", -bytes);
  }

  write(chunks: readonly Uint8Array[], sent: () => void): void {
    if (this.#closed) return;
    this.#account.add("unsent", chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    this.#queue.push({ chunks, sent });
    if (!this.#writing) this.#writeLoop();
  }

  close(): void {
    this.#orphaned = true;
    this.end();
  }

  /** Closes when what was written has gone out, or the peer does not take it. */
  end(): void {
    this.#closing = true;
    this.#wake?.();
    if (!this.#writing) this.#shut();
    else if (!this.#closed) this.#calmLinger ??= this.#options.clock.after(LINGER_MS, () => this.#shut());
  }

  /** Closes now, whatever was written. */
  halt(): void {
    this.#orphaned = true;
    this.#shut();
  }

  async #writeLoop(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue;
        this.#queue = [];
        for (const bytes of coalesce(batch.flatMap(({ chunks }) => chunks))) await this.#writeAll(bytes);
        for (const { chunks, sent } of batch) {
          for (const chunk of chunks) this.#options.buffers.give(chunk);
          sent();
        }
      }
    } catch {
      this.#closing = true; // closing it ends the reading, and that reports it
    }
    this.#writing = false;
    if (this.#closing) this.#shut();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.#conn.write(bytes.subarray(at));
      at += count;
      this.#account.moved();
      this.#account.add("unsent", -count);
    }
  }

  #shut(): void {
    this.#closing = true;
    this.#wake?.();
    if (this.#closed) return;
    this.#closed = true;
    this.#calmLinger?.();
    this.#account.close();
    try {
      this.#conn.close();
    } catch { /* it was closed by an error already */ }
    this.#shutting.resolve();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Copies runs of small chunks together, so that they leave in one write; large ones pass as they are. */
function coalesce(chunks: readonly Uint8Array[]): Uint8Array[] {
  if (chunks.length < 2) return [...chunks];
  const writes: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  let size = 0;
  const end = () => {
    if (run.length > 0) writes.push(concatenate(run));
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
