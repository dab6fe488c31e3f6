/** The path of a record through a running broker, in every version that is served. */
import { assert, assertEquals } from "@std/assert";
import { startCluster } from "../../mod.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { errorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { initProducerId } from "../../protocol/tables/transactions.ts";
import { deleteTopics } from "../../protocol/tables/topics.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { fetch, offsetForLeaderEpoch, produce } from "../../protocol/tables/produce_fetch.ts";
import {
  createTopic,
  fetchFrom,
  offsetFor,
  produceBatch,
  produceRequest,
  produceTexts,
  readAll,
  texts,
} from "../helpers/kafka_calls.ts";
import { RawClient } from "../helpers/raw_client.ts";

/** Runs `body` with a client of a fresh broker. */
async function withBroker(
  body: (client: RawClient, bootstrap: string) => Promise<void>,
  config: Record<string, string> = {},
): Promise<void> {
  await using cluster = await startCluster({ config });
  await using client = await RawClient.connect(cluster.bootstrap);
  await body(client, cluster.bootstrap);
}

Deno.test("every served version of Produce and Fetch carries a record there and back", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "versions");
    const topicId = (await client.call(metadata, 12, { topics: [{ name: "versions" }] })).topics[0]!.topicId;
    let offset = 0;
    for (let version = 3; version <= 11; version++) {
      const produced = await produceBatch(client, "versions", encodeBatch(texts(`v${version}`)), { version });
      assertEquals([produced.error, produced.baseOffset], ["NONE", offset++]);
    }
    const expected = ["v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11"];
    for (let version = 4; version <= 12; version++) {
      assertEquals((await fetchFrom(client, "versions", 0, { version })).records.map(({ value }) => value), expected);
    }
    for (let version = 13; version <= 17; version++) {
      const response = await client.call(fetch, version, {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 4n, partitionMaxBytes: 1 << 20 }] }],
      });
      const partition = response.responses[0]!.partitions[0]!;
      assertEquals([response.responses[0]!.topicId, partition.errorCode, partition.highWatermark], [topicId, 0, 9n]);
      assert(partition.records!.length > 0);
      assertEquals(partition.preferredReadReplica, -1);
    }
  });
});

Deno.test("a fetch that finds nothing waits until something comes", async () => {
  await withBroker(async (client, bootstrap) => {
    await createTopic(client, "slow");
    await using consumer = await RawClient.connect(bootstrap);
    const waiting = fetchFrom(consumer, "slow", 0, { maxWaitMs: 60_000 });
    assertEquals((await produceTexts(client, "slow", ["at last"])).error, "NONE");
    assertEquals((await waiting).records, [{ offset: 0, value: "at last" }]);
  });
});

Deno.test("a fetch waits for minBytes over all its partitions, and no longer than maxWaitMs", async () => {
  await withBroker(async (client, bootstrap) => {
    await createTopic(client, "two", 2);
    await using consumer = await RawClient.connect(bootstrap);
    const ask = (maxWaitMs: number, minBytes: number) =>
      consumer.call(fetch, 11, {
        maxWaitMs,
        minBytes,
        maxBytes: 1 << 20,
        topics: [{
          topic: "two",
          partitions: [0, 1].map((partition) => ({ partition, fetchOffset: 0n, partitionMaxBytes: 1 << 20 })),
        }],
      });
    assertEquals((await ask(50, 1)).responses[0]!.partitions.map(({ records }) => records!.length), [0, 0]);
    const first = encodeBatch(texts("a".repeat(500)));
    const waiting = ask(60_000, first.length + 100);
    await produceBatch(client, "two", first);
    await produceBatch(client, "two", encodeBatch(texts("b".repeat(500))), { partition: 1 });
    const sizes = (await waiting).responses[0]!.partitions.map(({ records }) => records!.length);
    assert(sizes.every((size) => size > 500), `partitions brought ${sizes} bytes`);
  });
});

