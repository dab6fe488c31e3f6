/**
 * A Kafka client in the simulated world: real frames over simulated sockets, answers by callback.
 *
 *     call ──▶ (connect) ──▶ frame ──▶ … ──▶ answer │ refused │ closed │ timeout: then the connection is given up, as Kafka's clients do
 *
 * Invariant: every call ends once, with an answer or the reason why there is none.
 *
 * @module
 */
import { concatenate } from "../../lib/bytes.ts";
import type { Random } from "../../lib/prng.ts";
import { decodeResponse, encodeRequest } from "../../protocol/codec.ts";
import { Framer } from "../../protocol/frame.ts";
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import type { SimulatedSocket } from "./sockets.ts";
import type { World } from "./world.ts";

/** What came of a call. */
export type CallResult<T> = { readonly ok: true; readonly body: T } | {
  readonly ok: false;
  /** "refused" is the only one after which it is known that nothing has happened. */
  readonly why: "refused" | "closed" | "timeout";
};

/** Where a partition is, as a client knows it. */
export interface PartitionPlace {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** -1 when nobody leads. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

const CONNECT_TIMEOUT_MS = 1_000;
const METADATA_TIMEOUT_MS = 1_000;
const METADATA_VERSION = 12;
/** Metadata is asked for again after this at the latest. */
const METADATA_MAX_AGE_MS = 3_000;
/** And after trouble, not before this. */
const METADATA_BACKOFF_MS = 50;

interface Waiting {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly settle: (frame: Uint8Array | undefined, why: "refused" | "closed" | "timeout") => void;
  cancel: () => void;
}

/** One connection to one node. */
class Connection {
  readonly #world: World;
  readonly #framer = new Framer();
  readonly #waiting: Waiting[] = [];
  readonly #gone: () => void;
  #unsent: Uint8Array[] = [];
  #socket: SimulatedSocket | undefined;
  #isOver = false;

