/**
 * A compacted topic whose older segments have nothing left but what keeps the offsets together: every client must read over them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { until } from "../helpers/patience.ts";
import type { WireRecord } from "./client.ts";
import { assertSameRecords, type Case, consumeWith, freshTopic, noise, record, type Scene } from "./scene.ts";
import type { Target } from "./target.ts";

const KEYS = 8;
const RECORDS = 480;
const VALUE_BYTES = 10_000;
/** The least that a topic may ask for. */
const SEGMENT_BYTES = 1_048_576;
/** More than one record of every key takes, and less than two do: what is closed is then as it will stay. */
const ALL_KEYS_BYTES = 1.5 * KEYS * VALUE_BYTES;
const CONFIGS = {
  "cleanup.policy": "compact",
  "segment.bytes": String(SEGMENT_BYTES),
  "min.cleanable.dirty.ratio": "0.01",
  "min.compaction.lag.ms": "0",
};

const LABEL = "compacted";

/** Whether a file is of a topic that is compacted. */
export function isOfCompacted(path: string): boolean {
  return new RegExp(`/interop-\\w+-${LABEL}-\\d+-\\d+/`).test(path);
}

/** Made once for all clients: the topic, and what is left in it. */
let made: Promise<{ readonly topic: string; readonly left: readonly WireRecord[] }> | undefined;

async function makeCompacted({ clerk, target }: Scene) {
  const topic = freshTopic(LABEL);
  await clerk.call("createTopic", { topic, partitions: 1, configs: CONFIGS });
  const settings = { codec: "none", acks: -1, idempotent: false, auto: false };
  const valueOf = (n: number) => noise(VALUE_BYTES, n);
  for (let n = 0; n < RECORDS; n += 40) {
    const records = Array.from({ length: 40 }, (_, at) => ({ ...record(`key-${at % KEYS}`, valueOf(n + at)), p: 0 }));
    await clerk.call("produce", { topic, records, ...settings });
  }
  // What is left in the end: the last of each key, and the segment that is being written.
  await until("the topic has been compacted", async () => await closedBytesOf(target, topic) < ALL_KEYS_BYTES, 120_000);
  const left = await consumeWith(clerk, topic, KEYS);
  const end = await clerk.call<{ offset: number }>("listOffsets", { topic, partition: 0, at: "latest" });
  assertEquals(end.offset, RECORDS);
  const all = [...left];
  while (all.at(-1)!.o! < RECORDS - 1) {
    all.push(...await consumeWith(clerk, topic, 1, { kind: "offset", value: all.at(-1)!.o! + 1 }));
  }
  assert(all[0]!.o! > 100, `the first record left is ${all[0]!.o}`);
  const last = new Map(all.map((each) => [each.k, each.o]));
  assertEquals(
    [...last.values()].sort((a, b) => a! - b!),
    Array.from({ length: KEYS }, (_, at) => RECORDS - KEYS + at),
  );
  return { topic, left: all };
}

/** What the closed segments of the topic's only partition take, in the data folder where they take the most. */
async function closedBytesOf(target: Target, topic: string): Promise<number> {
  const sizes: number[] = [];
  const look = async (folder: string, depth: number) => {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory && entry.name === `${topic}-0`) sizes.push(await closedBytes(path));
      else if (entry.isDirectory && depth > 0) await look(path, depth - 1);
    }
  };
  await look(target.own!.dataFolder, 3);
  return Math.max(...sizes);
}

async function closedBytes(folder: string): Promise<number> {
  const names = (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).filter((name) =>
    name.endsWith(".log")
  );
  const sizes = names.sort().slice(0, -1).map((name) =>
    Deno.stat(`${folder}/${name}`).then(({ size }) => size, () => 0)
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const compacted: Case = {
  name: "compaction/read-over-what-is-gone",
  needs: [],
  brokers: 1,
  async run(scene) {
    const { topic, left } = await (made ??= makeCompacted(scene));
    await assertSameRecords(await scene.consume(topic, left.length), left);
    // From the middle of what is gone.
    await assertSameRecords(await scene.consume(topic, left.length, { kind: "offset", value: 55 }), left);
  },
};

/** The cases in the order in which they run. */
export const COMPACTION_CASES: readonly Case[] = [compacted];
