import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { realEnv } from "../../../server/env.ts";
import { TcpTransport } from "../../../transport/tcp.ts";
import type { TcpLimits } from "../../../transport/tcp_limits.ts";
import type { Envelope, PeerEvent } from "../../../transport/transport.ts";
import { eventually } from "../../helpers/patience.ts";
import { QUICK } from "../../helpers/tcp_stage.ts";

const host = "127.0.0.1";

interface Node {
  readonly tcp: TcpTransport;
  readonly received: Envelope[];
  readonly events: PeerEvent[];
  readonly reports: string[];
  clusterId: string;
}

/** Nodes of one test; all sockets are let go when it ends. */
class Stage implements AsyncDisposable {
  readonly #nodes: Node[] = [];

  node(
    nodeId: number,
    options: { limits?: Partial<TcpLimits>; clusterId?: string; life?: string; port?: number } = {},
  ): Node {
    const { limits, life = `life ${this.#nodes.length}`, port = 0 } = options;
    const reports: string[] = [];
    const tcp = new TcpTransport({
      nodeId,
      incarnationId: life,
      clusterId: () => node.clusterId,
      hostname: host,
      port,
      env: realEnv(),
      report: (sentence) => reports.push(sentence),
      limits: { ...QUICK, ...limits },
    });
    const node: Node = { tcp, received: [], events: [], reports, clusterId: options.clusterId ?? "" };
    tcp.onReceive((envelope) => node.received.push(envelope));
    tcp.onPeer((event) => node.events.push(event));
    this.#nodes.push(node);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { tcp } of this.#nodes) tcp.close();
    await Promise.all(this.#nodes.map(({ tcp }) => tcp.ended()));
  }
}

function envelope(call: number, body: unknown = null): Envelope {
  return { to: "2/a/b", from: "1/a/b", call, verb: "verb", body };
}

/** Tells `from` where `to` is. */
function introduce(from: Node, to: Node, port: number = to.tcp.port, id: number = to.tcp.node): void {
  from.tcp.setPeers(new Map([[id, { host, port }]]));
}

function isUp(node: Node, peer: number): boolean {
  return node.events.findLast((event) => event.node === peer)?.type === "up";
}

async function linked(a: Node, b: Node): Promise<void> {
  introduce(a, b);
  await eventually(() => isUp(a, b.tcp.node) && isUp(b, a.tcp.node), "the link");
}

/** A port on which nobody listens. */
function freePort(): number {
  using listener = Deno.listen({ hostname: host, port: 0 });
  return listener.addr.port;
}

/** Passes bytes on between nodes, until it is told to lose them or to cut. */
class Middle implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: host, port: 0 });
  readonly #target: number;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #running = new Set<Promise<void>>();
  readonly port: number = this.#listener.addr.port;
  /** While false, what comes is lost in silence. */
  passing = true;
  accepted = 0;
  #closed = false;

  constructor(target: number) {
    this.#target = target;
    this.#track(this.#accept());
  }

  cut(): void {
    for (const conn of this.#conns) close(conn);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    this.cut();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      this.accepted++;
      this.#track(this.#join(near));
    }
  }

  async #join(near: Deno.TcpConn): Promise<void> {
    const far = await Deno.connect({ hostname: host, port: this.#target }).catch(() => undefined);
    for (const conn of [near, far]) if (conn !== undefined) this.#conns.add(conn);
    if (far === undefined || this.#closed) return this.cut();
    await Promise.all([this.#pass(near, far), this.#pass(far, near)]);
    this.#conns.delete(near);
    this.#conns.delete(far);
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    try {
      const bytes = new Uint8Array(65_536);
      for (let count; (count = await from.read(bytes)) !== null;) {
        for (let at = 0; this.passing && at < count;) at += await to.write(bytes.subarray(at, count));
      }
    } catch { /* it was cut */ }
    close(from);
    close(to);
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch { /* it was closed */ }
}

Deno.test("one address is enough: the node that was dialed can answer", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(a, b);
  assert(b.tcp.send(1, envelope(7, "an answer")));
  assert(b.tcp.send(1, envelope(8, new Uint8Array(100_000))));
  await eventually(() => a.received.length === 2, "both lanes");
  assertEquals(a.received.map(({ call }) => call).sort(), [7, 8]);
});

Deno.test("two dials that cross do no harm", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  introduce(a, b);
  introduce(b, a);
  await eventually(() => isUp(a, 2) && isUp(b, 1), "the links");
  for (let call = 0; call < 100; call++) {
    assert(a.tcp.send(2, envelope(call)));
    assert(b.tcp.send(1, envelope(call)));
  }
  await eventually(() => a.received.length === 100 && b.received.length === 100, "everything");
  assertEquals(a.received.map(({ call }) => call), Array.from({ length: 100 }, (_, call) => call));
  b.tcp.close();
  await eventually(() => a.events.some((event) => event.type === "down" && event.refused), "the end");
  assertEquals(a.events.at(-1), { type: "down", node: 2, refused: true });
  assertEquals(a.tcp.send(2, envelope(0)), false);
});

Deno.test("what is sent while a peer is dialed for the first time waits, within limits", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1, { limits: { waitingBytesMax: 200_000 } }), stage.node(2)];
  assertEquals(a.tcp.send(2, envelope(0)), false); // no address
  introduce(a, b);
  const bytes = new Uint8Array([1, 2, 3]);
  assert(a.tcp.send(2, envelope(1, bytes)));
  bytes.fill(9);
  assert(a.tcp.send(2, envelope(2, new Uint8Array(150_000))));
  assertEquals(a.tcp.send(2, envelope(3, new Uint8Array(150_000))), false);
  await eventually(() => b.received.length === 2, "what waited");
  assertEquals(b.received.find(({ call }) => call === 1)!.body, new Uint8Array([1, 2, 3]));
});

