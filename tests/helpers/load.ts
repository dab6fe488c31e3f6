/**
 * Clients at work on every partition of a topic, while something is broken: two writers and a reader each, whose word is compared
 * with the log in the end.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../../lib/prng.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { initProducerId } from "../../protocol/tables/transactions.ts";
import { createTopic, fetchFrom, offsetFor, readAll } from "./kafka_calls.ts";
import { connectToLeader } from "./leaders.ts";
import { Ledger } from "./ledger.ts";
import { patiently } from "./patience.ts";
import { RawClient } from "./raw_client.ts";
import { Writer } from "./writer.ts";

/** What a client is told while an actor is away, and tries again after. */
const RETRIABLE: ReadonlySet<ErrorName> = new Set([
  "KAFKA_STORAGE_ERROR",
  "REQUEST_TIMED_OUT",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
]);
/** What it is told by who does not lead, or does not know yet that it does. */
const ELSEWHERE: ReadonlySet<ErrorName> = new Set([
  "NOT_LEADER_OR_FOLLOWER",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "OFFSET_NOT_AVAILABLE",
]);

/** On what to work. */
export interface LoadOptions {
  /** `host:port` of every broker that can be asked now. */
  readonly bootstraps: () => readonly string[];
  readonly topic: string;
  readonly partitions: number;
  /** @default 1 */
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
  /** How long an answer may take before another connection is tried. @default for ever */
  readonly patienceMs?: number;
}

/** Writers and readers of every partition. */
export class Load implements AsyncDisposable {
  readonly #options: LoadOptions;
  readonly #ledgers: readonly Ledger[];
  readonly #writers: Writer[] = [];
  readonly #readers: Reader[] = [];
  /** Acknowledgements per writer, and reads per reader. */
  readonly #counts: number[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #moved = () => {};
  #isOver = false;

  private constructor(options: LoadOptions) {
    this.#options = { ...options, bootstraps: () => this.#isOver ? over() : options.bootstraps() };
    this.#ledgers = Array.from({ length: options.partitions }, (_, index) => new Ledger(`${options.topic}-${index}`));
  }

