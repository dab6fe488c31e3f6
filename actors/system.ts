/**
 * One node's actors: spawns them, carries their messages, supervises them, and lets people look at them and break them.
 *
 * All actors of a system share one thread. Each handles one message at a time to its end; what it sends leaves afterwards.
 * Messages between actors of one node are handed over, not copied: what was sent must not be changed any more.
 *
 * - A handler that **throws** has not happened: its effects and the actor's state are dropped, whoever waits for a reply of this
 *   actor learns that it crashed, its children stop at once, and the supervisor restarts it or gives it up. Messages that
 *   wait in the mailbox wait for the next life, except the one that crashed it.
 * - **kill** is the same between two messages; no message is lost, and it counts against the supervisor's intensity.
 *   **restart** too, but at once and without being counted. Both end a pause.
 * - **stop** lets the actor handle the messages that it already has, then stops its children the same way, then lets out what
 *   waits for the journal, then runs `stopped`. From the call on, new messages are dead letters. It ends a pause, and the
 *   actor no longer waits for room in other mailboxes. An actor between two lives stops at once.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Actor, ActorKind, Answer, Message, Ref, Reply, Verb } from "./actor.ts";
import { refOf } from "./address.ts";
import { Cell } from "./cell.ts";
import type { DeadLetters } from "./dead_letters.ts";
import { kindOf } from "./kind.ts";
import { Letter } from "./mailbox.ts";
import { ASK_TIMEOUT_MS } from "./outbox.ts";
import { Runtime, type SystemOptions } from "./runtime.ts";

export type { SystemOptions } from "./runtime.ts";

/** What can be seen of an actor from outside. */
export interface ActorInfo {
  /** `<node>/<kind>/<name>` */
  readonly ref: string;
  /** The kind in its ref. */
  readonly kind: string;
  /** Its supervisor; null for a root. */
  readonly parent: string | null;
  /** "stopped" is an actor that its supervisor has given up; one that was asked to stop is not listed any more. */
  readonly state: "running" | "paused" | "restarting" | "stopping" | "stopped";
  /** Messages that wait. */
  readonly mailboxDepth: number;
  /** Turns taken in all its lives. */
  readonly processed: number;
  /** How often it was started again, by its supervisor or by hand. */
  readonly restarts: number;
  /** What crashed it last. */
  readonly lastError: string | null;
  /** Whose full mailbox it waits for. */
  readonly blockedOn: string | null;
}

/**
 * The actors of one node.
 *
 * @example
 * ```ts
 * import { ActorSystem } from "./system.ts";
 * import { VirtualEnv } from "../lib/virtual_clock.ts";
 * import type { Actor } from "./actor.ts";
 *
 * interface CounterProtocol {
 *   add(amount: number): number;
 * }
 * const counter: Actor<CounterProtocol, { sum: number }, void> = {
 *   kind: "counter",
 *   start: () => ({ sum: 0 }),
 *   on: { add: (state, amount) => state.sum += amount },
 * };
 *
 * const env = new VirtualEnv();
 * const system = new ActorSystem({ node: 1, env });
 * system.register(counter);
 * const ref = system.spawn(counter, "c", undefined);
 * system.tell(ref, "add", 2);
 * let sum = 0;
 * system.askThen(ref, "add", 3, (answer) => sum = answer.ok ? answer.value : -1);
 * env.advance(0);
 * console.assert(sum === 5);
 * ```
 */
export class ActorSystem {
  readonly #runtime: Runtime;
  #watchers = 0;

  /** Nothing runs until something is spawned. */
  constructor(options: SystemOptions) {
    this.#runtime = new Runtime(options);
  }

  /** This node's id. */
  get node(): number {
    return this.#runtime.node;
  }

  /** What could not be delivered. */
  get deadLetters(): DeadLetters {
    return this.#runtime.deadLetters;
  }

  /** How often a full mailbox took a message because waiting would have been a deadlock. */
  get overfilled(): number {
    return this.#runtime.overfilled;
  }

