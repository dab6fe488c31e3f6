/**
 * What a consumer must do towards any cluster, Samsa's or Apache Kafka's, whichever way it reaches it.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { type Consumer, ConsumerError, type ConsumerOptions, type SeekTarget } from "../../mod.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { createTopic, produceBatch, texts } from "./kafka_calls.ts";
import { eventually, patiently } from "./patience.ts";
import type { RawClient } from "./raw_client.ts";

/** Both ways to be a member. */
export type Protocol = NonNullable<ConsumerOptions["groupProtocol"]>;
export const PROTOCOLS: readonly Protocol[] = ["classic", "consumer"];

/** A cluster with a topic of a case's own. */
export interface ConsumerStage {
  readonly topic: string;
  /** Opens a consumer; its group is the topic's namesake unless it names another, or partitions. */
  open(options: ConsumerOptions): Consumer;
  /** Appends texts to a partition. */
  write(values: readonly string[], partition?: number, options?: Parameters<typeof encodeBatch>[1]): Promise<void>;
  /** Appends one text with a timestamp. */
  writeAt(timestamp: number, value: string): Promise<void>;
}

/** One case: how many partitions it needs, and what happens. */
export interface ConsumerCase {
  readonly partitions: number;
  run(stage: ConsumerStage): Promise<void>;
}

const decoder = new TextDecoder();

/** Runs a case against a cluster that `client` is connected to. */
export async function runConsumerCase(
  { partitions, run }: ConsumerCase,
  client: RawClient,
  topic: string,
  open: (options: ConsumerOptions) => Consumer,
): Promise<void> {
  await createTopic(client, topic, partitions);
  const append = async (batch: Uint8Array, partition = 0) => {
    for (;;) { // Kafka creates topics a moment after it has said so
      const { error } = await produceBatch(client, topic, batch, { partition });
      if (error === "UNKNOWN_TOPIC_OR_PARTITION" || error === "NOT_LEADER_OR_FOLLOWER") continue;
      return assertEquals(error, "NONE");
    }
  };
  await run({
    topic,
    open(options) {
      if (options.partitions !== undefined) return open(options);
      return open({ groupId: topic, ...(options.pattern === undefined ? { topics: [topic] } : {}), ...options });
    },
    write: (values, partition, options = {}) => append(encodeBatch(texts(...values), options), partition),
    writeAt: (timestamp, value) => append(encodeBatch([{ value: new TextEncoder().encode(value), timestamp }])),
  });
}

/** The next `count` values, which count as dealt with when it closes. */
export async function read(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = [];
  await patiently(
    (async () => {
      while (values.length < count) {
        const records = await consumer.poll({ maxRecords: count - values.length });
        for (const { value } of records) values.push(decoder.decode(value!));
      }
    })(),
    `${count} records`,
  );
  return values;
}

/** The next value; what came with it waits in the consumer. */
export async function readOne(consumer: Consumer): Promise<string | undefined> {
  for await (const { value } of consumer) return decoder.decode(value!);
}

/** Reads from the beginning, and notices soon what happens. */
export function quick(groupProtocol: Protocol, more: ConsumerOptions = {}): ConsumerOptions {
  return { groupProtocol, autoOffsetReset: "earliest", heartbeatIntervalMs: 20, fetchMaxWaitMs: 20, ...more };
}

