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

/** The cluster in a few numbers. */
export interface ClusterStatus {
  readonly clusterId: string;
  readonly brokerId: number;
  readonly controllerId: number;
  readonly metadataOffset: number;
  readonly brokers: readonly BrokerStatus[];
  readonly topics: number;
  readonly partitions: number;
  readonly offlinePartitions: number;
  readonly underReplicatedPartitions: number;
  readonly connections: number;
  readonly uptimeMs: number;
}

/** One partition of a topic, with what its replica on this broker knows. */
export interface PartitionStatus {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
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
