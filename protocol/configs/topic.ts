/**
 * Every topic config, with Kafka's names and defaults (Apache Kafka 4.x), and one of our own: `flush.before.ack`.
 *
 * The second half of each row says what Samsa does with it; the broker configs named as synonyms give the default for topics
 * that do not set it themselves.
 *
 * @module
 */
import { config, type ConfigDefinition, configTable, listElements } from "./definition.ts";

const LONGEST = "9223372036854775807";
const TIERED = "There is no tiered storage.";

/** Topic configs by name. */
export const TOPIC_CONFIGS: ReadonlyMap<string, ConfigDefinition> = configTable(
  config(
    "cleanup.policy",
    "LIST =delete in compact,delete",
    "What happens to old segments: delete, compact, both, or neither when empty.",
    {
      synonyms: ["log.cleanup.policy"],
      honoured: true,
      note: "With compact, records must have keys; older ones without stay, too.",
    },
  ),
  config(
    "compression.gzip.level",
    "INT =-1 >=-1 <=9",
    "How hard gzip tries when the broker compresses; -1 is zlib's own choice.",
    {
      synonyms: ["compression.gzip.level"],
      check: (value) => Number(value) === 0 ? "-1 or from 1 to 9" : null,
      honoured: true,
    },
  ),
  config(
    "compression.lz4.level",
    "INT =9 >=1 <=17",
    "How hard lz4 tries when the broker compresses. Samsa's lz4 knows one level, a fast one.",
    { synonyms: ["compression.lz4.level"] },
  ),
  config(
    "compression.type",
    "STRING =producer in uncompressed,zstd,lz4,snappy,gzip,producer",
    "The codec in which batches are stored; producer keeps what came.",
    {
      synonyms: ["compression.type"],
      honoured: true,
    },
  ),
  config("compression.zstd.level", "INT =3 >=-131072 <=22", "How hard zstd tries when the broker compresses.", {
    synonyms: ["compression.zstd.level"],
    honoured: true,
  }),
  config("delete.retention.ms", "LONG =86400000 >=0", "How long a compacted topic keeps the marker of a deleted key.", {
    synonyms: ["log.cleaner.delete.retention.ms"],
    honoured: true,
    note: "It stays until every replica has it, too, or was silent for seven times as long.",
  }),
  config(
    "errors.deadletterqueue.group.enable",
    "BOOLEAN =false",
    "Whether share groups may use this topic for records that they give up.",
    {
      note: "There are no share groups.",
    },
  ),
  config("file.delete.delay.ms", "LONG =60000 >=0", "How long the file of a deleted segment stays on disk.", {
    synonyms: ["log.segment.delete.delay.ms"],
    note: "Samsa deletes at once: none of its reads overlaps a deletion.",
  }),
  config("flush.before.ack", "BOOLEAN =true", "Whether a record is synced to disk before it is acknowledged.", {
    synonyms: ["log.flush.before.ack"],
    honoured: true,
    note:
      "Samsa's own. With false, flush.messages and flush.ms decide, as in Kafka: a loss of power may then take acknowledged records.",
  }),
  config("flush.messages", `LONG =${LONGEST} >=1`, "After how many records the log is synced to disk.", {
    synonyms: ["log.flush.interval.messages"],
    honoured: true,
    note: "Matters only with flush.before.ack=false.",
  }),
  config("flush.ms", `LONG =${LONGEST} >=0`, "After how long the log is synced to disk.", {
    synonyms: ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
    honoured: true,
    note: "Matters only with flush.before.ack=false.",
  }),
  config(
    "follower.replication.throttled.replicas",
    "LIST =",
    "Replicas whose fetching is throttled: * or partition:broker pairs.",
    {
      check: throttledReplicas,
    },
  ),
  config(
    "index.interval.bytes",
    "INT =4096 >=0",
    "About how many bytes of log lie between two entries of the offset index.",
    {
      synonyms: ["log.index.interval.bytes"],
      honoured: true,
    },
  ),
  config(
    "leader.replication.throttled.replicas",
    "LIST =",
    "Replicas whose serving of followers is throttled: * or partition:broker pairs.",
    {
      check: throttledReplicas,
    },
  ),
  config(
    "local.retention.bytes",
    "LONG =-2 >=-2",
    "What a tiered topic keeps on the broker's disk; -2 is retention.bytes.",
    {
      synonyms: ["log.local.retention.bytes"],
      note: TIERED,
    },
  ),
  config(
    "local.retention.ms",
    "LONG =-2 >=-2",
    "How long a tiered topic keeps data on the broker's disk; -2 is retention.ms.",
    {
      synonyms: ["log.local.retention.ms"],
      note: TIERED,
    },
  ),
  config(
    "max.compaction.lag.ms",
    `LONG =${LONGEST} >=1`,
    "The age of a record at which its log is compacted, however little there is to do.",
    {
      synonyms: ["log.cleaner.max.compaction.lag.ms"],
      honoured: true,
      note: "The active segment is sealed at that age, too.",
    },
  ),
  config(
    "max.message.bytes",
    "INT =1048588 >=0",
    "The largest record batch that is taken, as it comes over the wire.",
    {
      synonyms: ["message.max.bytes"],
      honoured: true,
    },
  ),
  config(
    "message.timestamp.after.max.ms",
    "LONG =3600000 >=0",
    "How far a record's timestamp may be ahead of the broker's clock.",
    {
      synonyms: ["log.message.timestamp.after.max.ms"],
      honoured: true,
    },
  ),
  config(
    "message.timestamp.before.max.ms",
    `LONG =${LONGEST} >=0`,
    "How far a record's timestamp may be behind the broker's clock.",
    {
      synonyms: ["log.message.timestamp.before.max.ms"],
      honoured: true,
    },
  ),
  config(
    "message.timestamp.type",
    "STRING =CreateTime in CreateTime,LogAppendTime",
    "Whose clock a record's timestamp is from: the producer's or the broker's.",
    {
      synonyms: ["log.message.timestamp.type"],
      honoured: true,
    },
  ),
  config(
    "min.cleanable.dirty.ratio",
    "DOUBLE =0.5 >=0 <=1",
    "A log is compacted when more than this part of it is uncompacted.",
    {
      synonyms: ["log.cleaner.min.cleanable.ratio"],
      honoured: true,
      note: "The active segment does not count; with 1 only max.compaction.lag.ms has it compacted.",
    },
  ),
  config("min.compaction.lag.ms", "LONG =0 >=0", "How long a record stays uncompacted at least.", {
    synonyms: ["log.cleaner.min.compaction.lag.ms"],
    honoured: true,
    note: "The newest record of its segment decides.",
  }),
  config("min.insync.replicas", "INT =1 >=1", "How many replicas must be in sync for acks=all to be taken.", {
    synonyms: ["min.insync.replicas"],
    honoured: true,
    note: "A default that brokers are started with must be the same on every node.",
  }),
  config("preallocate", "BOOLEAN =false", "Whether a new segment's file gets its full size at once.", {
    synonyms: ["log.preallocate"],
  }),
  config("remote.log.copy.disable", "BOOLEAN =false", "Whether a tiered topic stops copying to remote storage.", {
    note: TIERED,
  }),
  config("remote.log.delete.on.disable", "BOOLEAN =false", "Whether remote data goes when tiering is switched off.", {
    note: TIERED,
  }),
  config("remote.storage.enable", "BOOLEAN =false", "Whether old segments move to remote storage.", { note: TIERED }),
  config(
    "retention.bytes",
    "LONG =-1",
    "The size above which a partition's oldest segments are deleted; -1 is no limit.",
    {
      synonyms: ["log.retention.bytes"],
      honoured: true,
    },
  ),
  config("retention.ms", "LONG =604800000 >=-1", "The age above which segments are deleted; -1 is no limit.", {
    synonyms: ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    honoured: true,
  }),
  config("segment.bytes", "INT =1073741824 >=14", "The size at which a new segment is begun.", {
    synonyms: ["log.segment.bytes"],
    honoured: true,
    note: "Kafka demands at least 1 MiB since 4.1; Samsa leaves smaller segments to those who test.",
  }),
  config(
    "segment.index.bytes",
    "INT =10485760 >=4",
    "The largest size of an index file; a full index begins a new segment.",
    {
      synonyms: ["log.index.size.max.bytes"],
      honoured: true,
    },
  ),
  config("segment.jitter.ms", "LONG =0 >=0", "By how much at most, at random, segment.ms is shortened.", {
    synonyms: ["log.roll.jitter.ms", "log.roll.jitter.hours"],
    honoured: true,
  }),
  config("segment.ms", "LONG =604800000 >=1", "The age at which a new segment is begun.", {
    synonyms: ["log.roll.ms", "log.roll.hours"],
    honoured: true,
  }),
  config(
    "unclean.leader.election.enable",
    "BOOLEAN =false",
    "Whether a replica that is not in sync may lead when no other is left, losing records.",
    {
      synonyms: ["unclean.leader.election.enable"],
      honoured: true,
    },
  ),
);

function throttledReplicas(value: string): string | null {
  const fine = value === "*" || listElements(value).every((element) => /^\d+:\d+$/.test(element));
  return fine ? null : "*, or a list of partition:broker pairs like 0:1,1:2";
}