Deno.test("what waits for a peer that cannot be reached is given up", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1, { limits: { waitingMs: 30, answerMs: 100 } }), stage.node(2)];
  await using middle = new Middle(b.tcp.port);
  middle.passing = false;
  introduce(a, b, middle.port);
  assert(a.tcp.send(2, envelope(1)));
  await eventually(() => !a.tcp.send(2, envelope(2)), "the end of waiting");
  assertEquals(a.events, []);
  middle.passing = true;
  await eventually(() => isUp(a, 2), "the link");
  assert(a.tcp.send(2, envelope(3)));
  await eventually(() => b.received.length > 0, "a message");
  assertEquals(b.received.map(({ call }) => call), [3]);
});

Deno.test("a peer that refuses the first dial is gone, until it is there", async () => {
  await using stage = new Stage();
  const a = stage.node(1);
  const port = freePort();
  a.tcp.setPeers(new Map([[2, { host, port }]]));
  assert(a.tcp.send(2, envelope(1)));
  await eventually(() => a.events.length > 0, "the refusal");
  assertEquals(a.events, [{ type: "down", node: 2, refused: true }]);
  assertEquals(a.tcp.send(2, envelope(2)), false);
  const b = stage.node(2, { port });
  await eventually(() => isUp(a, 2), "the link");
  assertEquals(a.events, [{ type: "down", node: 2, refused: true }, { type: "up", node: 2 }]); // told once each
  assert(a.tcp.send(2, envelope(3)));
  await eventually(() => b.received.length > 0, "a message");
  assertEquals(b.received.map(({ call }) => call), [3]);
  assertEquals(a.reports, []);
});

/** Whoever waits at all waits too long. */
const AT_ONCE: Partial<TcpLimits> = { backoffMinMs: 1_000_000, backoffMaxMs: 1_000_000, steadyMs: 0 };

Deno.test("a link that is cut is told, and made again at once", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1, { limits: AT_ONCE }), stage.node(2)];
  await using middle = new Middle(b.tcp.port);
  introduce(a, b, middle.port);
  await eventually(() => isUp(a, 2) && isUp(b, 1) && middle.accepted === 2, "the link");
  middle.cut();
  await eventually(() => a.events.length === 3 && b.events.length >= 3, "the second link");
  const lost = { type: "down", node: 2, refused: false } as const;
  assertEquals(a.events, [{ type: "up", node: 2 }, lost, { type: "up", node: 2 }]);
  assert(b.events.every((event) => event.type === "up" || !event.refused));
  assert(a.tcp.send(2, envelope(1)));
  await eventually(() => b.received.length === 1, "a message over it");
  assert(a.reports[0]!.startsWith("The link to node 2 was lost: "));
});

Deno.test("a process that has gone is told as soon as its port refuses", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1, { limits: AT_ONCE }), stage.node(2)];
  await linked(a, b);
  b.tcp.close();
  await eventually(() => a.events.length >= 3, "the end");
  assertEquals(a.events, [
    { type: "up", node: 2 },
    { type: "down", node: 2, refused: false },
    { type: "down", node: 2, refused: true },
  ]);
});

Deno.test("a node that does not know where the other is hears of its loss, and no more", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(a, b);
  a.tcp.close();
  await eventually(() => b.events.length === 2, "the loss");
  assertEquals(b.events, [{ type: "up", node: 1 }, { type: "down", node: 1, refused: false }]);
  stage.node(1, { port: a.tcp.port }); // another life; it knows nobody
  introduce(b, a);
  await eventually(() => b.events.length === 4, "the next life");
  assertEquals(b.events.slice(2), [{ type: "down", node: 1, refused: true }, { type: "up", node: 1 }]);
});

