/**
 * A real broker on a real folder, killed again and again while producers write: nothing acknowledged may be lost.
 *
 * `SAMSA_KILLS=300 SAMSA_SEED=7 deno test -A tests/durability/sigkill_test.ts` kills more often, or repeats the draws of a run
 * (what the machine makes of them is its own affair).
 */
import { assert, assertEquals } from "@std/assert";
import { type Random, SeededRandom } from "../../lib/prng.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { createTopics, deleteTopics } from "../../protocol/tables/topics.ts";
import { initProducerId } from "../../protocol/tables/transactions.ts";
import { createTopic, offsetFor, readAll } from "../helpers/kafka_calls.ts";
import { Ledger } from "../helpers/ledger.ts";
import { patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { RestartedBroker } from "../helpers/restarted_broker.ts";
import { Violation, Writer } from "../helpers/writer.ts";

const KILLS = Number(Deno.env.get("SAMSA_KILLS") ?? 30);
const SEED = Deno.env.get("SAMSA_SEED") ?? String(crypto.getRandomValues(new Uint32Array(1))[0]);

/** Segments that are rolled every few batches, every few dozen, and hardly ever. */
const TOPICS = [
  { name: "rolling", partitions: 1, configs: { "segment.bytes": "8192", "index.interval.bytes": "512" } },
  { name: "steady", partitions: 3, configs: { "segment.bytes": "131072" } },
  { name: "plain", partitions: 1, configs: {} },
];

Deno.test(`no acknowledged record is lost when a broker is killed ${KILLS} times`, async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_sigkill_" });
  const random = new SeededRandom(SEED);
  const broker = new RestartedBroker(dir);
  try {
    const run = new Run(broker, random);
    await run.setUp();
    for (let kill = 1; kill <= KILLS; kill++) {
      await run.endAndCheck(`SIGKILL ${kill}`, "SIGKILL");
      if (random.chance(1, 5)) await run.endAndCheck(`SIGTERM after SIGKILL ${kill}`, "SIGTERM");
    }
    await run.finish();
    await Deno.remove(dir, { recursive: true });
  } catch (error) {
    console.error(`The seed was ${SEED}; the data is in ${dir}.\nThe broker said: ${broker.said}`);
    throw error;
  } finally {
    await broker.kill("SIGKILL");
  }
});

/** One partition under test. */
interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly ledger: Ledger;
}

class Run {
  readonly #broker: RestartedBroker;
  readonly #random: Random;
  readonly #places: Place[] = [];
  readonly #writers: Writer[] = [];
  readonly #churn: Churn;
  readonly #producerIds = new Set<bigint>();
  /** Errors that may be answered just now: a broker that stops in good order has given its leadership back before it is gone. */
  readonly #elsewhere = new Set<ErrorName>();
  #running: Promise<unknown> = Promise.resolve();
  #acknowledged = 0;
  #awaited = { count: Infinity, reached: () => {} };

  constructor(broker: RestartedBroker, random: Random) {
    this.#broker = broker;
    this.#random = random;
    this.#churn = new Churn(() => broker.connect(), random.split("churn"), this.#elsewhere, () => this.#note());
  }

  async setUp(): Promise<void> {
    await this.#broker.start();
    {
      await using client = await this.#broker.dial();
      for (const { name, partitions, configs } of TOPICS) {
        await createTopic(client, name, partitions, configs);
        for (let partition = 0; partition < partitions; partition++) {
          const place = { topic: name, partition, ledger: new Ledger(`${name}-${partition}`) };
          this.#places.push(place);
          this.#addWriter(place, `idempotent`, await this.#producer(client));
          this.#addWriter(place, `plain`, null);
        }
      }
      this.#churn.producer = await this.#producer(client);
    }
    this.#running = Promise.all([...this.#writers, this.#churn].map((writer) => writer.run()));
    this.#running.catch(() => {}); // whoever waits next throws it
    this.#broker.open();
  }

