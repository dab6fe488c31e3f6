import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Actor, Outbox } from "../../../actors/actor.ts";
import { ActorSystem } from "../../../actors/system.ts";
import type {
  BrokerRef,
  ConnectionArgs,
  ConnectionProtocol,
  ConnectionSocket,
} from "../../../actors/broker/protocol.ts";
import { VirtualClock } from "../../../lib/virtual_clock.ts";
import { realEnv } from "../../../server/env.ts";
import { Listener } from "../../../server/listener.ts";
import { BufferPool } from "../../../lib/buffer_pool.ts";
import { MemoryBudget } from "../../../server/memory_budget.ts";

const MIB = 1 << 20;

/** What a connection of the stage has seen. */
interface Seen {
  readonly id: number;
  readonly socket: ConnectionSocket;
  readonly frames: Uint8Array[];
  readonly disconnected: string[];
}

type Out = Outbox<ConnectionProtocol, Seen>;

/** A listener whose connections do what a test wants. */
class Stage implements AsyncDisposable {
  readonly system: ActorSystem;
  readonly listener: Listener;
  readonly clock = new VirtualClock();
  readonly memory: MemoryBudget;
  readonly refusals: string[] = [];
  /** Connections, in the order of their coming. */
  readonly seen: Seen[] = [];
  onFrame: (seen: Seen, bytes: Uint8Array, out: Out) => unknown = () => {};
  readonly #conns: Deno.TcpConn[] = [];
  #changes: (() => void)[] = [];

  constructor({ connectionsMax = 100, memoryBytes = 100 * MIB, mailboxCapacity = 128 } = {}) {
    this.memory = new MemoryBudget(memoryBytes, this.clock);
    this.system = new ActorSystem({ node: 1, env: realEnv() });
    this.listener = new Listener({
      hostname: "127.0.0.1",
      port: 0,
      requestMaxBytes: 10 * MIB,
      connectionsMax,
      buffers: new BufferPool(1 << 20),
      memory: this.memory,
      clock: this.clock,
      refused: (_, reason) => {
        this.refusals.push(reason);
        this.#changed();
      },
    });
    this.system.register(this.#connection(mailboxCapacity));
    this.listener.accept(this.system, "1/broker/broker" as BrokerRef);
  }

  async connect(): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.listener.port });
    this.#conns.push(conn);
    return conn;
  }

  /** Waits until something holds; whatever can make it so calls {@linkcode Stage.#changed} or takes turns of its own. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#changes.push(resolve);
        setTimeout(resolve, 5); // some conditions (a full mailbox) nobody tells of
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const conn of this.#conns) closeQuietly(conn);
    const closed = this.listener.close();
    await this.until(() => this.listener.connections === 0 || (this.clock.advance(10_000), false));
    await closed;
    await this.system.shutdown();
  }

  #changed(): void {
    for (const change of this.#changes.splice(0)) change();
  }

  #connection(mailboxCapacity: number): Actor<ConnectionProtocol, Seen, ConnectionArgs> {
    return {
      kind: "connection",
      mailboxCapacity,
      start: ({ socketId }) => {
        const seen = { id: socketId, socket: this.listener.socket(socketId)!, frames: [], disconnected: [] };
        this.seen.push(seen);
        this.#changed();
        return seen;
      },
      on: {
        frame: (seen, bytes, out) => {
          seen.frames.push(bytes);
          this.onFrame(seen, bytes, out);
          this.#changed();
        },
        disconnected: (seen, { reason }, out) => {
          seen.disconnected.push(reason);
          out.stop();
          this.#changed();
        },
        idle: () => {},
        lookForController: () => {},
      },
      stopped: ({ socket }) => socket.close(),
    };
  }
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch { /* closed already */ }
}

/** A frame of `size` bytes whose first byte is `mark`, size prefix included. */
function frame(size: number, mark = 0): Uint8Array {
  const bytes = new Uint8Array(4 + size);
  new DataView(bytes.buffer).setInt32(0, size);
  bytes[4] = mark;
  return bytes;
}

