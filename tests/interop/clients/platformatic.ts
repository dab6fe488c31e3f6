/**
 * The agent for `@platformatic/kafka`. Group-free reading uses the consumer's public `fetch`.
 *
 * @module
 */
import {
  Admin,
  compatibilityPartitioner,
  type CompressionAlgorithmValue,
  Consumer,
  ListOffsetTimestamps,
  type MessageToProduce,
  type Partitioner,
  Producer,
  type ProducerOptions,
} from "npm:@platformatic/kafka@2.12.1";
import { Buffer } from "node:buffer";
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

const base = {
  clientId: "platformatic",
  bootstrapBrokers: Deno.args[0]!.split(","),
  retries: 3,
  retryDelay: 50,
  // As long as it may take on a busy machine.
  connectTimeout: 30_000,
};
const patient = { ...base, retries: 300, retryDelay: 100 };
type Options = Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>>;

function outgoing(topic: string, record: WireRecord): MessageToProduce {
  const headers = new Map(record.h.map(([name, value]) => [Buffer.from(name), toBuffer(value)!]));
  const [key, value] = [toBuffer(record.k), toBuffer(record.v)];
  return {
    topic,
    headers,
    // Null and missing are the same to the client; its types only know missing.
    ...(key === null ? {} : { key }),
    ...(value === null ? {} : { value }),
    ...(record.p === undefined ? {} : { partition: record.p }),
    ...(record.t === undefined ? {} : { timestamp: BigInt(record.t) }),
  };
}

async function produce(command: Command): Promise<unknown> {
  const options: Options = {
    acks: command.acks,
    idempotent: command.idempotent,
    compression: command.codec as CompressionAlgorithmValue,
    autocreateTopics: command.auto,
    // Its default hashes as Java does, but makes the hash positive in another way.
    partitioner: compatibilityPartitioner,
  };
  const producer = new Producer({ ...base, ...options });
  try {
    const messages = command.records.map((r) => outgoing(command.topic, r));
    // What the producer was made with is not asked when it is not idempotent: every send waits for the leader only, unless told.
    const { offsets } = await producer.send({ messages, acks: command.acks });
    return { offsets: (offsets ?? []).map((at) => ({ p: at.partition, o: Number(at.offset) })) };
  } finally {
    await producer.close();
  }
}

async function stream(command: Command, progress: (n: number) => void): Promise<unknown> {
  const first: Partitioner<Buffer, Buffer, Buffer, Buffer> = () => 0;
  const producer = new Producer({ ...patient, acks: -1, idempotent: command.idempotent, partitioner: first });
  const acked: [string, number][] = [];
  for (let n = 0; n < command.count; n++) {
    const value = `${command.topic}-${n}`;
    const { offsets } = await producer.send({
      messages: [outgoing(command.topic, { k: null, v: btoa(value), h: [] })],
      acks: -1,
    });
    acked.push([value, Number(offsets![0]!.offset)]);
    progress(n);
    await new Promise((resolve) => setTimeout(resolve, command.gapMs));
  }
  await producer.close();
  return { acked };
}

function reader(): Consumer {
  return new Consumer({ ...patient, groupId: "never-joined", maxWaitTime: 200, minBytes: 1 });
}

async function startOffset(consumer: Consumer, command: Command, from: Start): Promise<bigint> {
  if (from.kind === "offset") return BigInt(from.value);
  const timestamp = from.kind === "beginning"
    ? ListOffsetTimestamps.EARLIEST
    : from.kind === "end"
    ? ListOffsetTimestamps.LATEST
    : BigInt(from.value);
  const partitions = { [command.topic]: [command.partition] };
  const found = await consumer.listOffsets({ topics: [command.topic], partitions, timestamp });
  return found.get(command.topic)![command.partition]!;
}

