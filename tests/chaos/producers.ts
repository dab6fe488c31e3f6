/**
 * Idempotent producers while broker processes are killed, stopped, paused and cut off: `deno task chaos`.
 *
 * ```
 * calm (all in sync, acks flow) ──fault──▶ silence ──acks flow again──▶ mended ──all in sync──▶ calm …      at the end: the logs are judged
 * ```
 * One producer per partition writes all the time. What was acknowledged must be there once, at its offset and in order. For
 * each kind of fault the longest silence at the librdkafka producers is reported.
 *
 * @module
 */
import { SeededRandom } from "../../lib/prng.ts";
import { readAll } from "../helpers/kafka_calls.ts";
import { until } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { installClient } from "../interop/install.ts";
import { ChaosCluster, type PartitionState } from "./cluster.ts";
import { ChaosWriter, confluentWriter, judgePartition, type WriterCommand } from "./writer.ts";

/** What can be done to brokers under producers. */
export const PRODUCER_FAULTS = ["kill-leader", "kill-controller", "stop-leader", "pause-leader", "cut-leader"] as const;
/** One of them. */
export type ProducerFault = typeof PRODUCER_FAULTS[number];

/** How often each comes, in parts of ten. */
const MIX: readonly ProducerFault[] = [
  "kill-leader",
  "kill-leader",
  "kill-leader",
  "kill-controller",
  "kill-controller",
  "kill-leader",
  "kill-controller",
  "stop-leader",
  "pause-leader",
  "cut-leader",
];

const TOPIC = "chaos";
const PARTITIONS = 3;
const PAUSE_MS = 6_000;

interface Silence {
  readonly fault: ProducerFault;
  readonly ms: number;
}

/** How a run is to be. */
export interface ProducerChaosOptions {
  readonly faults: number;
  readonly seed: string;
  /** Only these. */
  readonly mix: readonly ProducerFault[];
  /** Of the librdkafka producers. */
  readonly socketTimeoutMs: number;
}

/** Runs it; returns how it exits. */
export async function producerChaos({ faults, seed, mix, socketTimeoutMs }: ProducerChaosOptions): Promise<number> {
  const wanted = MIX.filter((fault) => mix.includes(fault));
  const random = new SeededRandom(seed);
  await using cluster = await ChaosCluster.open(3, { "auto.create.topics.enable": "false" });
  await cluster.createTopic(TOPIC, PARTITIONS, { "min.insync.replicas": "2" });
  const writers = await startWriters(cluster.bootstrap, String(socketTimeoutMs));
  const silences: Silence[] = [];
  try {
    for (let count = 1; count <= faults; count++) {
      await calm(cluster, writers);
      const fault = random.pick(wanted);
      const partition = random.below(PARTITIONS);
      const silence = await strike(cluster, writers, fault, partition);
      silences.push({ fault, ms: silence });
      console.log(`${count}/${faults} ${fault}: ${Math.round(silence)} ms without acks`);
    }
    await calm(cluster, writers);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    await explain(cluster, writers);
    console.error(`${silences.length} passed, 1 failed`);
    return 1;
  }
  await Promise.all(writers.map((writer) => writer.stop()));
  const problems = await judge(cluster, writers);
  report(silences, writers, problems);
  return problems.length === 0 ? 0 : 1;
}

/** Two librdkafka producers, whose silence is measured, and one of kafkajs. */
async function startWriters(bootstrap: string, socketTimeoutMs: string): Promise<ChaosWriter[]> {
  const here = new URL(".", import.meta.url).pathname;
  const librdkafka = await confluentWriter();
  const { command: deno } = await installClient("kafkajs");
  const commands: WriterCommand[] = [0, 1].map((n) => ({
    name: `librdkafka-${n}`,
    ...librdkafka,
    gapMs: 2,
    more: [socketTimeoutMs],
  }));
  commands.push({
    name: "kafkajs",
    command: deno,
    args: ["run", "-A", "--cached-only", `${here}kafkajs_writer.ts`],
    gapMs: 5,
  });
  return commands.map((command, partition) => new ChaosWriter(command, bootstrap, { topic: TOPIC, partition }));
}

/** Waits until all brokers are in sync everywhere and every writer is being answered. */
async function calm(cluster: ChaosCluster, writers: readonly ChaosWriter[]): Promise<void> {
  await until("all replicas are in sync", async () => {
    const partitions = await cluster.partitions(TOPIC);
    return partitions.length === PARTITIONS && partitions.every(inSync);
  });
  const counts = writers.map(({ acknowledged }) => acknowledged.size);
  await until("every writer is answered", () => {
    return Promise.resolve(writers.every(({ acknowledged }, index) => acknowledged.size > counts[index]! + 20));
  });
}

