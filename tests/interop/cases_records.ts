/**
 * Cases about records: writing them in every form, and reading them from every place.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { partitionForKey } from "../../lib/murmur2.ts";
import { until } from "../helpers/patience.ts";
import type { Abilities } from "./abilities.ts";
import type { WireRecord } from "./client.ts";
import { assertSameRecords, base64, type Case, consumeWith, noise, record } from "./scene.ts";

/** Everything a record can be, as far as the client can write it. */
function corpus(abilities: Abilities): WireRecord[] {
  return [
    record("key", "value"),
    record("ключ-鍵-🔑", "värde ☃"),
    record("tombstone", null),
    record("empty value", ""),
    record(null, "no key"),
    ...(abilities.emptyKeys ? [record("", "empty key")] : []),
    record("headers", "v", [["a", base64("1")], ["empty", base64("")], ["ünïcode", base64("☃")]]),
    record("twice the same header", "v", [["a", base64("1")], ["a", base64("2")]]),
    ...(abilities.nullHeaders ? [record("null header", "v", [["a", null]])] : []),
    record("binary", Uint8Array.from({ length: 256 }, (_, byte) => byte)),
    ...Array.from({ length: 50 }, (_, n) => record(`row-${n}`, `this is row number ${n}, much like the one before it`)),
  ];
}

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

const codecs: Case[] = CODECS.map((codec) => ({
  name: `produce-consume/${codec}`,
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic();
    const records = corpus(scene.abilities);
    await scene.produce(topic, records, { codec });
    await assertSameRecords(await scene.consume(topic, records.length), records);
  },
}));

const acks: Case[] = [0, 1, -1].map((acks) => ({
  name: `produce-consume/acks-${acks === -1 ? "all" : acks}`,
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic();
    const records = [record("a", "1"), record("b", "2"), record("c", "3")];
    const offsets = await scene.produce(topic, records, { acks });
    if (acks !== 0) {
      for (const [n, at] of offsets.entries()) {
        assertEquals(at.o, n, "the offset that was acknowledged");
      }
    }
    await assertSameRecords(await scene.consume(topic, 3), records);
  },
}));

const SIZES = { "1-byte": 1, "1-KiB": 1_024, "100-KiB": 102_400, "1-MiB": 1_048_576 };

const sizes: Case[] = Object.entries(SIZES).map(([label, size]) => ({
  name: `record-size/${label}`,
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic(1, { "max.message.bytes": "2097152" });
    const records = [1, 2].map((seed) => record("k", noise(size, seed)));
    for (const each of records) await scene.produce(topic, [each]);
    await assertSameRecords(await scene.consume(topic, 2), records);
  },
}));

/** Of a batch with one record of this size without a key: 61 of the batch, 11 of the record and its lengths. */
const OVERHEAD = 72;

const limit: Case = {
  name: "record-size/max.message.bytes",
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic(1, { "max.message.bytes": "100000" });
    const fits = record(null, noise(100_000 - OVERHEAD, 3));
    await scene.produce(topic, [fits]);
    const tooLarge = scene.produce(topic, [record(null, noise(100_001 - OVERHEAD, 4))]);
    await refusedAsTooLarge(tooLarge);
    await scene.produce(topic, [record(null, "after")]);
    await assertSameRecords(await scene.consume(topic, 2), [fits, record(null, "after")]);
  },
};

async function refusedAsTooLarge(call: Promise<unknown>): Promise<void> {
  const code = await call.then(() => 0, (error) => error.code);
  assertEquals(code, 10, "one byte above max.message.bytes must be MESSAGE_TOO_LARGE");
}

const keys: Case = {
  name: "partitions/keys-hash-as-in-java",
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic(5);
    const names = Array.from({ length: 25 }, (_, n) => `key-${n}-${"x".repeat(n)}`);
    await scene.produce(topic, names.map((name) => record(name, `of ${name}`)));
    const encoder = new TextEncoder();
    for (let partition = 0; partition < 5; partition++) {
      const wanted = names.filter((name) => partitionForKey(encoder.encode(name), 5) === partition);
      const found = await scene.consume(topic, wanted.length, { kind: "beginning" }, partition);
      assertEquals(new Set(found.map((each) => atob(each.k!))), new Set(wanted), `keys of partition ${partition}`);
    }
  },
};

const chosen: Case = {
  name: "partitions/chosen-by-the-producer",
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic(3);
    const records = [2, 0, 1, 2].map((p, n) => ({ ...record("same key", `value ${n}`), p }));
    await scene.produce(topic, records);
    await assertSameRecords(await scene.consume(topic, 2, { kind: "beginning" }, 2), [records[0]!, records[3]!]);
    await assertSameRecords(await scene.consume(topic, 1, { kind: "beginning" }, 1), [records[2]!]);
  },
};

