/**
 * Questions to a consumer's actor, and what it means when there is no answer.
 *
 *     answered ─▶ the answer, or the error that it names     late ─▶ REQUEST_TIMED_OUT     gone ─▶ it was closed, or has crashed
 *
 * Invariant: every question ends, within the time that it was given.
 *
 * @module
 */
import type { Answer, Message, Reply, Verb } from "../actors/actor.ts";
import type { ConsumerProtocol, ConsumerRef, Outcome } from "../actors/consumer/protocol.ts";
import type { ActorSystem } from "../actors/system.ts";
import { ConsumerError } from "./records.ts";

/** How much longer an answer may take than it should. */
export const GRACE_MS = 30_000;

/** Where the actor is, and what time it is there. */
export interface QuestionsGround {
  readonly system: ActorSystem;
  readonly ref: ConsumerRef;
  /** Calls back later; the function returned calls it off. */
  readonly after: (delayMs: number, task: () => void) => () => void;
  /** As long as the actor itself may wait for brokers before it answers. */
  readonly requestTimeoutMs: number;
}

/** Asks the actor. */
export class Questions {
  /** It is about to close, or has closed. */
  isClosing = false;
  /** It has closed. */
  isClosed = false;
  readonly #ground: QuestionsGround;

  constructor(ground: QuestionsGround) {
    this.#ground = ground;
  }

  /** How long an answer may take for which brokers have to be asked. */
  get brokersMs(): number {
    return this.#ground.requestTimeoutMs + GRACE_MS;
  }

  /** The answer, or why there is none. */
  request<V extends Verb<ConsumerProtocol>>(
    verb: V,
    message: Message<ConsumerProtocol, V>,
    timeoutMs: number = GRACE_MS,
  ): Promise<Answer<Reply<ConsumerProtocol, V>>> {
    return this.#ground.system.ask(this.#ground.ref, verb, message, timeoutMs);
  }

  /**
   * The answer.
   *
   * @throws {ConsumerError} when there is none
   */
  async ask<V extends Verb<ConsumerProtocol>>(
    verb: V,
    message: Message<ConsumerProtocol, V>,
    timeoutMs: number = GRACE_MS,
  ): Promise<Reply<ConsumerProtocol, V>> {
    return this.value(await this.request(verb, message, timeoutMs));
  }

  /**
   * What was answered.
   *
   * @throws {ConsumerError} when nothing was
   */
  value<T>(answer: Answer<T>): T {
    if (answer.ok) return answer.value;
    const { ref } = this.#ground;
    if (this.isClosed) throw new ConsumerError("INVALID_REQUEST", `The consumer ${ref} is closed.`);
    if (answer.failure === "timeout") {
      throw new ConsumerError("REQUEST_TIMED_OUT", `The consumer ${ref} did not answer in time.`);
    }
    throw new ConsumerError("UNKNOWN_SERVER_ERROR", `The consumer ${ref} has crashed: its partitions go to others.`);
  }

  /**
   * Refuses what comes too late.
   *
   * @throws {ConsumerError} when it is about to close; with `closed`, only when it has
   */
  check(when: "closing" | "closed" = "closed"): void {
    if (this.isClosed || (when === "closing" && this.isClosing)) {
      throw new ConsumerError("INVALID_REQUEST", `The consumer ${this.#ground.ref} is closed.`);
    }
  }

  /** The answer, or that none came in time. */
  async within<T>(answer: Promise<Answer<T>>, timeoutMs: number): Promise<Answer<T>> {
    const { promise: late, resolve } = Promise.withResolvers<Answer<T>>();
    const calm = this.#ground.after(timeoutMs, () => resolve({ ok: false, failure: "timeout" }));
    try {
      return await Promise.race([answer, late]);
    } finally {
      calm();
    }
  }
}

/** @throws {ConsumerError} when that was no success */
export function fine({ error, message }: Outcome): void {
  if (error !== "NONE") throw new ConsumerError(error, message ?? error);
}
