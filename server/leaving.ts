/**
 * How a node goes without being missed.
 *
 *     wants to go ──the controller has moved its leadership away──▶ do others go too? ──no──▶ may go
 *          └──no controller for a while, or the time is over────────────────┴─────────────▶ may go
 *
 * Nodes that go at the same time need each other's votes until the controller has answered all of them; so the first that may go
 * waits for the last.
 *
 * @module
 */
import type { BrokerRef } from "../actors/broker/protocol.ts";
import type { BrokerImage } from "../actors/controller/protocol.ts";
import type { ActorSystem } from "../actors/system.ts";
import type { Clock } from "../lib/env.ts";

/** A controller that nobody has known of for so long is not waited for. */
const NO_CONTROLLER_MS = 500;
/** How often a node that may go looks whether others that go too still need it. */
const LOOK_MS = 10;
/** How long the own broker may take to say what it knows. */
const PATIENCE_MS = 100;

/** Who goes. */
export interface Leaver {
  readonly nodeId: number;
  readonly incarnationId: string;
  readonly system: ActorSystem;
  readonly broker: BrokerRef;
  readonly clock: Clock;
}

/** The going of one node; it can be begun once. */
export class Leaving {
  readonly #leaver: Leaver;
  #calm = () => {};
  /** The controller has answered, or there is no more time for that. */
  #isAnswered = false;
  #done: ((brokerEpoch: number) => void) | undefined;

  constructor(leaver: Leaver) {
    this.#leaver = leaver;
  }

  /** Calls back when the node may go, with the epoch of its broker; -1 when it never had one. */
  drain(timeoutMs: number, done: (brokerEpoch: number) => void): void {
    const { system, broker, clock } = this.#leaver;
    const nowMs = clock.monotonic();
    this.#done = done;
    this.#hurry(nowMs);
    system.askThen(broker, "shutDown", { timeoutMs }, (answer) => {
      this.#isAnswered = true;
      this.#calm();
      this.#farewell(answer.ok ? answer.value : -1, nowMs + timeoutMs);
    }, timeoutMs + PATIENCE_MS);
  }

  /** The other brokers that are not fenced, as far as this one knows. */
  whoIsThere(then: (others: readonly BrokerImage[]) => void): void {
    const { system, broker, nodeId } = this.#leaver;
    system.askThen(broker, "look", undefined, (looked) => {
      const brokers = looked.ok ? [...looked.value.image.brokers.values()] : [];
      then(brokers.filter(({ id, fenced }) => id !== nodeId && !fenced));
    }, PATIENCE_MS);
  }

  /** Nobody is called back any more. */
  callOff(): void {
    this.#done = undefined;
    this.#calm();
  }

  /** Nobody moves leadership away while there is no controller: that is not waited for as long as for one that is busy. */
  #hurry(knownMs: number): void {
    const { system, broker, clock, nodeId, incarnationId } = this.#leaver;
    this.#calm = clock.after(NO_CONTROLLER_MS / 10, () => {
      system.askThen(broker, "look", undefined, (looked) => {
        if (this.#done === undefined || this.#isAnswered) return;
        const isKnown = looked.ok && looked.value.controller !== undefined;
        if (isKnown) return this.#hurry(clock.monotonic());
        if (clock.monotonic() - knownMs < NO_CONTROLLER_MS) return this.#hurry(knownMs);
        const own = looked.ok ? looked.value.image.brokers.get(nodeId) : undefined;
        this.#end(own?.incarnationId === incarnationId ? own.epoch : -1);
      }, PATIENCE_MS);
    });
  }

  #farewell(brokerEpoch: number, endMs: number): void {
    const { clock } = this.#leaver;
    if (this.#done === undefined) return;
    if (clock.monotonic() >= endMs) return this.#end(brokerEpoch);
    this.whoIsThere((others) => {
      if (this.#done === undefined) return;
      if (others.every(({ inControlledShutdown }) => !inControlledShutdown)) this.#end(brokerEpoch);
      else this.#calm = clock.after(LOOK_MS, () => this.#farewell(brokerEpoch, endMs));
    });
  }

  #end(brokerEpoch: number): void {
    const done = this.#done;
    this.callOff();
    done?.(brokerEpoch);
  }
}
