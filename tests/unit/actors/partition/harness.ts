/**
 * One replica under a probe, on a log that a test holds in its hands.
 *
 * @module
 */
import type { ReplicaChange } from "../../../../actors/broker/protocol.ts";
import type { IsrChange, IsrChangeResult } from "../../../../actors/controller/protocol.ts";
import { type Asked, type Probe, probe } from "../../../../actors/probe.ts";
import type {
  AppendReply,
  AppendRequest,
  FetchReply,
  FetchRequest,
  PullReply,
  PullRequest,
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
    };
    this.probe = probe(replica(host), args, { name: "t-0", epochMs: NOW_MS });
  }

  get log(): FakeLog {
    return this.store.logs.get("t-0")!;
  }

  /** What its broker was told since the last look: whether it is offline. */
  outages(): boolean[] {
    return this.probe.take().flatMap((effect) =>
      effect.type === "send" && effect.verb === "replicaChanged" ? (effect.message as ReplicaChange).offline : []
    );
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

  /** A follower pulls from this replica, as one that has all that the leader has unless `over` says less. */
  pull(brokerId: number, over: Partial<PullRequest> = {}): Asked<PullReply> {
    const { endOffset } = this.log;
    const offset = over.offset ?? endOffset;
    return this.probe.ask("pull", {
      brokerId,
      brokerEpoch: 20 + brokerId,
      leaderEpoch: this.probe.state.role.leaderEpoch,
      offset,
      safeOffset: offset,
      lastFetchedEpoch: offset === 0 ? -1 : this.log.epochAt(offset - 1),
      startOffset: 0,
      highWatermark: this.probe.state.highWatermark,
      leaderMs: this.probe.env.clock.monotonic(),
      maxBytes: 1 << 20,
      waitMs: 500,
      ...over,
    });
  }

  /** A follower has made more safe. */
  safe(brokerId: number, safeOffset: number, over: Partial<Parameters<ReplicaProtocol["safe"]>[0]> = {}): this {
    const { leaderEpoch } = this.probe.state.role;
    this.probe.tell("safe", { brokerId, brokerEpoch: 20 + brokerId, leaderEpoch, safeOffset, ...over });
    return this;
  }

  /** What this replica, a follower, has asked its leader and waits to hear. */
  get question(): PullRequest | undefined {
    return this.probe.asks.find(({ verb }) => verb === "pull")?.message as PullRequest | undefined;
  }

  /** The leader answers this replica. */
  tell(reply: Partial<PullReply>): this {
    this.probe.answer("pull", {
      error: "NONE",
      records: new Uint8Array(0),
      highWatermark: 0,
      startOffset: 0,
      divergingEpoch: null,
      leaderMs: 0,
      heldByAll: -1,
      tombstonesGoneTo: 0,
      ...reply,
    });
    return this;
  }

  /** What this replica, a leader, has proposed to the controller and waits to hear of. */
  get proposal(): IsrChange | undefined {
    return this.probe.asks.find(({ verb }) => verb === "alterPartition")?.message as IsrChange | undefined;
  }

  /** The controller decides on the proposal. */
  decide(error: IsrChangeResult["error"], over: Partial<IsrChangeResult> = {}): this {
    const { topicId, partition, isr } = this.proposal!;
    const { leader, leaderEpoch, partitionEpoch } = this.probe.state.role;
    this.probe.answer("alterPartition", {
      topicId,
      partition,
      error,
      leader,
      leaderEpoch,
      partitionEpoch: partitionEpoch + 1,
      isr: isr.map(({ brokerId }) => brokerId),
      ...over,
    });
    return this;
  }

  /** The controller takes the proposal, and the broker's word of it is behind the answer. */
  accept(): this {
    const isr = this.proposal!.isr.map(({ brokerId }) => brokerId);
    return this.decide("NONE").assume({ isr });
  }

  /** The controller's next word. */
  assume(role: Partial<ReplicaRole>): this {
    const { role: before } = this.probe.state;
    this.probe.tell("assume", { ...before, partitionEpoch: before.partitionEpoch + 1, ...role });
    return this;
  }

  /** Appends batches of so many records each and lets them become durable. */
  fill(...counts: number[]): this {
    for (const count of counts) this.append({ records: batch(count) });
    while (this.log.flushing > 0) this.endFlush();
    return this;
  }
}

/** Three replicas in sync, of which this one leads; two suffice. */
export const LEADS = {
  role: { replicas: [1, 2, 3], isr: [1, 2, 3] },
  config: { minInsyncReplicas: 2 },
} as const;

/** Three replicas in sync, of which node 2 leads. */
export const FOLLOWS = { role: { leader: 2, replicas: [1, 2, 3], isr: [1, 2, 3] } } as const;

/** A batch as it lies in a log. */
export function stored(baseOffset: number, count: number, epoch = 5, options: BatchOptions = {}): Uint8Array {
  return batch(count, { baseOffset, partitionLeaderEpoch: epoch, ...options });
}

/** A store whose log has batches already: so many records each, of that epoch. */
export function storeWith(...batches: readonly { readonly count: number; readonly epoch: number }[]): FakeStore {
  const store = new FakeStore();
  store.onOpen = (log) => {
    store.onOpen = undefined;
    for (const { count, epoch } of batches) log.append(stored(log.endOffset, count, epoch), 0);
    log.flushedOffset = log.endOffset;
  };
  return store;
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
