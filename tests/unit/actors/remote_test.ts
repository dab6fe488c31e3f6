import { assert, assertEquals } from "@std/assert";
import { ActorSystem } from "../../../actors/system.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { LocalHub } from "../../../transport/local.ts";
import { type NetworkFaults, SimulatedNetwork } from "../../../transport/simulated.ts";
import type { Envelope, PeerEvent, Transport } from "../../../transport/transport.ts";
import type { Actor, Asker, Ref } from "../../../actors/actor.ts";
import { LATER } from "../../../actors/actor.ts";
import { collect } from "./fixtures.ts";

interface EchoProtocol {
  echo(body: unknown): unknown;
  /** Answered by `release`. */
  keep(_: void): string;
  release(value: string): void;
  /** Hands its own asker to a peer on another node, who answers. */
  pass(to: Ref<EchoProtocol>): string;
  answer(asker: Asker<string>): void;
  askPeer(question: { readonly to: Ref<EchoProtocol>; readonly timeoutMs: number }): void;
  sendPeer(message: { readonly to: Ref<EchoProtocol>; readonly body: unknown }): void;
  watch(ref: Ref<EchoProtocol>): void;
  crash(_: void): void;
}
interface Echo {
  readonly diary: unknown[];
  readonly askers: Asker<string>[];
}

const echo: Actor<EchoProtocol, Echo, { readonly diary: unknown[] }> = {
  kind: "echo",
  mailboxCapacity: 4,
  start: ({ diary }) => ({ diary, askers: [] }),
  terminated: (state, ref) => void state.diary.push(`terminated ${ref}`),
  on: {
    echo(state, body) {
      state.diary.push(body);
      return body;
    },
    keep(state, _, out) {
      state.askers.push(out.asker());
      return LATER;
    },
    release(state, value, out) {
      state.askers.splice(0).forEach((asker, at) => out.reply(asker, `${value} ${at}`));
    },
    pass(_, to, out) {
      out.send(to, "answer", out.asker());
      return LATER;
    },
    answer: (_, asker, out) => out.reply(asker, `answered by ${out.self}`),
    askPeer(_, { to, timeoutMs }, out) {
      out.ask(to, "keep", undefined, (state, answer) => void state.diary.push(answer), timeoutMs);
    },
    sendPeer: (_, { to, body }, out) => out.send(to, "echo", body),
    watch: (_, ref, out) => out.watch(ref),
    crash() {
      throw new Error("boom");
    },
  },
};

function cluster(join: (node: number) => Transport, env: VirtualEnv) {
  return [1, 2].map((node) => {
    const diary: unknown[] = [];
    const system = new ActorSystem({ node, env: env.fork(`node ${node}`), transport: join(node) }).register(echo);
    const ref = system.spawn(echo, "e", { diary });
    return { system, ref, diary };
  }) as [Node, Node];
}
interface Node {
  readonly system: ActorSystem;
  readonly ref: Ref<EchoProtocol>;
  readonly diary: unknown[];
}

function local() {
  const env = new VirtualEnv();
  const hub = new LocalHub({ scheduler: env.scheduler });
  const nodes = cluster((node) => hub.join(node), env);
  env.advance(1);
  return { env, hub, a: nodes[0], b: nodes[1] };
}

function simulated(seed: number, faults: Partial<NetworkFaults> = {}) {
  const env = new VirtualEnv(seed);
  const net = new SimulatedNetwork({ clock: env.clock, random: env.random.split("network"), faults });
  const nodes = cluster((node) => net.join(node), env);
  env.advance(100);
  return { env, net, a: nodes[0], b: nodes[1] };
}

Deno.test("tells and asks reach another node, and what arrives is a copy", () => {
  const { env, a, b } = local();
  const { answers, settle } = collect<unknown>();
  const body = { bytes: new Uint8Array([1, 2]), big: 5n, nothing: undefined };
  a.system.askThen(b.ref, "echo", body, settle);
  a.system.askThen(b.ref, "keep", undefined, settle);
  env.advance(1);
  assertEquals(answers, [body]);
  assert(answers[0] !== body && b.diary[0] !== body && answers[0] !== b.diary[0]);
  a.system.tell(b.ref, "release", "later");
  env.advance(1);
  assertEquals(answers[1], "later 0");
  a.system.tell(a.ref, "sendPeer", { to: b.ref, body: "from actor to actor" });
  env.advance(1);
  assertEquals(b.diary[1], "from actor to actor");
});

Deno.test("an asker works on any node", () => {
  const { env, a, b } = local();
  const { answers, settle } = collect<string>();
  a.system.askThen(b.ref, "pass", a.ref, settle); // 1 asks 2, who lets 1 answer
  a.system.askThen(a.ref, "pass", b.ref, settle); // 1 asks 1, who lets 2 answer
  env.advance(1);
  assertEquals(answers.sort(), ["answered by 1/echo/e", "answered by 2/echo/e"]);
});

