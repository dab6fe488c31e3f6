/**
 * Drives one actor in virtual time, alone, and shows what it does.
 *
 * The actor runs on the production runtime; only what leaves it is caught. What it sends, spawns and watches goes nowhere but
 * into the record; its asks wait for {@linkcode Probe.answer}; its timers run in virtual time; its calls run their work at once.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Result } from "../lib/env.ts";
import { VirtualEnv } from "../lib/virtual_clock.ts";
import type { Actor, Answer, AskFailure, Message, Ref, Reply, Verb } from "./actor.ts";
import { parseAsker } from "./asks.ts";
import type { Cell } from "./cell.ts";
import { type Kind, kindOf } from "./kind.ts";
import { Letter } from "./mailbox.ts";
import { MemoryJournal } from "./memory_journal.ts";
import { ASK_TIMEOUT_MS, type Effect } from "./outbox.ts";
import { Runtime } from "./runtime.ts";
import { ActorAsk, perform, TerminatedTurn } from "./turns.ts";

/** One thing that the actor did, as plain data. */
export type Recorded =
  | { readonly type: "send"; readonly to: string; readonly verb: string; readonly message: unknown }
  | { readonly type: "ask"; readonly to: string; readonly verb: string; readonly message: unknown }
  /** `to` is the message that the probe asked with, or the asker when the probe did not ask. */
  | { readonly type: "reply"; readonly to: string; readonly value: unknown }
  | {
    readonly type: "timer";
    readonly key: string;
    readonly delayMs: number;
    readonly verb: string;
    readonly message: unknown;
  }
  | { readonly type: "cancel"; readonly key: string }
  | { readonly type: "call"; readonly label: string }
  | { readonly type: "append"; readonly event: unknown }
  | { readonly type: "spawn"; readonly kind: string; readonly name: string; readonly args: unknown }
  | { readonly type: "watch"; readonly ref: string }
  | { readonly type: "stop"; readonly ref: string };

/** A question that the probe put to the actor. */
export class Asked<R> {
  #answer: Answer<R> | undefined;

  /** How it ended, or undefined while it waits. */
  get answer(): Answer<R> | undefined {
    return this.#answer;
  }

  /** The reply, or undefined while there is none. */
  get reply(): R | undefined {
    return this.#answer?.ok ? this.#answer.value : undefined;
  }

  /** Told by the probe. */
  settle(answer: Answer<R>): void {
    this.#answer = answer;
  }
}

/** A question that the actor put to somebody, and that waits for {@linkcode Probe.answer}. */
export interface Question {
  readonly to: string;
  readonly verb: string;
  readonly message: unknown;
}

/** How an actor is probed. */
export interface ProbeOptions {
  /** Default 1. */
  readonly node?: number;
  /** The actor's name. Default "probe". */
  readonly name?: string;
  /** For an event-sourced actor; without it a new one that is durable at once. */
  readonly journal?: MemoryJournal;
  /** Default 0. */
  readonly seed?: number;
  /** Wall-clock milliseconds at the start. */
  readonly epochMs?: number;
}

/**
 * Starts an actor under a probe.
 *
 * @example
 * ```ts
 * import { probe } from "./probe.ts";
 * import type { Actor } from "./actor.ts";
 *
 * interface Clerk {
 *   greet(name: string): string;
 *   late(_: void): void;
 * }
 * const clerk: Actor<Clerk, { late: boolean }, void> = {
 *   kind: "clerk",
 *   start(_, out) {
 *     out.timer("late", 1_000, "late", undefined);
 *     return { late: false };
 *   },
 *   on: { greet: (_, name) => `Hello ${name}`, late: (state) => void (state.late = true) },
 * };
 *
 * const p = probe(clerk, undefined);
 * console.assert(p.ask("greet", "Grete").reply === "Hello Grete");
 * console.assert(p.advance(1_000).state.late);
 * ```
 */
export function probe<P, S, A>(actor: Actor<P, S, A>, args: A, options: ProbeOptions = {}): Probe<P, S> {
  return new Probe(kindOf(actor), args, options);
}

/** One actor, its virtual time, and the record of what it did. */
export class Probe<P, S> {
  readonly ref: Ref<P>;
  readonly env: VirtualEnv;
  readonly #runtime: Runtime;
  readonly #cell: Cell;
  readonly #children = new Set<string>();
  #record: Recorded[] = [];
  #questions: { readonly question: Question; readonly ask: ActorAsk }[] = [];
  #calls: { readonly label: string; readonly done: (result: Result<unknown>) => void }[] = [];

