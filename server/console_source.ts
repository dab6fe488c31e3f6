/**
 * What the console shows, gathered from the actors of one broker.
 *
 * @module
 */
import type { BrokerRef, BrokerView } from "../actors/broker/protocol.ts";
import { controllerId, replicaRef } from "../actors/broker/view.ts";
import type { TopicImage } from "../actors/controller/protocol.ts";
import type { ReplicaDescription } from "../actors/partition/protocol.ts";
import type { ActorInfo, ActorSystem } from "../actors/system.ts";
import type {
  ClusterStatus,
  ConsoleSource,
  Metric,
  MetricSample,
  PartitionStatus,
  TopicStatus,
} from "../console/source.ts";
import type { Env } from "../lib/env.ts";
import { INTERNAL_TOPICS } from "../protocol/topic_names.ts";
import type { Listener } from "./listener.ts";
import { gauge, type RequestMetrics } from "./metrics.ts";

const PATIENCE_MS = 2_000;

/** The console's source over a running broker. */
export class BrokerConsole implements ConsoleSource {
  readonly #system: ActorSystem;
  readonly #broker: BrokerRef;
  readonly #listener: Listener;
  readonly #metrics: RequestMetrics;
  readonly #env: Env;
  readonly #startedMs: number;

  constructor(parts: {
    readonly system: ActorSystem;
    readonly broker: BrokerRef;
    readonly listener: Listener;
    readonly metrics: RequestMetrics;
    readonly env: Env;
    readonly startedMs: number;
  }) {
    this.#system = parts.system;
    this.#broker = parts.broker;
    this.#listener = parts.listener;
    this.#metrics = parts.metrics;
    this.#env = parts.env;
    this.#startedMs = parts.startedMs;
  }

  async ready(): Promise<boolean> {
    return (await this.#system.ask(this.#broker, "ready", undefined, PATIENCE_MS)).ok;
  }

  async cluster(): Promise<ClusterStatus> {
    const view = await this.#view();
    const { image } = view;
    const partitions = [...image.topics.values()].flatMap((topic) => topic.partitions);
    return {
      clusterId: image.clusterId,
      brokerId: view.brokerId,
      controllerId: controllerId(view),
      metadataOffset: image.offset,
      brokers: [...image.brokers.values()].map(({ id, endpoint, rack, fenced, epoch }) => ({
        id,
        host: endpoint.host,
        port: endpoint.port,
        rack,
        fenced,
        epoch,
      })),
      topics: image.topics.size,
      partitions: partitions.length,
      offlinePartitions: partitions.filter(({ leader }) => leader < 0).length,
      underReplicatedPartitions: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
      connections: this.#listener.connections,
      uptimeMs: Math.round(this.#env.clock.monotonic() - this.#startedMs),
    };
  }

  async topics(): Promise<readonly TopicStatus[]> {
    const view = await this.#view();
    return Promise.all([...view.image.topics.values()].map((topic) => this.#topic(view, topic)));
  }

  actors(): readonly ActorInfo[] {
    return this.#system.actors();
  }

  async metrics(): Promise<readonly Metric[]> {
    const [cluster, topics] = await Promise.all([this.cluster(), this.topics()]);
    const actors = this.actors();
    const perPartition = (value: (partition: PartitionStatus) => number): MetricSample[] =>
      topics.flatMap(({ name, partitions }) =>
        partitions.map((partition) => ({
          labels: { topic: name, partition: String(partition.partition) },
          value: value(partition),
        }))
      );
    return [
      gauge("samsa_uptime_seconds", "Time since the broker was started", cluster.uptimeMs / 1000),
      gauge("samsa_connections", "Open client connections", cluster.connections),
      gauge("samsa_topics", "Topics", cluster.topics),
      gauge("samsa_partitions", "Partitions", cluster.partitions),
      gauge("samsa_offline_partitions", "Partitions without a leader", cluster.offlinePartitions),
      gauge(
        "samsa_under_replicated_partitions",
        "Partitions whose ISR is not complete",
        cluster.underReplicatedPartitions,
      ),
      gauge("samsa_log_start_offset", "First readable offset", perPartition((partition) => partition.startOffset)),
      gauge("samsa_log_end_offset", "Offset of the next record", perPartition((partition) => partition.endOffset)),
      gauge("samsa_high_watermark", "End of what may be read", perPartition((partition) => partition.highWatermark)),
      gauge("samsa_log_size_bytes", "Size of the log", perPartition((partition) => partition.sizeInBytes)),
      gauge("samsa_actors", "Actors by kind", countBy(actors)),
      gauge(
        "samsa_mailbox_messages",
        "Messages waiting in mailboxes, by kind",
        countBy(actors, (actor) => actor.mailboxDepth),
      ),
      gauge("samsa_actor_restarts", "Restarts of the actors there are, by kind", countBy(actors, (a) => a.restarts)),
      gauge("samsa_dead_letters", "Messages to actors that were not there", this.#system.deadLetters.count),
      gauge("samsa_resident_memory_bytes", "Resident memory of the process", Deno.memoryUsage().rss),
      ...this.#metrics.collect(),
    ];
  }

  async #view(): Promise<BrokerView> {
    const ready = await this.#system.ask(this.#broker, "look", undefined, PATIENCE_MS);
    if (!ready.ok) throw new Error(`The broker gave no answer (${ready.failure}).`);
    return ready.value;
  }

  async #topic(view: BrokerView, topic: TopicImage): Promise<TopicStatus> {
    const partitions = await Promise.all(topic.partitions.map(async (partition): Promise<PartitionStatus> => {
      const ref = replicaRef(view, topic.name, partition.partition);
      const answer = await this.#system.ask(ref, "describe", undefined, PATIENCE_MS);
      const replica = answer.ok ? answer.value : UNKNOWN;
      return {
        partition: partition.partition,
        leader: partition.leader,
        leaderEpoch: partition.leaderEpoch,
        replicas: partition.replicas,
        isr: partition.isr,
        startOffset: replica.startOffset,
        endOffset: replica.endOffset,
        flushedOffset: replica.flushedOffset,
        highWatermark: replica.highWatermark,
        sizeInBytes: replica.sizeInBytes,
        offline: answer.ok ? replica.offline : `no answer (${answer.failure})`,
      };
    }));
    return { name: topic.name, topicId: topic.topicId, internal: INTERNAL_TOPICS.has(topic.name), partitions };
  }
}

const UNKNOWN: ReplicaDescription = {
  error: "KAFKA_STORAGE_ERROR",
  startOffset: -1,
  endOffset: -1,
  flushedOffset: -1,
  highWatermark: -1,
  lastStableOffset: -1,
  sizeInBytes: 0,
  leaderEpoch: -1,
  offline: null,
};

function countBy(actors: readonly ActorInfo[], value: (actor: ActorInfo) => number = () => 1): MetricSample[] {
  const kinds = new Map<string, number>();
  for (const actor of actors) kinds.set(actor.kind, (kinds.get(actor.kind) ?? 0) + value(actor));
  return [...kinds].map(([kind, value]) => ({ labels: { kind }, value }));
}
