/**
 * The kafkajs agent. kafkajs has no reader without a consumer group, so group-free reading goes through the cluster object
 * that its consumer is built on: same connections, same encoders and decoders.
 *
 * @module
 */
import kafkajs from "npm:kafkajs@2.2.4";
import { lz4Compress, lz4Decompress } from "npm:@platformatic/wasm-utils@0.2.1";
import { Buffer } from "node:buffer";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import SnappyCodec from "npm:kafkajs-snappy@1.1.0";
import {
  type Command,
  type Handler,
  leave,
  type MemberEvent,
  serve,
  type Start,
  toBuffer,
  toText,
  untilLeaving,
  type WireRecord,
} from "./agent.ts";

const { AssignerProtocol, CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs;

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder: { buffer: Buffer }) => Promise.resolve(lz4Compress(encoder.buffer)),
  decompress: (bytes: Buffer) => Promise.resolve(lz4Decompress(bytes)),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { buffer: Uint8Array }) => Promise.resolve(zstdCompressSync(encoder.buffer)),
  decompress: (bytes: Uint8Array) => Promise.resolve(zstdDecompressSync(bytes)),
});

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const kafka = new Kafka({
  clientId: "kafkajs",
  brokers: Deno.args[0]!.split(","),
  // As long as it may take on a busy machine; it gives up after 1 s and 30 s, and what comes back late confuses it.
  connectionTimeout: 10_000,
  requestTimeout: 120_000,
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 },
});
/** For what must fail: kafkajs retries an oversized batch, for instance, as often as it is told to. */
const impatient = new Kafka({
  clientId: "kafkajs",
  brokers: Deno.args[0]!.split(","),
  connectionTimeout: 10_000,
  requestTimeout: 120_000,
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 100, retries: 3 },
});

/** As long as a member may take to come back when its group rebalances. */
const REBALANCE_MS = 60_000;

interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Record<string, Uint8Array | Uint8Array[] | null>;
  readonly isControlRecord?: boolean;
}

/** The part of kafkajs' inner cluster that reading needs. */
interface InnerCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  findBroker(node: { nodeId: string }): Promise<{
    fetch(request: unknown): Promise<{
      responses: { partitions: { errorCode: number; messages: FetchedMessage[] }[] }[];
    }>;
  }>;
}

function innerCluster(): InnerCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find((s) => s.description === "private:Kafka:createCluster")!;
  const create = (kafka as unknown as Record<symbol, (options: object) => InnerCluster>)[symbol]!;
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

function outgoing(record: WireRecord) {
  const headers: Record<string, Buffer[]> = {};
  for (const [name, value] of record.h) (headers[name] ??= []).push(toBuffer(value)!);
  return {
    key: toBuffer(record.k),
    value: toBuffer(record.v),
    headers,
    ...(record.p === undefined ? {} : { partition: record.p }),
    ...(record.t === undefined ? {} : { timestamp: String(record.t) }),
  };
}

function incoming(message: FetchedMessage, partition: number): WireRecord {
  const h: [string, string | null][] = [];
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) h.push([name, toText(each)]);
  }
  const [o, t] = [Number(message.offset), Number(message.timestamp)];
  return { p: partition, o, t, k: toText(message.key), v: toText(message.value), h };
}

async function produce(command: Command): Promise<unknown> {
  const producer = impatient.producer({
    idempotent: command.idempotent,
    allowAutoTopicCreation: command.auto,
    ...(command.idempotent ? { maxInFlightRequests: 1 } : {}),
  });
  await producer.connect();
  try {
    const results = await producer.send({
      topic: command.topic,
      acks: command.acks,
      compression: CODECS[command.codec],
      messages: command.records.map(outgoing),
    });
    return { offsets: (results ?? []).map((r) => ({ p: r.partition, o: Number(r.baseOffset ?? -1) })) };
  } finally {
    await producer.disconnect();
  }
}

async function stream(command: Command, progress: (n: number) => void): Promise<unknown> {
  const producer = kafka.producer({ idempotent: command.idempotent, maxInFlightRequests: 1 });
  await producer.connect();
  const acked: [string, number][] = [];
  for (let n = 0; n < command.count; n++) {
    const value = `${command.topic}-${n}`;
    const [result] = await producer.send({ topic: command.topic, acks: -1, messages: [{ value, partition: 0 }] });
    acked.push([value, Number(result!.baseOffset)]);
    progress(n);
    await new Promise((resolve) => setTimeout(resolve, command.gapMs));
  }
  await producer.disconnect();
  return { acked };
}