const idempotent: Case = {
  name: "produce-consume/idempotent",
  needs: ["produce", "consume"],
  async run(scene) {
    const topic = await scene.topic();
    const records = Array.from({ length: 20 }, (_, n) => record(`k${n}`, `v${n}`));
    await scene.produce(topic, records, { idempotent: true });
    const found = await scene.consume(topic, 20);
    await assertSameRecords(found, records);
    assertEquals(found.map((each) => each.o), records.map((_, n) => n), "offsets without gaps");
    if (scene.has("describeProducers")) {
      const { producers } = await scene.client.call<{ producers: number }>("describeProducers", {
        topic,
        partition: 0,
      });
      assertEquals(producers, 1, "DescribeProducers");
    }
  },
};

const timestamps: Case = {
  name: "produce-consume/timestamps",
  needs: ["produce", "consume"],
  when: (abilities) => abilities.timestamps,
  async run(scene) {
    const topic = await scene.topic();
    const start = Date.now() - 100_000;
    const records = [0, 1, 2].map((n) => ({ ...record("k", `v${n}`), t: start + n * 1_000 }));
    await scene.produce(topic, records);
    assertEquals((await scene.consume(topic, 3)).map((each) => each.t), records.map((each) => each.t));
  },
};

/** A topic with ten records, ten seconds from one to the next, written by the clerk. */
async function tenRecords(
  scene: Parameters<Case["run"]>[0],
): Promise<{ topic: string; start: number; records: WireRecord[] }> {
  const topic = await scene.topic();
  const start = Date.now() - 1_000_000;
  const records = Array.from({ length: 10 }, (_, n) => ({ ...record(`k${n}`, `v${n}`), t: start + n * 10_000 }));
  await scene.clerk.call("produce", { topic, records, codec: "gzip", acks: -1, idempotent: false, auto: false });
  return { topic, start, records };
}

const fromOffset: Case = {
  name: "consume-from/offset",
  needs: ["consume"],
  async run(scene) {
    const { topic, records } = await tenRecords(scene);
    // Offset 4 lies inside of a compressed batch.
    const found = await scene.consume(topic, 6, { kind: "offset", value: 4 });
    await assertSameRecords(found, records.slice(4));
    assertEquals(found[0]!.o, 4);
  },
};

const fromTimestamp: Case = {
  name: "consume-from/timestamp",
  needs: ["consume"],
  async run(scene) {
    const { topic, start, records } = await tenRecords(scene);
    const found = await scene.consume(topic, 3, { kind: "time", value: start + 65_000 });
    await assertSameRecords(found, records.slice(7));
  },
};

const fromEnd: Case = {
  name: "consume-from/end",
  needs: ["consume"],
  async run(scene) {
    const { topic } = await tenRecords(scene);
    let done = false;
    const reading = scene.consume(topic, 1, { kind: "end" }).finally(() => done = true);
    reading.catch(() => {}); // It is awaited below.
    // Nobody can tell from outside when the reader stands at the end: write until it has seen something.
    let n = 0;
    await until("a record written later is read from the end", async () => {
      const late = {
        topic,
        records: [record("late", `${n++}`)],
        codec: "none",
        acks: -1,
        idempotent: false,
        auto: false,
      };
      await scene.clerk.call("produce", late);
      return done;
    });
    const [found] = await reading;
    assertEquals(atob(found!.k!), "late");
    assert(found!.o! >= 10, "an old record was read");
  },
};

/** The cases in the order in which they run. */
export const RECORD_CASES: readonly Case[] = [
  ...codecs,
  ...acks,
  idempotent,
  timestamps,
  ...sizes,
  limit,
  keys,
  chosen,
  fromOffset,
  fromTimestamp,
  fromEnd,
];

/** What one client wrote is what each other reads; the writer's name is part of the case's. */
export function crossCases(
  writers: readonly string[],
  openWriter: (name: string) => Promise<Parameters<Case["run"]>[0]>,
): Case[] {
  return writers.map((writer) => {
    let written: Promise<{ topic: string; records: WireRecord[] }> | undefined;
    return {
      name: `cross/written-by-${writer}`,
      needs: ["consume"],
      when: (_abilities, reader) => reader !== writer,
      async run(scene) {
        written ??= openWriter(writer).then(async (from) => {
          const topic = await from.topic();
          const records = corpus(from.abilities);
          await from.produce(topic, records, { codec: "lz4" });
          return { topic, records };
        });
        const { topic, records } = await written;
        await assertSameRecords(await consumeWith(scene.client, topic, records.length), records);
      },
    };
  });
}