async function send(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Everything that comes until the other side closes. */
async function receive(conn: Deno.TcpConn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(MIB);
  for (let count; (count = await conn.read(buffer)) !== null;) chunks.push(buffer.slice(0, count));
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

Deno.test("frames come whole and in order, however they were cut on the way", async () => {
  await using stage = new Stage();
  const conn = await stage.connect();
  const bytes = new Uint8Array([...frame(3, 1), ...frame(100_000, 2), ...frame(1, 3)]);
  for (const [from, to] of [[0, 2], [2, 9], [9, 50_000], [50_000, bytes.length]] as const) {
    await send(conn, bytes.subarray(from, to));
  }
  await stage.until(() => stage.seen[0]?.frames.length === 3);
  assertEquals(stage.seen[0]!.frames.map((bytes) => [bytes.length, bytes[0]]), [[3, 1], [100_000, 2], [1, 3]]);
});

Deno.test("a full mailbox stops the reading and drops nothing", async () => {
  await using stage = new Stage({ mailboxCapacity: 4 });
  stage.onFrame = ({ socket }, bytes) => socket.release(bytes.length);
  const conn = await stage.connect();
  await stage.until(() => stage.seen.length === 1);
  const ref = "1/connection/1";
  stage.system.pause(ref);
  const sending = (async () => {
    for (let i = 0; i < 1_000; i++) await send(conn, frame(1_000, i & 0xff));
  })();
  const depth = () => stage.system.actors().find((actor) => actor.ref === ref)!.mailboxDepth;
  await stage.until(() => depth() === 4);
  await send(conn, new Uint8Array(0)); // more turns, in which it must not get more
  assertEquals([depth(), stage.seen[0]!.frames.length], [4, 0]);
  stage.system.resume(ref);
  await sending;
  await stage.until(() => stage.seen[0]!.frames.length === 1_000);
  assertEquals(stage.seen[0]!.frames.map((bytes) => bytes[0]), Array.from({ length: 1_000 }, (_, i) => i & 0xff));
  assertEquals(stage.system.deadLetters.count, 0);
});

Deno.test("a socket is not read any further while 64 of its requests are unanswered, or 16 MiB of them", async () => {
  for (const [size, most] of [[100_000, 66], [3 * MIB, 6]] as const) {
    await using stage = new Stage();
    const [conn, other] = [await stage.connect(), await stage.connect()];
    const count = 100;
    const sending = (async () => {
      for (let i = 0; i < count; i++) await send(conn, frame(size));
    })().catch(() => {});
    await stage.until(() => (stage.seen[0]?.frames.length ?? 0) >= most - 2);
    for (let i = 0; i < 20; i++) { // time for it to go wrong
      await send(other, frame(1));
      await stage.until(() => stage.seen[1]!.frames.length === i + 1);
    }
    const { frames, socket } = stage.seen[0]!;
    assert(frames.length <= most, `${frames.length} requests of ${size} bytes were read`);
    for (let released = 0; released < count; released++) {
      await stage.until(() => frames.length > released);
      socket.release(size);
    }
    await sending;
    assertEquals(frames.length, count);
  }
});

Deno.test("more than max.connections are closed at once, until one has gone", async () => {
  await using stage = new Stage({ connectionsMax: 2 });
  const first = await stage.connect();
  await stage.connect();
  assertEquals((await receive(await stage.connect())).length, 0);
  assertStringIncludes(stage.refusals.join(), "already 2 connections (max.connections)");
  first.close();
  await stage.until(() => stage.listener.connections === 1);
  await send(await stage.connect(), frame(1));
  await stage.until(() => stage.seen.at(-1)!.frames.length === 1);
  assertEquals(stage.listener.connections, 2);
});

Deno.test("what is written leaves in order, small chunks and large ones, and each write is told when it is out", async () => {
  await using stage = new Stage();
  const sent: number[] = [];
  const chunks = [1, 5, 70_000, 3, 3, 60_000, 10_000, 200_000, 2].map((size, at) => new Uint8Array(size).fill(at));
  stage.onFrame = ({ socket }, _, out) => {
    for (const [at, chunk] of chunks.entries()) {
      out.call("write", (done) => {
        socket.write([chunk.slice(), new Uint8Array([99])], () => { // what is written is given away
          sent.push(at);
          done({ ok: true, value: undefined });
        });
      });
    }
    out.stop();
  };
  const conn = await stage.connect();
  await send(conn, frame(1));
  const got = await receive(conn);
  const expected = chunks.flatMap((chunk) => [...chunk, 99]);
  assertEquals(got.length, expected.length);
  assert(got.every((byte, at) => byte === expected[at]));
  assertEquals(sent, chunks.map((_, at) => at));
});

Deno.test("closing lets what was written go out first, and tells nobody who has stopped", async () => {
  await using stage = new Stage();
  stage.onFrame = ({ socket }, _, out) => {
    out.call("write", () => socket.write([new Uint8Array(30 * MIB)], () => {}));
    out.stop(); // which closes the socket
  };
  const conn = await stage.connect();
  await send(conn, frame(1));
  assertEquals((await receive(conn)).length, 30 * MIB);
  await stage.until(() => stage.listener.connections === 0);
  assertEquals([stage.seen[0]!.disconnected, stage.system.deadLetters.count], [[], 0]);
});

Deno.test("a peer that takes nothing keeps a closed socket for two seconds, and the listener no longer", async () => {
  await using stage = new Stage();
  stage.onFrame = ({ socket }) => socket.write([new Uint8Array(90 * MIB)], () => {});
  const conn = await stage.connect();
  await send(conn, frame(1));
  await stage.until(() => stage.seen[0]?.frames.length === 1);
  const closed = stage.listener.close();
  await stage.until(() => stage.clock.nextDue() !== undefined);
  assertEquals(stage.listener.socket(1), undefined); // nobody gets it any more
  stage.clock.advance(1_999);
  assertEquals(stage.listener.connections, 1);
  stage.clock.advance(1);
  await closed;
  assertEquals([stage.listener.connections, stage.memory.heldBytes], [0, 0]);
});

Deno.test("a size that no frame may have is refused, the actor hears of the end, others are undisturbed", async () => {
  await using stage = new Stage();
  const [bad, good] = [await stage.connect(), await stage.connect()];
  await send(bad, new Uint8Array([0x7f, 0, 0, 0]));
  assertEquals((await receive(bad)).length, 0);
  await stage.until(() => stage.seen[0]!.disconnected.length === 1);
  assertStringIncludes(stage.refusals.join(), "more than the limit of 10485760 (socket.request.max.bytes)");
  await send(good, frame(1));
  await stage.until(() => stage.seen[1]!.frames.length === 1);
});

Deno.test("a peer that goes is told of once, with the reason, and its number is free", async () => {
  await using stage = new Stage();
  const conn = await stage.connect();
  await send(conn, frame(5).subarray(0, 6)); // half a frame
  await stage.until(() => stage.memory.heldBytes > 0);
  conn.close();
  await stage.until(() => stage.listener.connections === 0);
  await stage.until(() => stage.seen[0]!.disconnected.length > 0);
  assertEquals(stage.seen[0]!.disconnected, ["the peer closed"]);
  assertEquals([stage.listener.socket(1), stage.memory.heldBytes], [undefined, 0]);
});

Deno.test("requests and answers count against the node's memory until they are answered and taken", async () => {
  await using stage = new Stage();
  const conn = await stage.connect();
  await send(conn, frame(1_000));
  await stage.until(() => stage.seen[0]?.frames.length === 1);
  const { socket } = stage.seen[0]!;
  assertEquals(stage.memory.heldBytes, 1_000);
  socket.release(1_000);
  assertEquals([socket.reserve(600), stage.memory.heldBytes], [600, 600]);
  socket.giveBack(600);
  await new Promise<void>((resolve) => socket.write([new Uint8Array(500)], resolve));
  assertEquals(stage.memory.heldBytes, 0);
});

Deno.test("when memory is full no new request is read; it is when something is answered", async () => {
  await using stage = new Stage({ memoryBytes: 50_000 });
  stage.onFrame = ({ socket }, bytes) => bytes.length < 60_000 && socket.release(bytes.length);
  const [holder, other] = [await stage.connect(), await stage.connect()];
  await send(other, frame(1, 1));
  await stage.until(() => stage.seen[1]?.frames.length === 1);
  await send(holder, frame(60_000));
  await stage.until(() => stage.seen[0]!.frames.length === 1);
  // The read that is under way may bring some; the request that it ends in is finished, and no other begun.
  await send(other, new Uint8Array(Array.from({ length: 50 }, (_, i) => [...frame(1_000, i)]).flat()));
  await stage.until(() => stage.seen[1]!.frames.length >= 2 && stage.memory.heldBytes === 60_000);
  const before = stage.seen[1]!.frames.length;
  assert(before < 51, `${before} requests were read`);
  stage.clock.advance(10_000);
  assertEquals(stage.listener.connections, 2); // the holder waits for an answer: it is not in the way
  stage.seen[0]!.socket.release(60_000);
  await stage.until(() => stage.seen[1]!.frames.length === 51);
});

Deno.test("whoever has begun a request and stalls makes room for others", async () => {
  await using stage = new Stage({ memoryBytes: 100_000 });
  const stalled = await Promise.all(Array.from({ length: 4 }, () => stage.connect()));
  for (const conn of stalled) await send(conn, frame(9 * MIB).subarray(0, 30_000));
  await stage.until(() => stage.memory.heldBytes >= 100_000);
  const other = await stage.connect();
  await send(other, frame(1));
  await stage.until(() => stage.seen.length === 5);
  await stage.until(() => {
    stage.clock.advance(500);
    return stage.seen[4]!.frames.length === 1;
  });
  assertStringIncludes(stage.refusals.join(), "of a full memory");
  assert(stage.listener.connections >= 2, "more were closed than had to be");
});

Deno.test("a listener takes connections only once it accepts, and knows its port before", async () => {
  await using stage = new Stage();
  assert(stage.listener.port > 0);
  assertEquals(stage.listener.connections, 0);
});
