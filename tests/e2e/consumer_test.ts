/** Consumers of a running cluster: within the process and over TCP, in both protocols. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, type Consumer, ConsumerError, startCluster } from "../../mod.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import { findCoordinator } from "../../protocol/tables/groups.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { deleteTopics } from "../../protocol/tables/topics.ts";
import { consumerCases, PROTOCOLS, quick, read, readOne, runConsumerCase } from "../helpers/consumer_cases.ts";
import { createTopic, produceBatch, produceTexts, texts } from "../helpers/kafka_calls.ts";
import { eventually, patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";

const QUICK_MEMBERS = { "group.consumer.heartbeat.interval.ms": "20" };
const QUICK_SESSIONS = { ...QUICK_MEMBERS, "group.consumer.session.timeout.ms": "300" };

for (const way of ["within the process", "over TCP"] as const) {
  Deno.test(`consumers ${way}`, async (test) => {
    await using cluster = await startCluster({ config: QUICK_MEMBERS });
    await using raw = await RawClient.connect(cluster.bootstrap);
    await using client = connect(cluster.bootstrap);
    const opener = way === "over TCP" ? client : cluster;
    let count = 0;
    for (const [name, one] of consumerCases()) {
      await test.step(name, () => runConsumerCase(one, raw, `case-${++count}`, (options) => opener.consumer(options)));
    }
  });
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: a consumer that is killed is gone without a word, and its partitions go to others`, async () => {
    await using cluster = await startCluster({ config: QUICK_SESSIONS });
    await using client = await RawClient.connect(cluster.bootstrap);
    await createTopic(client, "t");
    await produceTexts(client, "t", ["a", "b"]);
    const options = { ...quick(protocol), groupId: "g", topics: ["t"], sessionTimeoutMs: 300 };
    const doomed = cluster.consumer({ ...options, name: "doomed" });
    assertEquals(await read(doomed, 2), ["a", "b"]);
    cluster.kill("0/consumer/doomed");
    await assertRejects(() => doomed.poll(), ConsumerError, "has crashed");
    await using heir = cluster.consumer(options);
    assertEquals(await read(heir, 2), ["a", "b"]); // nothing was committed
    await doomed.close();
  });

  Deno.test(`${protocol}: one that stands still loses what it has, and comes back`, async () => {
    await using cluster = await startCluster({ config: QUICK_SESSIONS });
    await using client = await RawClient.connect(cluster.bootstrap);
    await createTopic(client, "t");
    await produceTexts(client, "t", ["a"]);
    const heard: string[] = [];
    const options = { ...quick(protocol), groupId: "g", topics: ["t"], sessionTimeoutMs: 300 };
    const still = cluster.consumer({ ...options, name: "still", lost: () => void heard.push("lost") });
    assertEquals(await read(still, 1), ["a"]);
    cluster.pause("0/consumer/still");
    const heir = cluster.consumer(options);
    assertEquals(await read(heir, 1), ["a"]);
    await heir.close();
    cluster.resume("0/consumer/still");
    await produceTexts(client, "t", ["b"]);
    assertEquals([await read(still, 1), heard], [["b"], ["lost"]]);
    await still.close();
  });
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: what was fetched before it stood still is not handed out when others have read it`, async () => {
    await using cluster = await startCluster({ config: QUICK_SESSIONS });
    await using client = await RawClient.connect(cluster.bootstrap);
    await createTopic(client, "t");
    await produceTexts(client, "t", ["a", "b", "c"]);
    const options = { ...quick(protocol), groupId: "g", topics: ["t"], sessionTimeoutMs: 300 };
    await using still = cluster.consumer(options);
    assertEquals(await readOne(still), "a"); // and has two more
    cluster.pause(still.ref);
    const heir = cluster.consumer(options);
    assertEquals(await read(heir, 3), ["a", "b", "c"]);
    await heir.close();
    const next = read(still, 1);
    cluster.resume(still.ref);
    await produceTexts(client, "t", ["d"]);
    assertEquals(await next, ["d"]);
  });
}

Deno.test("of a topic that is made anew under a loop nothing is skipped when that ends at its first record", async () => {
  await using cluster = await startCluster();
  await using client = await RawClient.connect(cluster.bootstrap);
  await createTopic(client, "t");
  await produceTexts(client, "t", ["a", "b", "c"]);
  const options = { ...quick("classic"), groupId: "g", topics: ["t"], allowAutoCreateTopics: false };
  const consumer = cluster.consumer(options);
  const seen: string[] = [];
  for await (const { value } of consumer) {
    const text = new TextDecoder().decode(value!);
    seen.push(text);
    if (text === "c") {
      await client.call(deleteTopics, 5, { topicNames: ["t"], timeoutMs: 10_000 });
      await createTopic(client, "t");
      await produceTexts(client, "t", Array.from({ length: 20 }, (_, at) => `${at}`)); // further than it had come
    }
    if (text === "0") break;
  }
  await consumer.close();
  await using heir = cluster.consumer(options);
  assertEquals([seen, await readOne(heir)], [["a", "b", "c", "0"], "0"]);
});

Deno.test("consumer: what the brokers call a session counts, though nobody has told the consumer", async () => {
  await using cluster = await startCluster({ config: QUICK_SESSIONS });
  await using client = await RawClient.connect(cluster.bootstrap);
  await createTopic(client, "t");
  await produceTexts(client, "t", ["a"]);
  const heard: string[] = [];
  await using consumer = cluster.consumer({
    ...quick("consumer"),
    groupId: "g",
    topics: ["t"],
    sessionTimeoutMs: 600_000,
    lost: () => void heard.push("lost"),
  });
  assertEquals(await read(consumer, 1), ["a"]);
  cluster.pauseBroker(1); // it hears nothing any more, and would wait for ten minutes
  await eventually(() => heard.length > 0, "what it had is taken for lost");
  cluster.resumeBroker(1);
});

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: it reads on when its coordinator dies, and with it the leader of a partition`, async () => {
    await using cluster = await startCluster({ brokers: 3, config: { "default.replication.factor": "3" } });
    {
      await using client = await RawClient.connect(cluster.bootstrap.split(",")[0]!);
      await createTopic(client, "t", 3, {}, 3);
      for (let partition = 0; partition < 3; partition++) await writeTo(client, partition, `before ${partition}`);
    }
    await using consumer = cluster.consumer({ ...quick(protocol), groupId: "g", topics: ["t"] });
    const seen = new Set<string>();
    const decoder = new TextDecoder();
    const reading = (async () => {
      for await (const { value } of consumer) seen.add(decoder.decode(value!));
    })();
    await eventually(() => seen.size === 3, "what was written before");
    await cluster.killBroker(await coordinatorOf("g", cluster.bootstrap));
    await using client = await RawClient.connect(cluster.brokers[0]!.bootstrap);
    for (let partition = 0; partition < 3; partition++) await writeTo(client, partition, `after ${partition}`);
    await eventually(() => seen.size === 6, "what was written after");
    await consumer.commit();
    await consumer.close();
    await reading;
  });
}

async function coordinatorOf(group: string, bootstrap: string): Promise<number> {
  await using client = await RawClient.connect(bootstrap.split(",")[0]!);
  const { coordinators } = await client.call(findCoordinator, 4, { coordinatorKeys: [group] });
  return coordinators[0]!.nodeId;
}

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

Deno.test("members are told to report every 50 ms, unless a config says how often, or how often at most", async () => {
  const [interval, least] = ["group.consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms"];
  const told = async (config: Record<string, string>) => {
    await using cluster = await startCluster({ config });
    await using client = await RawClient.connect(cluster.bootstrap);
    const body = {
      groupId: "g",
      memberId: "AAAAAAAAAAAAAAAAAAAAAQ",
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    };
    for (;;) {
      await client.call(findCoordinator, 4, { coordinatorKeys: ["g"] });
      const { errorCode, heartbeatIntervalMs } = await client.call(consumerGroupHeartbeat, 0, body);
      if (errorCode === 0) return heartbeatIntervalMs;
    }
  };
  assertEquals(await told({}), 50);
  assertEquals(await told({ [interval]: "70" }), 70);
  assertEquals(await told({ [least]: "90" }), 90);
});

Deno.test("a cluster's own consumers report often, too; over TCP as often as Kafka's", async () => {
  await using cluster = await startCluster();
  await using client = connect(cluster.bootstrap);
  const options = { groupId: "g", topics: ["t"], sessionTimeoutMs: 300 };
  await using _ = cluster.consumer(options);
  assertThrows(() => client.consumer(options), RangeError, "heartbeatIntervalMs is 3000");
});

Deno.test("a cluster that stops closes its consumers, whatever they are doing", async () => {
  const cluster = await startCluster({ config: QUICK_MEMBERS });
  const loop = cluster.consumer({ ...quick("consumer"), groupId: "g", topics: ["t"] });
  const reading = (async () => {
    for await (const _ of loop);
  })();
  cluster.consumer({ ...quick("classic"), groupId: "h", topics: ["t"], name: "still" });
  cluster.pause("0/consumer/still");
  await cluster.stop();
  await reading;
  assertEquals(cluster.actors(), []);
  await assertRejects(() => loop.poll(), ConsumerError, "is closed");
  assertThrows(() => cluster.consumer({}), ConsumerError, "is closed");
});

/** Somebody who is no broker: he closes at once, says something else, or says nothing. */
function nobody(how: "refuses" | "babbles" | "is silent") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      if (how !== "babbles") continue;
      await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")).catch(() => {}); // who called has gone
    }
  })();
  if (how === "refuses") listener.close();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      if (how !== "refuses") listener.close();
      await accepting;
      for (const conn of conns) conn.close();
    },
  };
}