Deno.test("a fetch in the middle of a batch brings the batch that contains the offset, however large", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "middle");
    await produceTexts(client, "middle", ["a", "b", "c"]);
    await produceTexts(client, "middle", ["d"]);
    const fetched = await fetchFrom(client, "middle", 1, { maxBytes: 1 });
    assertEquals(fetched.records.map(({ offset }) => offset), [1, 2]);
  });
});

Deno.test("a topic is created when metadata asks for it, unless the client or the broker forbids that", async () => {
  await withBroker(async (client) => {
    const ask = async (name: string, allowAutoTopicCreation: boolean) => {
      const response = await client.call(metadata, 9, { topics: [{ name }], allowAutoTopicCreation });
      const { errorCode, partitions } = response.topics[0]!;
      return [errorName(errorCode), partitions.map(({ leaderId }) => leaderId)];
    };
    assertEquals(await ask("auto", false), ["UNKNOWN_TOPIC_OR_PARTITION", []]);
    assertEquals(await ask("auto", true), ["NONE", [1, 1]]);
    assertEquals(await ask("not/valid", true), ["INVALID_TOPIC_EXCEPTION", []]);
  }, { "num.partitions": "2" });
  await withBroker(async (client) => {
    const response = await client.call(metadata, 9, { topics: [{ name: "auto" }], allowAutoTopicCreation: true });
    assertEquals(errorName(response.topics[0]!.errorCode), "UNKNOWN_TOPIC_OR_PARTITION");
  }, { "auto.create.topics.enable": "false" });
});

Deno.test("an idempotent batch that comes again is acknowledged with its first offset and not appended", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "once");
    const { producerId, producerEpoch, errorCode } = await client.call(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    assertEquals(errorCode, 0);
    const send = (baseSequence: number, epoch = producerEpoch) =>
      produceTexts(client, "once", ["x", "y"], { producerId, producerEpoch: epoch, baseSequence });
    assertEquals((await send(0)).baseOffset, 0);
    assertEquals((await send(2)).baseOffset, 2);
    assertEquals((await send(0)).baseOffset, 0);
    assertEquals((await send(6)).error, "OUT_OF_ORDER_SEQUENCE_NUMBER");
    assertEquals((await send(0, producerEpoch + 1)).baseOffset, 4);
    assertEquals((await send(4)).error, "INVALID_PRODUCER_EPOCH");
    assertEquals(await offsetFor(client, "once", -1), 6);
  });
});

Deno.test("acks=0 is never answered; the records are there all the same, and an error closes the connection", async () => {
  await withBroker(async (client, bootstrap) => {
    await createTopic(client, "quiet");
    await client.tell(produce, 9, produceRequest("quiet", encodeBatch(texts("psst")), 0, 0));
    assertEquals((await fetchFrom(client, "quiet", 0)).records, [{ offset: 0, value: "psst" }]);
    await using bad = await RawClient.connect(bootstrap);
    await bad.tell(produce, 9, produceRequest("quiet", encodeBatch(texts("psst")), 5, 0));
    await bad.closed;
  });
});

Deno.test("overlapping produces of one connection are appended in their order", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "ordered");
    const values = Array.from({ length: 300 }, (_, index) => `m${index}`);
    const produced = await Promise.all(values.map((value) => produceTexts(client, "ordered", [value])));
    assertEquals(produced.map(({ baseOffset }) => baseOffset), values.map((_, index) => index));
    assertEquals((await readAll(client, "ordered")).map(({ value }) => value), values);
  });
});

