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
 * @example Three brokers, and what can happen to them
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster({ brokers: 3, config: { "default.replication.factor": "3" } });
 *
 * await cluster.killBroker(1); //    its process is gone: others lead what it led
 * await cluster.startBroker(1); //   with its data, its id and its port
 *
 * cluster.pauseBroker(2); //         it stands still, and nobody is told
 * cluster.resumeBroker(2);
 *
 * cluster.cut(1, 3); //              what they send each other is lost
 * cluster.heal();
 *
 * const controller = cluster.actors().find((actor) => actor.kind === "controller");
 * cluster.kill(controller!.ref); //  any actor by its path, such as 2/replica/orders-0
 *
 * console.assert(await cluster.addBroker() === 4);
 * ```
 *
 * @example Read what is written: consumers are actors, too
 * ```ts
 * import { startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster();
 * await using consumer = cluster.consumer({ groupId: "billing", topics: ["orders"] });
 * const records = await consumer.poll({ timeoutMs: 1 }); // or: for await (const record of consumer) { … }
 * console.assert(records.length === 0);
 * ```
 *
 * @module
 */
export { type Client, connect } from "./server/connect.ts";
export type { Consumer } from "./client/consumer.ts";
export type { SubscribeTo } from "./client/arguments.ts";
export type { PollOptions } from "./client/reading.ts";
export type { ConsumerConfig } from "./actors/consumer/protocol.ts";
export type { ConsumerOptions } from "./client/options.ts";
export {
  type CommittedOffset,
  type ConsumerBatch,
  ConsumerError,
  type ConsumerRecord,
  type RebalanceListener,
  type SeekTarget,
  type TopicPartition,
} from "./client/records.ts";
export { Cluster, type ClusterBroker, startCluster } from "./server/cluster.ts";
export type { ClusterOptions } from "./server/cluster_options.ts";
export type { ActorInfo } from "./actors/system.ts";