/** Who has which partitions, in either protocol. */
function sharingCases(protocol: Protocol): Readonly<Record<string, ConsumerCase>> {
  return {
    "what was handed out before it closed is not handed out again": {
      partitions: 1,
      async run({ open, write }) {
        await write(["a", "b", "c"]);
        const once = async (count: number) => {
          await using consumer = open(quick(protocol));
          return await read(consumer, count);
        };
        assertEquals([await once(2), await once(1)], [["a", "b"], ["c"]]);
      },
    },

    "members share the partitions, and one takes over what another leaves": {
      partitions: 4,
      async run({ open, write }) {
        const all = async (what: string) => {
          for (let partition = 0; partition < 4; partition++) await write([`${what} ${partition}`], partition);
        };
        await all("first");
        const first = open(quick(protocol));
        assertEquals((await read(first, 4)).sort(), ["first 0", "first 1", "first 2", "first 3"]);
        const seen: string[] = [];
        const second = open(quick(protocol));
        const reading = [first, second].map(async (consumer) => {
          for await (const { value } of consumer) seen.push(decoder.decode(value!));
        });
        for (;;) {
          const shares = await Promise.all([first.assignment(), second.assignment()]);
          if (shares.every(({ length }) => length === 2)) break;
          await new Promise((resolve) => setTimeout(resolve, 1)); // or sockets would get no turn
        }
        await all("second");
        await eventually(() => seen.length >= 4, "what was written after the rebalance");
        await first.close();
        await all("third");
        await eventually(() => seen.length >= 8, "what was written after one had left");
        await second.close();
        await Promise.all(reading);
        const wanted = ["second", "third"].flatMap((when) => [0, 1, 2, 3].map((partition) => `${when} ${partition}`));
        assertEquals(seen.sort(), wanted);
      },
    },

    "a static member comes back to what it had": {
      partitions: 2,
      async run({ open, write }) {
        await write(["a"], 0);
        await write(["b"], 1);
        const lives = async () => {
          await using consumer = open(quick(protocol, { groupInstanceId: "i" }));
          const values = await read(consumer, 1);
          return values[0]!;
        };
        assertEquals([await lives(), await lives()].sort(), ["a", "b"]);
      },
    },

    "a pattern means all topics that it fits": {
      partitions: 1,
      async run({ open, write, topic }) {
        await write(["a"]);
        await using consumer = open(quick(protocol, { pattern: `${topic}.*` }));
        assertEquals(await read(consumer, 1), ["a"]);
      },
    },
  };
}

/** What is committed, in either protocol. */
function committingCases(protocol: Protocol): Readonly<Record<string, ConsumerCase>> {
  return {
    "what a loop was left with is handed out again, what came before it is not": {
      partitions: 1,
      async run({ open, write }) {
        await write(["a", "b", "c"]);
        {
          await using consumer = open(quick(protocol));
          assertEquals([await read(consumer, 1), await readOne(consumer)], [["a"], "b"]);
        }
        await using consumer = open(quick(protocol));
        assertEquals(await read(consumer, 2), ["b", "c"]);
      },
    },

    "by hand it commits what it says, with what is to be remembered": {
      partitions: 1,
      async run({ open, write, topic }) {
        const at = { topic, partition: 0 };
        await write(["a", "b", "c"]);
        const first = open(quick(protocol, { enableAutoCommit: false }));
        assertEquals(await read(first, 2), ["a", "b"]);
        await first.commit();
        const [committed] = await first.committed([at]);
        assertEquals([committed?.offset, committed?.leaderEpoch], [2n, 0]);
        await first.commit([{ ...at, offset: 1n, metadata: "half" }]);
        assertEquals(await first.committed([at]), [{ ...at, offset: 1n, leaderEpoch: -1, metadata: "half" }]);
        await first.close();
        await using second = open(quick(protocol));
        assertEquals(await read(second, 2), ["b", "c"]);
      },
    },

    "the listener hears of what comes and goes, and may commit before it goes": {
      partitions: 1,
      async run({ open, write, topic }) {
        const at = { topic, partition: 0 };
        await write(["a", "b"]);
        const heard: string[] = [];
        const consumer: Consumer = open(quick(protocol, {
          enableAutoCommit: false,
          assigned: (partitions) => void heard.push(`+${partitions.length}`),
          revoked: async (partitions) => {
            heard.push(`-${partitions.length}`);
            await consumer.commit([{ ...at, offset: 1n }]);
          },
        }));
        await read(consumer, 2);
        await consumer.unsubscribe();
        assertEquals(heard, ["+1", "-1"]);
        assertEquals((await consumer.committed([at]))[0]?.offset, 1n);
        await consumer.close();
      },
    },
  };
}

