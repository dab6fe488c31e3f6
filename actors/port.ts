/**
 * An adapter that can be sent to like an actor: a process under a ref, without mailbox, state or supervisor.
 *
 * @module
 */
import { type Ask, type Asks, Debts } from "./asks.ts";
import type { Letter } from "./mailbox.ts";

/**
 * Takes a message at once, in the turn of whoever sent it: it must be quick, and must not throw. `answer` replies to an ask,
 * now or later, once; for a message whose sender wants no reply it does nothing.
 */
export type Receive = (verb: string, message: unknown, answer: (value: unknown) => void) => void;

/** One adapter under its ref. */
export class Port {
  readonly #asks: Asks;
  readonly #receive: Receive;
  readonly #debts = new Debts();

  constructor(asks: Asks, readonly ref: string, receive: Receive) {
    this.#asks = asks;
    this.#receive = receive;
  }

  /** @throws whatever the adapter does */
  take(letter: Letter): void {
    const { ask } = letter;
    if (ask !== null) this.#debts.add(ask);
    this.#receive(letter.verb, letter.body, (value) => this.#answer(ask, value));
  }

  /** Fails what it has not answered. */
  close(): void {
    this.#debts.fail("crashed");
  }

  #answer(ask: Ask | null, value: unknown): void {
    if (ask !== null) this.#asks.reply(ask, value);
  }
}
