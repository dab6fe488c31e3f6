/**
 * What administrators have asked for and were told, held against the metadata that is committed.
 *
 *     request ──begin──▶ open ──answered──▶ over: it says what was committed while it was asked (an error: or before)
 *                         └──no answer, or nobody knows──▶ open for good
 *     each committed batch ──▶ every change of what administrators own was asked for by a request that was open then
 *
 * Both together: what was answered is so, and stays so, unless another request takes it back. That the committed metadata itself is never
 * taken back is the matter of `invariants/quorum.ts`.
 *
 * Invariant: whoever hears an answer is in time. It counts for an image that was committed before it came, not for one that followed.
 *
 * @module
 */
import type { MetadataImage, TopicImage } from "../../actors/controller/protocol.ts";
import { type AdminAnswer, type AdminRequest, type Claim, claimOf, describe, targetOf } from "./admin_requests.ts";

/** What of a broker matters here. */
export interface SeenBroker {
  readonly id: number;
  /** The same object as long as it is the same life of the actor. */
  readonly life: object;
  /** It has applied everything below. */
  readonly offset: number;
}

/** What the book is held against. */
export interface AdminBookOptions {
  /** The image after each committed batch, oldest first. */
  readonly images: () => readonly MetadataImage[];
  /** More is committed than can be looked at just now. */
  readonly isBehind: () => boolean;
  /** Those that run. */
  readonly brokers: () => readonly SeenBroker[];
  /** The network may repeat a request at any later time. */
  readonly mayComeTwice: boolean;
  readonly tell: (sentence: string) => void;
}

/** A request that was sent. */
export interface Asked {
  readonly request: AdminRequest;
  /** The number of the newest image when it was. */
  readonly from: number;
  /** Who was there then. */
  readonly lives: ReadonlyMap<number, object>;
}

/** A look at one broker's metadata that has begun. */
export interface Reading {
  readonly node: number;
  readonly life: object;
  /** It had applied everything below. */
  readonly offset: number;
}

/** After these nobody knows whether it has been done, or will be. */
const UNKNOWN: ReadonlySet<string> = new Set(["REQUEST_TIMED_OUT", "UNKNOWN_SERVER_ERROR"]);
/** A broker asks the next controller again when it has no answer of the one before: see `actors/broker/controller_asks.ts`. */
const REPEATED: ReadonlySet<AdminRequest["f"]> = new Set<AdminRequest["f"]>(["configure", "move", "elect"]);

/** What administrators were told. */
export class AdminBook {
  readonly #options: AdminBookOptions;
  /** Those that may yet change something. */
  readonly #open = new Set<Asked>();
  /** Topics that nobody else makes, deletes or changes. */
  readonly #owned = new Set<string>();
  /** The ids that those have had. */
  readonly #topicIds = new Set<string>();
  /** How many images have been looked at. */
  #seen = 0;

  constructor(options: AdminBookOptions) {
    this.#options = options;
  }

