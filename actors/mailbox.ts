/**
 * What waits for an actor, in two lanes: what the runtime has to say goes before what others have to say.
 *
 *     system lane  answers, results of calls, terminations          never full
 *     user lane    messages and due timers, in the order they came  full at its capacity: senders wait
 *
 * Only messages count towards being full. A due timer queues behind the messages that were there before it, so that an actor
 * with much to read does not take for silent whoever has already spoken; there is at most one for each timer that is set.
 *
 * @module
 */
import { Ring } from "../lib/ring.ts";
import type { Ask } from "./asks.ts";
import type { AnyOutbox } from "./kind.ts";
import type { KeyedTimer } from "./timers.ts";

/** One message in a mailbox. */
export class Letter {
  /**
   * @param from the ref of the sender; "" from outside
   * @param ask who waits for the reply, if anybody
   * @param timer the timer whose message this is
   */
  constructor(
    readonly from: string,
    readonly verb: string,
    readonly body: unknown,
    readonly ask: Ask | null,
    readonly timer: KeyedTimer | null = null,
  ) {}
}

/** One entry of the system lane: something that a former turn waited for. */
export interface Turn {
  /** The life of the actor that waited; a later one knows nothing of it. */
  readonly life: number;
  readonly type: "answer" | "result" | "terminated";
  /** For the trace. */
  readonly verb: string;
  /** Runs the turn; what it throws crashes the actor. */
  take(state: unknown, out: AnyOutbox): void;
}

/** The two lanes of one actor. */
export class Mailbox {
  readonly system: Ring<Turn> = new Ring();
  readonly user: Ring<Letter> = new Ring();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Whether senders have to wait. */
  get full(): boolean {
    return this.user.length >= this.#capacity;
  }

  /**
   * Whether there is no room for other nodes either. Their senders cannot be made to wait, so a part is kept for them: else
   * those here, who wait at the door, would take each place as it comes free, and followers would hear nothing of their leader.
   */
  get fullForOthers(): boolean {
    return this.user.length >= this.#capacity + Math.max(16, this.#capacity >> 1);
  }

  get empty(): boolean {
    return this.user.length === 0 && this.system.length === 0;
  }
}
