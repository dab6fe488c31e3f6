/**
 * The one interpreter of effects: finds whoever an effect is for, and does it.
 *
 * Invariant: a message that cannot be delivered becomes a dead letter, and its asker learns so; nothing is dropped in silence.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Env } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";
import type { Transport } from "../transport/transport.ts";
import type { Answer, Asker } from "./actor.ts";
import { nodeOf, refOf } from "./address.ts";
import { Alarms } from "./alarms.ts";
import { type Ask, Asks, parseAsker } from "./asks.ts";
import { Cell, type CellHost } from "./cell.ts";
import { DeadLetters } from "./dead_letters.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { OpenJournal } from "./journal.ts";
import type { Kind } from "./kind.ts";
import { Letter } from "./mailbox.ts";
import type { Effect } from "./outbox.ts";
import { Port, type Receive } from "./port.ts";
import { Remote, type RemoteHost } from "./remote.ts";
import type { Trace, TraceType } from "./trace.ts";
import { ActorAsk, OutsideAsk, perform, TerminatedTurn } from "./turns.ts";
import { type Hear, Watches } from "./watches.ts";

/** What an actor system is made of. */
export interface SystemOptions {
  /** This node's id, in every ref. */
  readonly node: number;
  /** Time, turns and chance. The chance must differ from that of this node's former life, or late replies find the wrong asker. */
  readonly env: Env;
  /** The way to other nodes; without it there are none. The system uses it and does not close it. */
  readonly transport?: Transport;
  /** Needed by event-sourced actors. */
  readonly openJournal?: OpenJournal;
  /** Told of every message handled and every turn in an actor's life. */
  readonly trace?: Trace;
  /** Told of every actor that threw or was killed, and of what. */
  readonly crashed?: (ref: string, reason: string) => void;
  /** Told of what a callback outside of actors threw; without it that is thrown on, as an uncaught error. */
  readonly report?: (error: unknown, where: string) => void;
  /** Sees every effect before it is performed; when it returns true, the effect is taken care of. For probes and faults. */
  readonly intercept?: (from: string, effect: Effect) => boolean;
  /** Decides which of several runnable actors goes next; without it the first that became so. */
  readonly order?: Random;
}

/** The inside of an actor system. */
export class Runtime implements CellHost, RemoteHost {
  readonly node: number;
  readonly env: Env;
  readonly alarms: Alarms;
  readonly asks: Asks;
  readonly watches: Watches = new Watches();
  readonly openJournal: OpenJournal | undefined;
  readonly traced: boolean;
  readonly kinds: Map<string, Kind> = new Map();
  readonly processes: Map<string, Cell | Port> = new Map();
  /** Roots, in the order of their spawning. */
  readonly roots: Set<Cell> = new Set();
  readonly deadLetters: DeadLetters = new DeadLetters();
  /** Actors whose supervisor gave them up, the last 100, by ref. */
  readonly fallen: Map<string, Cell> = new Map();
  /** How often a full mailbox took a message because waiting would have been a deadlock. */
  overfilled = 0;
  closed = false;
  /** Streams of chance that were given out. */
  #streams = 0;
  readonly #dispatcher: Dispatcher;
  readonly #remote: Remote | undefined;
  readonly #options: SystemOptions;

  constructor(options: SystemOptions) {
    this.node = options.node;
    this.env = options.env;
    this.openJournal = options.openJournal;
    this.traced = options.trace !== undefined;
    this.alarms = new Alarms(this.env.clock);
    const chance = this.env.random.split("asks");
    this.asks = new Asks(this.node, this.alarms, chance.uint32() * 0x10_0000 + chance.below(0x10_0000) + 1);
    this.#dispatcher = new Dispatcher(this.env.scheduler, options.order);
    this.#options = options;
    this.#remote = options.transport && new Remote(this, options.transport);
  }

  spawn(kindName: string, name: string, args: unknown, parent: Cell | null): string {
    const ref = this.childRef(kindName, name);
    const cell = new Cell(this, ref, this.kinds.get(kindName)!, name, args, parent);
    this.processes.set(ref, cell);
    this.fallen.delete(ref);
    if (parent === null) this.roots.add(cell);
    else parent.children.set(ref, cell);
    this.note("spawned", ref, "", parent?.ref);
    this.schedule(cell);
    return ref;
  }

