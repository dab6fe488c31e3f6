/**
 * The kafkajs agent: its records are written and read here, the rest is in `kafkajs_admin.ts` and `kafkajs_groups.ts`. kafkajs has no
 * reader without a consumer group, so group-free reading goes through the cluster object that its consumer is built on: same
 * connections, same encoders and decoders.
 *
 * Invariant: what is told of a record is what kafkajs says of it, and an error is Kafka's error that it was made of.
 *
 * @module
 */
import { type Command, serve, type WireRecord } from "./agent.ts";
import { admin, startOffset } from "./kafkajs_admin.ts";
import { CODECS, type FetchedMessage, impatient, incoming, kafka, outgoing } from "./kafkajs_client.ts";
import { groups } from "./kafkajs_groups.ts";

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

await serve({ ...admin, ...groups, produce, stream, consume, transaction }, codeOf);
