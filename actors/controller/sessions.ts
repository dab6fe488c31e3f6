/**
 * The brokers that the controller hears from: when it did last, and how far they have come.
 *
 * Nothing of it outlives the controller's actor: the next one gives everybody who is let in half a session's time to be heard.
 *
 * @module
 */
import type { Ref } from "../actor.ts";
import { partitionKey } from "./decision.ts";
import type { MetadataFollower, PartitionId } from "./protocol.ts";

/** One incarnation of a broker, as this life of the controller knows it. */
export interface Session {
  readonly brokerEpoch: number;
  readonly follower: Ref<MetadataFollower>;
  /** Whether the controller will be told when the follower ends. */
  watched: boolean;
  /** Monotonic. */
  heardMs: number;
  /** It has applied everything below this offset. */
  applied: number;
  /** Its replicas that are offline, by {@linkcode partitionKey}; undefined until it was heard. */
  offline: ReadonlySet<string> | undefined;
  /** It wants to stop, and everybody else should have applied this first; -1 while nothing is to be waited for. */
  departure: number;
  /** As of this offset it led what others, who are there, may yet come to be in sync with; -1 if that is not so. */
  hopedAt: number;
}

/** Sessions by broker id. */
export class Sessions {
  readonly #byId = new Map<number, Session>();

  /** A new incarnation takes the place of the one before. */
  open(brokerId: number, brokerEpoch: number, follower: Ref<MetadataFollower>, heardMs: number): Session {
    const watched = this.#byId.get(brokerId)?.follower === follower && this.#byId.get(brokerId)!.watched;
    const session: Session = {
      brokerEpoch,
      follower,
      watched,
      heardMs,
      applied: 0,
      offline: undefined,
      departure: -1,
      hopedAt: -1,
    };
    this.#byId.set(brokerId, session);
    return session;
  }

  get(brokerId: number): Session | undefined {
    return this.#byId.get(brokerId);
  }

  close(brokerId: number): void {
    this.#byId.delete(brokerId);
  }

  /** A follower has ended: whose it was. */
  ended(follower: string): number[] {
    const ids: number[] = [];
    for (const [id, session] of this.#byId) {
      if (session.follower !== follower) continue;
      session.watched = false;
      ids.push(id);
    }
    return ids;
  }

  /** Whether a broker has said that its replica of a partition is offline. */
  isOffline(brokerId: number, partition: PartitionId): boolean {
    const offline = this.#byId.get(brokerId)?.offline;
    return offline !== undefined && offline.size > 0 && offline.has(partitionKey(partition));
  }

  /** What all of these brokers have applied: Infinity if there are none. */
  appliedByAll(brokerIds: Iterable<number>): number {
    let lowest = Infinity;
    for (const id of brokerIds) lowest = Math.min(lowest, this.#byId.get(id)?.applied ?? 0);
    return lowest;
  }

  /** Of these brokers, the one that has been silent for longest, and when it was heard last. */
  mostSilent(brokerIds: Iterable<number>): { readonly brokerId: number; readonly heardMs: number } | undefined {
    let silent: { brokerId: number; heardMs: number } | undefined;
    for (const brokerId of brokerIds) {
      const heardMs = this.#byId.get(brokerId)?.heardMs ?? -Infinity;
      if (silent === undefined || heardMs < silent.heardMs) silent = { brokerId, heardMs };
    }
    return silent;
  }

  /** Nobody could be heard for so long. */
  excuse(ms: number, nowMs: number): void {
    for (const session of this.#byId.values()) session.heardMs = Math.min(nowMs, session.heardMs + ms);
  }

  /** Everybody has been heard just now. */
  renew(nowMs: number): void {
    for (const session of this.#byId.values()) session.heardMs = nowMs;
  }
}
