import { assert, assertEquals } from "@std/assert";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { type NetworkFaults, SimulatedNetwork } from "../../../transport/simulated.ts";
import type { PeerEvent, Transport } from "../../../transport/transport.ts";

function network(seed: number, faults: Partial<NetworkFaults> = {}) {
  const env = new VirtualEnv(seed);
  const net = new SimulatedNetwork({ clock: env.clock, random: env.random.split("network"), faults });
  const join = (node: number) => {
    const received: { call: number; atMs: number }[] = [];
    const events: PeerEvent[] = [];
    const transport = net.join(node);
    transport.onReceive(({ call }) => received.push({ call, atMs: env.clock.monotonic() }));
    transport.onPeer((event) => events.push(event));
    return { transport, received, events };
  };
  return { env, net, a: join(1), b: join(2), join };
}

function send(transport: Transport, to: number, count: number, first = 0): void {
  for (let at = 0; at < count; at++) {
    transport.send(to, { to: "", from: "", call: first + at, verb: "x", body: null });
  }
}

function near(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) < expected / 10, `${actual} should be about ${expected}`);
}

Deno.test("the same seed gives the same arrivals, another seed others", () => {
  const run = (seed: number) => {
    const { env, a, b } = network(seed, { lossPerMillion: 100_000, duplicationPerMillion: 100_000 });
    send(a.transport, 2, 500);
    send(b.transport, 1, 500);
    env.run();
    return JSON.stringify([a.received, b.received]);
  };
  assertEquals(run(1), run(1));
  assert(run(1) !== run(2));
});

Deno.test("loss, repetition and delay are as often and as long as configured, and overtaking happens", () => {
  const faults = {
    lossPerMillion: 100_000,
    duplicationPerMillion: 50_000,
    delayMinMicros: 1_000,
    delayMeanMicros: 4_000,
    queueMax: 100_000,
  };
  const { env, net, a, b } = network(7, faults);
  send(a.transport, 2, 50_000);
  const sentAtMs = env.clock.monotonic();
  env.run();
  const { sent, lost, repeated, delivered } = net.counts;
  assertEquals([sent, delivered], [50_000, b.received.length]);
  near(lost, 5_000);
  near(repeated, 2_250); // of those that were not lost
  const delays = b.received.map(({ atMs }) => atMs - sentAtMs).sort((x, y) => x - y);
  assert(delays[0]! >= 1);
  near(delays.reduce((sum, delay) => sum + delay, 0) / delays.length, 5);
  near(delays[Math.floor(delays.length / 2)]! - 1, 4 * Math.LN2);
  near(delays[Math.floor(delays.length * 0.99)]! - 1, 4 * Math.log(100));
  const calls = b.received.map(({ call }) => call);
  assert(calls.some((call, at) => at > 0 && call < calls[at - 1]!));
});

Deno.test("a cut is one way and silent", () => {
  const { env, net, a, b } = network(1);
  env.run();
  net.cut(1, 2);
  send(a.transport, 2, 10);
  send(b.transport, 1, 10);
  env.run();
  assertEquals([a.received.length, b.received.length], [10, 0]);
  assertEquals(a.events.length, 1);
  net.heal(1, 2);
  env.run();
  assertEquals(b.received.length, 0); // lost, not late
  send(a.transport, 2, 10);
  env.run();
  assertEquals(b.received.length, 10);
});

Deno.test("a clogged link holds what comes, up to its limit, until it is healed", () => {
  const { env, net, a, b } = network(1, { queueMax: 10 });
  net.clog(1, 2);
  send(a.transport, 2, 25);
  env.run();
  assertEquals(b.received.length, 0);
  net.heal();
  assertEquals(b.received.length, 10);
  assertEquals(net.counts.lost, 15);
});

Deno.test("a killed node is heard of, a paused one is not", () => {
  const { env, net, a, b, join } = network(1);
  const c = join(3);
  env.run();
  net.pause(2);
  send(a.transport, 2, 5);
  env.advance(60_000);
  assertEquals([b.received.length, a.events.length], [0, 2]);
  net.resume(2);
  assertEquals(b.received.length, 5);
  send(a.transport, 2, 5);
  net.kill(2);
  env.run();
  assertEquals(b.received.length, 5);
  for (const { events } of [a, c]) assertEquals(events.at(-1), { type: "down", node: 2, refused: true });
  assertEquals(a.transport.send(2, { to: "", from: "", call: 0, verb: "", body: null }), false);
});

Deno.test("a rebirth is never heard before the death", () => {
  for (let seed = 0; seed < 100; seed++) {
    const { env, net, a, join } = network(seed);
    env.run();
    net.kill(2);
    const again = join(2);
    send(a.transport, 2, 1);
    env.run();
    assertEquals(a.events.slice(1).map(({ type }) => type), ["down", "up"]);
    assertEquals(again.received.length, 1);
  }
});

Deno.test("a reset loses what is on its way, and both hear of it", () => {
  const { env, net, a, b } = network(1);
  env.run();
  send(a.transport, 2, 5);
  send(b.transport, 1, 5);
  net.reset(1, 2);
  env.run();
  assertEquals([a.received.length, b.received.length], [0, 0]);
  assertEquals(a.events.slice(1), [{ type: "down", node: 2, refused: false }, { type: "up", node: 2 }]);
  assertEquals(b.events.slice(1), [{ type: "down", node: 1, refused: false }, { type: "up", node: 1 }]);
  send(a.transport, 2, 5);
  env.run();
  assertEquals(b.received.length, 5);
});

Deno.test("a fault on one link does not change what happens on the others", () => {
  const run = (cut: boolean) => {
    const { env, net, a, b, join } = network(5, { lossPerMillion: 200_000 });
    const c = join(3);
    env.run();
    if (cut) net.cut(1, 2);
    send(a.transport, 2, 100);
    send(b.transport, 3, 100);
    env.run();
    return JSON.stringify(c.received);
  };
  assertEquals(run(true), run(false));
});

Deno.test("a node whose machine is gone is missed by nobody until it is back", () => {
  const { env, net, a, join } = network(3);
  env.run();
  a.events.length = 0;
  net.kill(2, true);
  assert(a.transport.send(2, { to: "", from: "", call: 1, verb: "x", body: null }), "nobody can know that it is gone");
  env.run();
  assertEquals(a.events, []);
  const back = join(2);
  env.run();
  assertEquals(a.events, [{ type: "up", node: 2 }]);
  assertEquals(back.received, [], "what was sent meanwhile is lost");
  net.kill(2);
  assertEquals(a.transport.send(2, { to: "", from: "", call: 2, verb: "x", body: null }), false);
});
