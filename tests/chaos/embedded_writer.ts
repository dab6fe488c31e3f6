/**
 * A writer of one partition: a record now and then, and what of it was acknowledged.
 *
 * @module
 */
import { encodeBatch } from "../../protocol/records.ts";
import { produceBatch, texts } from "../helpers/kafka_calls.ts";
import { connectToLeader } from "../helpers/leaders.ts";
import type { RawClient } from "../helpers/raw_client.ts";

/** Between two records. */
const GAP_MS = 20;
/** Whom we ask may stand still. */
const ANSWER_MS = 2_000;

/** Writes until it is stopped; what was not acknowledged is not sent again. */
export class EmbeddedWriter {
  readonly partition: number;
  /** Offsets by name, which is the value. */
  readonly acknowledged: Map<string, number> = new Map();
  readonly #topic: string;
  readonly #bootstraps: () => readonly string[];
  readonly #running: Promise<void>;
  #count = 0;
  #isOver = false;

  /** @param bootstraps `host:port` of every broker that can be asked now */
  constructor(topic: string, partition: number, bootstraps: () => readonly string[]) {
    this.partition = partition;
    this.#topic = topic;
    this.#bootstraps = () => this.#isOver ? over() : bootstraps();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const leader = connectToLeader(this.#bootstraps, this.#topic, this.partition);
      const client = await leader.catch(() => undefined);
      if (client === undefined) return; // it is over
      try {
        while (!this.#isOver) {
          await this.#write(client);
          await new Promise((resolve) => setTimeout(resolve, GAP_MS));
        }
      } catch {
        /* it does not answer, or does not lead any more: the next one */
      } finally {
        await client.close();
      }
    }
  }

  async #write(client: RawClient): Promise<void> {
    const name = `${this.#topic}-${this.partition}:${++this.#count}`;
    const limit = setTimeout(() => client.close(), ANSWER_MS);
    try {
      const { partition } = this;
      const { error, baseOffset } = await produceBatch(client, this.#topic, encodeBatch(texts(name)), { partition });
      if (error !== "NONE") throw new Error(error);
      this.acknowledged.set(name, baseOffset);
    } finally {
      clearTimeout(limit);
    }
  }
}

function over(): never {
  throw new Error("Nobody writes any more.");
}