  childRef(kind: string, name: string): string {
    const ref = refOf<unknown>(this.node, kind, name);
    assert(!this.closed, `${ref} cannot be spawned: the system has been shut down`);
    assert(
      this.#options.intercept || this.kinds.has(kind),
      `"${kind}" must be registered before ${ref} can be spawned`,
    );
    assert(!this.processes.has(ref), `${ref} is taken: a name is free again when its actor has stopped for good`);
    return ref;
  }

  chanceFor(ref: string): Random {
    return this.env.random.split(`${ref} ${this.#streams++}`);
  }

  askerOf(ask: Ask | null): Asker<unknown> {
    return this.asks.askerOf(ask);
  }

  perform(cell: Cell, effect: Effect): boolean {
    if (this.#options.intercept?.(cell.ref, effect)) return true;
    switch (effect.type) {
      case "send": {
        if (!this.#admits(cell, effect.to)) return false;
        this.post(effect.to, new Letter(cell.ref, effect.verb, effect.message, null));
        break;
      }
      case "ask": {
        if (!this.#admits(cell, effect.to)) return false;
        const ask = new ActorAsk(this.asks, cell, effect.to, effect.verb, effect.then);
        this.asks.open(ask, effect.timeoutMs);
        this.post(effect.to, new Letter(cell.ref, effect.verb, effect.message, ask));
        break;
      }
      case "reply":
        this.reply(cell.ref, effect.to, effect.value);
        break;
      case "return":
        this.asks.reply(effect.ask, effect.value);
        break;
      case "timer":
        cell.timers.set(effect.key, effect.delayMs, effect.verb, effect.message);
        break;
      case "cancel":
        cell.timers.unset(effect.key);
        break;
      case "call":
        perform(cell, effect);
        break;
      case "spawn":
        this.spawn(effect.kind, effect.name, effect.args, cell);
        break;
      case "watch":
        cell.watching.add(effect.ref);
        this.watch(effect.ref, cell.ref, (ref) => {
          cell.watching.delete(ref);
          cell.enqueue(new TerminatedTurn(cell, ref));
        });
        break;
      case "stop":
        this.#stop(cell, effect.ref);
        break;
      case "append": // the cell has committed it
      case "barrier": // the cell waits for it
        break;
    }
    return true;
  }

  /** Delivers a letter to whoever it is for, whether there is room or not. */
  post(to: string, letter: Letter): void {
    const process = this.processes.get(to);
    if (process instanceof Cell) process.accept(letter);
    else if (process !== undefined) this.#toPort(process, letter);
    else if (this.#remote !== undefined && nodeOf(to) !== this.node) this.#remote.send(to, letter);
    else this.deadLetter(to, letter, "there is no such actor");
  }

  /** Answers whoever waits under `asker`, here or on another node. */
  reply(from: string, asker: string, value: unknown): void {
    const waiting = parseAsker(asker);
    if (waiting === undefined) return;
    if (waiting.node !== this.node) return this.#remote?.reply(from, asker, waiting.number, { ok: true, value });
    const ask = this.asks.byNumber(waiting.number);
    if (ask !== undefined) this.asks.reply(ask, value);
  }

  /** Asks from outside of actors; `settle` is told once. */
  ask(to: string, verb: string, message: unknown, settle: (answer: Answer<unknown>) => void, timeoutMs: number): void {
    const ask = new OutsideAsk(this.asks, to, verb, (answer) => this.guard(`answer to ${verb}`, () => settle(answer)));
    this.asks.open(ask, timeoutMs);
    this.post(to, new Letter("", verb, message, ask));
  }

  watch(ref: string, key: string, hear: Hear): void {
    const first = this.watches.add(ref, key, hear);
    if (this.processes.has(ref)) return;
    if (this.#remote === undefined || nodeOf(ref) === this.node) this.watches.ended(ref);
    else if (first) this.#remote.watch(ref);
  }

  unwatch(cell: Cell): void {
    for (const ref of cell.watching) this.endWatch(ref, cell.ref);
    cell.watching.clear();
  }

  endWatch(ref: string, key: string): void {
    if (this.watches.remove(ref, key) && nodeOf(ref) !== this.node) this.#remote?.unwatch(ref);
  }

  openPort(ref: string, receive: Receive): () => void {
    assert(!this.processes.has(ref), `${ref} is taken: close it before it is opened again`);
    const port = new Port(this.asks, ref, receive);
    this.processes.set(ref, port);
    return () => {
      if (this.processes.get(ref) !== port) return;
      this.processes.delete(ref);
      port.close();
      this.watches.ended(ref);
    };
  }

  // Of CellHost and RemoteHost.

  schedule(cell: Cell): void {
    this.#dispatcher.schedule(cell);
  }

  has(ref: string): boolean {
    return this.processes.has(ref);
  }

  deliver(to: string, letter: Letter): void {
    const process = this.processes.get(to);
    if (process === undefined) this.deadLetter(to, letter, "there is no such actor");
    else if (process instanceof Cell && process.mailbox.fullForOthers) {
      this.deadLetter(to, letter, "its mailbox is full");
    } else this.post(to, letter);
  }

  forget(cell: Cell): void {
    this.processes.delete(cell.ref);
    this.roots.delete(cell);
    if (cell.givenUp) {
      this.fallen.set(cell.ref, cell);
      for (const ref of this.fallen.keys()) if (this.fallen.size > 100) this.fallen.delete(ref);
    }
    this.watches.ended(cell.ref);
  }

  deadLetter(to: string, letter: Letter, reason: string): void {
    this.deadLetters.add({ atMs: this.env.clock.monotonic(), to, from: letter.from, verb: letter.verb, reason });
    this.note("deadLetter", to, letter.verb, letter.from, reason);
    if (letter.ask !== null) this.asks.fail(letter.ask, "unreachable");
  }

  note(type: TraceType, ref: string, verb = "", from = "", detail = ""): void {
    if (type === "crashed") this.#options.crashed?.(ref, detail);
    this.#options.trace?.({ atMs: this.env.clock.monotonic(), type, ref, verb, from, detail });
  }

  /** Runs a callback that belongs to somebody outside; what it throws must not hurt the actor in whose turn it runs. */
  guard(where: string, task: () => void): void {
    try {
      task();
    } catch (error) {
      if (this.#options.report !== undefined) return this.#options.report(error, where);
      this.env.scheduler.later(() => {
        throw error;
      });
    }
  }

  /** Says and hears nothing any more, and gives all timers back. */
  close(): void {
    this.closed = true;
    for (const process of [...this.processes.values()]) {
      if (process instanceof Port) {
        this.processes.delete(process.ref);
        process.close();
      }
    }
    this.asks.failAll();
    this.alarms.close();
    this.mute();
  }

  /** Lets nothing out to other nodes any more. */
  mute(): void {
    this.#remote?.close();
  }

  /** Whether `cell` may put a message into that mailbox now; else the cell is told to wait for it. */
  #admits(cell: Cell, to: string): boolean {
    const target = this.processes.get(to);
    if (!(target instanceof Cell) || !target.mailbox.full || target.closing) return true;
    let ahead: Cell | null = target;
    while (ahead !== null && ahead !== cell) ahead = ahead.blockedOn;
    if (cell.closing || ahead === cell) { // it waits for nobody, or would wait for itself
      this.overfilled++;
      this.note("overfilled", to, "", cell.ref);
      return true;
    }
    cell.blockedOn = target;
    target.waiters.add(cell);
    this.note("suspended", cell.ref, "", "", `waits for room at ${to}`);
    return false;
  }

  #toPort(port: Port, letter: Letter): void {
    if (this.traced) this.note("message", port.ref, letter.verb, letter.from);
    this.guard(`port ${port.ref}`, () => {
      try {
        port.take(letter);
      } catch (error) {
        if (letter.ask !== null) this.asks.fail(letter.ask, "crashed");
        throw error;
      }
    });
  }

  #stop(cell: Cell, ref: string): void {
    if (ref === cell.ref) return cell.stop();
    const child = cell.children.get(ref);
    if (child === undefined) assert(!this.processes.has(ref), `${cell.ref} may stop its own children only, not ${ref}`);
    else child.stop();
  }
}