async function consume(command: Command): Promise<unknown> {
  const consumer = reader();
  const records: WireRecord[] = [];
  const deadline = Date.now() + command.waitMs;
  try {
    let offset = await startOffset(consumer, command, command.from);
    const metadata = await consumer.metadata({ topics: [command.topic] });
    const topic = metadata.topics.get(command.topic)!;
    consumer.topics.trackAll(command.topic);
    while (records.length < command.count && Date.now() < deadline) {
      const partition = {
        partition: command.partition,
        currentLeaderEpoch: -1,
        fetchOffset: offset,
        lastFetchedEpoch: -1,
        partitionMaxBytes: 4_194_304,
      };
      const topics = [{ topicId: topic.id, partitions: [partition] }];
      const answer = await consumer.fetch({ node: topic.partitions[command.partition]!.leader, topics });
      for (const batch of answer.responses[0]?.partitions[0]?.records ?? []) {
        for (const record of batch.records) {
          const at = batch.firstOffset + BigInt(record.offsetDelta);
          if (at < offset) continue;
          offset = at + 1n;
          if ((batch.attributes & 0b100000) !== 0) continue;
          records.push({
            p: command.partition,
            o: Number(at),
            t: Number(batch.firstTimestamp + record.timestampDelta),
            k: toText(record.key),
            v: toText(record.value),
            h: record.headers.map(([name, value]) => [new TextDecoder().decode(name!), toText(value)]),
          });
        }
      }
    }
    return { records };
  } finally {
    await consumer.close(true);
  }
}

async function group(command: Command): Promise<unknown> {
  const settings = { groupId: command.group, sessionTimeout: 10_000, heartbeatInterval: 500, autocommit: false };
  const consumer = new Consumer({ ...patient, ...settings });
  const records: WireRecord[] = [];
  const messages = await consumer.consume({
    topics: [command.topic],
    mode: "committed",
    fallbackMode: "earliest",
    maxWaitTime: 200,
  });
  const limit = setTimeout(() => messages.destroy(), command.waitMs);
  for await (const message of messages) {
    const h = message.headerEntries.map(([name, value]) => [new TextDecoder().decode(name), toText(value)] as const);
    const [p, o, t] = [message.partition, Number(message.offset), Number(message.timestamp)];
    records.push({ p, o, t, k: toText(message.key), v: toText(message.value), h });
    await message.commit();
    if (records.length === command.count) break;
  }
  clearTimeout(limit);
  await consumer.listCommittedOffsets({ topics: [{ topic: command.topic, partitions: [0] }] });
  await consumer.close(true);
  return { records };
}

async function member(command: Command, progress: (event: MemberEvent) => void): Promise<unknown> {
  const { topic, group: groupId, sessionMs: sessionTimeout } = command;
  const timing = { sessionTimeout, rebalanceTimeout: Math.max(60_000, sessionTimeout), heartbeatInterval: 300 };
  const instance = command.instance === undefined ? {} : { groupInstanceId: command.instance };
  const protocol = command.protocol === "consumer" ? { groupProtocol: "consumer" as const } : timing;
  const consumer = new Consumer({ ...patient, ...protocol, ...instance, groupId, autocommit: false, maxWaitTime: 200 });
  let known = "";
  const look = setInterval(() => {
    const assigned = (consumer.assignments ?? []).flatMap(({ partitions }) => partitions).sort((a, b) => a - b);
    if (JSON.stringify(assigned) !== known) progress({ assigned });
    known = JSON.stringify(assigned);
  }, 50);
  const messages = await consumer.consume({ topics: [topic], mode: "committed", fallbackMode: "earliest" });
  const read = async () => {
    for await (const message of messages) {
      const next = Number(message.offset) + 1;
      progress({ read: [message.partition, next - 1] });
      await Promise.resolve(message.commit()).then(() => progress({ committed: [message.partition, next] }), () => {});
    }
  };
  const reading = read();
  await Promise.race([untilLeaving(command), reading]);
  clearInterval(look);
  await consumer.close(true);
  await reading.catch(() => {});
  return {};
}

const groups: Record<string, Handler> = {
  listGroups: () =>
    withAdmin(async (admin) => ({
      // Unless told, it asks for classic ones only.
      groups: [...(await admin.listGroups({ types: ["classic", "consumer"] })).keys()],
    })),
  describeGroup: (c) =>
    withAdmin(async (admin) => {
      const found = (await admin.describeGroups({ groups: [c.group] })).get(c.group)!;
      return { state: found.state, members: found.members.size };
    }),
  committed: (c) =>
    withAdmin(async (admin) => {
      const [found] = await admin.listConsumerGroupOffsets({ groups: [c.group] });
      const partitions = found!.topics.find(({ name }) => name === c.topic)?.partitions ?? [];
      return { offsets: partitions.map((each) => [each.partitionIndex, Number(each.committedOffset)]) };
    }),
  deleteGroup: (c) => withAdmin((admin) => admin.deleteGroups({ groups: [c.group] })),
};