async function startOffset(command: Command, from: Start): Promise<number> {
  if (from.kind === "offset") return from.value;
  return await withAdmin(async (admin) => {
    if (from.kind === "time") {
      const found = await admin.fetchTopicOffsetsByTimestamp(command.topic, from.value);
      return Number(found.find((entry) => entry.partition === command.partition)!.offset);
    }
    const found = (await admin.fetchTopicOffsets(command.topic)).find((e) => e.partition === command.partition)!;
    return Number(from.kind === "beginning" ? found.low : found.high);
  });
}

async function consume(command: Command): Promise<unknown> {
  let offset = await startOffset(command, command.from);
  const cluster = innerCluster();
  await cluster.connect();
  await cluster.addTargetTopic(command.topic);
  const records: WireRecord[] = [];
  const deadline = Date.now() + command.waitMs;
  while (records.length < command.count && Date.now() < deadline) {
    try {
      const leaders = cluster.findLeaderForPartitions(command.topic, [command.partition]);
      const broker = await cluster.findBroker({ nodeId: Object.keys(leaders)[0]! });
      const answer = await broker.fetch({
        maxWaitTime: 200,
        minBytes: 1,
        maxBytes: 10_485_760,
        isolationLevel: 1,
        topics: [{
          topic: command.topic,
          partitions: [{ partition: command.partition, fetchOffset: String(offset), maxBytes: 4_194_304 }],
        }],
      });
      for (const message of answer.responses[0]?.partitions[0]?.messages ?? []) {
        if (Number(message.offset) < offset) continue;
        offset = Number(message.offset) + 1;
        if (message.isControlRecord !== true) records.push(incoming(message, command.partition));
      }
    } catch (error) {
      if (!(error as { retriable?: boolean }).retriable) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
      await cluster.refreshMetadata().catch(() => {});
    }
  }
  await cluster.disconnect();
  return { records };
}

async function withAdmin<T>(use: (admin: ReturnType<typeof kafka.admin>) => Promise<T>): Promise<T> {
  const admin = impatient.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function group(command: Command): Promise<unknown> {
  // It stops when its fetches have come back: after 5 s, unless told otherwise.
  const settings = { groupId: command.group, sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 };
  const consumer = kafka.consumer(settings);
  const records: WireRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [command.topic], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const limit = setTimeout(resolve, command.waitMs);
    consumer.run({
      eachMessage: ({ message, partition }) => {
        records.push(incoming(message as unknown as FetchedMessage, partition));
        if (records.length === command.count) {
          clearTimeout(limit);
          resolve();
        }
        return Promise.resolve();
      },
    }).catch(reject);
  });
  if (records.length > 0) {
    const last = records.at(-1)!;
    await consumer.commitOffsets([{ topic: command.topic, partition: last.p!, offset: String(last.o! + 1) }]);
  }
  await consumer.disconnect();
  await withAdmin((admin) => admin.fetchOffsets({ groupId: command.group, topics: [command.topic] }));
  return { records };
}

/** Its own round robin under the name that all other clients have for theirs: so it can share a group with them. */
const roundRobin: typeof kafkajs.PartitionAssigners.roundRobin = (ground) => {
  const name = "roundrobin";
  const userData = Buffer.alloc(0);
  return {
    ...kafkajs.PartitionAssigners.roundRobin(ground),
    name,
    protocol: ({ topics }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData }),
    }),
  };
};

async function member(command: Command, progress: (event: MemberEvent) => void): Promise<unknown> {
  const { topic, group: groupId, sessionMs: sessionTimeout } = command;
  const consumer = kafka.consumer({
    ...{ groupId, sessionTimeout, heartbeatInterval: 300, rebalanceTimeout: REBALANCE_MS, maxWaitTimeInMs: 200 },
    ...(command.strategy === undefined ? {} : { partitionAssigners: [roundRobin] }),
  });
  consumer.on(
    consumer.events.GROUP_JOIN,
    ({ payload }) => progress({ assigned: payload.memberAssignment[topic] ?? [] }),
  );
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const leaving = untilLeaving(command);
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message, partition }) => {
      const next = Number(message.offset) + 1;
      progress({ read: [partition, next - 1] });
      // While the group rebalances it is refused, and whoever has the partition then reads the record again.
      await consumer.commitOffsets([{ topic, partition, offset: String(next) }])
        .then(() => progress({ committed: [partition, next] }), () => {});
    },
  });
  await leaving;
  await consumer.disconnect();
  return {};
}

