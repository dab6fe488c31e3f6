/** Consumers of a running cluster: within the process and over TCP, in both protocols. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Cluster, connect, type Consumer, ConsumerError, type ConsumerOptions, startCluster } from "../../mod.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { createTopic, produceBatch, produceTexts, texts } from "../helpers/kafka_calls.ts";
import { eventually, patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";

type Protocol = NonNullable<ConsumerOptions["groupProtocol"]>;
const PROTOCOLS: readonly Protocol[] = ["classic", "consumer"];
const decoder = new TextDecoder();
const T0 = { topic: "t", partition: 0 } as const;

interface Stage {
  readonly cluster: Cluster;
  readonly client: RawClient;
  /** Appends texts to a partition of topic `t`. */
  write(values: readonly string[], partition?: number): Promise<void>;
}

/** Runs `body` with a cluster that has a topic `t`. */
async function withTopic(partitions: number, body: (stage: Stage) => Promise<void>): Promise<void> {
  await using cluster = await startCluster({
    config: { "group.consumer.heartbeat.interval.ms": "20", "group.consumer.session.timeout.ms": "300" },
  });
  await using client = await RawClient.connect(cluster.bootstrap.split(",")[0]!);
  await createTopic(client, "t", partitions);
  const write = async (values: readonly string[], partition = 0) => {
    const produced = await produceBatch(client, "t", encodeBatch(texts(...values)), { partition });
    assertEquals(produced.error, "NONE");
  };
  await body({ cluster, client, write });
}

/** The next `count` values. */
async function read(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = [];
  await patiently(
    (async () => {
      for await (const { value } of consumer) {
        values.push(decoder.decode(value!));
        if (values.length === count) return;
      }
    })(),
    `${count} records`,
  );
  return values;
}

function group(groupProtocol: Protocol, more: Partial<ConsumerOptions> = {}): ConsumerOptions {
  return {
    groupId: "g",
    topics: ["t"],
    groupProtocol,
    autoOffsetReset: "earliest",
    heartbeatIntervalMs: 20,
    fetchMaxWaitMs: 20,
    ...more,
  };
}

