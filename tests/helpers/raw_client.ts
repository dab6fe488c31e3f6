/**
 * The smallest Kafka client: one socket, any API in any version, bytes in and out as they are. For tests and benchmarks that must
 * know exactly what goes over the wire.
 *
 * @module
 */
import { concatenate as concat } from "../../lib/bytes.ts";
import { decodeResponse, encodeRequest } from "../../protocol/codec.ts";
import { Framer } from "../../protocol/frame.ts";
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";

/** A connection to a broker; requests may be pipelined. */
export class RawClient implements AsyncDisposable {
  readonly #conn: Deno.TcpConn;
  readonly #waiting: { resolve: (frame: Uint8Array) => void; reject: (error: Error) => void }[] = [];
  readonly #reading: Promise<void>;
  #correlationId = 0;
  #closed: Error | undefined;
  #writes: Promise<unknown> = Promise.resolve();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
    this.#reading = this.#read();
  }

  /** Connects to `host:port`. */
  static async connect(bootstrap: string): Promise<RawClient> {
    const at = bootstrap.lastIndexOf(":");
    const address = { hostname: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) };
    return new RawClient(await Deno.connect(address));
  }

  /** Sends a request and decodes its response; rejects when the broker closes the connection instead. */
  async call<T extends Api>(api: T, version: number, body: RequestInput<T>): Promise<Response<T>> {
    const id = ++this.#correlationId;
    const frame = await this.exchange(concat(encodeRequest(api, version, id, "raw", body)));
    const response = decodeResponse(api, version, frame);
    if (response.correlationId !== id) throw new Error(`Answer ${response.correlationId} came for request ${id}.`);
    return response.body as Response<T>;
  }

  /** Sends a request for which no response comes. */
  async tell<T extends Api>(api: T, version: number, body: RequestInput<T>): Promise<void> {
    await this.write(concat(encodeRequest(api, version, ++this.#correlationId, "raw", body)));
  }

  /** Sends bytes (size prefix included) and returns the next response frame without its size. */
  exchange(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#waiting.push({ resolve, reject });
    this.write(bytes).catch(reject);
    return promise;
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#writes.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    });
    this.#writes = written.catch(() => {});
    return written;
  }

  /** Resolves when the broker has closed the connection. */
  get closed(): Promise<void> {
    return this.#reading;
  }

  async close(): Promise<void> {
    try {
      this.#conn.close();
    } catch { /* closed already */ }
    await this.#reading;
    await this.#writes;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(): Promise<void> {
    const framer = new Framer();
    let reason = "the broker closed the connection";
    try {
      for (let count; (count = await this.#conn.read(framer.space())) !== null;) {
        for (const frame of framer.filled(count)) this.#waiting.shift()?.resolve(frame);
      }
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    this.#closed = new Error(reason);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closed);
    try {
      this.#conn.close();
    } catch { /* closed already */ }
  }
}

/** One buffer from many. */
export { concatenate as concat } from "../../lib/bytes.ts";