const groups: Record<string, Handler> = {
  listGroups: () => withAdmin(async (admin) => ({ groups: (await admin.listGroups()).groups.map((g) => g.groupId) })),
  describeGroup: (c) =>
    withAdmin(async (admin) => {
      const found = (await admin.describeGroups([c.group])).groups[0]!;
      return { state: found.state, members: found.members.length };
    }),
  committed: (c) =>
    withAdmin(async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: c.group, topics: [c.topic] });
      return { offsets: found!.partitions.map((p) => [p.partition, Number(p.offset)]).filter(([, o]) => o! >= 0) };
    }),
  deleteGroup: (c) => withAdmin((admin) => admin.deleteGroups([c.group]).then(() => {})),
};

async function transaction(command: Command): Promise<unknown> {
  const settings = { transactionalId: command.transactionalId, idempotent: true, maxInFlightRequests: 1 };
  const producer = kafka.producer(settings);
  await producer.connect();
  const open = await producer.transaction();
  await open.send({ topic: command.topic, messages: command.records.map(outgoing) });
  if (command.group !== undefined) {
    const topics = [{ topic: command.topic, partitions: [{ partition: 0, offset: "1" }] }];
    await open.sendOffsets({ consumerGroupId: command.group, topics });
  }
  await (command.commit ? open.commit() : open.abort());
  await producer.disconnect();
  return {};
}

const admin: Record<string, Handler> = {
  createTopic: (c) =>
    withAdmin(async (admin) => {
      const configEntries = Object.entries(c.configs).map(([name, value]) => ({ name, value }));
      const made = await admin.createTopics({
        topics: [{ topic: c.topic, numPartitions: c.partitions, configEntries }],
      });
      // kafkajs turns TOPIC_ALREADY_EXISTS into `false`.
      if (!made) throw { code: 36 };
    }),
  listTopics: () => withAdmin(async (admin) => ({ topics: await admin.listTopics() })),
  describeTopic: (c) =>
    withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [c.topic] });
      return { partitions: topics[0]!.partitions.length, leaders: topics[0]!.partitions.map((p) => p.leader) };
    }),
  describeConfigs: (c) =>
    withAdmin(async (admin) => {
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: c.topic }];
      const found = await admin.describeConfigs({ resources, includeSynonyms: true });
      const entries = found.resources[0]!.configEntries;
      return { configs: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])) };
    }),
  replaceConfigs: (c) =>
    withAdmin(async (admin) => {
      const configEntries = Object.entries(c.set).map(([name, value]) => ({ name, value }));
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: c.topic, configEntries }];
      await admin.alterConfigs({ validateOnly: false, resources });
    }),
  createPartitions: (c) =>
    withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic: c.topic, count: c.partitions }] })),
  deleteRecords: (c) =>
    withAdmin(async (admin) => {
      // It looks for leaders in metadata that nothing has asked for yet, unless some other call did before it.
      await admin.fetchTopicOffsets(c.topic);
      const partitions = [{ partition: c.partition, offset: String(c.before) }];
      await admin.deleteTopicRecords({ topic: c.topic, partitions });
    }),
  deleteTopic: (c) => withAdmin((admin) => admin.deleteTopics({ topics: [c.topic] })),
  describeCluster: () =>
    withAdmin(async (admin) => {
      const { brokers, controller, clusterId } = await admin.describeCluster();
      return { brokers: brokers.map((b) => ({ id: b.nodeId, host: b.host, port: b.port })), controller, clusterId };
    }),
  listOffsets: async (c) => {
    const kind = c.at === "earliest" ? "beginning" : c.at === "latest" ? "end" : "time";
    return { offset: await startOffset(c, (kind === "time" ? { kind, value: c.at } : { kind }) as Start) };
  },
};

function codeOf(error: unknown): number {
  const inner = error as {
    code?: unknown;
    cause?: unknown;
    errors?: unknown[];
    originalError?: unknown;
    groups?: { error: unknown }[];
  };
  if (typeof inner.code === "number") return inner.code;
  const deeper = inner.errors?.[0] ?? inner.groups?.[0]?.error ?? inner.originalError ?? inner.cause;
  return deeper === undefined || deeper === null ? -1 : codeOf(deeper);
}

await serve({ ...admin, ...groups, produce, stream, consume, group, member, leave, transaction }, codeOf);
