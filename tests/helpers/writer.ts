/**
 * A producer that lives through anything: it keeps several batches in flight, connects again when its connection ends, and
 * writes down in a {@linkcode Ledger} what it was promised.
 *
 * - With a producer id it sends what was not acknowledged again, in order and with the same sequences, as Kafka's clients do.
 * - Without one it sends nothing twice: what was not acknowledged may be there or not.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import type { CompressionName } from "../../protocol/compression/codec.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { produceBatch, type Produced, texts } from "./kafka_calls.ts";
import type { Ledger, SentBatch } from "./ledger.ts";
import type { RawClient } from "./raw_client.ts";

/** Who writes where, and how. */
export interface WriterOptions {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly ledger: Ledger;
  readonly random: Random;
  /** An idempotent producer's; null for a plain one. */
  readonly producer: { readonly producerId: bigint; readonly producerEpoch: number } | null;
  /** Batches in flight; more than 5 is more than a broker remembers of an idempotent producer. @default 5 */
  readonly window?: number;
  /** A new connection, as soon as there can be one. */
  readonly connect: () => Promise<RawClient>;
  /** Errors after which a batch may be sent again. Any other fails the test. @default none */
  readonly retriable?: ReadonlySet<ErrorName>;
  /** Errors after which the batch is sent again over a new connection: to another broker, probably. @default none */
  readonly elsewhere?: ReadonlySet<ErrorName>;
  /** How long an answer may take before a new connection is tried. @default for ever */
  readonly patienceMs?: number;
  /** Told of each acknowledgement. */
  readonly acknowledged?: () => void;
}

/** The broker has said something that it must not say. */
export class Violation extends Error {
  override readonly name = "Violation";
}

const CODECS: readonly CompressionName[] = ["gzip", "snappy", "lz4", "zstd"];

interface Flight {
  readonly batch: SentBatch;
  readonly reply: Promise<Produced>;
  /** Nothing sent before it waited for an answer when it was sent. */
  readonly isFirst: boolean;
}

/** A writer; {@linkcode Writer.run} it until it is told to {@linkcode Writer.stop}. */
export class Writer {
  readonly options: WriterOptions;
  readonly #window: number;
  readonly #ended = Promise.withResolvers<void>();
  #open: SentBatch[] = [];
  #stopping = false;

  constructor(options: WriterOptions) {
    this.options = options;
    this.#window = options.window ?? 5;
  }

  /** No new batches; `run` ends when those sent are answered. */
  stop(): void {
    this.#stopping = true;
  }

  /** Resolves when `run` has ended as it should. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Writes until stopped. Throws a {@linkcode Violation} for an answer that no broker may give. */
  async run(): Promise<void> {
    while (!this.#stopping || this.#open.length > 0) {
      const client = await this.options.connect();
      try {
        await this.#session(client);
      } catch (error) {
        if (error instanceof Violation) throw error; // else the connection has ended: a new one
      } finally {
        await client.close();
      }
      if (this.options.producer === null) this.#open = [];
    }
    this.#ended.resolve();
  }

  async #session(client: RawClient): Promise<void> {
    const again = [...this.#open];
    const flights: Flight[] = [];
    while (!this.#stopping || again.length + flights.length > 0) {
      while (flights.length < this.#window && (again.length > 0 || !this.#stopping)) {
        flights.push(this.#send(client, again.shift() ?? this.#next(), flights.length === 0));
      }
      const flight = flights.shift()!;
      if (this.#conclude(flight, await this.#patiently(flight.reply))) continue;
      // It has to be sent again, and so has everything behind it that is not in the log.
      for (const behind of flights.splice(0)) this.#conclude(behind, await this.#patiently(behind.reply));
      if (this.options.producer === null) this.#open = [];
      again.splice(0, again.length, ...this.#open);
    }
  }

  async #patiently<T>(reply: Promise<T>): Promise<T> {
    const { patienceMs } = this.options;
    if (patienceMs === undefined) return await reply;
    const tooLate = Promise.withResolvers<never>();
    const timer = setTimeout(() => tooLate.reject(new Error(`No answer within ${patienceMs} ms.`)), patienceMs);
    return await Promise.race([reply, tooLate.promise]).finally(() => clearTimeout(timer));
  }

  #next(): SentBatch {
    const { name, ledger, random, producer } = this.options;
    const fillers = Array.from({ length: 1 + random.below(6) }, () => "x".repeat(random.below(300)));
    const batch = ledger.send(name, producer !== null, fillers);
    this.#open.push(batch);
    return batch;
  }

  #send(client: RawClient, batch: SentBatch, isFirst: boolean): Flight {
    const { topic, partition, producer, random } = this.options;
    const bytes = encodeBatch(texts(...batch.values), {
      codec: random.chance(1, 4) ? random.pick(CODECS) : "none",
      ...(producer === null ? {} : { ...producer, baseSequence: batch.sequence }),
    });
    const reply = produceBatch(client, topic, bytes, { partition });
    reply.catch(() => {}); // whoever waits for it hears of it
    return { batch, reply, isFirst };
  }

  /** Takes an answer; false when the batch has to be sent again. */
  #conclude({ batch, isFirst }: Flight, { error, message, baseOffset }: Produced): boolean {
    const { name, ledger, retriable, elsewhere, producer, acknowledged } = this.options;
    if (error === "NONE") {
      try {
        ledger.acknowledge(batch, baseOffset);
      } catch (contradiction) {
        throw new Violation((contradiction as Error).message);
      }
      this.#open.splice(this.#open.indexOf(batch), 1);
      acknowledged?.();
      return true;
    }
    const followsFailure = producer !== null && !isFirst && error === "OUT_OF_ORDER_SEQUENCE_NUMBER";
    if (followsFailure || retriable?.has(error)) return false;
    if (elsewhere?.has(error)) throw new Error(`${name} was answered ${error}.`);
    throw new Violation(`${ledger.name}: ${name} was answered ${error} for sequence ${batch.sequence}: ${message}`);
  }
}
