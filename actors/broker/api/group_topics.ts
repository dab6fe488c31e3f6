/**
 * Requests about a group's offsets that name partitions: those that do not exist never reach the group.
 *
 *     request ──knownPartitions──▶ group ──▶ its rows ──withUnknown──▶ a row for each partition of the request, in its order
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { BrokerView } from "../protocol.ts";

interface Topic<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}
interface Indexed {
  readonly partitionIndex: number;
}
type Row = Indexed & { readonly errorCode: number };
/** As a response has it: versions that name topics by id may leave the name out. */
interface Answered {
  readonly name?: string | undefined;
  readonly partitions: readonly Row[];
}

/** The request's topics with only those partitions that exist; a topic of which there are none is left out. */
export function knownPartitions<P extends Indexed, T extends Topic<P>>(
  { image }: BrokerView,
  topics: readonly (T & Topic<P>)[],
): T[] {
  return topics.flatMap((topic) => {
    const there = image.topics.get(topic.name)?.partitions;
    const partitions = topic.partitions.filter(({ partitionIndex }) => there?.[partitionIndex] !== undefined);
    return partitions.length === 0 ? [] : [{ ...topic, partitions }];
  });
}

/** A row for each partition of the request: the group's where it has one, else UNKNOWN_TOPIC_OR_PARTITION. */
export function withUnknown(
  topics: readonly Topic<Indexed>[],
  answered: readonly Answered[],
): { readonly name: string; readonly partitions: Row[] }[] {
  const rows = new Map<string, Row>();
  for (const { name, partitions } of answered) {
    for (const row of partitions) rows.set(`${row.partitionIndex} ${name}`, row);
  }
  const unknown = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) =>
      rows.get(`${partitionIndex} ${name}`) ?? { partitionIndex, errorCode: unknown }
    ),
  }));
}
