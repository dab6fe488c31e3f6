/**
 * The outbox: records what a handler wants done, so that it can leave in order once the handler has returned, or never.
 *
 * Invariant: nothing here touches the world. An effect is plain data (and a continuation), performed by whoever runs the actor.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Env, Result, Settle } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";
import type { ActorKind, Answer, Asker, Outbox, Ref } from "./actor.ts";
import type { Ask } from "./asks.ts";
import type { AnyOutbox } from "./kind.ts";

/** A continuation of an ask, untyped. */
export type AnswerHandler = (state: unknown, answer: Answer<unknown>, out: AnyOutbox) => void;
/** A continuation of a call, untyped. */
export type ResultHandler = (state: unknown, result: Result<unknown>, out: AnyOutbox) => void;

/** One thing that a handler wants done. */
export type Effect =
  | { readonly type: "send"; readonly to: string; readonly verb: string; readonly message: unknown }
  | {
    readonly type: "ask";
    readonly to: string;
    readonly verb: string;
    readonly message: unknown;
    readonly then: AnswerHandler;
    readonly timeoutMs: number;
  }
  | { readonly type: "reply"; readonly to: string; readonly value: unknown }
  /** What a handler returned, when it could not leave at once. */
  | { readonly type: "return"; readonly ask: Ask; readonly value: unknown }
  | {
    readonly type: "timer";
    readonly key: string;
    readonly delayMs: number;
    readonly verb: string;
    readonly message: unknown;
  }
  | { readonly type: "cancel"; readonly key: string }
  | {
    readonly type: "call";
    readonly label: string;
    readonly work: (done: Settle<unknown>) => void;
    readonly then: ResultHandler | undefined;
  }
  | { readonly type: "append"; readonly event: unknown }
  /** Everything behind it waits until the journal is durable up to here. */
  | { readonly type: "barrier"; readonly position: number }
  | {
    readonly type: "spawn";
    readonly kind: string;
    readonly name: string;
    readonly args: unknown;
    readonly ref: string;
  }
  | { readonly type: "watch"; readonly ref: string }
  | { readonly type: "stop"; readonly ref: string };

/** What an outbox must be able to ask while the handler runs. */
export interface OutboxHost {
  readonly env: Env;
  /** Chance for an actor, of which there was none before: a ref that is taken again must not draw the same ids again. */
  chanceFor(ref: string): Random;
  /** The ref of a child to be, or a programmer error when it cannot be spawned. */
  childRef(kind: string, name: string): string;
  askerOf(ask: Ask | null): Asker<unknown>;
}

/** How long an ask waits unless it says otherwise. */
export const ASK_TIMEOUT_MS = 30_000;

/** Records the effects of one actor's turns. Its array is kept from turn to turn: this is the hottest path of all. */
export class RecordingOutbox implements Outbox<unknown, unknown> {
  readonly self: Ref<unknown>;
  /** The first {@linkcode length} entries are the effects of this turn. */
  readonly effects: (Effect | undefined)[] = [];
  length = 0;
  /** Whether one of the effects is an event. */
  appended = false;
  /** Whom this turn spawns: a coordinator starts thousands of groups in one. */
  readonly #spawned = new Set<string>();
  readonly #host: OutboxHost;
  readonly #sourced: boolean;
  #random: Random | undefined;
  #ask: Ask | null = null;
  #open = false;

  /** @param sourced whether the actor may append events */
  constructor(self: string, host: OutboxHost, sourced: boolean) {
    this.self = self as Ref<unknown>;
    this.#host = host;
    this.#sourced = sourced;
  }

  /** A turn begins; `ask` is who waits for its reply. */
  open(ask: Ask | null): void {
    this.#ask = ask;
    this.#open = true;
  }

  /** The handler has returned: what it wants is in {@linkcode effects}. */
  close(): void {
    this.#ask = null;
    this.#open = false;
  }

  /** Forgets the effects: they have left, or never will. */
  clear(): void {
    this.effects.fill(undefined, 0, this.length);
    this.length = 0;
    this.appended = false;
    if (this.#spawned.size > 0) this.#spawned.clear();
    this.close();
  }

  get random(): Random {
    return this.#random ??= this.#host.chanceFor(this.self);
  }

  now(): number {
    return this.#host.env.clock.now();
  }

  monotonic(): number {
    return this.#host.env.clock.monotonic();
  }

  send(to: string, verb: string, message: unknown): void {
    this.#add({ type: "send", to, verb, message });
  }

  ask(
    to: string,
    verb: string,
    message: unknown,
    then: (state: unknown, answer: Answer<never>, out: AnyOutbox) => void,
    timeoutMs: number = ASK_TIMEOUT_MS,
  ): void {
    this.#add({ type: "ask", to, verb, message, then: then as AnswerHandler, timeoutMs });
  }

  asker(): Asker<unknown> {
    assert(this.#open, "the asker of a message is known in the turn of that message only");
    return this.#host.askerOf(this.#ask);
  }

  reply(to: string, value: unknown): void {
    this.#add({ type: "reply", to, value });
  }

  timer(key: string, delayMs: number, verb: string, message: unknown): void {
    assert(delayMs >= 0, `timer "${key}" must be set 0 ms or more ahead, not ${delayMs}`);
    this.#add({ type: "timer", key, delayMs, verb, message });
  }

  cancel(key: string): void {
    this.#add({ type: "cancel", key });
  }

  call<T>(
    label: string,
    work: (done: Settle<T>) => void,
    then?: (state: unknown, result: Result<T>, out: AnyOutbox) => void,
  ): void {
    this.#add({
      type: "call",
      label,
      work: work as (done: Settle<unknown>) => void,
      then: then as ResultHandler | undefined,
    });
  }

  append(event: unknown): void {
    assert(this.#sourced, `${this.self} cannot append events: its actor has no replay`);
    this.appended = true;
    this.#add({ type: "append", event });
  }

  spawn<Q, A>(kind: ActorKind<Q, A>, name: string, args: A): Ref<Q> {
    const ref = this.#host.childRef(kind.kind, name);
    assert(!this.#spawned.has(ref), `${ref} was spawned twice in one turn`);
    this.#spawned.add(ref);
    this.#add({ type: "spawn", kind: kind.kind, name, args, ref });
    return ref as Ref<Q>;
  }

  watch(ref: string): void {
    this.#add({ type: "watch", ref });
  }

  stop(ref: string = this.self): void {
    this.#add({ type: "stop", ref });
  }

  #add(effect: Effect): void {
    assert(this.#open, `${this.self} used its outbox outside of a turn: use the one that the running turn was given`);
    this.effects[this.length++] = effect;
  }
}
