/**
 * The load client, a process of its own: does the job that its argument holds as JSON and prints what came of it as JSON.
 *
 * Batches and frames are made before the clock starts; answers are looked at only as far as is needed to know that all went
 * well. An error code in any answer ends it.
 *
 * @module
 */
import { batches } from "../../protocol/batch.ts";
import { decodeResponse } from "../../protocol/codec.ts";
import { fetch, produce } from "../../protocol/tables/produce_fetch.ts";
import { leadersOf } from "./admin.ts";
import { runCommits } from "./commit_load.ts";
import {
  FETCH_VERSION,
  fetchFrame,
  FrameReader,
  makeBatch,
  PRODUCE_VERSION,
  produceFrame,
  stampRequest,
  writeAll,
} from "./frames.ts";
import type { FetchJob, Job, Latency, LatencyJob, ProduceJob, Throughput } from "./load.ts";

async function connect(bootstrap: string): Promise<Deno.TcpConn> {
  const [hostname, port] = bootstrap.split(":");
  const conn = await Deno.connect({ hostname: hostname!, port: Number(port) });
  conn.setNoDelay(true);
  return conn;
}

/** A connection per partition, to whoever leads it. */
async function connectAll(
  { bootstrap, topic, partition, connections }: ProduceJob | FetchJob,
): Promise<Deno.TcpConn[]> {
  const leaders = await leadersIn(bootstrap, topic);
  return await Promise.all(Array.from({ length: connections }, (_, i) => connect(leaders(partition + i))));
}

/** One broker leads everything, and need not be asked. */
async function leadersIn(bootstrap: string, topic: string): Promise<(partition: number) => string> {
  if (!bootstrap.includes(",")) return () => bootstrap;
  const leaders = await leadersOf(bootstrap, topic);
  return (partition) => leaders[partition]!;
}

/** Waits for the answer to a Produce request and sees that it is a good one. */
async function awaitAck(answers: FrameReader, correlationId: number): Promise<void> {
  const frame = await answers.next();
  if (frame === undefined) throw new Error("The broker closed the connection.");
  const response = decodeResponse(produce, PRODUCE_VERSION, frame);
  if (response.correlationId !== correlationId) throw new Error(`Answer ${response.correlationId} is out of turn.`);
  const { errorCode } = response.body.responses[0]!.partitionResponses[0]!;
  if (errorCode !== 0) throw new Error(`Produce was refused with error ${errorCode}.`);
}

async function runProduce(job: ProduceJob): Promise<Throughput> {
  const batch = makeBatch(job);
  const conns = await connectAll(job);
  const counts = conns.map((_, i) => Math.floor((job.batches + i) / conns.length));
  const frames = conns.map((_, i) => produceFrame(job.topic, job.partition + i, batch));
  const started = performance.now();
  await Promise.all(conns.map((conn, i) => produceOn(conn, frames[i]!, counts[i]!, job)));
  const seconds = (performance.now() - started) / 1000;
  for (const conn of conns) conn.close();
  return { seconds, records: job.batches * job.recordsPerBatch };
}

async function produceOn(conn: Deno.Conn, frame: Uint8Array, count: number, job: ProduceJob): Promise<void> {
  const answers = new FrameReader(conn);
  const intervalMs = job.batchesPerSecond === undefined ? 0 : 1000 * job.connections / job.batchesPerSecond;
  const started = performance.now();
  let acked = 0;
  let room = Promise.withResolvers<void>();
  const send = async () => {
    for (let sent = 0; sent < count; sent++) {
      while (sent - acked >= job.inFlight) await room.promise;
      if (intervalMs > 0) await sleepUntil(started + sent * intervalMs);
      stampRequest(frame, sent);
      await writeAll(conn, frame);
    }
  };
  const receive = async () => {
    while (acked < count) {
      await awaitAck(answers, acked);
      acked++;
      room.resolve();
      room = Promise.withResolvers<void>();
    }
  };
  await Promise.all([send(), receive()]);
}

async function runFetch(job: FetchJob): Promise<Throughput> {
  const conns = await connectAll(job);
  const started = performance.now();
  const records = await Promise.all(conns.map((conn, i) => fetchOn(conn, job, job.partition + i)));
  const seconds = (performance.now() - started) / 1000;
  for (const conn of conns) conn.close();
  return { seconds, records: records.reduce((sum, count) => sum + count, 0) };
}

async function fetchOn(conn: Deno.Conn, job: FetchJob, partition: number): Promise<number> {
  const answers = new FrameReader(conn);
  const total = job.recordsPerPartition * job.passes;
  let records = 0;
  let offset = 0;
  for (let id = 0; records < total; id++) {
    if (offset === job.recordsPerPartition) offset = 0;
    await writeAll(conn, fetchFrame(job.topic, partition, offset, id));
    const frame = await answers.next();
    if (frame === undefined) throw new Error("The broker closed the connection.");
    const { body } = decodeResponse(fetch, FETCH_VERSION, frame);
    const answer = body.responses[0]?.partitions[0];
    const errorCode = body.errorCode || answer?.errorCode;
    if (errorCode !== 0) throw new Error(`Fetch was refused with error ${errorCode}.`);
    const bytes = answer?.records ?? new Uint8Array();
    for (const { baseOffset, lastOffsetDelta, recordCount } of batches(bytes, 0, bytes.length, { cutOff: "end" })) {
      records += recordCount;
      offset = baseOffset + lastOffsetDelta + 1;
    }
  }
  return records;
}

/** Each record is sent when it is due, or as soon as the one before it is acknowledged; its time counts from when it is sent. */
async function runLatency(job: LatencyJob): Promise<Latency> {
  const frame = produceFrame(job.topic, job.partition, makeBatch({ ...job, recordsPerBatch: 1 }));
  const conn = await connect((await leadersIn(job.bootstrap, job.topic))(job.partition));
  const answers = new FrameReader(conn);
  const total = Math.round(job.perSecond * job.seconds);
  // The client's own code has to be warm: the first half second does not count.
  const warmUp = Math.round(job.perSecond / 2);
  const times: number[] = [];
  const started = performance.now();
  for (let id = 0; id < total + warmUp; id++) {
    await sleepUntil(started + id * 1000 / job.perSecond);
    const sent = performance.now();
    stampRequest(frame, id);
    await writeAll(conn, frame);
    await awaitAck(answers, id);
    if (id >= warmUp) times.push(performance.now() - sent);
  }
  conn.close();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), samples: times.length };
}

async function sleepUntil(whenMs: number): Promise<void> {
  const leftMs = whenMs - performance.now();
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
}

if (import.meta.main) {
  const job: Job = JSON.parse(Deno.args[0]!);
  console.log(JSON.stringify(await run(job)));
}

function run(job: Job): Promise<Throughput | Latency> {
  switch (job.kind) {
    case "produce":
      return runProduce(job);
    case "fetch":
      return runFetch(job);
    case "latency":
      return runLatency(job);
    case "commits":
      return runCommits(job);
  }
}
