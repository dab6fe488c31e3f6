/**
 * Records what real clients send: a proxy between them and a real Apache Kafka that changes nothing and keeps request frames,
 * a few per (API key, version, client), in `tests/wire/golden/<client>.json`.
 *
 * ```
 * clients ──▶ proxy ──▶ Apache Kafka (advertises the proxy's port)
 *               ╰─────▶ [{"api":0,"version":9,"client":"kcat","hex":"…"}]   the frame without its size prefix
 * ```
 * Run it with `deno run -A tests/interop/capture.ts`; the tests of the tables then decode and encode these frames.
 *
 * @module
 */
import type { Client, WireRecord } from "./client.ts";
import { openClient } from "./open_client.ts";
import { CLIENT_NAMES } from "./install.ts";
import { startKafka } from "./kafka.ts";
import { freePorts, run } from "./processes.ts";
import { runTool } from "./tools.ts";

/** One captured request, without the four bytes of its size. */
export interface GoldenFrame {
  readonly api: number;
  readonly version: number;
  readonly client: string;
  readonly hex: string;
}

const FRAMES_PER_VERSION = 3;
const LARGEST_FRAME = 2_048;

/** Frames by client, kept as long as they add something. */
class Collection {
  readonly #kept = new Map<string, { frame: GoldenFrame; length: number }[]>();

  /** Keeps a frame unless it is large or there are enough like it; frames of new lengths are what is looked for. */
  offer(frame: Uint8Array): void {
    if (frame.length > LARGEST_FRAME || frame.length < 10) return;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const [api, version, idLength] = [view.getInt16(0), view.getInt16(2), view.getInt16(8)];
    const clientId = idLength < 0 ? "" : new TextDecoder().decode(frame.subarray(10, 10 + idLength));
    // Apache's tools choose client ids of their own.
    const client = CLIENT_NAMES.includes(clientId) ? clientId : "java-tools";
    const key = `${client} ${api} ${version}`;
    const kept = this.#kept.get(key) ?? [];
    if (kept.length >= FRAMES_PER_VERSION || kept.some((other) => other.length === frame.length)) return;
    kept.push({ frame: { api, version, client, hex: frame.toHex() }, length: frame.length });
    this.#kept.set(key, kept);
  }

  /** All frames of one client, in the order of keys and versions. */
  of(client: string): GoldenFrame[] {
    const frames = [...this.#kept.values()].flat().map((entry) => entry.frame);
    return frames.filter((frame) => frame.client === client)
      .sort((a, b) => a.api - b.api || a.version - b.version || a.hex.length - b.hex.length);
  }
}

/** Accepts connections and passes bytes both ways; what clients say is also cut into frames. */
async function proxy(listener: Deno.Listener, port: number, frames: Collection): Promise<void> {
  for await (const client of listener) {
    void (async () => {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      const cutter = new TransformStream<Uint8Array, Uint8Array>(frameCutter(frames));
      const ways = [
        client.readable.pipeThrough(cutter).pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ];
      // A reset is how many clients say goodbye.
      await Promise.allSettled(ways);
    })().catch(() => client.close());
  }
}

function frameCutter(frames: Collection): Transformer<Uint8Array, Uint8Array> {
  let pending = new Uint8Array(0);
  return {
    transform(bytes, controller) {
      const joined = new Uint8Array(pending.length + bytes.length);
      joined.set(pending);
      joined.set(bytes, pending.length);
      pending = joined;
      while (pending.length >= 4) {
        const size = new DataView(pending.buffer, pending.byteOffset).getInt32(0);
        if (pending.length < 4 + size) break;
        frames.offer(pending.slice(4, 4 + size));
        pending = pending.slice(4 + size);
      }
      controller.enqueue(bytes);
    },
  };
}

const RECORDS: readonly WireRecord[] = [
  { p: 0, k: btoa("key"), v: btoa("value"), h: [["name", btoa("header")]] },
  { p: 0, k: btoa("gone"), v: null, h: [] },
  { p: 0, k: btoa("plain"), v: btoa("plain value"), h: [] },
];

/** Everything worth capturing, said once by a client; what the client cannot do or what fails is named and passed over. */
async function speak(client: Client): Promise<void> {
  const { name } = client;
  const [topic, other] = [`golden-${name}`, `golden-${name}-other`];
  const attempt = async (what: string, fields: object) => {
    await client.call(what, fields, { timeoutMs: 30_000 }).catch((error) =>
      console.log(`  ${name} ${what}: ${error.message}`)
    );
  };
  const read = { topic, partition: 0, waitMs: 15_000 };
  await attempt("describeCluster", {});
  await attempt("createTopic", { topic, partitions: 2, configs: { "retention.ms": "86400000" } });
  await attempt("createTopic", { topic: other, partitions: 1, configs: {} });
  await attempt("listTopics", {});
  await attempt("describeTopic", { topic });
  await attempt("describeTopic", { topic: "golden-missing" });
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    await attempt("produce", { topic, codec, acks: -1, idempotent: codec === "zstd", auto: true, records: RECORDS });
  }
  await attempt("produce", { topic, codec: "none", acks: 0, idempotent: false, auto: true, records: RECORDS });
  await attempt("produce", { topic, codec: "none", acks: 1, idempotent: false, auto: true, records: RECORDS });
  await attempt("consume", { ...read, from: { kind: "beginning" }, count: 15 });
  await attempt("consume", { ...read, from: { kind: "offset", value: 3 }, count: 3 });
  await attempt("consume", { ...read, from: { kind: "time", value: 1_000 }, count: 3 });
  for (const at of ["earliest", "latest", 1_000]) await attempt("listOffsets", { topic, partition: 0, at });
  await attempt("describeConfigs", { topic });
  await attempt("alterConfigs", { topic, set: { "retention.ms": "90000000" } });
  await attempt("replaceConfigs", { topic, set: { "retention.ms": "90000000" } });
  await attempt("createPartitions", { topic, partitions: 3 });
  await attempt("logDirs", { topic });
  await attempt("describeProducers", { topic, partition: 0 });
  await attempt("group", { ...read, group: `golden-${name}`, count: 15 });
  if (["java", "confluent"].includes(name)) {
    await attempt("group", { ...read, group: `golden-${name}-848`, protocol: "consumer", count: 15 });
  }
  for (const commit of [true, false]) {
    const group = commit && name !== "platformatic" ? { group: `golden-${name}` } : {};
    await attempt("transaction", { topic, transactionalId: `golden-${name}`, commit, records: RECORDS, ...group });
  }
  await attempt("deleteRecords", { topic, partition: 0, before: 2 });
  await attempt("deleteTopic", { topic: other });
}

