/**
 * What a broker measures of its cluster and its partitions.
 *
 * What Kafka measures too has the name that its JMX bean is commonly exported under, so that dashboards and alerts made for
 * Kafka work; what only Samsa has begins with `samsa_`.
 *
 * @module
 */
import type { ClusterStatus, Metric, MetricSample, PartitionStatus, TopicStatus } from "../console/source.ts";
import { gauge } from "./metrics.ts";

/** Metrics of the cluster, as this broker sees it. */
export function clusterMetrics(cluster: ClusterStatus): Metric[] {
  const { quorum, brokers } = cluster;
  const fenced = brokers.filter((broker) => broker.fenced).length;
  const isController = Number(cluster.controllerId === cluster.brokerId);
  const controller = "kafka_controller_kafkacontroller";
  const raft = "kafka_server_raft_metrics";
  return [
    gauge("samsa_topics", "Topics", cluster.topics),
    gauge("samsa_partitions", "Partitions", cluster.partitions),
    gauge("samsa_offline_partitions", "Partitions without a leader", cluster.offlinePartitions),
    gauge(
      "samsa_under_replicated_partitions",
      "Partitions whose ISR is not complete",
      cluster.underReplicatedPartitions,
    ),
    gauge(`${controller}_activecontrollercount`, "1 where the active controller is", isController),
    gauge(`${controller}_activebrokercount`, "Brokers that are let in", brokers.length - fenced),
    gauge(`${controller}_fencedbrokercount`, "Brokers that are registered and fenced", fenced),
    gauge(`${controller}_globaltopiccount`, "Topics of the cluster", cluster.topics),
    gauge(`${controller}_globalpartitioncount`, "Partitions of the cluster", cluster.partitions),
    gauge(`${controller}_offlinepartitionscount`, "Partitions without a leader", cluster.offlinePartitions),
    gauge(`${raft}_current_leader`, "Node that leads the quorum, -1 for none", quorum?.leaderId ?? -1),
    gauge(`${raft}_current_epoch`, "Epoch of the quorum", quorum?.epoch ?? -1),
    gauge(`${raft}_high_watermark`, "End of what the quorum has committed", quorum?.highWatermark ?? -1),
    gauge(`${raft}_log_end_offset`, "End of this node's metadata log", quorum?.endOffset ?? -1),
    gauge("samsa_quorum_role", "1 for what this node is to the quorum", [
      { labels: { role: quorum?.role ?? "unknown" }, value: 1 },
    ]),
  ];
}

/** Metrics of the partitions that this broker has a replica of. */
export function partitionMetrics(topics: readonly TopicStatus[], brokerId: number): Metric[] {
  const here = topics.flatMap(({ name, partitions }) =>
    partitions.filter(({ isHere }) => isHere).map((partition) => ({ name, partition }))
  );
  const each = (value: (partition: PartitionStatus) => number): MetricSample[] =>
    here.map(({ name, partition }) => ({
      labels: { topic: name, partition: String(partition.partition) },
      value: value(partition),
    }));
  const led = here.map(({ partition }) => partition).filter(({ leader }) => leader === brokerId);
  const manager = "kafka_server_replicamanager";
  return [
    gauge("samsa_log_start_offset", "First readable offset", each((partition) => partition.startOffset)),
    gauge("samsa_log_end_offset", "Offset of the next record", each((partition) => partition.endOffset)),
    gauge("samsa_high_watermark", "End of what may be read", each((partition) => partition.highWatermark)),
    gauge("samsa_log_size_bytes", "Size of the log", each((partition) => partition.sizeInBytes)),
    gauge(`${manager}_partitioncount`, "Replicas on this broker", here.length),
    gauge(`${manager}_leadercount`, "Partitions that this broker leads", led.length),
    gauge(
      `${manager}_underreplicatedpartitions`,
      "Partitions led here whose ISR is not complete",
      led.filter((partition) => partition.underReplicated).length,
    ),
    gauge(
      `${manager}_underminisrpartitioncount`,
      "Partitions led here with fewer in-sync replicas than min.insync.replicas",
      led.filter((partition) => partition.underMinIsr).length,
    ),
    gauge(
      `${manager}_offlinereplicacount`,
      "Replicas on this broker that serve nothing",
      here.filter(({ partition }) => partition.offline !== null).length,
    ),
    gauge("kafka_cluster_partition_replicascount", "Replicas of a partition", each(({ replicas }) => replicas.length)),
    gauge(
      "kafka_cluster_partition_insyncreplicascount",
      "In-sync replicas of a partition",
      each(({ isr }) => isr.length),
    ),
  ];
}