  /** Use {@linkcode probe}. */
  constructor(kind: Kind, args: unknown, options: ProbeOptions) {
    const journal = options.journal ?? new MemoryJournal();
    this.env = new VirtualEnv(options.seed ?? 0, options.epochMs === undefined ? {} : { epochMs: options.epochMs });
    this.#runtime = new Runtime({
      node: options.node ?? 1,
      env: this.env,
      openJournal: () => journal,
      intercept: (_, effect) => this.#intercept(effect),
    });
    this.#runtime.kinds.set(kind.name, kind);
    this.ref = this.#runtime.spawn(kind.name, options.name ?? "probe", args, null) as Ref<P>;
    this.#cell = this.#runtime.processes.get(this.ref) as Cell;
    this.env.advance(0);
  }

  /** The state, as the last turn left it. There is none between a crash and the restart, or after a stop. */
  get state(): S {
    return this.#cell.state as S;
  }

  /** What the last handler that threw has thrown. */
  get crash(): Error | undefined {
    return this.#cell.lastError ?? undefined;
  }

  get restarts(): number {
    return this.#cell.restarts;
  }

  get stopped(): boolean {
    return this.#cell.phase === "stopped";
  }

  /** The questions that wait for an answer, oldest first. */
  get asks(): Question[] {
    this.#questions = this.#questions.filter(({ ask }) => !ask.settled && ask.life === this.#cell.life);
    return this.#questions.map(({ question }) => question);
  }

  /** The labels of the calls that have not settled, oldest first. */
  get calls(): string[] {
    return this.#calls.map(({ label }) => label);
  }

  /** Sends a message and lets the actor handle it. */
  tell<V extends Verb<P>>(verb: V, message: Message<P, V>): this {
    this.#runtime.post(this.ref, new Letter("", verb, message, null));
    return this.advance(0);
  }

  /** Asks, and lets the actor handle it. */
  ask<V extends Verb<P>>(verb: V, message: Message<P, V>, timeoutMs: number = ASK_TIMEOUT_MS): Asked<Reply<P, V>> {
    const asked = new Asked<Reply<P, V>>();
    this.#runtime.ask(this.ref, verb, message, (answer) => {
      asked.settle(answer as Answer<Reply<P, V>>);
      if (answer.ok) this.#record.push({ type: "reply", to: verb, value: answer.value });
    }, timeoutMs);
    this.advance(0);
    return asked;
  }

  /** Lets time pass, and everything happen that comes due. */
  advance(ms: number): this {
    this.env.advance(ms);
    return this;
  }

  /** Answers the actor's oldest question with that message, or this very question. */
  answer(which: string | Question, value: unknown): this {
    this.#runtime.asks.reply(this.#takeQuestion(which), value);
    return this.advance(0);
  }

  /** Lets the actor's oldest question with that message fail, or this very question. */
  fail(which: string | Question, failure: AskFailure): this {
    this.#runtime.asks.fail(this.#takeQuestion(which), failure);
    return this.advance(0);
  }

  /** Settles the oldest call with that label that has not settled itself. */
  settle(label: string, result: Result<unknown>): this {
    const call = this.#calls.find((call) => call.label === label);
    assert(call, `no call "${label}" waits; these do: ${this.calls.join(", ")}`);
    call.done(result);
    return this.advance(0);
  }

  /** Tells the actor that somebody whom it watches has stopped for good. */
  terminate(ref: string): this {
    assert(this.#cell.watching.delete(ref), `${this.ref} does not watch ${ref}`);
    this.#children.delete(ref);
    this.#cell.enqueue(new TerminatedTurn(this.#cell, ref));
    return this.advance(0);
  }

  /** Crashes the actor between two messages. */
  kill(reason = "killed"): this {
    this.#cell.crash(new Error(reason));
    return this.advance(0);
  }

  /** Stops the actor. */
  stop(): this {
    this.#cell.stop();
    return this.advance(0);
  }

  /** What the actor did since it was last asked for, in order. */
  take(): Recorded[] {
    const record = this.#record;
    this.#record = [];
    return record;
  }

  #takeQuestion(which: string | Question): ActorAsk {
    const waiting = this.asks;
    const index = waiting.findIndex((question) => question === which || question.verb === which);
    const verbs = waiting.map(({ verb }) => verb).join(", ");
    assert(index >= 0, `no question "${typeof which === "string" ? which : which.verb}" waits; these do: ${verbs}`);
    return this.#questions[index]!.ask;
  }

  /** Records an effect; true when the runtime must not perform it. */
  #intercept(effect: Effect): boolean {
    switch (effect.type) {
      case "send":
        this.#record.push(effect);
        return effect.to !== this.ref;
      case "ask": {
        const { type, to, verb, message } = effect;
        this.#record.push({ type, to, verb, message });
        if (to !== this.ref) this.#question({ to, verb, message }, effect);
        return to !== this.ref;
      }
      case "reply": {
        const waiting = parseAsker(effect.to);
        if (waiting !== undefined && waiting.node === this.#runtime.node) return false; // recorded where it arrives
        this.#record.push(effect);
        return true;
      }
      case "call":
        this.#record.push({ type: "call", label: effect.label });
        this.#call(effect);
        return true;
      case "spawn":
        assert(!this.#children.has(effect.ref), `${effect.ref} is taken`);
        this.#children.add(effect.ref);
        this.#record.push({ type: "spawn", kind: effect.kind, name: effect.name, args: effect.args });
        return true;
      case "watch":
        this.#cell.watching.add(effect.ref);
        this.#record.push(effect);
        return true;
      case "stop":
        this.#record.push(effect);
        return effect.ref !== this.ref;
      case "timer":
      case "cancel":
      case "append":
        this.#record.push(effect);
        return false;
      case "return":
      case "barrier":
        return false;
    }
  }

  #question(question: Question, effect: Effect & { readonly type: "ask" }): void {
    const ask = new ActorAsk(this.#runtime.asks, this.#cell, effect.to, effect.verb, effect.then);
    this.#runtime.asks.open(ask, effect.timeoutMs);
    this.#questions.push({ question, ask });
  }

  #call(effect: Effect & { readonly type: "call" }): void {
    perform(this.#cell, {
      ...effect,
      work: (done) => {
        const call = {
          label: effect.label,
          done: (result: Result<unknown>) => {
            this.#calls = this.#calls.filter((other) => other !== call);
            done(result);
          },
        };
        this.#calls.push(call);
        try {
          effect.work(call.done);
        } catch (error) {
          call.done({ ok: false, error: error as Error });
        }
      },
    });
  }
}
