/**
 * What a hostile or broken client may send to a running broker: a typed error or a closed connection, bounded memory, nothing
 * appended, nobody else disturbed.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { startCluster } from "../../mod.ts";
import { SeededRandom } from "../../lib/prng.ts";
import { encodeRequest } from "../../protocol/codec.ts";
import { errorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { apiVersions, metadata } from "../../protocol/tables/metadata.ts";
import { fetch } from "../../protocol/tables/produce_fetch.ts";
import { createTopic, fetchFrom, offsetFor, produceBatch, produceTexts, texts } from "../helpers/kafka_calls.ts";
import { concat, RawClient } from "../helpers/raw_client.ts";

/** Runs `attack` against a broker that a well-behaved client uses before and after it. */
async function withNeighbour(attack: (bootstrap: string, neighbour: RawClient) => Promise<void>): Promise<void> {
  await using cluster = await startCluster();
  await using neighbour = await RawClient.connect(cluster.bootstrap);
  await createTopic(neighbour, "kept");
  assertEquals((await produceTexts(neighbour, "kept", ["before"])).error, "NONE");
  await attack(cluster.bootstrap, neighbour);
  assertEquals((await produceTexts(neighbour, "kept", ["after"])).error, "NONE");
  const kept = (await fetchFrom(neighbour, "kept", 0)).records.map(({ value }) => value);
  assertEquals(kept.filter((value) => value !== "meanwhile"), ["before", "after"]);
}

function sized(body: Uint8Array, size = body.length): Uint8Array {
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setInt32(0, size);
  bytes.set(body, 4);
  return bytes;
}

async function expectClosed(bootstrap: string, bytes: Uint8Array): Promise<void> {
  await using client = await RawClient.connect(bootstrap);
  await assertRejects(() => client.exchange(bytes));
  await client.closed;
}

Deno.test("garbage, lying sizes, unknown APIs and versions close the connection that sent them", async () => {
  await withNeighbour(async (bootstrap) => {
    const random = new SeededRandom("garbage");
    for (let i = 0; i < 50; i++) await expectClosed(bootstrap, sized(random.bytes(1 + random.below(200))));
    await expectClosed(bootstrap, sized(new Uint8Array(0), -1));
    await expectClosed(bootstrap, sized(new Uint8Array(0), 0x7fffffff));
    await expectClosed(bootstrap, sized(new Uint8Array([0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff])));
    await expectClosed(bootstrap, sized(new Uint8Array([0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff])));
    await expectClosed(bootstrap, sized(new Uint8Array([0, 3])));
  });
});

Deno.test("a Metadata request with an array of a million arrays is refused before it is built", async () => {
  await withNeighbour(async (bootstrap) => {
    const header = [0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff];
    for (const count of [0x7fffffff, 1_000_001, 1_000_000]) {
      const body = new Uint8Array(header.length + 4);
      body.set(header);
      new DataView(body.buffer).setInt32(header.length, count);
      await expectClosed(bootstrap, sized(body));
    }
  });
});

Deno.test("ApiVersions of an unknown version is answered in version 0, and the connection goes on", async () => {
  await withNeighbour(async (bootstrap) => {
    await using client = await RawClient.connect(bootstrap);
    const frame = await client.exchange(sized(new Uint8Array([0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff])));
    assertEquals([...frame], [0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    const answer = await client.call(apiVersions, 3, { clientSoftwareName: "raw", clientSoftwareVersion: "1.0" });
    assertEquals(answer.errorCode, 0);
    const refused = await client.call(apiVersions, 3, { clientSoftwareName: "no spaces", clientSoftwareVersion: "1" });
    assertEquals(errorName(refused.errorCode), "INVALID_REQUEST");
  });
});

Deno.test("a request cut off at any byte is never answered", async () => {
  await withNeighbour(async (bootstrap) => {
    const whole = concat(
      encodeRequest(metadata, 12, 1, "cut", { topics: [{ name: "kept" }], allowAutoTopicCreation: false }),
    );
    for (let length = 4; length < whole.length - 4; length += 3) {
      await expectClosed(bootstrap, sized(whole.subarray(4, 4 + length)));
    }
  });
});

Deno.test("a thousand half-open connections take little memory and hold up nobody", async () => {
  await withNeighbour(async (bootstrap, neighbour) => {
    const before = Deno.memoryUsage().rss;
    const clients = await Promise.all(Array.from({ length: 1000 }, () => RawClient.connect(bootstrap)));
    for (const [index, client] of clients.entries()) {
      await client.write(sized(new Uint8Array(index % 40), 90_000_000)); // the beginning of 90 MB
    }
    assertEquals((await produceTexts(neighbour, "kept", ["meanwhile"])).error, "NONE");
    const grown = Deno.memoryUsage().rss - before; // both ends of each connection live in this process
    assert(grown < 400_000_000, `memory grew by ${grown} bytes`);
    await Promise.all(clients.map((client) => client.close()));
  });
});

Deno.test("a client that pipelines fetches and never reads the answers is held up, not served into memory", async () => {
  await withNeighbour(async (bootstrap, neighbour) => {
    await createTopic(neighbour, "large");
    const value = new Uint8Array(900_000);
    await produceBatch(neighbour, "large", encodeBatch([{ value }]));
    const request = concat(encodeRequest(fetch, 11, 1, "deaf", {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      topics: [{ topic: "large", partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }] }],
    }));
    const before = Deno.memoryUsage().rss;
    const address = { hostname: "127.0.0.1", port: Number(bootstrap.split(":")[1]) };
    const deaf = await Promise.all(Array.from({ length: 20 }, () => Deno.connect(address)));
    await Promise.all(deaf.map(async (conn) => {
      for (let i = 0; i < 60; i++) await conn.write(request); // 20 × 60 × 900 kB, if they were all served
    }));
    for (let i = 0; i < 20; i++) assertEquals((await produceTexts(neighbour, "large", ["x"])).error, "NONE");
    const grown = Deno.memoryUsage().rss - before;
    assert(grown < 300_000_000, `memory grew by ${grown} bytes`);
    for (const conn of deaf) conn.close();
  });
});

