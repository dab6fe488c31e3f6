/**
 * What the console shows, gathered from the actors of one broker.
 *
 * @module
 */
import { nodeOf, refOf } from "../actors/address.ts";
import { layersOf } from "../actors/broker/broker_configs.ts";
import type { BrokerView } from "../actors/broker/protocol.ts";
import type { PartitionImage, TopicImage } from "../actors/controller/protocol.ts";
import { REPLICA, type ReplicaDescription, type ReplicaProtocol } from "../actors/partition/protocol.ts";
import type { ActorInfo } from "../actors/system.ts";
import type {
  ClusterStatus,
  ConsoleSource,
  Metric,
  MetricSample,
  PartitionStatus,
  QuorumStatus,
  TopicStatus,
} from "../console/source.ts";
import type { Env } from "../lib/env.ts";
import { numberOf, resolveTopicConfig } from "../protocol/configs/resolve.ts";
import { INTERNAL_TOPICS } from "../protocol/topic_names.ts";
import { clusterMetrics, partitionMetrics } from "./cluster_metrics.ts";
import type { Listener } from "./listener.ts";
import { gauge, type RequestMetrics } from "./metrics.ts";
import type { Node } from "./node.ts";

const PATIENCE_MS = 2_000;

/** What of a node is shown. */
export interface Shown {
  readonly node: Pick<Node, "system" | "broker" | "quorum" | "isReady">;
  readonly listener: Pick<Listener, "connections">;
  readonly metrics: RequestMetrics;
  readonly env: Env;
  readonly startedMs: number;
}

/** The console's source over a running broker. */
export class BrokerConsole implements ConsoleSource {
  readonly #shown: Shown;

  constructor(shown: Shown) {
    this.#shown = shown;
  }

  async ready(): Promise<boolean> {
    const { isReady, system, broker } = this.#shown.node;
    return isReady && (await system.ask(broker, "ready", undefined, PATIENCE_MS)).ok;
  }