  /** Makes the topic and starts; resolves when everybody has got on. */
  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    const { topic, partitions, replicationFactor = 1, configs } = options;
    await using client = await RawClient.connect(options.bootstraps()[0]!);
    await createTopic(client, topic, partitions, configs, replicationFactor);
    for (let partition = 0; partition < partitions; partition++) {
      const init = { transactionalId: null, transactionTimeoutMs: 60_000 };
      load.#addWriter(partition, "idempotent", await client.call(initProducerId, 4, init));
      load.#addWriter(partition, "plain", null);
      load.#readers.push(new Reader(load.#options, partition, load.#ledgers[partition]!, load.#counter()));
    }
    load.#running = Promise.all([...load.#writers, ...load.#readers].map((each) => each.run()));
    load.#running.catch(() => {}); // whoever waits next throws it
    await load.progress("at the beginning");
    return load;
  }

  #counter(): () => void {
    const index = this.#counts.push(0) - 1;
    return () => {
      this.#counts[index]!++;
      this.#moved();
    };
  }

  #addWriter(partition: number, name: string, producer: { producerId: bigint; producerEpoch: number } | null): void {
    const { topic, bootstraps, patienceMs } = this.#options;
    this.#writers.push(
      new Writer({
        name,
        producer: producer && { producerId: producer.producerId, producerEpoch: producer.producerEpoch },
        topic,
        partition,
        ledger: this.#ledgers[partition]!,
        random: new SeededRandom(`${partition} ${name}`),
        connect: () => connectToLeader(bootstraps, topic, partition),
        retriable: RETRIABLE,
        elsewhere: ELSEWHERE,
        ...(patienceMs === undefined ? {} : { patienceMs }),
        acknowledged: this.#counter(),
      }),
    );
  }

  /** Resolves when every writer has had an acknowledgement, and every reader records, from now on. */
  async progress(when: string): Promise<void> {
    const before = [...this.#counts];
    const everyone = new Promise<void>((resolve) => {
      this.#moved = () => {
        if (this.#counts.every((count, index) => count > before[index]!)) resolve();
      };
    });
    await patiently(Promise.race([everyone, this.#running]), `everybody to get on ${when}`);
  }

  /** Ends the writers, lets the readers come to the end, and compares everything. */
  async finish(): Promise<void> {
    for (const writer of this.#writers) writer.stop();
    const ended = Promise.all(this.#ledgers.map((_, partition) => this.#readToTheEnd(partition)));
    await patiently(Promise.race([ended, this.#running.then(() => ended)]), "the readers to come to the end");
    await patiently(this.#running, "the writers to have their answers");
    for (const [partition, ledger] of this.#ledgers.entries()) {
      await using client = await this.#leaderOf(partition);
      const records = await readAll(client, this.#options.topic, 0, partition);
      assertEquals(ledger.check(records), []);
      assertEquals(ledger.open("idempotent").length, 0);
      assertEquals(await offsetFor(client, this.#options.topic, -1, partition), records.length);
      assert(ledger.acknowledged > 0);
    }
  }

  /** Ends everybody, whatever has become of them: a test that has failed leaves nothing behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const writer of this.#writers) writer.stop();
    for (const reader of this.#readers) reader.readUntil(0);
    await patiently(this.#running.catch(() => {}), "the load to end");
  }

  /** The reader's end is known when no writer goes on. */
  async #readToTheEnd(partition: number): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.ended));
    await using client = await this.#leaderOf(partition);
    await this.#readers[partition]!.readUntil(await offsetFor(client, this.#options.topic, -1, partition));
  }

  #leaderOf(partition: number): Promise<RawClient> {
    return connectToLeader(this.#options.bootstraps, this.#options.topic, partition);
  }
}

/** A consumer that waits for records with long polls, and goes on where it was when its connection ends. */
class Reader {
  readonly #options: LoadOptions;
  readonly #partition: number;
  readonly #ledger: Ledger;
  readonly #read: () => void;
  readonly #done = Promise.withResolvers<void>();
  #next = 0;
  #until = Infinity;

  constructor(options: LoadOptions, partition: number, ledger: Ledger, read: () => void) {
    this.#options = options;
    this.#partition = partition;
    this.#ledger = ledger;
    this.#read = read;
  }

  /** Reads to that offset and ends. */
  readUntil(offset: number): Promise<void> {
    this.#until = offset;
    return this.#done.promise;
  }

  async run(): Promise<void> {
    const { bootstraps, topic, patienceMs } = this.#options;
    while (this.#next < this.#until) {
      const client = await connectToLeader(bootstraps, topic, this.#partition);
      let timer: ReturnType<typeof setTimeout> | undefined;
      try {
        while (this.#next < this.#until) {
          if (patienceMs !== undefined) timer = setTimeout(() => client.close(), patienceMs);
          await this.#poll(client);
          clearTimeout(timer);
        }
      } catch (error) {
        if (error instanceof Broken) throw error; // else the connection has ended: a new one
      } finally {
        clearTimeout(timer);
        await client.close();
      }
    }
    this.#done.resolve();
  }

  async #poll(client: RawClient): Promise<void> {
    const { topic } = this.#options;
    const partition = this.#partition;
    const { error, records } = await fetchFrom(client, topic, this.#next, { partition, maxWaitMs: 100 });
    if (ELSEWHERE.has(error)) throw new Error(`a fetch was answered ${error}`);
    if (error !== "NONE" && !RETRIABLE.has(error)) throw new Broken(`a fetch from ${this.#next} got ${error}`);
    for (const record of records) {
      if (record.offset !== this.#next) throw new Broken(`${record.offset} came where ${this.#next} must`);
      const changed = this.#ledger.saw(record);
      if (changed !== undefined) throw new Broken(changed);
      this.#next++;
    }
    if (records.length > 0) this.#read();
  }
}

/** What a reader was given is wrong. */
class Broken extends Error {
  override readonly name = "Broken";
}

function over(): never {
  throw new Error("The test is over.");
}
