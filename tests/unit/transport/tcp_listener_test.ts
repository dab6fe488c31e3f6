import { assert, assertEquals } from "@std/assert";
import { concatenate } from "../../../lib/bytes.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { realEnv } from "../../../server/env.ts";
import { type Arrival, FrameReader, FrameWriter } from "../../../transport/frames.ts";
import {
  decodeAnswer,
  encodeHello,
  type Hello,
  type HelloAnswer,
  PREAMBLE_BYTES,
  readPreamble,
} from "../../../transport/handshake.ts";
import { TcpTransport } from "../../../transport/tcp.ts";
import type { TcpLimits } from "../../../transport/tcp_limits.ts";
import type { Envelope, PeerEvent } from "../../../transport/transport.ts";
import { eventually, patiently } from "../../helpers/patience.ts";
import { QUICK } from "../../helpers/tcp_stage.ts";

const host = "127.0.0.1";
const HELLO: Hello = { nodeId: 2, incarnationId: "raw", clusterId: "", expectedId: 1, lane: "control", linkId: 7 };

/** Node 1, which strangers dial. */
class Stage implements AsyncDisposable {
  readonly tcp: TcpTransport;
  readonly received: Envelope[] = [];
  readonly events: PeerEvent[] = [];
  readonly reports: string[] = [];
  clusterId = "A";
  readonly #strangers: Stranger[] = [];

  constructor(limits: Partial<TcpLimits> = {}) {
    this.tcp = new TcpTransport({
      nodeId: 1,
      incarnationId: "a life",
      clusterId: () => this.clusterId,
      hostname: host,
      port: 0,
      env: realEnv(),
      report: (sentence) => this.reports.push(sentence),
      limits: { ...QUICK, pingMs: 10_000, ...limits },
    });
    this.tcp.onReceive((envelope) => this.received.push(envelope));
    this.tcp.onPeer((event) => this.events.push(event));
  }

  async stranger(bytes: Uint8Array = new Uint8Array()): Promise<Stranger> {
    const stranger = new Stranger(await Deno.connect({ hostname: host, port: this.tcp.port }));
    this.#strangers.push(stranger);
    await stranger.write(bytes);
    return stranger;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.tcp.close();
    await this.tcp.ended();
    for (const stranger of this.#strangers) await stranger.close();
  }
}

/** Somebody who dials in. */
class Stranger {
  readonly #conn: Deno.TcpConn;
  readonly #reading: Promise<void>;
  #bytes = new Uint8Array();
  /** Whether the node has closed the connection. */
  ended = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#reading = this.#read();
  }

