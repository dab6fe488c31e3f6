/**
 * What is measured: Samsa and Apache Kafka, each as it comes and once with the other's idea of when to flush; and the sink,
 * which shows what the load client can do at most.
 *
 * @module
 */
import { startKafka } from "../interop/kafka.ts";
import {
  cpuSeconds,
  freePort,
  freePorts,
  residentBytes,
  type RunningProcess,
  startProcess,
} from "../interop/processes.ts";
import { SamsaProcess } from "../interop/samsa.ts";
import { firstAck, sleep } from "./admin.ts";
import type { BatchShape } from "./frames.ts";

/** Names of what can be measured. */
export type TargetName = "samsa" | "samsa-noflush" | "kafka" | "kafka-flush";

/** A broker that serves, or several; figures are those of all of them together. */
export interface RunningTarget {
  readonly bootstrap: string;
  /** From the start of the process to the first acknowledged record. */
  readonly firstAckSeconds: number;
  /** What had to be done before that, once per data folder. */
  readonly formatSeconds?: number;
  /** Where Chrome's debugging protocol is spoken, if it was asked for. */
  readonly inspector?: string;
  /** Processor seconds used so far. */
  cpuSeconds(): Promise<number>;
  residentBytes(): Promise<number>;
  /** The most resident memory it ever had. */
  peakResidentBytes(): Promise<number>;
  /** Kills the broker at this address. */
  kill(address: string): Promise<void>;
  /** Kills all. */
  close(): Promise<void>;
}

/** How to start a target. */
export interface TargetOptions {
  /** An empty folder for its data. */
  readonly dir: string;
  /** Kafka configs beside those that make the target what it is. */
  readonly config: ReadonlyMap<string, string>;
  /** Let a debugger in; for one broker only. */
  readonly inspect: boolean;
  readonly brokers: number;
}

/** One thing that is measured. */
export interface Target {
  readonly title: string;
  start(options: TargetOptions): Promise<RunningTarget>;
}

/** Everything that can be measured, in the order in which it is. */
export const TARGETS: Readonly<Record<TargetName, Target>> = {
  samsa: { title: "Samsa", start: (options) => startSamsa(options, {}) },
  kafka: { title: "Kafka", start: (options) => startApache(options, {}) },
  "samsa-noflush": {
    title: "Samsa, ack before flush",
    start: (options) => startSamsa(options, { "log.flush.before.ack": "false" }),
  },
  "kafka-flush": {
    title: "Kafka, flush before ack",
    start: (options) => startApache(options, { "log.flush.interval.messages": "1" }),
  },
};

const BROKER = new URL("../../scripts/broker.ts", import.meta.url).pathname;
const START_TIMEOUT_MS = 60_000;

async function startSamsa(options: TargetOptions, own: Record<string, string>): Promise<RunningTarget> {
  return options.brokers === 1 ? await startOne(options, own) : await startSeveral(options, own);
}

async function startSeveral(options: TargetOptions, own: Record<string, string>): Promise<RunningTarget> {
  const ids = Array.from({ length: options.brokers }, (_, index) => index + 1);
  const ports = freePorts(2 * ids.length);
  const voters = ids.slice(0, ids.length < 3 ? 1 : ids.length < 5 ? 3 : 5).map((id) => (
    { id, port: ports[ids.length + id - 1]! }
  ));
  const config = { ...own, ...Object.fromEntries(options.config) };
  const brokers = ids.map((id) =>
    new SamsaProcess({
      id,
      port: ports[id - 1]!,
      nodePort: ports[ids.length + id - 1]!,
      dir: `${options.dir}/${id}`,
      voters,
      config,
    })
  );
  const close = async () => void await Promise.all(brokers.map((broker) => broker.kill()));
  const bootstrap = brokers.map((broker) => broker.bootstrap).join(",");
  const started = performance.now();
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
    await firstAck(bootstrap, START_TIMEOUT_MS);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    bootstrap,
    firstAckSeconds: (performance.now() - started) / 1000,
    ...figuresOf(brokers.map(({ pid }) => pid)),
    kill: async (address) => await brokers.find((broker) => broker.bootstrap === address)!.kill(),
    close,
  };
}