function inSync({ leader, isr }: PartitionState): boolean {
  return leader > 0 && isr.length === 3;
}

/** One fault, from calm to mended; returns the longest silence at the librdkafka producer whose partition was hit. */
async function strike(
  cluster: ChaosCluster,
  writers: readonly ChaosWriter[],
  fault: ProducerFault,
  wanted: number,
): Promise<number> {
  const partitions = await cluster.partitions(TOPIC);
  const victim = fault === "kill-controller" ? await cluster.controller() : partitions[wanted]!.leader;
  const broker = cluster.broker(victim);
  // Those whose leader it is; a controller may lead nothing.
  const hit = writers.filter(({ place, name }) =>
    name.startsWith("librdkafka") && partitions[place.partition]!.leader === victim
  );
  const watched = hit.length > 0 ? hit : writers.slice(0, 1);
  for (const writer of watched) writer.takeSilence();
  const struckMs = performance.now();
  const mend = await begin(cluster, fault, victim);
  await until(`the writers go on after ${fault} of broker ${victim}`, () => {
    return Promise.resolve(watched.every(({ lastAckMs }) => lastAckMs > struckMs + 100));
  });
  await new Promise((resolve) => setTimeout(resolve, 300)); // answers to what was under way come first, and then none
  await until("acknowledgements flow", () => {
    return Promise.resolve(watched.every(({ lastAckMs }) => performance.now() - lastAckMs < 100));
  });
  if (fault === "pause-leader" || fault === "cut-leader") {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, PAUSE_MS - (performance.now() - struckMs))));
  }
  const silence = Math.max(...watched.map((writer) => writer.silenceMs));
  await mend();
  if (!broker.isRunning) await cluster.start(victim);
  return silence;
}

async function begin(cluster: ChaosCluster, fault: ProducerFault, victim: number): Promise<() => Promise<void>> {
  const broker = cluster.broker(victim);
  switch (fault) {
    case "kill-leader":
    case "kill-controller":
      await cluster.end(victim, "SIGKILL");
      return () => Promise.resolve();
    case "stop-leader":
      await cluster.end(victim, "SIGTERM");
      return () => Promise.resolve();
    case "pause-leader":
      broker.signal("SIGSTOP");
      return () => Promise.resolve(broker.signal("SIGCONT"));
    case "cut-leader":
      cluster.cut(victim);
      return () => Promise.resolve(cluster.heal());
  }
}

/** Tells how things stand, when they are not as they should be. */
async function explain(cluster: ChaosCluster, writers: readonly ChaosWriter[]): Promise<void> {
  for (const writer of writers) {
    const since = Math.round(performance.now() - writer.lastAckMs);
    console.error(
      `--- ${writer.name}: ${writer.acknowledged.size} acknowledged, the last ${since} ms ago\n${writer.tail()}`,
    );
  }
  for (const broker of cluster.brokers) {
    const views = await Promise.allSettled([cluster.viewOf(broker.id, TOPIC), cluster.quorumOf(broker.id)]);
    const told = views.map((view) =>
      view.status === "fulfilled" ? Deno.inspect(view.value, { depth: 4, breakLength: 200 }) : `${view.reason}`
    );
    console.error(`--- broker ${broker.id}\n${told.join("\n")}\n${broker.tail().slice(-3_000)}`);
  }
}

async function judge(cluster: ChaosCluster, writers: readonly ChaosWriter[]): Promise<string[]> {
  const problems: string[] = [];
  const partitions = await cluster.partitions(TOPIC);
  for (const writer of writers) {
    const { topic, partition } = writer.place;
    await using client = await RawClient.connect(cluster.broker(partitions[partition]!.leader).bootstrap);
    problems.push(...judgePartition(writer, await readAll(client, topic, 0, partition)));
  }
  return problems;
}

function report(silences: readonly Silence[], writers: readonly ChaosWriter[], problems: readonly string[]): void {
  for (const fault of new Set(silences.map(({ fault }) => fault))) {
    const times = silences.filter((silence) => silence.fault === fault).map(({ ms }) => ms).sort((a, b) => a - b);
    const at = (share: number) => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]!);
    console.log(`${fault} ×${times.length}: without acks p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`);
  }
  for (const { name, acknowledged, failed, sent } of writers) {
    console.log(`${name}: ${sent} sent, ${acknowledged.size} acknowledged, ${failed.size} given up`);
  }
  for (const problem of problems.slice(0, 40)) console.log(problem);
  const count = (word: string) => problems.filter((problem) => problem.includes(word)).length;
  console.log(`${count("LOST")} lost, ${count("DUPLICATED")} duplicated, ${count("REORDERED")} reordered`);
  console.log(`${silences.length} passed, ${problems.length} failed`);
}
