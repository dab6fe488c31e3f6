/**
 * One connection of a link: a loop that reads its socket and one that writes it.
 *
 *     queue ──chunks──▶ socket        what is sent in one turn of the program leaves together
 *     socket ──frames──▶ receiver     some at a time, so that everybody else gets a turn in between
 *
 * @module
 */
import type { Scheduler } from "../lib/env.ts";
import { DecodeError } from "../lib/plain_tags.ts";
import { type Arrival, FrameError, type FrameReader } from "./frames.ts";
import type { SendQueue } from "./send_queue.ts";

/** After so many frames, or so many bytes, the reading lets others have a turn: mailboxes must be emptied as they are filled. */
const TURN_FRAMES = 64;
const TURN_BYTES = 1 << 20;

/** Whom a lane serves. */
export interface LaneHost {
  readonly scheduler: Scheduler;
  arrived(arrival: Arrival): void;
  /** The connection is of no use any more; heard once, unless the lane was closed. */
  lost(reason: string): void;
}

/** A socket with its queue. */
export class Lane {
  readonly #conn: Deno.TcpConn;
  readonly #queue: SendQueue;
  readonly #reader: FrameReader;
  readonly #host: LaneHost;
  /** Bytes that go before the first frame. */
  #greeting: Uint8Array | undefined;
  #writing = false;
  #closed = false;
  /** Whether something has come since this was last set to false. */
  heard = true;
  /** Whether something has gone out since this was last set to false. */
  spoke = true;
  /** Resolves when the lane has let go of its socket. */
  readonly ended: Promise<void>;

  /** @param greeting bytes that go before the first frame */
  constructor(
    conn: Deno.TcpConn,
    queue: SendQueue,
    reader: FrameReader,
    greeting: Uint8Array | undefined,
    host: LaneHost,
  ) {
    this.#conn = conn;
    this.#queue = queue;
    this.#reader = reader;
    this.#greeting = greeting;
    this.#host = host;
    this.ended = this.#read();
    this.wake();
  }

  /** Says that there is something in the queue. */
  wake(): void {
    if (this.#writing || this.#closed || (this.#queue.empty && this.#greeting === undefined)) return;
    this.#writing = true;
    this.#host.scheduler.soon(() => this.#write());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSocket(this.#conn);
  }

  async #read(): Promise<void> {
    try {
      for (let frames = 0, bytes = 0; !this.#closed;) {
        const count = await this.#conn.read(this.#reader.space());
        if (count === null) return this.#fail("the other side closed it");
        this.heard = true;
        this.#reader.filled(count);
        bytes += count;
        for (let arrival; !this.#closed && (arrival = this.#reader.next()) !== undefined;) {
          this.#host.arrived(arrival);
          if (++frames < TURN_FRAMES && bytes < TURN_BYTES) continue;
          frames = bytes = 0;
          await new Promise<void>((resolve) => this.#host.scheduler.later(resolve));
        }
      }
    } catch (error) {
      this.#fail(reasonOf(error));
    }
  }

  async #write(): Promise<void> {
    try {
      if (this.#greeting !== undefined) await this.#writeAll(this.#greeting);
      this.#greeting = undefined;
      for (let chunk; !this.#closed && (chunk = this.#queue.next()) !== undefined; this.#queue.written()) {
        await this.#writeAll(chunk);
      }
    } catch (error) {
      this.#fail(reasonOf(error));
    }
    this.#writing = false;
  }

  async #writeAll(bytes: Uint8Array<ArrayBufferLike>): Promise<void> {
    const { length } = bytes;
    for (let at = 0; at < length;) {
      const count = await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
      if (count === 0) throw new Error("a byte array was given away by its sender while it was written");
      at += count;
      this.spoke = true;
    }
  }

  #fail(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#host.lost(reason);
  }
}

/** Closes a socket that an error may have closed already. */
export function closeSocket(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch { /* it was closed */ }
}

/** What went wrong, for a sentence. */
export function reasonOf(error: unknown): string {
  if (error instanceof FrameError) return `the other side sent ${error.message}`;
  if (error instanceof DecodeError) return `the other side sent a frame that cannot be read: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