Deno.test("a topic that is deleted and made again is empty, has another id, and the old id is unknown", async () => {
  await withBroker(async (client) => {
    const idOf = async (name: string) => (await client.call(metadata, 12, { topics: [{ name }] })).topics[0]!.topicId;
    const ids = new Set<string>();
    for (let round = 0; round < 10; round++) {
      await createTopic(client, "phoenix");
      ids.add(await idOf("phoenix"));
      assertEquals((await produceTexts(client, "phoenix", ["a", "b"])).baseOffset, 0);
      const deleted = await client.call(deleteTopics, 6, {
        topics: [{ name: "phoenix", topicId: ZERO_UUID }],
        timeoutMs: 9_000,
      });
      assertEquals(deleted.responses[0]!.errorCode, 0);
      assertEquals((await produceTexts(client, "phoenix", ["c"])).error, "UNKNOWN_TOPIC_OR_PARTITION");
    }
    assertEquals(ids.size, 10);
    const [old] = ids;
    const response = await client.call(fetch, 13, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topicId: old!, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1024 }] }],
    });
    assertEquals(errorName(response.responses[0]!.partitions[0]!.errorCode), "UNKNOWN_TOPIC_ID");
  });
});

Deno.test("incremental fetch sessions tell only what changed", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "session", 2);
    await produceTexts(client, "session", ["a"]);
    const ask = (sessionId: number, sessionEpoch: number, offsets: readonly (readonly [number, bigint])[]) =>
      client.call(fetch, 12, {
        maxWaitMs: 0,
        minBytes: 0,
        sessionId,
        sessionEpoch,
        topics: offsets.length === 0 ? [] : [{
          topic: "session",
          partitions: offsets.map(([partition, fetchOffset]) => ({ partition, fetchOffset, partitionMaxBytes: 4096 })),
        }],
      });
    const told = (response: Awaited<ReturnType<typeof ask>>) =>
      response.responses.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex));
    const opened = await ask(0, 0, [[0, 0n], [1, 0n]]);
    assertEquals(told(opened), [0, 1]);
    assertEquals(told(await ask(opened.sessionId, 1, [[0, 1n]])), []);
    await produceBatch(client, "session", encodeBatch(texts("b")), { partition: 1 });
    assertEquals(told(await ask(opened.sessionId, 2, [])), [1]);
    assertEquals(errorName((await ask(opened.sessionId, 9, [])).errorCode), "INVALID_FETCH_SESSION_EPOCH");
    assertEquals(errorName((await ask(opened.sessionId + 1, 1, [])).errorCode), "FETCH_SESSION_ID_NOT_FOUND");
  });
});

Deno.test("offsets are found at both ends, by time, and by the largest timestamp", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "times");
    const at = (timestamp: number) => encodeBatch([{ value: new Uint8Array(1), timestamp }]);
    const start = Date.now() - 1_000_000;
    for (const delta of [0, 500, 200]) await produceBatch(client, "times", at(start + delta));
    assertEquals(await offsetFor(client, "times", -2), 0);
    assertEquals(await offsetFor(client, "times", -1), 3);
    assertEquals(await offsetFor(client, "times", -3), 1);
    assertEquals(await offsetFor(client, "times", start + 1), 1);
    assertEquals(await offsetFor(client, "times", start + 501), -1);
  });
});

Deno.test("leader epochs that are too old or too new are fenced, and their end can be asked for", async () => {
  await withBroker(async (client) => {
    await createTopic(client, "epochs");
    await produceTexts(client, "epochs", ["a", "b"]);
    const described = await client.call(metadata, 9, { topics: [{ name: "epochs" }] });
    const { leaderEpoch } = described.topics[0]!.partitions[0]!;
    const ask = async (currentLeaderEpoch: number, asked: number) => {
      const response = await client.call(offsetForLeaderEpoch, 4, {
        replicaId: -1,
        topics: [{ topic: "epochs", partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch: asked }] }],
      });
      const { errorCode, endOffset } = response.topics[0]!.partitions[0]!;
      return [errorName(errorCode), Number(endOffset)];
    };
    assertEquals(await ask(-1, leaderEpoch), ["NONE", 2]);
    assertEquals(await ask(leaderEpoch + 1, leaderEpoch), ["UNKNOWN_LEADER_EPOCH", -1]);
  });
});
