/**
 * The agent for our own consumer, as a program elsewhere uses it: over TCP, by `connect`. It writes and administers nothing.
 *
 * @module
 */
import {
  connect,
  ConsumerError,
  type ConsumerOptions,
  type ConsumerRecord,
  type TopicPartition,
} from "../../../mod.ts";
import { errorCode, type ErrorName, ERRORS } from "../../../protocol/errors.ts";
import { pollOn } from "../../helpers/poll_on.ts";
import {
  type Command,
  type Handler,
  leave,
  type MemberEvent,
  serve,
  type Start,
  toText,
  untilLeaving,
  type WireRecord,
} from "./agent.ts";

const client = connect(Deno.args[0]!);
/** Reads from the beginning, what was committed only, and notices soon what happens. */
const base: ConsumerOptions = {
  clientId: "samsa",
  autoOffsetReset: "earliest",
  isolationLevel: "read_committed",
  enableAutoCommit: false,
  fetchMaxWaitMs: 200,
  allowAutoCreateTopics: false,
};

function incoming({ partition: p, offset, timestamp: t, key, value, headers }: ConsumerRecord): WireRecord {
  return {
    ...{ p, o: Number(offset), t, k: toText(key), v: toText(value) },
    h: headers.map(([name, bytes]) => [name, toText(bytes)]),
  };
}

type Reader = ReturnType<typeof client.consumer>;

async function read(consumer: Reader, { count, waitMs }: Command): Promise<{ records: WireRecord[] }> {
  const records: WireRecord[] = [];
  const end = performance.now() + waitMs;
  while (records.length < count && performance.now() < end) {
    records.push(...(await pollOn(consumer, { timeoutMs: 200, maxRecords: count - records.length })).map(incoming));
  }
  return { records };
}

function seekTo(consumer: Reader, at: TopicPartition, from: Start): Promise<void> {
  if (from.kind === "offset") return consumer.seek(at, BigInt(from.value));
  return consumer.seek(at, from.kind === "time" ? { timestamp: from.value } : from.kind);
}

async function consume(command: Command): Promise<unknown> {
  const at = { topic: command.topic, partition: command.partition };
  await using consumer = client.consumer({ ...base, partitions: [at] });
  await seekTo(consumer, at, command.from);
  return await read(consumer, command);
}

async function group(command: Command): Promise<unknown> {
  const { topic, group: groupId } = command;
  await using consumer = client.consumer({ ...base, groupId, topics: [topic], heartbeatIntervalMs: 500 });
  const result = await read(consumer, command);
  await consumer.commit();
  await consumer.committed([{ topic, partition: 0 }]);
  return result;
}

async function member(command: Command, progress: (event: MemberEvent) => void): Promise<unknown> {
  const { topic, group: groupId, protocol, instance, strategy, sessionMs } = command;
  const leaving = untilLeaving(command);
  let isLeaving = false;
  leaving.then(() => isLeaving = true);
  const owned = new Set<number>();
  const drop = (partitions: readonly TopicPartition[]) => {
    for (const { partition } of partitions) owned.delete(partition);
    progress({ assigned: [...owned] });
  };
  await using consumer = client.consumer({
    ...{ ...base, groupId, topics: [topic], groupProtocol: protocol },
    ...(instance === undefined ? {} : { groupInstanceId: instance }),
    ...(protocol === "consumer" ? {} : { sessionTimeoutMs: sessionMs, heartbeatIntervalMs: 300 }),
    ...(strategy === undefined ? {} : { partitionAssignors: [strategy] }),
    assigned(partitions) {
      for (const { partition } of partitions) owned.add(partition);
      progress({ assigned: [...owned] });
    },
    revoked: drop,
    lost: drop,
  });
  while (!isLeaving) {
    for (const { partition, offset } of await pollOn(consumer, { timeoutMs: 50, maxRecords: 1 })) {
      progress({ read: [partition, Number(offset)] });
      try {
        await consumer.commit([{ topic, partition, offset: offset + 1n }]);
        progress({ committed: [partition, Number(offset) + 1] });
      } catch (error) {
        // While the group rebalances: whoever has the partition then reads the record again.
        if (!(error instanceof ConsumerError)) throw error;
      }
    }
  }
  return {};
}

function codeOf(error: unknown): number {
  if (!(error instanceof ConsumerError) || !(error.code in ERRORS)) return -1;
  return errorCode(error.code as ErrorName);
}

const handlers: Record<string, Handler> = { consume, group, member, leave };
await serve(handlers, codeOf);
