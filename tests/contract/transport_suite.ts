/**
 * What every transport must do, whatever carries it: one suite, given a network of its kind.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Envelope, PeerEvent, Transport } from "../../transport/transport.ts";

/** A network of some kind under test. */
export interface TransportStage {
  /** Brings a node in. */
  join(node: number): Transport | Promise<Transport>;
  /** Waits until the condition holds. */
  until(condition: () => boolean): void | Promise<void>;
  /** Waits until nothing more can arrive. */
  settle(): void | Promise<void>;
  /** Ends the network. */
  close(): void | Promise<void>;
  /** What one link carries at most before it refuses or loses. */
  readonly queueMax: number;
  /** Whether everything arrives, once, when queues do not overflow. */
  readonly reliable: boolean;
}

interface End {
  readonly transport: Transport;
  readonly received: Envelope[];
  readonly events: PeerEvent[];
}

/** Declares the suite's tests for one kind of transport. */
export function transportSuite(name: string, open: () => TransportStage | Promise<TransportStage>): void {
  for (const [what, body] of Object.entries(cases)) {
    Deno.test(`${name}: ${what}`, async () => {
      const stage = await open();
      try {
        await body(stage);
      } finally {
        await stage.close();
      }
    });
  }
}

const cases: Readonly<Record<string, (stage: TransportStage) => Promise<void>>> = {
  "what arrives was sent, and is equal to what was sent": async (stage) => {
    const [a, b] = await pair(stage);
    const sent = Array.from({ length: 200 }, (_, at) => envelope(at, bodies[at % bodies.length]));
    for (const one of sent) assert(a.transport.send(2, one));
    if (stage.reliable) await stage.until(() => b.received.length === sent.length);
    await stage.settle();
    for (const one of b.received) assertEquals(one, sent[one.call]);
    assert(b.received.length > 0);
    if (stage.reliable) assertEquals(b.received.map(({ call }) => call).sort((x, y) => x - y), sent.map((_, at) => at));
    assertEquals(a.received, []);
  },

  "nothing arrives before send has returned": async (stage) => {
    const [a, b] = await pair(stage);
    for (let at = 0; at < 50; at++) a.transport.send(2, envelope(at, null));
    assertEquals(b.received.length, 0);
    await stage.until(() => b.received.length > 0);
  },

  "memory is never shared, neither with the sender nor between repetitions": async (stage) => {
    const [a, b] = await pair(stage);
    for (let at = 0; at < 100; at++) {
      const bytes = new Uint8Array([1, 2, 3]);
      const list = ["x"];
      a.transport.send(2, envelope(at, { bytes, list }));
      bytes.fill(9);
      list.push("changed");
    }
    await stage.until(() => b.received.length > 0);
    await stage.settle();
    const buffers = new Set<ArrayBufferLike>();
    for (const { body } of b.received) {
      const { bytes, list } = body as { bytes: Uint8Array; list: string[] };
      assertEquals([...bytes], [1, 2, 3]);
      assertEquals(list, ["x"]);
      assert(!buffers.has(bytes.buffer), "two envelopes share a buffer");
      buffers.add(bytes.buffer);
    }
  },

  "what is not plain data is a programmer error of the sender": async (stage) => {
    const [a, b] = await pair(stage);
    assertThrows(() => a.transport.send(2, envelope(1, { deep: [() => 1] })), TypeError, "plain data");
    assertThrows(() => a.transport.send(2, envelope(2, new Date(0))), TypeError, "plain data");
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    assertThrows(() => a.transport.send(2, envelope(3, cycle)), TypeError, "plain data");
    await stage.settle();
    assertEquals(b.received, []);
  },

  "both sides hear that the other is up": async (stage) => {
    const [a, b] = await pair(stage);
    assertEquals(a.events, [{ type: "up", node: 2 }]);
    assertEquals(b.events, [{ type: "up", node: 1 }]);
  },

  "sending to an unknown node, or after the end, returns false": async (stage) => {
    const [a, b] = await pair(stage);
    assertEquals(a.transport.send(99, envelope(1, null)), false);
    a.transport.close();
    a.transport.close();
    assertEquals(a.transport.send(2, envelope(1, null)), false);
    await stage.until(() => b.events.length > 1);
    await stage.settle();
    assertEquals(b.received, []);
  },

  "the end of a node is heard, it receives nothing more, and it can come back": async (stage) => {
    const [a, b] = await pair(stage);
    a.transport.send(2, envelope(1, "on its way"));
    b.transport.close();
    await stage.until(() => a.events.some((event) => event.type === "down" && event.refused));
    assertEquals(a.events.at(-1), { type: "down", node: 2, refused: true });
    assertEquals(a.transport.send(2, envelope(2, null)), false);
    await stage.settle();
    assertEquals(b.received, []);
    const again = listen(await stage.join(2));
    await stage.until(() => a.events.at(-1)!.type === "up" && again.events.length > 0);
    await stage.until(() => {
      a.transport.send(2, envelope(3, "to its new life"));
      return again.received.length > 0;
    });
    for (const one of again.received) assertEquals(one.call, 3);
  },

  "a node's end is heard before its next life, each as often as it happened": async (stage) => {
    const [a, first] = await pair(stage);
    let { transport } = first;
    const lives: PeerEvent[] = [{ type: "up", node: 2 }];
    for (let life = 2; life < 5; life++) {
      transport.close();
      transport = listen(await stage.join(2)).transport;
      lives.push({ type: "down", node: 2, refused: true }, { type: "up", node: 2 });
      await stage.until(() => a.events.filter((event) => event.type === "down" && event.refused).length === life - 1);
      await stage.until(() => a.events.at(-1)!.type === "up");
    }
    await stage.settle();
    // A link may also be lost and found again in between, as often as it likes.
    const heard = a.events.filter((event) => event.type === "up" || event.refused);
    assertEquals(heard.filter(({ type }, at) => type !== heard[at - 1]?.type), lives);
  },

  "a node that joins late hears of those that are there, and they of it": async (stage) => {
    const [a, b] = await pair(stage);
    const c = listen(await stage.join(3));
    await stage.until(() => [a, b, c].every(({ events }) => events.length === 2));
    assertEquals(c.events.toSorted((x, y) => x.node - y.node), [{ type: "up", node: 1 }, { type: "up", node: 2 }]);
    assertEquals([a.events[1], b.events[1]], [{ type: "up", node: 3 }, { type: "up", node: 3 }]);
  },

  "large envelopes arrive whole, each byte array in memory of its own": async (stage) => {
    const [a, b] = await pair(stage);
    const sizes = [100, 16_383, 16_384, 70_000, 1_500_000];
    const body = (at: number) => ({
      arrays: sizes.map((size) => new Uint8Array(size).fill(at)),
      text: "x".repeat(100_000),
    });
    for (let at = 0; at < 20; at++) a.transport.send(2, envelope(at, body(at)));
    if (stage.reliable) await stage.until(() => b.received.length === 20);
    await stage.settle();
    assert(b.received.length > 0);
    const buffers = new Set<ArrayBufferLike>();
    for (const { call, body: arrived } of b.received) {
      const { arrays, text } = arrived as ReturnType<typeof body>;
      assertEquals(text.length, 100_000);
      assertEquals(arrays.map(({ length }) => length), sizes);
      for (const array of arrays) {
        assert(array.every((byte) => byte === call), `a byte of envelope ${call} is another's`);
        assert(!buffers.has(array.buffer), "two byte arrays share a buffer");
        buffers.add(array.buffer);
      }
    }
  },

  "addresses may be given at any time, one's own among them": async (stage) => {
    const [a, b] = await pair(stage);
    a.transport.setPeers(new Map());
    a.transport.setPeers(new Map([[1, { host: "127.0.0.1", port: 1 }]]));
    a.transport.send(2, envelope(1, null));
    await stage.until(() => b.received.length > 0 || !stage.reliable);
    assertEquals(a.events, [{ type: "up", node: 2 }]);
    a.transport.close();
    a.transport.setPeers(new Map([[2, { host: "127.0.0.1", port: 1 }]]));
  },

  "a link holds no more than its limit, refusing or losing the rest, and works afterwards": async (stage) => {
    const [a, b] = await pair(stage);
    for (let at = 0; at < 2 * stage.queueMax; at++) a.transport.send(2, envelope(at, at));
    await stage.until(() => b.received.length > 0);
    await stage.settle();
    assert(b.received.length < 2 * stage.queueMax, `${b.received.length} arrived`);
    const before = b.received.length;
    await stage.until(() => {
      a.transport.send(2, envelope(0, 0));
      return b.received.length > before;
    });
  },

  "three nodes keep their envelopes apart": async (stage) => {
    const ends = [listen(await stage.join(1)), listen(await stage.join(2)), listen(await stage.join(3))];
    await stage.until(() => ends.every(({ events }) => events.length === 2));
    for (let at = 0; at < 30; at++) {
      for (const { transport } of ends) {
        for (const to of [1, 2, 3]) if (to !== transport.node) transport.send(to, envelope(at, [transport.node, to]));
      }
    }
    await stage.until(() => ends.every(({ received }) => received.length > 0));
    await stage.settle();
    for (const { transport, received } of ends) {
      for (const { body } of received) assertEquals((body as number[])[1], transport.node);
      if (stage.reliable) assertEquals(received.length, 60);
    }
  },
};

const bodies: unknown[] = [
  undefined,
  null,
  true,
  -0.5,
  "",
  "ünïcödé \0 \ud83d\ude00",
  2n ** 70n,
  -1n,
  new Uint8Array(),
  new Uint8Array([0, 255, 7]),
  [],
  {},
  [1, [2, [3, undefined]]],
  { a: 1, b: { c: "d", ["__proto__"]: 1 } },
  new Map<unknown, unknown>([["k", new Uint8Array([1])], [2, { x: null }]]),
  new Set([1, "a"]),
];

function envelope(call: number, body: unknown): Envelope {
  return { to: "2/kind/name", from: "1/kind/name", call, verb: "verb", body };
}

function listen(transport: Transport): End {
  const end: End = { transport, received: [], events: [] };
  transport.onReceive((one) => end.received.push(one));
  transport.onPeer((event) => end.events.push(event));
  return end;
}

async function pair(stage: TransportStage): Promise<[End, End]> {
  const [a, b] = [listen(await stage.join(1)), listen(await stage.join(2))];
  await stage.until(() => a.events.length === 1 && b.events.length === 1);
  return [a, b];
}