  /** Makes a kind of actor known, so that it can be spawned by name. */
  register<P, S, A>(actor: Actor<P, S, A>): this {
    assert(!this.#runtime.kinds.has(actor.kind), `the kind "${actor.kind}" is registered already`);
    this.#runtime.kinds.set(actor.kind, kindOf(actor));
    return this;
  }

  /** Starts a root: an actor whose supervisor is the system. The kind must be registered and the name free. */
  spawn<P, A>(kind: ActorKind<P, A>, name: string, args: A): Ref<P> {
    return this.#runtime.spawn(kind.kind, name, args, null) as Ref<P>;
  }

  /**
   * Puts an adapter under a ref of this node: messages are handed to `receive` at once, in the turn of whoever sent them.
   * `close` takes it away; asks that it has not answered have then crashed, and those who watch it are told.
   */
  port<P>(
    kind: string,
    name: string,
    receive: <V extends Verb<P>>(verb: V, message: Message<P, V>, answer: (value: Reply<P, V>) => void) => void,
  ): { readonly ref: Ref<P>; readonly close: () => void } {
    const ref = refOf<P>(this.node, kind, name);
    return { ref, close: this.portAt(ref, receive) };
  }

  /** The same for a whole ref, of another node too: what is sent there from here then goes to `receive`. */
  portAt<P>(
    ref: Ref<P>,
    receive: <V extends Verb<P>>(verb: V, message: Message<P, V>, answer: (value: Reply<P, V>) => void) => void,
  ): () => void {
    return this.#runtime.openPort(ref, receive as (verb: string, message: unknown, answer: unknown) => void);
  }

  /** Sends from outside of actors. It does not wait for room: use {@linkcode offer} for whatever comes in streams. */
  tell<P, V extends Verb<P>>(to: Ref<P>, verb: V, message: Message<P, V>): void {
    this.#runtime.post(to, new Letter("", verb, message, null));
  }

  /** Sends if there is room and the actor is not itself waiting for room; else returns false: see {@linkcode whenRoom}. */
  offer<P, V extends Verb<P>>(to: Ref<P>, verb: V, message: Message<P, V>): boolean {
    const process = this.#runtime.processes.get(to);
    if (process instanceof Cell && !process.closing && (process.mailbox.full || process.blockedOn !== null)) {
      return false;
    }
    this.tell(to, verb, message); // to nobody too: that is a dead letter, and waiting would not help
    return true;
  }

  /** Calls back once when an offer would be taken; at once when it would be now. The returned function calls it off. */
  whenRoom(ref: Ref<never> | Ref<unknown>, callback: () => void): () => void {
    const process = this.#runtime.processes.get(ref);
    const room = () => this.#runtime.guard(`room at ${ref}`, callback);
    if (!(process instanceof Cell) || process.closing || (!process.mailbox.full && process.blockedOn === null)) {
      room();
      return () => {};
    }
    const waiter = { room };
    process.waiters.add(waiter);
    return () => void process.waiters.delete(waiter);
  }

  /** Asks from outside of actors; `settle` is told once. Default 30 000 ms. */
  askThen<P, V extends Verb<P>>(
    to: Ref<P>,
    verb: V,
    message: Message<P, V>,
    settle: (answer: Answer<Reply<P, V>>) => void,
    timeoutMs: number = ASK_TIMEOUT_MS,
  ): void {
    this.#runtime.ask(to, verb, message, settle as (answer: Answer<unknown>) => void, timeoutMs);
  }

  /** Asks from outside of actors. It never rejects: a failure is an answer. Default 30 000 ms. */
  ask<P, V extends Verb<P>>(
    to: Ref<P>,
    verb: V,
    message: Message<P, V>,
    timeoutMs: number = ASK_TIMEOUT_MS,
  ): Promise<Answer<Reply<P, V>>> {
    return new Promise((resolve) => this.askThen(to, verb, message, resolve, timeoutMs));
  }

  /** The state of an actor as it is between two turns, for tests and checkers: look, and touch nothing. */
  stateOf(ref: Ref<never> | Ref<unknown>): unknown {
    const process = this.#runtime.processes.get(ref);
    return process instanceof Cell ? process.state : undefined;
  }

  /** Whether what an actor has decided is still on its way to its journal, or what it says waits for that. */
  isHeldBack(ref: Ref<never> | Ref<unknown>): boolean {
    const process = this.#runtime.processes.get(ref);
    return process instanceof Cell && process.isHeldBack;
  }

  /** Calls back once `ref` has stopped for good; at once when there is no such actor. The returned function calls it off. */
  watch(ref: Ref<never> | Ref<unknown>, callback: (ref: string) => void): () => void {
    const key = refOf<unknown>(this.node, "$watcher", String(this.#watchers++));
    this.#runtime.watch(ref, key, (ended) => this.#runtime.guard(`watch of ${ref}`, () => callback(ended)));
    return () => this.#runtime.endWatch(ref, key);
  }

  /** Every actor of this node, parents before their children, then those given up lately. */
  actors(): ActorInfo[] {
    const cells = [...this.#runtime.processes.values()].filter((process) => process instanceof Cell);
    return [...cells, ...this.#runtime.fallen.values()].map(describe);
  }

  /** Crashes an actor between two messages. False when there is none. */
  kill(ref: string, reason = "killed"): boolean {
    return this.#with(ref, (cell) => cell.crash(new Error(reason)));
  }

  /** Drops an actor's state and starts it again at once, without counting. False when there is none. */
  restart(ref: string): boolean {
    return this.#with(ref, (cell) => cell.restart());
  }

  /** Keeps an actor from handling anything until it is resumed; its mailbox fills meanwhile. False when there is none. */
  pause(ref: string): boolean {
    return this.#with(ref, (cell) => cell.pause());
  }

  /** Ends a pause. False when there is no such actor. */
  resume(ref: string): boolean {
    return this.#with(ref, (cell) => cell.resume());
  }

  /** Stops an actor after the messages that it already has. False when there is none. */
  stop(ref: string): boolean {
    return this.#with(ref, (cell) => cell.stop());
  }

  /** Stops all roots, the last spawned first, each after its children; resolves when all have stopped and all timers are unset. */
  shutdown(): Promise<void> {
    return new Promise((resolve) => this.shutdownThen(resolve));
  }

  /** The same with a callback. */
  shutdownThen(done: () => void): void {
    const root = [...this.#runtime.roots].at(-1);
    if (root !== undefined) {
      this.watch(root.ref as Ref<unknown>, () => this.shutdownThen(done));
      return root.stop();
    }
    this.#runtime.close();
    done();
  }

  /**
   * Ends everything at once, as if the process had died: nothing more is handled or let out. The actors' `stopped` hooks run with
   * "crashed", so that files and sockets are given back.
   */
  halt(): void {
    this.#runtime.mute();
    this.#runtime.closed = true;
    for (const root of [...this.#runtime.roots].reverse()) root.terminate("crashed");
    this.#runtime.close();
  }

  #with(ref: string, task: (cell: Cell) => void): boolean {
    const process = this.#runtime.processes.get(ref);
    if (!(process instanceof Cell)) return false;
    task(process);
    return true;
  }
}

function describe(cell: Cell): ActorInfo {
  return {
    ref: cell.ref,
    kind: cell.kind.name,
    parent: cell.parent?.ref ?? null,
    state: stateOf(cell),
    mailboxDepth: cell.mailbox.user.length,
    processed: cell.processed,
    restarts: cell.restarts,
    lastError: cell.lastError === null ? null : String(cell.lastError),
    blockedOn: cell.blockedOn?.ref ?? null,
  };
}

function stateOf(cell: Cell): ActorInfo["state"] {
  if (cell.paused) return "paused";
  return cell.phase === "starting" ? (cell.restarts > 0 ? "restarting" : "running") : cell.phase;
}
