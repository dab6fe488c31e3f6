/**
 * One living actor: its mailbox, its state, and those of its effects that have not left yet.
 *
 *     starting ──start──▶ running ──stop──▶ stopping ──children gone, effects out──▶ stopped
 *        ▲                  │ throws                                                    ▲
 *        └──back-off── restarting ◀─supervisor─┴──────the restarts are used up──────────┘
 *
 * A running actor handles nothing while it is paused (from outside), suspended (an effect waits for room in somebody's
 * mailbox) or far ahead of its journal.
 *
 * Invariants: effects leave in the order in which they were recorded; once one has to wait, all behind it do. Nothing that
 * belongs to a former life (timer, answer, result, effect) reaches a later one.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Result } from "../lib/env.ts";
import { LATER } from "./actor.ts";
import { type Alarms, Callback } from "./alarms.ts";
import { type Ask, type Asks, Debts } from "./asks.ts";
import type { Journal, OpenJournal } from "./journal.ts";
import type { Kind } from "./kind.ts";
import { Letter, Mailbox, type Turn } from "./mailbox.ts";
import { type Effect, type OutboxHost, RecordingOutbox } from "./outbox.ts";
import { Outgoing } from "./outgoing.ts";
import { decide } from "./supervisor.ts";
import { Timers } from "./timers.ts";
import type { TraceType } from "./trace.ts";

/** What a cell needs of the system that it lives in. */
export interface CellHost extends OutboxHost {
  readonly alarms: Alarms;
  readonly asks: Asks;
  readonly openJournal: OpenJournal | undefined;
  /** Whether anybody listens to {@linkcode note}. */
  readonly traced: boolean;
  /** Performs an effect; false when it has to wait for room, and the cell was told for whose. */
  perform(cell: Cell, effect: Effect): boolean;
  /** Gives the cell turns, if it can use any. */
  schedule(cell: Cell): void;
  /** The cell watches nobody any more. */
  unwatch(cell: Cell): void;
  /** The cell has stopped for good. */
  forget(cell: Cell): void;
  deadLetter(to: string, letter: Letter, reason: string): void;
  note(type: TraceType, ref: string, verb?: string, from?: string, detail?: string): void;
}

/** Somebody who waits until a mailbox has room. */
export interface Waiter {
  room(): void;
}

export type Phase = "starting" | "running" | "restarting" | "stopping" | "stopped";

/** Marks, in a mailbox, where the messages end that came before the stop. */
const STOP = new Letter("", "$stop", undefined, null);

/** One actor, through all its lives. */
export class Cell implements Waiter {
  readonly mailbox: Mailbox;
  readonly timers: Timers;
  readonly outbox: RecordingOutbox;
  readonly children: Map<string, Cell> = new Map();
  /** Who waits for room here, in the order of their coming. */
  readonly waiters: Set<Waiter> = new Set();
  /** Refs that this life watches. */
  readonly watching: Set<string> = new Set();
  phase: Phase = "starting";
  /** Counts up whenever the state is dropped. */
  life = 0;
  paused = false;
  /** Asked to stop: takes no more messages, and no longer waits for room. */
  closing = false;
  /** In the dispatcher's queue. */
  scheduled = false;
  /** Whose mailbox has no room for the next effect. */
  blockedOn: Cell | null = null;
  state: unknown;
  processed = 0;
  restarts = 0;
  lastError: Error | null = null;
  /** Stopped by its supervisor. */
  givenUp = false;
  readonly #host: CellHost;
  readonly #debts = new Debts();
  readonly #outgoing = new Outgoing();
  readonly #restartedAtMs: number[] = [];
  readonly #backoff: Callback;
  #journal: Journal | undefined;
  #started = false;
  #depth = 0;
  #deferred: (() => void)[] = [];