Deno.test("another incarnation that dials in means that the former is gone", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(b, a); // a does not know where b is
  b.tcp.close();
  await eventually(() => a.events.length === 2, "the loss");
  const again = stage.node(2);
  introduce(again, a);
  await eventually(() => a.events.length === 4, "the next life");
  assertEquals(a.events.slice(2), [{ type: "down", node: 2, refused: true }, { type: "up", node: 2 }]);
});

Deno.test("a second process with the id of one that is alive is turned away, and takes its place when that is dead", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(a, b);
  const twin = stage.node(2);
  introduce(twin, a);
  const reason = "node 2 is connected already, as another process: every node needs an id of its own";
  await eventually(() => twin.reports.length > 0 && a.reports.length > 0, "the reports");
  assertEquals(twin.reports, [`Node 1 at ${host}:${a.tcp.port} turned this node away: ${reason}.`]);
  assert(a.reports[0]!.endsWith(`was refused: ${reason}.`), a.reports[0]);
  assertEquals(a.events, [{ type: "up", node: 2 }]);
  assert(a.tcp.send(2, envelope(1)));
  await eventually(() => b.received.length === 1, "a message to the first");
  b.tcp.close();
  await eventually(() => isUp(twin, 1) && isUp(a, 2), "the link with the second");
  assertEquals(a.events.filter((event) => event.type === "down" && event.refused).length, 1);
  assertEquals(a.reports.filter((report) => report.includes("was refused")).length, 1); // once a minute
});

Deno.test("a link over which nothing comes any more is given up, by either side", async () => {
  await using stage = new Stage();
  const limits = { pingMs: 20, silentPingsMax: 5 };
  const [a, b] = [stage.node(1, { limits }), stage.node(2, { limits })];
  await using middle = new Middle(b.tcp.port);
  introduce(a, b, middle.port);
  await eventually(() => isUp(a, 2) && isUp(b, 1) && middle.accepted === 2, "the link");
  middle.passing = false;
  await eventually(() => a.events.length > 1 && b.events.length > 1, "the silence to be noticed");
  assertEquals(a.events[1], { type: "down", node: 2, refused: false });
  assertEquals(b.events[1], { type: "down", node: 1, refused: false });
  assert(a.reports.concat(b.reports).some((report) => report.includes("nothing has come by its")), a.reports.join());
  middle.passing = true;
  middle.cut(); // what was accepted meanwhile
  await eventually(() => isUp(a, 2) && isUp(b, 1), "the next link");
});

Deno.test("an idle link stays, by its signs of life", async () => {
  await using stage = new Stage();
  const limits = { pingMs: 5, silentPingsMax: 20 };
  const [a, b] = [stage.node(1, { limits }), stage.node(2, { limits })];
  await using middle = new Middle(b.tcp.port);
  introduce(a, b, middle.port);
  await eventually(() => isUp(a, 2) && isUp(b, 1), "the link");
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  await eventually(() => ticks > 60, "three times the silence that is allowed");
  clearInterval(timer);
  assertEquals([a.events.length, b.events.length, middle.accepted], [1, 1, 2]);
});

Deno.test("clusters are kept apart, also when an id becomes known later", async () => {
  await using stage = new Stage();
  const [a, b, c] = [stage.node(1, { clusterId: "A" }), stage.node(2, { clusterId: "B" }), stage.node(3)];
  introduce(a, b);
  await eventually(() => a.reports.length > 0 && b.reports.length > 0, "the reports");
  const reason = "node 1 belongs to cluster A, and node 2 to cluster B";
  assertEquals(a.reports, [`Node 2 at ${host}:${b.tcp.port} turned this node away: ${reason}.`]);
  assert(b.reports[0]!.endsWith(`was refused: ${reason}.`), b.reports[0]);
  assertEquals([a.events, b.events], [[], []]);

  await linked(a, c);
  await linked(b, c);
  c.clusterId = "A";
  await eventually(() => !isUp(b, 3) && !isUp(c, 2), "the end of the link between A and B");
  assert(isUp(a, 3) && isUp(c, 1));
  assertEquals(a.events.length, 1);
});