  /** A request is sent. */
  begin(request: AdminRequest): Asked {
    const images = this.#catchUp();
    if (request.f === "create") this.#owned.add(request.topic);
    const lives = new Map(this.#options.brokers().map(({ id, life }) => [id, life]));
    const asked = { request, from: Math.max(0, images.length - 1), lives };
    this.#open.add(asked);
    return asked;
  }

  /** It has never left: nobody will ever do it. */
  withdraw(asked: Asked): void {
    this.#catchUp();
    this.#open.delete(asked);
  }

  /** It was answered. Without an answer nothing is said: then it stays open. */
  end(asked: Asked, answer: AdminAnswer): void {
    const images = this.#catchUp();
    const { request, from } = asked;
    if (this.#options.isBehind() || UNKNOWN.has(answer.error)) return;
    if (!this.#options.mayComeTwice && !REPEATED.has(request.f)) this.#open.delete(asked);
    const claim = claimOf(request, answer);
    if (claim === undefined) return;
    // An error may be what a controller says that does not know yet of its successor, as in Kafka: then it is about what was committed before.
    const since = answer.error === "NONE" ? from : 0;
    const at = images.findIndex((image, index) => index >= since && this.#isTrue(claim, image));
    if (at < 0) return this.#lie(asked, answer, images);
    if (answer.error === "NONE") this.#checkApplied(asked, images.slice(at));
  }

  /** Somebody is about to ask a broker how things are; undefined when nothing can be expected of what it says. */
  look(node: number): Reading | undefined {
    const broker = this.#options.brokers().find(({ id }) => id === node);
    return broker && { node, life: broker.life, offset: broker.offset };
  }

  /** The broker has said what `shows` says of one image; it must be one that it has had meanwhile. */
  shown(reading: Reading, found: string, shows: (image: MetadataImage) => string): void {
    const images = this.#catchUp();
    if (this.#options.isBehind() || this.look(reading.node)?.life !== reading.life) return;
    const possible = images.filter(({ offset }) => offset >= reading.offset).map(shows);
    if (possible.includes(found)) return;
    this.#options.tell(
      `broker ${reading.node}, which had applied ${reading.offset} metadata records, shows ${found}, and not ${
        [...new Set(possible)].join(", nor ")
      }`,
    );
  }

  /** A producer has got an id: nobody else may ever get it, so its block must be committed. */
  producerId(id: bigint): void {
    const committed = this.#catchUp().at(-1)?.nextProducerId ?? 0n;
    if (this.#options.isBehind() || id < committed) return;
    this.#options.tell(`the producer id ${id} was given out, and only those below ${committed} are committed`);
  }

  /** Looks at everything that is committed by now. */
  close(): void {
    this.#catchUp();
  }

  #isTrue({ holds, gone }: Claim, image: MetadataImage): boolean {
    return holds(image) && (gone === undefined || this.#topicIds.has(gone));
  }

  #lie({ request, from }: Asked, { error }: AdminAnswer, images: readonly MetadataImage[]): void {
    this.#options.tell(
      `"${describe(request)}" was answered ${error}, and no metadata that was committed ${
        error === "NONE" ? "meanwhile" : "by then"
      } says so (asked at offset ${images[from]?.offset ?? 0}, now ${images.at(-1)?.offset ?? 0})`,
    );
  }

  /** Whoever was let in all the time knows of it. */
  #checkApplied({ request, lives }: Asked, images: readonly MetadataImage[]): void {
    const { offset, brokers } = images[0]!;
    for (const broker of this.#options.brokers()) {
      const { id, life } = broker;
      const epoch = brokers.get(id)?.epoch;
      const isLive = ({ brokers }: MetadataImage) =>
        brokers.get(id)?.fenced === false && brokers.get(id)!.epoch === epoch;
      if (broker.offset >= offset || lives.get(id) !== life || !images.every(isLive)) continue;
      this.#options.tell(
        `"${
          describe(request)
        }" was answered NONE, and broker ${id}, which is let in, has applied ${broker.offset} of ${offset} metadata records`,
      );
    }
  }

  /** Judges what was committed since it did so last: meanwhile nothing was asked or answered. */
  #catchUp(): readonly MetadataImage[] {
    const images = this.#options.images();
    for (; this.#seen < images.length; this.#seen++) {
      const before = images[this.#seen - 1];
      if (before !== undefined) this.#judge(before, images[this.#seen]!);
    }
    return images;
  }

  #judge(before: MetadataImage, after: MetadataImage): void {
    if (before.topics === after.topics && before.configs === after.configs) return;
    for (const name of this.#owned) {
      const was = before.topics.get(name);
      const is = after.topics.get(name);
      if (was?.topicId === is?.topicId) {
        if (is !== undefined) this.#judgeTopic(was!, is, before, after);
        continue;
      }
      if (was !== undefined) this.#need({ f: "delete", topic: name }, after);
      if (is === undefined) continue;
      this.#topicIds.add(is.topicId);
      const { partitions } = is;
      const replicationFactor = partitions[0]!.replicas.length;
      this.#need({ f: "create", topic: name, partitions: partitions.length, replicationFactor, configs: [] }, after);
    }
  }

  #judgeTopic(was: TopicImage, is: TopicImage, before: MetadataImage, after: MetadataImage): void {
    const { name: topic } = is;
    const configs = after.configs.get(`topic/${topic}`);
    const old = before.configs.get(`topic/${topic}`);
    if (configs !== old) {
      for (const name of new Set([...old?.keys() ?? [], ...configs?.keys() ?? []])) {
        const value = configs?.get(name) ?? "";
        if ((old?.get(name) ?? "") !== value) this.#need({ f: "configure", topic, name, value }, after);
      }
    }
    if (was === is) return;
    if (was.partitions.length !== is.partitions.length) {
      this.#need({ f: "grow", topic, count: is.partitions.length }, after);
    }
    was.partitions.forEach((old, partition) => {
      const now = is.partitions[partition];
      if (now === undefined || now === old) return;
      const target = targetOf(now);
      if (String(target) === String(targetOf(old))) return;
      const back = old.replicas.filter((id) => !old.adding.includes(id));
      this.#need({ f: "move", topic, partition, replicas: target }, after, String(back) === String(target));
    });
  }

  /** Somebody has asked for this, or, where that has the same effect, for a move to be called off. */
  #need(wanted: AdminRequest, { offset }: MetadataImage, orCallingOff = false): void {
    for (const { request } of this.#open) {
      if (isFor(request, wanted)) return;
      if (orCallingOff && isFor(request, { ...wanted, replicas: null } as AdminRequest)) return;
    }
    this.#options.tell(
      `"${describe(wanted)}" is committed before metadata offset ${offset}, and nobody who could have it asked for it`,
    );
  }
}

/** Whether a request would bring about what was done; which configs a topic was made with is asked of the request. */
function isFor(request: AdminRequest, done: AdminRequest): boolean {
  return describe(request) === describe(done);
}