  constructor(
    host: CellHost,
    readonly ref: string,
    readonly kind: Kind,
    readonly name: string,
    readonly args: unknown,
    readonly parent: Cell | null,
  ) {
    this.#host = host;
    this.mailbox = new Mailbox(kind.capacity);
    this.outbox = new RecordingOutbox(ref, host, kind.actor.replay !== undefined);
    this.timers = new Timers(host.alarms, ref, (letter) => {
      this.mailbox.user.push(letter);
      host.schedule(this);
    });
    this.#backoff = new Callback(() => this.#startAgain());
  }

  /** Whether it may handle what it has. */
  get ready(): boolean {
    return (this.phase === "running" || this.phase === "starting") && !this.paused && this.blockedOn === null &&
      !this.#outgoing.full;
  }

  /** Whether something that it wants done has not left yet: it waits for the journal, or for room in a mailbox. */
  get isHeldBack(): boolean {
    return !this.#outgoing.empty;
  }

  /** Whether it has anything that it may handle. */
  get busy(): boolean {
    return this.ready && (this.phase === "starting" || !this.mailbox.empty);
  }

  /** Takes a message, whether there is room or not. */
  accept(letter: Letter): void {
    if (this.closing) return this.#host.deadLetter(this.ref, letter, "the actor is stopping");
    this.mailbox.user.push(letter);
    this.#host.schedule(this);
  }

  /** Takes something that a turn of this life has waited for. */
  enqueue(turn: Turn): void {
    if (turn.life !== this.life) return;
    this.mailbox.system.push(turn);
    this.#host.schedule(this);
  }

  /** Handles at most `quota` of what it has, and returns how many that were. */
  run(quota: number): number {
    let done = 0;
    while (done < quota && this.ready) {
      if (this.phase === "starting") this.#start();
      else if (this.mailbox.system.length > 0) this.#take(this.mailbox.system.shift()!);
      else if (this.mailbox.user.length > 0) this.#handle(this.mailbox.user.shift()!);
      else break;
      done++;
    }
    if (this.waiters.size > 0) this.admit();
    return done;
  }

  /** Lets those in who wait for room, as long as there is any. */
  admit(): void {
    for (const waiter of [...this.waiters]) {
      if (this.phase !== "stopped" && (this.mailbox.full || this.blockedOn !== null)) return;
      this.waiters.delete(waiter);
      waiter.room();
    }
  }