  constructor(world: World, readonly node: number, gone: () => void) {
    this.#world = world;
    this.#gone = gone;
    const side = {
      bytes: (chunk: Uint8Array) => this.#bytes(chunk),
      closed: () => this.end("closed"),
    };
    const cancel = world.env.clock.after(CONNECT_TIMEOUT_MS, () => this.end("refused"));
    world.connect(node, side, (socket) => {
      cancel();
      if (this.#isOver) return socket?.hangUp();
      if (socket === undefined) return this.end("refused");
      this.#socket = socket;
      for (const bytes of this.#unsent.splice(0)) socket.send(bytes);
    });
  }

  /** Sends; without `settle` no answer is expected. */
  send(id: number, bytes: Uint8Array, timeoutMs: number, settle?: Waiting["settle"]): void {
    if (settle !== undefined) {
      const cancel = this.#world.env.clock.after(timeoutMs, () => this.end("timeout"));
      this.#waiting.push({ id, bytes, settle, cancel });
    }
    if (this.#socket === undefined) this.#unsent.push(bytes);
    else this.#socket.send(bytes);
  }

  /** Nothing more comes from here: whoever waits is told. */
  end(why: "refused" | "closed" | "timeout"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const reason = why !== "refused" && this.#socket === undefined ? "refused" : why;
    this.#socket?.hangUp();
    this.#gone();
    for (const { settle, cancel } of this.#waiting.splice(0)) {
      cancel();
      settle(undefined, reason);
    }
  }

  #bytes(chunk: Uint8Array): void {
    for (const frame of this.#framer.feed(chunk)) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) throw new Error(`Node ${this.node} answers what nobody has asked.`);
      waiting.cancel();
      waiting.settle(frame, "closed");
      if (this.#isOver) return;
    }
  }
}

/** A client: connections to whichever nodes it needs, and what it knows of the cluster. */
export class KafkaClient {
  readonly places: Map<string, PartitionPlace> = new Map();
  readonly #world: World;
  readonly #random: Random;
  readonly #connections = new Map<number, Connection>();
  readonly #name: string;
  #correlationId = 0;
  #isRefreshing = false;
  #refreshedMs = -Infinity;
  #isOver = false;

  constructor(world: World, name: string, random: Random) {
    this.#world = world;
    this.#name = name;
    this.#random = random;
  }

  /** A node to ask when any will do. */
  anyNode(): number {
    return 1 + this.#random.below(this.#world.machines.length);
  }

  /** Sends a request to a node. */
  call<T extends Api>(
    node: number,
    api: T,
    version: number,
    body: RequestInput<T>,
    timeoutMs: number,
    then: (result: CallResult<Response<T>>) => void,
  ): void {
    const id = ++this.#correlationId;
    const bytes = concatenate(encodeRequest(api, version, id, this.#name, body));
    this.#connection(node).send(id, bytes, timeoutMs, (frame, why) => {
      if (this.#isOver) return;
      this.#world.trace.note(this.#name, frame === undefined ? why : api.name, frame?.length ?? 0);
      if (frame === undefined) return then({ ok: false, why });
      const response = decodeResponse(api, version, frame);
      if (response.correlationId !== id) {
        throw new Error(`Node ${node} answers ${response.correlationId} where ${id} was asked.`);
      }
      then({ ok: true, body: response.body as Response<T> });
    });
  }

  /** Sends a request that is not answered. */
  tell<T extends Api>(node: number, api: T, version: number, body: RequestInput<T>): void {
    const bytes = concatenate(encodeRequest(api, version, ++this.#correlationId, this.#name, body));
    this.#connection(node).send(this.#correlationId, bytes, 0);
  }

  /** What is known of a partition; asks for more when that is old, or nothing. */
  place(key: string): PartitionPlace | undefined {
    const place = this.places.get(key);
    if (this.#world.now() - this.#refreshedMs > METADATA_MAX_AGE_MS) this.refresh();
    if (place === undefined || place.leader < 0) this.refresh();
    return place;
  }

  /** Asks some node for everything, unless that has just been done. */
  refresh(): void {
    if (this.#isOver || this.#isRefreshing || this.#world.now() - this.#refreshedMs < METADATA_BACKOFF_MS) return;
    this.#isRefreshing = true;
    const body = { topics: null, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
    this.call(this.anyNode(), metadata, METADATA_VERSION, body, METADATA_TIMEOUT_MS, (result) => {
      this.#isRefreshing = false;
      this.#refreshedMs = this.#world.now();
      if (result.ok && result.body.errorCode === 0) this.#learn(result.body.topics);
    });
  }

  /** A broker has said who leads now (KIP-951). */
  hint(key: string, leader: number, leaderEpoch: number): void {
    const known = this.places.get(key);
    if (known === undefined || leader < 0 || leaderEpoch <= known.leaderEpoch) return;
    this.places.set(key, { ...known, leader, leaderEpoch });
  }

  /** Gives up the connection to a node. */
  disconnect(node: number): void {
    this.#connections.get(node)?.end("closed");
  }

  /** The client is gone; nobody is told anything any more. */
  close(): void {
    this.#isOver = true;
    for (const connection of [...this.#connections.values()]) connection.end("closed");
  }

  #learn(topics: Response<typeof metadata>["topics"]): void {
    for (const { name, topicId, partitions } of topics) {
      for (const { partitionIndex: partition, leaderId: leader, leaderEpoch } of partitions) {
        const key = `${name}-${partition}`;
        const known = this.places.get(key);
        // A node that is behind must not take the client back.
        if (known?.topicId === topicId && known.leaderEpoch > leaderEpoch) continue;
        this.places.set(key, { topic: name!, topicId, partition, leader, leaderEpoch });
      }
    }
  }

  #connection(node: number): Connection {
    const open = this.#connections.get(node);
    if (open !== undefined) return open;
    const connection = new Connection(this.#world, node, () => {
      if (this.#connections.get(node) === connection) this.#connections.delete(node);
    });
    this.#connections.set(node, connection);
    return connection;
  }
}
