/** Every kind of actor is killed, paused and restarted under load, through the public door: nothing acknowledged is lost. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type ActorInfo, type Cluster, startCluster } from "../../mod.ts";
import { SeededRandom } from "../../lib/prng.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { initProducerId } from "../../protocol/tables/transactions.ts";
import { createTopic, fetchFrom, offsetFor, produceTexts, readAll } from "../helpers/kafka_calls.ts";
import { Ledger } from "../helpers/ledger.ts";
import { eventually, patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { METADATA_REQUEST } from "../helpers/requests.ts";
import { Writer } from "../helpers/writer.ts";

const TOPIC = "chaos";
const PARTITIONS = 2;
/** A supervisor gives up an actor that crashes more than five times in ten seconds. */
const KILLS_EACH = 4;
const RESTARTS_EACH = 8;

/** What a client is told while an actor is away, and tries again after. */
const RETRIABLE: ReadonlySet<ErrorName> = new Set([
  "KAFKA_STORAGE_ERROR",
  "NOT_LEADER_OR_FOLLOWER",
  "REQUEST_TIMED_OUT",
]);

Deno.test("no acknowledged record is lost when actors are killed, restarted and paused under load, and service resumes", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_chaos_" });
  try {
    await using cluster = await startCluster({ dir });
    const load = await Load.start(cluster);
    await wreak(cluster, load);
    await load.finish();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

async function wreak(cluster: Cluster, load: Load): Promise<void> {
  const kinds = new Set(cluster.actors().map(({ kind }) => kind));
  assertEquals(kinds, new Set(["controller", "broker", "replica", "connection"]));
  const refs = cluster.actors().filter(({ kind }) => kind !== "connection").map(({ ref }) => ref);
  assertEquals(refs.length, 2 + PARTITIONS);
  for (let round = 0; round < KILLS_EACH; round++) {
    for (const ref of refs) await killOnce(cluster, load, ref);
  }
  for (let round = 0; round < RESTARTS_EACH; round++) {
    for (const ref of refs) {
      cluster.restart(ref);
      await load.progress(`after a restart of ${ref}`);
    }
  }
  for (const ref of refs) await pauseOnce(cluster, load, ref);
  for (let round = 0; round < 20; round++) {
    const connections = cluster.actors().filter(({ kind }) => kind === "connection");
    cluster.kill(connections[round % connections.length]!.ref);
    await load.progress("after the death of a connection");
  }
}

async function killOnce(cluster: Cluster, load: Load, ref: string): Promise<void> {
  const before = actor(cluster, ref)!;
  cluster.kill(ref);
  const killed = actor(cluster, ref)!;
  assertEquals([killed.state, killed.lastError], ["restarting", "Error: killed"]);
  await eventually(() => actor(cluster, ref)!.state === "running", `${ref} to run again`);
  assertEquals(actor(cluster, ref)!.restarts, before.restarts + 1);
  await load.progress(`after the death of ${ref}`);
}

async function pauseOnce(cluster: Cluster, load: Load, ref: string): Promise<void> {
  cluster.pause(ref);
  assertEquals(actor(cluster, ref)!.state, "paused");
  const { processed } = actor(cluster, ref)!;
  for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(actor(cluster, ref)!.processed, processed);
  cluster.resume(ref);
  assertEquals(actor(cluster, ref)!.state, "running");
  await load.progress(`after a pause of ${ref}`);
}

function actor(cluster: Cluster, ref: string): ActorInfo | undefined {
  return cluster.actors().find((each) => each.ref === ref);
}

/** Writers and readers of every partition. */
class Load {
  readonly #cluster: Cluster;
  readonly #ledgers: readonly Ledger[];
  readonly #writers: Writer[] = [];
  readonly #readers: Reader[] = [];
  /** Acknowledgements per writer, and reads per reader. */
  readonly #counts: number[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #moved = () => {};

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#ledgers = Array.from({ length: PARTITIONS }, (_, partition) => new Ledger(`${TOPIC}-${partition}`));
  }

  static async start(cluster: Cluster): Promise<Load> {
    const load = new Load(cluster);
    await using client = await RawClient.connect(cluster.bootstrap);
    await createTopic(client, TOPIC, PARTITIONS, { "segment.bytes": "65536" });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const init = { transactionalId: null, transactionTimeoutMs: 60_000 };
      load.#addWriter(partition, "idempotent", await client.call(initProducerId, 4, init));
      load.#addWriter(partition, "plain", null);
      load.#readers.push(new Reader(load.#connect, partition, load.#ledgers[partition]!, load.#counter()));
    }
    load.#running = Promise.all([...load.#writers, ...load.#readers].map((each) => each.run()));
    load.#running.catch(() => {}); // whoever waits next throws it
    await load.progress("at the beginning");
    return load;
  }

  readonly #connect = () => RawClient.connect(this.#cluster.bootstrap);

  #counter(): () => void {
    const index = this.#counts.push(0) - 1;
    return () => {
      this.#counts[index]!++;
      this.#moved();
    };
  }

  #addWriter(partition: number, name: string, producer: { producerId: bigint; producerEpoch: number } | null): void {
    this.#writers.push(
      new Writer({
        name,
        producer: producer && { producerId: producer.producerId, producerEpoch: producer.producerEpoch },
        topic: TOPIC,
        partition,
        ledger: this.#ledgers[partition]!,
        random: new SeededRandom(`${partition} ${name}`),
        connect: this.#connect,
        retriable: RETRIABLE,
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
    await using client = await this.#connect();
    for (const writer of this.#writers) writer.stop();
    const ended = Promise.all(this.#ledgers.map((_, partition) => this.#readToTheEnd(client, partition)));
    await patiently(Promise.race([ended, this.#running.then(() => ended)]), "the readers to come to the end");
    await patiently(this.#running, "the writers to have their answers");
    for (const [partition, ledger] of this.#ledgers.entries()) {
      const records = await readAll(client, TOPIC, 0, partition);
      assertEquals(ledger.check(records), []);
      assertEquals(ledger.open("idempotent").length, 0);
      assertEquals(await offsetFor(client, TOPIC, -1, partition), records.length);
      assert(ledger.acknowledged > 0);
    }
  }

  /** The reader's end is known when no writer goes on. */
  async #readToTheEnd(client: RawClient, partition: number): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.ended));
    await this.#readers[partition]!.readUntil(await offsetFor(client, TOPIC, -1, partition));
  }
}

/** A consumer that waits for records with long polls, and goes on where it was when its connection ends. */
class Reader {
  readonly #connect: () => Promise<RawClient>;
  readonly #partition: number;
  readonly #ledger: Ledger;
  readonly #read: () => void;
  readonly #done = Promise.withResolvers<void>();
  #next = 0;
  #until = Infinity;

  constructor(connect: () => Promise<RawClient>, partition: number, ledger: Ledger, read: () => void) {
    this.#connect = connect;
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
    while (this.#next < this.#until) {
      const client = await this.#connect();
      try {
        while (this.#next < this.#until) await this.#poll(client);
      } catch (error) {
        if (error instanceof Broken) throw error; // else the connection has ended: a new one
      } finally {
        await client.close();
      }
    }
    this.#done.resolve();
  }

  async #poll(client: RawClient): Promise<void> {
    const partition = this.#partition;
    const { error, records } = await fetchFrom(client, TOPIC, this.#next, { partition, maxWaitMs: 100 });
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

Deno.test("a killed connection closes its own socket and no other", async () => {
  await using cluster = await startCluster();
  const refs = () => new Set(cluster.actors().filter(({ kind }) => kind === "connection").map(({ ref }) => ref));
  await using witness = await RawClient.connect(cluster.bootstrap);
  await createTopic(witness, "quiet");
  const before = refs();
  const longPoll = fetchFrom(witness, "quiet", 0, { maxWaitMs: 30_000 });
  await using victim = await RawClient.connect(cluster.bootstrap);
  await victim.exchange(METADATA_REQUEST);
  const [ref] = [...refs()].filter((each) => !before.has(each));
  cluster.kill(ref!);
  await patiently(victim.closed, "the socket of the killed connection to close");
  assert(!cluster.actors().some((each) => each.ref === ref && each.state === "running"));
  await using other = await RawClient.connect(cluster.bootstrap);
  await produceTexts(other, "quiet", ["hello"]);
  assertEquals((await longPoll).records, [{ offset: 0, value: "hello" }]);
});

Deno.test("a paused replica holds up who writes to it and nobody else, and answers when it is resumed", async () => {
  await using cluster = await startCluster();
  await using client = await RawClient.connect(cluster.bootstrap);
  await createTopic(client, "paused");
  await createTopic(client, "other");
  cluster.pause("1/replica/paused-0");
  let answered = false;
  const held = produceTexts(client, "paused", ["later"]).finally(() => answered = true);
  await using free = await RawClient.connect(cluster.bootstrap);
  for (let count = 0; count < 50; count++) assertEquals((await produceTexts(free, "other", ["x"])).baseOffset, count);
  assert(!answered);
  cluster.resume("1/replica/paused-0");
  assertEquals((await held).baseOffset, 0);
});

Deno.test("whoever is not there cannot be killed, paused, resumed or restarted", async () => {
  await using cluster = await startCluster();
  for (const action of ["kill", "pause", "resume", "restart"] as const) {
    assertThrows(() => cluster[action]("1/replica/nobody-0"), RangeError, "1/replica/nobody-0");
    assertThrows(() => cluster[action]("7/broker/broker"), RangeError, "7/broker/broker");
  }
});