  /** There may be room where this actor's next effect wants to go. */
  room(): void {
    this.blockedOn = null;
    this.#flush();
    if (this.blockedOn !== null) return;
    if (this.#host.traced) this.#host.note("released", this.ref);
    this.admit();
  }

  /** Ends this life as if a handler had thrown `error`; the supervisor decides what comes next. */
  crash(error: Error): void {
    if (this.#depth > 0) return void this.#deferred.push(() => this.crash(error));
    if (this.phase === "restarting" || this.phase === "stopped") return;
    const stopping = this.phase === "stopping" || this.parent?.phase === "stopping";
    this.lastError = error;
    this.#host.note("crashed", this.ref, "", "", String(error));
    this.#tearDown("crashed");
    const { clock, random } = this.#host.env;
    const decision = stopping
      ? { type: "stop" } as const
      : decide(this.#restartedAtMs, clock.monotonic(), this.kind.supervision, random);
    if (decision.type === "restart") {
      this.phase = "restarting";
      this.#host.alarms.set(this.#backoff, decision.delayMs);
      return;
    }
    this.givenUp = !stopping;
    this.#end();
    if (decision.type === "escalate") {
      this.parent?.crash(new Error(`${this.ref} has used up its restarts: ${error.message}`, { cause: error }));
    }
  }

  /** Starts a new life at once, whatever the supervisor thinks. */
  restart(): void {
    if (this.#depth > 0) return void this.#deferred.push(() => this.restart());
    if (this.phase === "stopping" || this.phase === "stopped") return;
    if (this.phase !== "restarting") this.#tearDown("crashed");
    this.#host.alarms.unset(this.#backoff);
    this.#startAgain();
  }

  /** Stops after the messages that it already has; one that waits for its restart stops at once. */
  stop(): void {
    if (this.closing || this.phase === "stopped") return;
    if (this.phase === "restarting") return this.terminate("stopped");
    this.closing = true;
    this.paused = false;
    this.mailbox.user.push(STOP);
    if (this.blockedOn !== null) {
      this.blockedOn.waiters.delete(this);
      this.room();
    }
    this.#host.schedule(this);
  }

  /** Stops for good, at once: what is in the mailbox becomes dead letters. */
  terminate(why: "stopped" | "crashed"): void {
    if (this.#depth > 0) return void this.#deferred.push(() => this.terminate(why));
    if (this.phase === "stopped") return;
    if (this.phase !== "restarting") this.#tearDown(why);
    this.#end();
  }

  pause(): void {
    if (this.closing || this.paused) return;
    this.paused = true;
    this.#host.note("paused", this.ref);
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#host.note("resumed", this.ref);
    this.#host.schedule(this);
  }

  /** A child has stopped for good. */
  childEnded(child: Cell): void {
    this.children.delete(child.ref);
    this.#finish();
  }

  #start(): void {
    const { actor, name } = this.kind;
    this.#enter(null);
    try {
      this.state = actor.start(this.args, this.outbox);
      this.#started = true;
      if (actor.replay !== undefined) {
        const open = this.#host.openJournal;
        assert(open, `${this.ref} is event-sourced: the system must be given openJournal`);
        this.#journal = open(name, this.name, this.args);
        this.#journal.recover((event) => actor.replay!(this.state, event));
      }
      this.phase = "running";
      this.#host.note("started", this.ref);
      this.#release(null, undefined);
    } catch (error) {
      this.#fail(error, null);
    }
    this.#leave();
  }

  #take(turn: Turn): void {
    this.processed++;
    if (this.#host.traced) this.#host.note(turn.type, this.ref, turn.verb);
    this.#enter(null);
    try {
      turn.take(this.state, this.outbox);
      this.#release(null, undefined);
    } catch (error) {
      this.#fail(error, null);
    }
    this.#leave();
  }

  #handle(letter: Letter): void {
    if (letter === STOP) return this.#close();
    if (letter.timer !== null && !this.timers.take(letter.timer)) return;
    const handler = this.kind.handlers.get(letter.verb);
    if (handler === undefined) return this.#host.deadLetter(this.ref, letter, "the actor does not understand it");
    this.processed++;
    if (this.#host.traced) this.#host.note("message", this.ref, letter.verb, letter.from);
    this.#enter(letter.ask);
    try {
      this.#release(letter.ask, handler.call(this.kind.actor.on, this.state, letter.body, this.outbox));
    } catch (error) {
      this.#fail(error, letter.ask);
    }
    this.#leave();
  }

  /** Lets out what the turn wants done: now if nothing is in its way, else behind what waits already. */
  #release(ask: Ask | null, value: unknown): void {
    const { outbox } = this;
    outbox.close();
    if (outbox.length > 0) this.#releaseEffects();
    if (ask === null) return;
    if (value === LATER) return this.#debts.add(ask);
    if (this.#outgoing.empty) return this.#host.asks.reply(ask, value);
    this.#debts.add(ask);
    this.#outgoing.push({ type: "return", ask, value });
  }

  #releaseEffects(): void {
    const { outbox } = this;
    // Before anything leaves: when the journal refuses, the whole turn has not happened.
    const position = outbox.appended ? this.#commit() : -1;
    let barred = false;
    for (let at = 0; at < outbox.length; at++) {
      const effect = outbox.effects[at]!;
      if (effect.type === "append") {
        this.#host.perform(this, effect);
        if (!barred) this.#outgoing.push({ type: "barrier", position });
        barred = true;
      } else if (!this.#outgoing.empty || !this.#host.perform(this, effect)) this.#outgoing.push(effect);
    }
    outbox.clear();
    if (!barred) return;
    const { life } = this;
    this.#journal!.whenDurable(position, (result) => this.#durable(life, position, result));
  }

  #commit(): number {
    const events: unknown[] = [];
    for (let at = 0; at < this.outbox.length; at++) {
      const effect = this.outbox.effects[at]!;
      if (effect.type === "append") events.push(effect.event);
    }
    for (const event of events) this.kind.actor.replay!(this.state, event);
    return this.#journal!.append(events);
  }

  #durable(life: number, position: number, result: Result<void>): void {
    if (life !== this.life) return;
    if (!result.ok) return this.crash(result.error);
    this.#outgoing.durable(position);
    this.#flush();
  }

  /** Lets out what waits, up to what has to wait longer. */
  #flush(): void {
    if (this.blockedOn !== null) return;
    this.#depth++;
    try {
      this.#outgoing.flush((effect) => this.#host.perform(this, effect));
    } catch (error) {
      this.#fail(error, null);
    }
    this.#leave();
    this.#finish();
    this.#host.schedule(this);
  }

  #enter(ask: Ask | null): void {
    this.#depth++;
    this.outbox.open(ask);
  }