/** Stands for the address of the brokers, known only when the tools are called. */
const AT = ["--bootstrap-server", "BOOTSTRAP"];
const TOPIC = "golden-java";

/** Calls of Apache's tools: the class, its arguments, its standard input. */
const TOOL_CALLS: readonly (readonly [string, readonly string[], string?])[] = [
  ["TopicCommand", [...AT, "--describe", "--topic", TOPIC]],
  ["TopicCommand", [
    ...AT,
    "--create",
    "--topic",
    "golden-tools",
    "--partitions",
    "2",
    "--config",
    "retention.ms=90000",
  ]],
  ["TopicCommand", [...AT, "--alter", "--topic", "golden-tools", "--partitions", "3"]],
  ["ConfigCommand", [...AT, "--describe", "--all", "--entity-type", "topics", "--entity-name", TOPIC]],
  ["ConfigCommand", [
    ...AT,
    "--alter",
    "--entity-type",
    "topics",
    "--entity-name",
    TOPIC,
    "--delete-config",
    "retention.ms",
  ]],
  ["ConfigCommand", [...AT, "--describe", "--entity-type", "brokers", "--entity-name", "1"]],
  ["ConfigCommand", [...AT, "--describe", "--entity-type", "groups"]],
  ["ConfigCommand", [...AT, "--describe", "--entity-type", "users"]],
  ["BrokerApiVersionsCommand", [...AT]],
  ["ClusterTool", ["cluster-id", ...AT]],
  ["GetOffsetShell", [...AT, "--topic", TOPIC]],
  ["LogDirsCommand", [...AT, "--describe", "--topic-list", TOPIC]],
  ["ConsoleProducer", [...AT, "--topic", TOPIC], "one\ntwo\n"],
  ["ConsoleConsumer", [...AT, "--topic", TOPIC, "--partition", "0", "--offset", "2", "--max-messages", "2"]],
  ["ConsoleConsumer", [
    ...AT,
    "--topic",
    TOPIC,
    "--group",
    "golden-tools",
    "--from-beginning",
    "--max-messages",
    "2",
  ]],
  ["ConsumerGroupCommand", [...AT, "--describe", "--group", "golden-tools"]],
  ["ConsumerGroupCommand", [...AT, "--list", "--state"]],
  ["ConsumerGroupCommand", [...AT, "--delete", "--group", "golden-tools"]],
  ["VerifiableProducer", [...AT, "--topic", TOPIC, "--max-messages", "2"]],
  ["EndToEndLatency", [
    ...AT,
    "--topic",
    TOPIC,
    "--num-records",
    "5",
    "--producer-acks",
    "all",
    "--record-size",
    "20",
  ]],
  ["MetadataQuorumCommand", [...AT, "describe", "--status"]],
  ["LeaderElectionCommand", [...AT, "--election-type", "preferred", "--all-topic-partitions"]],
  ["TransactionsCommand", [...AT, "list"]],
  ["TransactionsCommand", [...AT, "describe", "--transactional-id", TOPIC]],
  ["TransactionsCommand", [...AT, "describe-producers", "--topic", TOPIC, "--partition", "0"]],
  ["FeatureCommand", [...AT, "describe"]],
];

async function speakTools(bootstrap: string): Promise<void> {
  for (const [tool, args, input] of TOOL_CALLS) {
    const outcome = await runTool(tool, args.map((each) => each === "BOOTSTRAP" ? bootstrap : each), {
      ...(input === undefined ? {} : { input }),
      timeoutMs: 30_000,
    });
    if (outcome.code !== 0) console.log(`  ${tool} ended with ${outcome.code}: ${outcome.stderr.slice(-300)}`);
  }
}

if (import.meta.main) {
  const [proxyPort, kafkaPort] = freePorts(2) as [number, number];
  const bootstrap = `127.0.0.1:${proxyPort}`;
  const frames = new Collection();
  void proxy(Deno.listen({ hostname: "127.0.0.1", port: proxyPort }), kafkaPort, frames);
  const kafka = await startKafka({ ports: [kafkaPort], advertised: [bootstrap] });
  for (const name of CLIENT_NAMES) {
    await using client = await openClient(name, bootstrap);
    await speak(client);
  }
  await speakTools(bootstrap);
  const folder = new URL("../wire/golden/", import.meta.url).pathname;
  await Deno.mkdir(folder, { recursive: true });
  for (const client of [...CLIENT_NAMES, "java-tools"]) {
    const lines = frames.of(client).map((frame) => `  ${JSON.stringify(frame)}`);
    await Deno.writeTextFile(`${folder}${client}.json`, `[\n${lines.join(",\n")}\n]\n`);
    console.log(`${client}: ${lines.length} frames`);
  }
  await run(Deno.execPath(), ["fmt", "-q", folder]);
  await kafka.close();
  Deno.exit(0);
}
