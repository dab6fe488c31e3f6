/**
 * Bits flip in every file of a stopped broker's folder, a few at a time: what is damaged is never served, what is sound is,
 * and nothing acknowledged goes missing without a word.
 *
 * `SAMSA_ROT_FLIPS=50 SAMSA_SEED=7 deno test -A tests/durability/disk_rot_test.ts` flips more bits per file, and others.
 */
import { assert, assertEquals, AssertionError, assertMatch } from "@std/assert";
import { type Cluster, startCluster } from "../../mod.ts";
import { type Random, SeededRandom } from "../../lib/prng.ts";
import { batches, lastOffsetOf } from "../../protocol/batch.ts";
import { errorName } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/records.ts";
import { fetch } from "../../protocol/tables/produce_fetch.ts";
import { createTopic, fetchFrom, offsetFor, produceBatch, produceTexts } from "../helpers/kafka_calls.ts";
import { concat, RawClient } from "../helpers/raw_client.ts";

const FLIPS = Number(Deno.env.get("SAMSA_ROT_FLIPS") ?? 8);
const SEED = Deno.env.get("SAMSA_SEED") ?? "1";
const HURT = "hurt";
const SOUND = "sound";
const BATCHES = 40;
/** In a log: the last bytes of base offset, length and leader epoch, which no CRC covers; magic, CRC, attributes. */
const HEADER_FIELDS = [7, 11, 15, 16, 20, 22];
/** In an index: the last bytes of the first offsets. */
const INDEX_FIELDS = [3, 11, 19];
/** Not so long ago that retention or the expiry of producers would come between. */
const STARTED_MS = Date.now() - 3_600_000;
const PRODUCER = { producerId: 7n, producerEpoch: 0 };

/** What a broker made of a damaged folder. */
type Outcome =
  /** Everything is there and right. */
  | "intact"
  /** Only the damaged partition is not served, and says why. */
  | "refused"
  /** The folder is taken for another than the broker had, which has lost everything then: nothing in it is served. */
  | "taken for another"
  /** The broker does not start, and says why. */
  | "not started";

/** What may become of damage, by file. What is derived is made anew; what is not is missed by whoever needs it. */
const ALLOWED: readonly (readonly [file: RegExp, outcomes: readonly Outcome[]])[] = [
  [/^hurt-0\/\d+\.log$/, ["refused"]],
  [/^hurt-0\/\d+\.(index|timeindex|snapshot)$/, ["intact"]],
  // Text without a checksum: a digit that has changed makes the batches look wrong.
  [/^hurt-0\/leader-epoch-checkpoint$/, ["intact", "refused"]],
  [/^hurt-0\/partition\.metadata$/, ["intact", "refused"]],
  [/^__cluster_metadata-0\/\d+\.log$/, ["not started"]],
  [/^__cluster_metadata-0\/(\d+\.(index|timeindex|snapshot)|partition\.metadata|leader-epoch-checkpoint)$/, [
    "intact",
    "not started",
  ]],
  [/^__cluster_metadata-0\/quorum-state$/, ["not started"]],
  [/^quorum\.properties$/, ["intact", "not started"]],
  [/^meta\.properties$/, ["intact", "taken for another", "not started"]],
  [/^(recovery-point|replication)-offset-checkpoint$/, ["intact", "refused", "not started"]],
  [/^\.(lock|kafka_cleanshutdown)$/, ["intact"]],
];

/** Files that speak of every log. */
const SHARED = /^(recovery-point|replication)-offset-checkpoint$/;

/** Names the folder. */
const NAMES = "meta.properties";

/** A changed digit in it moves a log's start, and nothing else says where that was: as with Kafka, it is not noticed. */
const UNNOTICED = /^log-start-offset-checkpoint$/;