  /** What came from outside while it was in the middle of something happens now. */
  #leave(): void {
    if (--this.#depth > 0 || this.#deferred.length === 0) return;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const task of deferred) task();
  }

  #fail(error: unknown, ask: Ask | null): void {
    this.outbox.clear();
    if (ask !== null) this.#host.asks.fail(ask, "crashed");
    this.crash(error instanceof Error ? error : new Error(String(error)));
  }

  /** Drops everything that belongs to this life, its children with it. */
  #tearDown(why: "stopped" | "crashed"): void {
    this.life++;
    this.paused = false;
    this.outbox.clear();
    this.timers.clear();
    this.#outgoing.clear();
    this.mailbox.system.clear();
    this.blockedOn?.waiters.delete(this);
    this.blockedOn = null;
    for (const child of [...this.children.values()].reverse()) child.terminate(why);
    this.#host.unwatch(this);
    const { state } = this;
    const started = this.#started;
    this.#started = false;
    this.state = undefined;
    try {
      this.#journal?.close();
      if (started) this.kind.actor.stopped?.(state, why);
    } catch (error) {
      this.lastError = error as Error; // it must not throw, but the actor has ended all the same
    }
    this.#journal = undefined;
    this.#debts.fail("crashed");
  }

  #startAgain(): void {
    if (this.phase === "stopped") return;
    this.restarts++;
    this.phase = "starting";
    this.#host.note("restarting", this.ref);
    this.#host.schedule(this);
    this.admit();
  }

  #close(): void {
    this.phase = "stopping";
    this.#host.note("stopping", this.ref);
    for (const child of [...this.children.values()].reverse()) child.stop();
    this.#finish();
  }

  /**
   * A stopping actor ends when its children have, and what it had to say has left. What it has not answered by then it never will: who
   * waits hears that before, since it may be a child that cannot end without an answer.
   */
  #finish(): void {
    if (this.phase !== "stopping" || !this.#outgoing.empty) return;
    this.#debts.fail("crashed");
    if (this.phase === "stopping" && this.children.size === 0) this.terminate("stopped");
  }

  #end(): void {
    this.phase = "stopped";
    this.closing = true;
    this.#host.alarms.unset(this.#backoff);
    this.#host.forget(this);
    for (let letter = this.mailbox.user.shift(); letter !== undefined; letter = this.mailbox.user.shift()) {
      if (letter !== STOP && letter.timer === null) this.#host.deadLetter(this.ref, letter, "the actor has stopped");
    }
    this.#host.note("stopped", this.ref, "", "", this.lastError === null ? "" : String(this.lastError));
    this.admit();
    this.parent?.childEnded(this);
  }
}