Deno.test("decompression bombs are refused with a typed error and append nothing", async () => {
  await withNeighbour(async (_, neighbour) => {
    await createTopic(neighbour, "bombed");
    for (const codec of ["gzip", "lz4", "zstd", "snappy"] as const) {
      const bomb = encodeBatch([{ value: new Uint8Array(200 << 20) }], { codec });
      const { error } = await produceBatch(neighbour, "bombed", bomb);
      assert(error !== "NONE", `${codec} was taken`);
    }
    assertEquals(await offsetFor(neighbour, "bombed", -1), 0);
  });
});

Deno.test("nonsense in a well-formed produce is refused by name and appends nothing", async () => {
  await withNeighbour(async (_, neighbour) => {
    await createTopic(neighbour, "strict");
    const good = () => encodeBatch(texts("a", "b"));
    const changed = (change: (batch: Uint8Array) => void) => {
      const batch = good();
      change(batch);
      return batch;
    };
    const cases: [Uint8Array | null, number, string][] = [
      [null, -1, "INVALID_RECORD"],
      [new Uint8Array(0), -1, "INVALID_RECORD"],
      [new Uint8Array(7), -1, "CORRUPT_MESSAGE"],
      [changed((batch) => batch[70]! ^= 1), -1, "CORRUPT_MESSAGE"],
      [concat([good(), good()]), -1, "INVALID_RECORD"],
      [good(), 7, "INVALID_REQUIRED_ACKS"],
    ];
    for (const [batch, acks, expected] of cases) {
      assertEquals((await produceBatch(neighbour, "strict", batch, { acks })).error, expected);
    }
    assertEquals(
      (await produceBatch(neighbour, "strict", good(), { partition: 1 })).error,
      "UNKNOWN_TOPIC_OR_PARTITION",
    );
    assertEquals(
      (await produceBatch(neighbour, "strict", good(), { partition: -1 })).error,
      "UNKNOWN_TOPIC_OR_PARTITION",
    );
    assertEquals((await produceBatch(neighbour, "nowhere", good())).error, "UNKNOWN_TOPIC_OR_PARTITION");
    assertEquals(await offsetFor(neighbour, "strict", -1), 0);
  });
});

Deno.test("fetches out of range are told so", async () => {
  await withNeighbour(async (_, neighbour) => {
    for (const offset of [-1, 99, Number.MAX_SAFE_INTEGER]) {
      assertEquals((await fetchFrom(neighbour, "kept", offset)).error, "OFFSET_OUT_OF_RANGE");
    }
  });
});

Deno.test("thousands of pipelined requests are answered in their order", async () => {
  await withNeighbour(async (bootstrap) => {
    await using client = await RawClient.connect(bootstrap);
    const calls = Array.from(
      { length: 3000 },
      (_, index) =>
        index % 3 === 0
          ? client.call(metadata, 9, { topics: [] })
          : client.call(apiVersions, index % 2 === 0 ? 0 : 2, {}),
    );
    await Promise.all(calls); // each call checks the correlation id of its answer
  });
});
