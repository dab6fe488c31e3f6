/**
 * What a message costs: a tell, an ask and its answer, a timer, among actors of one system.
 *
 * Run: deno bench -A tests/bench/mailbox_bench.ts (each iteration handles 1 000; divide by it)
 *
 * @module
 */
import type { Actor, Ref } from "../../actors/actor.ts";
import { ActorSystem } from "../../actors/system.ts";
import { realEnv } from "../../server/env.ts";

const MESSAGES = 1_000;

interface BenchProtocol {
  add(amount: number): number;
  /** Sends `add` to a peer that many times. */
  send(burst: { readonly to: Ref<BenchProtocol>; readonly count: number }): void;
  /** Asks a peer, one after the other. */
  ask(chain: { readonly to: Ref<BenchProtocol>; readonly count: number }): void;
  /** Asks a peer, all at once. */
  askAll(burst: { readonly to: Ref<BenchProtocol>; readonly count: number }): void;
  /** Moves a timer that never rings. */
  beat(_: void): void;
}

const worker: Actor<BenchProtocol, { sum: number }, void> = {
  kind: "worker",
  mailboxCapacity: 10 * MESSAGES,
  start: () => ({ sum: 0 }),
  on: {
    add: (state, amount) => state.sum += amount,
    send(_, { to, count }, out) {
      for (let at = 0; at < count; at++) out.send(to, "add", at);
    },
    ask(state, { to, count }, out) {
      if (count === 0) return;
      out.ask(to, "add", 1, (_, answer, out) => {
        if (answer.ok) state.sum += answer.value;
        out.send(out.self, "ask", { to, count: count - 1 });
      });
    },
    askAll(_, { to, count }, out) {
      for (let at = 0; at < count; at++) {
        out.ask(to, "add", 1, (state, answer) => {
          if (answer.ok) state.sum += answer.value;
        });
      }
    },
    beat: (_, __, out) => out.timer("session", 30_000, "beat", undefined),
  },
};

// Turns by hand, so that no bench waits for promises; the clock is the machine's, but its timers never ring.
const turns: (() => void)[] = [];
const turn = (task: () => void) => void turns.push(task);
const { clock, random } = realEnv();
const env = { clock: { ...clock, after: () => () => {} }, scheduler: { soon: turn, later: turn }, random };
const system = new ActorSystem({ node: 1, env }).register(worker);
const a = system.spawn(worker, "a", undefined);
const b = system.spawn(worker, "b", undefined);

function drain(): void {
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
}
drain();

Deno.bench("1 000 tells from outside", () => {
  for (let at = 0; at < MESSAGES; at++) system.tell(a, "add", at);
  drain();
});

Deno.bench("1 000 sends from actor to actor", () => {
  system.tell(a, "send", { to: b, count: MESSAGES });
  drain();
});

Deno.bench("1 000 asks with their answers, all at once", () => {
  system.tell(a, "askAll", { to: b, count: MESSAGES });
  drain();
});

Deno.bench("1 000 asks with their answers, one after the other, and a message to itself between", () => {
  system.tell(a, "ask", { to: b, count: MESSAGES });
  drain();
});

Deno.bench("1 000 timers moved", () => {
  for (let at = 0; at < MESSAGES; at++) system.tell(a, "beat", undefined);
  drain();
});