  /** What it was answered, if anything. */
  get answer(): HelloAnswer | undefined {
    if (this.#bytes.length < PREAMBLE_BYTES) return undefined;
    return decodeAnswer(1, this.#bytes.subarray(PREAMBLE_BYTES, this.#answerEnd));
  }

  /** What came after that. */
  get arrivals(): Arrival[] {
    const reader = new FrameReader(1 << 20);
    const arrivals: Arrival[] = [];
    for (let at = this.#answerEnd; at < this.#bytes.length;) {
      const piece = this.#bytes.subarray(at, at + reader.space().length);
      reader.space().set(piece);
      reader.filled(piece.length);
      at += piece.length;
      for (let arrival; (arrival = reader.next()) !== undefined;) arrivals.push(arrival);
    }
    return arrivals;
  }

  get #answerEnd(): number {
    return PREAMBLE_BYTES + readPreamble(this.#bytes).size;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch { /* the node has closed it */ }
  }

  async close(): Promise<void> {
    try {
      this.#conn.close();
    } catch { /* it was closed */ }
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const bytes = new Uint8Array(1_000);
      for (let count; (count = await this.#conn.read(bytes)) !== null;) {
        this.#bytes = concatenate([this.#bytes, bytes.slice(0, count)]) as Uint8Array<ArrayBuffer>;
      }
    } catch { /* it was closed */ }
    this.ended = true;
  }
}

function frame(call: number, body: unknown = null): Uint8Array {
  const { head, beside } = new FrameWriter().envelope({ to: "1/a/b", from: "2/a/b", call, verb: "verb", body });
  return concatenate([head, ...beside]).slice();
}

function withVersion(version: number): Uint8Array {
  const bytes = encodeHello(HELLO);
  bytes[9] = version;
  return bytes;
}

Deno.test("whoever speaks something else is closed and reported, once", async () => {
  await using stage = new Stage();
  for (let time = 0; time < 3; time++) {
    const stranger = await stage.stranger(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    await eventually(() => stranger.ended, "the end of the connection");
    assertEquals(stranger.answer, undefined);
  }
  assertEquals(stage.reports.length, 1);
  assert(stage.reports[0]!.startsWith(`A connection to node 1 from ${host}:`), stage.reports[0]);
  assert(stage.reports[0]!.endsWith("was refused: it does not speak the nodes' protocol."), stage.reports[0]);
});

Deno.test("whoever must not be linked is told why", async () => {
  await using stage = new Stage();
  const cases: [Uint8Array, string][] = [
    [encodeHello({ ...HELLO, clusterId: "\n" }), "node 2 belongs to cluster \n, and node 1 to cluster A"],
    [withVersion(9), "it speaks version 9 of the nodes' protocol, this node version 1"],
    [encodeHello({ ...HELLO, clusterId: "B" }), "node 2 belongs to cluster B, and node 1 to cluster A"],
    [encodeHello({ ...HELLO, nodeId: 1 }), "both have the id 1: every node needs an id of its own"],
    [encodeHello({ ...HELLO, expectedId: 3 }), "node 3 was looked for, but this is node 1"],
    [encodeHello({ ...HELLO, lane: "bulk" }), "the first connection of its link is not here"],
    [encodeHello({ ...HELLO, lane: "third" as "bulk" }), "what it says of itself is incomplete"],
  ];
  for (const [bytes, reason] of cases) {
    const stranger = await stage.stranger(bytes);
    await eventually(() => stranger.ended, "the end of the connection");
    assertEquals(stranger.answer, { accepted: false, reason });
    const told = reason.replace("\n", "\ufffd"); // nobody writes lines of the operator's log
    assert(stage.reports.at(-1)!.endsWith(`was refused: ${told}.`), stage.reports.at(-1));
  }
  assertEquals(stage.events, []);
});

Deno.test("the second connection of a link is taken once, and only with the first", async () => {
  await using stage = new Stage();
  const control = await stage.stranger(encodeHello(HELLO));
  await eventually(() => stage.events.length === 1, "the link");
  const reason = "the first connection of its link is not here";
  const bulk = { ...HELLO, lane: "bulk" } as const;
  for (const hello of [{ ...bulk, linkId: 8 }, { ...bulk, nodeId: 3 }]) {
    const stranger = await stage.stranger(encodeHello(hello));
    await eventually(() => stranger.ended, "the end of the connection");
    assertEquals(stranger.answer, { accepted: false, reason });
  }
  const second = await stage.stranger(concatenate([encodeHello(bulk), frame(1), frame(2, new Uint8Array(50_000))]));
  await eventually(() => stage.received.length === 2, "what came by the second");
  const third = await stage.stranger(encodeHello(bulk));
  await eventually(() => third.ended, "the end of the third");
  assertEquals([control.ended, second.ended, second.answer?.accepted, third.answer?.accepted], [
    false,
    false,
    true,
    false,
  ]);
});

Deno.test("a new link of the same process takes the place of its former one", async () => {
  await using stage = new Stage();
  const former = await stage.stranger(encodeHello(HELLO));
  await eventually(() => stage.events.length === 1, "the link");
  const latter = await stage.stranger(concatenate([encodeHello({ ...HELLO, linkId: 8 }), frame(1)]));
  await eventually(() => former.ended && stage.received.length === 1, "the change");
  assertEquals(latter.ended, false);
  const [up, lost] = [{ type: "up", node: 2 }, { type: "down", node: 2, refused: false }] as const;
  assertEquals(stage.events, [up, lost, up]);
});

Deno.test("a link without its second connection is given up", async () => {
  await using stage = new Stage({ pingMs: 10, silentPingsMax: 3 });
  const stranger = await stage.stranger(encodeHello(HELLO));
  const timer = setInterval(() => stranger.write(new FrameWriter().ping("").head), 5);
  await eventually(() => stranger.ended, "the end of the link");
  clearInterval(timer);
  assert(stage.reports[0]!.endsWith("nothing has come by its bulk lane for too long."), stage.reports[0]);
});

Deno.test("half a frame is waited for; the rest of it may come in pieces", async () => {
  await using stage = new Stage();
  const stranger = await stage.stranger(encodeHello(HELLO));
  const bytes = concatenate([frame(1, "text"), frame(2, new Uint8Array(100_000))]);
  for (let at = 0; at < bytes.length; at += at < 300 ? 1 : 7_000) {
    await stranger.write(bytes.subarray(at, at + (at < 300 ? 1 : 7_000)));
  }
  await eventually(() => stage.received.length === 2, "both frames");
  assertEquals(stage.received.map(({ call }) => call), [1, 2]);
});

Deno.test("a frame that is too large or cannot be read ends the link, in words", async () => {
  const cases: [Uint8Array, RegExp][] = [
    [
      new Uint8Array(20).fill(0xff),
      /the other side sent a frame of 4294967299 bytes, more than the limit of 67108864\.$/,
    ],
    [new Uint8Array(20), /the other side sent a frame of 4 bytes with a head of 0\.$/],
    [frame(1).fill(9, 8, 9), /the other side sent a frame that cannot be read: No frame is of type 9\.$/],
    [
      frame(1).fill(0xff, 9, 12),
      /the other side sent a frame that cannot be read: A string is missing before byte \d+\.$/,
    ],
  ];
  for (const [bytes, report] of cases) {
    await using stage = new Stage();
    const stranger = await stage.stranger(concatenate([encodeHello(HELLO), bytes]));
    await eventually(() => stranger.ended && stage.events.length === 2, "the end of the link");
    assertEquals(stage.events[1], { type: "down", node: 2, refused: false });
    assert(report.test(stage.reports[0]!), stage.reports[0]);
    assertEquals(stage.received, []);
  }
});

Deno.test("whatever comes after a good beginning, the next node is served", async () => {
  await using stage = new Stage();
  const random = new SeededRandom("whatever comes");
  for (let round = 0; round < 60; round++) {
    const bytes = concatenate([encodeHello({ ...HELLO, linkId: round }), frame(1, { a: [1, "b"] }), frame(2)]).slice();
    for (let change = 0; change <= random.below(4); change++) bytes[random.below(bytes.length)] = random.below(256);
    const stranger = await stage.stranger(bytes);
    await stranger.close();
  }
  const good = await stage.stranger(concatenate([encodeHello({ ...HELLO, nodeId: 5 }), frame(77)]));
  await eventually(() => stage.received.at(-1)?.call === 77, "an envelope of a good link");
  assertEquals(good.ended, false);
});

Deno.test("whoever does not say who it is must go, and there are not many of them", async () => {
  await using stage = new Stage({ handshakeMs: 100, strangersMax: 3 });
  const half = encodeHello(HELLO).subarray(0, 20);
  const slow = [await stage.stranger(), await stage.stranger(half), await stage.stranger(half.subarray(0, 5))];
  const fourth = await stage.stranger();
  await eventually(() => fourth.ended, "the end of the fourth");
  assert(stage.reports[0]!.endsWith("was refused: 3 others have not said who they are yet."), stage.reports[0]);
  await eventually(() => slow.every(({ ended }) => ended), "the end of the others");
  assert(stage.reports[1]!.endsWith("was refused: it did not say within 100 ms who it is."), stage.reports[1]);
  const good = await stage.stranger(encodeHello(HELLO));
  await eventually(() => stage.events.length === 1, "a link");
  assertEquals(good.ended, false);
});

Deno.test("who closes before it has said who it is, is not worth a report", async () => {
  await using stage = new Stage();
  for (const bytes of [new Uint8Array(), encodeHello(HELLO).subarray(0, 15)]) {
    await (await stage.stranger(bytes)).close();
  }
  const good = await stage.stranger(encodeHello(HELLO));
  await eventually(() => stage.events.length === 1, "a link");
  assertEquals([good.ended, stage.reports.length], [false, 0]);
});

Deno.test("there are only so many other nodes", async () => {
  await using stage = new Stage({ peersMax: 2 });
  const links = [2, 3, 4].map((nodeId) => stage.stranger(encodeHello({ ...HELLO, nodeId })));
  const strangers = await Promise.all(links);
  await eventually(() => strangers.some(({ ended }) => ended), "a refusal");
  const refused = strangers.find(({ ended }) => ended)!;
  assertEquals(refused.answer, { accepted: false, reason: "there are too many other nodes" });
  assertEquals(stage.events.length, 2);
});

Deno.test("the end of a transport closes whoever is about to say who it is", async () => {
  await using stage = new Stage();
  const slow = await stage.stranger();
  stage.tcp.close();
  await patiently(stage.tcp.ended(), "the end of the transport");
  await eventually(() => slow.ended, "the end of the connection");
  assertEquals(stage.reports, []);
});

Deno.test("a cluster that is told later by the other side ends the link, if it is another", async () => {
  await using stage = new Stage();
  const stranger = await stage.stranger(encodeHello(HELLO));
  for (const clusterId of ["", "A"]) await stranger.write(new FrameWriter().ping(clusterId).head);
  await stranger.write(frame(1));
  await eventually(() => stage.received.length === 1, "an envelope");
  assertEquals(stranger.ended, false);
  await stranger.write(new FrameWriter().ping("B").head);
  await eventually(() => stranger.ended, "the end of the link");
  assert(
    stage.reports[0]!.endsWith("was lost: node 2 belongs to cluster B, and node 1 to cluster A."),
    stage.reports[0],
  );
});

Deno.test("a cluster that becomes known later here ends links with another", async () => {
  await using stage = new Stage({ pingMs: 10, silentPingsMax: 1_000_000 });
  stage.clusterId = "";
  const stranger = await stage.stranger(encodeHello({ ...HELLO, clusterId: "B" }));
  await eventually(() => stage.events.length === 1, "the link");
  stage.clusterId = "A";
  await eventually(() => stranger.ended, "the end of the link");
});

Deno.test("a cluster that becomes known later is told, even by a link that is never idle", async () => {
  await using stage = new Stage({ pingMs: 10, silentPingsMax: 1_000_000 });
  stage.clusterId = "";
  const stranger = await stage.stranger(encodeHello(HELLO));
  await eventually(() => stage.events.length === 1, "the link");
  stage.clusterId = "A";
  await eventually(() => {
    stage.tcp.send(2, { to: "", from: "", call: 0, verb: "", body: null });
    return stranger.arrivals.some((arrival) => arrival.type === "ping" && arrival.clusterId === "A");
  }, "the news");
});
