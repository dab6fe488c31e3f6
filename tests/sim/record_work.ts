/**
 * The records of a run at work: producers write, consumers read, one after the other in the same place; in the end one reads everything.
 *
 *     place: ──consumer──▶ closed, replaced by another ──▶ … ──the storm is over──▶ closed      reader ──▶ all, from the beginning
 *
 * Invariant: each of them draws from a stream of its own: one more, or one less, leaves what the others do as it was.
 *
 * @module
 */
import type { KafkaClient } from "./client.ts";
import { Consumer } from "./consumer.ts";
import { Producer } from "./producer.ts";
import { keysOf, type Scene } from "./scene.ts";
import type { Swarm } from "./swarm.ts";

/** All producers and consumers of a run that belong to no group. */
export class RecordWork {
  readonly #scene: Scene;
  readonly #swarm: Swarm;
  readonly #isDurable: (key: string) => boolean;
  readonly #producers: Producer[] = [];
  readonly #consumers: Consumer[] = [];
  #reader: Consumer | undefined;

  /** @param isDurable whether what a partition has acknowledged must be there for ever */
  constructor(scene: Scene, swarm: Swarm, isDurable: (key: string) => boolean) {
    this.#scene = scene;
    this.#swarm = swarm;
    this.#isDurable = isDurable;
  }

  /** The connections of everybody. */
  get clients(): readonly KafkaClient[] {
    const readers = [...this.#consumers, ...(this.#reader === undefined ? [] : [this.#reader])];
    return [...this.#producers, ...readers].map(({ client }) => client);
  }

  /** Producers that wait for answers, in words. */
  get unanswered(): string[] {
    return this.#producers.filter(({ isIdle }) => !isIdle).map(String);
  }

  /** Everything is being read. */
  get isReadingAll(): boolean {
    return this.#reader !== undefined;
  }

  /** Everybody begins. */
  begin(): void {
    const { random, producers, consumers, topics } = this.#swarm;
    const keys = topics.flatMap(keysOf);
    const isDurable = this.#isDurable;
    producers.forEach((plan, index) => {
      const own = random.split(`producer ${index}`);
      const mine = keys.filter(() => own.chance(2, 3));
      const lanes = mine.length === 0 ? keys : mine;
      this.#producers.push(new Producer(this.#scene, `producer-${index}`, { ...plan, keys: lanes, isDurable }, own));
    });
    for (let index = 0; index < consumers; index++) this.#consume(index, 0);
  }

  /** The consumers end, and one that is new reads everything. */
  readAll(): Consumer {
    for (const consumer of this.#consumers) consumer.close();
    const { random, topics } = this.#swarm;
    const plan = {
      keys: topics.flatMap(keysOf),
      everyMs: 5,
      sessions: false,
      byId: false,
      from: "earliest",
      isDurable: this.#isDurable,
    } as const;
    return this.#reader = new Consumer(this.#scene, "reader", plan, random.split("reader"));
  }

  /** One consumer after another in the same place. */
  #consume(index: number, life: number, before?: Consumer): void {
    if (this.#scene.isEnding) return;
    const { random, topics, features } = this.#swarm;
    const own = random.split(`consumer ${index} ${life}`);
    const keys = topics.flatMap(keysOf).filter(() => own.chance(3, 4));
    const plan = {
      keys: keys.length === 0 ? topics.flatMap(keysOf) : keys,
      everyMs: own.pick([20, 100, 300]),
      sessions: features.has("sessions"),
      byId: features.has("by-id"),
      from: life === 0 || own.chance(1, 2) ? "earliest" : "latest",
      isDurable: this.#isDurable,
    } as const;
    const consumer = new Consumer(this.#scene, `consumer-${index}`, plan, own, before?.process);
    this.#consumers[index] = consumer;
    if (!features.has("consumers")) return;
    this.#scene.world.env.clock.after(5_000 + own.below(20_000), () => {
      if (this.#scene.isEnding) return;
      consumer.close();
      this.#scene.count("consumers replaced");
      this.#consume(index, life + 1, consumer);
    });
  }
}