  async cluster(): Promise<ClusterStatus> {
    const [view, quorum] = await Promise.all([this.#view(), this.#quorum()]);
    const { image, controller } = view;
    const topics = [...image.topics.values()];
    const partitions = topics.flatMap((topic) => topic.partitions);
    const few = topics.flatMap((topic) => {
      const minIsr = minIsrOf(view, topic);
      return topic.partitions.filter((partition) => isUnderMinIsr(minIsr, partition));
    });
    return {
      clusterId: image.clusterId,
      brokerId: view.brokerId,
      controllerId: controller === undefined ? -1 : nodeOf(controller) ?? -1,
      controllerEpoch: quorum?.epoch ?? -1,
      quorum,
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
      underReplicatedPartitions: partitions.filter(isUnderReplicated).length,
      underMinIsrPartitions: few.length,
      connections: this.#shown.listener.connections,
      uptimeMs: Math.round(this.#shown.env.clock.monotonic() - this.#shown.startedMs),
    };
  }

  async topics(): Promise<readonly TopicStatus[]> {
    const view = await this.#view();
    return Promise.all([...view.image.topics.values()].map((topic) => this.#topic(view, topic)));
  }

  actors(): readonly ActorInfo[] {
    return this.#shown.node.system.actors();
  }

  async metrics(): Promise<readonly Metric[]> {
    const [cluster, topics] = await Promise.all([this.cluster(), this.topics()]);
    const actors = this.actors();
    return [
      gauge("samsa_uptime_seconds", "Time since the broker was started", cluster.uptimeMs / 1000),
      gauge("samsa_connections", "Open client connections", cluster.connections),
      ...clusterMetrics(cluster),
      ...partitionMetrics(topics, cluster.brokerId),
      gauge("samsa_actors", "Actors by kind", countBy(actors)),
      gauge(
        "samsa_mailbox_messages",
        "Messages waiting in mailboxes, by kind",
        countBy(actors, (actor) => actor.mailboxDepth),
      ),
      gauge("samsa_actor_restarts", "Restarts of the actors there are, by kind", countBy(actors, (a) => a.restarts)),
      gauge("samsa_dead_letters", "Messages to actors that were not there", this.#shown.node.system.deadLetters.count),
      gauge("samsa_resident_memory_bytes", "Resident memory of the process", Deno.memoryUsage().rss),
      ...this.#shown.metrics.collect(),
    ];
  }

  async #view(): Promise<BrokerView> {
    const { system, broker } = this.#shown.node;
    const looked = await system.ask(broker, "look", undefined, PATIENCE_MS);
    if (!looked.ok) throw new Error(`The broker gave no answer (${looked.failure}).`);
    return looked.value;
  }

  async #quorum(): Promise<QuorumStatus | null> {
    const { system, quorum } = this.#shown.node;
    const described = await system.ask(quorum, "describe", undefined, PATIENCE_MS);
    if (!described.ok) return null;
    const { role, epoch, leaderId, highWatermark, endOffset, voters } = described.value;
    return { role, epoch, leaderId, highWatermark, endOffset, voters: voters.map(({ replicaId }) => replicaId) };
  }

  async #topic(view: BrokerView, topic: TopicImage): Promise<TopicStatus> {
    const minIsr = minIsrOf(view, topic);
    const partitions = await Promise.all(topic.partitions.map(async (partition): Promise<PartitionStatus> => {
      const isHere = partition.replicas.includes(view.brokerId);
      const replica = await this.#describe(topic.name, partition, isHere ? view.brokerId : partition.leader);
      const { leader, leaderEpoch, replicas, isr, adding, removing, elr } = partition;
      const { startOffset, endOffset, flushedOffset, highWatermark, sizeInBytes, offline } = replica;
      return {
        partition: partition.partition,
        ...{ leader, leaderEpoch, replicas, isr, adding, removing, elr, isHere },
        underReplicated: isUnderReplicated(partition),
        underMinIsr: isUnderMinIsr(minIsr, partition),
        ...{ startOffset, endOffset, flushedOffset, highWatermark, sizeInBytes, offline },
      };
    }));
    return { name: topic.name, topicId: topic.topicId, internal: INTERNAL_TOPICS.has(topic.name), partitions };
  }

  /** What a partition's replica on some node says of it. */
  async #describe(topic: string, { partition }: PartitionImage, node: number): Promise<Told> {
    if (node < 0) return UNKNOWN;
    const ref = refOf<ReplicaProtocol>(node, REPLICA.kind, `${topic}-${partition}`);
    const answer = await this.#shown.node.system.ask(ref, "describe", undefined, PATIENCE_MS);
    return answer.ok ? answer.value : { ...UNKNOWN, offline: `no answer (${answer.failure})` };
  }
}

/** As Kafka counts it: replicas that a reassignment adds are not missed yet. */
function isUnderReplicated({ isr, replicas, adding }: PartitionImage): boolean {
  return isr.length < replicas.length - adding.length;
}

function isUnderMinIsr(minIsr: number, { isr, replicas }: PartitionImage): boolean {
  return isr.length < Math.min(minIsr, replicas.length);
}

function minIsrOf(view: BrokerView, topic: TopicImage): number {
  return numberOf(resolveTopicConfig("min.insync.replicas", layersOf(view, topic.name)));
}

type Told = Pick<
  ReplicaDescription,
  "startOffset" | "endOffset" | "flushedOffset" | "highWatermark" | "sizeInBytes" | "offline"
>;

const UNKNOWN: Told = {
  startOffset: -1,
  endOffset: -1,
  flushedOffset: -1,
  highWatermark: -1,
  sizeInBytes: 0,
  offline: null,
};

function countBy(actors: readonly ActorInfo[], value: (actor: ActorInfo) => number = () => 1): MetricSample[] {
  const kinds = new Map<string, number>();
  for (const actor of actors) kinds.set(actor.kind, (kinds.get(actor.kind) ?? 0) + value(actor));
  return [...kinds].map(([kind, value]) => ({ labels: { kind }, value }));
}
