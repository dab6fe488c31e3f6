/**
 * A TCP proxy between two nodes, whose link can be cut as a cable is: nothing is closed, nothing arrives.
 *
 * ```
 * open ──cut──▶ cut (bytes and new connections wait for ever) ──heal──▶ open (what was cut is closed; new ones pass)
 *   └──refuse──▶ refusing (as the port of a process that is gone) ──listen──▶ open
 * ```
 * @module
 */

/** One way in to one node. */
export class LinkProxy {
  readonly port: number;
  #listener: Deno.TcpListener | undefined;
  readonly #target: number;
  readonly #open = new Set<Deno.TcpConn>();
  #cut = false;

  /** @param target the port of the node behind it, on loopback */
  constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
    this.listen();
  }

  /** The process behind it is there. */
  listen(): void {
    if (this.#listener !== undefined) return;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    this.#accept(this.#listener);
  }

  /** The process behind it is gone: whoever dials hears that, as if there were no proxy. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
    this.#closeAll();
  }

  /** From now on nothing passes, in either direction, and nobody is told. */
  cut(): void {
    this.#cut = true;
  }

  /** Connections pass again; those that were cut are closed, since their bytes are gone. */
  heal(): void {
    if (!this.#cut) return;
    this.#cut = false;
    this.#closeAll();
  }

  /** Ends it. */
  close(): void {
    this.refuse();
  }

  #closeAll(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const near of listener) {
      this.#open.add(near);
      if (!this.#cut) this.#join(near);
    }
  }

  async #join(near: Deno.TcpConn): Promise<void> {
    let far: Deno.TcpConn;
    try {
      far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    } catch {
      return this.#end(near);
    }
    this.#open.add(far);
    await Promise.all([this.#carry(near, far), this.#carry(far, near)]);
  }

  async #carry(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(256 * 1024);
    try {
      for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
        if (this.#cut) continue; // read and dropped: the cable is cut
        for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
      }
    } catch { /* one side is gone */ }
    if (this.#cut) return;
    this.#end(from);
    this.#end(to);
  }

  #end(conn: Deno.TcpConn): void {
    this.#open.delete(conn);
    close(conn);
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch { /* closed already */ }
}