Deno.test("asks of another node fail: nobody there, crashed, stopped, no such node, no answer", () => {
  const { env, a, b } = local();
  const { answers, settle } = collect<unknown>();
  const outcome = (step: () => void) => {
    answers.length = 0;
    step();
    env.advance(100);
    return answers[0];
  };
  assertEquals(
    outcome(() => a.system.askThen("2/echo/none" as typeof b.ref, "keep", undefined, settle)),
    "unreachable",
  );
  assertEquals(outcome(() => a.system.askThen(b.ref, "crash", undefined, settle)), "crashed");
  assertEquals(outcome(() => a.system.askThen("9/echo/e" as typeof b.ref, "keep", undefined, settle)), "unreachable");
  assertEquals(outcome(() => a.system.askThen(b.ref, "keep", undefined, settle, 99)), "timeout");
  a.system.askThen(b.ref, "keep", undefined, settle);
  env.advance(1);
  assertEquals(outcome(() => b.system.stop(b.ref)), "crashed");
  assertEquals(a.system.deadLetters.recent.map(({ reason }) => reason), ["its node cannot be reached"]);
});

Deno.test("a node that is gone fails what was asked of it at once, as what may have happened", () => {
  const { env, hub, a, b } = local();
  a.system.tell(a.ref, "askPeer", { to: b.ref, timeoutMs: 30_000 });
  env.advance(1);
  assertEquals(a.diary, []);
  b.system.halt();
  hub.disconnect(2);
  env.advance(1);
  assertEquals(a.diary, [{ ok: false, failure: "crashed" }]);
});

Deno.test("a mailbox that is full refuses what comes from another node, and its asker learns so", () => {
  const { env, a, b } = local();
  b.system.pause(b.ref);
  const { answers, settle } = collect<unknown>();
  // Four may wait by its capacity, and sixteen more from other nodes, which cannot be made to wait.
  for (let at = 0; at < 22; at++) a.system.askThen(b.ref, "echo", at, settle);
  env.advance(1);
  assertEquals(answers, ["unreachable", "unreachable"]);
  assertEquals(b.system.deadLetters.recent.map(({ reason }) => reason), ["its mailbox is full", "its mailbox is full"]);
  assertEquals(b.system.offer(b.ref, "echo", 0), false);
  b.system.resume(b.ref);
  env.advance(1);
  assertEquals(answers.slice(2), Array.from({ length: 20 }, (_, at) => at));
});

Deno.test("death-watch over nodes: the end of an actor, of nobody, of a node; not a restart, not a broken link", () => {
  const { env, net, a, b } = simulated(1);
  const other = b.system.spawn(echo, "other", { diary: [] });
  const outside: string[] = [];
  a.system.watch(b.ref, (ref) => outside.push(ref));
  for (const ref of [b.ref, other, "2/echo/none" as typeof other]) a.system.tell(a.ref, "watch", ref);
  env.advance(100);
  assertEquals(a.diary, ["terminated 2/echo/none"]);
  b.system.kill(other);
  net.reset(1, 2);
  env.advance(1_000);
  assertEquals(a.diary.length, 1);
  b.system.stop(other);
  env.advance(100);
  assertEquals(a.diary.slice(1), ["terminated 2/echo/other"]);
  b.system.halt();
  net.kill(2);
  env.advance(100);
  assertEquals(a.diary.slice(2), ["terminated 2/echo/e"]);
  assertEquals(outside, [b.ref]);
  a.system.tell(a.ref, "watch", b.ref); // of a node that is known to be gone
  env.advance(0);
  assertEquals(a.diary.slice(3), ["terminated 2/echo/e"]);
});

Deno.test("a watch that was lost with the link stands again when the link does", () => {
  const { env, net, a, b } = simulated(1);
  net.cut(1, 2);
  a.system.tell(a.ref, "watch", b.ref);
  env.advance(100);
  net.heal();
  net.reset(1, 2);
  env.advance(100);
  b.system.stop(b.ref);
  env.advance(100);
  assertEquals(a.diary, ["terminated 2/echo/e"]);
});

Deno.test("over a bad network every ask ends once: with its own reply or a timeout", () => {
  for (let seed = 0; seed < 20; seed++) {
    const faults = { lossPerMillion: 100_000, duplicationPerMillion: 100_000, delayMeanMicros: 30_000 };
    const { env, a, b } = simulated(seed, faults);
    const ends: string[] = [];
    for (let at = 0; at < 100; at++) {
      a.system.askThen(b.ref, "echo", at, (answer) => {
        ends.push(answer.ok ? "reply" : answer.failure);
        if (answer.ok) assertEquals(answer.value, at);
      }, 1_000);
      env.advance(20);
    }
    env.advance(2_000);
    assertEquals(ends.length, 100);
    assertEquals(new Set(ends), new Set(["reply", "timeout"]));
  }
});