Deno.test("a node that is not the one looked for is not taken for it", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  introduce(a, b, b.tcp.port, 3);
  await eventually(() => a.reports.length > 0 && b.reports.length > 0, "the reports");
  const reason = "node 3 was looked for, but this is node 2";
  assertEquals(a.reports, [`Node 3 at ${host}:${b.tcp.port} turned this node away: ${reason}.`]);
  assert(b.reports[0]!.endsWith(`was refused: ${reason}.`), b.reports[0]);
  assertEquals([a.events, b.events], [[], []]);

  const twin = stage.node(1);
  introduce(twin, a, a.tcp.port, 1); // its own id: that is itself, whatever the address
  introduce(twin, b);
  await eventually(() => isUp(b, 1), "another link");
  assertEquals(a.reports.length, 1);
});

Deno.test("a new address counts at once, the same one again does not", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1, { limits: AT_ONCE }), stage.node(2)];
  await using wrong = new Middle(freePort()); // takes connections, and closes them
  introduce(a, b, wrong.port);
  await eventually(() => a.reports.length === 1, "the failure");
  for (let time = 0; time < 5; time++) introduce(a, b, wrong.port);
  introduce(a, b);
  await eventually(() => isUp(a, 2), "the link, without a wait");
  introduce(a, b, freePort()); // the link stands: it stays
  assert(a.tcp.send(2, envelope(1)));
  await eventually(() => b.received.length === 1, "a message");
  assertEquals([a.events.length, wrong.accepted], [1, 1]);
});

Deno.test("small envelopes pass large ones", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(a, b);
  const large = new Uint8Array(32 << 20);
  assert(a.tcp.send(2, envelope(1, large)));
  for (let call = 2; call < 100; call++) assert(a.tcp.send(2, envelope(call)));
  await eventually(() => b.received.length === 99, "everything");
  assertEquals(b.received.at(-1)!.call, 1);
  assertEquals((b.received.at(-1)!.body as Uint8Array).length, large.length);
});

Deno.test("many small envelopes that come together leave turns to others", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(a, b);
  const inOneTurn: number[] = [];
  let open = false;
  b.tcp.onReceive(() => {
    if (!open) {
      open = true;
      inOneTurn.push(0);
      setImmediate(() => open = false);
    }
    inOneTurn[inOneTurn.length - 1]!++;
  });
  for (let call = 0; call < 2_000; call++) a.tcp.send(2, envelope(call));
  const sum = () => inOneTurn.reduce((total, count) => total + count, 0);
  await eventually(() => sum() === 2_000, "everything");
  assert(Math.max(...inOneTurn) <= 128, `${inOneTurn}`);
});

Deno.test("what waits for a peer is bounded on each lane", async () => {
  await using stage = new Stage();
  const queue = { bytesMax: 100_000, framesMax: 50 };
  const [a, b] = [stage.node(1, { limits: { control: queue, bulk: queue } }), stage.node(2)];
  await linked(a, b);
  const small = Array.from({ length: 60 }, (_, call) => a.tcp.send(2, envelope(call)));
  assertEquals(small.lastIndexOf(true), 49);
  const large = Array.from({ length: 6 }, (_, call) => a.tcp.send(2, envelope(100 + call, new Uint8Array(40_000))));
  assertEquals(large, [true, true, true, false, false, false]);
  await eventually(() => b.received.length === 53, "what was taken");
  assert(a.tcp.send(2, envelope(1)));
  await eventually(() => b.received.length === 54, "one more");
});

Deno.test("a message that is too large for any frame is not sent, and that is reported", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1, { limits: { frameBytesMax: 100_000 } }), stage.node(2)];
  await linked(a, b);
  assertEquals(a.tcp.send(2, envelope(1, new Uint8Array(100_000))), false);
  assert(a.tcp.send(2, envelope(2)));
  await eventually(() => b.received.length === 1, "the next");
  assertEquals(a.reports.length, 1);
  assert(a.reports[0]!.startsWith("A message cannot be sent: verb to 2/a/b takes 1000"), a.reports[0]);
});

Deno.test("a frame that is too large for its receiver ends the link, in words", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2, { limits: { frameBytesMax: 100_000 } })];
  await linked(a, b);
  assert(a.tcp.send(2, envelope(1, new Uint8Array(100_000))));
  await eventually(() => b.reports.length > 0, "the report");
  assert(
    /the other side sent a frame of 1000\d\d bytes, more than the limit of 100000\.$/.test(b.reports[0]!),
    b.reports[0],
  );
  await eventually(() => a.events.length >= 3 && isUp(a, 2), "the next link");
});

Deno.test("nothing is heard any more after the end", async () => {
  await using stage = new Stage();
  const [a, b] = [stage.node(1), stage.node(2)];
  await linked(a, b);
  for (let call = 0; call < 100; call++) a.tcp.send(2, envelope(call));
  b.tcp.close();
  await b.tcp.ended();
  assertEquals([b.received, b.events.length], [[], 1]);
  assertEquals(b.tcp.send(1, envelope(1)), false);
});
