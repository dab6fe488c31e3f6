/**
 * What of a topic's configuration its replicas obey, worked out from all that has been set.
 *
 * @module
 */
import {
  booleanOf,
  type ConfigLayers,
  listOf,
  numberOf,
  resolveBrokerConfig,
  resolveTopicConfig,
} from "../../protocol/configs/resolve.ts";
import type { MetadataImage } from "../controller/protocol.ts";
import type { CompactionConfig, ReplicaConfig } from "../partition/protocol.ts";

/** The configuration of a topic's replicas on one broker. */
export function resolveReplicaConfig(
  image: MetadataImage,
  brokerId: number,
  properties: Readonly<Record<string, string>>,
  name: string,
): ReplicaConfig {
  return replicaConfig({
    topic: image.configs.get(`topic/${name}`),
    broker: image.configs.get(`broker/${brokerId}`),
    brokers: image.configs.get("broker/"),
    properties,
  });
}

/** The configuration of a topic's replicas where these are the layers. */
export function replicaConfig(layers: ConfigLayers): ReplicaConfig {
  const topic = (name: string) => resolveTopicConfig(name, layers);
  const number = (name: string) => numberOf(topic(name));
  const text = (name: string) => topic(name).value;
  const broker = (name: string) => numberOf(resolveBrokerConfig(name, layers));
  const cleanup = listOf(topic("cleanup.policy"));
  const compact = cleanup.includes("compact");
  const compaction: CompactionConfig = {
    deleteRetentionMs: number("delete.retention.ms"),
    minLagMs: number("min.compaction.lag.ms"),
    maxLagMs: number("max.compaction.lag.ms"),
    minDirtyRatio: number("min.cleanable.dirty.ratio"),
    backoffMs: broker("log.cleaner.backoff.ms"),
    mapBytesMax: broker("log.cleaner.dedupe.buffer.size"),
  };
  return {
    log: {
      segmentBytes: number("segment.bytes"),
      // What must be compacted in time must be sealed in time.
      segmentMs: Math.min(number("segment.ms"), compact ? compaction.maxLagMs : Infinity),
      segmentJitterMs: number("segment.jitter.ms"),
      segmentIndexBytes: number("segment.index.bytes"),
      indexIntervalBytes: number("index.interval.bytes"),
      fileDeleteDelayMs: number("file.delete.delay.ms"),
    },
    compact,
    delete: cleanup.includes("delete"),
    retentionMs: number("retention.ms"),
    retentionBytes: number("retention.bytes"),
    maxMessageBytes: number("max.message.bytes"),
    maxDecompressedBytes: broker("max.decompressed.message.bytes"),
    minInsyncReplicas: number("min.insync.replicas"),
    timestampType: text("message.timestamp.type") as ReplicaConfig["timestampType"],
    timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    compressionType: text("compression.type") as ReplicaConfig["compressionType"],
    gzipLevel: number("compression.gzip.level"),
    lz4Level: number("compression.lz4.level"),
    zstdLevel: number("compression.zstd.level"),
    flushBeforeAck: booleanOf(topic("flush.before.ack")),
    flushMessages: number("flush.messages"),
    flushMs: number("flush.ms"),
    producerIdExpirationMs: broker("producer.id.expiration.ms"),
    retentionCheckIntervalMs: broker("log.retention.check.interval.ms"),
    replicaLagTimeMaxMs: broker("replica.lag.time.max.ms"),
    replicaFetchWaitMaxMs: broker("replica.fetch.wait.max.ms"),
    replicaFetchMaxBytes: broker("replica.fetch.max.bytes"),
    replicaFetchBackoffMs: broker("replica.fetch.backoff.ms"),
    ...(compact && booleanOf(resolveBrokerConfig("log.cleaner.enable", layers)) ? { compaction } : {}),
  };
}
