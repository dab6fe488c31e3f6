/**
 * Samsa: an Apache-Kafka-compatible messaging cluster whose brokers, replicas and connections are actors.
 *
 * Importing this module does nothing but define what it exports.
 *
 * @example A real broker in a test's own process
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster({ config: { "num.partitions": "3" } });
 * console.log(cluster.bootstrap); // 127.0.0.1:… for any Kafka client
 * ```
 *
 * @module
 */
export { Cluster, type ClusterBroker, type ClusterOptions, startCluster } from "./server/cluster.ts";
export type { ActorInfo } from "./actors/system.ts";
