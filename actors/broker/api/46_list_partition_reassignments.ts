/**
 * ListPartitionReassignments (key 46), version 0: the moves that have begun and not ended (KIP-455).
 *
 * Null topics mean all of them. What is not being moved, or is not there, is left out.
 *
 * @module
 */
import type { Request } from "../../../protocol/schema.ts";
import { listPartitionReassignments as table } from "../../../protocol/tables/topics.ts";
import type { PartitionImage } from "../../controller/protocol.ts";
import { handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";

/** Serves ListPartitionReassignments. */
export const listPartitionReassignments = handler(table, 0, 0, ({ topics }, exchange) => {
  const moving = wantedPartitions(topics, exchange.view).map(({ name, partitions }) => ({
    name,
    partitions: partitions.filter(isMoving).map(({ partition, replicas, adding, removing }) => ({
      partitionIndex: partition,
      replicas,
      addingReplicas: adding,
      removingReplicas: removing,
    })),
  }));
  exchange.reply({
    errorCode: 0,
    errorMessage: null,
    topics: moving.filter(({ partitions }) => partitions.length > 0),
  });
});

function wantedPartitions(
  topics: Request<typeof table>["topics"],
  { image }: BrokerView,
): { readonly name: string; readonly partitions: readonly PartitionImage[] }[] {
  if (topics === null) return [...image.topics.values()];
  const asked = new Map<string, Set<number>>(); // each partition once, however often it is named
  for (const { name, partitionIndexes } of topics) {
    asked.set(name, new Set([...asked.get(name) ?? [], ...partitionIndexes]));
  }
  return [...asked].map(([name, indexes]) => (
    { name, partitions: [...indexes].flatMap((index) => image.topics.get(name)?.partitions[index] ?? []) }
  ));
}

function isMoving({ adding, removing }: PartitionImage): boolean {
  return adding.length > 0 || removing.length > 0;
}
