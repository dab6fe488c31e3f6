import { assertEquals } from "@std/assert";
import { layersOf } from "../../../../actors/broker/broker_configs.ts";
import { replicaConfig, resolveReplicaConfig } from "../../../../actors/broker/replica_config.ts";
import { viewOf } from "./api/fake_exchange.ts";
import { newTopic } from "./records.ts";

Deno.test("Kafka's defaults, and records on disk before they are acknowledged", () => {
  assertEquals(replicaConfig({ properties: {} }), {
    log: {
      segmentBytes: 2 ** 30,
      segmentMs: 604_800_000,
      segmentJitterMs: 0,
      segmentIndexBytes: 10 * 2 ** 20,
      indexIntervalBytes: 4096,
      fileDeleteDelayMs: 60_000,
    },
    compact: false,
    delete: true,
    retentionMs: 604_800_000,
    retentionBytes: -1,
    maxMessageBytes: 1_048_588,
    maxDecompressedBytes: 128 * 2 ** 20,
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
    replicaFetchMaxBytes: 8_388_608,
    replicaFetchBackoffMs: 100,
  });
});

Deno.test("the topic's own word, then the broker's, then its properties", () => {
  const topic = newTopic("t", { configs: [{ name: "cleanup.policy", value: "compact,delete" }] });
  const records = [
    { type: "Config", resourceType: "broker", resourceName: "1", name: "log.retention.ms", value: "7" },
    { type: "Config", resourceType: "broker", resourceName: "2", name: "log.roll.ms", value: "8" },
  ] as const;
  const properties = {
    "log.flush.before.ack": "false",
    "max.decompressed.message.bytes": "9",
    "log.retention.ms": "1",
  };
  const view = viewOf({ topics: [topic], records, properties });
  const config = resolveReplicaConfig(view.image, view.brokerId, view.properties, "t");
  assertEquals(config, replicaConfig(layersOf(view, "t")));
  assertEquals([config.compact, config.delete, config.retentionMs, config.flushBeforeAck], [true, true, 7, false]);
  assertEquals([config.maxDecompressedBytes, config.log.segmentMs], [9, 604_800_000], "broker 2's word is not ours");
});

Deno.test("a compacted topic says how it is cleaned, unless the cleaner is off", () => {
  const compacted = { "log.cleanup.policy": "compact" };
  assertEquals(replicaConfig({ properties: compacted }).compaction, {
    deleteRetentionMs: 86_400_000,
    minLagMs: 0,
    maxLagMs: Number.MAX_SAFE_INTEGER,
    minDirtyRatio: 0.5,
    backoffMs: 15_000,
    mapBytesMax: 128 * 2 ** 20,
  });
  const own = {
    ...compacted,
    "log.cleaner.delete.retention.ms": "1",
    "log.cleaner.min.compaction.lag.ms": "2",
    "log.cleaner.max.compaction.lag.ms": "3000",
    "log.cleaner.min.cleanable.ratio": "0.25",
    "log.cleaner.backoff.ms": "5",
    "log.cleaner.dedupe.buffer.size": "6",
  };
  const { compaction, log } = replicaConfig({ properties: own });
  assertEquals(compaction, {
    deleteRetentionMs: 1,
    minLagMs: 2,
    maxLagMs: 3000,
    minDirtyRatio: 0.25,
    backoffMs: 5,
    mapBytesMax: 6,
  });
  assertEquals(log.segmentMs, 3000, "sealed in time to be cleaned in time");
  assertEquals(replicaConfig({ properties: { ...own, "log.cleanup.policy": "delete" } }).log.segmentMs, 604_800_000);
  const off = replicaConfig({ properties: { ...compacted, "log.cleaner.enable": "false" } });
  assertEquals([off.compact, off.compaction], [true, undefined]);
});