for (const how of ["refuses", "babbles", "is silent"] as const) {
  Deno.test(`a broker that ${how} is an error in time, and nothing that holds up a close`, async () => {
    await using broker = nobody(how);
    await using client = connect(broker.address);
    const at = { topic: "t", partition: 0 };
    const consumer = client.consumer({ groupId: "g", topics: ["t"], requestTimeoutMs: 50 });
    const said = async (ask: () => Promise<unknown>) =>
      await assertRejects(() => patiently(ask(), "an error"), ConsumerError, `${broker.address}`) as ConsumerError;
    const poll = async (consumer: Consumer) => {
      while ((await consumer.poll({ timeoutMs: 20 })).length === 0); // the first may be over before anybody was asked
    };
    assertEquals((await said(() => poll(consumer))).code, "NETWORK_EXCEPTION");
    assertEquals((await said(() => consumer.committed([at]))).code, "REQUEST_TIMED_OUT");
    await patiently(consumer.close(), "the close");
    await using alone = client.consumer({ partitions: [at], requestTimeoutMs: 50 });
    assertEquals((await said(() => poll(alone))).code, "NETWORK_EXCEPTION");
    assertEquals((await said(() => alone.position(at))).code, "REQUEST_TIMED_OUT");
  });
}

Deno.test("options that contradict each other are refused", async () => {
  await using cluster = await startCluster();
  const partitions = [{ topic: "t", partition: 0 }];
  assertThrows(() => cluster.consumer({ topics: ["t"] }), RangeError, "takes a groupId");
  assertThrows(() => cluster.consumer({ groupId: "g", topics: ["t"], partitions }), RangeError, "Only one of");
  assertThrows(() => cluster.consumer({ sessionTimeoutMs: 0 }), RangeError, "sessionTimeoutMs is 0");
  assertThrows(() => connect("nowhere"), RangeError, '"nowhere" is no address');
  assertThrows(() => connect("localhost:0"), RangeError, '"localhost:0" is no address');
  assert(cluster.actors().every(({ kind }) => kind !== "consumer"));
  await using first = cluster.consumer({ name: "reader" });
  assertThrows(() => cluster.consumer({ name: "reader" }), RangeError, 'There is a consumer "reader" already');
  assertEquals([first.ref, cluster.actors().filter(({ kind }) => kind === "consumer").length], [
    "0/consumer/reader",
    1,
  ]);
});
