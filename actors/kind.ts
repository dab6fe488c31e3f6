/**
 * A registered kind of actor, as the runtime sees it: with its types taken off and its defaults filled in.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Actor, Outbox, Supervision } from "./actor.ts";

/** The outbox as the runtime hands it to any handler. */
export type AnyOutbox = Outbox<unknown, unknown>;

/** One handler, untyped. */
export type AnyHandler = (state: unknown, message: unknown, out: AnyOutbox) => unknown;

/** What all actors have in common once their protocol is forgotten. */
export interface AnyActor {
  readonly kind: string;
  start(args: unknown, out: AnyOutbox): unknown;
  readonly on: Readonly<Record<string, AnyHandler>>;
  terminated?(state: unknown, ref: string, out: AnyOutbox): void;
  stopped?(state: unknown, why: "stopped" | "crashed"): void;
  replay?(state: unknown, event: unknown): void;
  readonly supervision?: Supervision;
  readonly mailboxCapacity?: number;
}

/** A kind that can be spawned. */
export interface Kind {
  readonly name: string;
  readonly actor: AnyActor;
  /** By message. A map, so that a message called "toString" finds nothing. */
  readonly handlers: ReadonlyMap<string, AnyHandler>;
  readonly supervision: Required<Supervision>;
  readonly capacity: number;
}

/** Fills in the defaults of an actor, and checks what the compiler cannot. */
export function kindOf<P, S, A>(definition: Actor<P, S, A>): Kind {
  const actor = definition as unknown as AnyActor; // The only place where an actor loses its types.
  const capacity = actor.mailboxCapacity ?? 1_024;
  assert(actor.kind !== "" && !actor.kind.includes("/"), `a kind must be a word without "/", not "${actor.kind}"`);
  assert(Number.isSafeInteger(capacity) && capacity >= 1, `${actor.kind}: a mailbox must have room for 1 or more`);
  return {
    name: actor.kind,
    actor,
    handlers: new Map(Object.entries(actor.on)),
    supervision: {
      restarts: 5,
      periodMs: 10_000,
      backoffMs: 10,
      backoffMaxMs: 2_000,
      then: "stop",
      ...actor.supervision,
    },
    capacity,
  };
}