Deno.test("a consumer without a group reads what is assigned to it, in order, and knows where it is", async () => {
  await withTopic(1, async ({ cluster, client }) => {
    await produceTexts(client, "t", ["a", "b", "c"], { codec: "gzip" });
    await using consumer = cluster.consumer({ partitions: [T0], autoOffsetReset: "earliest" });
    assertEquals(await read(consumer, 3), ["a", "b", "c"]);
    assertEquals(await consumer.position(T0), 3n);
    assertEquals(await consumer.lag(), [{ ...T0, records: 0 }]);
    await assertRejects(() => consumer.commit(), ConsumerError, "Without a groupId");
  });
});

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: what was handed out before it closed is not handed out again`, async () => {
    await withTopic(1, async ({ cluster, write }) => {
      await write(["a", "b", "c"]);
      const once = async (count: number) => {
        await using consumer = cluster.consumer(group(protocol));
        return await read(consumer, count);
      };
      assertEquals(await once(2), ["a", "b"]);
      assertEquals(await once(1), ["c"]);
    });
  });

  Deno.test(`${protocol}: members share the partitions, and one takes over what another leaves`, async () => {
    await withTopic(4, async ({ cluster, write }) => {
      for (let partition = 0; partition < 4; partition++) await write([`first ${partition}`], partition);
      const first = cluster.consumer(group(protocol));
      assertEquals((await read(first, 4)).sort(), ["first 0", "first 1", "first 2", "first 3"]);
      const seen: string[] = [];
      const second = cluster.consumer(group(protocol));
      const reading = [first, second].map(async (consumer) => {
        for await (const { value } of consumer) seen.push(decoder.decode(value!));
      });
      for (;;) {
        const shares = await Promise.all([first.assignment(), second.assignment()]);
        if (shares.every(({ length }) => length === 2)) break;
      }
      for (let partition = 0; partition < 4; partition++) await write([`second ${partition}`], partition);
      await eventually(() => seen.length >= 4, "what was written after the rebalance");
      await first.close();
      for (let partition = 0; partition < 4; partition++) await write([`third ${partition}`], partition);
      await eventually(() => seen.length >= 8, "what was written after one had left");
      await second.close();
      await Promise.all(reading);
      assertEquals(
        seen.sort(),
        ["second", "third"].flatMap((when) => [0, 1, 2, 3].map((partition) => `${when} ${partition}`)),
      );
    });
  });

  Deno.test(`${protocol}: a consumer that is killed is gone without a word, and its partitions go to others`, async () => {
    await withTopic(2, async ({ cluster, write }) => {
      await write(["a"], 0);
      await write(["b"], 1);
      const options = group(protocol, { sessionTimeoutMs: 300 });
      const doomed = cluster.consumer({ ...options, name: "doomed" });
      assertEquals((await read(doomed, 2)).sort(), ["a", "b"]);
      cluster.kill("0/consumer/doomed");
      await assertRejects(() => doomed.poll(), ConsumerError, "has crashed");
      await using heir = cluster.consumer(options);
      assertEquals((await read(heir, 2)).sort(), ["a", "b"]); // nothing was committed
      await doomed.close();
    });
  });

  Deno.test(`${protocol}: over TCP it is the same`, async () => {
    await withTopic(1, async ({ cluster, write }) => {
      await write(["a", "b", "c"]);
      await using client = connect(cluster.bootstrap);
      const first = client.consumer(group(protocol, { enableAutoCommit: false }));
      assertEquals(await read(first, 2), ["a", "b"]);
      await first.commit();
      assertEquals((await first.committed([T0])).map(({ offset }) => offset), [2n]);
      await first.close();
      await using second = client.consumer(group(protocol));
      assertEquals(await read(second, 1), ["c"]);
    });
  });

  Deno.test(`${protocol}: the listener hears of what comes and goes, and may commit before it goes`, async () => {
    await withTopic(1, async ({ cluster, write }) => {
      await write(["a", "b"]);
      const heard: string[] = [];
      const consumer: Consumer = cluster.consumer(group(protocol, {
        enableAutoCommit: false,
        assigned: (partitions) => void heard.push(`+${partitions.length}`),
        revoked: async (partitions) => {
          heard.push(`-${partitions.length}`);
          await consumer.commit([{ ...T0, offset: 1n, metadata: "half" }]);
        },
      }));
      await read(consumer, 2);
      await consumer.unsubscribe();
      assertEquals(heard, ["+1", "-1"]);
      assertEquals(await consumer.committed([T0]), [{ ...T0, offset: 1n, leaderEpoch: -1, metadata: "half" }]);
      await consumer.close();
    });
  });
}

Deno.test("it goes where it is told: offsets, times, ends, and what is committed", async () => {
  await withTopic(1, async ({ cluster, client }) => {
    const value = (text: string) => new TextEncoder().encode(text);
    for (const [text, timestamp] of [["a", 1_000], ["b", 2_000], ["c", 3_000]] as const) {
      await produceBatch(client, "t", encodeBatch([{ value: value(text), timestamp }]));
    }
    await using consumer = cluster.consumer({ groupId: "g", partitions: [T0], fetchMaxWaitMs: 20 });
    const after = async (to: Parameters<Consumer["seek"]>[1]) => {
      await consumer.seek(T0, to);
      return await consumer.position(T0);
    };
    assertEquals(await after("beginning"), 0n);
    assertEquals(await read(consumer, 1), ["a"]);
    assertEquals(await after({ timestamp: 1_500 }), 1n);
    assertEquals(await after({ timestamp: 9_000 }), 3n);
    assertEquals(await after("end"), 3n);
    assertEquals(await after(2n), 2n);
    assertEquals(await read(consumer, 1), ["c"]);
    await consumer.commit([{ ...T0, offset: 1n }]);
    assertEquals(await after("committed"), 1n);
    assertEquals(await read(consumer, 2), ["b", "c"]);
    await assertRejects(() => consumer.seek({ topic: "t", partition: 7 }, 0n), ConsumerError, "t-7 is not assigned");
  });
});

Deno.test("a paused partition is silent, and goes on with what was not handed out", async () => {
  await withTopic(2, async ({ cluster, write }) => {
    await write(["a", "b", "c"], 0);
    const both = [T0, { topic: "t", partition: 1 }];
    await using consumer = cluster.consumer({ partitions: both, autoOffsetReset: "earliest", fetchMaxWaitMs: 20 });
    assertEquals(await read(consumer, 1), ["a"]);
    await consumer.pause([T0]);
    await write(["x"], 1);
    assertEquals(await read(consumer, 1), ["x"]);
    assertEquals(await consumer.poll({ timeoutMs: 60 }), []);
    await consumer.resume([T0]);
    assertEquals(await read(consumer, 2), ["b", "c"]);
  });
});

Deno.test("at most once: what is handed out has been committed before", async () => {
  await withTopic(1, async ({ cluster, write }) => {
    await write(["a", "b", "c"]);
    const options = group("classic", { delivery: "at-most-once", sessionTimeoutMs: 300 });
    const doomed = cluster.consumer({ ...options, name: "doomed" });
    const records = await patiently(doomed.poll({ maxRecords: 2 }), "two records");
    assertEquals(records.map(({ offset }) => offset), [0n, 1n]);
    cluster.kill("0/consumer/doomed");
    await using heir = cluster.consumer(options);
    assertEquals(await read(heir, 1), ["c"]);
    await doomed.close();
  });
});

Deno.test("it reads on when leaders and the coordinator die", async () => {
  await using cluster = await startCluster({ brokers: 3, config: { "default.replication.factor": "3" } });
  {
    await using client = await RawClient.connect(cluster.bootstrap.split(",")[0]!);
    await createTopic(client, "t", 3, {}, 3);
    for (let partition = 0; partition < 3; partition++) await writeTo(client, partition, `before ${partition}`);
  }
  await using consumer = cluster.consumer(group("consumer"));
  const seen = new Set<string>();
  const reading = (async () => {
    for await (const { value } of consumer) seen.add(decoder.decode(value!));
  })();
  await eventually(() => seen.size === 3, "what was written before");
  await cluster.killBroker(1);
  await using client = await RawClient.connect(cluster.brokers[0]!.bootstrap);
  for (let partition = 0; partition < 3; partition++) await writeTo(client, partition, `after ${partition}`);
  await eventually(() => seen.size === 6, "what was written after");
  await consumer.close();
  await reading;
});

/** Writes a text, wherever the partition's leader is by now. */
async function writeTo(known: RawClient, partition: number, text: string): Promise<void> {
  for (;;) {
    const { topics, brokers } = await known.call(metadata, 9, { topics: [{ name: "t" }] });
    const leader = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)?.leaderId;
    const broker = brokers.find(({ nodeId }) => nodeId === leader);
    if (broker === undefined) continue;
    try {
      await using client = await RawClient.connect(`${broker.host}:${broker.port}`);
      const { error } = await produceBatch(client, "t", encodeBatch(texts(text)), { partition });
      if (error === "NONE") return;
    } catch { /* it is gone: the next answer names another */ }
  }
}

Deno.test("options that contradict each other are refused", async () => {
  await using cluster = await startCluster();
  assertThrows(() => cluster.consumer({ topics: ["t"] }), RangeError, "takes a groupId");
  assertThrows(() => cluster.consumer({ groupId: "g", topics: ["t"], partitions: [T0] }), RangeError, "Only one of");
  assertThrows(() => cluster.consumer({ sessionTimeoutMs: 0 }), RangeError, "sessionTimeoutMs is 0");
  assertThrows(() => connect("nowhere"), RangeError, '"nowhere" is no address');
  assert(cluster.actors().every(({ kind }) => kind !== "consumer"));
});
