/**
 * One replica under a probe, on a log that a test holds in its hands.
 *
 * @module
 */
import { type Asked, type Probe, probe } from "../../../../actors/probe.ts";
import type {
  AppendReply,
  AppendRequest,
  FetchReply,
  FetchRequest,
  ReplicaArgs,
  ReplicaConfig,
  ReplicaProtocol,
  ReplicaRole,
} from "../../../../actors/partition/protocol.ts";
import { replica } from "../../../../actors/partition/replica.ts";
import type { Replica } from "../../../../actors/partition/state.ts";
import { type BatchOptions, encodeBatch, type NewRecord } from "../../../../protocol/records.ts";
import { type FakeLog, FakeStore } from "./fake_log.ts";

export const NOW_MS = 1_700_000_000_000;
export const SELF = 1;

export const CONFIG: ReplicaConfig = {
  log: {
    segmentBytes: 1 << 20,
    segmentMs: 604_800_000,
    segmentJitterMs: 0,
    segmentIndexBytes: 10_485_760,
    indexIntervalBytes: 4096,
    fileDeleteDelayMs: 60_000,
  },
  compact: false,
  delete: true,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  maxMessageBytes: 1_048_588,
  maxDecompressedBytes: 104_857_600,
  minInsyncReplicas: 1,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  compressionType: "producer",
  gzipLevel: -1,
  lz4Level: 9,
  zstdLevel: 3,
  flushBeforeAck: true,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  producerIdExpirationMs: 86_400_000,
  retentionCheckIntervalMs: 300_000,
  replicaLagTimeMaxMs: 10_000,
  replicaFetchWaitMaxMs: 500,
  replicaFetchMaxBytes: 1 << 20,
  replicaFetchBackoffMs: 1_000,
};

export const ROLE: ReplicaRole = {
  leader: SELF,
  leaderEpoch: 5,
  partitionEpoch: 0,
  replicas: [SELF],
  isr: [SELF],
  brokerEpoch: 10,
};

/** A replica, its log, and short words for what tests say to it. */
export class Harness {
  readonly probe: Probe<ReplicaProtocol, Replica>;
  /** What an operator was told. */
  readonly reports: string[] = [];
  /** Names of replicas that went offline. */
  readonly outages: string[] = [];

  constructor(
    over: { config?: Partial<ReplicaConfig>; role?: Partial<ReplicaRole> } = {},
    readonly store: FakeStore = new FakeStore(),
  ) {
    const args: ReplicaArgs = {
      topic: "t",
      topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
      partition: 0,
      config: { ...CONFIG, ...over.config },
      role: { ...ROLE, ...over.role },
    };
    const host = {
      logs: store,
      brokerId: SELF,
      report: (sentence: string) => void this.reports.push(sentence),
      offline: (name: string) => void this.outages.push(name),
    };
    this.probe = probe(replica(host), args, { name: "t-0", epochMs: NOW_MS });
  }

  get log(): FakeLog {
    return this.store.logs.get("t-0")!;
  }

  append(request: Partial<AppendRequest> = {}): Asked<AppendReply> {
    return this.probe.ask("append", { records: batch(1), acks: -1, zstdAllowed: true, ...request });
  }

  /** Lets the oldest flush end. */
  endFlush(error?: Error): this {
    this.log.endFlush(error);
    this.probe.advance(0);
    return this;
  }

  fetch(offset: number, request: Partial<FetchRequest> = {}): FetchReply {
    return this.probe.ask("fetch", {
      offset,
      maxBytes: 1 << 20,
      minOneBatch: true,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      isolation: "read_uncommitted",
      ...request,
    }).reply!;
  }

  await(above: number, wait: Partial<Parameters<ReplicaProtocol["awaitData"]>[0]> = {}): Asked<boolean> {
    const deadlineMs = this.probe.env.clock.monotonic() + 500;
    return this.probe.ask("awaitData", { key: "c1", above, isolation: "read_uncommitted", deadlineMs, ...wait });
  }

  describe() {
    return this.probe.ask("describe", undefined).reply!;
  }

  /** Appends batches of so many records each and lets them become durable. */
  fill(...counts: number[]): this {
    for (const count of counts) this.append({ records: batch(count) });
    while (this.log.flushing > 0) this.endFlush();
    return this;
  }
}

/** A batch as a client sends it. */
export function batch(count: number, options: BatchOptions = {}, record: NewRecord = {}): Uint8Array {
  const value = new Uint8Array([7]);
  return encodeBatch(
    Array.from({ length: count }, (_, index) => ({ value, timestamp: NOW_MS + index, ...record })),
    options,
  );
}

/** A batch of an idempotent producer. */
export function produced(producerId: number, producerEpoch: number, baseSequence: number, count: number): Uint8Array {
  return batch(count, { producerId: BigInt(producerId), producerEpoch, baseSequence });
}
