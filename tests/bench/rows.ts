/**
 * What is done to a broker, row by row: streams of records in and out, kcat, acknowledgement times.
 *
 * @module
 */
import { ChaosWriter, confluentWriter } from "../chaos/writer.ts";
import { countRecords, createTopic, leadersOf, sleep } from "./admin.ts";
import type { Goal, Line } from "./figures.ts";
import type { BatchShape } from "./frames.ts";
import { kcatConsume, kcatProduce, writeLines } from "./kcat.ts";
import { type FetchJob, type LatencyJob, type ProduceJob, runLoad } from "./load.ts";

/** What a row works with. */
export interface RowContext {
  readonly bootstrap: string;
  /** A folder for what the row makes. */
  readonly dir: string;
  /** How much of the full load to send, above 0 and up to 1. */
  readonly scale: number;
  /** Topics that are filled already. */
  readonly filled: Set<string>;
  /** Does the work that counts and returns what it returns, with the processor seconds that the broker used for it. */
  measured<T>(name: string, work: () => Promise<T>): Promise<{ result: T; cpuSeconds: number }>;
  /** Kills the broker at this address. */
  kill(address: string): Promise<void>;
  /** Takes down a value. */
  report(line: Line, value: number): void;
}

/** One thing to do, under the name by which it can be chosen. */
export interface Row {
  readonly name: string;
  run(context: RowContext): Promise<void>;
}

/** How records come: a batch's shape, and how many batches of it make the full load. */
export interface Stream extends BatchShape {
  /** As in the names of rows. */
  readonly name: string;
  readonly title: string;
  readonly batches: number;
}

/** Batches of about 128 KiB, as a producer that was tuned for throughput sends them; 100 KiB records come one by one. */
export const STREAMS: readonly Stream[] = [
  { name: "100b", title: "100 B", recordBytes: 100, recordsPerBatch: 1_200, batches: 1_250 },
  { name: "1k", title: "1 KiB", recordBytes: 1_024, recordsPerBatch: 125, batches: 2_400 },
  { name: "100k", title: "100 KiB", recordBytes: 102_400, recordsPerBatch: 1, batches: 3_000 },
];

/** How many connections a stream is spread over, each with a partition of its own. */
export const CONNECTIONS: readonly number[] = [1, 16];

/** As many requests without an answer as Kafka's own producer allows itself. */
const IN_FLIGHT = 5;

/** Reading is so much quicker than writing that what was written once is read so often. */
const FETCH_PASSES = 3;

/** What is aimed at. */
interface Goals {
  readonly produce: readonly Goal[];
  readonly fetch: readonly Goal[];
  readonly cpu: readonly Goal[];
  readonly latency: readonly Goal[];
}

const ALONE: Goals = {
  produce: [{ against: "kafka", atLeast: 1 }, { against: "kafka-flush", atLeast: 2 }],
  fetch: [{ against: "kafka", atLeast: 1 }],
  cpu: [{ against: "kafka", atMost: 0.7 }],
  latency: [{ against: "kafka", atMost: 0.5 }],
};
const REPLICATED: Goals = { ...ALONE, produce: [{ against: "kafka", atLeast: 1.5 }], cpu: [] };

/** All rows, in the order in which they are run. */
export function rowsFor(brokers: number): readonly Row[] {
  const goals = brokers === 1 ? ALONE : REPLICATED;
  return [
    ...STREAMS.flatMap((stream) =>
      CONNECTIONS.flatMap((
        connections,
      ) => [produceRow(stream, connections, goals), fetchRow(stream, connections, goals)])
    ),
    kcatRow(STREAMS[0]!, 3_000_000, goals),
    kcatRow(STREAMS[1]!, 600_000, goals),
    latencyRow("idle", "one record under way", false, goals),
    latencyRow("load", "beside 10 MB/s on 4 other connections", true, goals),
    ...(brokers === 1 ? [] : [failoverRow()]),
  ];
}

/** The job that fills a stream's topic. */
export function produceJob(
  stream: Stream,
  connections: number,
  scale: number,
  bootstrap: string,
): ProduceJob {
  const { recordBytes, recordsPerBatch } = stream;
  const batches = Math.max(1, Math.round(stream.batches * scale / connections)) * connections;
  const topic = topicOf(stream, connections);
  return {
    kind: "produce",
    bootstrap,
    topic,
    partition: 0,
    connections,
    inFlight: IN_FLIGHT,
    recordBytes,
    recordsPerBatch,
    batches,
  };
}

/** The job that reads what {@linkcode produceJob} has written. */
export function fetchJob(stream: Stream, connections: number, scale: number, bootstrap: string): FetchJob {
  const { topic, batches } = produceJob(stream, connections, scale, bootstrap);
  const recordsPerPartition = batches * stream.recordsPerBatch / connections;
  return { kind: "fetch", bootstrap, topic, partition: 0, connections, recordsPerPartition, passes: FETCH_PASSES };
}

/** The line of a stream's throughput. */
export function throughputLine(
  verb: "Produce" | "Fetch",
  stream: Stream,
  connections: number,
  goals: readonly Goal[] = [],
): Line {
  const title = `${verb} ${stream.title}, ${connections} ${connections === 1 ? "connection" : "connections"}`;
  return { title, metric: "throughput", goals, recordBytes: stream.recordBytes };
}

function topicOf(stream: Stream, connections: number): string {
  return `bench-${stream.name}-${connections}`;
}

