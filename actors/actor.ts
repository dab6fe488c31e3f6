/**
 * The types that a reader of any actor must know.
 *
 * An actor is data: the name of its kind, how its state begins, and one handler per message. Its protocol is an
 * interface: a method per message, and what the method returns is the reply. Handlers are synchronous and reach the
 * world only through the outbox; what they put there leaves when the handler has returned, or not at all if it throws.
 *
 *     mailbox ──message──▶ handler(state, message, outbox) ──returns──▶ effects leave, in order
 *                                     └──throws──▶ effects and state are dropped, the supervisor restarts the actor
 *
 * @module
 */
import type { Result, Settle } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";

declare const spoken: unique symbol;
declare const owed: unique symbol;

/** Where an actor is, as plain data: `<node>/<kind>/<name>`. Equal strings mean the same actor; `P` is what it understands. */
export type Ref<P> = string & { readonly [spoken]: P };

/** Somebody who waits for an answer of type `R`. Plain data; answer once, with {@link Outbox.reply}. */
export type Asker<R> = string & { readonly [owed]: R };

/** The messages of a protocol. */
export type Verb<P> = keyof P & string;
/** The body of message `V`. */
export type Message<P, V extends Verb<P>> = P[V] extends (message: infer B) => unknown ? B : never;
/** The reply to message `V`. */
export type Reply<P, V extends Verb<P>> = P[V] extends (message: never) => infer R ? R : never;

/** Returned by a handler that will answer in a later turn, through {@link Outbox.asker} and {@link Outbox.reply}. */
export const LATER: unique symbol = Symbol("later");

/** Why an ask brought no reply. */
export type AskFailure =
  /** Nothing came within the time allowed: it may or may not have happened. */
  | "timeout"
  /** There is no such actor, it has no room, or its node is known to be out of reach: it has not happened. */
  | "unreachable"
  /** The actor was stopped or restarted, or its node's process ended, before it replied: it may or may not have happened. */
  | "crashed";

/** What comes back from an ask. */
export type Answer<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly failure: AskFailure;
};

/**
 * Everything that a handler can do to the world; it happens, in this order, after the handler has returned.
 * `P` is the actor's own protocol, `S` its state, `R` the reply that the message at hand asks for.
 */
export interface Outbox<P, S, R = unknown> {
  /** This actor. */
  readonly self: Ref<P>;
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never step. */
  monotonic(): number;
  /** This actor's own stream of chance. */
  readonly random: Random;

  /** Puts a message into another actor's mailbox. A full mailbox suspends this actor until there is room. */
  send<Q, V extends Verb<Q>>(to: Ref<Q>, verb: V, message: Message<Q, V>): void;
  /** Sends a message; the answer comes back as a turn of this actor, with the state as it is then. Default 30 000 ms. */
  ask<Q, V extends Verb<Q>>(
    to: Ref<Q>,
    verb: V,
    message: Message<Q, V>,
    then: (state: S, answer: Answer<Reply<Q, V>>, out: Outbox<P, S>) => void,
    timeoutMs?: number,
  ): void;
  /** Whoever sent the message at hand and waits for the reply: keep it, return {@link LATER}, answer with `reply`. */
  asker(): Asker<R>;
  /** Answers someone who waits. Answering twice, or somebody who no longer waits, does nothing. */
  reply<T>(to: Asker<T>, value: T): void;
  /** Sends `message` to this actor after `delayMs`. Setting a key again moves it. */
  timer<V extends Verb<P>>(key: string, delayMs: number, verb: V, message: Message<P, V>): void;
  /** Unsets a timer; an unknown key does nothing. */
  cancel(key: string): void;
  /**
   * Asks an adapter (disk, socket, zlib …) for something. `work` runs after the handler has returned and settles now or
   * later; how it ended comes back as a turn of this actor. Without `then`, an error crashes this actor.
   */
  call<T>(
    label: string,
    work: (done: Settle<T>) => void,
    then?: (state: S, result: Result<T>, out: Outbox<P, S>) => void,
  ): void;
  /**
   * Event-sourced actors only: records what happened. When the handler has returned, the event is applied to the state
   * (`replay`) and written to the journal; everything that this turn lets out after it, and everything that later turns let
   * out, waits until the journal has made it durable.
   */
  append(event: unknown): void;
  /** Starts a child of a registered kind; its supervisor is this actor. The name must be free. */
  spawn<Q, A>(kind: ActorKind<Q, A>, name: string, args: A): Ref<Q>;
  /** Tells this actor, through `terminated`, when `ref` has stopped for good (not when it is restarted). */
  watch(ref: Ref<never> | Ref<unknown>): void;
  /** Stops a child, or this actor itself when no ref is given, after the messages that it already has. */
  stop(ref?: Ref<never> | Ref<unknown>): void;
}

/** A kind of actor by name, for spawning it without importing it: only its protocol has to be known. */
export interface ActorKind<P, A> {
  readonly kind: string;
  /** Type carriers only; never set. */
  readonly protocol?: P;
  readonly args?: A;
}

/** One handler per message of the protocol; a missing or misspelt one, or a wrong reply, does not compile. */
export type Handlers<P, S> = {
  readonly [V in Verb<P>]: (
    state: S,
    message: Message<P, V>,
    out: Outbox<P, S, Reply<P, V>>,
  ) => Reply<P, V> | typeof LATER;
};

/** What the supervisor does when an actor throws. */
export interface Supervision {
  /** At most this many restarts within `periodMs`. Default 5. */
  readonly restarts?: number;
  /** Default 10 000. */
  readonly periodMs?: number;
  /** Wait before the first restart, doubled at each further one within the period, with jitter. Default 10. */
  readonly backoffMs?: number;
  /** Default 2 000. */
  readonly backoffMaxMs?: number;
  /** When the restarts are used up: stop it and tell those who watch, or crash its parent too. Default "stop". */
  readonly then?: "stop" | "escalate";
}

/** An actor of protocol `P` with state `S`, started with `A`. */
export interface Actor<P, S, A> extends ActorKind<P, A> {
  /** Makes the state: at spawn, and again at each restart. Runs as a turn: it may use the outbox. */
  start(args: A, out: Outbox<P, S>): S;
  readonly on: Handlers<P, S>;
  /** Somebody whom this actor watches has stopped for good. */
  terminated?(state: S, ref: string, out: Outbox<P, S>): void;
  /** The actor is stopped or about to be restarted: give back what the state holds (a log, a socket). Must not throw. */
  stopped?(state: S, why: "stopped" | "crashed"): void;
  /** Event-sourced actors: applies one event to the state. Must be deterministic. */
  replay?(state: S, event: unknown): void;
  readonly supervision?: Supervision;
  /** Messages of the user lane that the mailbox holds before senders have to wait. Default 1 024. */
  readonly mailboxCapacity?: number;
}
