/**
 * What comes back to an actor in a later turn: answers, results of calls, and the end of those whom it watches.
 *
 * Each remembers the life that waits for it; a later life never sees it.
 *
 * @module
 */
import type { Result } from "../lib/env.ts";
import type { Answer } from "./actor.ts";
import { Ask, type Asks } from "./asks.ts";
import type { Cell } from "./cell.ts";
import type { AnyOutbox } from "./kind.ts";
import type { Turn } from "./mailbox.ts";
import type { AnswerHandler, Effect, ResultHandler } from "./outbox.ts";

/** An ask by an actor of this system; its answer is a turn of that actor. */
export class ActorAsk extends Ask implements Turn {
  readonly type = "answer";
  readonly life: number;
  readonly #cell: Cell;
  readonly #then: AnswerHandler;
  #answer: Answer<unknown> | undefined;

  constructor(asks: Asks, cell: Cell, to: string, verb: string, then: AnswerHandler) {
    super(asks, to, verb);
    this.#cell = cell;
    this.life = cell.life;
    this.#then = then;
  }

  override deliver(answer: Answer<unknown>): void {
    this.#answer = answer;
    this.#cell.enqueue(this);
  }

  take(state: unknown, out: AnyOutbox): void {
    this.#then(state, this.#answer!, out);
  }
}

/** An ask by somebody who is no actor of this system. */
export class OutsideAsk extends Ask {
  readonly #settle: (answer: Answer<unknown>) => void;

  /** @param settle must not throw */
  constructor(asks: Asks, to: string, verb: string, settle: (answer: Answer<unknown>) => void) {
    super(asks, to, verb);
    this.#settle = settle;
  }

  override deliver(answer: Answer<unknown>): void {
    this.#settle(answer);
  }
}

/** How a call has ended. */
class ResultTurn implements Turn {
  readonly type = "result";

  constructor(
    readonly life: number,
    readonly verb: string,
    readonly result: Result<unknown>,
    readonly then: ResultHandler | undefined,
  ) {}

  take(state: unknown, out: AnyOutbox): void {
    if (this.then !== undefined) this.then(state, this.result, out);
    else if (!this.result.ok) throw this.result.error;
  }
}

/** Runs a call's work; how it ends comes back to `cell` once. An error thrown by the work is a result like any other. */
export function perform(cell: Cell, { label, work, then }: Effect & { readonly type: "call" }): void {
  const { life } = cell;
  let open = true;
  const done = (result: Result<unknown>) => {
    if (!open) return;
    open = false;
    if (then !== undefined || !result.ok) cell.enqueue(new ResultTurn(life, label, result, then));
  };
  try {
    work(done);
  } catch (error) {
    done({ ok: false, error: error instanceof Error ? error : new Error(String(error)) });
  }
}

/** Somebody whom `cell` watches has stopped for good. */
export class TerminatedTurn implements Turn {
  readonly type = "terminated";
  readonly life: number;
  readonly #cell: Cell;

  constructor(cell: Cell, readonly verb: string) {
    this.#cell = cell;
    this.life = cell.life;
  }

  take(state: unknown, out: AnyOutbox): void {
    this.#cell.kind.actor.terminated?.(state, this.verb, out);
  }
}