  #addWriter(place: Place, name: string, producer: { producerId: bigint; producerEpoch: number } | null): void {
    const random = this.#random.split(`${place.ledger.name}/${name}`);
    const connect = () => this.#broker.connect();
    const acknowledged = () => this.#note();
    this.#writers.push(
      new Writer({ ...place, name, producer, random, connect, elsewhere: this.#elsewhere, acknowledged }),
    );
  }

  async #producer(client: RawClient): Promise<{ producerId: bigint; producerEpoch: number }> {
    const { errorCode, producerId, producerEpoch } = await client.call(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    assertEquals(errorName(errorCode), "NONE");
    assert(!this.#producerIds.has(producerId), `producer id ${producerId} was given out twice`);
    this.#producerIds.add(producerId);
    return { producerId, producerEpoch };
  }

  #note(): void {
    if (++this.#acknowledged >= this.#awaited.count) this.#awaited.reached();
  }

  /** Lets the writers get on, ends the broker at some instant, starts it again and looks at everything. */
  async endAndCheck(what: string, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { count: this.#acknowledged + 1 + this.#random.below(150), reached: resolve };
    await patiently(Promise.race([promise, this.#running]), `acknowledgements before ${what}`);
    for (let turns = this.#random.below(30); turns > 0; turns--) await turn();
    if (signal === "SIGTERM") this.#elsewhere.add("NOT_LEADER_OR_FOLLOWER");
    const code = await this.#broker.kill(signal);
    if (signal === "SIGTERM") assertEquals(code, 0, `${what}: SIGTERM must end a broker with exit code 0`);
    if (this.#random.chance(1, 4)) await this.#broker.killWhileStarting(this.#random.below(500));
    await this.#broker.start();
    this.#elsewhere.clear();
    await this.#check(`after ${what}`);
    this.#broker.open();
  }

  /** Lets every writer have its last answers, and looks at everything once more. */
  async finish(): Promise<void> {
    for (const writer of [...this.#writers, this.#churn]) writer.stop();
    await patiently(this.#running, "the last acknowledgements");
    for (const { ledger } of this.#places) {
      assertEquals(ledger.open("idempotent").length, 0, `${ledger.name}: an idempotent producer has no answer`);
    }
    await this.#check("at the end");
    assertEquals(await this.#broker.kill("SIGTERM"), 0);
    const records = this.#places.reduce((sum, { ledger }) => sum + ledger.acknowledged, 0);
    console.log(`${KILLS} kills, ${this.#acknowledged} batches and ${records} records acknowledged, seed ${SEED}`);
  }

  async #check(when: string): Promise<void> {
    await using client = await this.#broker.dial();
    const problems: string[] = [];
    for (const place of [...this.#places, ...await this.#churn.places(client)]) {
      const { topic, partition, ledger } = place;
      const records = await readAll(client, topic, 0, partition);
      problems.push(...ledger.check(records));
      const ends = [await offsetFor(client, topic, -2, partition), await offsetFor(client, topic, -1, partition)];
      if (ends[0] !== 0 || ends[1] !== records.length) {
        problems.push(`${ledger.name}: ListOffsets says ${ends.join(" to ")}, but 0 to ${records.length} was read`);
      }
    }
    await this.#producer(client); // must be one that nobody has had
    assertEquals(problems, [], when);
  }
}

/** Makes a topic, writes to it, deletes it, and begins again. */
class Churn {
  static readonly TOPIC = "volatile";
  producer: { producerId: bigint; producerEpoch: number } | null = null;
  readonly #connect: () => Promise<RawClient>;
  readonly #random: Random;
  readonly #elsewhere: ReadonlySet<ErrorName>;
  readonly #acknowledged: () => void;
  #stopping = false;
  #state: "creating" | "there" | "deleting" | "gone" = "gone";
  #topicId = ZERO_UUID;
  #places: Place[] = [];

  constructor(
    connect: () => Promise<RawClient>,
    random: Random,
    elsewhere: ReadonlySet<ErrorName>,
    acknowledged: () => void,
  ) {
    this.#connect = connect;
    this.#random = random;
    this.#elsewhere = elsewhere;
    this.#acknowledged = acknowledged;
  }

  stop(): void {
    this.#stopping = true;
  }

  async run(): Promise<void> {
    for (let life = 1; !this.#stopping; life++) {
      await this.#create(life);
      await this.#write(life);
      await this.#delete();
    }
  }

  /** The partitions that must be there now. Throws when the topic is not as it must be. */
  async places(client: RawClient): Promise<readonly Place[]> {
    const topic = await describe(client);
    if (this.#state === "there") assertEquals(topic, { error: "NONE", topicId: this.#topicId });
    if (this.#state === "gone") assertEquals(topic.error, "UNKNOWN_TOPIC_OR_PARTITION", "it was deleted");
    return this.#state === "there" ? this.#places : [];
  }

  async #create(life: number): Promise<void> {
    const name = Churn.TOPIC;
    this.#state = "creating";
    const configs = [{ name: "segment.bytes", value: "4096" }];
    const topics = [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs }];
    await this.#insist("TOPIC_ALREADY_EXISTS", async (client) => {
      const response = await client.call(createTopics, 7, { topics, timeoutMs: 10_000, validateOnly: false });
      return response.topics[0]!.errorCode;
    });
    await this.#until(async (client) => this.#topicId = (await describe(client)).topicId);
    this.#places = [0, 1].map((partition) => ({
      topic: name,
      partition,
      ledger: new Ledger(`${name}-${partition}#${life}`),
    }));
    this.#state = "there";
  }

  /** The same producer in each life, which begins with sequence 0: what the last life knew of it must be gone. */
  async #write(life: number): Promise<void> {
    const writers = this.#places.map((place) => {
      let left = this.#random.below(25);
      const writer = new Writer({
        ...place,
        name: "idempotent",
        producer: this.producer,
        random: this.#random.split(`${life}/${place.partition}`),
        connect: this.#connect,
        elsewhere: this.#elsewhere,
        acknowledged: () => {
          this.#acknowledged();
          if (left-- === 0) writer.stop();
        },
      });
      return writer;
    });
    await Promise.all(writers.map((writer) => writer.run()));
  }

  async #delete(): Promise<void> {
    this.#state = "deleting";
    const topics = [{ name: Churn.TOPIC, topicId: ZERO_UUID }];
    await this.#insist("UNKNOWN_TOPIC_OR_PARTITION", async (client) => {
      return (await client.call(deleteTopics, 6, { topics, timeoutMs: 10_000 })).responses[0]!.errorCode;
    });
    this.#state = "gone";
  }

  /** Asks until there is an answer; `done` is one that tells that an unanswered attempt has had its effect. */
  async #insist(done: string, ask: (client: RawClient) => Promise<number>): Promise<void> {
    let attempts = 0;
    await this.#until(async (client) => {
      attempts++;
      const error = errorName(await ask(client));
      if (error !== "NONE" && (attempts === 1 || error !== done)) throw new Violation(`${this.#state}: ${error}`);
    });
  }

  async #until(ask: (client: RawClient) => Promise<unknown>): Promise<void> {
    while (true) {
      await using client = await this.#connect();
      try {
        await ask(client);
        return;
      } catch (error) {
        if (error instanceof Violation) throw error;
      }
    }
  }
}

async function describe(client: RawClient): Promise<{ error: string; topicId: string }> {
  const request = { topics: [{ name: Churn.TOPIC }], allowAutoTopicCreation: false };
  const { errorCode, topicId } = (await client.call(metadata, 12, request)).topics[0]!;
  return { error: errorName(errorCode), topicId };
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}