function produceRow(stream: Stream, connections: number, goals: Goals): Row {
  const name = `produce-${stream.name}-${connections}`;
  return {
    name,
    async run(context) {
      const job = produceJob(stream, connections, context.scale, context.bootstrap);
      await createTopic(job.bootstrap, job.topic, connections);
      const { result, cpuSeconds } = await context.measured(name, () => runLoad(job));
      await mustHold(context, job.topic, job.batches * stream.recordsPerBatch);
      context.filled.add(job.topic);
      const line = throughputLine("Produce", stream, connections, goals.produce);
      reportStream(context, line, result.records, result.seconds, cpuSeconds, goals);
    },
  };
}

function fetchRow(stream: Stream, connections: number, goals: Goals): Row {
  const name = `fetch-${stream.name}-${connections}`;
  return {
    name,
    async run(context) {
      const job = fetchJob(stream, connections, context.scale, context.bootstrap);
      if (!context.filled.has(job.topic)) {
        await createTopic(job.bootstrap, job.topic, connections);
        await runLoad(produceJob(stream, connections, context.scale, context.bootstrap));
        context.filled.add(job.topic);
      }
      const { result, cpuSeconds } = await context.measured(name, () => runLoad(job));
      const line = throughputLine("Fetch", stream, connections, goals.fetch);
      reportStream(context, line, result.records, result.seconds, cpuSeconds, goals);
    },
  };
}

function reportStream(
  context: RowContext,
  line: Line,
  records: number,
  seconds: number,
  cpuSeconds: number,
  goals: Goals,
): void {
  const bytes = records * line.recordBytes!;
  context.report(line, bytes / seconds);
  const title = `${line.title}: broker CPU`;
  context.report({ title, metric: "cpu", goals: goals.cpu }, cpuSeconds / (bytes / 1e9));
}

function kcatRow({ name, title, recordBytes }: Stream, fullRecords: number, goals: Goals): Row {
  return {
    name: `kcat-${name}`,
    async run(context) {
      const records = Math.round(fullRecords * context.scale);
      const topic = `kcat-${name}`;
      await createTopic(context.bootstrap, topic, 1);
      const path = await writeLines(context.dir, recordBytes, records);
      const line = (verb: string, goals: readonly Goal[]): Line => (
        { title: `kcat ${verb} ${title}`, metric: "throughput", goals, recordBytes }
      );
      const bring = () => kcatProduce(context.bootstrap, topic, path);
      const brought = await context.measured(`kcat-${name}-produce`, bring);
      await Deno.remove(path);
      await mustHold(context, topic, records);
      reportStream(context, line("produces", goals.produce), records, brought.result, brought.cpuSeconds, goals);
      const take = () => kcatConsume(context.bootstrap, topic, records);
      const taken = await context.measured(`kcat-${name}-consume`, take);
      reportStream(context, line("consumes", goals.fetch), records, taken.result, taken.cpuSeconds, goals);
    },
  };
}

/** What was acknowledged must be there. */
async function mustHold(context: RowContext, topic: string, records: number): Promise<void> {
  const held = await countRecords(context.bootstrap, topic);
  if (held !== records) throw new Error(`Topic ${topic} holds ${held} records, but ${records} were acknowledged.`);
}

function latencyRow(name: string, title: string, isLoaded: boolean, goals: Goals): Row {
  return {
    name: `latency-${name}`,
    async run(context) {
      const { bootstrap } = context;
      const topic = `latency-${name}`;
      const seconds = Math.max(2, 4 * context.scale);
      await createTopic(bootstrap, topic, 5);
      const { result } = await context.measured(`latency-${name}`, async () => {
        const load = isLoaded ? runLoad(moderateLoad(bootstrap, topic, seconds + 1.5)) : undefined;
        const job: LatencyJob = {
          kind: "latency",
          bootstrap,
          topic,
          partition: 0,
          recordBytes: 100,
          perSecond: 500,
          seconds,
        };
        const latency = await runLoad(job);
        await load;
        return latency;
      });
      const line = (percentile: string, wanted: readonly Goal[] = []): Line => (
        { title: `Ack of 100 B, ${title}: ${percentile}`, metric: "latency", goals: wanted }
      );
      context.report(line("p50"), result.p50Ms);
      context.report(line("p99", goals.latency), result.p99Ms);
      context.report(line("p99.9"), result.p999Ms);
    },
  };
}

/** The last row: it kills a broker. */
function failoverRow(): Row {
  const line: Line = {
    title: "Without acks after kill -9 of the leader",
    metric: "latency",
    goals: [
      { against: "kafka", atMost: 0.1 },
    ],
  };
  return {
    name: "failover",
    async run(context) {
      const topic = "failover";
      await createTopic(context.bootstrap, topic, 1);
      const { command, args } = await confluentWriter();
      const spec = { name: "librdkafka", command, args, gapMs: 2, more: ["1000"] };
      const writer = new ChaosWriter(spec, context.bootstrap, { topic, partition: 0 });
      const flows = async (what: string, since: number) => {
        for (const endMs = performance.now() + 60_000; writer.lastAckMs <= since; await sleep(5)) {
          if (performance.now() > endMs) throw new Error(`No record was acknowledged ${what} in 60 s.`);
        }
      };
      await flows("at first", performance.now() + 1_000);
      const leader = (await leadersOf(context.bootstrap, topic))[0]!;
      writer.takeSilence();
      const struckMs = performance.now();
      await context.kill(leader);
      await flows("after the leader was killed", struckMs + 500);
      context.report(line, writer.silenceMs);
      await writer.stop();
    },
  };
}

/** 640 batches of 16 KiB per second to partitions 1 to 4. */
function moderateLoad(bootstrap: string, topic: string, seconds: number): ProduceJob {
  const shape = { recordBytes: 1_024, recordsPerBatch: 16 };
  const pace = { batchesPerSecond: 640, batches: Math.round(640 * seconds), inFlight: IN_FLIGHT };
  return { kind: "produce", bootstrap, topic, partition: 1, connections: 4, ...shape, ...pace };
}