Deno.test("flipped bits are noticed or made good, in every file that a broker keeps", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_rot_" });
  try {
    await flipEverywhere(dir, new SeededRandom(SEED));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

async function flipEverywhere(dir: string, random: Random): Promise<void> {
  const content = await fill(`${dir}/master/1`);
  const seen = new Map<string, Set<Outcome>>();
  for (const path of await filesOf(`${dir}/master/1`)) {
    const { size } = await Deno.stat(`${dir}/master/1/${path}`);
    const allowed = ALLOWED.find(([pattern]) => pattern.test(path))?.[1];
    if (path.startsWith(`${SOUND}-`) || UNNOTICED.test(path) || size === 0) continue;
    assert(allowed !== undefined, `${path} is a file that this test does not know`);
    for (const { at, mask } of flipsOf(path, size, random)) {
      const clean = random.chance(1, 2);
      const what = `${path} at ${at} ^ ${mask}, ${clean ? "clean" : "not clean"}, seed ${SEED}`;
      await copyFolder(`${dir}/master`, `${dir}/copy`);
      if (!clean && path !== ".kafka_cleanshutdown") await Deno.remove(`${dir}/copy/1/.kafka_cleanshutdown`);
      await flipBit(`${dir}/copy/1/${path}`, at, mask);
      const outcome = await lookAt(`${dir}/copy`, path, content, what);
      assert(allowed.includes(outcome), `${what}: ${outcome}`);
      const kind = path.replace(/^.*\//, "").replace(/^\d+/, "*");
      seen.set(kind, (seen.get(kind) ?? new Set()).add(outcome));
      await Deno.remove(`${dir}/copy`, { recursive: true });
    }
  }
  assertEquals([...seen.keys()].sort(), [
    "*.index",
    "*.log",
    "*.snapshot",
    "*.timeindex",
    ".kafka_cleanshutdown",
    "leader-epoch-checkpoint",
    "meta.properties",
    "partition.metadata",
    "quorum-state",
    "quorum.properties",
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
  ]);
}

/** Places that are drawn, and some that would seldom be. */
function flipsOf(path: string, size: number, random: Random): { readonly at: number; readonly mask: number }[] {
  const drawn = Array.from({ length: FLIPS }, () => ({ at: random.below(size), mask: 1 << random.below(8) }));
  const fields = path.endsWith(".log") ? HEADER_FIELDS : path.endsWith(".index") ? INDEX_FIELDS : [];
  return [...fields.filter((at) => at < size).map((at) => ({ at, mask: 1 << random.below(3) })), ...drawn];
}

/** What is in both partitions. */
interface Content {
  readonly values: string[];
  /** The batches as a fetch brings them, base offsets and leader epochs included. */
  readonly bytes: Uint8Array;
}

/** Makes a folder with two partitions in several segments. */
async function fill(dir: string): Promise<Content> {
  const cluster = await startCluster({ dir: dir.replace(/\/1$/, "") });
  const values: string[] = [];
  let bytes: Uint8Array;
  {
    await using client = await RawClient.connect(cluster.bootstrap);
    const configs = { "segment.bytes": "2000", "index.interval.bytes": "200" };
    for (const topic of [HURT, SOUND]) await createTopic(client, topic, 1, configs);
    for (let index = 0; index < BATCHES; index++) {
      const pair = [`${index} a`, `${index} b ${"x".repeat(index)}`];
      for (const topic of [HURT, SOUND]) {
        assertEquals((await produceBatch(client, topic, batchOf(pair, index))).error, "NONE");
      }
      values.push(...pair);
    }
    bytes = await readBytes(client, SOUND);
    assertEquals(await readBytes(client, HURT), bytes);
  }
  await cluster.stop();
  return { values, bytes };
}

/** Every batch of a topic, as it comes over the wire. */
async function readBytes(client: RawClient, topic: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let next = 0;;) {
    const partitions = [{ partition: 0, fetchOffset: BigInt(next), partitionMaxBytes: 1000 }];
    const response = await client.call(fetch, 12, { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }] });
    const { errorCode, records } = response.responses[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`Reading ${topic} from ${next}: ${errorName(errorCode)}`);
    if (records === null || records.length === 0) return concat(chunks);
    chunks.push(records);
    for (const { at } of batches(records)) next = lastOffsetOf(records, at) + 1;
  }
}

