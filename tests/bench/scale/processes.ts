/**
 * Three broker processes on files and sockets, with as many partitions each as each of a hundred brokers has of 100 000: what they take
 * while nobody wants anything, and how they get over the end of one.
 *
 * @module
 */
import { createTopic } from "../../helpers/kafka_calls.ts";
import { look, type SeenPartition } from "../../helpers/leaders.ts";
import { RawClient } from "../../helpers/raw_client.ts";
import { freePorts, temporaryFolder } from "../../interop/processes.ts";
import { SamsaProcess } from "../../interop/samsa.ts";
import { sleep } from "../admin.ts";
import { line, megabytes } from "./ledger.ts";

const BROKERS = 3;
const WINDOW_S = 10;
const TOPIC = "t";

/** Prints it, for no partitions and for many. */
export async function measureProcesses(): Promise<void> {
  for (const partitions of [0, 300, 3_000]) await measureWith(partitions);
}

async function measureWith(partitions: number): Promise<void> {
  const dir = await temporaryFolder("samsa-scale-");
  const ports = freePorts(2 * BROKERS);
  const voters = Array.from({ length: BROKERS }, (_, index) => ({ id: index + 1, port: ports[BROKERS + index]! }));
  const brokers = voters.map(({ id }) => new SamsaProcess({ id, port: ports[id - 1]!, dir: `${dir}/${id}`, voters }));
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
    if (partitions > 0) await create(partitions, brokers[0]!);
    await sleep(5_000);
    const before = await cpuSeconds(brokers);
    await sleep(WINDOW_S * 1_000);
    const share = (await cpuSeconds(brokers) - before) / WINDOW_S / BROKERS;
    const resident = await Promise.all(brokers.map((broker) => broker.residentBytes()));
    const title = `${partitions} partitions, RF 3`;
    line(`${title}: of a core at each broker`, `${(share * 100).toFixed(1)} %`);
    line(`${title}: memory of each broker`, megabytes(resident.reduce((sum, bytes) => sum + bytes, 0) / BROKERS));
    if (partitions > 0) await failOver(title, partitions, brokers);
  } finally {
    await Promise.all(brokers.map((broker) => broker.kill()));
    await Deno.remove(dir, { recursive: true });
  }
}

async function create(partitions: number, { bootstrap }: SamsaProcess): Promise<void> {
  await using client = await RawClient.connect(bootstrap);
  const startMs = performance.now();
  let answer = "said so";
  try {
    await createTopic(client, TOPIC, partitions, {}, BROKERS);
  } catch (error) {
    answer = error instanceof Error && error.message.includes("REQUEST_TIMED_OUT") ? "timed out" : String(error);
  }
  await when(client, partitions, ({ isr }) => isr.length === BROKERS);
  line(`${partitions} partitions, RF 3: to make them`, answer, seconds(startMs));
}

async function failOver(title: string, partitions: number, brokers: readonly SamsaProcess[]): Promise<void> {
  const [survivor, gone] = [brokers[0]!, brokers[2]!];
  await using client = await RawClient.connect(survivor.bootstrap);
  let startMs = performance.now();
  await gone.kill();
  await when(client, partitions, ({ leader }) => leader > 0 && leader !== gone.id);
  line(`${title}: one is killed; others lead what it led`, seconds(startMs));
  startMs = performance.now();
  await gone.start();
  line(`${title}: it is started; it serves`, seconds(startMs));
  await when(client, partitions, ({ isr }) => isr.length === BROKERS);
  line(`${title}: and is in sync with everything`, seconds(startMs));
}

async function when(client: RawClient, partitions: number, holds: (seen: SeenPartition) => boolean): Promise<void> {
  while (true) {
    const seen = (await look(client, TOPIC)).partitions;
    if (seen.length === partitions && seen.every(holds)) return;
    await sleep(5);
  }
}

async function cpuSeconds(brokers: readonly SamsaProcess[]): Promise<number> {
  return (await Promise.all(brokers.map((broker) => broker.cpuSeconds()))).reduce((sum, each) => sum + each, 0);
}

function seconds(startMs: number): string {
  return `${((performance.now() - startMs) / 1_000).toFixed(2)} s`;
}