async function transaction(command: Command): Promise<unknown> {
  const settings = { idempotent: true, transactionalId: command.transactionalId };
  const producer = new Producer({ ...patient, ...settings });
  const open = await producer.beginTransaction();
  await open.send({ messages: command.records.map((record) => outgoing(command.topic, record)) });
  await (command.commit ? open.commit() : open.abort());
  await producer.close();
  return {};
}

async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin(base);
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}

const TOPIC = 2;
const SET = 0;
const admin: Record<string, Handler> = {
  createTopic: (c) =>
    withAdmin((admin) => {
      const configs = Object.entries(c.configs).map(([name, value]) => ({ name, value }));
      return admin.createTopics({ topics: [c.topic], partitions: c.partitions, replicas: -1, configs });
    }).then(() => undefined),
  listTopics: () => withAdmin(async (admin) => ({ topics: await admin.listTopics() })),
  describeTopic: (c) =>
    withAdmin(async (admin) => {
      const metadata = await admin.metadata({ topics: [c.topic], autocreateTopics: false, forceUpdate: true });
      const topic = metadata.topics.get(c.topic)!;
      return { partitions: topic.partitionsCount, leaders: topic.partitions.map((p) => p.leader) };
    }),
  describeConfigs: (c) =>
    withAdmin(async (admin) => {
      const resources = [{ resourceType: TOPIC, resourceName: c.topic, configurationKeys: null }] as never;
      const [found] = await admin.describeConfigs({ resources, includeSynonyms: true });
      return { configs: Object.fromEntries(found!.configs.map((entry) => [entry.name, entry.value])) };
    }),
  alterConfigs: (c) =>
    withAdmin((admin) => {
      const configs = Object.entries(c.set).map(([name, value]) => ({ name, value, configOperation: SET }));
      return admin.incrementalAlterConfigs({
        resources: [{ resourceType: TOPIC, resourceName: c.topic, configs }] as never,
      });
    }),
  createPartitions: (c) =>
    withAdmin((admin) =>
      admin.createPartitions({ topics: [{ name: c.topic, count: c.partitions, assignments: null }] as never })
    ),
  deleteRecords: (c) =>
    withAdmin(async (admin) => {
      const partitions = [{ partition: c.partition, offset: BigInt(c.before) }];
      await admin.deleteRecords({ topics: [{ name: c.topic, partitions }] });
    }),
  deleteTopic: (c) => withAdmin((admin) => admin.deleteTopics({ topics: [c.topic] })),
  describeCluster: () =>
    withAdmin(async (admin) => {
      const { brokers, controllerId, id } = await admin.metadata({ topics: [], forceUpdate: true });
      const known = [...brokers].map(([id, broker]) => ({ id, host: broker.host, port: broker.port }));
      return { brokers: known, controller: controllerId, clusterId: id };
    }),
  listOffsets: async (c) => {
    const consumer = reader();
    const kind = c.at === "earliest" ? "beginning" : c.at === "latest" ? "end" : "time";
    const from = (kind === "time" ? { kind, value: c.at } : { kind }) as Start;
    try {
      return { offset: Number(await startOffset(consumer, c, from)) };
    } finally {
      await consumer.close(true);
    }
  },
  logDirs: (c) =>
    withAdmin(async (admin) => {
      const [found] = await admin.describeLogDirs({ topics: [{ name: c.topic, partitions: [0] }] });
      const partitions = found!.results.flatMap((dir) => dir.topics).flatMap((topic) => topic.partitions);
      return { bytes: partitions.reduce((sum, p) => sum + Number(p.partitionSize), 0) };
    }),
};

function codeOf(error: unknown): number {
  const inner = error as { apiCode?: unknown; errors?: unknown[]; cause?: unknown };
  if (typeof inner?.apiCode === "number") return inner.apiCode;
  for (const deeper of [...(inner?.errors ?? []), inner?.cause]) {
    if (deeper === undefined || deeper === null) continue;
    const code = codeOf(deeper);
    if (code !== -1) return code;
  }
  return -1;
}

await serve({ ...admin, ...groups, produce, stream, consume, group, member, leave, transaction }, codeOf);
