/**
 * The timers of one actor, by key.
 *
 * A timer that rings puts its message into the mailbox. Moving or unsetting it after that, or a crash of the actor, makes the
 * message void: it is never handled.
 *
 * @module
 */
import { Alarm, type Alarms } from "./alarms.ts";
import { Letter } from "./mailbox.ts";

/** One timer that was set. */
export class KeyedTimer extends Alarm {
  /** False once it was moved, unset, or its message was taken. */
  live = true;

  constructor(
    readonly timers: Timers,
    readonly key: string,
    readonly verb: string,
    readonly body: unknown,
  ) {
    super();
  }

  override ring(): void {
    this.timers.deliver(new Letter(this.timers.self, this.verb, this.body, null, this));
  }
}

/** All timers of one actor. */
export class Timers {
  readonly #alarms: Alarms;
  readonly #byKey = new Map<string, KeyedTimer>();

  /** @param deliver puts a letter into the actor's mailbox, full or not */
  constructor(alarms: Alarms, readonly self: string, readonly deliver: (letter: Letter) => void) {
    this.#alarms = alarms;
  }

  set(key: string, delayMs: number, verb: string, body: unknown): void {
    this.unset(key);
    const timer = new KeyedTimer(this, key, verb, body);
    this.#byKey.set(key, timer);
    this.#alarms.set(timer, delayMs);
  }

  unset(key: string): void {
    const timer = this.#byKey.get(key);
    if (timer !== undefined) this.#end(timer);
  }

  /** Whether the timer's message may still be handled; it is then done with. */
  take(timer: KeyedTimer): boolean {
    if (!timer.live) return false;
    this.#end(timer);
    return true;
  }

  clear(): void {
    for (const timer of this.#byKey.values()) {
      timer.live = false;
      this.#alarms.unset(timer);
    }
    this.#byKey.clear();
  }

  #end(timer: KeyedTimer): void {
    timer.live = false;
    this.#alarms.unset(timer);
    this.#byKey.delete(timer.key);
  }
}
