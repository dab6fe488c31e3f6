/**
 * Questions that wait for their answer: those of actors here, of callers outside of actors, and of other nodes.
 *
 * Invariant: an ask is settled exactly once: by its reply, by its deadline, or by the end of whoever owed the reply. It fails as "unreachable"
 * only when nobody has taken it and nobody will.
 *
 * @module
 */
import type { Answer, Asker, AskFailure } from "./actor.ts";
import { nodeOf, parseRef, refOf } from "./address.ts";
import { Alarm, type Alarms } from "./alarms.ts";

const FAILED: { readonly [F in AskFailure]: Answer<never> } = {
  timeout: { ok: false, failure: "timeout" },
  unreachable: { ok: false, failure: "unreachable" },
  crashed: { ok: false, failure: "crashed" },
};

/** The asker of a message whose sender wants no reply: answering it does nothing. */
const NOBODY = "" as Asker<never>;

/** One question that waits. Its alarm is its deadline. */
export abstract class Ask extends Alarm {
  settled = false;
  /** What it is known by in plain data; 0 until somebody needs that. */
  number = 0;
  /** The list of whoever has taken the question and not answered yet. */
  debts: Debts | null = null;
  previous: Ask | null = null;
  next: Ask | null = null;

  /** @param to the ref that is asked */
  constructor(readonly asks: Asks, readonly to: string, readonly verb: string) {
    super();
  }

  override ring(): void {
    this.asks.fail(this, "timeout");
  }

  /** Brings the answer to whoever asked. Called once. */
  abstract deliver(answer: Answer<unknown>): void;
}

/** The asks that one actor has taken and not answered. */
export class Debts {
  #first: Ask | null = null;

  add(ask: Ask): void {
    if (ask.debts !== null || ask.settled) return;
    ask.debts = this;
    ask.next = this.#first;
    if (this.#first !== null) this.#first.previous = ask;
    this.#first = ask;
  }

  remove(ask: Ask): void {
    if (ask.previous !== null) ask.previous.next = ask.next;
    else this.#first = ask.next;
    if (ask.next !== null) ask.next.previous = ask.previous;
    ask.debts = ask.previous = ask.next = null;
  }

  /** Fails all of them. */
  fail(failure: AskFailure): void {
    while (this.#first !== null) this.#first.asks.fail(this.#first, failure);
  }
}

/** The asks of one system. */
export class Asks {
  readonly #node: number;
  readonly #alarms: Alarms;
  readonly #numbered = new Map<number, Ask>();
  #nextNumber: number;

  /** @param firstNumber where numbering begins: by chance, so that a late reply to this node's former life finds nobody */
  constructor(node: number, alarms: Alarms, firstNumber: number) {
    this.#node = node;
    this.#alarms = alarms;
    this.#nextNumber = firstNumber;
  }

  /** Starts waiting; after `timeoutMs` it has failed. */
  open(ask: Ask, timeoutMs: number): void {
    if (timeoutMs !== Infinity) this.#alarms.set(ask, timeoutMs);
  }

  /** Brings the reply; when it was settled before, nothing happens. */
  reply(ask: Ask, value: unknown): void {
    this.#settle(ask, { ok: true, value });
  }

  /** Gives up; when it was settled before, nothing happens. */
  fail(ask: Ask, failure: AskFailure): void {
    this.#settle(ask, FAILED[failure]);
  }

  /** The number by which other nodes, or this one in a later turn, can answer. */
  numberOf(ask: Ask): number {
    if (ask.number === 0 && !ask.settled) {
      ask.number = this.#nextNumber++;
      this.#numbered.set(ask.number, ask);
    }
    return ask.number;
  }

  /** The ask of that number, if it still waits. */
  byNumber(number: number): Ask | undefined {
    return this.#numbered.get(number);
  }

  /** Whoever waits, as plain data. */
  askerOf(ask: Ask | null): Asker<unknown> {
    return ask === null ? NOBODY : refOf(this.#node, "$ask", String(this.numberOf(ask))) as string as Asker<unknown>;
  }

  /** Gives up everything that was asked of a node whose process is gone: it may have been done before. */
  failNode(node: number): void {
    for (const ask of [...this.#numbered.values()]) if (nodeOf(ask.to) === node) this.fail(ask, "crashed");
  }

  /** Gives up everything that has a number: whatever is still open when the system ends, and may have been done. */
  failAll(): void {
    for (const ask of [...this.#numbered.values()]) this.fail(ask, "crashed");
  }

  #settle(ask: Ask, answer: Answer<unknown>): void {
    if (ask.settled) return;
    ask.settled = true;
    this.#alarms.unset(ask);
    if (ask.number !== 0) this.#numbered.delete(ask.number);
    ask.debts?.remove(ask);
    ask.deliver(answer);
  }
}

/** Where an asker waits and under which number; undefined for {@linkcode NOBODY}. */
export function parseAsker(asker: string): { readonly node: number; readonly number: number } | undefined {
  if (asker === NOBODY) return undefined;
  const { node, name } = parseRef(asker);
  return { node, number: Number(name) };
}
