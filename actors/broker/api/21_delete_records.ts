/**
 * DeleteRecords (key 21), versions 0–2: moves the start of partitions' logs forward, so that what is before it is gone (KIP-107).
 *
 * Offset -1 means the high watermark. An offset above the high watermark is OFFSET_OUT_OF_RANGE. Records of internal topics
 * cannot be deleted (INVALID_TOPIC_EXCEPTION), nor those of a topic that is only compacted (POLICY_VIOLATION): there, a
 * record goes when a newer one has its key.
 *
 * @module
 */
import { listOf, resolveTopicConfig } from "../../../protocol/configs/resolve.ts";
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { deleteRecords as table } from "../../../protocol/tables/produce_fetch.ts";
import { INTERNAL_TOPICS } from "../../../protocol/topic_names.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import { patienceMs, replicaFailure } from "../asking.ts";
import { layersOf } from "../broker_configs.ts";
import { gather, handler } from "../handler.ts";
import { toOffset } from "../offsets.ts";
import type { BrokerView } from "../protocol.ts";
import { findTopic, ledPartition } from "../view.ts";

type PartitionResponse = ResponseInput<typeof table>["topics"][number]["partitions"][number];

/** Serves DeleteRecords. */
export const deleteRecords = handler(table, 0, 2, (request, exchange) => {
  const { view } = exchange;
  const questions = request.topics.flatMap(({ name, partitions }) => {
    const topic = findTopic(view, name, ZERO_UUID);
    const refused = topic === undefined ? undefined : refusalOf(view, name);
    return partitions.map(({ partitionIndex, offset }) => (then: (response: PartitionResponse) => void) => {
      const led = ledPartition(view, topic, partitionIndex);
      if (refused !== undefined) return then(response(partitionIndex, refused, -1));
      if (led.error !== "NONE") return then(response(partitionIndex, led.error, -1));
      if (offset < -1n) return then(response(partitionIndex, "OFFSET_OUT_OF_RANGE", -1));
      exchange.ask(led.replica, "deleteRecords", { beforeOffset: toOffset(offset) }, (answer) => {
        if (!answer.ok) return then(response(partitionIndex, replicaFailure(answer.failure), -1));
        const { error, lowWatermark } = answer.value;
        then(response(partitionIndex, error, error === "NONE" ? lowWatermark : -1));
      }, patienceMs(request.timeoutMs));
    });
  });
  gather(questions, (responses) => {
    let next = 0;
    exchange.reply({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(() => responses[next++]!),
      })),
    });
  });
});

function refusalOf(view: BrokerView, topic: string): ErrorName | undefined {
  if (INTERNAL_TOPICS.has(topic)) return "INVALID_TOPIC_EXCEPTION";
  const policy = listOf(resolveTopicConfig("cleanup.policy", layersOf(view, topic)));
  return policy.includes("compact") && !policy.includes("delete") ? "POLICY_VIOLATION" : undefined;
}

function response(partitionIndex: number, error: ErrorName, lowWatermark: number): PartitionResponse {
  return { partitionIndex, lowWatermark: BigInt(lowWatermark), errorCode: errorCode(error) };
}
