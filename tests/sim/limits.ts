/**
 * What may be lost: decided before a fault strikes, so that whatever is missing afterwards is a bug.
 *
 * A record that was acknowledged by min.insync.replicas nodes survives the loss of all but one of them. So one disk at a time may be lost,
 * and the next only when whoever lost the last has everything again: its vote, its place in every ISR. Whose partitions
 * need it, because it is the only one to have them, keeps its disk. Of a topic that is made before the loss is noticed, with nobody else in
 * sync, nothing is promised: it has never had anything.
 *
 * The end of a process is no loss where records are flushed before they are acknowledged. Where they are not, it is one, even if the page
 * cache survives: the cluster cannot know that it has, and takes the node out of every ISR. If such an end cannot be avoided when it must
 * not be, nothing is promised any more of these topics.
 *
 * @module
 */
import { brokerOf, newestImage, partitionsOf, quorumOf } from "./glimpse.ts";
import type { Machine } from "./machine.ts";
import type { TopicPlan } from "./scene.ts";
import type { World } from "./world.ts";

/** How long a node must have been whole again before another may lose something: what is on its way still counts. */
const MARGIN_MS = 1_000;

/** Keeps the books of what was lost. */
export class Limits {
  readonly #world: World;
  readonly #topics: ReadonlyMap<string, TopicPlan>;
  readonly #voters: readonly number[];
  /** Who has lost something and is not known to be whole again, with the disk that it has now. */
  readonly #given = new Set<string>();
  /** What it has lost is not all: it will lose the rest too. */
  #isHeld = false;
  #lossy: { readonly machine: Machine; readonly topics: ReadonlySet<string>; wholeSinceMs: number } | undefined;

  constructor(world: World, topics: readonly TopicPlan[], voters: readonly number[]) {
    this.#world = world;
    this.#topics = new Map(topics.map((topic) => [topic.name, topic]));
    this.#voters = voters;
  }

  /** Whether some topic may lose what it has acknowledged when its last process ends. */
  get hasUnflushed(): boolean {
    return [...this.#topics.values()].some(({ flush }) => !flush);
  }

  /** Whether what this partition has acknowledged must be there for ever. */
  readonly isDurable = (key: string): boolean => !this.#given.has(key.slice(0, key.lastIndexOf("-")));

  /** Whether the disk of this machine may be lost now; if so, it counts as lost. */
  takeDisk(machine: Machine): boolean {
    if (!this.#isWhole() || !this.#canMiss(machine, () => true)) return false;
    if (this.#voters.includes(machine.id) && this.#voters.length < 3) return false;
    this.#lose(machine);
    return true;
  }

  /** Who has lost something last will lose more: until {@linkcode Limits.release} it is not whole, however it looks. */
  hold(): void {
    this.#isHeld = true;
  }

  /** It has lost all that it will. */
  release(): void {
    this.#isHeld = false;
    if (this.#lossy !== undefined) this.#lossy.wholeSinceMs = Infinity;
  }

  /** Whether the process on this machine may end now without a word; if so, what it has not flushed counts as lost. */
  takeProcess(machine: Machine): boolean {
    if (!this.hasUnflushed) return true;
    if (!this.#isWhole() || !this.#canMiss(machine, (topic) => this.#topics.get(topic)?.flush === false)) return false;
    this.#lose(machine);
    return true;
  }

  /** The process on this machine ends, whether it may or not. */
  forceProcess(machine: Machine): void {
    if (this.takeProcess(machine)) return;
    for (const { name, flush } of this.#topics.values()) if (!flush) this.#given.add(name);
  }

  /** Looks whether who has lost something is whole again. To be called now and then. */
  look(): void {
    if (this.#lossy === undefined) return;
    const nowMs = this.#world.now();
    if (this.#isHeld || !this.#hasEverything(this.#lossy.machine)) {
      this.#lossy.wholeSinceMs = Infinity;
      this.#giveUpStillborn(this.#lossy);
    } else this.#lossy.wholeSinceMs = Math.min(this.#lossy.wholeSinceMs, nowMs);
  }

  #lose(machine: Machine): void {
    const topics = [...newestImage(this.#world)?.topics.values() ?? []].map(({ topicId }) => topicId);
    this.#lossy = { machine, topics: new Set(topics), wholeSinceMs: Infinity };
  }

  /** Whoever has lost its disk may be the only one to whom a topic is given before the controller hears of the loss. */
  #giveUpStillborn({ machine, topics }: { readonly machine: Machine; readonly topics: ReadonlySet<string> }): void {
    for (const { name, topicId, partitions } of newestImage(this.#world)?.topics.values() ?? []) {
      if (topics.has(topicId)) continue;
      const isStillborn = partitions.some(({ isr, elr }) => [...isr, ...elr].every((id) => id === machine.id));
      if (isStillborn) this.#given.add(name);
    }
  }

  #isWhole(): boolean {
    this.look();
    if (this.#lossy === undefined) return true;
    if (this.#lossy.wholeSinceMs + MARGIN_MS > this.#world.now()) return false;
    this.#lossy = undefined;
    return true;
  }

  #hasEverything(machine: Machine): boolean {
    const image = newestImage(this.#world);
    const quorum = quorumOf(machine);
    const broker = brokerOf(machine);
    if (image === undefined || quorum === undefined || broker === undefined) return false;
    if (quorum.membership !== "voting" && quorum.membership !== "observing") return false;
    if (quorum.image.offset < image.offset || image.brokers.get(machine.id)?.epoch !== broker.epoch) return false;
    for (const { partition } of partitionsOf(image)) {
      if (partition.replicas.includes(machine.id) && !partition.isr.includes(machine.id)) return false;
    }
    return true;
  }

  /** Whether others have what is needed of everything that this machine has of these topics. */
  #canMiss(machine: Machine, concerns: (topic: string) => boolean): boolean {
    const image = newestImage(this.#world);
    if (image === undefined || !image.brokers.has(machine.id)) return false;
    for (const { topic, partition } of partitionsOf(image)) {
      if (!concerns(topic)) continue;
      const has = [...partition.isr, ...partition.elr];
      if (!partition.replicas.includes(machine.id) && !has.includes(machine.id)) continue;
      const plan = this.#topics.get(topic);
      if (plan !== undefined && plan.minIsr < 2) return false;
      if (has.filter((id) => id !== machine.id).length < 1 || has.length < 2) return false;
    }
    return true;
  }
}