async function startOne(options: TargetOptions, own: Record<string, string>): Promise<RunningTarget> {
  const [port, inspectorPort] = [freePort(), freePort()];
  const configs = Object.entries({ ...own, ...Object.fromEntries(options.config) });
  const started = performance.now();
  const broker = startProcess(Deno.execPath(), [
    "run",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    ...(options.inspect ? [`--inspect=127.0.0.1:${inspectorPort}`] : []),
    BROKER,
    "--id=1",
    `--port=${port}`,
    `--dir=${options.dir}`,
    ...configs.map(([name, value]) => `--config=${name}=${value}`),
  ]);
  const close = async () => {
    broker.signal("SIGKILL");
    await broker.ended;
  };
  try {
    await servedBy(broker, firstAck(`127.0.0.1:${port}`, START_TIMEOUT_MS));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    bootstrap: `127.0.0.1:${port}`,
    firstAckSeconds: (performance.now() - started) / 1000,
    ...(options.inspect ? { inspector: `127.0.0.1:${inspectorPort}` } : {}),
    ...figuresOf([broker.pid]),
    kill: close,
    close,
  };
}

/** What is waited for, unless the process ends first: then what it said is the error. */
async function servedBy<T>(process: RunningProcess, served: Promise<T>): Promise<T> {
  const ended = process.ended.then(() => {
    throw new Error(`The broker ended before it served: ${process.tail().trim().slice(-2_000)}`);
  });
  ended.catch(() => {});
  served.catch(() => {});
  return await Promise.race([served, ended]);
}

async function startApache(options: TargetOptions, own: Record<string, string>): Promise<RunningTarget> {
  const { dir, brokers } = options;
  const cluster = await startKafka({ dir, brokers, config: { ...own, ...Object.fromEntries(options.config) } });
  const served = performance.now();
  await firstAck(cluster.bootstrap, START_TIMEOUT_MS);
  return {
    bootstrap: cluster.bootstrap,
    formatSeconds: cluster.startup.formatSeconds,
    firstAckSeconds: cluster.startup.serveSeconds + (performance.now() - served) / 1000,
    ...figuresOf(cluster.brokers.map(({ pid }) => pid)),
    kill: async (address) => await cluster.brokers.find(({ port }) => address.endsWith(`:${port}`))!.kill(),
    close: () => cluster.close(),
  };
}

function figuresOf(pids: readonly number[]) {
  const sum = async (figureOf: (pid: number) => Promise<number>) =>
    (await Promise.all(pids.map(figureOf))).reduce((all, each) => all + each, 0);
  return {
    cpuSeconds: () => sum(cpuSeconds),
    residentBytes: () => sum(residentBytes),
    peakResidentBytes: () => sum(peakResidentBytes),
  };
}

async function peakResidentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}

/** Starts the sink for batches of one shape. */
export async function startSink(shape: BatchShape): Promise<{ bootstrap: string; close(): Promise<void> }> {
  const port = freePort();
  const path = new URL("sink.ts", import.meta.url).pathname;
  const numbers = [port, shape.recordBytes, shape.recordsPerBatch].map(String);
  let isReady = false;
  const sink = startProcess(Deno.execPath(), ["run", "--no-lock", "--allow-net=127.0.0.1", path, ...numbers], {
    onLine: () => isReady = true,
  });
  while (!isReady && !sink.hasEnded()) await sleep(5);
  if (!isReady) throw new Error(`The sink ended: ${sink.tail()}`);
  const close = async () => {
    sink.signal("SIGKILL");
    await sink.ended;
  };
  return { bootstrap: `127.0.0.1:${port}`, close };
}