function batchOf(values: string[], index: number): Uint8Array {
  const records = values.map((value) => ({
    value: new TextEncoder().encode(value),
    timestamp: STARTED_MS + index * 1000,
  }));
  return encodeBatch(records, { ...PRODUCER, baseSequence: 2 * index });
}

/** Starts a broker on a damaged folder, looks at everything there, and says what it made of it. Throws for what may never be. */
async function lookAt(dir: string, path: string, content: Content, what: string): Promise<Outcome> {
  let cluster: Cluster;
  try {
    cluster = await startCluster({ dir });
  } catch (error) {
    const { message } = error as Error;
    assert(message.includes(namedFor(path)), `${what}: the broker does not start and does not name it: ${message}`);
    return "not started";
  }
  try {
    await using client = await RawClient.connect(cluster.bootstrap);
    const outcome = await lookAtPartition(client, HURT, path, content, what);
    const beside = await lookAtPartition(client, SOUND, path, content, what);
    if (SHARED.test(path) || path === NAMES) return beside === "intact" ? outcome : beside;
    assertEquals(beside, "intact", `${what}: the other topic`);
    return outcome;
  } finally {
    await cluster.stop();
  }
}

async function lookAtPartition(
  client: RawClient,
  topic: string,
  path: string,
  { values, bytes }: Content,
  what: string,
): Promise<Outcome> {
  try {
    for (let offset = 3; offset < values.length; offset += 5) { // each a place that the index has to find
      const { error, records } = await fetchFrom(client, topic, offset, { maxBytes: 1 });
      if (error === "NONE") assertEquals(records[0], { offset, value: values[offset]! }, what);
    }
    assertEquals(await readBytes(client, topic), bytes, what);
    assertEquals(await offsetFor(client, topic, -2), 0, what);
    assertEquals(await offsetFor(client, topic, -1), values.length, what);
    for (let index = 0; index < BATCHES; index++) {
      assertEquals(await offsetFor(client, topic, STARTED_MS + index * 1000 - 1), 2 * index, `${what}: offset by time`);
    }
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    const { message: why } = error as Error;
    if (path === NAMES && why.includes("NOT_LEADER_OR_FOLLOWER")) return "taken for another";
    assertMatch(why, /KAFKA_STORAGE_ERROR/, what);
    const { error: refused, message } = await produceTexts(client, topic, ["no"]);
    assertEquals(refused, "KAFKA_STORAGE_ERROR", what);
    const name = SHARED.test(path) ? `${topic}-0/` : namedFor(path);
    assert(message?.includes(name), `${what}: the reason does not name it: ${message}`);
    return "refused";
  }
  for (let index = BATCHES - 5; index < BATCHES; index++) {
    const again = await produceBatch(client, topic, batchOf(values.slice(2 * index, 2 * index + 2), index));
    assertEquals([again.error, again.baseOffset], ["NONE", 2 * index], `${what}: batch ${index}, sent again`);
  }
  const more = await produceTexts(client, topic, ["more"]);
  assertEquals([more.error, more.baseOffset], ["NONE", values.length], `${what}: a new batch`);
  return "intact";
}

/** What a complaint must name: the file, or its folder where it has no checksum and the batches that contradict it are blamed. */
function namedFor(path: string): string {
  return path.endsWith(".log") || !path.includes("/") ? path : path.slice(0, path.indexOf("/") + 1);
}

async function filesOf(dir: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) paths.push(...(await filesOf(`${dir}/${name}`)).map((path) => `${name}/${path}`));
    else paths.push(name);
  }
  return paths.sort();
}

async function copyFolder(from: string, to: string): Promise<void> {
  for (const path of await filesOf(from)) {
    const target = `${to}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(`${from}/${path}`, target);
  }
}

async function flipBit(path: string, at: number, mask: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at]! ^= mask;
  await Deno.writeFile(path, bytes);
}
