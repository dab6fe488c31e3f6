/**
 * What a case gets to play with, and the words that cases are written in.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { look } from "../helpers/leaders.ts";
import { PATIENCE_MS, until } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { ABILITIES, type Abilities } from "./abilities.ts";
import { type Client, Refusal, type Start, type WireRecord } from "./client.ts";
import type { Target } from "./target.ts";

/** What a broker may be without; a run names those that are wanted. */
export type Feature = "groups" | "transactions";

/** One case, run once for each client that has what it needs. */
export interface Case {
  /** `group/what`. */
  readonly name: string;
  /** Commands without which a client cannot play. */
  readonly needs: readonly string[];
  /** What the broker must have for it, if not every broker has. */
  readonly feature?: Feature;
  /** At least so many brokers, of our own; default 1. */
  readonly brokers?: number;
  /** Further demands on the client. */
  readonly when?: (abilities: Abilities, client: string) => boolean;
  run(scene: Scene): Promise<void>;
}

const REQUEST_TIMED_OUT = 7;
const TOPIC_ALREADY_EXISTS = 36;

let topics = 0;
const mark = Math.floor(Math.random() * 36 ** 4).toString(36);

/** A topic name that no other case has. */
export function freshTopic(label: string): string {
  return `interop-${mark}-${label}-${++topics}`;
}

/** The stage for one case with one client. */
export class Scene {
  readonly abilities: Abilities;

  /**
   * @param client Who is tried.
   * @param clerk A client that does what the one being tried cannot, and looks at what it has done.
   */
  constructor(readonly client: Client, readonly clerk: Client, readonly target: Target) {
    this.abilities = ABILITIES[client.name]!;
  }

  /** True when the client has the command. */
  has(command: string): boolean {
    return !this.abilities.without.includes(command);
  }

  /** The client if it has the command, the clerk otherwise. */
  whoHas(command: string): Client {
    return this.has(command) ? this.client : this.clerk;
  }

  /** Makes a topic, by the client itself if it can, and waits until every broker knows its leaders. */
  async topic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const topic = freshTopic(this.client.name);
    await this.#make({ topic, partitions, configs });
    await until("the new topic has leaders", async () => {
      for (const bootstrap of this.target.bootstrap.split(",")) {
        await using broker = await RawClient.connect(bootstrap);
        const { partitions: found } = await look(broker, topic);
        if (found.length !== partitions || !found.every(({ leader }) => leader >= 0)) return false;
      }
      return true;
    });
    return topic;
  }

  /** On a busy machine the controller may be another meanwhile: then nobody can say whether the topic has been made, and it is asked again. */
  async #make(fields: Readonly<Record<string, unknown>>): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return void await this.whoHas("createTopic").call("createTopic", fields);
      } catch (error) {
        const code = error instanceof Refusal ? error.code : undefined;
        if (code === TOPIC_ALREADY_EXISTS) return;
        if (code !== REQUEST_TIMED_OUT || performance.now() > endMs) throw error;
      }
    }
  }

  /** Produces with the client. */
  async produce(topic: string, records: readonly WireRecord[], more: object = {}): Promise<Position[]> {
    const settings = { codec: "none", acks: -1, idempotent: false, auto: true };
    const { offsets } = await this.client.call<{ offsets: Position[] }>("produce", {
      topic,
      records,
      ...settings,
      ...more,
    });
    return offsets;
  }

  /** Consumes with the client: so many records, without a consumer group. */
  async consume(
    topic: string,
    count: number,
    from: Start = { kind: "beginning" },
    partition = 0,
  ): Promise<WireRecord[]> {
    return await consumeWith(this.client, topic, count, from, partition);
  }
}

/** Where a record was written, as far as the client tells. */
export interface Position {
  readonly p: number;
  readonly o: number;
}

/** Consumes with any client; fails unless there are as many records as were asked for. */
export async function consumeWith(
  client: Client,
  topic: string,
  count: number,
  from: Start = { kind: "beginning" },
  partition = 0,
): Promise<WireRecord[]> {
  const fields = { topic, partition, from, count, waitMs: PATIENCE_MS };
  const { records } = await client.call<{ records: WireRecord[] }>("consume", fields);
  assert(
    records.length >= count,
    `${client.name} read ${records.length} of ${count} records in ${PATIENCE_MS / 1000} s`,
  );
  return records.slice(0, count);
}

/** The call must be refused with this error of Kafka's, or in the client's own words. */
export async function refused(call: Promise<unknown>, code: number, orSays?: RegExp): Promise<void> {
  const outcome = await call.then(() => "it was accepted", (error: unknown) => error);
  if (!(outcome instanceof Refusal)) {
    throw outcome instanceof Error ? outcome : new Error(`expected error ${code}, but ${outcome}`);
  }
  if (orSays?.test(outcome.message)) return;
  assertEquals(outcome.code, code, outcome.message);
}

/** SHA-256 over key, value and headers, with lengths in between, so that equal digests mean equal records. */
async function digest(record: WireRecord): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([record.k, record.v, record.h]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Both lists hold the same keys, values and headers, byte for byte, in the same order. */
export async function assertSameRecords(found: readonly WireRecord[], wanted: readonly WireRecord[]): Promise<void> {
  assertEquals(found.length, wanted.length, "another number of records");
  for (const [index, record] of wanted.entries()) {
    if (await digest(found[index]!) === await digest(record)) continue;
    const [a, b] = [short(found[index]!), short(record)];
    throw new Error(`record ${index} came back changed: found ${a}, wrote ${b}`);
  }
}

function short(record: WireRecord): string {
  return JSON.stringify([record.k?.slice(0, 40) ?? null, record.v?.slice(0, 40) ?? null, record.h]);
}

/** Text or bytes as the base64 that records carry. */
export function base64(content: string | Uint8Array): string {
  return (typeof content === "string" ? new TextEncoder().encode(content) : content).toBase64();
}

/** A record; null stands for no key or a tombstone. */
export function record(
  key: string | null,
  value: string | Uint8Array | null,
  headers: WireRecord["h"] = [],
): WireRecord {
  return { k: key === null ? null : base64(key), v: value === null ? null : base64(value), h: headers };
}

/** The same bytes for the same seed, incompressible enough for any codec. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