/** What has to do with records and positions. */
const RECORD_CASES: Readonly<Record<string, ConsumerCase>> = {
  "without a group it reads what is assigned to it, whatever the compression, and knows where it is": {
    partitions: 1,
    async run({ open, write, topic }) {
      const at = { topic, partition: 0 };
      for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
        await write([`${codec} 1`, `${codec} 2`], 0, { codec });
      }
      await using consumer = open({ partitions: [at], autoOffsetReset: "earliest" });
      const values = await read(consumer, 10);
      assertEquals(values, ["none", "gzip", "snappy", "lz4", "zstd"].flatMap((codec) => [`${codec} 1`, `${codec} 2`]));
      assertEquals([await consumer.position(at), await consumer.lag()], [10n, [{ ...at, records: 0 }]]);
      await assertRejects(() => consumer.commit(), ConsumerError, "Without a groupId");
    },
  },

  "it goes where it is told: offsets, times, ends, and what is committed": {
    partitions: 1,
    async run({ open, writeAt, topic }) {
      const at = { topic, partition: 0 };
      for (const [value, timestamp] of [["a", 1_000], ["b", 2_000], ["c", 3_000]] as const) {
        await writeAt(timestamp, value);
      }
      await using consumer = open({ groupId: topic, partitions: [at], fetchMaxWaitMs: 20 });
      const after = async (to: SeekTarget) => {
        await consumer.seek(at, to);
        return await consumer.position(at);
      };
      assertEquals(await after("beginning"), 0n);
      assertEquals(await read(consumer, 1), ["a"]);
      assertEquals([await after({ timestamp: 1_500 }), await after({ timestamp: 9_000 })], [1n, 3n]);
      assertEquals([await after("end"), await after(2n)], [3n, 2n]);
      assertEquals(await read(consumer, 1), ["c"]);
      await consumer.commit([{ ...at, offset: 1n }]);
      assertEquals(await after("committed"), 1n);
      assertEquals(await read(consumer, 2), ["b", "c"]);
      await assertRejects(() => consumer.seek({ topic, partition: 7 }, 0n), ConsumerError, "is not assigned");
    },
  },

  "an offset that is not there is reset by policy": {
    partitions: 1,
    async run({ open, write, topic }) {
      await write(["a", "b"]);
      const partitions = [{ topic, partition: 0 }];
      await using strict = open({ partitions, autoOffsetReset: "none" });
      await assertRejects(() => patiently(strict.poll(), "an error"), ConsumerError, "no offset is committed");
      await strict.seek(partitions, 99n);
      await assertRejects(() => patiently(strict.poll(), "an error"), ConsumerError, "offset 99 is not");
      await strict.seek(partitions, 1n);
      assertEquals(await read(strict, 1), ["b"]);
      await using early = open({ partitions, autoOffsetReset: "earliest" });
      await early.seek(partitions, 99n);
      assertEquals(await read(early, 2), ["a", "b"]);
    },
  },

  "a paused partition is silent, and goes on with what was not handed out": {
    partitions: 2,
    async run({ open, write, topic }) {
      await write(["a", "b", "c"], 0);
      const both = [0, 1].map((partition) => ({ topic, partition }));
      await using consumer = open({ partitions: both, autoOffsetReset: "earliest", fetchMaxWaitMs: 20 });
      assertEquals(await read(consumer, 1), ["a"]);
      await consumer.pause([both[0]!]);
      await write(["x"], 1);
      assertEquals(await read(consumer, 1), ["x"]);
      assertEquals(await consumer.poll({ timeoutMs: 60 }), []);
      await consumer.resume([both[0]!]);
      assertEquals(await read(consumer, 2), ["b", "c"]);
    },
  },

  "at most once: what is handed out has been committed before": {
    partitions: 1,
    async run({ open, write, topic }) {
      await write(["a", "b", "c"]);
      await using consumer = open(quick("classic", { delivery: "at-most-once" }));
      const records = await patiently(consumer.poll({ maxRecords: 2 }), "two records");
      assertEquals(records.map(({ offset }) => offset), [0n, 1n]);
      assertEquals((await consumer.committed([{ topic, partition: 0 }]))[0]?.offset, 2n);
    },
  },
};

/** All cases by what they say. */
export function consumerCases(): readonly (readonly [name: string, ConsumerCase])[] {
  const groups = PROTOCOLS.flatMap((protocol) =>
    Object.entries({ ...sharingCases(protocol), ...committingCases(protocol) }).map(([name, one]) =>
      [`${protocol}: ${name}`, one] as const
    )
  );
  return [...Object.entries(RECORD_CASES), ...groups];
}