Deno.test("an ask that comes twice is taken once, a message as often as it comes", () => {
  const { env, a, b } = simulated(1, { duplicationPerMillion: 1_000_000 });
  for (let at = 0; at < 5_000; at++) {
    a.system.askThen(b.ref, "echo", at, () => {}, 1_000);
    env.advance(5);
  }
  env.advance(1_000);
  assertEquals(b.diary, Array.from({ length: 5_000 }, (_, at) => at));
  b.diary.length = 0;
  a.system.tell(b.ref, "echo", "told");
  env.advance(100);
  assertEquals(b.diary, ["told", "told"]);
});

Deno.test("an answer to a former life of a node finds nobody in the next", () => {
  const { env, net, a, b } = simulated(3);
  const { answers, settle } = collect<string>();
  a.system.askThen(b.ref, "keep", undefined, settle);
  env.advance(100);
  a.system.halt();
  net.kill(1);
  const reborn = new ActorSystem({ node: 1, env: env.fork("node 1, again"), transport: net.join(1) }).register(echo);
  env.advance(100);
  reborn.askThen(b.ref, "keep", undefined, (answer) => settle(answer), 500);
  env.advance(100);
  b.system.tell(b.ref, "release", "number");
  env.advance(1_000);
  assertEquals(answers, ["crashed", "number 1"]);
});

/** A wire in the hands of a test. */
class Wire implements Transport {
  readonly node = 1;
  readonly sent: Envelope[] = [];
  hasRoom = true;
  receive: (envelope: Envelope) => void = () => {};
  hear: (event: PeerEvent) => void = () => {};

  send(_: number, envelope: Envelope): boolean {
    if (this.hasRoom) this.sent.push(envelope);
    return this.hasRoom;
  }
  onReceive(receive: (envelope: Envelope) => void): void {
    this.receive = receive;
  }
  onPeer(hear: (event: PeerEvent) => void): void {
    this.hear = hear;
  }
  setPeers(): void {}
  close(): void {}
  get verbs(): string[] {
    return this.sent.splice(0).map(({ verb, to }) => `${verb} ${to}`);
  }
}

function wired() {
  const env = new VirtualEnv();
  const wire = new Wire();
  const diary: unknown[] = [];
  const system = new ActorSystem({ node: 1, env, transport: wire }).register(echo);
  const ref = system.spawn(echo, "e", { diary });
  const theirs = "2/echo/e" as Ref<EchoProtocol>;
  return { env, wire, system, ref, diary, theirs };
}

Deno.test("a watch of a node that was never up ends when its address refuses", () => {
  const { env, wire, system, ref, diary, theirs } = wired();
  wire.hasRoom = false;
  system.tell(ref, "watch", theirs);
  env.advance(60_000);
  assertEquals(diary, []);
  wire.hear({ type: "down", node: 2, refused: true });
  env.advance(0);
  assertEquals(diary, ["terminated 2/echo/e"]);
});

Deno.test("a link that is lost fails no ask: its reply may come by the next", () => {
  const { env, wire, system, ref, diary, theirs } = wired();
  wire.hear({ type: "up", node: 2 });
  system.tell(ref, "askPeer", { to: theirs, timeoutMs: 5_000 });
  system.tell(ref, "askPeer", { to: theirs, timeoutMs: 5_000 });
  env.advance(0);
  const { from, call } = wire.sent[0]!;
  wire.hear({ type: "down", node: 2, refused: false });
  env.advance(4_999);
  assertEquals(diary, []);
  wire.receive({ to: from, from: theirs, call, verb: "$reply", body: "late" });
  env.advance(1);
  assertEquals(diary, [{ ok: true, value: "late" }, { ok: false, failure: "timeout" }]);
});

Deno.test("news of watches for which there was no room are sent when there is, in order", () => {
  const { env, wire, system, ref, theirs } = wired();
  const watcher = "2/$watches/";
  wire.hear({ type: "up", node: 2 });
  wire.receive({ to: ref, from: watcher, call: 0, verb: "$watch", body: undefined });
  wire.hasRoom = false;
  system.stop(ref);
  env.advance(10);
  const off = system.watch(theirs, () => {});
  env.advance(1_000);
  assertEquals(wire.verbs, []);
  wire.hasRoom = true;
  off();
  env.advance(100);
  assertEquals(wire.verbs, [`$terminated ${watcher}`, `$watch ${theirs}`, `$unwatch ${theirs}`]);
  env.advance(60_000);
  assertEquals(wire.verbs, []);
});

Deno.test("news of watches that wait are forgotten with their link: the next one begins anew", () => {
  const { env, wire, system, theirs } = wired();
  wire.hear({ type: "up", node: 2 });
  wire.hasRoom = false;
  system.watch(theirs, () => {});
  wire.hear({ type: "down", node: 2, refused: false });
  wire.hasRoom = true;
  env.advance(60_000);
  assertEquals(wire.verbs, []);
  wire.hear({ type: "up", node: 2 });
  env.advance(60_000);
  assertEquals(wire.verbs, [`$watch ${theirs}`]);
});
