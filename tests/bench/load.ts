/**
 * What the load client can be told to do, and how it is told: a job as JSON goes in, figures as JSON come out.
 *
 * @module
 */
import { mustRun } from "../interop/processes.ts";
import type { BatchShape } from "./frames.ts";

/** Where to. Connection `i` has partition `partition + i` for itself. */
interface Place {
  /** `host:port`. */
  readonly bootstrap: string;
  readonly topic: string;
  readonly partition: number;
}

/** Sends the same batch over and over with acks=all. */
export interface ProduceJob extends Place, BatchShape {
  readonly kind: "produce";
  readonly connections: number;
  /** Requests without an answer that a connection may have. */
  readonly inFlight: number;
  /** Batches in all, over all connections. */
  readonly batches: number;
  /** Batches per second over all connections; as many as possible when left out. */
  readonly batchesPerSecond?: number;
}

/** Reads partitions from their beginning to their end and again, one request under way per connection; looks at batch headers only. */
export interface FetchJob extends Place {
  readonly kind: "fetch";
  readonly connections: number;
  /** Records that each connection's partition holds. */
  readonly recordsPerPartition: number;
  /** How often each is read. */
  readonly passes: number;
}

/** One connection, one record under way, at a steady pace. */
export interface LatencyJob extends Place {
  readonly kind: "latency";
  readonly recordBytes: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** Commits offsets of groups without members, as fast as they are acknowledged; `partition` is not used. */
export interface CommitJob extends Place {
  readonly kind: "commits";
  readonly groups: number;
  /** At least; there is one for each group. */
  readonly connections: number;
  readonly inFlight: number;
  /** In all, over all connections. */
  readonly commits: number;
}

export type Job = ProduceJob | FetchJob | LatencyJob | CommitJob;

/** What a produce, fetch or commit job came to. */
export interface Throughput {
  /** From the first request to the last answer. */
  readonly seconds: number;
  readonly records: number;
}

/** Percentiles of the time from sending to acknowledgement. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly samples: number;
}

/** What a job comes to. */
export type ResultOf<J extends Job> = J extends LatencyJob ? Latency : Throughput;

const CLIENT = new URL("load_client.ts", import.meta.url).pathname;

/** Runs a job in a process of its own. */
export async function runLoad<J extends Job>(job: J): Promise<ResultOf<J>> {
  const flags = ["run", "--no-lock", "--allow-net=127.0.0.1", CLIENT];
  return JSON.parse(await mustRun(Deno.execPath(), [...flags, JSON.stringify(job)], { timeoutMs: 300_000 }));
}
