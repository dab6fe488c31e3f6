/**
 * DescribeLogDirs (key 35), versions 1–5: how much of each partition lies in this broker's data folder (KIP-113).
 *
 * Null topics mean all. Partitions that this broker does not hold, or whose replica gives no answer, are left out. The
 * sizes of the disk (v4) are -1, not known; the folder is never cordoned (v5).
 *
 * @module
 */
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { describeLogDirs as table } from "../../../protocol/tables/cluster.ts";
import type { Answer } from "../../actor.ts";
import type { ReplicaDescription } from "../../partition/protocol.ts";
import { gather, handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";
import { replicaRef } from "../view.ts";

type Partition = ResponseInput<typeof table>["results"][number]["topics"][number]["partitions"][number];

/** Serves DescribeLogDirs. */
export const describeLogDirs = handler(table, 1, 5, (request, exchange) => {
  const { view } = exchange;
  const wanted = wantedPartitions(request, view);
  const questions = wanted.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => (then: (answer: Answer<ReplicaDescription>) => void) =>
      exchange.ask(replicaRef(view, topic, partition), "describe", undefined, then)
    )
  );
  gather(questions, (answers) => {
    let next = 0;
    const topics = wanted.map(({ topic, partitions }) => ({
      name: topic,
      partitions: partitions.flatMap((index) => sizeOf(index, answers[next++]!)),
    }));
    const result = {
      errorCode: 0,
      logDir: view.logDir,
      topics: topics.filter(({ partitions }) => partitions.length > 0),
    };
    exchange.reply({ errorCode: 0, results: [result] });
  });
});

function wantedPartitions(
  { topics }: Request<typeof table>,
  { image, brokerId }: BrokerView,
): { readonly topic: string; readonly partitions: readonly number[] }[] {
  const held = (topic: string) =>
    (image.topics.get(topic)?.partitions ?? []).filter(({ replicas }) => replicas.includes(brokerId))
      .map(({ partition }) => partition);
  if (topics === null) return [...image.topics.keys()].map((topic) => ({ topic, partitions: held(topic) }));
  const asked = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) {
    const indexes = asked.get(topic) ?? new Set();
    for (const index of partitions) indexes.add(index);
    asked.set(topic, indexes);
  }
  return [...asked].map(([topic, indexes]) => ({
    topic,
    partitions: held(topic).filter((index) => indexes.has(index)),
  }));
}

function sizeOf(partitionIndex: number, answer: Answer<ReplicaDescription>): Partition[] {
  if (!answer.ok) return [];
  const { sizeInBytes, highWatermark, endOffset } = answer.value;
  const offsetLag = BigInt(Math.max(0, highWatermark - endOffset));
  return [{ partitionIndex, partitionSize: BigInt(Math.max(0, sizeInBytes)), offsetLag, isFutureKey: false }];
}
