/**
 * How far the followers of the metadata log have come, and who waits for them.
 *
 * A change is answered when every live broker has applied it, so that a client that was told "created" finds the topic on
 * whichever broker it asks next. A broker that is too slow does not hold the answer for ever: the wait expires.
 *
 * @module
 */
import type { Asker, Ref } from "../actor.ts";
import type { MetadataFollower } from "./protocol.ts";

/** An answer that is due when the log has been applied up to an offset. */
export interface Wait {
  readonly id: number;
  readonly offset: number;
  readonly asker: Asker<unknown>;
  /** What to say when it has been applied. */
  readonly value: unknown;
  /** What to say when it has not been applied in time. */
  readonly late: unknown;
}

/** Followers and waits; nothing of it outlives the controller's actor. */
export class Progress {
  /** Whom to send new records, and everything below which offset they have applied. */
  readonly followers: Map<Ref<MetadataFollower>, number> = new Map();
  /** The follower of each broker that has introduced itself to this life of the controller. */
  readonly brokers: Map<number, Ref<MetadataFollower>> = new Map();
  readonly #waits = new Map<number, Wait>();
  #nextId = 0;

  /** A follower has applied everything below `offset`. */
  applied(follower: Ref<MetadataFollower>, offset: number): void {
    const before = this.followers.get(follower);
    if (before !== undefined && offset > before) this.followers.set(follower, offset);
  }

  /** Whether all of these brokers have applied everything below `offset`. */
  reached(offset: number, live: Iterable<number>): boolean {
    for (const id of live) {
      const follower = this.brokers.get(id);
      if (follower === undefined || (this.followers.get(follower) ?? -1) < offset) return false;
    }
    return true;
  }

  /** Somebody waits. */
  wait(wait: Omit<Wait, "id">): Wait {
    const added = { ...wait, id: this.#nextId++ };
    this.#waits.set(added.id, added);
    return added;
  }

  /** Takes out a wait whose time is over. */
  expire(id: number): Wait | undefined {
    const wait = this.#waits.get(id);
    this.#waits.delete(id);
    return wait;
  }

  /** Takes out the waits that are over because these brokers have come far enough. */
  settle(live: ReadonlySet<number>): Wait[] {
    const settled = [...this.#waits.values()].filter(({ offset }) => this.reached(offset, live));
    for (const { id } of settled) this.#waits.delete(id);
    return settled;
  }
}
