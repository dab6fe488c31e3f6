/**
 * All clients write and read at once while their broker is stopped, and then killed, and started again: what was acknowledged
 * is there, in order, once, and every client finds its way back by itself.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { until } from "../helpers/patience.ts";
import type { Client, WireRecord } from "./client.ts";
import { consumeWith, freshTopic } from "./scene.ts";
import type { OwnBrokers } from "./target.ts";

/** Records per client; the broker goes down after a quarter and after half of them. */
const COUNT = 60;
const GAP_MS = 50;
/** As long as it may take all of them on a busy machine. */
const LIMIT_MS = 300_000;

/** What came of one client: undefined when all was well. */
export interface RestartOutcome {
  readonly client: string;
  readonly name: string;
  readonly failure?: unknown;
}

interface Play {
  readonly client: Client;
  readonly topic: string;
  progress: number;
  readonly written: Promise<unknown>;
  readonly read: Promise<unknown>;
}

/** Runs it for all clients together and then looks at the log with a clerk that was not there before. */
export async function playRestarts(
  writers: readonly Client[],
  clerk: Client,
  openClerk: () => Promise<Client>,
  brokers: OwnBrokers,
): Promise<RestartOutcome[]> {
  const plays: Play[] = [];
  for (const client of writers) plays.push(await begin(client, clerk));
  const furthestBehind = () => Math.min(...plays.map((play) => play.progress));
  await until("every client has begun to write", () => Promise.resolve(furthestBehind() >= COUNT / 4));
  await brokers.restart("SIGTERM");
  await until("every client has gone on after the stop", () => Promise.resolve(furthestBehind() >= COUNT / 2), 120_000)
    .catch(() => {}); // Who has not is named below.
  await brokers.restart("SIGKILL");

  await Promise.all(plays.flatMap((play) => [play.written, play.read]));

  // librdkafka's admin goes on with the leader epoch that it knew before.
  await using witness = await openClerk();
  const outcomes: RestartOutcome[] = [];
  for (const play of plays) {
    const { client: { name: client } } = play;
    outcomes.push({ client, name: "restart/every-acknowledged-record-once", ...await judge(play, witness) });
    outcomes.push({ client, name: "restart/reader-reconnects", ...failureOf(await play.read) });
  }
  return outcomes;
}

async function begin(client: Client, clerk: Client): Promise<Play> {
  const topic = freshTopic(`restart-${client.name}`);
  await clerk.call("createTopic", { topic, partitions: 1, configs: {} });
  await until("the topic has a leader", async () => {
    return (await clerk.call<{ leaders: number[] }>("describeTopic", { topic })).leaders[0]! >= 0;
  });
  const fields = { topic, count: COUNT, gapMs: GAP_MS, idempotent: true };
  const onProgress = (n: number) => play.progress = n;
  const written = settle(client.call("stream", fields, { timeoutMs: LIMIT_MS, onProgress }));
  const play: Play = { client, topic, progress: 0, written, read: settle(readAll(client, topic)) };
  return play;
}

async function readAll(client: Client, topic: string): Promise<void> {
  const from = { kind: "beginning" };
  const fields = { topic, partition: 0, from, count: COUNT, waitMs: LIMIT_MS - 10_000 };
  const { records } = await client.call<{ records: WireRecord[] }>("consume", fields, { timeoutMs: LIMIT_MS });
  const values = records.map((record) => atob(record.v!));
  assertEquals(values, Array.from({ length: COUNT }, (_, n) => `${topic}-${n}`), "what was read across the restarts");
}

/** The value or the error, so that nothing is thrown while nobody listens. */
async function settle<T>(promise: Promise<T>): Promise<T | Error> {
  return await promise.catch((error) => error instanceof Error ? error : new Error(String(error)));
}

function failureOf(outcome: unknown): { failure?: unknown } {
  return outcome instanceof Error ? { failure: outcome } : {};
}

async function judge(play: Play, clerk: Client): Promise<{ failure?: unknown }> {
  const written = await play.written;
  if (written instanceof Error) return { failure: written };
  try {
    const { acked } = written as { acked: [string, number][] };
    assertEquals(acked.length, COUNT, "the number of acknowledged records");
    const end = await clerk.call<{ offset: number }>("listOffsets", { topic: play.topic, partition: 0, at: "latest" });
    const log = await consumeWith(clerk, play.topic, end.offset);
    const values = log.map((record) => atob(record.v!));
    assertEquals(values, acked.map(([value]) => value), "the log holds what was acknowledged, in order, once");
    for (const [value, offset] of acked) {
      // Some clients do not say where: the value was found in its place all the same.
      assert(offset < 0 || values[offset] === value, `${value} is not at the acknowledged offset ${offset}`);
    }
    return {};
  } catch (failure) {
    return { failure };
  }
}
