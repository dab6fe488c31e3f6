/**
 * What the metadata of many partitions takes: memory, snapshots, replaying, and one change more.
 *
 * @module
 */
import { emptyImage, type MetadataImage, type MetadataRecord, replay } from "../../../actors/controller/protocol.ts";
import { Controller } from "../../../actors/controller/state.ts";
import { decodeMetadata, encodeMetadataBatch } from "../../../actors/quorum/log.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../actors/quorum/snapshots.ts";
import { imageOfSize, LARGE, recordsOf, type Size, topicName } from "./image.ts";
import { heapBytes, line, megabytes, millis, timed } from "./ledger.ts";

const ONE_EACH: Size = { ...LARGE, topics: 100_000, partitionsPerTopic: 1 };
const ONE_TOPIC: Size = { ...LARGE, topics: 1, partitionsPerTopic: 100_000 };
/** Records of one batch when partitions are created, a topic at a time. */
const BATCH_RECORDS = LARGE.partitionsPerTopic + 1;

/** Prints it all. */
export function measureMetadata(): void {
  for (const [name, size] of [["1 000 topics", LARGE], ["100 000 topics", ONE_EACH], ["1 topic", ONE_TOPIC]] as const) {
    measureSize(name, size);
  }
}

function measureSize(name: string, size: Size): void {
  const emptyHeap = heapBytes();
  const image = imageOfSize(size);
  line(`${name}: the image in memory`, megabytes(heapBytes() - emptyHeap));
  const { value: { bytes, count }, ms: writeMs } = timed(() => encodeSnapshot(image, 1, 0));
  line(`${name}: snapshot, records`, megabytes(bytes.length), count);
  line(`${name}: snapshot to bytes, from bytes to an image`, millis(writeMs), millis(readMs(image, bytes)));
  line(`${name}: the log from its beginning to an image`, millis(logMs(size)));
  line(`${name}: a new controller takes over`, millis(timed(() => new Controller(image, {})).ms));
  const changes = Array.from({ length: 20 }, (_, number) => changeOf(image, number));
  const { ms } = timed(() => changes.reduce((image, change) => replay(image, [change]), image));
  line(`${name}: one ISR change, in each of a node's two images`, millis(ms / changes.length));
}

function readMs(image: MetadataImage, bytes: Uint8Array): number {
  return timed(() => decodeSnapshot(bytes, image.offset)).ms;
}

/** Replays the history: as a follower does that has it all, in one go. */
function logMs(size: Size): number {
  const records = recordsOf(size);
  const batches: Uint8Array[] = [];
  for (let from = 0; from < records.length; from += BATCH_RECORDS) {
    const some = records.slice(from, from + BATCH_RECORDS);
    batches.push(encodeMetadataBatch(some, { baseOffset: from, epoch: 1, nowMs: 0 }));
  }
  return timed(() => replay(emptyImage(), batches.flatMap((batch) => decodeMetadata(batch)))).ms;
}

function changeOf({ topics }: MetadataImage, number: number): MetadataRecord {
  const { topicId, partitions } = topics.get(topicName(number % topics.size))!;
  const { partition, isr } = partitions[0]!;
  return { type: "PartitionChange", topicId, partition, isr: isr.slice(0, 2) };
}
