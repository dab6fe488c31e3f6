/**
 * What the console shows, as the broker process tells it: plain data, asked for anew at each request.
 *
 * @module
 */
import type { ActorInfo } from "../actors/system.ts";

/** One broker as clients see it. */
export interface BrokerStatus {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly fenced: boolean;
  readonly epoch: number;
}

/** What a node is to the quorum that elects the controller. */
export interface QuorumStatus {
  readonly role: string;
  /** Of the quorum, and so of the controller that it has elected. */
  readonly epoch: number;
  /** -1 while nobody is known to lead. */
  readonly leaderId: number;
  readonly highWatermark: number;
  readonly endOffset: number;
  /** Ids of those that vote. */
  readonly voters: readonly number[];
}

/** The cluster in a few numbers. */
export interface ClusterStatus {
  readonly clusterId: string;
  readonly brokerId: number;
  /** The node that has the active controller, -1 while nobody is known to. */
  readonly controllerId: number;
  readonly controllerEpoch: number;
  /** Null when the quorum actor gave no answer. */
  readonly quorum: QuorumStatus | null;
  readonly metadataOffset: number;
  readonly brokers: readonly BrokerStatus[];
  readonly topics: number;
  readonly partitions: number;
  readonly offlinePartitions: number;
  readonly underReplicatedPartitions: number;
  /** Partitions with fewer in-sync replicas than min.insync.replicas: they refuse acks=all. */
  readonly underMinIsrPartitions: number;
  readonly connections: number;
  readonly uptimeMs: number;
}

/** One partition of a topic, with what its replica on this broker knows, or its leader where this broker has none. */
export interface PartitionStatus {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** A reassignment under way: replicas that come, and those that go. */
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  /** Eligible leader replicas (KIP-966). */
  readonly elr: readonly number[];
  readonly underReplicated: boolean;
  readonly underMinIsr: boolean;
  /** Whether this broker has a replica. */
  readonly isHere: boolean;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly flushedOffset: number;
  readonly highWatermark: number;
  readonly sizeInBytes: number;
  /** Why the replica serves nothing, or null. */
  readonly offline: string | null;
}

export interface TopicStatus {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionStatus[];
}

/** One value to scrape. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: string;
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly MetricSample[];
}

/** Where the console gets what it shows. */
export interface ConsoleSource {
  /** True once the broker is registered and serves. */
  ready(): Promise<boolean>;
  cluster(): Promise<ClusterStatus>;
  topics(): Promise<readonly TopicStatus[]>;
  actors(): readonly ActorInfo[];
  metrics(): Promise<readonly Metric[]>;
}
