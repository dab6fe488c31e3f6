/**
 * A client's question to the active controller, which may be gone, or change, before it has answered.
 *
 *     waiting for a controller ──there is one──▶ asked ──▶ answered
 *        ▲   │ the request's time is over          │ unreachable; crashed, where asking twice does no harm
 *        │   └──▶ failed                           │
 *        └──────────────────────────────────────────┘
 *
 * What was asked of a controller that is another's predecessor by now gets a moment more: its answer may be on the way. After
 * that it counts as crashed.
 *
 * Invariant: it ends once, and what may have happened is never called "unreachable", which means that it can be tried again.
 *
 * @module
 */
import type { Api } from "../../protocol/schema.ts";
import type { Answer, AskFailure, Message, Reply, Verb } from "../actor.ts";
import type { ControllerProtocol, ControllerRef } from "../controller/protocol.ts";
import { limitMs, patienceMs } from "./asking.ts";
import type { Exchange } from "./handler.ts";

/** Asking twice has the effect of asking once, and what is answered then is true of the first time. Moves: see below. */
const REPEATABLE: ReadonlySet<string> = new Set<Verb<ControllerProtocol>>([
  "alterConfigs",
  "electLeaders",
  "allocateProducerIds",
]);
const RETRY_MS = 100;
/** How long the answer of a controller that has been replaced may still be on its way. */
const GRACE_MS = 1_000;

/** What a question needs of the exchange that it is for. */
export type Asking = Pick<Exchange<Api>, "ask" | "monotonic" | "view">;

/** One question, until it is answered or has failed for good. */
export class ControllerAsk<V extends Verb<ControllerProtocol> = Verb<ControllerProtocol>> {
  isOver = false;
  readonly #asking: Asking;
  readonly #verb: V;
  readonly #message: Message<ControllerProtocol, V>;
  readonly #then: (answer: Answer<Reply<ControllerProtocol, V>>) => void;
  readonly #changed: () => void;
  readonly #deadlineMs: number;
  /** Who has been asked and owes the answer; undefined while it waits. */
  #asked: ControllerRef | undefined;
  #attempt = 0;
  /** When it may ask, while it waits. */
  #nextMs: number;
  /** Since when somebody else has the controller than who was asked; Infinity while not. */
  #replacedMs = Infinity;
  /** It may have happened already. */
  #inDoubt = false;

  /** @param changed called when {@linkcode dueMs} may have changed in between: look again, then. */
  constructor(
    asking: Asking,
    question: { readonly verb: V; readonly message: Message<ControllerProtocol, V>; readonly timeoutMs: number },
    then: (answer: Answer<Reply<ControllerProtocol, V>>) => void,
    changed: () => void,
  ) {
    this.#asking = asking;
    this.#verb = question.verb;
    this.#message = question.message;
    this.#then = then;
    this.#changed = changed;
    this.#nextMs = asking.monotonic();
    this.#deadlineMs = this.#nextMs + limitMs(question.timeoutMs);
  }

  /** When to look again (monotonic), if nothing happens before; Infinity when there is nothing to look for. */
  get dueMs(): number {
    if (this.isOver) return Infinity;
    if (this.#asked !== undefined) return this.#replacedMs + GRACE_MS;
    return this.#asking.view.controller === undefined ? this.#deadlineMs : Math.min(this.#nextMs, this.#deadlineMs);
  }

  /** Does what is due: asks, gives up, or lets it wait. To be called whenever there is a newer view, too. */
  look(): void {
    if (this.isOver) return;
    const { controller } = this.#asking.view;
    const nowMs = this.#asking.monotonic();
    if (this.#asked === undefined) {
      if (controller !== undefined && nowMs >= this.#nextMs) this.#ask(controller, nowMs);
      else if (nowMs >= this.#deadlineMs) this.#giveUp();
    } else if (controller === undefined || controller === this.#asked) this.#replacedMs = Infinity;
    else if (this.#replacedMs === Infinity) this.#replacedMs = nowMs;
    else if (nowMs - this.#replacedMs >= GRACE_MS) this.#failed("crashed");
  }

  #ask(controller: ControllerRef, nowMs: number): void {
    const attempt = ++this.#attempt;
    this.#asked = controller;
    this.#asking.ask(controller, this.#verb, this.#message, (answer) => {
      if (this.isOver || attempt !== this.#attempt) return;
      if (answer.ok) this.#end(answer as Answer<Reply<ControllerProtocol, V>>);
      else this.#failed(answer.failure);
      this.#changed();
    }, patienceMs(this.#deadlineMs - nowMs));
  }

  #failed(failure: AskFailure): void {
    this.#asked = undefined;
    this.#replacedMs = Infinity;
    if (failure !== "unreachable") this.#inDoubt = true;
    if (failure === "timeout" || (failure === "crashed" && !isRepeatable(this.#verb, this.#message))) {
      return this.#giveUp();
    }
    this.#attempt++;
    this.#nextMs = this.#asking.monotonic() + RETRY_MS;
  }

  #giveUp(): void {
    this.#end({ ok: false, failure: this.#inDoubt ? "timeout" : "unreachable" });
  }

  #end(answer: Answer<Reply<ControllerProtocol, V>>): void {
    this.isOver = true;
    this.#then(answer);
  }
}

function isRepeatable<V extends Verb<ControllerProtocol>>(verb: V, message: Message<ControllerProtocol, V>): boolean {
  if (verb !== "reassign") return REPEATABLE.has(verb);
  // What is called off twice may be another's move by then, and who has called off his own would hear that there is none.
  return (message as Message<ControllerProtocol, "reassign">).partitions.every(({ replicas }) => replicas !== null);
}
